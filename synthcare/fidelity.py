"""How near columns, pairs of columns and missing values are to those of a real table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import scipy
from numpy.typing import NDArray

from synthcare.chance import expected_kolmogorov_smirnov, expected_total_variation, margin
from synthcare.halves import Halves
from synthcare.tables import Table
from synthcare.trial import Score, Trial

Floats = NDArray[np.float64]
# Numbers of both sides, and the share of each side that is as large: of `distribution_functions`.
Steps = tuple[Floats, Floats, Floats]

# Distance that chance alone leads to, beyond which nothing is told: the floor is the less sure the
# more of the population no real row shows, but up to 0.6 it is sure enough.
_MOST_EXPECTED, _SURE_EXPECTED = 0.9, 0.6
TOO_SPARSE = "too few rows for so many different values"


@dataclass(frozen=True)
class _Similarity:
    """Distance, the one that chance leads to, and the score of each half.

    `unseen` is the share of the population that is in no cell of a real row.
    """

    subject: tuple[str, ...]
    distance: float
    expected: float
    in_halves: Floats
    unseen: float = 0.0

    @property
    def is_told(self) -> bool:
        """Whether chance leaves anything to tell."""
        return self.expected <= max(_SURE_EXPECTED, _MOST_EXPECTED - self.unseen)

    @property
    def score(self) -> float:
        return (1 - self.distance) / (1 - self.expected)


def column_fidelity(trial: Trial) -> Iterator[Score]:
    """How like the real one each column is, and the mean; other distances beside them."""
    real, table = trial.reference.train, trial.table
    steps = _steps(trial)
    yield from _columns_alike(trial, steps)
    for place in _compared(trial):
        subject = (real.columns[place].name,)
        for name, value in _other_distances(real, table, place, steps.get(place)).items():
            yield Score(name, subject, value)


def columns_alike(trial: Trial) -> Iterator[Score]:
    """How like the real one each column is, and the mean."""
    yield from _columns_alike(trial, _steps(trial))


def _steps(trial: Trial) -> dict[int, Steps]:
    """By place of each column of numbers, the distribution functions of both sides."""
    real, table = trial.reference.train, trial.table
    return {
        place: distribution_functions(table.known(column), real.known(column))
        for place in _compared(trial)
        if (column := real.columns[place]).is_number
    }


def _columns_alike(trial: Trial, steps: Mapping[int, Steps]) -> Iterator[Score]:
    real, table, halves = trial.reference.train, trial.table, trial.halves
    found = [_column(real, table, halves, place, steps.get(place)) for place in _compared(trial)]
    yield from _with_mean("column_fidelity", found, halves)


def pair_fidelity(trial: Trial) -> Iterator[Score]:
    """How like the real one each contingency table of two columns is, and the mean.

    Beside them, how much the two have to do with each other, here and in the real table.
    """
    real, table, halves = trial.reference.train, trial.table, trial.halves
    compared = _compared(trial)
    pairs = [
        pair
        for pair in combinations(range(len(real.columns)), 2)
        if any(place in compared for place in pair)
    ]
    similarities = [_total_variation(real, table, halves, pair) for pair in pairs]
    yield from _with_mean("pair_fidelity", similarities, halves)
    for pair in pairs:
        yield from _dependence(table, pair)
        yield from trial.reference.once(
            ("dependence", pair), lambda pair=pair: list(_dependence(real, pair, "reference_"))
        )


def missingness(trial: Trial) -> Iterator[Score]:
    """How like the real share the share of missing values is, where any may be missing."""
    real, table, halves = trial.reference.train, trial.table, trial.halves
    lacking = [place for place in _compared(trial) if real.columns[place].is_nullable]
    if not lacking:
        return
    similarities = [_missing(real, table, halves, place) for place in lacking]
    yield from _with_mean("missingness", similarities, halves)
    for place in lacking:
        for name, side in (("missing_share", table), ("reference_missing_share", real)):
            yield Score(name, (real.columns[place].name,), float(side.counts(place)[0] / len(side)))


def _compared(trial: Trial) -> list[int]:
    """Places of the columns that are not left out; none where there is no real row."""
    train = trial.reference.train
    columns = train.columns if len(train) else ()
    return [place for place, c in enumerate(columns) if not c.sources <= trial.left_out]


def _with_mean(name: str, found: Sequence[_Similarity], halves: Halves) -> Iterator[Score]:
    """The score of each subject, what it is made of, and the mean of all.

    Of rows that are few for the cells, even perfect ones have hardly anything in common with the
    real ones: then there is no score.
    """
    sparse = [similarity for similarity in found if not similarity.is_told]
    for similarity in sparse:
        yield Score(name, similarity.subject, note=TOO_SPARSE)
    found = [similarity for similarity in found if similarity.is_told]
    if not found:
        yield Score(name, note=TOO_SPARSE if sparse else "there is nothing to compare")
        return
    in_halves = np.stack([similarity.in_halves for similarity in found])
    widths = margin(in_halves, halves.blocks) * halves.shrink
    for similarity, width in zip(found, widths, strict=True):
        yield _score(name, similarity.subject, similarity.score, width, similarity.expected)
    mean = float(np.mean([similarity.score for similarity in found]))
    yield _score(name, (), mean, margin(in_halves.mean(axis=0), halves.blocks) * halves.shrink)


def _score(
    name: str, subject: tuple[str, ...], value: float, width: float, floor: float | None = None
) -> Score:
    if np.isnan(width):
        return Score(name, subject, value, floor=floor)
    return Score(name, subject, value, float(value - width), float(value + width), floor)


def _column(
    real: Table, table: Table, halves: Halves, place: int, steps: Steps | None
) -> _Similarity:
    """Of a number by its `steps`, of a category, which has none, by its shares."""
    column = real.columns[place]
    if steps is None:
        return _total_variation(real, table, halves, (place,))
    missing = [float(side.counts(place)[0] / len(side)) for side in (table, real)]
    return _Similarity(
        (column.name,),
        kolmogorov_smirnov(*steps[1:], *missing),
        expected_kolmogorov_smirnov(len(table), len(real)),
        _binned_kolmogorov_smirnov(real, table, halves, place),
    )


def _other_distances(
    real: Table, table: Table, place: int, steps: Steps | None
) -> dict[str, float | None]:
    """Of a column, by name, what is told beside its score."""
    column = real.columns[place]
    found = _distances_of_codes(real.counts(place), table.counts(place))
    if steps is not None:
        known, real_known = table.known(column), real.known(column)
        found["coverage"] = range_coverage(known, real_known)
        if len(known) and len(real_known) and np.ptp(real_known):
            found["wasserstein_distance"] = wasserstein(*steps) / float(real_known.std())
    return found


def _binned_kolmogorov_smirnov(real: Table, table: Table, halves: Halves, place: int) -> Floats:
    """The score of each half, by the distance at the edges of the bins."""
    present, shares = halves.shares(table.cells(place)[table.sample])
    steps = np.zeros((len(shares), real.columns[place].size))
    steps[:, present] = shares
    steps -= real.counts(place) / len(real)
    distances = np.abs(steps.cumsum(axis=1)).max(axis=1)
    expected = [expected_kolmogorov_smirnov(int(size), len(real)) for size in halves.sizes]
    return (1 - distances) / (1 - np.array(expected))


def _total_variation(
    real: Table, table: Table, halves: Halves, places: tuple[int, ...]
) -> _Similarity:
    real_counts = real.counts(*places)
    return _similarity(
        tuple(real.columns[place].name for place in places),
        real_counts,
        table.counts(*places),
        halves,
        table.cells(*places)[table.sample],
    )


def _missing(real: Table, table: Table, halves: Halves, place: int) -> _Similarity:
    """The total variation of whether a value is missing."""
    counts = [
        np.array([known := side.counts(place)[1:].sum(), len(side) - known])
        for side in (real, table)
    ]
    is_missing = (table.codes[table.sample, place] == 0).astype(np.int64)
    return _similarity((real.columns[place].name,), *counts, halves, is_missing)


def _similarity(
    subject: tuple[str, ...],
    real_counts: NDArray[np.int64],
    counts: NDArray[np.int64],
    halves: Halves,
    cells: NDArray[np.int64],
) -> _Similarity:
    real_shares = real_counts / real_counts.sum()
    present, shares = halves.shares(cells)
    # Both sides sum to one: what one has too much of, the other has too little.
    distances = np.maximum(shares - real_shares[present], 0).sum(axis=1)
    by_size = {
        size: expected_total_variation(real_counts, size) for size in set(halves.sizes.tolist())
    }
    expected = np.array([by_size[size] for size in halves.sizes.tolist()])
    return _Similarity(
        subject,
        float(np.maximum(counts / counts.sum() - real_shares, 0).sum()),
        expected_total_variation(real_counts, int(counts.sum())),
        (1 - distances) / (1 - expected),
        float((real_counts == 1).sum() / real_counts.sum()),
    )


def _distances_of_codes(
    real_counts: NDArray[np.int64], counts: NDArray[np.int64]
) -> dict[str, float | None]:
    is_there = (real_counts > 0) | (counts > 0)
    real_counts, counts = real_counts[is_there], counts[is_there]
    divergence = jensen_shannon_divergence(counts, real_counts)
    return {
        "jensen_shannon_divergence": divergence,
        "jensen_shannon_distance": divergence**0.5,
        "kullback_leibler_divergence": kullback_leibler_divergence(counts, real_counts),
        "chi_square": chi_square(counts, real_counts),
        "chi_square_degrees_of_freedom": len(counts) - 1,
        "coverage": float(((counts > 0) & (real_counts > 0)).sum() / (real_counts > 0).sum()),
    }


def distribution_functions(known: Floats, real_known: Floats) -> Steps:
    """All numbers of both sides in ascending order, and the share of each side that is as large.

    Both sides, too, are in ascending order.
    """
    # Stable: quick where there are two runs in order.
    numbers = np.sort(np.concatenate([known, real_known]), kind="stable")
    steps, real_steps = (
        np.searchsorted(side, numbers, side="right") / max(len(side), 1)
        for side in (known, real_known)
    )
    return numbers, steps, real_steps


def kolmogorov_smirnov(
    steps: Floats, real_steps: Floats, missing: float, real_missing: float
) -> float:
    """The largest gap between two distribution functions (n,), at each number of either side.

    `missing` and `real_missing` are the shares of rows that have no number; they count as smaller
    than any.
    """
    gaps = steps * (1 - missing) + missing - real_steps * (1 - real_missing) - real_missing
    return float(np.abs(gaps).max(initial=abs(missing - real_missing)))


def wasserstein(numbers: Floats, steps: Floats, real_steps: Floats) -> float:
    """The area between two distribution functions (n,) at `numbers` (n,), in their unit."""
    return float((np.abs(steps - real_steps)[:-1] * np.diff(numbers)).sum())


def jensen_shannon_divergence(counts: NDArray[np.int64], real_counts: NDArray[np.int64]) -> float:
    """In bits, of rows by cell (cells,) on both sides; 0 for the same shares, 1 for none in common.

    Each side has a row at least, as for the distances below.
    """
    shares, real = counts / counts.sum(), real_counts / real_counts.sum()
    middle = (shares + real) / 2
    return max(
        0.0,
        float(
            scipy.stats.entropy(shares, middle, base=2) + scipy.stats.entropy(real, middle, base=2)
        )
        / 2,
    )


def kullback_leibler_divergence(counts: NDArray[np.int64], real_counts: NDArray[np.int64]) -> float:
    """Of the real shares from the others, in nats, from rows by cell (cells,).

    With half a row more each, no cell is empty.
    """
    return float(scipy.stats.entropy(real_counts + 0.5, counts + 0.5))


def chi_square(counts: NDArray[np.int64], real_counts: NDArray[np.int64]) -> float:
    """Pearson's statistic of the test that rows by cell (cells,) are of one distribution."""
    return float(scipy.stats.chi2_contingency([counts, real_counts], correction=False).statistic)


def range_coverage(known: Floats, real_known: Floats) -> float | None:
    """The share of the real range between the smallest and the largest number, in ascending order.

    None where the real numbers are all one.
    """
    if not len(known):
        return 0.0
    span = np.ptp(real_known) if len(real_known) else 0
    if not span:
        return None
    missed = max(0, known[0] - real_known[0]) + max(0, real_known[-1] - known[-1])
    return max(0.0, float(1 - missed / span))


def _dependence(table: Table, pair: tuple[int, int], prefix: str = "") -> Iterator[Score]:
    """How much two columns of a table have to do with each other."""
    first, second = (table.columns[place] for place in pair)
    subject = (first.name, second.name)
    counts = table.counts(*pair).reshape(first.size, second.size)
    yield Score(f"{prefix}mutual_information", subject, mutual_information(counts))
    if first.is_number and second.is_number:
        numbers = (table.numbers[column.name] for column in (first, second))
        yield Score(f"{prefix}correlation", subject, correlation(*numbers))


def mutual_information(counts: NDArray[np.int64]) -> float:
    """Of two columns, in nats, from their contingency table (rows, columns).

    Few rows show too much of it: less the bias after Miller and Madow (1955).
    """
    joint, size = counts[counts > 0], counts.sum()
    sides = [counts.sum(axis=axis) for axis in (0, 1)]
    sides = [side[side > 0] for side in sides]
    plain = sum(scipy.stats.entropy(side) for side in sides) - scipy.stats.entropy(joint)
    bias = (len(joint) - len(sides[0]) - len(sides[1]) + 1) / (2 * size)
    return max(0.0, float(plain - bias))


def correlation(one: Floats, other: Floats) -> float | None:
    """Pearson's, of two columns (rows,) where neither is NaN; None where one is constant."""
    both = ~(np.isnan(one) | np.isnan(other))
    one, other = one[both], other[both]
    if not both.any() or not np.ptp(one) or not np.ptp(other):
        return None
    return float(np.corrcoef(one, other)[0, 1])
