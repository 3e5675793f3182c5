"""How far sampled rows are from the nearest real one, on either side of the split."""

import numpy as np
import pandas as pd

COMPARED, HELD_OUT = 0, -1  # run numbers of the two halves of the reference

# Held-out rows that are asked after, and rows in memory at once.
HELD_OUT_ROWS = 2_000
ROWS_AT_ONCE = 500

COLUMNS = {
    "dataset": "str",
    "run_number": "int32",
    "record_id": "str",
    "distance_to_compared": "float64",
    "distance_to_held_out": "float64",
}


def model(dbt, session) -> pd.DataFrame:
    """One row per sampled row of a run, and per holdout row: Euclidean distances of the features.

    Both halves have as many rows, so that neither is nearer by its size. A holdout row has no
    distance to its own half.
    """
    rows = dbt.ref("int_feature_rows").order("dataset, run_number, place").df()
    tables = [nearest(dataset) for _, dataset in rows.groupby("dataset")]
    tables = [table for table in tables if len(table)]
    found = pd.concat(tables) if tables else pd.DataFrame(columns=[*COLUMNS])
    return found[[*COLUMNS]].astype(COLUMNS)


def nearest(rows: pd.DataFrame) -> pd.DataFrame:
    """The distances of one dataset."""
    runs = rows["run_number"].to_numpy()
    features = np.stack(rows["features"])
    if not features.shape[1]:  # identifiers only, of which none is near another
        return pd.DataFrame(columns=[*COLUMNS])
    size = min((runs == COMPARED).sum(), (runs == HELD_OUT).sum())
    asked = np.flatnonzero((runs > 0) | ((runs == HELD_OUT) & (rows["place"] <= HELD_OUT_ROWS)))
    if not size:
        asked = asked[:0]
    to_held_out = distances(features[asked], features[runs == HELD_OUT][:size])
    return rows.iloc[asked][["dataset", "run_number", "record_id"]].assign(
        distance_to_compared=distances(features[asked], features[runs == COMPARED][:size]),
        distance_to_held_out=np.where(runs[asked] == HELD_OUT, np.nan, to_held_out),
    )


def distances(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """From each of `rows` (n, k) to the nearest of `others` (m, k), as n numbers.

    The nearest is found by |a|² + |b|² − 2ab in blocks, which rounds; its distance is exact.
    """
    found = np.empty(len(rows))
    squares = (others**2).sum(axis=1)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        block = rows[start : start + ROWS_AT_ONCE]
        closest = (squares - 2 * block @ others.T).argmin(axis=1)
        found[start : start + len(block)] = np.linalg.norm(
            block.astype(float) - others[closest], axis=1
        )
    return found
