"""Writes the accepted rows of a run to a file that people may share."""

from pathlib import Path

from generators.home import Home
from generators.warehouse.database import open_warehouse
from synthcare.contracts.contract import Column, Contract
from synthcare.errors import SynthcareError
from synthcare.files import new_file

EXPORT_FORMATS = ("csv", "parquet")

# What makes a spreadsheet take a cell for a formula (OWASP, "CSV Injection"), in plain and in
# full-width signs.
_FORMULA_STARTS = "=+-@\t\r\n＝＋－＠"


def export_run(
    home: Home, contract: Contract, run_id: str, *, export_format: str, path: Path | None
) -> tuple[Path, int]:
    """Write the accepted rows of `run_id`; return the file and the number of rows.

    The file is `exports/<run_id>.<format>` in the home folder unless `path` says otherwise; its
    header are the labels of the contract. In CSV every text is quoted, and one that a spreadsheet
    would take for a formula begins with an apostrophe; Parquet has the texts as they are. Raises
    SynthcareError where the run has no accepted rows or the file cannot be written.
    """
    path = path or home.root / "exports" / f"{run_id}.{export_format}"
    is_csv = export_format == "csv"
    columns = ", ".join(_selected(column, is_csv=is_csv) for column in contract.columns)
    texts = ", ".join(f'"{column.label}"' for column in contract.columns if column.is_text)
    settings = f"format csv, header, force_quote ({texts})" if is_csv else "format parquet"
    accepted = f"from marts.{contract.dataset} where run_id = getvariable('run_id')"
    with open_warehouse(home) as warehouse:
        warehouse.execute("set variable run_id = $run_id", {"run_id": run_id})
        (count,) = warehouse.execute(f"select count(*) {accepted}").fetchone()
        if not count:
            raise SynthcareError(
                f"Run {run_id} has no accepted rows. marts.generation_runs lists the runs, "
                "metrics.reject_reasons says why rows were rejected."
            )
        try:
            with new_file(path) as temporary:
                name = str(temporary).replace("'", "''")
                rows = f"select {columns} {accepted} order by record_id"
                warehouse.execute(f"copy ({rows}) to '{name}' ({settings})")
        except OSError as error:
            raise SynthcareError(f"{path} cannot be written: {error.strerror}.") from error
    return path, count


def _selected(column: Column, *, is_csv: bool) -> str:
    if not (is_csv and column.is_text):
        return f'{column.name} as "{column.label}"'
    starts = "', '".join(_FORMULA_STARTS)
    is_formula = f"left(ltrim({column.name}, ' '), 1) in ('{starts}')"
    return f"""if({is_formula}, '''' || {column.name}, {column.name}) as "{column.label}" """
