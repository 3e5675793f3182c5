"""Exported rows are those of the mart, and harmless in a spreadsheet."""

import csv
import json
from pathlib import Path

import duckdb
import pytest

from tests.driver import Flow, cli, query

FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)", "＝1", 'a,"b"', "Ann\tLee", "Ann"]


@pytest.fixture
def exported(flow: Flow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Path]:
    """A run whose doctors are formulas, and a folder to export it to."""
    monkeypatch.setenv("SYNTHCARE_HOME", str(flow.home.root))
    row = query(flow.home, "select * from raw.reference_admissions limit 1")[0]
    labels = [name for name, *_ in query(flow.home, "describe raw.reference_admissions")]
    records = [dict(zip(labels, row, strict=True)) | {"Doctor": text} for text in FORMULAS]
    path = tmp_path / "formulas.txt"
    path.write_text(json.dumps(records))
    imported = cli("import", path, "--llm", "formulas", "--json")
    return json.loads(imported.stdout)["run_id"], tmp_path


def test_csv_has_no_formulas(flow: Flow, exported: tuple[str, Path]) -> None:
    run_id, folder = exported
    done = cli("export", "--run", run_id, "--to", folder / "it's.csv", "--json")
    assert json.loads(done.stdout) == {"file": str(folder / "it's.csv"), "rows": len(FORMULAS)}
    with (folder / "it's.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["Doctor"] for row in rows] == [
        *("'" + text for text in FORMULAS[:5]),
        *FORMULAS[5:],
    ]
    stored = query(
        flow.home,
        f"select age, date_of_admission, billing_amount, gender from marts.admissions"
        f" where run_id = '{run_id}' limit 1",
    )
    labels = ["Age", "Date of Admission", "Billing Amount", "Gender"]
    assert [rows[0][label] for label in labels] == [str(value) for value in stored[0]]


def test_parquet_has_the_texts_as_they_are(exported: tuple[str, Path]) -> None:
    run_id, folder = exported
    path = folder / "rows.parquet"
    done = cli("export", "--run", run_id, "--format", "parquet", "--to", path)
    assert done.stdout == f"wrote {len(FORMULAS)} rows to {path}\n"
    doctors = duckdb.sql(f"select Doctor from '{path}'").fetchall()
    assert [doctor for (doctor,) in doctors] == FORMULAS


def test_a_run_that_is_not_there_is_named(exported: tuple[str, Path]) -> None:
    _, folder = exported
    done = cli("export", "--run", "'; drop schema marts; --", "--to", folder / "x.csv")
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: There is no run '; drop schema marts; --. marts.")
    assert not (folder / "x.csv").exists()


def test_a_folder_that_cannot_be_written_is_named(exported: tuple[str, Path]) -> None:
    run_id, folder = exported
    done = cli("export", "--run", run_id, "--to", folder / "formulas.txt" / "x.csv")
    assert done.exit_code == 2
    assert "cannot be written" in done.stderr
