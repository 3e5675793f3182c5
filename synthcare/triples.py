"""Three columns that say more together than each two of them: which real rows have, and how much.

A row weighs the logarithm of the train rows in its cell of three columns over those that would be
there if the columns had the same pairs and no interaction (Bartlett, 1935), as iterative
proportional fitting finds them (Deming and Stephan, 1940).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from synthcare.departures import BEYOND_CHANCE, TOLD_APART
from synthcare.reference import Reference
from synthcare.structure import are_separate, ties
from synthcare.tables import Table

Floats = NDArray[np.float64]
Triple = tuple[int, int, int]

MOST_COLUMNS = 24  # of which each three are looked at: those that are tied most
FEWEST = 8  # rows, or people, that say something

_MOST_TRIPLES = 100  # that are told of: the surest
_MOST_LEVELS = 16  # of a column, missing among them: its rarest values are one
_SEARCHED_ROWS = 20_000  # in either half of train
_DOUBT = 5.0  # rows that are added to both sides of a cell's ratio: few real ones say little
_LENT = 300.0  # rows of train beside those of a table, where its pairs are fitted
_STEPS, _NEAR = 50, 1e-4  # of a fit, and the share of rows by which its pairs may be off
_NOTHING = 1e-3  # weight


@dataclass(frozen=True)
class Scale:
    """Mean weights of rows: `at_0` where three columns say nothing, and `length` above it at 1.

    The length has a standard `error`, as a part of it; `spread` is the standard deviation of a
    row's weight. Rows that say what train rows do, in which the weights were found, score `most`.
    """

    at_0: float
    length: float
    error: float
    spread: float
    most: float

    def is_told(self, rows: int) -> bool:
        """Whether so many rows show where between 0 and 1 they are."""
        error = np.hypot(self.spread / np.sqrt(rows), self.error * self.length)
        return bool(self.length > TOLD_APART * error)


@dataclass(frozen=True)
class Interaction:
    """Three columns that say more than their pairs in real rows.

    By their values, as (one, other, third): shares of train rows, `real` ones and those that pairs
    `explained`, and the `weights` of a row. Holdout rows say so much of what train rows do as is
    `confirmed`, with a relative standard `error`, and vary by `spread`.
    """

    triple: Triple
    real: Floats
    explained: Floats
    weights: Floats
    confirmed: float = 1.0
    error: float = 0.0
    spread: float = 0.0

    def of_rows(self, cells: NDArray[np.integer]) -> Floats:
        """What rows in these cells weigh (rows,)."""
        return self.weights.ravel()[cells]

    def scale(self, cells: NDArray[np.integer]) -> Scale:
        """For rows in these cells: real rows with their pairs are at 1.

        The fewer rows, the more their pairs are chance; those of train rows stand in for them.
        """
        counts = np.bincount(cells, minlength=self.real.size).reshape(self.real.shape)
        pairs = counts + _LENT * self.explained
        at_0, at_1 = (self._mean(pairs, shares) for shares in (self.explained, self.real))
        most = 1 / self.confirmed
        return Scale(at_0, (at_1 - at_0) / most, self.error, self.spread, max(1.0, most))

    def _mean(self, pairs: Floats, shares: Floats) -> float:
        """The mean weight of rows that have the pairs of these, and else are such shares."""
        # What no train row has still needs room in the fit.
        fitted, _ = with_pairs_of(pairs, shares + 1e-6)
        return float((fitted * self.weights).sum() / fitted.sum())


def sure_triples(reference: Reference) -> list[Triple]:
    """Triples whose weights, from half of train, are surely above 0 in the other; surest first.

    Looked for once, and of many columns only among those that are tied most.
    """
    return reference.once("triples", lambda: _search(reference))


def _search(reference: Reference) -> list[Triple]:
    train = reference.train
    _, units = np.unique(train.units(), return_inverse=True)
    is_first = np.random.default_rng(0).permutation(units.max(initial=0) + 1) % 2 == 0
    shuffled = np.random.default_rng(0).permutation(len(train))
    first, second = (
        shuffled[is_mine[units[shuffled]]][:_SEARCHED_ROWS] for is_mine in (is_first, ~is_first)
    )
    if min(len(np.unique(units[rows])) for rows in (first, second)) < FEWEST:
        return []
    sure = {}
    for triple in combinations(_most_tied(reference), 3):
        if all(are_separate(train, *pair) for pair in combinations(triple, 2)):
            known = _interaction(reference, triple, first)
            if known is not None:
                weights = known.of_rows(cells_of(reference, train, triple, second))
                error = _error(weights, units[second])
                sure[triple] = weights.mean() / error if error else 0.0
    found = [triple for triple, z in sure.items() if z > BEYOND_CHANCE]
    return sorted(found, key=lambda triple: -sure[triple])[:_MOST_TRIPLES]


def _most_tied(reference: Reference) -> list[int]:
    """The places of the columns of which each three are looked at."""
    places = range(len(reference.train.columns))
    if len(places) <= MOST_COLUMNS:
        return [*places]
    _, z = ties(reference)
    strongest = {
        place: max((tie for pair, tie in z.items() if place in pair), default=0.0)
        for place in places
    }
    return sorted(sorted(places, key=lambda place: -strongest[place])[:MOST_COLUMNS])


def confirmed(
    reference: Reference, triples: Sequence[Triple]
) -> tuple[list[Interaction], tuple[float, float]]:
    """Those of the triples that holdout rows confirm; error and spread of all their weights."""
    train, holdout = reference.train, reference.holdout
    everybody = np.arange(len(train))
    _, units = np.unique(holdout.units(), return_inverse=True)
    people = len(np.unique(train.units()))
    all_weights, length, found = np.zeros(len(holdout)), 0.0, []
    for triple in triples:
        known = _interaction(reference, triple, everybody)
        if known is None:
            continue
        cells = cells_of(reference, holdout, triple)
        weights, of_train = known.of_rows(cells), known.scale(cells)
        said = float(weights.mean() - of_train.at_0)
        if of_train.length <= 0 or said <= 0:
            continue
        known = replace(
            known,
            confirmed=said / of_train.length,
            error=_error(weights, units) / said,
            spread=float(weights.std()),
        )
        if known.scale(cells).is_told(people):
            found.append(known)
            all_weights += weights
            length += said
    if not found:
        return [], (0.0, 0.0)
    return found, (_error(all_weights, units) / length, float(all_weights.std()))


def _error(weights: Floats, units: NDArray[np.intp]) -> float:
    """The standard error of the mean of weights (rows,); those of one unit vary together."""
    _, places = np.unique(units, return_inverse=True)
    of_units = np.bincount(places, weights - weights.mean())
    count = len(of_units)
    return float(np.sqrt((of_units**2).sum() * count / max(1, count - 1)) / len(weights))


def _interaction(
    reference: Reference, triple: Triple, rows: NDArray[np.intp]
) -> Interaction | None:
    """From these train rows; None where it cannot be told what the pairs explain.

    So it is where a column follows from two others, whose pairs leave most cells empty.
    """
    sizes = [int(_groups(reference, place).max()) + 1 for place in triple]
    cells = cells_of(reference, reference.train, triple, rows)
    counts = np.bincount(cells, minlength=int(np.prod(sizes))).astype(float).reshape(sizes)
    expected, is_fitted = with_pairs_of(counts, np.ones(sizes))
    if not is_fitted:
        return None
    weights = np.log((counts + _DOUBT) / (expected + _DOUBT))
    shares = counts / counts.sum(), expected / expected.sum()
    return Interaction(triple, *shares, _beyond_pairs(weights, expected))


def with_pairs_of(counts: Floats, start: Floats) -> tuple[Floats, bool]:
    """Rows by cell of three columns with the pairs of `counts`, and otherwise what `start` says.

    Where that has no interaction of three columns, neither has what is returned. And whether the
    pairs are met.
    """
    pairs = [counts.sum(axis=side, keepdims=True) for side in range(3)]
    fitted = start.astype(float)
    for _ in range(_STEPS):
        furthest = 0.0
        for side, wanted in enumerate(pairs):
            has = fitted.sum(axis=side, keepdims=True)
            furthest = max(furthest, float(np.abs(has - wanted).max()))
            fitted *= np.divide(wanted, has, out=np.zeros(has.shape), where=has > 0)
        if furthest < _NEAR * counts.sum():
            return fitted, True
    return fitted, False


def _beyond_pairs(weights: Floats, rows: Floats) -> Floats:
    """Weights by cell less what two columns say of them: their mean over rows by cell becomes 0.

    That is so for each two values of two columns, by alternating projections.
    """
    pairs = [rows.sum(axis=side, keepdims=True) for side in range(3)]
    for _ in range(_STEPS):
        furthest = 0.0
        for side, of_pair in enumerate(pairs):
            sums = (rows * weights).sum(axis=side, keepdims=True)
            means = np.divide(sums, of_pair, out=np.zeros(sums.shape), where=of_pair > 0)
            furthest = max(furthest, float(np.abs(means).max()))
            weights = weights - means
        if furthest < _NOTHING:
            break
    return weights


def _groups(reference: Reference, place: int) -> NDArray[np.int32]:
    """The group of each code of a column: missing, its commonest values, and all others as one."""
    return reference.once(("groups", place), lambda: _commonest(reference.train.counts(place)))


def _commonest(counts: NDArray[np.int64]) -> NDArray[np.int32]:
    if len(counts) <= _MOST_LEVELS:
        return np.arange(len(counts), dtype=np.int32)
    group_of = np.full(len(counts), _MOST_LEVELS - 1, dtype=np.int32)
    common = 1 + np.argsort(-counts[1:], kind="stable")[: _MOST_LEVELS - 2]
    group_of[0] = 0
    group_of[common] = np.arange(1, _MOST_LEVELS - 1)
    return group_of


def cells_of(
    reference: Reference,
    table: Table,
    triple: Triple,
    rows: NDArray[np.intp] | slice = slice(None),
) -> NDArray[np.int32]:
    """The cell of each row of a table in three columns (rows,), their values being in groups."""
    cells = np.zeros(1, dtype=np.int32)
    for place in triple:
        group_of = _groups(reference, place)
        cells = cells * (group_of.max() + 1) + group_of[table.codes[rows, place]]
    return cells
