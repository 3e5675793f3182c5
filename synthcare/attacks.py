"""What somebody who holds a synthetic table learns of real people.

Inference, linkability and singling out are the attacks of Giomi et al., "A unified framework for
quantifying privacy risk in synthetic data" (2023). Each returns hits, which are to be compared with
those on people whose data cannot be in the table.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from synthcare.nearest import FAR, Measured

_COLUMNS_OF_A_GUESS = 3  # that single somebody out
_ENOUGH_GUESSES = 1_000
_MOST_ROUNDS = 25  # of a guess of each row; in few columns most are true of several
_TARGETS_AT_ONCE = 32  # in the processor's cache

Floats = NDArray[np.float64]


def inference(synthetic: Measured, targets: Measured) -> Floats:
    """The share of each target's values that are guessed, (targets,).

    Of each value in turn all others are known; the guess is what the synthetic row has that is most
    like the target in these.
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
    """Whether each half of a target's columns leads to the same synthetic row, (targets,).

    If so, what two files hold of a person can be put together. Halves are every second column.
    """
    found = np.zeros(targets.rows)
    for part, _, gaps in _gaps(targets, synthetic):
        alike = (gaps[half::2].sum(axis=0).argmin(axis=1) for half in (0, 1))
        found[part] = np.equal(*alike)
    return found


def singling_out(
    synthetic: Measured, targets: Sequence[Measured]
) -> tuple[NDArray[np.intp], list[NDArray[np.bool_]]]:
    """Guesses of three columns at most that are true of one synthetic row: which one, (guesses,).

    And for each table of targets whether a guess is true of one of them only, (guesses,). A row may
    be guessed by several. Of numbers it is said that they are as large at least where they are
    above the median, and else that they are not larger; of what is missing, that it is. Names are
    not used: those that are known are counted by themselves.
    """
    random = np.random.default_rng(0)
    said = _Said(synthetic)
    columns = len(synthetic.categories) + len(synthetic.numbers)
    guesses: dict[tuple[int, tuple[int, ...]], None] = {}  # in their order
    for _ in range(_MOST_ROUNDS if columns else 0):
        order = random.random((synthetic.rows, columns)).argsort(axis=1)
        for row, places in enumerate(np.sort(order[:, :_COLUMNS_OF_A_GUESS], axis=1).tolist()):
            if said.times(row, places, synthetic) == 1:
                guesses[row, tuple(places)] = None
        if len(guesses) >= _ENOUGH_GUESSES:
            break
    hits = [
        np.array([said.times(*guess, side) == 1 for guess in guesses], dtype=bool)
        for side in targets
    ]
    return np.array([row for row, _ in guesses], dtype=int), hits


class _Said:
    """What the values of synthetic rows say of a row of any table."""

    def __init__(self, synthetic: Measured) -> None:
        self._texts = len(synthetic.categories)
        self._columns = [*synthetic.categories, *synthetic.numbers]
        known = [values[values < FAR] for values in synthetic.numbers]
        self._medians = [np.median(values) if len(values) else FAR for values in known]

    def times(self, row: int, places: Sequence[int], rows: Measured) -> int:
        """Of how many rows of a table it is true what some values of a synthetic row say."""
        columns = [*rows.categories, *rows.numbers]
        fits = [self._is_true(row, place, columns[place]) for place in places]
        return int(np.count_nonzero(np.logical_and.reduce(fits)))

    def _is_true(self, row: int, place: int, values: NDArray) -> NDArray[np.bool_]:
        value = self._columns[place][row]
        if place < self._texts or value >= FAR:
            return values == value
        if value > self._medians[place - self._texts]:
            return (values >= value) & (values < FAR)
        return values <= value


def _gaps(targets: Measured, synthetic: Measured) -> Iterator[tuple[slice, NDArray, Floats]]:
    """Block by block of targets, for each column: whether values differ, and by how much."""
    for start in range(0, targets.rows, _TARGETS_AT_ONCE):
        part = slice(start, start + _TARGETS_AT_ONCE)
        differs, gaps = zip(*targets.part(part).gaps(synthetic), strict=True)
        yield part, np.stack(differs), np.stack([gap.astype(np.float32) for gap in gaps])
