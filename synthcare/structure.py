"""How much of what ties columns together is in a table: none of it, or all as in real rows."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import scipy
from numpy.typing import NDArray

from synthcare.departures import (
    BEYOND_CHANCE,
    CELLS_AT_ONCE,
    FEWEST,
    Measured,
    Scale,
    departures,
    distances_from,
    drawn_scale,
    draws_of,
)
from synthcare.halves import Halves
from synthcare.reference import Reference
from synthcare.tables import Table
from synthcare.trial import Score, Trial

Floats = NDArray[np.float64]
Pair = tuple[int, int]

NO_STRUCTURE = "no structure: so many real rows do not tell any two columns from independent ones"
TOO_FEW = "too few rows to tell what ties their columns from chance"
NO_HOLDOUT = "no real rows are held out, which would say what they reach"

_SHUFFLES, _SHUFFLED_ROWS = 20, 10_000  # of the real columns, to see what chance shows


def structure(trial: Trial) -> Iterator[Score]:
    """How much of the real dependence between columns is there, over all pairs, and of each.

    Over those alone that are surely tied, where all together are not tied beyond chance.

    What ties two values is the departure of their joint share from the product of their shares,
    p(x, y) − p(x) p(y). The distance of a table is half the sum of |its departures − real ones|.
    At 1 it is the mean distance of as many holdout rows, at 0 that of as many rows whose columns
    are drawn each by itself; dependence that real rows do not have takes it below 0.
    """
    are_tied, z = ties(trial.reference)
    columns = trial.reference.train.columns
    pairs = [
        pair for pair in z if any(not columns[place].sources <= trial.left_out for place in pair)
    ]
    if not are_tied:
        # Among many columns the tie of two is lost in the noise of all others.
        pairs = [pair for pair in pairs if z[pair] > _surely_tied(len(z))]
    if not pairs:
        yield Score("structure", note=NO_STRUCTURE)
        return
    found = Ties(trial, pairs)
    yield found.score()
    for target, column in enumerate(columns):
        if column.is_target and (mine := [pair for pair in pairs if target in pair]):
            yield found.score((column.name,), mine)
    for pair in pairs:
        if z[pair] > BEYOND_CHANCE:
            yield found.score(tuple(columns[place].name for place in pair), [pair])


class Ties:
    """Distances of a table and of its halves from what ties real columns, for pairs of columns."""

    def __init__(self, trial: Trial, pairs: Sequence[Pair]) -> None:
        self._place_of = {pair: n for n, pair in enumerate(pairs)}
        reference, table = trial.reference, trial.table
        self._why_not = None if len(reference.holdout) else NO_HOLDOUT
        size = len(table)
        if size < FEWEST:
            self._why_not = TOO_FEW
        if self._why_not:
            return
        distances = np.array([_distances(table, trial.halves, reference, pair) for pair in pairs])
        scales = [
            reference.once(("structure", n, tuple(pairs)), lambda n=n: _drawn(reference, pairs, n))
            for n in (size, size // 2)
        ]
        halves = trial.halves
        sizes = np.array([size, *halves.sizes])
        held_out = len(reference.holdout)
        self._measured = Measured.of(
            distances, *scales, sizes, halves.blocks, halves.shrink, held_out
        )

    def score(self, subject: tuple[str, ...] = (), pairs: Sequence[Pair] | None = None) -> Score:
        """The structure of some of the pairs, or of all; why not where it cannot be told."""
        if self._why_not:
            return Score("structure", subject, note=self._why_not)
        places = [self._place_of[pair] for pair in pairs or self._place_of]
        return self._measured.score("structure", subject, places, TOO_FEW)


def _drawn(reference: Reference, pairs: Sequence[Pair], size: int) -> Scale:
    """Distances of tables that are drawn of so many rows, or of those that there are."""
    train, holdout = reference.train, reference.holdout
    random = np.random.default_rng(0)
    draws = draws_of(size)

    def distances(codes: list[NDArray[np.integer]]) -> Floats:
        return np.stack([_distances_of(codes, reference, pair) for pair in pairs], axis=1)

    def of_real(rows: int) -> Floats:
        chosen = np.stack([random.permutation(len(holdout))[:rows] for _ in range(draws)])
        return distances([holdout.codes[chosen, place] for place in range(len(holdout.columns))])

    def of_independent(rows: int) -> Floats:
        return distances(
            [
                train.codes[random.integers(len(train), size=(draws, rows)), place]
                for place in range(len(train.columns))
            ]
        )

    return drawn_scale(size, len(train), len(holdout), of_real, of_independent)


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
    step = max(1, CELLS_AT_ONCE // size)
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
    return bool(z[0] > BEYOND_CHANCE), dict(zip(pairs, z[1:].tolist(), strict=True))


def _surely_tied(pairs: int) -> float:
    """Standard deviations above which chance brings one of so many pairs once in a thousand times.

    The standard deviation is that of a few shuffles, so that the bound is one of Student's t.
    """
    bound = scipy.stats.t.isf(0.001 / pairs, _SHUFFLES - 1) * np.sqrt(1 + 1 / _SHUFFLES)
    return max(BEYOND_CHANCE, float(bound))


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
    return departures(table.counts(*pair)[None, :], _sizes(table, pair))[0]


def _distances(table: Table, halves: Halves, reference: Reference, pair: Pair) -> Floats:
    """Of the table, and of each half, as (1 + halves,)."""
    sizes = _sizes(table, pair)
    cells = int(np.prod(sizes))
    in_blocks = np.bincount(
        halves.block_of * cells + table.cells(*pair)[table.sample], minlength=halves.blocks * cells
    ).reshape(halves.blocks, cells)
    real = _departures(reference, pair)
    found = [_distance(table.counts(*pair)[None, :], sizes, real)]
    step = max(1, CELLS_AT_ONCE // cells)
    for start in range(0, len(halves.is_drawn), step):
        is_drawn = halves.is_drawn[start : start + step].astype(np.float32)
        found.append(_distance(is_drawn @ in_blocks.astype(np.float32), sizes, real))
    return np.concatenate(found)


def _distance(counts: NDArray, sizes: tuple[int, int], real_departures: Floats | None) -> Floats:
    """Of tables whose rows by cell are counts (tables, cells); from no departure at all if None."""
    return distances_from(departures(counts, sizes), real_departures)
