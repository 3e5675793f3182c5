"""Whether rows are real ones, or nearer to them than real ones are to each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import scipy
from numpy.typing import NDArray

from synthcare.attacks import inference, linkability, singling_out
from synthcare.chance import Tally, Z
from synthcare.nearest import Measured, Nearest, Ruler, nearest
from synthcare.reference import Reference
from synthcare.trial import Score, Trial

ROWS = 2_000  # of a table, and of the real one, whose nearest rows are looked for
TARGETS = 1_000  # rows of either real half that are attacked
FEWEST_ROWS = 20  # that an attack needs, of each table
_FEWEST_CONTROLS = 40  # real rows that say how near real rows are; of fewer the typical ones decide

NOTHING_UNUSUAL = "real rows are so much alike that nearness to one says nothing"
TOO_FEW = f"fewer than {FEWEST_ROWS} rows, of which none is surely too near to a real one"

# Radii: so many values differ, or so small a share of real rows is as near to another one.
_BUT = {0: "", 1: "one", 2: "two", 3: "three"}
_SHARES = (0.01, 0.02, 0.05, 0.1)
_USUAL = 0.5  # share of real rows, above which being as near is nothing unusual


@dataclass(frozen=True)
class Excess:
    """How often rows, or guesses, hit real ones, beside how often they would by chance.

    `is_of_rows` where a hit is a row that is too near to a real one.
    """

    name: str
    hits: Tally
    chance: Tally
    words: str
    is_of_rows: bool = False

    def ends(self, z: float = Z) -> tuple[float, float, float]:
        """(hits − chance) / (1 − chance), and its ends by Newcombe's method 10 (1998)."""
        share, usual = self.hits.share, self.chance.share
        (low, high), (usual_low, usual_high) = self.hits.ends(z), self.chance.ends(z)
        below, above = (
            np.hypot(share - low, usual_high - usual),
            np.hypot(high - share, usual - usual_low),
        )
        low, value, high = ((share - usual + way) / (1 - usual) for way in (-below, 0, above))
        return tuple(min(1.0, float(end)) for end in (value, low, high))


@dataclass(frozen=True)
class Around:
    """Both halves of the real table as values, train first.

    `differing` and `distance` (rows,) say how near some real rows are to the nearest row of
    somebody else. Two people who are nearest to each other are seen twice: `differing_units` and
    `distance_units` (rows,) say which of these rows are of one person, or of such a pair. `units`
    are those of all rows of either half: what the rows of one person share.
    """

    ruler: Ruler
    halves: tuple[Measured, ...]
    differing: NDArray[np.int64]
    distance: NDArray[np.float64]
    differing_units: NDArray
    distance_units: NDArray
    units: tuple[NDArray, ...]


def privacy(trial: Trial) -> Iterator[Score]:
    """One minus the worst excess of rows that are too near to real ones, and of attacks that hit.

    What may be chance is no excess; it shows in the lower end of the interval. Where one is beyond
    chance, however many are looked for, the table leaks.
    """
    if trial.table.hashes is None:
        return
    found = [*excesses(trial)]
    for excess in found:
        value, low, high = excess.ends()
        yield Score("privacy_excess", (excess.name,), value, low, high, note=excess.words)
        yield Score("privacy_share", (excess.name,), excess.hits.share, *excess.hits.interval)
        yield Score("real_privacy_share", (excess.name,), excess.chance.share)
    yield from _copies(trial)
    yield from _known_identifiers(trial)
    if not found:
        yield Score("privacy", note=NOTHING_UNUSUAL)
        return
    z = float(scipy.stats.norm.isf(0.025 / len(found)))
    surely = [excess for excess in found if excess.ends(z)[1] > 0]
    if not surely and len(trial.table) < FEWEST_ROWS:
        yield Score("privacy", note=TOO_FEW)
        return
    # Rows that can be looked at say more to people than the odds of an attack.
    told = max(surely, key=lambda excess: (excess.is_of_rows, excess.ends(z)[1]), default=None)
    yield Score("leaks", (), float(bool(surely)), note=told.words if told else None)
    if surely:
        value, low, high = max(surely, key=lambda excess: excess.ends(z)[1]).ends()
    else:
        value, low, high = 0.0, 0.0, max(excess.ends()[2] for excess in found)
    yield Score("privacy", (), *(min(1.0, max(0.0, 1 - part)) for part in (value, high, low)))


def excesses(trial: Trial) -> Iterator[Excess]:
    """All that is looked for, where real rows leave anything to be seen."""
    table = trial.table
    groups = np.arange(len(table)) if table.groups is None else table.groups
    of_rows = groups[table.sample[:ROWS]]
    found = chain(_near(trial, of_rows), _attacks(trial, of_rows))
    # What always hits by chance, such as a guess of the one value of a column, has no excess.
    yield from (excess for excess in found if excess.chance.share < 1)


def _near(trial: Trial, groups: NDArray) -> Iterator[Excess]:
    """Rows that are nearer to real ones than chance explains."""
    real = around(trial.reference)
    if not len(real.distance):
        return
    near = nearest_real(trial)
    if len(real.distance) >= _FEWEST_CONTROLS:
        yield from _near_copies(near, real, groups)
    if len(near) > 1:
        yield from _membership(near, real.units)


def _near_copies(near: tuple[Nearest, ...], real: Around, groups: NDArray) -> Iterator[Excess]:
    """Rows that are nearer to a real one than real rows are to each other, at several radii."""
    differing = np.min([half.differing for half in near], axis=0)
    distance = np.min([half.distance for half in near], axis=0)
    rows, values = len(differing), real.ruler.values
    looks = []
    for most, but in _BUT.items():
        if most < values:
            of_values = f" in all but {but} of {values} values" if most else ""
            usual = Tally.of_rows(real.differing <= most, real.differing_units)
            what = (f"equal a real row{of_values}", "would")
            looks.append((f"all_but_{most}", differing <= most, usual, *what))
    for share in _SHARES:
        radius = np.quantile(real.distance, share, method="lower")
        if radius > 0:  # where many real rows have a twin, none is nearer
            usual = Tally.of_rows(real.distance < radius, real.distance_units)
            what = f"are nearer to a real row than {1 - share:.0%} of real rows are to another"
            looks.append((f"nearest_{share * 100:.0f}", distance < radius, usual, what, "would be"))
    for name, hits, chance, what, would in looks:
        if chance.share <= _USUAL:
            expected = f"among real rows {rows * chance.share:,.0f} {would}"
            words = f"{hits.sum():,} of {rows:,} rows {what}; {expected}"
            yield Excess(name, Tally.of_rows(hits, groups), chance, words, is_of_rows=True)


def _membership(near: tuple[Nearest, ...], units: tuple[NDArray, ...]) -> Iterator[Excess]:
    """Whether rows are nearer to train than to holdout, and whether train rows are the nearest.

    A generator that remembers no row of train is as near to either half. Rows that are nearest to
    real ones of one person say the same of it.
    """
    unit_of = np.concatenate(units)
    train, holdout = near
    sizes = np.array([len(half.reached) for half in near])
    chance = Tally(sizes[:1], sizes.sum()[None])
    is_tie = train.distance == holdout.distance
    of_tie = train.ties / (train.ties + holdout.ties)  # as if one of the nearest were drawn
    is_nearer = np.where(is_tie, of_tie, train.distance < holdout.distance)
    # Rows that repeat each other are near to the same real row, and say no more than one of them.
    is_of_train = train.distance <= holdout.distance
    real_row = np.where(is_of_train, train.closest, sizes[0] + holdout.closest)
    _, once = np.unique(real_row, return_index=True)
    hits = Tally.of_rows(is_nearer[once], unit_of[real_row[once]])
    words = (
        f"{hits.share:.0%} of different rows are nearer to train than to holdout; "
        f"{chance.share:.0%} would be by chance"
    )
    yield Excess("nearer_to_train", hits, chance, words)
    reached = np.concatenate([half.reached for half in near])
    guessed = min(len(train.distance), len(reached) // 2)
    if guessed >= FEWEST_ROWS:
        order = np.random.default_rng(0).permutation(len(reached))  # ties in any order
        closest = order[reached[order].argsort(kind="stable")[:guessed]]
        is_train = closest < sizes[0]
        hits = Tally.of_rows(is_train, unit_of[closest])
        words = (
            f"of the {guessed:,} real rows that are nearest to the table {hits.share:.0%} are of "
            f"train; {chance.share:.0%} would be by chance"
        )
        yield Excess("membership", hits, chance, words)


def _attacks(trial: Trial, groups: NDArray) -> Iterator[Excess]:
    """What is learnt of train rows beyond what is of holdout rows, which cannot be in the table."""
    reference, table = trial.reference, trial.table
    halves = (reference.train, reference.holdout)
    rows = table.sample[:ROWS]
    if min(len(rows), *map(len, halves)) < FEWEST_ROWS:
        return
    ruler = around(reference).ruler
    synthetic = ruler.measure(table, rows)
    some = [half.sample[:TARGETS] for half in halves]
    targets = [ruler.measure(half, of) for half, of in zip(halves, some, strict=True)]
    units = [half.units()[of] for half, of in zip(halves, some, strict=True)]
    guessed = "of the values of train rows are guessed from their other values"
    linked = "of train rows are found again by either half of their columns"
    for attack, parts, what in ((inference, ruler.values, guessed), (linkability, 1, linked)):
        hits, chance = (
            Tally.of_rows(attack(synthetic, of), unit, parts=parts)
            for of, unit in zip(targets, units, strict=True)
        )
        words = f"{hits.share:.1%} {what}; of holdout rows {chance.share:.1%}"
        yield Excess(attack.__name__, hits, chance, words)
    size = min(len(half.sample) for half in halves)
    of_guess, true = singling_out(
        synthetic, [ruler.measure(half, half.sample[:size]) for half in halves]
    )
    _, place, count = np.unique(groups[of_guess], return_inverse=True, return_counts=True)
    if len(count) < FEWEST_ROWS:
        return
    # Guesses from one row lead to the same real row: together they say no more than one.
    ones = np.ones(len(count), dtype=int)
    hits, chance = (Tally(np.bincount(place, weights=of) / count, ones) for of in true)
    words = f"{hits.share:.1%} of guesses single out a train row, {chance.share:.1%} a holdout row"
    yield Excess("singling_out", hits, chance, words)


def around(reference: Reference) -> Around:
    """The real table as values, and how near some of its rows are to those of somebody else."""
    return reference.once("around", lambda: _around(reference))


def _around(reference: Reference) -> Around:
    tables = [half for half in (reference.train, reference.holdout) if len(half)]
    ruler = Ruler.of(reference.train)
    halves = tuple(ruler.measure(half, np.arange(len(half))) for half in tables)
    units = tuple(
        half.units(start) for half, start in zip(tables, (0, len(tables[0])), strict=False)
    )
    starts = np.cumsum([0, *map(len, tables)])
    found = []
    for half, own, start in zip(tables, units, starts[:-1], strict=True):
        some = half.sample[: ROWS // len(tables)]
        rows = ruler.measure(half, some)
        near = [
            nearest(rows, others, own[some], of_others)
            for others, of_others in zip(halves, units, strict=True)
        ]
        by_count = _nearer([(side.differing, side.place) for side in near], starts)
        by_distance = _nearer([(side.distance, side.closest) for side in near], starts)
        is_known = np.isfinite(by_distance[0])  # not where all rows are of one person
        found.append([of[is_known] for of in (*by_count, *by_distance, start + some)])
    differing, place, distance, closest, rows = map(np.concatenate, zip(*found, strict=True))
    _, person = np.unique(np.concatenate(units), return_inverse=True)
    pairs = (np.minimum(person[rows], person[other]) for other in (place, closest))
    return Around(ruler, halves, differing, distance, *pairs, units)


def _nearer(
    sides: Sequence[tuple[NDArray, NDArray[np.intp]]], starts: NDArray[np.int64]
) -> tuple[NDArray, NDArray[np.intp]]:
    """Of the nearest rows of each half the nearer one: how near, and where in both halves."""
    values = np.stack([value for value, _ in sides])
    places = np.stack([place + start for (_, place), start in zip(sides, starts, strict=False)])
    best = values.argmin(axis=0)
    rows = np.arange(values.shape[1])
    return values[best, rows], places[best, rows]


def nearest_real(trial: Trial) -> tuple[Nearest, ...]:
    """The nearest rows of either real half, train first, of the first ROWS of a table's sample."""
    real = around(trial.reference)
    rows = real.ruler.measure(trial.table, trial.table.sample[:ROWS])
    return tuple(nearest(rows, half) for half in real.halves)


def _copies(trial: Trial) -> Iterator[Score]:
    """How many rows are real ones, letter for letter, and letter case aside."""
    hashes = trial.table.hashes
    folded, exact, real_share = trial.reference.once(
        "copies of rows", lambda: _real_hashes(trial.reference)
    )
    groups = np.arange(len(trial.table)) if trial.table.groups is None else trial.table.groups
    is_copy = np.isin(hashes.folded, folded)
    copied = Tally.of_rows(is_copy, groups)
    yield Score("copied_rows", (), float(np.isin(hashes.exact, exact).sum()))
    yield Score("copied_rows_any_case", (), float(is_copy.sum()))
    yield Score("copied_share", (), copied.share, *copied.interval)
    yield Score("reference_copied_share", (), real_share)


def _real_hashes(reference: Reference) -> tuple[NDArray, NDArray, float]:
    """Of all real rows: hashes, folded and exact, and the share that has a twin."""
    sides = [side for side in (reference.train, reference.holdout) if len(side)]
    folded = np.concatenate([side.hashes.folded for side in sides])
    exact = np.concatenate([side.hashes.exact for side in sides])
    found, counts = np.unique(folded, return_counts=True)
    return found, np.unique(exact), float(counts[counts > 1].sum() / len(folded))


def _known_identifiers(trial: Trial) -> Iterator[Score]:
    """The share of identifiers that stand in the train half: of the table, and of holdout rows."""
    reference, table = trial.reference, trial.table
    train = reference.train.identifiers

    def known_share(side: dict[str, NDArray]) -> float | None:
        known = np.concatenate(
            [np.isin(values[values > 0], train[name]) for name, values in side.items()]
        )
        return float(known.mean()) if len(known) else None

    if not table.identifiers:
        return
    sampled = {name: values[table.sample] for name, values in table.identifiers.items()}
    yield Score("known_identifiers_share", (), known_share(sampled))
    if len(reference.holdout):
        share = reference.once("known", lambda: known_share(reference.holdout.identifiers))
        yield Score("reference_known_identifiers_share", (), share)
