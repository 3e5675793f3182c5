"""How well two classifiers, which vote, tell the rows of a run from real ones (two-sample test)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

COMPARED, HELD_OUT = 0, -1  # run numbers of the two halves of the reference
FOLDS = 5
FEWEST_ROWS = 20

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
        if COMPARED not in sides or HELD_OUT not in sides:
            continue
        runs = {number: len(side) for number, side in sides.items() if number > 0}
        written = [(sides[number], drawn.get(number, [])) for number in runs]
        written += [(sides[HELD_OUT][:size], []) for size in sorted({*runs.values()})]
        # dbt has two models under way, whose threads would wait for each other
        with threadpool_limits(limits=1):
            tables += [
                detect(side, sides[COMPARED], shown=[not {*names} >= {*made} for made in made_from])
                for side, names in written
            ]
    tables = [table for table in tables if len(table)]
    found = pd.concat(tables) if tables else pd.DataFrame(columns=[*COLUMNS])
    return found[[*COLUMNS]].astype(COLUMNS)


def detect(
    synthetic: pd.DataFrame, compared: pd.DataFrame, *, shown: Sequence[bool]
) -> pd.DataFrame:
    """The placements of `synthetic` and of as many train rows; none where they are too few.

    Of the features, the classifiers see those that are `shown`: not what we drew ourselves.
    """
    size = len(synthetic)
    real = compared[:size]
    if not any(shown) or min(size, len(real)) < FEWEST_ROWS:
        return pd.DataFrame(columns=[*COLUMNS])
    both = pd.concat([synthetic, real])
    features = np.stack(both["features"])[:, np.array(shown, dtype=bool)]
    is_real = np.repeat([False, True], [size, len(real)])
    folds = folds_of(both["copy_group"].to_numpy(), is_real)
    placements = np.full(len(both), np.nan)
    for fold in range(FOLDS):
        test = folds == fold
        if min(len(np.unique(is_real[part])) for part in (test, ~test)) <= 1:
            continue  # all rows of one side, or of both, are copies of real rows of other folds
        looks = sum(
            classifier.fit(features[~test], ~is_real[~test]).predict_proba(features[test])[:, 1]
            for classifier in (
                HistGradientBoostingClassifier(max_iter=50, max_leaf_nodes=8),
                LogisticRegression(max_iter=500),
            )
        )
        written, true = looks[~is_real[test]], looks[is_real[test]]
        wins = (written[:, None] > true) + (written[:, None] == true) / 2
        placements[test & ~is_real] = wins.mean(axis=1)
        placements[test & is_real] = wins.mean(axis=0)
    judged = both[["dataset", "record_id"]].assign(
        run_number=synthetic["run_number"].iloc[0],
        rows_compared=size,
        is_real=is_real,
        placement=placements,
    )
    return judged.dropna()


def folds_of(groups: np.ndarray, is_real: np.ndarray) -> np.ndarray:
    """A fold for each row, as many rows of either side in each.

    Copies of a real row share its fold, or a classifier would know them again. Other rows that a
    run repeats do not: they may be known again, because real rows do not repeat.
    """
    real_groups = dict.fromkeys(groups[is_real])
    fold_of_group = {group: number % FOLDS for number, group in enumerate(real_groups)}
    return np.array(
        [fold_of_group.get(group, number % FOLDS) for number, group in enumerate(groups)]
    )
