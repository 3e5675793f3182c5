"""Tables of a run are exported together: their keys join, and a database holds them to it."""

import csv
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from generators.home import Home
from generators.landing import exports
from generators.landing.exports import export_run, tables_of_run
from generators.warehouse.database import open_warehouse
from generators.warehouse.transform import run_dbt
from synthcare.contracts.contract import load_contract
from synthcare.errors import SynthcareError
from tests.driver import cli, query

PARENTS, CHILDREN = "diabetes_patients", "diabetes_stays"
BOTH = [PARENTS, CHILDREN]


@dataclass(frozen=True)
class Families:
    """A home with a run of patients and their stays by each baseline, and one of patients alone."""

    home: Home
    drawn: str
    real: str
    alone: str


@pytest.fixture(scope="module")
def written_families(tmp_path_factory: pytest.TempPathFactory) -> Families:
    home = Home(tmp_path_factory.mktemp("families"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNTHCARE_HOME", str(home.root))
        for command in (
            ["reference", "--dataset", CHILDREN],
            ["generate", "--dataset", CHILDREN, "--llm", "independent", "--llm", "holdout"],
            ["generate", "--dataset", PARENTS, "--llm", "independent"],
        ):
            rows = ["--rows", 12] if command[0] == "generate" else []
            done = cli(*command, *rows)
            assert done.exit_code == 0, done.output
            if command[0] == "reference":
                make_keys_odd(home)
        run_dbt(home, "run", "--select", *(f"+{dataset}" for dataset in BOTH))
    found = query(
        home, "select run_id from raw.llm_runs group by run_id order by count(*) desc, run_id desc"
    )
    return Families(home, *(run_id for (run_id,) in found))


def make_keys_odd(home: Home) -> None:
    """Let real keys look like markup, footnotes and delimiters."""
    with open_warehouse(home) as warehouse:
        for name in BOTH:
            (key,) = load_contract(PARENTS).key
            label = load_contract(name).key_labels[key]
            warehouse.execute(
                f"""
                update raw.reference_{name} set "{label}" = format(
                    ['<i>{{}}</i>', '{{}}*', '[{{}}]', '{{}}|a'][1 + "{label}"::bigint % 4],
                    "{label}"
                )
                """
            )


@pytest.fixture
def families(written_families: Families, monkeypatch: pytest.MonkeyPatch) -> Families:
    monkeypatch.setenv("SYNTHCARE_HOME", str(written_families.home.root))
    return written_families


@pytest.fixture
def changed(families: Families, tmp_path: Path) -> Home:
    """A copy whose warehouse a test may change."""
    home = Home(tmp_path / "changed")
    home.root.mkdir()
    with open_warehouse(families.home) as warehouse:
        warehouse.execute("checkpoint")
    shutil.copy(families.home.warehouse, home.warehouse)
    return home


def export(home: Home, run_id: str, path: Path, *, export_format: str = "csv") -> dict[str, int]:
    """How many rows of each table were written."""
    tables = tables_of_run(home, run_id, None)
    return export_run(home, tables, run_id, export_format=export_format, path=path)[1]


def change(home: Home, dataset: str, values: str) -> None:
    with open_warehouse(home) as warehouse:
        warehouse.execute(f"update intermediate.int_{dataset}_cast set {values}")


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def accepted(families: Families, run_id: str) -> dict[str, int]:
    counts = (
        query(families.home, f"select count(*) from marts.{name} where run_id = $r", r=run_id)
        for name in BOTH
    )
    return {name: count for name, ((count,),) in zip(BOTH, counts, strict=True)}


@pytest.mark.parametrize("llm", ["drawn", "real"])
def test_all_tables_of_a_run_are_in_one_folder_and_their_keys_join(
    families: Families, llm: str
) -> None:
    run_id = getattr(families, llm)
    done = cli("export", "--run", run_id, "--json")
    counts, folder = accepted(families, run_id), families.home.root / "exports" / run_id
    assert counts[CHILDREN] >= counts[PARENTS] == 12
    assert json.loads(done.stdout) == {
        "folder": str(folder),
        "rows": sum(counts.values()),
        "tables": counts,
    }
    patients, stays = (read(folder / f"{name}.csv") for name in BOTH)
    assert {PARENTS: len(patients), CHILDREN: len(stays)} == counts
    assert [*patients[0]] == ["patient_nbr", "race", "gender", "age"]
    assert [*stays[0]][:3] == ["encounter_id", "patient_nbr", "admission_type_id"]
    known = {patient["patient_nbr"] for patient in patients}
    assert len(known) == len(patients)
    assert {stay["patient_nbr"] for stay in stays} <= known
    assert len({stay["encounter_id"] for stay in stays}) == len(stays)
    assert names(folder) == [f"{name}.csv" for name in BOTH]


def test_a_database_refuses_what_the_contracts_do_not_allow(families: Families) -> None:
    done = cli(
        "export", "--run", families.drawn, "--dataset", PARENTS, "--format", "duckdb", "--json"
    )
    path = families.home.root / "exports" / f"{families.drawn}.duckdb"
    assert json.loads(done.stdout)["file"] == str(path)
    with duckdb.connect(path) as database:
        counts = {n: database.execute(f"select count(*) from {n}").fetchone()[0] for n in BOTH}
        assert counts == accepted(families, families.drawn)
        types = {name: of for name, of, *_ in database.execute(f"describe {CHILDREN}").fetchall()}
        assert (types["patient_nbr"], types["time_in_hospital"]) == ("VARCHAR", "INTEGER")
        stay = f"insert into {CHILDREN} select * replace"
        for refused in (
            f"{stay} ('new' as encounter_id, 'nobody' as patient_nbr) from {CHILDREN} limit 1",
            f"{stay} ('new' as encounter_id, null as insulin) from {CHILDREN} limit 1",
            f"insert into {CHILDREN} from {CHILDREN} limit 1",
            f"insert into {PARENTS} from {PARENTS} limit 1",
            f"delete from {PARENTS}",
        ):
            with pytest.raises(duckdb.ConstraintException):
                database.execute(refused)
        database.execute(
            f"{stay} ('new' as encounter_id, null as payer_code) from {CHILDREN} limit 1"
        )


def test_a_table_that_belongs_to_nothing_is_one_file(families: Families, tmp_path: Path) -> None:
    done = cli("export", "--run", families.alone, "--json")
    path = families.home.root / "exports" / f"{families.alone}.csv"
    rows = len(read(path))
    assert json.loads(done.stdout) == {"file": str(path), "rows": rows}
    assert rows >= 12
    path = tmp_path / "one.duckdb"
    assert export(families.home, families.alone, path, export_format="duckdb") == {PARENTS: rows}
    with duckdb.connect(path) as database:
        assert database.execute("show tables").fetchall() == [(PARENTS,)]
        with pytest.raises(duckdb.ConstraintException):
            database.execute(f"insert into {PARENTS} from {PARENTS} limit 1")


def test_what_else_is_in_a_folder_stays_there(families: Families, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for _ in range(2):
        export(families.home, families.real, tmp_path, export_format="parquet")
    tables = [f"{name}.parquet" for name in BOTH]
    assert names(tmp_path) == [*tables, "notes.txt"]
    orphans = duckdb.sql(
        f"select 1 from '{tmp_path / tables[1]}' anti join '{tmp_path / tables[0]}' "
        "using (patient_nbr)"
    )
    assert orphans.fetchall() == []


def test_no_key_is_a_formula_and_keys_still_join(
    families: Families, changed: Home, tmp_path: Path
) -> None:
    for dataset in BOTH:
        change(changed, dataset, "patient_nbr = '=' || patient_nbr")
    export(changed, families.drawn, tmp_path / "csv")
    patients, stays = (read(tmp_path / "csv" / f"{name}.csv") for name in BOTH)
    known = {patient["patient_nbr"] for patient in patients}
    assert {stay["patient_nbr"] for stay in stays} <= known
    assert all(key.startswith("'=") for key in known)


@pytest.mark.parametrize("export_format", ["csv", "duckdb"])
@pytest.mark.parametrize(
    ("dataset", "values", "said"),
    [
        (CHILDREN, "encounter_id = 'one'", 'have no "encounter_id" of their own'),
        (PARENTS, "patient_nbr = null", 'have no "patient_nbr" of their own'),
        (CHILDREN, "patient_nbr = 'x'", f'have the "patient_nbr" of no row of {PARENTS}'),
    ],
)
def test_rows_that_break_a_key_are_counted_and_not_written(
    families: Families,
    changed: Home,
    tmp_path: Path,
    dataset: str,
    values: str,
    said: str,
    export_format: str,
) -> None:
    change(changed, dataset, f"{values} where run_id = '{families.drawn}'")
    rows = accepted(families, families.drawn)[dataset]
    broken = rows - 1 if "one" in values else rows
    with pytest.raises(SynthcareError) as error:
        export(changed, families.drawn, tmp_path / "out", export_format=export_format)
    assert f"{broken} of {rows} rows of {dataset} {said}" in str(error.value)
    assert "\n" not in str(error.value)
    assert names(tmp_path) == ["changed"]


def test_places_that_cannot_be_written_are_named(families: Families, tmp_path: Path) -> None:
    file, run_id = tmp_path / "file.csv", families.drawn
    file.write_text("mine")
    for path, export_format, said in (
        (file, "csv", "is a file, and each table gets one of its own"),
        (tmp_path, "duckdb", "is a folder. Give --to a file"),
        (file / "below", "csv", "cannot be written"),
        (Path("/proc/rows"), "parquet", "cannot be written"),
        (Path("/proc/rows"), "duckdb", "cannot be written"),
    ):
        with pytest.raises(SynthcareError, match=said) as error:
            export(families.home, run_id, path, export_format=export_format)
        assert "\n" not in str(error.value)
    assert (names(tmp_path), file.read_text()) == (["file.csv"], "mine")


def test_an_export_that_fails_on_its_way_leaves_nothing(
    families: Families, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there" / f"{CHILDREN}.csv").mkdir(parents=True)
    with pytest.raises(SynthcareError, match="cannot be written: Is a directory"):
        export(families.home, families.drawn, tmp_path / "there")
    assert names(tmp_path / "there") == [f"{CHILDREN}.csv"]

    def fail_later(warehouse: object, tables: object, path: Path) -> None:
        path.write_text("half")
        path.with_name(f"{path.name}.wal").write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exports, "write_database", fail_later)
    with pytest.raises(SynthcareError, match="No space left on device"):
        export(families.home, families.drawn, tmp_path / "rows", export_format="duckdb")
    assert names(tmp_path) == ["there"]


def test_a_run_without_rows_of_a_table_is_named(families: Families, tmp_path: Path) -> None:
    done = cli("export", "--run", families.alone, "--dataset", CHILDREN, "--to", tmp_path / "x")
    assert done.exit_code == 2
    assert done.stderr.startswith(
        f"Error: Run {families.alone} has no accepted rows of {CHILDREN}."
    )
    assert names(tmp_path) == []
