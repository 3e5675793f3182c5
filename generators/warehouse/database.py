"""The DuckDB file: opened for as short as possible, because it lets in one writing process only."""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import duckdb

from generators.home import Home
from synthcare.contracts.contract import datasets, load_contract
from synthcare.errors import SynthcareError
from synthcare.files import read_yaml
from synthcare.project import PROJECT

_LOCK_WAIT_SECONDS, _SAID_AFTER_SECONDS = 20.0, 2.0

# Of an older warehouse, in which a run was of one dataset; macros/create_raw_tables.sql has it too.
_DATASETS_OF_RESPONSES = """
update raw.llm_responses set dataset = llm_runs.dataset
from raw.llm_runs
where llm_responses.run_id = llm_runs.run_id
"""


class RawTable(NamedTuple):
    """A table of schema raw: the types of its columns by name, and its primary key."""

    columns: dict[str, str]
    key: tuple[str, ...]

    @property
    def definition(self) -> str:
        """SQL of its columns and its key."""
        columns = [f"{name} {data_type}" for name, data_type in self.columns.items()]
        return ", ".join([*columns, f"primary key ({', '.join(self.key)})"])


@contextmanager
def open_warehouse(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the warehouse, with the raw tables there.

    Waits up to 20 seconds while another process holds the file. Raises SynthcareError, naming the
    holder, when it still does, or where the file is no DuckDB database.
    """
    connection = _connect(home)
    try:
        _create_raw_tables(connection)
        yield connection
    finally:
        connection.close()


def _connect(home: Home) -> duckdb.DuckDBPyConnection:
    began, is_said = time.monotonic(), False
    while True:
        try:
            return duckdb.connect(str(home.warehouse), config=_options())
        except duckdb.IOException as error:
            holder = re.search(r"held in (.+?) \(PID (\d+)\)", str(error))
            if "lock" not in str(error):
                raise SynthcareError(
                    f"{home.warehouse} cannot be opened: {str(error).splitlines()[0]}"
                ) from error
            who = f"{holder[1]} (process {holder[2]})" if holder else "another process"
            if time.monotonic() - began > _LOCK_WAIT_SECONDS:
                raise SynthcareError(
                    f"{home.warehouse} is locked by {who}. Close it there and run this again; "
                    "what was received is in the landing folder and is loaded then."
                ) from error
            if time.monotonic() - began > _SAID_AFTER_SECONDS and not is_said:
                print(f"waiting for {home.warehouse}, which {who} has open", file=sys.stderr)
                is_said = True
            time.sleep(0.2)


def _options() -> dict[str, str]:
    """Connections of one process must agree on these, so they are read from dbt's profile."""
    profile = read_yaml(PROJECT / "profiles.yml")["synthcare"]
    return profile["outputs"][profile["target"]]["config_options"]


def _create_raw_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create what is not there, and bring what an older version left to the form of today."""
    connection.execute("create schema if not exists raw")
    connection.execute("create sequence if not exists raw.landing_order")
    for name, table in raw_tables().items():
        connection.execute(f"create table if not exists raw.{name} ({table.definition})")
        _renew(connection, name, table)
    for dataset in datasets():
        columns = [f'"{label}" varchar' for label in load_contract(dataset).file_labels]
        connection.execute(
            f"create table if not exists raw.reference_{dataset} ({', '.join(columns)})"
        )


def _renew(connection: duckdb.DuckDBPyConnection, name: str, table: RawTable) -> None:
    """Give a table of an older version the columns and the primary key that it lacks."""
    there = connection.execute(f"describe raw.{name}").fetchall()
    known = {column for column, *_ in there}
    key = {column for column, _, _, kind_of_key, *_ in there if kind_of_key == "PRI"}
    if known >= table.columns.keys() and key == {*table.key}:
        return
    # All of it or nothing: an error closes the connection, which takes back what was begun.
    connection.begin()
    for column, data_type in table.columns.items():
        if column not in known:
            connection.execute(f"alter table raw.{name} add column {column} {data_type}")
    if name == "llm_responses" and "dataset" not in known:
        connection.execute(_DATASETS_OF_RESPONSES)
    if key != {*table.key}:
        _copy_with_key(connection, name, table)
    connection.commit()


def _copy_with_key(connection: duckdb.DuckDBPyConnection, name: str, table: RawTable) -> None:
    """Put a table in the place of one that has another primary key, with the same rows."""
    columns = ", ".join(table.columns)
    connection.execute(
        f"""
        create table raw.{name}_copied ({table.definition});
        insert into raw.{name}_copied ({columns}) select {columns} from raw.{name};
        drop table raw.{name};
        alter table raw.{name}_copied rename to {name};
        """  # noqa: S608 (names of models/_sources.yml)
    )


def raw_tables() -> dict[str, RawTable]:
    """The raw tables that models/_sources.yml declares, by name."""
    declared = read_yaml(PROJECT / "models" / "_sources.yml")
    return {
        table["name"]: RawTable(
            {column["name"]: column["data_type"] for column in table["columns"]},
            tuple(column["name"] for column in table["columns"] if "constraints" in column),
        )
        for table in declared["sources"][0]["tables"]
    }
