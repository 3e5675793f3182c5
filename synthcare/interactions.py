"""What three columns say together beyond what each two of them say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import scipy
from numpy.typing import NDArray

from synthcare.chance import Z, margin
from synthcare.departures import BEYOND_CHANCE, FEWEST
from synthcare.halves import Halves
from synthcare.reference import Reference
from synthcare.structure import NO_HOLDOUT, are_separate, ties
from synthcare.tables import Table
from synthcare.trial import Score, Trial

Floats = NDArray[np.float64]
Triple = tuple[int, int, int]

NO_INTERACTION = "no interaction: so many real rows tell no three columns from what each two say"
TOO_FEW = "too few rows to tell what three columns say together from chance"

_MOST_COLUMNS = 24  # of which each three are looked at: those that are tied most
_MOST_TRIPLES = 100  # that are scored: the surest
_MOST_LEVELS = 16  # of a column: its rarest values are one
_SEARCHED_ROWS = 40_000
_DOUBT = 5.0  # rows that are added to both sides of a cell's ratio: few real ones say little
_STEPS, _NEAR = 50, 0.5  # of the fit, and by how many rows its sums may be off
_ALARM = 0.005  # how often one of all triples may be called worse that is not
_TOLD_APART = 3.0  # standard errors between 0 and 1, below which there is no score


@dataclass(frozen=True)
class Scale:
    """The mean weight of rows whose columns say nothing by threes (at 0) and of real ones (at 1).

    `error` is the standard error of the latter, `spread` the standard deviation of a row's weight.
    """

    at_0: float
    at_1: float
    error: float
    spread: float

    @property
    def length(self) -> float:
        """How far both ends are apart."""
        return self.at_1 - self.at_0

    def is_told(self, rows: int) -> bool:
        """Whether so many rows show where on the scale they are."""
        error = np.hypot(self.spread / np.sqrt(rows), self.error)
        return bool(self.length > _TOLD_APART * error)


@dataclass(frozen=True)
class Interactions:
    """Triples of columns that say more than their pairs in real rows.

    `weights` are those of a row by its cell in each triple, `scales` of each triple, `together` of
    the sum of all weights of a row.
    """

    triples: list[Triple]
    weights: list[Floats]
    scales: list[Scale]
    together: Scale


def interactions(trial: Trial) -> Iterator[Score]:
    """How much there is of what three columns say together: in all triples, or in the worst.

    A row weighs, for each triple, the logarithm of the train rows in its cell over those that would
    be there if the columns had the same pairs and no interaction (Bartlett, 1935), as iterative
    proportional fitting finds them (Deming and Stephan, 1940). Rows without interaction have a mean
    weight of 0, holdout rows one of 1. Where a triple is surely worse than that, however many are
    looked at, it is the score, and the note says which.
    """
    reference, table, halves = trial.reference, trial.table, trial.halves
    columns = reference.train.columns
    if not len(reference.holdout):
        yield Score("interactions", note=NO_HOLDOUT)
        return
    triples = [
        triple
        for triple in _tied(reference)
        if any(not columns[place].sources <= trial.left_out for place in triple)
    ]
    real = reference.once(("interactions", *triples), lambda: _interactions_of(reference, triples))
    if not real.triples:
        yield Score("interactions", note=NO_INTERACTION)
        return
    rows = len(table)
    if rows < FEWEST or not real.together.is_told(rows):
        yield Score("interactions", note=TOO_FEW)
        return
    levels = _levels(reference, table)
    all_weights, found = np.zeros(rows), []
    for triple, weights, scale in zip(real.triples, real.weights, real.scales, strict=True):
        of_rows = weights[_cells(reference, levels, triple)]
        all_weights += of_rows
        if scale.is_told(rows):
            names = tuple(columns[place].name for place in triple)
            found.append(_placed(names, of_rows, scale, table, halves))
    together = _placed((), all_weights, real.together, table, halves)
    yield _worst(together, found, halves.blocks)
    yield from found


def _placed(
    subject: tuple[str, ...], weights: Floats, scale: Scale, table: Table, halves: Halves
) -> Score:
    """The place of rows with these weights (rows,) on the scale."""
    value = float((weights.mean() - scale.at_0) / scale.length)
    in_blocks = np.bincount(halves.block_of, weights[table.sample], minlength=halves.blocks)
    of_halves = halves.is_drawn @ in_blocks / halves.sizes / scale.length
    width = float(margin(of_halves, halves.blocks)) * halves.shrink
    if np.isnan(width):
        return Score("interactions", subject, value)
    # Where 1 is says what is held out, which might have been others.
    width = float(np.hypot(width, Z * value * scale.error / scale.length))
    return Score("interactions", subject, value, value - width, value + width)


def _worst(together: Score, found: Sequence[Score], blocks: int) -> Score:
    """The triple that is most surely below 1, and more so than all together; else these."""
    if together.high is None or not found:
        return together
    freedom = blocks - 1
    widen = scipy.stats.t.isf(_ALARM / len(found), freedom) / scipy.stats.t.isf(0.025, freedom)

    def upper(score: Score) -> float:
        return score.value + float(widen) * (score.high - score.value)

    worst = min(found, key=upper)
    if upper(worst) >= min(1.0, together.high):
        return together
    one, other, third = worst.subject
    return replace(worst, subject=(), note=f"{one}, {other} and {third}")


def _tied(reference: Reference) -> list[Triple]:
    """Triples that say more than their pairs, in a half of train as in the other; surest first."""
    return reference.once("triples", lambda: _search(reference))


def _search(reference: Reference) -> list[Triple]:
    train = reference.train
    _, rows = np.unique(train.units(), return_index=True)
    rows = np.random.default_rng(0).permutation(rows)[:_SEARCHED_ROWS]
    if len(rows) < 2 * FEWEST:
        return []
    levels = _levels(reference, train, rows)
    half = len(rows) // 2
    sure = {}
    for triple in combinations(_most_tied(reference), 3):
        if all(are_separate(train, *pair) for pair in combinations(triple, 2)):
            cells = _cells(reference, levels, triple)
            weights, at_0 = _fitted(reference, triple, cells[:half])
            others = weights[cells[half:]]
            if spread := others.std(ddof=1):
                sure[triple] = (others.mean() - at_0) / spread * np.sqrt(len(others))
    found = [triple for triple, z in sure.items() if z > BEYOND_CHANCE]
    return sorted(found, key=lambda triple: -sure[triple])[:_MOST_TRIPLES]


def _most_tied(reference: Reference) -> list[int]:
    """The places of the columns of which each three are looked at."""
    places = range(len(reference.train.columns))
    if len(places) <= _MOST_COLUMNS:
        return [*places]
    _, z = ties(reference)
    strongest = {
        place: max((tie for pair, tie in z.items() if place in pair), default=0.0)
        for place in places
    }
    return sorted(sorted(places, key=lambda place: -strongest[place])[:_MOST_COLUMNS])


def _interactions_of(reference: Reference, triples: Sequence[Triple]) -> Interactions:
    """Of those among the triples that holdout rows confirm."""
    train, holdout = reference.train, reference.holdout
    of_train, of_holdout = (_levels(reference, half) for half in (train, holdout))
    _, units = np.unique(holdout.units(), return_inverse=True)
    all_weights, all_at_0 = np.zeros(len(holdout)), 0.0
    found = Interactions([], [], [], Scale(0.0, 0.0, 0.0, 0.0))
    for triple in triples:
        weights, at_0 = _fitted(reference, triple, _cells(reference, of_train, triple))
        of_rows = weights[_cells(reference, of_holdout, triple)]
        scale = _scale(of_rows, at_0, units)
        if scale.is_told(len(train)):
            all_weights += of_rows
            all_at_0 += at_0
            found.triples.append(triple)
            found.weights.append(weights)
            found.scales.append(scale)
    return replace(found, together=_scale(all_weights, all_at_0, units))


def _scale(weights: Floats, at_0: float, units: NDArray[np.intp]) -> Scale:
    """Of the weights of holdout rows (rows,); those of one unit vary together."""
    mean = weights.mean()
    of_units = np.bincount(units, weights - mean)
    error = np.sqrt((of_units**2).sum() * len(of_units) / max(1, len(of_units) - 1)) / len(weights)
    return Scale(at_0, float(mean), float(error), float(weights.std()))


def _fitted(
    reference: Reference, triple: Triple, cells: NDArray[np.integer]
) -> tuple[Floats, float]:
    """Of real rows in these cells: weights by cell, and their mean without interaction."""
    sizes = _sizes(reference, triple)
    counts = np.bincount(cells, minlength=int(np.prod(sizes))).astype(float)
    expected = without_interaction(counts.reshape(sizes)).ravel()
    weights = np.log((counts + _DOUBT) / (expected + _DOUBT))
    return weights, float(expected @ weights / len(cells))


def without_interaction(counts: Floats) -> Floats:
    """The table of three columns nearest to even with the same pairs as one of rows by cell."""
    pairs = [counts.sum(axis=side, keepdims=True) for side in range(3)]
    fitted = np.ones_like(counts)
    for _ in range(_STEPS):
        furthest = 0.0
        for side, wanted in enumerate(pairs):
            has = fitted.sum(axis=side, keepdims=True)
            furthest = max(furthest, float(np.abs(has - wanted).max()))
            fitted *= np.divide(wanted, has, out=np.zeros_like(wanted), where=has > 0)
        if furthest < _NEAR:
            break
    return fitted


def _level_of(reference: Reference, place: int) -> NDArray[np.int32]:
    """The level of each code of a column: its commonest values, missing, and all others as one."""
    return reference.once(("levels", place), lambda: _most_common(reference.train.counts(place)))


def _most_common(counts: NDArray[np.int64]) -> NDArray[np.int32]:
    if len(counts) <= _MOST_LEVELS:
        return np.arange(len(counts), dtype=np.int32)
    level_of = np.full(len(counts), _MOST_LEVELS - 1, dtype=np.int32)
    common = 1 + np.argsort(-counts[1:], kind="stable")[: _MOST_LEVELS - 2]
    level_of[0] = 0
    level_of[common] = np.arange(1, _MOST_LEVELS - 1)
    return level_of


def _levels(
    reference: Reference, table: Table, rows: NDArray[np.intp] | slice = slice(None)
) -> list[NDArray[np.int32]]:
    """Of each column, the levels of rows of a table (rows,)."""
    places = range(len(table.columns))
    return [_level_of(reference, place)[table.codes[rows, place]] for place in places]


def _cells(
    reference: Reference, levels: Sequence[NDArray[np.int32]], triple: Triple
) -> NDArray[np.int32]:
    """The cell of each row in a triple of columns (rows,)."""
    first, second, third = (levels[place] for place in triple)
    _, *sizes = _sizes(reference, triple)
    return (first * sizes[0] + second) * sizes[1] + third


def _sizes(reference: Reference, triple: Triple) -> list[int]:
    return [int(_level_of(reference, place).max()) + 1 for place in triple]
