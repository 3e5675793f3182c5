"""The rows of a warehouse as the library gets them."""

import duckdb

from generators.warehouse.scored import CodedRows, Run, scored_runs
from synthcare.files import read_yaml
from synthcare.project import PROJECT
from synthcare.trial import Trial

VARIABLES = read_yaml(PROJECT / "dbt_project.yml")["vars"]


def coded_rows(warehouse: duckdb.DuckDBPyConnection) -> CodedRows:
    """Of all runs and references."""
    names = ("int_coded_rows", "int_scored_columns", "int_sampled_records")
    return CodedRows(*(warehouse.table(f"intermediate.{name}") for name in names))


def trials(warehouse: duckdb.DuckDBPyConnection) -> list[tuple[Run, Trial]]:
    """Each run with the half-samples that the scores are made from."""
    rows = coded_rows(warehouse)
    halves = VARIABLES["half_samples"], VARIABLES["seed"]
    return [
        (run, rows.trial(run, rows.reference(run.dataset, 50_000), {}, *halves))
        for run in scored_runs(warehouse.table("intermediate.int_scored_runs"))
    ]
