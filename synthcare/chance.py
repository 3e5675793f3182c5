"""What chance alone does to a score: how far perfect rows are off, and how much halves differ."""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

Z = 1.959964  # standard errors on either side, of a 95 % interval
FEWEST_GROUPS = 8  # that can say how much rows of one group resemble each other


def expected_cell_distances(shares: ArrayLike, size: int) -> Floats:
    """Expected distance of each cell's share in a sample of `size` rows from the share itself.

    Half of E|p̂ − p|, of any shape, by De Moivre's closed form for the binomial: E|X − np| =
    2 v (1 − p)^(n − v + 1) p^v C(n, v) with v = ⌊np⌋ + 1 (Diaconis and Zabell, 1991).
    """
    p = np.asarray(shares, dtype=float)
    inside = (p > 0) & (p < 1)
    p = np.where(inside, p, 0.5)
    v = np.floor(size * p) + 1
    logs = np.log(v) + (size - v + 1) * np.log1p(-p) + v * np.log(p)
    logs += _log_factorial(size) - _log_factorial(v) - _log_factorial(size - v)
    return np.where(inside, np.exp(logs) / size, 0.0)


def expected_total_variation(real_counts: ArrayLike, size: int) -> float:
    """Expected total variation distance of `size` perfect rows from a sample of real rows.

    `real_counts` (cells,) are rows by cell. Both samples vary, each cell as the root of both
    squares. Where rows are few for the cells, that is too much: |a − b| = a + b − 2 min(a, b), and
    the smaller share is one row's at least where both samples have any. Cells that no real row is
    in hold about as much as those that one is in (Good, 1953).
    """
    counts = np.asarray(real_counts, dtype=float)
    counts = counts[counts > 0]
    real_size = int(counts.sum())
    unseen = (counts == 1).sum() / real_size
    seen = counts / real_size * (1 - unseen)
    both = np.hypot(expected_cell_distances(seen, size), expected_cell_distances(seen, real_size))
    with np.errstate(divide="ignore"):
        in_sample, in_real = (-np.expm1(n * np.log1p(-seen)) for n in (size, real_size))
    at_most = seen - in_sample * in_real / max(size, real_size)
    return float(np.minimum(both, at_most).sum() + unseen / 2)


def expected_kolmogorov_smirnov(size: int, real_size: int) -> float:
    """Expected Kolmogorov–Smirnov distance of two samples of one continuous distribution.

    The mean of the Kolmogorov distribution, √(π/2) ln 2, over Stephens' (1970) finite-sample scale
    of the effective size.
    """
    root = np.sqrt(size * real_size / (size + real_size))
    return float(np.sqrt(np.pi / 2) * np.log(2) / (root + 0.12 + 0.11 / root))


def margin(scores: ArrayLike, blocks: int, axis: int = -1) -> Floats:
    """Half a 95 % interval of a score; NaN without two halves, or two blocks.

    `scores` (halves,) are those of half-samples of so many blocks; other axes stay.
    """
    scores = np.asarray(scores, dtype=float)
    if scores.shape[axis] <= 1 or blocks <= 1:
        return np.full(np.delete(scores.shape, axis), np.nan)
    return half_width(scores.std(axis=axis, ddof=1), blocks)


def half_width(spread: ArrayLike, draws: int) -> Floats:
    """Half a 95 % interval of a mean with this standard error, from two draws at least; any shape.

    Times Student's t with one degree of freedom less than there are draws, by the expansion of
    Cornish and Fisher (Abramowitz and Stegun, 1964, 26.7.5).
    """
    terms = [Z, 2.372271, 2.822499, 2.555850, 1.589537]
    return np.asarray(spread) * sum(term / (draws - 1) ** power for power, term in enumerate(terms))


def widening(miss: float, freedom: int) -> float:
    """How much wider than one of 95 % an interval is that misses the truth on a side so seldom.

    As by Student's t: of many intervals, so that all are right together (Bonferroni).
    """
    return float(scipy.stats.t.isf(miss, freedom) / scipy.stats.t.isf(0.025, freedom))


@dataclass(frozen=True)
class Tally:
    """Of each group of rows that resemble each other, such as an answer's: how many are a hit.

    `hits` and `sizes` (groups,); a row may be half a hit, and `sizes` is above 0. Where a row is
    the share of so many `parts`, such as its values, it may be as sure as that many rows.
    """

    hits: NDArray[np.number]
    sizes: NDArray[np.int64]
    parts: int = 1

    @classmethod
    def of_rows(cls, hits: NDArray, groups: NDArray, *, parts: int = 1) -> "Tally":
        """Of rows: whether each is a hit, or how much of one, and the group that it is in."""
        _, places = np.unique(groups, return_inverse=True)
        return cls(np.bincount(places, weights=hits), np.bincount(places), parts)

    @property
    def share(self) -> float:
        """Hits among all rows."""
        return float(self.hits.sum() / self.sizes.sum())

    @property
    def effective_size(self) -> float:
        """How many independent rows would show the share as surely.

        Rows of one group count for less: their number is divided by the design effect of the ratio
        estimator (Kish, 1965; Cochran, 1977, 6.3). Few groups cannot say what it is. It is 1 at
        least, or what independent parts of a row would show.
        """
        hits, sizes = self.hits.astype(float), self.sizes.astype(float)
        size, groups = sizes.sum(), len(sizes)
        if groups < FEWEST_GROUPS or hits.sum() in (0, size):
            return float(size)
        deviations = ((hits - self.share * sizes) ** 2).sum() * groups / (groups - 1)
        return float(size / max(1 / self.parts, deviations / (hits.sum() * (1 - self.share))))

    @property
    def interval(self) -> tuple[float, float]:
        """Ends of the 95 % interval of the share."""
        return self.ends(Z)

    def ends(self, z: float) -> tuple[float, float]:
        """Ends of the score interval of the share (Wilson, 1927), z standard errors on either side.

        It holds at small sizes, and at shares of 0 and 1.
        """
        share, size = self.share, self.effective_size
        middle = share + z * z / 2 / size
        reach = z * np.sqrt((share * (1 - share) + z * z / 4 / size) / size)
        low, high = ((middle + sign * reach) / (1 + z * z / size) for sign in (-1, 1))
        return (
            0.0 if share == 0 else max(0.0, float(low)),
            1.0 if share == 1 else min(1.0, float(high)),
        )


def chance_to_be_drawn(copies: ArrayLike, rows: int, size: int) -> Floats:
    """Chance that a value which `copies` of `rows` rows have is among `size` of them.

    Drawn without replacement (rarefaction, Hurlbert, 1971); with it where there are not so many.
    """
    copies = np.asarray(copies, dtype=float)
    if size > rows:
        return 1 - (1 - copies / rows) ** size
    others = rows - copies
    is_sure = others < size
    others = np.where(is_sure, size, others)
    logs = _log_factorial(others) - _log_factorial(others - size)
    logs += _log_factorial(rows - size) - _log_factorial(rows)
    return np.where(is_sure, 1.0, 1 - np.exp(logs))


def _log_factorial(number: ArrayLike) -> Floats:
    return scipy.special.gammaln(number + 1)
