"""The DuckDB file: opened for as short as possible, because it lets in one writing process only."""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from generators.home import Home
from synthcare.contracts.contract import datasets, load_contract
from synthcare.errors import SynthcareError
from synthcare.files import read_yaml
from synthcare.project import PROJECT

_LOCK_WAIT_SECONDS, _SAID_AFTER_SECONDS = 20.0, 2.0


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
    """Create what is not there, and add the columns that an older warehouse lacks."""
    connection.execute("create schema if not exists raw")
    for table, columns in raw_tables().items():
        connection.execute(f"create table if not exists raw.{table} ({', '.join(columns)})")
        there = {row[0] for row in connection.execute(f"describe raw.{table}").fetchall()}
        for column in columns:
            if column.split()[0] not in there:
                connection.execute(f"alter table raw.{table} add column {column}")
    for dataset in datasets():
        columns = [f'"{label}" varchar' for label in load_contract(dataset).file_labels]
        connection.execute(
            f"create table if not exists raw.reference_{dataset} ({', '.join(columns)})"
        )


def raw_tables() -> dict[str, list[str]]:
    """SQL column definitions of each raw table that models/_sources.yml declares."""
    declared = read_yaml(PROJECT / "models" / "_sources.yml")
    return {
        table["name"]: [
            f"{column['name']} {column['data_type']}"
            + (" primary key" if "constraints" in column else "")
            for column in table["columns"]
        ]
        for table in declared["sources"][0]["tables"]
    }
