"""What somebody who holds a synthetic table learns of real people.

Inference, linkability and singling out are the attacks of Giomi et al., "A unified framework for
quantifying privacy risk in synthetic data" (2023). Each returns hits (targets,), which are to be
compared with those on people whose data cannot be in the table.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from synthcare.nearest import Measured

_COLUMNS_OF_A_GUESS = 3  # that single somebody out
_TARGETS_AT_ONCE = 250  # in memory

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

    Of numbers it is said that they are as large at least where they are above the median, and else
    that they are not larger. Names are not used: those that are known are counted by themselves.
    """
    random = np.random.default_rng(0)
    columns = [*synthetic.categories, *synthetic.numbers]
    target_columns = [*targets.categories, *targets.numbers]
    medians = [np.median(values) for values in columns]
    found = np.zeros(synthetic.rows)
    for row in range(synthetic.rows):
        fits = np.ones(targets.rows, dtype=bool)
        for place in random.permutation(len(columns))[:_COLUMNS_OF_A_GUESS]:
            value, values = columns[place][row], target_columns[place]
            if place < len(synthetic.categories):
                fits &= values == value
            else:
                fits &= values >= value if value > medians[place] else values <= value
        found[row] = fits.sum() == 1
    return found


def _gaps(targets: Measured, synthetic: Measured) -> Iterator[tuple[slice, NDArray, Floats]]:
    """Block by block of targets, for each column: whether values differ, and by how much."""
    for start in range(0, targets.rows, _TARGETS_AT_ONCE):
        part = slice(start, start + _TARGETS_AT_ONCE)
        differs, gaps = zip(*targets.part(part).gaps(synthetic), strict=True)
        yield part, np.stack(differs), np.stack([gap.astype(np.float32) for gap in gaps])
