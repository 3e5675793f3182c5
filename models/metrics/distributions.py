"""Shares of values in each run and in its reference, as bars."""

from itertools import groupby

import pandas as pd

from generators.warehouse.scored import TRAIN, CodedRows, of_run, scored_runs
from synthcare.distributions import bars

COLUMNS = {
    "run_id": "string",
    "dataset": "string",
    "column_name": "string",
    "kind": "string",
    "bar_number": "int32",
    "category": "string",
    "low": "float64",
    "high": "float64",
    "share": "float64",
    "reference_share": "float64",
}


def model(dbt, session) -> pd.DataFrame:
    """One row per run, dataset, column and bar."""
    count = dbt.config.meta_get("bars")
    rows = CodedRows(
        dbt.ref("int_coded_rows"), dbt.ref("int_scored_columns"), dbt.ref("int_sampled_records")
    )
    found = []
    runs = scored_runs(dbt.ref("int_scored_runs"))
    for dataset, of_dataset in groupby(runs, lambda run: run.dataset):
        real = rows.table(dataset, TRAIN)
        for run in of_dataset:
            found += [
                (
                    *(run.run_id, dataset, bar.column.name, bar.column.kind, bar.number),
                    *(bar.category, bar.low, bar.high, bar.share, bar.real_share),
                )
                for bar in bars(real, rows.table(dataset, of_run(run)), count)
            ]
    return pd.DataFrame(found, columns=[*COLUMNS]).astype(COLUMNS)
