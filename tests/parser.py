"""Runs the parsing models over texts, without starting dbt for each of them."""

import runpy
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb

from generators.home import Home
from generators.warehouse.database import open_warehouse
from generators.warehouse.transform import run_dbt
from synthcare.contracts.contract import load_contract
from synthcare.project import PROJECT
from tests.driver import DATASET

_RUN = f"insert into raw.llm_runs (run_id, dataset, llm) values ('r', '{DATASET}', 'x')"


class Parser:
    """dbt's own SQL of the models between a response and its typed records."""

    def __init__(self, home: Home) -> None:
        run_dbt(home, "run", "--select", "+int_record_outcomes")
        with open_warehouse(home) as warehouse:  # so that what is compiled reads any number
            warehouse.execute("update raw.llm_readers set landed_number = 1e15")
        run_dbt(home, "compile", "--full-refresh")
        compiled = home.root / "target" / "compiled"
        self._models = {
            f"{'staging' if name.startswith('stg') else 'intermediate'}.{name}": next(
                compiled.rglob(f"{name}.sql")
            ).read_text()
            for name in (
                "stg_llm_json_records",
                "stg_llm_csv_records",
                f"int_{DATASET}_cast",
            )
        }
        self._home = home

    def read(self, responses: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
        """Records of each response (text, finish_reason), in their order.

        A record has the columns of the contract that are not null, and `reject_reasons`.
        """
        with open_warehouse(self._home) as warehouse:
            warehouse.execute("delete from raw.llm_responses; delete from raw.llm_runs")
            warehouse.execute(_RUN)
            given = [(r["text"], r.get("finish_reason", "stop")) for r in responses]
            warehouse.execute(
                "insert into raw.llm_responses"
                " (response_id, run_id, dataset, response_text, finish_reason)"
                " select 'r-' || number, 'r', $dataset, text, finish_reason from (select"
                " unnest(range(1, len($texts) + 1)) as number, unnest($texts) as text,"
                " unnest($reasons) as finish_reason)",
                {
                    "dataset": DATASET,
                    "texts": [text for text, _ in given],
                    "reasons": [reason for _, reason in given],
                },
            )
            for table, sql in self._models.items():
                if table.endswith("_cast"):
                    readings = _readings(warehouse)  # noqa: F841 (DuckDB finds it by its name)
                    warehouse.execute(
                        "create or replace table staging.stg_llm_readings as from readings"
                    )
                warehouse.execute(f"create or replace table {table} as {sql}")
            records = _records(warehouse)
        return [records.get(f"r-{number}", []) for number in range(1, len(given) + 1)]


def _readings(warehouse: duckdb.DuckDBPyConnection) -> Any:
    """The rows that the Python model returns."""
    model = runpy.run_path(str(PROJECT / "models/staging/stg_llm_readings.py"))["model"]
    dbt = SimpleNamespace(
        config=lambda **_: None,
        is_incremental=False,
        ref=lambda name: warehouse.table(f"staging.{name}"),
    )
    return model(dbt, warehouse).read_all()


def _records(warehouse: duckdb.DuckDBPyConnection) -> dict[str, list[dict[str, Any]]]:
    columns = [column.name for column in load_contract(DATASET).columns]
    found: dict[str, list[dict[str, Any]]] = {}
    rows = warehouse.execute(
        f"select response_id, reject_reasons, {', '.join(columns)}"
        f" from intermediate.int_{DATASET}_cast"
        " order by response_id, cast(string_split(record_id, '-')[-1] as integer)"
    ).fetchall()
    for response_id, reasons, *values in rows:
        record = {n: v for n, v in zip(columns, values, strict=True) if v is not None}
        found.setdefault(response_id, []).append(record | {"reject_reasons": reasons})
    return found


def new_parser(folder: Path) -> Parser:
    return Parser(Home(folder))
