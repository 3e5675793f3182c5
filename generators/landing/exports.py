"""Writes the accepted rows of a run, in all its tables, to files that people may share."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from generators.home import Home
from generators.landing.exported_tables import (
    ExportedTable,
    broken_keys,
    count_rows,
    exported_tables,
    write_database,
    write_rows,
)
from generators.warehouse.database import open_warehouse
from synthcare.contracts.contract import Contract, load_contract
from synthcare.contracts.relations import ancestors, parents_first
from synthcare.errors import SynthcareError
from synthcare.files import new_file, new_folder

CSV, PARQUET, DUCKDB = "csv", "parquet", "duckdb"
EXPORT_FORMATS = (CSV, PARQUET, DUCKDB)


def tables_of_run(home: Home, run_id: str, dataset: str | None) -> list[Contract]:
    """All tables of a run, and what they belong to, parents first.

    Raises SynthcareError where there is no such run, or where it has no table `dataset`.
    """
    with open_warehouse(home) as warehouse:
        query = "select dataset from raw.llm_runs where run_id = $run_id order by dataset"
        names = [name for (name,) in warehouse.execute(query, {"run_id": run_id}).fetchall()]
    if not names:
        raise SynthcareError(
            f"There is no run {run_id}. marts.generation_runs lists them; write its run_id whole."
        )
    if dataset not in (None, *names):
        raise _no_rows(f"{run_id} has no accepted rows of {dataset}")
    related = (ancestors(load_contract(name), load_contract) for name in names)
    found = {contract.dataset: contract for contracts in related for contract in contracts}
    return [found[name] for name in parents_first({n: c.foreign_keys for n, c in found.items()})]


def export_run(
    home: Home, contracts: Sequence[Contract], run_id: str, *, export_format: str, path: Path | None
) -> tuple[Path, dict[str, int]]:
    """Write the accepted rows of `run_id`; return where they are, and how many by dataset.

    One table is the file `exports/<run_id>.<format>` in the home folder; several are files in the
    folder `exports/<run_id>`, or all in one of DuckDB; unless `path` says otherwise. The columns
    have the labels of the contract, keys first. In CSV every text is quoted, and one that a
    spreadsheet would take for a formula begins with an apostrophe; other formats have the texts as
    they are. Raises SynthcareError where the run has no accepted rows, where a key is broken, or
    where nothing can be written.
    """
    is_folder = len(contracts) > 1 and export_format != DUCKDB
    path = path or home.root / "exports" / (run_id if is_folder else f"{run_id}.{export_format}")
    with open_warehouse(home) as warehouse:
        warehouse.execute("set variable run_id = $run_id", {"run_id": run_id})
        tables = exported_tables(warehouse, contracts)
        counts = {table.dataset: count_rows(warehouse, table) for table in tables}
        if not any(counts.values()):
            raise _no_rows(f"{run_id} has no accepted rows")
        _check_keys(warehouse, tables, counts, run_id=run_id)
        _check_place(path, is_folder=is_folder)
        try:
            _write(warehouse, tables, path, export_format=export_format, is_folder=is_folder)
        except OSError as error:
            raise SynthcareError(f"{path} cannot be written: {error.strerror}.") from error
        except duckdb.IOException as error:
            *_, why = str(error).splitlines()[0].split(": ")
            raise SynthcareError(f"{path} cannot be written: {why}.") from error
    return path, counts


def _no_rows(what: str) -> SynthcareError:
    return SynthcareError(
        f"Run {what}. marts.generation_runs lists the runs, metrics.reject_reasons says why rows "
        "were rejected."
    )


def _write(
    warehouse: duckdb.DuckDBPyConnection,
    tables: Sequence[ExportedTable],
    path: Path,
    *,
    export_format: str,
    is_folder: bool,
) -> None:
    if is_folder:
        with new_folder(path) as folder:
            for table in tables:
                file = folder / f"{table.dataset}.{export_format}"
                write_rows(warehouse, table, file, is_csv=export_format == CSV)
        return
    with new_file(path) as file:
        if export_format == DUCKDB:
            write_database(warehouse, tables, file)
        else:
            write_rows(warehouse, tables[0], file, is_csv=export_format == CSV)


def _check_keys(
    warehouse: duckdb.DuckDBPyConnection,
    tables: Sequence[ExportedTable],
    counts: dict[str, int],
    *,
    run_id: str,
) -> None:
    """Raise SynthcareError where rows could not stand in one database."""
    broken = [
        f"{rows:,} of {counts[table.dataset]:,} rows of {table.dataset} {how}"
        for table in tables
        for rows, how in broken_keys(warehouse, table)
    ]
    if broken:
        raise SynthcareError(
            f"Run {run_id} is not exported: {'; '.join(broken)}. Look at its rows in schema marts."
        )


def _check_place(path: Path, *, is_folder: bool) -> None:
    """Raise SynthcareError where a file stands in the place of a folder, or the other way round."""
    if is_folder and path.exists() and not path.is_dir():
        raise SynthcareError(
            f"{path} is a file, and each table gets one of its own. Give --to a folder, or use "
            "--format duckdb."
        )
    if not is_folder and path.is_dir():
        raise SynthcareError(f"{path} is a folder. Give --to a file, such as {path / 'rows'}.")
