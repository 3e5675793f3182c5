"""Whether dbt has built all that there is, so that nothing is built twice."""

import hashlib
from importlib.metadata import version
from pathlib import Path

import duckdb

from generators.home import Home
from generators.warehouse.database import open_warehouse
from synthcare.project import PROJECT

# Of the project, and what its Python models call.
_FOLDERS = ("models", "macros", "seeds", "tests", "readers", "synthcare", "generators/warehouse")
_PACKAGES = ("dbt-core", "dbt-duckdb", "duckdb", "numpy", "scikit-learn", "scipy")


def nodes_passed(home: Home) -> int | None:
    """How many nodes passed in the last whole build, or None where something has happened since.

    That is a response, run or reference in schema raw, a change of the dbt project or of what it
    runs with; or dbt was run by hand, which drops the note: see the macro `forget_last_build`.
    """
    with open_warehouse(home) as warehouse:
        tables = warehouse.execute(
            "select 1 from duckdb_tables() where schema_name = 'main' and table_name = 'last_build'"
        ).fetchall()
        if not tables:
            return None
        built_from, nodes = warehouse.execute(
            "select built_from, nodes_passed from main.last_build"
        ).fetchone()
        return nodes if built_from == _state(warehouse) else None


def note_build(home: Home, nodes: int) -> None:
    """Note that dbt has just built everything, and how many nodes passed."""
    with open_warehouse(home) as warehouse:
        warehouse.execute(
            """
            create or replace table main.last_build as
            select $state as built_from, $n as nodes_passed
            """,
            {"state": _state(warehouse), "n": nodes},
        )


def _state(warehouse: duckdb.DuckDBPyConnection) -> str:
    """A hash of all that a build is made from."""
    state = hashlib.sha256()
    for package in _PACKAGES:
        state.update(f"{package} {version(package)}\n".encode())
    for path in _project_files():
        state.update(f"{path.relative_to(PROJECT)}\n".encode() + path.read_bytes())
    raw = warehouse.execute(
        """
        select
            (select (count(*), bit_xor(hash(response_id, landed_number)))
                from raw.llm_responses),
            (select (count(*), bit_xor(hash(run_id, dataset))) from raw.llm_runs),
            (select (count(*), bit_xor(hash(dataset, sha256, landed_at))) from raw.reference_files)
        """
    ).fetchall()
    state.update(repr(raw).encode())
    return state.hexdigest()


def _project_files() -> list[Path]:
    found = [PROJECT / "dbt_project.yml", PROJECT / "profiles.yml"]
    for folder in _FOLDERS:
        for path in sorted((PROJECT / folder).rglob("*")):
            is_tested_by_pytest = folder == "tests" and path.suffix != ".sql"
            if path.suffix in (".sql", ".yml", ".py", ".csv") and not is_tested_by_pytest:
                found.append(path)
    return found
