"""The reference table: real files in every dress, refused ones, and the stand-in."""

import csv
import gzip
import io
import os
from datetime import date
from pathlib import Path

import pytest

from generators.drawing.stand_in import stand_in_rows
from generators.home import Home
from synthcare.contracts.contract import Contract, load_contract
from tests.driver import DATASET, cli, csv_row, query

TABLE = f"raw.reference_{DATASET}"


@pytest.fixture
def text(contract: Contract) -> str:
    rows = [csv_row(hospital='"Kim, Inc"'), csv_row(billing_amount="-33.123456789012345")]
    return "\n".join([",".join(contract.labels), *rows]) + "\n"


@pytest.mark.parametrize("dress", ["plain", "crlf", "gzip", "bom"])
def test_a_file_is_landed_as_received(home: Home, tmp_path: Path, text: str, dress: str) -> None:
    content = {
        "plain": text.encode(),
        "crlf": text.replace("\n", "\r\n").encode(),
        "gzip": gzip.compress(text.encode()),
        "bom": b"\xef\xbb\xbf" + text.encode(),
    }[dress]
    path = tmp_path / ("table.csv.gz" if dress == "gzip" else "table.csv")
    path.write_bytes(content)
    assert cli("reference", "--csv", path).exit_code == 0
    assert query(home, f'select "Hospital", "Billing Amount" from {TABLE}') == [
        ("Kim, Inc", "120.50"),
        ("Kim Clinic", "-33.123456789012345"),
    ]
    assert query(home, "select reference, rows_landed from raw.reference_files") == [
        ("table.csv", 2)
    ]


@pytest.mark.skipif(
    "SYNTHCARE_TEST_REFERENCE" not in os.environ, reason="SYNTHCARE_TEST_REFERENCE names no file"
)
def test_the_kaggle_file_is_landed_whole(home: Home) -> None:
    assert cli("reference", "--csv", os.environ["SYNTHCARE_TEST_REFERENCE"]).exit_code == 0
    assert query(home, "select reference, rows_landed, sha256 from raw.reference_files") == [
        (
            "healthcare_dataset.csv",
            55_500,
            "d8c23c7dddaf0e1f5daf26182eb908c219d28a63bb574377c3ba6cb09be8a342",
        )
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "There is no file"),
        (b"", "is empty"),
        (b"a,b\n1,2\n", "has no column Name, Age"),
        ("header only", "has a header and no rows"),
        (b"\xff\xfe\x00\x01", "has no column Name, Age"),
        (b"\x1f\x8bnot gzip", "damaged gzip"),
        ("ragged", "have more or fewer values"),
    ],
)
def test_a_wrong_file_is_refused_and_the_table_stays(
    home: Home,
    tmp_path: Path,
    contract: Contract,
    text: str,
    content: bytes | str | None,
    said: str,
) -> None:
    good = tmp_path / "good.csv"
    good.write_text(text)
    assert cli("reference", "--csv", good).exit_code == 0
    before = query(home, f"from {TABLE}") + query(home, "from raw.reference_files")
    header = ",".join(contract.labels)
    bad = tmp_path / "bad.csv"
    match content:
        case bytes():
            bad.write_bytes(content)
        case "header only":
            bad.write_text(header + "\n")
        case "ragged":
            bad.write_text(f"{header}\n{csv_row()}\n{csv_row()},one,too,many\n")
    refused = cli("reference", "--csv", bad)
    assert refused.exit_code == 2
    assert refused.stderr.startswith("Error: ")
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
    assert query(home, f"from {TABLE}") + query(home, "from raw.reference_files") == before


def test_the_stand_in_is_the_same_in_every_process(home: Home) -> None:
    assert cli("reference").exit_code == 0
    assert query(home, "select reference, rows_landed, sha256 from raw.reference_files") == [
        (
            "stand-in",
            10_000,
            "5803b7967f268912693df17a0cdfe924f9f1690e52f90f97331a67e08f613e50",
        )
    ]


def test_the_stand_in_has_the_shares_deciles_and_gaps_of_the_contract() -> None:
    contract = load_contract("encounters")
    rows = [dict(zip(contract.labels, row, strict=True)) for row in stand_in_rows(contract, 20_000)]
    assert set(rows[0]) == set(contract.labels)
    insurers = [row["payer_code"] for row in rows]
    assert insurers.count("") / 20_000 == pytest.approx(0.396, abs=0.015)
    assert insurers.count("MC") / (20_000 - insurers.count("")) == pytest.approx(0.527, abs=0.015)
    days = sorted(int(row["time_in_hospital"]) for row in rows)
    assert (days[0], days[-1]) == (1, 14)
    assert [days[2_000 * tenth] for tenth in (3, 5, 8)] == [2, 4, 7]
    whole = stand_in_rows(contract, 200, has_gaps=False)
    assert all(all(row) for row in whole)


def test_each_row_of_a_stand_in_is_a_group_of_its_own(home: Home) -> None:
    assert cli("reference", "--dataset", "encounters").exit_code == 0
    counts = "select count(*), count(distinct patient_nbr) from raw.reference_encounters"
    assert query(home, counts) == [(5_000, 5_000)]


def test_the_stand_in_has_the_published_profile(contract: Contract) -> None:
    rows = [dict(zip(contract.labels, row, strict=True)) for row in stand_in_rows(contract, 10_000)]
    ages = [int(row["Age"]) for row in rows]
    assert (min(ages), max(ages)) == (18, 85)
    assert abs(sum(ages) / len(ages) - 51.5) < 1
    stays = [
        (
            date.fromisoformat(row["Discharge Date"]) - date.fromisoformat(row["Date of Admission"])
        ).days
        for row in rows
    ]
    assert (min(stays), max(stays)) == (1, 30)
    assert min(row["Date of Admission"] for row in rows) >= "2019-05-08"
    assert max(row["Date of Admission"] for row in rows) <= "2024-05-07"
    assert 0.48 < sum(row["Gender"] == "Male" for row in rows) / len(rows) < 0.52
    assert len({row["Name"] for row in rows}) > 8_000
    assert len(next(csv.reader(io.StringIO(",".join(contract.labels))))) == len(rows[0])


def test_kaggle_and_csv_exclude_each_other(home: Home) -> None:
    refused = cli("reference", "--csv", "x.csv", "--kaggle")
    assert refused.exit_code == 2
    assert "Give one of --csv, --kaggle and --uci." in refused.stderr


def test_a_reference_of_another_contract_is_named(home: Home, tmp_path: Path, text: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)
    assert cli("reference", "--csv", path).exit_code == 0
    query(home, f'alter table {TABLE} rename "Hospital" to "Clinic"')
    refused = cli("report")
    assert refused.exit_code == 2
    assert "has no column for Hospital: it was landed under another contract" in refused.stderr
    assert cli("reference", "--csv", path).exit_code == 0
    assert query(home, f'select "Hospital" from {TABLE} limit 1') == [("Kim, Inc",)]


def test_columns_are_found_by_name_and_others_left_out(
    home: Home, tmp_path: Path, contract: Contract
) -> None:
    """In another order, with one more column in front and one without a name at the end."""
    path = tmp_path / "more.csv"
    labels, values = list(reversed(contract.labels)), list(reversed(csv_row().split(",")))
    path.write_text(f"extra,{','.join(labels)},\nx,{','.join(values)},y\n")
    assert cli("reference", "--csv", path).exit_code == 0
    described = [name for name, *_ in query(home, f"describe {TABLE}")]
    assert described == list(contract.labels)
    assert query(home, f"from {TABLE}") == [tuple(csv_row().split(","))]
