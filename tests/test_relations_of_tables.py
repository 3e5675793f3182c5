"""Keys of tables that belong together: found in files, and declared by constraints of dbt."""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from readers.tables import quoted, read_table
from synthcare.contracts.contract import contract_of
from synthcare.contracts.links import Brought, foreign_keys_of, order_of
from synthcare.contracts.relations import ForeignKey, parents_first
from synthcare.errors import SynthcareError

Tables = dict[str, pd.DataFrame]


def patients(rows: int = 40) -> pd.DataFrame:
    return pd.DataFrame(
        {"patient_id": np.arange(rows) + 100, "sex": ["f", "m"] * (rows // 2), "age": range(rows)}
    )


def stays(rows: int = 90, of: int = 40) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "stay_id": np.arange(rows) + 9_000,
            "patient_id": 100 + np.random.default_rng(1).integers(of, size=rows),
            "admitted": pd.date_range("2020-01-01", periods=rows).astype(str),
            "days": 1,
        }
    )


def found(tables: Tables, folder: Path) -> tuple[dict[str, tuple[ForeignKey, ...]], list[str]]:
    """The foreign keys of tables, and what is said of them."""
    with duckdb.connect() as database:
        return foreign_keys_of(database, brought(database, tables, folder))


def brought(database: duckdb.DuckDBPyConnection, tables: Tables, folder: Path) -> list[Brought]:
    read = []
    for name, table in tables.items():
        path = folder / f"{name}.csv"
        table.to_csv(path, index=False)
        seen = read_table(database, path)
        database.execute(f"create table {quoted(name)} as from rows")
        database.execute("drop view written; drop table rows; drop table received")
        read.append(Brought(name, seen.labels, seen.readings, seen.rows))
    return read


PATIENT = ForeignKey(("patient_id",), "patients", ("patient_id",))


def test_a_key_is_found_whatever_the_order_of_the_files(tmp_path: Path) -> None:
    for names in (("patients", "stays"), ("stays", "patients")):
        tables = {"patients": patients(), "stays": stays()}
        keys, notes = found({name: tables[name] for name in names}, tmp_path)
        assert keys == {"patients": (), "stays": (PATIENT,)}
        assert notes == ["stays: patient_id to patients is taken as what its rows belong to"]
        assert parents_first(keys) == ["patients", "stays"]


def test_a_key_may_be_called_by_the_name_of_its_table(tmp_path: Path) -> None:
    parents = patients().rename(columns={"patient_id": "id"})
    children = stays().rename(columns={"stay_id": "id"})
    keys, _ = found({"patients": parents, "stays": children}, tmp_path)
    assert keys["stays"] == (ForeignKey(("patient_id",), "patients", ("id",)),)


def test_tables_whose_rows_are_merely_numbered_do_not_belong_together(tmp_path: Path) -> None:
    wards = pd.DataFrame({"ward": range(30), "beds": range(30)})
    drugs = pd.DataFrame({"drug": range(30), "price": range(30)})
    with pytest.raises(SynthcareError, match="wards belongs to no other table: none of its col"):
        found({"wards": wards, "drugs": drugs}, tmp_path)


def test_orphans_are_counted(tmp_path: Path) -> None:
    children = stays()
    children.loc[:4, "patient_id"] = 7
    children["patient_id"] = children["patient_id"].astype("Int64")
    children.loc[5:6, "patient_id"] = None
    keys, notes = found({"patients": patients(), "stays": children}, tmp_path)
    assert keys["stays"] == (PATIENT,)
    assert notes[1] == "stays: 7 of 90 rows belong to no row of patients"


def test_a_key_that_repeats_is_named_with_counts(tmp_path: Path) -> None:
    parents = patients()
    parents.loc[1, "patient_id"] = parents.loc[0, "patient_id"]
    with pytest.raises(SynthcareError, match="1 of 40 rows of patients have no patient_id of the"):
        found({"patients": parents, "stays": stays()}, tmp_path)


def test_three_levels_two_parents_and_two_children(tmp_path: Path) -> None:
    doctors = pd.DataFrame({"doctor_id": range(500, 520), "grade": [1, 2] * 10})
    lab = pd.DataFrame({"stay_id": [9_000 + n // 2 for n in range(180)], "value": range(180)})
    allergies = pd.DataFrame({"patient_id": [100 + n // 2 for n in range(60)], "to": ["nuts"] * 60})
    children = stays().assign(doctor_id=[500 + n % 20 for n in range(90)])
    keys, _ = found(
        {
            "lab": lab, "stays": children, "allergies": allergies, "doctors": doctors,
            "patients": patients(),
        },
        tmp_path,
    )  # fmt: skip
    assert {(child, key.to) for child, own in keys.items() for key in own} == {
        ("lab", "stays"), ("stays", "patients"), ("stays", "doctors"), ("allergies", "patients"),
    }  # fmt: skip
    order = parents_first(keys)
    assert order.index("patients") < order.index("stays") < order.index("lab")


def test_a_key_of_several_columns(tmp_path: Path) -> None:
    parents = pd.DataFrame(
        {
            "hospital_id": np.repeat(["A", "B"], 20),
            "patient_no": np.tile(np.arange(20), 2),
            "age": range(40),
        }
    )
    children = parents.sample(90, replace=True, random_state=1)
    children = children[["patient_no", "hospital_id"]].assign(days=1)
    keys, _ = found({"patients": parents, "stays": children}, tmp_path)
    (key,) = keys["stays"]
    assert {*key.columns} == {"hospital_id", "patient_no"} and key.columns == key.to_columns


def test_rows_are_ordered_by_a_date_a_number_or_a_key_that_counts(tmp_path: Path) -> None:
    table = stays()
    for left_out, order in (
        ([], "admitted"),
        (["admitted"], "days"),
        (["admitted", "days"], "stay_id"),
        (["admitted", "days", "stay_id"], None),
    ):
        with duckdb.connect() as database:
            (read,) = brought(
                database, {"stays": table.drop(columns=left_out).assign(x=1)}, tmp_path
            )
            assert order_of(database, read, ["patient_id"]) == order


def model(name: str, **more: object) -> dict:
    column = {
        "name": "sex",
        "data_type": "varchar",
        "config": {"meta": {"label": "sex", "kind": "categorical", "accepted_values": ["f", "m"]}},
    }
    key = {"name": "patient", "config": {"meta": {"label": "patient_nbr"}}}
    meta = {"record": "x", "reference": {"title": "x", "file": "x", "stand_in_rows": 1}}
    return {"name": name, "columns": [key, column], "config": {"meta": meta}} | more


def test_constraints_of_dbt_declare_keys() -> None:
    key = {"type": "primary_key", "columns": ["patient"]}
    parent = contract_of(model("patients", constraints=[key]))
    assert (parent.key, parent.foreign_keys) == (("patient",), ())
    assert parent.key_labels == {"patient": "patient_nbr"}
    assert [column.name for column in parent.columns] == ["sex"]  # what an LLM writes
    to = {"to": "ref('patients')", "to_columns": ["patient"]}
    child = model("stays")
    child["columns"][0]["constraints"] = [{"type": "foreign_key", **to}]
    child["config"]["meta"]["children"] = {"order": "sex"}
    with pytest.raises(ValueError, match="is no date and no number"):
        contract_of(child)
    years = {"label": "years", "kind": "integer", "min": 0, "max": 9}
    child["columns"][1] = {"name": "years", "data_type": "integer", "config": {"meta": years}}
    child["config"]["meta"]["children"] = {"order": "years", "counts": {"shares": {"0": 1, 2: 3}}}
    contract = contract_of(child)
    assert (contract.counts.minimum, contract.counts.maximum) == (0, 2)
    assert contract.foreign_keys == (ForeignKey(("patient",), "patients", ("patient",)),)
    assert contract.ordered_by == "years"
    with pytest.raises(ValueError, match="needs to: ref"):
        contract_of(model("x", constraints=[{"type": "foreign_key", "columns": ["patient"]}]))
    with pytest.raises(KeyError, match="nobody"):
        contract_of(model("x", constraints=[{"type": "primary_key", "columns": ["nobody"]}]))


def test_circles_and_strangers_are_refused() -> None:
    def to(name: str) -> tuple[ForeignKey, ...]:
        return (ForeignKey(("x",), name, ("x",)),)

    with pytest.raises(SynthcareError, match="in a circle: a → b → a"):
        parents_first({"a": to("b"), "b": to("a")})
    with pytest.raises(SynthcareError, match="a belongs to nobody, which is no table here"):
        parents_first({"a": to("nobody")})
