"""What chance alone does to a score: how far perfect rows are off, and how much halves differ."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

Floats = NDArray[np.float64]


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
    logs += gammaln(size + 1) - gammaln(v + 1) - gammaln(size - v + 1)
    return np.where(inside, np.exp(logs) / size, 0.0)


def expected_total_variation(real_counts: ArrayLike, size: int) -> float:
    """Expected total variation distance of `size` perfect rows from a sample of real rows.

    `real_counts` are rows by cell. Both samples vary, each cell as the root of both squares. Cells
    that no real row is in hold about as much as those that one is in (Good, 1953).
    """
    counts = np.asarray(real_counts, dtype=float)
    counts = counts[counts > 0]
    real_size = int(counts.sum())
    unseen = (counts == 1).sum() / real_size
    seen = counts / real_size * (1 - unseen)
    both = np.hypot(expected_cell_distances(seen, size), expected_cell_distances(seen, real_size))
    return float(both.sum() + unseen / 2)


def expected_kolmogorov_smirnov(size: int, real_size: int) -> float:
    """Expected Kolmogorov–Smirnov distance of two samples of one continuous distribution.

    The mean of the Kolmogorov distribution, √(π/2) ln 2, over Stephens' (1970) finite-sample scale
    of the effective size.
    """
    root = np.sqrt(size * real_size / (size + real_size))
    return float(np.sqrt(np.pi / 2) * np.log(2) / (root + 0.12 + 0.11 / root))


def margin(scores: ArrayLike, blocks: int, axis: int = -1) -> Floats:
    """Half a 95 % interval, from `scores` of half-samples of so many blocks; NaN without two.

    Their spread, times Student's t with one degree of freedom less than there are blocks, by the
    expansion of Cornish and Fisher (Abramowitz and Stegun, 1964, 26.7.5).
    """
    scores = np.asarray(scores, dtype=float)
    if scores.shape[axis] <= 1 or blocks <= 1:
        return np.full(np.delete(scores.shape, axis), np.nan)
    terms = [1.959964, 2.372271, 2.822499, 2.555850, 1.589537]
    quantile = sum(term / (blocks - 1) ** power for power, term in enumerate(terms))
    return scores.std(axis=axis, ddof=1) * quantile
