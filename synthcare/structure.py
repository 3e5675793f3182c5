"""How much of what ties columns together is in a table: none of it, or all as in real rows."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from synthcare.chance import margin
from synthcare.halves import Halves
from synthcare.reference import Reference
from synthcare.tables import Table
from synthcare.trial import Score, Trial

Floats = NDArray[np.float64]
Pair = tuple[int, int]

NO_STRUCTURE = "no structure: real columns have nothing to do with each other beyond chance"
TOO_FEW = "too few rows to tell what ties their columns from chance"
NO_HOLDOUT = "no real rows are held out, which would say what they reach"

_BEYOND_CHANCE = 5.0  # standard deviations
_SHUFFLES, _SHUFFLED_ROWS = 20, 10_000  # of the real columns, to see what chance shows

# Tables that are drawn of as many rows, of real ones and column by column; rows of all together,
# and of one.
_MOST_DRAWS, _DRAWN_ROWS, _MOST_ROWS = 40, 200_000, 50_000
_FEWEST_DRAWS = 4
_TOLD_APART = 3.0  # standard deviations between both, below which there is no score
_FEWEST_ROWS = 4
_CELLS_AT_ONCE = 4_000_000  # in memory


class _Scale(NamedTuple):
    """Distances (draws, pairs) of drawn tables: of real rows, and column by column.

    `other_real` are of real tables as well, and vary as much as tables of other real rows would.
    """

    real: Floats
    independent: Floats
    other_real: Floats


def structure(trial: Trial) -> Iterator[Score]:
    """How much of the real dependence between columns is there, over all pairs, and of each.

    What ties two values is the departure of their joint share from the product of their shares,
    p(x, y) − p(x) p(y). The distance of a table is half the sum of |its departures − real ones|.
    At 1 it is the mean distance of as many holdout rows, at 0 that of as many rows whose columns
    are drawn each by itself; dependence that real rows do not have takes it below 0.
    """
    is_tied, z = ties(trial.reference)
    columns = trial.reference.train.columns
    pairs = [
        pair for pair in z if any(not columns[place].sources <= trial.left_out for place in pair)
    ]
    if not is_tied or not pairs:
        yield Score("structure", note=NO_STRUCTURE)
        return
    found = Ties(trial, pairs)
    yield found.score()
    for target, column in enumerate(columns):
        if column.is_target and (mine := [pair for pair in pairs if target in pair]):
            yield found.score((column.name,), mine)
    for pair in pairs:
        if z[pair] > _BEYOND_CHANCE:
            yield found.score(tuple(columns[place].name for place in pair), [pair])


class Ties:
    """Distances of a table and of its halves from what ties real columns, for pairs of columns."""

    def __init__(self, trial: Trial, pairs: Sequence[Pair]) -> None:
        self._halves, self._place_of = trial.halves, {pair: n for n, pair in enumerate(pairs)}
        reference, table = trial.reference, trial.table
        self._why_not = None if len(reference.holdout) else NO_HOLDOUT
        size = len(table)
        if size < _FEWEST_ROWS:
            self._why_not = TOO_FEW
        if self._why_not:
            return
        self._distances = np.array(
            [_distances(table, trial.halves, reference, pair) for pair in pairs]
        )
        scales = [
            reference.once(("structure", n, tuple(pairs)), lambda n=n: _drawn(reference, pairs, n))
            for n in (size, size // 2)
        ]
        self._whole, self._half = scales
        self._real, self._independent = (
            _by_size(whole, half, size, trial.halves)
            for whole, half in zip(*(scale[:2] for scale in scales), strict=True)
        )

    def score(self, subject: tuple[str, ...] = (), pairs: Sequence[Pair] | None = None) -> Score:
        """The structure of some of the pairs, or of all; why not where it cannot be told."""
        if self._why_not:
            return Score("structure", subject, note=self._why_not)
        places = [self._place_of[pair] for pair in pairs or self._place_of]
        distances, real, independent = (
            of[places].sum(axis=0) for of in (self._distances, self._real, self._independent)
        )
        spread = self._whole.other_real[:, places].sum(axis=1).std(ddof=1)
        if independent[0] - real[0] <= _TOLD_APART * spread:
            return Score("structure", subject, note=TOO_FEW)
        scores = 1 - (distances - real) / (independent - real)
        width = float(margin(scores[1:], self._halves.blocks) * self._halves.shrink)
        width *= self._narrowing(places)
        value, floor = float(scores[0]), float(real[0])
        if np.isnan(width):
            return Score("structure", subject, value, floor=floor)
        return Score("structure", subject, value, value - width, value + width, floor)

    def _narrowing(self, places: list[int]) -> float:
        """How much less a score of all rows varies than scores of halves, 1 at most.

        Halves of a mean vary as much as the mean, being half without replacement. But the scale of
        halves is shorter for their noise: by how much says the spread of real rows at both sizes.
        """
        spreads = []
        for scale in (self._whole, self._half):
            real, independent, other = (
                of[:, places].sum(axis=1)
                for of in (scale.real, scale.independent, scale.other_real)
            )
            spreads.append(other.std(ddof=1) / (independent.mean() - real.mean()))
        whole, half = spreads
        return float(np.clip(np.sqrt(2) * whole / half, 0.5, 1)) if half > 0 else 1.0


def _by_size(whole: Floats, half: Floats, size: int, halves: Halves) -> Floats:
    """Mean distances (pairs, 1 + halves) at the sizes of a table and its halves.

    Halves are not all of one size; distances between those of both sizes go by 1/√size.
    """
    of_whole, of_half = whole.mean(axis=0), half.mean(axis=0)
    roots = 1 / np.sqrt(np.array([size, *halves.sizes]))
    ends = 1 / np.sqrt([size, size // 2])
    towards_half = (roots - ends[0]) / (ends[1] - ends[0])
    return of_whole[:, None] + np.outer(of_half - of_whole, towards_half)


def _drawn(reference: Reference, pairs: Sequence[Pair], size: int) -> _Scale:
    """Distances of tables that are drawn of so many rows, or of those that there are."""
    train, holdout = reference.train, reference.holdout
    random = np.random.default_rng(0)
    draws = int(np.clip(_DRAWN_ROWS // size, _FEWEST_DRAWS, _MOST_DRAWS))
    rows = min(size, len(holdout), _MOST_ROWS)
    # Draws of nearly all that are held out are nearly the same; of half of them they differ.
    fewer = min(rows, max(1, len(holdout) // 2))

    def distances(codes: list[NDArray[np.integer]]) -> Floats:
        return np.stack([_distances_of(codes, reference, pair) for pair in pairs], axis=1)

    def of_real(rows: int) -> Floats:
        chosen = np.stack([random.permutation(len(holdout))[:rows] for _ in range(draws)])
        found = distances([holdout.codes[chosen, place] for place in range(len(holdout.columns))])
        # Of more rows than are held out, perfect ones vary less.
        noise = (1 / size + 1 / len(train)) / (1 / rows + 1 / len(train))
        return found * np.sqrt(noise)

    real = of_real(rows)
    shape = (draws, min(size, _MOST_ROWS))
    independent = distances(
        [
            train.codes[random.integers(len(train), size=shape), place]
            for place in range(len(train.columns))
        ]
    )
    other_real = real if fewer == rows else of_real(fewer)
    # Drawn without replacement, they share rows.
    unshared = 1 - min(fewer, len(holdout) - 1) / len(holdout)
    return _Scale(real, independent, other_real / np.sqrt(unshared))


def _distances_of(codes: list[NDArray[np.integer]], reference: Reference, pair: Pair) -> Floats:
    """Of tables with these codes, (tables, rows) for each column, as (tables,)."""
    one, other = pair
    sizes = _sizes(reference.train, pair)
    cells = codes[one].astype(np.int64) * sizes[1] + codes[other]
    return _of_tables(cells, sizes, _departures(reference, pair))


def _of_tables(
    cells: NDArray[np.int64], sizes: tuple[int, int], real_departures: Floats | None
) -> Floats:
    """Of tables whose rows are in these cells (tables, rows), as (tables,)."""
    size = int(np.prod(sizes))
    step = max(1, _CELLS_AT_ONCE // size)
    found = []
    for start in range(0, len(cells), step):
        some = cells[start : start + step]
        places = some + size * np.arange(len(some))[:, None]
        counts = np.bincount(places.ravel(), minlength=size * len(some)).reshape(len(some), size)
        found.append(_distance(counts, sizes, real_departures))
    return np.concatenate(found)


def ties(reference: Reference) -> tuple[bool, dict[Pair, float]]:
    """Whether real columns have to do with each other, and for each pair by how much.

    That is how many standard deviations its departures are above those of shuffled columns. Columns
    that are computed from each other are no pair. Only one row of each that are copies of another,
    or of one group, is looked at.
    """
    return reference.once("ties", lambda: _ties(reference))


def _ties(reference: Reference) -> tuple[bool, dict[Pair, float]]:
    train = reference.train
    _, rows = np.unique(train.units(), return_index=True)
    random = np.random.default_rng(0)
    rows = random.permutation(rows)[:_SHUFFLED_ROWS]
    codes = train.codes[rows]
    pairs = [
        (one, other)
        for one, other in combinations(range(len(train.columns)), 2)
        if are_separate(train, one, other)
    ]
    if not pairs or len(rows) <= 1:
        return False, {}
    columns = [
        np.stack([of_column, *(random.permutation(of_column) for _ in range(_SHUFFLES))])
        for of_column in codes.T
    ]
    found = np.stack(
        [
            _of_tables(
                columns[one].astype(np.int64) * train.columns[other].size + columns[other],
                _sizes(train, (one, other)),
                None,
            )
            for one, other in pairs
        ],
        axis=1,
    )
    found = np.column_stack([found.sum(axis=1), found])
    spread = np.maximum(found[1:].std(axis=0, ddof=1), 1e-12)
    z = (found[0] - found[1:].mean(axis=0)) / spread
    return bool(z[0] > _BEYOND_CHANCE), dict(zip(pairs, z[1:].tolist(), strict=True))


def are_separate(table: Table, one: int, other: int) -> bool:
    """Whether neither is computed from the other, nor a third column from both."""
    names = {table.columns[one].name, table.columns[other].name}
    made = [{c.name, *c.sources} for c in table.columns if c.derived_from]
    return not any(len(names & together) > 1 for together in made)


def _sizes(table: Table, pair: Pair) -> tuple[int, int]:
    one, other = (table.columns[place].size for place in pair)
    return one, other


def _departures(reference: Reference, pair: Pair) -> Floats:
    """Of the train half, as (values, other values)."""
    return reference.once(("departures", pair), lambda: _departures_of(reference.train, pair))


def _departures_of(table: Table, pair: Pair) -> Floats:
    joint = table.counts(*pair).reshape(_sizes(table, pair)) / len(table)
    return joint - np.outer(joint.sum(axis=1), joint.sum(axis=0))


def _distances(table: Table, halves: Halves, reference: Reference, pair: Pair) -> Floats:
    """Of the table, and of each half, as (1 + halves,)."""
    sizes = _sizes(table, pair)
    cells = int(np.prod(sizes))
    in_blocks = np.bincount(
        halves.block_of * cells + table.cells(*pair)[table.sample], minlength=halves.blocks * cells
    ).reshape(halves.blocks, cells)
    real = _departures(reference, pair)
    found = [_distance(table.counts(*pair)[None, :], sizes, real)]
    step = max(1, _CELLS_AT_ONCE // cells)
    for start in range(0, len(halves.is_drawn), step):
        is_drawn = halves.is_drawn[start : start + step].astype(np.float32)
        found.append(_distance(is_drawn @ in_blocks.astype(np.float32), sizes, real))
    return np.concatenate(found)


def _distance(counts: NDArray, sizes: tuple[int, int], real_departures: Floats | None) -> Floats:
    """Of tables whose rows by cell are counts (tables, cells); from no departure at all if None."""
    joint = counts.reshape(-1, *sizes) / counts.sum(axis=1)[:, None, None]
    departures = joint - joint.sum(axis=2)[:, :, None] * joint.sum(axis=1)[:, None, :]
    if real_departures is not None:
        departures -= real_departures
    return np.abs(departures).sum(axis=(1, 2)) / 2
