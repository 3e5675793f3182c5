"""A build parses and types only what is new or was made by other SQL."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from generators.drawing.stand_in import stand_in_rows
from generators.home import Home
from generators.landing.journal import Journal
from generators.landing.loading import land
from generators.warehouse.database import open_warehouse
from generators.warehouse.transform import run_dbt
from generators.wire_formats import write_rows
from synthcare.contracts.contract import load_contract
from tests.driver import RUN, csv_row, query, response

FOUND_BY_SQL = ("staging.stg_llm_json_records", "staging.stg_llm_csv_records")
CAST = "intermediate.int_admissions_cast"
# Each with what spoils its rows.
TABLES = dict.fromkeys(FOUND_BY_SQL, "record_text = 'spoilt'") | {
    "staging.stg_llm_readings": "taken_for = 'nothing', records = '[]'",
    CAST: "age = 99",
}
_OTHER_LOGIC = "update raw.llm_readers set logic_hash = 'other' where model = $model"
# What parses and types; scores are made anew by every build.
BUILD = ("run", "--select", "+response_audit", "admissions", "admissions_rejected")
FIRST = [csv_row(), json.dumps([{"Name": "Ann"}, {"Name": "Bo", "Age": 40}]), "I'm sorry."]
MORE = [f"{csv_row(name='Cy')}\n{csv_row(age='x')}", '{"rows": [{"Name": "Di"}, {"Na', ""]


def add(home: Home, texts: list[str]) -> None:
    with Journal(home.landing / "r", RUN) as journal:
        for number, text in enumerate(texts, start=journal.last_request_number + 1):
            journal.append(response(number, text))
    land(home)


def tables(home: Home) -> list[list[tuple]]:
    return [
        query(
            home, f"select columns(lambda name: name <> 'landed_number') from {table} order by all"
        )
        for table in (
            *TABLES,
            "marts.admissions",
            "marts.admissions_rejected",
            "marts.response_audit",
        )
    ]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two builds, of the first responses and of more."""
    home = Home(tmp_path_factory.mktemp("incremental"))
    add(home, FIRST)
    run_dbt(home, *BUILD)
    add(home, MORE)
    run_dbt(home, *BUILD)
    return home


def test_the_audit_counts_every_response(built: Home) -> None:
    assert query(
        built,
        "select response_id, rows_requested, records_found, rows_accepted, rows_rejected,"
        " records_cut_off from marts.response_audit order by all",
    ) == [
        ("r-1", 4, 1, 1, 0, 0),
        ("r-2", 4, 2, 0, 2, 0),
        ("r-3", 4, 0, 0, 0, 0),
        ("r-4", 4, 2, 1, 1, 0),
        ("r-5", 4, 1, 0, 1, 0),
        ("r-6", 4, 0, 0, 0, 0),
    ]


def test_what_was_built_is_not_touched_until_a_full_refresh(built: Home) -> None:
    before = tables(built)
    for table in (*FOUND_BY_SQL, CAST):
        query(built, f"update {table} set {TABLES[table]}")
    touched = tables(built)
    assert touched != before
    run_dbt(built, *BUILD)
    assert tables(built) == touched
    run_dbt(built, *BUILD, "--full-refresh")
    assert tables(built) == before


@pytest.mark.parametrize("table", TABLES)
def test_what_other_logic_made_is_made_anew(built: Home, table: str) -> None:
    before = tables(built)
    query(built, f"update {table} set {TABLES[table]}")
    query(built, _OTHER_LOGIC, model=table.partition(".")[2])
    run_dbt(built, *BUILD)
    assert tables(built) == before


@pytest.mark.parametrize("table", [table for table in TABLES if table != CAST])
def test_what_follows_from_other_records_is_typed_anew(built: Home, table: str) -> None:
    before = tables(built)
    query(built, f"update {CAST} set age = 99")
    query(built, _OTHER_LOGIC, model=table.partition(".")[2])
    run_dbt(built, "run", "--select", "int_admissions_cast")
    run_dbt(built, *BUILD)
    assert tables(built) == before


def test_a_warehouse_of_an_older_version_is_read_anew(built: Home) -> None:
    before = tables(built)
    with open_warehouse(built) as older:
        older.execute("drop table raw.llm_readers")
        for table in TABLES:
            older.execute(f"update {table} set {TABLES[table]}")
            older.execute(f"alter table {table} add column logic_hash varchar")
        for table in ("raw.llm_responses", *[table for table in TABLES if table != CAST]):
            older.execute(f"alter table {table} drop column landed_number")
    run_dbt(built, *BUILD)
    assert tables(built) == before


def test_a_build_without_rows_is_no_reading(built: Home) -> None:
    before = tables(built)
    add(built, [csv_row(name="Eve")])
    run_dbt(built, *BUILD, "--empty")
    run_dbt(built, *BUILD)
    assert query(built, f"select response_id from {CAST} where name = 'Eve'") == [("r-7",)]
    assert len(tables(built)[-1]) == len(before[-1]) + 1


def test_what_was_deleted_is_gone_and_is_there_once_when_it_has_landed_again(built: Home) -> None:
    before = tables(built)
    query(built, "delete from raw.llm_responses where request_number = 1")
    run_dbt(built, *BUILD)
    assert query(built, f"from {CAST} where response_id = 'r-1'") == []
    land(built)
    run_dbt(built, *BUILD)
    assert tables(built) == before


@pytest.mark.parametrize(
    "first", ["stg_llm_json_records", "stg_llm_readings", "int_admissions_cast"]
)
def test_models_that_are_built_alone_neither_lose_nor_double_a_record(
    built: Home, first: str
) -> None:
    before = len(tables(built)[-1])
    add(built, MORE)
    run_dbt(built, "run", "--select", first)
    run_dbt(built, "run", "--select", "stg_llm_readings", "int_admissions_cast")
    run_dbt(built, *BUILD)
    found = tables(built)
    assert len(found[-1]) == before + len(MORE)
    run_dbt(built, *BUILD, "--full-refresh")
    assert tables(built) == found


def test_a_second_build_of_nothing_changes_nothing(built: Home, tmp_path: Path) -> None:
    before = tables(built)
    run_dbt(built, *BUILD)
    assert tables(built) == before
    # Nor is it planned how to type what is not there, which takes half a second a table.
    (compiled,) = (built.root / "target" / "compiled").rglob("int_admissions_cast.sql")
    assert "outcomes" not in compiled.read_text()


PATIENTS, STAYS = "diabetes_patients", "diabetes_stays"
# What judges both tables.
OF_FAMILIES = ("run", "--select", "+int_diabetes_stays_cast")
ALONE = ("run", "--select", "stg_llm_*", "int_diabetes_stays_cast")


def add_patient(home: Home, number: int) -> None:
    """An answer with one patient."""
    add_of(home, PATIENTS, number, write_rows(load_contract(PATIENTS), [PATIENT], "csv"))


def add_stay(home: Home, number: int) -> None:
    """An answer with one stay of the patient of that number, whether it has landed or not."""
    stays = load_contract(STAYS)
    parents = {"1": {"record_id": f"{PATIENTS}-{number}-1", "children": 1}}
    text = write_rows(stays, stand_in_rows(stays, 1), "csv", marks=["1"])
    fields = [["Key"], *([label] for label in stays.labels)]
    add_of(home, STAYS, number, text, parents, fields)


PATIENT = ("Asian", "Female", "[50-60)")


def add_of(
    home: Home,
    dataset: str,
    number: int,
    text: str,
    parents: dict | None = None,
    fields: list | None = None,
) -> None:
    run = RUN | {"dataset": dataset, "wire_format": "csv", "written_fields": fields}
    answer = replace(response(number, text), response_id=f"{dataset}-{number}", parents=parents)
    with Journal(home.landing / f"r.{dataset}", run) as journal:
        journal.append(answer)
    land(home)


def stays_judged(home: Home) -> list[tuple]:
    return query(
        home, f"select response_id, reject_reasons from intermediate.int_{STAYS}_cast order by 1"
    )


def test_a_stay_is_judged_again_when_its_patient_lands_late(home: Home) -> None:
    add_patient(home, 1)
    add_stay(home, 1)
    add_stay(home, 2)
    run_dbt(home, *OF_FAMILIES)
    assert stays_judged(home) == [(f"{STAYS}-1", []), (f"{STAYS}-2", ["parent_rejected"])]
    add_patient(home, 2)
    run_dbt(home, *OF_FAMILIES)
    assert stays_judged(home) == [(f"{STAYS}-1", []), (f"{STAYS}-2", [])]


def test_a_stay_is_read_no_further_than_its_patient(home: Home) -> None:
    add_patient(home, 1)
    add_stay(home, 1)
    run_dbt(home, *OF_FAMILIES)
    add_patient(home, 2)
    add_stay(home, 2)
    run_dbt(home, *ALONE)
    assert stays_judged(home) == [(f"{STAYS}-1", [])]
    run_dbt(home, *OF_FAMILIES, "--empty")
    assert stays_judged(home) == [(f"{STAYS}-1", [])]
    run_dbt(home, *OF_FAMILIES)
    assert stays_judged(home) == [(f"{STAYS}-1", []), (f"{STAYS}-2", [])]
