"""What the library synthcare says of each run, beside the train half of its reference."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from synthcare.fidelity import Score, fidelity
from synthcare.halves import Halves
from synthcare.tables import Column, Table

TRAIN = 0  # the run number of the half of the reference that runs are compared with

COLUMNS = {
    "run_id": "string",
    "dataset": "string",
    "score_name": "string",
    "subject": "string",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "floor": "float64",
}


class Run(NamedTuple):
    """A run of int_scored_runs."""

    run_number: int
    run_id: str
    dataset: str
    blocks: int
    units: int
    drawn_columns: list[str] | None


def model(dbt, session) -> pd.DataFrame:
    """One row per run, score and subject: a column, two of them (`age, gender`), or null."""
    rows = dbt.ref("int_coded_rows")
    scored_columns = dbt.ref("int_scored_columns").order("column_number").df()
    runs = dbt.ref("int_scored_runs").order("dataset, run_number").project(", ".join(Run._fields))
    units_sampled = dict(
        dbt.ref("int_sampled_records")
        .aggregate("run_number, count(distinct unit)", "run_number")
        .fetchall()
    )
    half_samples = dbt.ref("int_half_samples").filter("draw > 0").order("draw")
    found = []
    for dataset, of_dataset in groupby(map(Run._make, runs.fetchall()), lambda run: run.dataset):
        columns = tuple(_columns(scored_columns[scored_columns["dataset"] == dataset]))
        if not columns:  # identifiers only
            continue
        real, _ = _table(rows, columns, dataset, TRAIN)
        for run in of_dataset:
            table, blocks = _table(rows, columns, dataset, run.run_number)
            drawn = half_samples.filter(f"blocks = {run.blocks}").project("is_drawn").fetchall()
            is_drawn = np.zeros((len(drawn), run.blocks), dtype=bool)
            for half, (are_drawn,) in enumerate(drawn):
                is_drawn[half] = are_drawn[: run.blocks]
            shrink = (units_sampled[run.run_number] / run.units) ** 0.5
            halves = Halves(np.flatnonzero(blocks), blocks[blocks > 0] - 1, is_drawn, shrink)
            scores = fidelity(real, table, halves, left_out=run.drawn_columns or ())
            found += [(run.run_id, dataset, *_told(score)) for score in scores]
    return pd.DataFrame(found, columns=[*COLUMNS]).astype(COLUMNS)


def _columns(found: pd.DataFrame) -> Iterator[Column]:
    for column in found.itertuples():
        yield Column(
            column.column_name,
            column.code_count,
            column.is_number,
            column.is_nullable,
            frozenset(column.made_from),
        )


def _table(
    rows: Any, columns: tuple[Column, ...], dataset: str, run_number: int
) -> tuple[Table, np.ndarray]:
    """The rows of a run, and the block of each; 0 where a row is not in the sample."""
    asked = ["coalesce(block, 0) as block"]
    for place, column in enumerate(columns, 1):
        asked.append(f"codes[{place}] as code_{place}")
        if column.is_number:
            asked.append(f"numbers[{place}] as number_{place}")
    mine = rows.filter(f"dataset = '{dataset}' and run_number = {run_number}")
    found = mine.project(", ".join(asked)).fetchnumpy()
    table = Table(
        columns,
        np.array([found[f"code_{place}"] for place in range(1, len(columns) + 1)]).T,
        {
            column.name: np.ma.filled(found[f"number_{place}"].astype(float), np.nan)
            for place, column in enumerate(columns, 1)
            if column.is_number
        },
    )
    return table, np.ma.filled(found["block"], 0).astype(int)


def _told(score: Score) -> tuple:
    subject = ", ".join(score.subject) or None
    return (score.name, subject, score.value, score.low, score.high, score.floor)
