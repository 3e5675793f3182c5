"""What somebody who holds a synthetic table learns of real people.

Inference, linkability and singling out are the attacks of Giomi et al., "A unified framework for
quantifying privacy risk in synthetic data" (2023). Each returns hits (targets,), which are to be
compared with those on people whose data cannot be in the table.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthcare.nearest import Measured

_COLUMNS_OF_A_GUESS = 3  # that single somebody out
_TARGETS_AT_ONCE = 32  # in the processor's cache

Floats = NDArray[np.float64]


def inference(synthetic: Measured, targets: Measured) -> Floats:
    """The share of each target's values that are guessed, as the synthetic row has them.

    Of each value in turn all others are known; the row is the one that is most like the target in
    these.
    """
    found = np.zeros(targets.rows)
    for part, differs, gaps in _gaps(targets, synthetic):
        total = gaps.sum(axis=0)
        targets_of_part = np.arange(len(total))
        for own_differs, own_gaps in zip(differs, gaps, strict=True):
            alike = (total - own_gaps).argmin(axis=1)
            found[part] += ~own_differs[targets_of_part, alike]
    return found / max(1, synthetic.ruler.values)


def linkability(synthetic: Measured, targets: Measured) -> Floats:
    """Whether each half of a target's columns, every second one, leads to the same synthetic row.

    If so, what two files hold of a person can be put together.
    """
    found = np.zeros(targets.rows)
    for part, _, gaps in _gaps(targets, synthetic):
        alike = (gaps[half::2].sum(axis=0).argmin(axis=1) for half in (0, 1))
        found[part] = np.equal(*alike)
    return found


def singling_out(synthetic: Measured, targets: Measured) -> Floats:
    """Whether what three columns of a synthetic row say is true of one target only, (synthetic,).

    NaN where it is true of another synthetic row, too: then it is no guess about one person.
    Of numbers it is said that they are as large at least where they are above the median, and else
    that they are not larger. Names are not used: those that are known are counted by themselves.
    """
    random = np.random.default_rng(0)
    columns = [*synthetic.categories, *synthetic.numbers]
    medians = [np.median(values) for values in columns]
    found = np.full(synthetic.rows, np.nan)
    for row in range(synthetic.rows):
        places = random.permutation(len(columns))[:_COLUMNS_OF_A_GUESS]
        said = {place: (columns[place][row], medians[place]) for place in places}
        if _true_of(said, synthetic) == 1:
            found[row] = _true_of(said, targets) == 1
    return found


def _true_of(said: Mapping[int, tuple[Any, Any]], rows: Measured) -> int:
    """Of how many rows it is true what is said of columns: a value, beside the column's median."""
    columns = [*rows.categories, *rows.numbers]
    fits = np.ones(rows.rows, dtype=bool)
    for place, (value, median) in said.items():
        if place < len(rows.categories):
            fits &= columns[place] == value
        else:
            fits &= columns[place] >= value if value > median else columns[place] <= value
    return int(fits.sum())


def _gaps(targets: Measured, synthetic: Measured) -> Iterator[tuple[slice, NDArray, Floats]]:
    """Block by block of targets, for each column: whether values differ, and by how much."""
    for start in range(0, targets.rows, _TARGETS_AT_ONCE):
        part = slice(start, start + _TARGETS_AT_ONCE)
        differs, gaps = zip(*targets.part(part).gaps(synthetic), strict=True)
        yield part, np.stack(differs), np.stack([gap.astype(np.float32) for gap in gaps])
