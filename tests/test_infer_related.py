"""What contracts are proposed for tables that belong together, and what is refused in one line."""

import re
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml

from generators.home import Home
from generators.scaffold import scaffold
from generators.warehouse.transform import run_dbt
from synthcare.contracts.contract import read_contract
from synthcare.contracts.counts import describe_counts
from synthcare.contracts.infer import Inferred
from synthcare.contracts.infer_related import infer_related
from synthcare.errors import SynthcareError
from synthcare.project import PROJECT
from tests.copies import Copy
from tests.driver import cli
from tests.families import NAFLD

Tables = dict[str, pd.DataFrame]

SEXES, WARDS = ["f", "m"], ["eyes", "heart", "mind"]


def patients(rows: int = 40) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Patient ID": [f"P{number:03d}" for number in range(rows)],
            "Born": [str(date(1950, 1, 1) + timedelta(99 * n % 7_000)) for n in range(rows)],
            "Sex": [SEXES[n % 2] for n in range(rows)],
        }
    )


def stays(counts: list[int]) -> pd.DataFrame:
    """So many stays of each patient."""
    of = [number for number, count in enumerate(counts) for _ in range(count)]
    return pd.DataFrame(
        {
            "stay_id": [9_000 + 7 * row for row in range(len(of))],
            "Patient ID": [f"P{number:03d}" for number in of],
            "Admitted": [str(date(2020, 1, 1) + timedelta(row % 365)) for row in range(len(of))],
            "Ward": [WARDS[row % 3] for row in range(len(of))],
        }
    )


COUNTS = [0] * 10 + [1] * 20 + [2] * 9 + [12]


def inferred(tables: Tables, folder: Path) -> tuple[dict[str, Inferred], list[str]]:
    """What is proposed for `clinic`, and what was unsure."""
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    found, doubts = infer_related("clinic", [folder / f"{name}.csv" for name in tables])
    return {name: of for name, (_, of) in found.items()}, doubts


def keys(of: Inferred) -> list[tuple[str, list[str], str | None]]:
    """Each constraint: its type, its columns, what it refers to."""
    return [(x["type"], x["columns"], x.get("to")) for x in of.constraints]


def kinds(of: Inferred) -> dict[str, str | None]:
    return {c["name"]: c["config"]["meta"].get("kind") for c in of.columns}


def refused(tables: Tables, folder: Path, said: str) -> None:
    with pytest.raises(SynthcareError, match=said) as error:
        inferred(tables, folder)
    assert "\n" not in str(error.value)


def test_two_tables_whatever_the_order_of_their_files(tmp_path: Path) -> None:
    tables = {"stays": stays(COUNTS), "patients": patients()}
    for names in (("stays", "patients"), ("patients", "stays")):
        found, doubts = inferred({name: tables[name] for name in names}, tmp_path)
        assert [*found] == ["clinic_patients", "clinic_stays"]
        parent, child = found.values()
        assert keys(parent) == [("primary_key", ["patient_id"], None)]
        assert keys(child) == [
            ("primary_key", ["stay_id"], None),
            ("foreign_key", ["patient_id"], "ref('clinic_patients')"),
        ]
        assert child.constraints[1]["to_columns"] == ["patient_id"]
        assert all(x["warn_unsupported"] is False for x in child.constraints)
        assert kinds(parent) == {"patient_id": None, "born": "date", "sex": "categorical"}
        assert kinds(child) == {
            "stay_id": None, "patient_id": None, "admitted": "date", "ward": "categorical",
        }  # fmt: skip
        assert {c["data_type"] for c in child.columns[:2]} == {"varchar"}
        assert child.columns[1]["config"]["meta"] == {"label": "Patient ID"}
        assert (parent.group, child.group, parent.children) == (None, None, {})
        assert child.children == {
            "order": "admitted",
            "counts": {"shares": {"0": 0.25, "1": 0.5, "2": 0.225, "12": 0.025}},
            "rules": [
                {
                    "name": "admitted_before_born",
                    "holds": "admitted >= parent.born",
                    "sentence": "The Admitted is on or after the Born of its row in clinic "
                    "patients.",
                }
            ],
        }
        for doubt in (
            "stays: Patient ID to patients is taken as what its rows belong to",
            "stays: admitted is taken as the order of rows that belong together",
            "stays: a row of patients has 0 to 12 of them, 1 at the median (counts)",
            "stays: admitted >= parent.born: taken as a rule; check whether it must be so",
            "patients: sex is taken as groups of people (sensitive)",
        ):
            assert doubt in doubts


def test_dates_that_cross_give_no_rule_across_tables(tmp_path: Path) -> None:
    parents = patients().assign(Seen=[str(date(2020, 1, 10 + n % 9)) for n in range(40)])
    found, _ = inferred(
        {"patients": parents.drop(columns="Born"), "stays": stays(COUNTS)}, tmp_path
    )
    assert "rules" not in found["clinic_stays"].children
    parents["Seen"] = "2021-06-01"
    found, _ = inferred(
        {"patients": parents.drop(columns="Born"), "stays": stays(COUNTS)}, tmp_path
    )
    (rule,) = found["clinic_stays"].children["rules"]
    assert rule["holds"] == "parent.seen >= admitted"


@pytest.mark.parametrize(
    "counts, population",
    [
        ({3: 40}, {"min": 3, "max": 3}),
        ({1: 10, 2: 10, 3: 10}, {"min": 1, "max": 3}),
        ({1: 10, 3: 10}, {"shares": {"1": 0.5, "3": 0.5}}),
        # Rare numbers are together with their neighbours, never with those far away, nor with 0.
        (
            {0: 1, 1: 9_959, 2: 1, 3: 1, 4: 2, 5: 3, 6: 1, 7: 2, 30: 10, 31: 10, 10_000: 10},
            {
                "shares": {
                    "0": 0.0001, "1": 0.996, "2-3": 0.0002, "4-6": 0.0006, "7": 0.0002,
                    "30-31": 0.002, "10000": 0.001,
                }
            },
        ),
    ],
)  # fmt: skip
def test_numbers_of_children(counts: dict[int, int], population: dict[str, Any]) -> None:
    assert describe_counts(counts) == population


def test_bands_of_rare_numbers_are_ever_wider() -> None:
    bands = [*describe_counts(dict.fromkeys(range(1, 1_000), 1) | {1: 2})["shares"]]
    assert bands[:3] == ["1-2", "3-5", "6-9"]
    assert len(bands) < 30
    assert bands[-1].endswith("-999")


@pytest.mark.skipif(not NAFLD, reason="SYNTHCARE_TEST_NAFLD names no folder")
def test_patients_with_fatty_liver_and_their_diagnoses() -> None:
    paths = [Path(NAFLD) / f"{name}.csv.gz" for name in ("nafld3", "nafld1")]
    found, _ = infer_related("liver", paths)
    assert [*found] == ["liver_nafld1", "liver_nafld3"]
    (_, parent), (_, child) = found.values()
    assert keys(parent) == [("primary_key", ["id"], None)]
    assert keys(child) == [("foreign_key", ["id"], "ref('liver_nafld1')")]
    assert child.children["order"] == "days"
    assert kinds(child) == {"id": None, "days": "integer", "event": "categorical"}
    shares = child.children["counts"]["shares"]
    assert shares["0"] == pytest.approx(0.29, abs=0.001)
    assert sum(shares.values()) == pytest.approx(1, abs=0.005)
    assert (parent.group, kinds(parent)["case_id"]) == (None, "identifier")


def test_three_levels_two_parents_and_two_children(tmp_path: Path) -> None:
    """All tables have an id of their own, and lab results name the patient, too."""
    of_patients = patients().rename(columns={"Patient ID": "id"})
    of_stays = stays(COUNTS).rename(columns={"stay_id": "id"})
    of_stays["doctor_id"] = [f"D{n % 20}" for n in range(len(of_stays))]
    doctors = pd.DataFrame({"id": [f"D{n}" for n in range(20)], "grade": ["a", "b"] * 10})
    lab = pd.DataFrame(
        {
            "id": range(100),
            "stay_id": [9_000 + 7 * (n // 2) for n in range(100)],
            "patient_id": of_stays["Patient ID"].repeat(2).head(100).tolist(),
            "value": [n * 37 % 100 / 4 for n in range(100)],
        }
    )
    allergies = pd.DataFrame(
        {"id": range(30), "patient_id": [f"P{n:03d}" for n in range(30)], "to": ["a", "b"] * 15}
    )
    found, _ = inferred(
        {
            "allergies": allergies, "lab": lab, "doctors": doctors, "stays": of_stays,
            "patients": of_patients,
        },
        tmp_path,
    )  # fmt: skip
    to = {
        name: [(x["columns"], x["to"]) for x in of.constraints if "to" in x]
        for name, of in found.items()
    }
    assert to == {
        "clinic_doctors": [],
        "clinic_patients": [],
        "clinic_allergies": [(["patient_id"], "ref('clinic_patients')")],
        "clinic_stays": [
            (["patient_id"], "ref('clinic_patients')"), (["doctor_id"], "ref('clinic_doctors')"),
        ],
        "clinic_lab": [
            (["stay_id"], "ref('clinic_stays')"), (["patient_id"], "ref('clinic_patients')"),
        ],
    }  # fmt: skip
    assert [*found].index("clinic_stays") < [*found].index("clinic_lab")
    assert found["clinic_lab"].children == {
        "order": "id",
        "counts": {"min": 2, "max": 2},
    }


def clinics() -> Tables:
    """Patients are numbered within each hospital, and stays name both; one belongs to nobody."""
    of_patients = pd.DataFrame(
        {
            "hospital": np.repeat([f"H{n}" for n in range(20)], 3),
            "patient_no": np.tile([1, 2, 3], 20),
            "sex": SEXES * 30,
        }
    )
    of_stays = of_patients.sample(120, replace=True, random_state=1)[["patient_no", "hospital"]]
    of_stays = of_stays.assign(visit=of_stays.groupby([*of_stays]).cumcount() + 1, ward=WARDS * 40)
    of_stays.iloc[7, 0] = 4
    beds = [f"{n % 7 * 100}" for n in range(20)]
    hospitals = pd.DataFrame({"hospital": [f"H{n}" for n in range(20)], "beds": beds})
    return {"stays": of_stays, "hospitals": hospitals, "patients": of_patients}


def test_a_key_of_several_columns(tmp_path: Path) -> None:
    """That a stay is of a hospital is said by its patient; few numbers may be an order."""
    found, doubts = inferred(clinics(), tmp_path)
    hospitals, of_patients, child = found.values()
    assert keys(hospitals) == [("primary_key", ["hospital"], None)]
    (_, primary, _), (_, foreign, to) = keys(of_patients)
    assert ({*primary}, foreign, to) == (
        {"hospital", "patient_no"}, ["hospital"], "ref('clinic_hospitals')",
    )  # fmt: skip
    ((_, columns, to),) = keys(child)
    assert ({*columns}, to) == ({"hospital", "patient_no"}, "ref('clinic_patients')")
    assert child.constraints[0]["to_columns"] == columns
    assert child.children["order"] == "visit" and kinds(child)["visit"] == "integer"
    assert "stays: 1 of 120 rows belong to no row of patients" in doubts


def without_key(tables: Tables) -> Tables:
    return tables | {"stays": tables["stays"].drop(columns="Patient ID")}


def with_orphans(tables: Tables) -> Tables:
    return tables | {"stays": tables["stays"].replace({"Patient ID": {"P039": "P999"}})}


def with_repeated_keys(tables: Tables) -> Tables:
    return tables | {"patients": tables["patients"].replace({"Patient ID": {"P001": "P000"}})}


def with_numbers_for_keys(tables: Tables) -> Tables:
    of = tables["stays"]
    return tables | {"stays": of.assign(**{"Patient ID": of["Patient ID"].str[1:].astype(int)})}


def with_keys_only(tables: Tables) -> Tables:
    return tables | {"stays": tables["stays"][["Patient ID"]]}


def with_two_keys(tables: Tables) -> Tables:
    of_patients = tables["patients"].assign(mrn=[f"M{n}" for n in range(40)])
    visits = pd.DataFrame({"mrn": [f"M{n % 40}" for n in range(60)], "kind": ["a", "b"] * 30})
    return tables | {"patients": of_patients, "visits": visits}


@pytest.mark.parametrize(
    "spoil, said",
    [
        (without_key, "belongs to no other table: none of its columns"),
        (with_orphans, "12 of 50 rows of .*stays.csv belong to no row of .*, more than a tenth"),
        (with_repeated_keys, "1 of 40 rows of patients have no Patient ID of their own"),
        (with_numbers_for_keys, r"50 of 50 rows of stays .* \(10 here, P000 there\). Write keys"),
        (with_keys_only, "stays.csv has no columns but keys, Patient ID: leave it out"),
        (with_two_keys, "refer to patients by different keys .*stays by Patient ID; visits by mrn"),
    ],
)
def test_tables_that_do_not_belong_together_are_refused(
    tmp_path: Path, spoil: Callable[[Tables], Tables], said: str
) -> None:
    refused(spoil({"patients": patients(), "stays": stays(COUNTS)}), tmp_path, said)


def test_repeated_keys_of_several_columns_are_counted(tmp_path: Path) -> None:
    tables = clinics()
    named = {name: t.rename(columns={"hospital": "hospital_id"}) for name, t in tables.items()}
    named["patients"].iloc[0, 1] = 2
    del named["hospitals"]
    refused(named, tmp_path, "1 of 60 rows of patients have no .*hospital_id.* of their own")


def test_a_circle_is_refused(tmp_path: Path) -> None:
    def table(own: str, other: str) -> pd.DataFrame:
        return pd.DataFrame(
            {f"{own}_id": range(40), f"{other}_id": [n // 2 for n in range(40)], "x": SEXES * 20}
        )

    tables = {"a": table("a", "b"), "b": table("b", "c"), "c": table("c", "a")}
    refused(tables, tmp_path, "cannot belong to each other in a circle")


def test_a_circle_of_two_is_refused(tmp_path: Path) -> None:
    persons = pd.DataFrame(
        {"person_id": range(60), "team_id": [n % 20 for n in range(60)], "x": SEXES * 30}
    )
    teams = pd.DataFrame(
        {"team_id": range(20), "person_id": [3 * n for n in range(20)], "y": SEXES * 10}
    )
    tables = {"persons": persons, "teams": teams}
    refused(tables, tmp_path, "cannot belong to each other in a circle")


def test_tables_that_share_two_keys_are_no_circle(tmp_path: Path) -> None:
    ids = {"patient_id": [f"p{n}" for n in range(60)], "stay_id": [f"s{n}" for n in range(60)]}
    tables = {
        "stays": pd.DataFrame(ids | {"ward": [WARDS[n % 3] for n in range(60)]}),
        "labs": pd.DataFrame(ids | {"sodium": [130 + n % 17 for n in range(60)]}),
    }
    found, _ = inferred(tables, tmp_path)
    assert len([key for of in found.values() for key in keys(of) if key[2]]) == 1


def test_what_says_more_of_each_parent_is_no_parent_itself(tmp_path: Path) -> None:
    details = patients(60)[["Patient ID"]].assign(weight=[n % 7 for n in range(60)])
    found, _ = inferred(
        {"patients": patients(60), "details": details, "stays": stays([1, 2, 3] * 20)}, tmp_path
    )
    parents = {name: [to for _, _, to in keys(of) if to] for name, of in found.items()}
    assert parents == {
        "clinic_patients": [],
        "clinic_details": ["ref('clinic_patients')"],
        "clinic_stays": ["ref('clinic_patients')"],
    }


def test_datasets_whose_files_would_be_the_same_are_refused(tmp_path: Path) -> None:
    project = Copy(tmp_path / "project").folder
    tables = {"patients": patients(60), "patients_rejected": stays([1, 2, 3] * 20)}
    for name, table in tables.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    found, _ = infer_related("x", [tmp_path / f"{name}.csv" for name in tables])
    before = files(project)
    with pytest.raises(SynthcareError, match=r"would have the same file x_patients_rejected\.sql"):
        scaffold(found, project)
    assert files(project) == before


def test_a_column_called_as_keys_are_is_refused(tmp_path: Path) -> None:
    tables = {"patients": patients(), "stays": stays(COUNTS).rename(columns={"Ward": "key"})}
    for name, table in tables.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    found, _ = infer_related("x", [tmp_path / f"{name}.csv" for name in tables])
    with pytest.raises(SynthcareError, match="A column of x_stays is called Key, as the keys of"):
        scaffold(found, Copy(tmp_path / "project").folder)


@pytest.mark.parametrize("others", [199, 40])
def test_a_parent_of_ten_thousand_is_named(tmp_path: Path, others: int) -> None:
    _, doubts = inferred(
        {"patients": patients(1 + others), "stays": stays([10_000, *[1] * others])}, tmp_path
    )
    assert any("one row of patients has 10,000 of them, where 99 %" in doubt for doubt in doubts)


def files(folder: Path) -> dict[str, str]:
    return {str(path): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["stays.csv", "patients.csv", "--columns", "Sex"], "--columns is for one file"),
        (["stays.csv", "stays.csv"], "stays.csv is given twice"),
        (["stays.csv", "other/Stays.CSV"], "are both called stays. Rename one of them"),
        (["stays.csv", "patients.csv", "--name", "Clinic"], "is no name for a dataset"),
        (["stays.csv", "nobody.csv"], "There is no file nobody.csv"),
        (["stays.csv", "few.csv"], "few.csv has 3 rows, too few"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    stays(COUNTS).to_csv(tmp_path / "stays.csv", index=False)
    patients().to_csv(tmp_path / "patients.csv", index=False)
    pd.DataFrame({"stay_id": [9_000, 9_007, 9_014], "x": 1}).to_csv(tmp_path / "few.csv")
    (tmp_path / "other").mkdir()
    shutil.copy(tmp_path / "stays.csv", tmp_path / "other" / "Stays.CSV")
    monkeypatch.chdir(tmp_path)
    names = [] if "--name" in arguments else ["--name", "clinic"]
    done = cli("contract", "infer", *arguments, *names)
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: ")


@pytest.fixture(scope="module")
def built_clinics(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A copy of the project that has built the contracts proposed for three tables."""
    copy = Copy(tmp_path_factory.mktemp("related") / "project")
    for name, table in clinics().items():
        table.to_csv(copy.folder / f"{name}.csv", index=False)
    paths = [f"{name}.csv" for name in ("stays", "hospitals", "patients")]
    models, before = copy.folder / "models", files(copy.folder / "models")
    declared = (copy.folder / "dbt_project.yml").read_text()
    (models / "marts" / "clinic_stays.sql").write_text("")  # the name of the last one is taken
    failed = copy.python("-m", "generators", "contract", "infer", *paths, "--name", "clinic")
    assert failed.returncode == 2 and "clinic_stays.sql is there already" in failed.stderr
    (models / "marts" / "clinic_stays.sql").unlink()
    assert files(models) == before
    assert (copy.folder / "dbt_project.yml").read_text() == declared
    done = copy.python("-m", "generators", "contract", "infer", *paths, "--name", "clinic")
    assert done.returncode == 0, done.stderr
    (copy.folder / "said.txt").write_text(done.stdout)
    done = copy.python("-c", BUILD)
    assert done.returncode == 0, done.stdout + done.stderr
    return Home(copy.folder)


NAMES = ["hospitals", "patients", "stays"]

# One process, so that dbt parses once.
BUILD = f"""
from tests.driver import cli
from generators.home import Home
from generators.warehouse.transform import run_dbt

for name in {NAMES}:
    done = cli("reference", "--dataset", f"clinic_{{name}}", "--csv", f"{{name}}.csv")
    assert done.exit_code == 0, done.output
run_dbt(Home.from_environment(), "build", "--exclude-resource-type", "unit_test")
"""


def test_contracts_and_models_are_written_parents_first(built_clinics: Home) -> None:
    said = (built_clinics.root / "said.txt").read_text().splitlines()
    assert [line for line in said if line.startswith("next: ")] == [
        f"next: synthcare reference --dataset clinic_{name} --csv {name}.csv" for name in NAMES
    ]
    wrote = [line.removeprefix("wrote ") for line in said if line.startswith("wrote ")]
    assert len(wrote) == 3 * 6 + 1
    assert [x for x in wrote if x.endswith(".yml")] == [
        *(f"models/marts/clinic_{name}.yml" for name in NAMES), "dbt_project.yml",
    ]  # fmt: skip
    staging = built_clinics.root / "models" / "staging" / "stg_reference_clinic_stays.sql"
    first, second, *_ = staging.read_text().splitlines()
    assert first == "-- depends_on: {{ ref('stg_reference_clinic_patients') }}"
    assert second == "{{ config(materialized='table') }}"
    cast = built_clinics.root / "models" / "intermediate" / "int_clinic_stays_cast.sql"
    # Which patients are accepted depends on hospitals, which their own model reads.
    assert cast.read_text().splitlines() == [
        "-- depends_on: {{ ref('int_clinic_patients_cast') }}",
        "{{ cast_records('clinic_stays') }}",
    ]
    contract = read_contract(built_clinics.root / "models" / "marts" / "clinic_stays.yml")
    assert contract.ordered_by == "visit" and contract.counts is not None
    declared = yaml.safe_load(
        (built_clinics.root / "models" / "marts" / "clinic_stays.yml").read_text()
    )
    assert "group" not in declared["models"][0]["config"]["meta"]["reference"]
    described = {x["name"]: [c["name"] for c in x.get("columns", ())] for x in declared["models"]}
    assert "parent_record_id" in described["int_clinic_stays_cast"]


def test_no_row_is_lost_and_families_are_in_one_half(built_clinics: Home) -> None:
    with duckdb.connect(built_clinics.warehouse, read_only=True) as warehouse:
        stays, of_patients, hospitals = (
            warehouse.execute(f"from staging.stg_reference_clinic_{name}").df()
            for name in ("stays", "patients", "hospitals")
        )
    assert (len(stays), len(of_patients), len(hospitals)) == (120, 60, 20)
    both = stays.merge(of_patients, on=["hospital", "patient_no"], suffixes=("", "_of_parent"))
    assert len(both) == 119  # one belongs to nobody
    assert (both["is_holdout"] == both["is_holdout_of_parent"]).all()
    both = of_patients.merge(hospitals, on="hospital", suffixes=("", "_of_parent"))
    assert (both["is_holdout"] == both["is_holdout_of_parent"]).all()
    assert {*both["is_holdout"]} == {True, False}


def test_the_example_of_the_docs_is_a_contract(tmp_path: Path) -> None:
    page = (PROJECT / "docs" / "contract.md").read_text()
    (example,) = re.findall(r"```yaml\n(models:.*?)```", page, flags=re.S)
    (tmp_path / "clinic_stays.yml").write_text(example)
    contract = read_contract(tmp_path / "clinic_stays.yml")
    assert contract.key == ("stay_id",) and contract.ordered_by == "admitted"
    assert [str(key) for key in contract.foreign_keys] == ["patient_id to clinic_patients"]
    assert contract.counts is not None and contract.counts.maximum == 3
    assert [rule.name for rule in contract.family_rules] == ["admitted_before_born"]


def test_one_process_compiles_a_foreign_key_twice(home: Home) -> None:
    """As `run` does, which builds more than once. What fails is raised."""
    for _ in range(2):
        run_dbt(home, "compile", "--select", "diabetes_stays")
