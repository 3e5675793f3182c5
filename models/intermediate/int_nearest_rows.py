"""How far sampled rows are from the nearest real one, on either side of the split."""

import numpy as np
import pandas as pd

from synthcare.nearest import nearest_distances

TRAIN, HOLDOUT = 0, -1  # run numbers of the two halves of the reference

HOLDOUT_ROWS = 2_000  # that are asked after

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
    size = min((runs == TRAIN).sum(), (runs == HOLDOUT).sum())
    asked = np.flatnonzero((runs > 0) | ((runs == HOLDOUT) & (rows["place"] <= HOLDOUT_ROWS)))
    if not size:
        asked = asked[:0]
    to_held_out = nearest_distances(features[asked], features[runs == HOLDOUT][:size])
    return rows.iloc[asked][["dataset", "run_number", "record_id"]].assign(
        distance_to_compared=nearest_distances(features[asked], features[runs == TRAIN][:size]),
        distance_to_held_out=np.where(runs[asked] == HOLDOUT, np.nan, to_held_out),
    )
