"""How well two classifiers, which vote, tell the rows of a run from real ones (two-sample test)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from synthcare.detection import placements

TRAIN, HOLDOUT = 0, -1  # run numbers of the two halves of the reference

COLUMNS = {
    "dataset": "str",
    "run_number": "int32",
    "rows_compared": "int64",
    "record_id": "str",
    "is_real": "bool",
    "placement": "float64",
}


def model(dbt, session) -> pd.DataFrame:
    """One row per row that was judged: each run, and as many holdout rows, beside train rows.

    `placement` is the share of rows of the other side, in the same fold, that look less synthetic
    than this one (for a real row: more synthetic). The mean over either side is the AUC.
    """
    rows = dbt.ref("int_feature_rows").order("dataset, run_number, place").df()
    features = dbt.ref("int_features").order("dataset, place").df()
    drawn = dict(
        dbt.ref("int_scored_runs")
        .filter("drawn_columns is not null")
        .project("run_number, drawn_columns")
        .fetchall()
    )
    tables = []
    for name, dataset in rows.groupby("dataset"):
        made_from = features.loc[features["dataset"] == name, "made_from"]
        sides = dict(iter(dataset.groupby("run_number")))
        if TRAIN not in sides or HOLDOUT not in sides:
            continue
        runs = {number: len(side) for number, side in sides.items() if number > 0}
        written = [(sides[number], drawn.get(number, [])) for number in runs]
        written += [(sides[HOLDOUT][:size], []) for size in sorted({*runs.values()})]
        # dbt has two models under way, whose threads would wait for each other
        with threadpool_limits(limits=1):
            tables += [
                detect(side, sides[TRAIN], shown=[not {*names} >= {*made} for made in made_from])
                for side, names in written
            ]
    tables = [table for table in tables if len(table)]
    found = pd.concat(tables) if tables else pd.DataFrame(columns=[*COLUMNS])
    return found[[*COLUMNS]].astype(COLUMNS)


def detect(synthetic: pd.DataFrame, train: pd.DataFrame, *, shown: Sequence[bool]) -> pd.DataFrame:
    """The placements of `synthetic` and of as many train rows; none where they are too few.

    Of the features, the classifiers see those that are `shown`: not what we drew ourselves.
    """
    size = len(synthetic)
    both = pd.concat([synthetic, train[:size]])
    is_real = np.arange(len(both)) >= size
    features = np.stack(both["features"])[:, np.array(shown, dtype=bool)]
    judged = both[["dataset", "record_id"]].assign(
        run_number=synthetic["run_number"].iloc[0],
        rows_compared=size,
        is_real=is_real,
        placement=placements(features, is_real, both["copy_group"].to_numpy()),
    )
    return judged.dropna()
