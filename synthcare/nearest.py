"""How far rows are from the nearest of others."""

import numpy as np
from numpy.typing import NDArray

_ROWS_AT_ONCE = 500  # in memory


def nearest_distances(
    rows: NDArray[np.floating], others: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Euclidean distance from each of `rows` (n, k) to the nearest of `others` (m, k), as (n,).

    The nearest is found by |a|² + |b|² − 2ab in blocks, which rounds; its distance is exact.
    """
    found = np.empty(len(rows))
    squares = (others**2).sum(axis=1)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        block = rows[start : start + _ROWS_AT_ONCE]
        closest = (squares - 2 * block @ others.T).argmin(axis=1)
        found[start : start + len(block)] = np.linalg.norm(
            block.astype(float) - others[closest], axis=1
        )
    return found
