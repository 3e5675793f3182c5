"""`synthcare.score` of tables that belong together, in Python and as a command on two folders."""

import json
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

import synthcare
from synthcare.errors import SynthcareError
from synthcare.related import Scorecards
from tests.driver import cli

Tables = dict[str, pd.DataFrame]
NASTY = "</td><script>alert('stays')"


def families(patients: int, seed: int) -> Tables:
    """Patients, and their stays: longer for the old, alike in one patient, and ever more drugs."""
    random = np.random.default_rng(seed)
    ids = 1_000_000 * seed + np.arange(patients)
    age = random.integers(18, 90, patients)
    counts = random.poisson(2.5, patients)
    of = np.repeat(np.arange(patients), counts)
    visit = np.concatenate([np.arange(count) for count in counts])
    ward = random.integers(0, 4, patients)[of]
    is_moved = random.random(len(of)) < 0.2
    ward = np.where(is_moved, random.integers(0, 4, len(of)), ward)
    return {
        "patients": pd.DataFrame(
            {"patient_id": ids, "Age": age, "Sex": random.choice(["female", "male"], patients)}
        ),
        "stays": pd.DataFrame(
            {
                "patient_id": ids[of],
                "Admitted": (
                    np.datetime64("2020-01-01") + random.integers(0, 300, patients)[of] + 60 * visit
                ).astype(str),
                "Ward": np.take(["surgery", "medicine", "eyes", "heart"], ward),
                "Drugs": np.minimum(12, visit * 2 + random.integers(0, 3, len(of))),
                "Long": np.where(age[of] + random.normal(0, 10, len(of)) > 54, "yes", "no"),
            }
        ),
    }


def with_stays_of_others(tables: Tables) -> Tables:
    """Each stay belongs to any patient."""
    keys = np.random.default_rng(0).permutation(tables["stays"]["patient_id"])
    return tables | {"stays": tables["stays"].assign(patient_id=keys)}


@pytest.fixture(scope="module")
def real() -> Tables:
    return families(1_200, 1)


@pytest.fixture(scope="module")
def cards(real: Tables) -> Scorecards:
    """Of as good families."""
    return synthcare.score(real, families(300, 2))


def values(cards: Scorecards) -> pd.Series:
    return cards.relations.set_index("name")["value"]


def test_as_good_families_reach_what_real_ones_do(cards: Scorecards) -> None:
    assert [*cards.tables] == ["patients", "stays"]
    assert {*cards.relations["child"]} == {"stays"} and {*cards.relations["parent"]} == {"patients"}
    relations = cards.relations.set_index("name")
    for name in ("cardinality", "parent_structure", "siblings", "child_order", "family_detection"):
        score = relations.loc[name]
        assert score["low"] < 1 < score["high"] + 0.1, name
        assert score["real"] == pytest.approx(1, abs=0.25), name
    assert relations.loc["key_integrity", "value"] == 1
    assert "stays: ordered by Admitted" in cards.notes
    assert cards.tables["stays"].value("column_fidelity") > 0.95
    assert "patient_id" not in [*cards.tables["stays"].columns["column"]]  # no LLM writes it
    assert [*cards.shortfalls({"overall": 0.7, "siblings": 0.7})] == []


def test_children_of_others_are_told_by_relations_only(real: Tables, cards: Scorecards) -> None:
    shuffled = synthcare.score(real, with_stays_of_others(families(300, 2)))
    found = values(shuffled)
    for name in ("parent_structure", "siblings", "child_order"):
        assert found[name] < 0.3 < values(cards)[name], name
    assert found["family_detection"] < 0.7
    for name, card in shuffled.tables.items():
        assert card.overall == pytest.approx(cards.tables[name].overall, abs=0.05)
    (line,) = shuffled.shortfalls({"siblings": 0.5, "accept_rate": 0.5})
    assert line.startswith("stays to patients: siblings is ")


def test_one_number_is_that_of_the_worst_table_or_relation(cards: Scorecards) -> None:
    overall = {name: card.overall for name, card in cards.tables.items()}
    assert cards.value("overall") == min(value for value in overall.values() if value is not None)
    assert cards.value("siblings") == values(cards)["siblings"].min()
    assert cards.value("no score") is None


def test_the_kind_and_order_of_tables_do_not_matter(real: Tables, cards: Scorecards) -> None:
    with duckdb.connect() as database:
        synthetic = families(300, 2)
        database.register("brought", synthetic["stays"])
        again = synthcare.score(
            dict(reversed(real.items())),
            {"stays": database.table("brought"), "patients": synthetic["patients"]},
        )
    pd.testing.assert_frame_equal(again.relations, cards.relations)
    for name, card in cards.tables.items():
        pd.testing.assert_frame_equal(again.tables[name].scores, card.scores)


def test_orphans_cost_integrity(real: Tables) -> None:
    synthetic = families(300, 2)
    stays = synthetic["stays"]
    stays.loc[stays.index[: len(stays) // 4], "patient_id"] = 7
    cards = synthcare.score(real, synthetic)
    assert values(cards)["key_integrity"] == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize("missing", [0, 3])
def test_whole_numbers_that_pandas_made_decimals_are_the_same_keys(
    real: Tables, cards: Scorecards, missing: int
) -> None:
    synthetic = families(300, 2)
    keys = synthetic["stays"]["patient_id"].astype(float)
    keys.iloc[:missing] = float("nan")
    found = values(
        synthcare.score(real, synthetic | {"stays": synthetic["stays"].assign(patient_id=keys)})
    )
    expected = 1 - missing / len(keys)
    assert found["key_integrity"] == pytest.approx(expected, abs=1e-9)
    assert found["cardinality"] == pytest.approx(values(cards)["cardinality"], abs=0.02)


def test_what_a_page_shows(cards: Scorecards, tmp_path: Path) -> None:
    page = cards.save_html(tmp_path / "cards.html").read_text()
    assert page.count("<rect") == 2 and page.count('<line class="tie"') == 1
    worst = cards.relations.loc[cards.relations["value"].idxmin(), "title"]
    assert f"{worst} {cards.relations['value'].min():.2f}" in page
    assert "1000003" not in page + json.dumps(cards.as_dict())  # no row of anybody
    assert "<table>" in cards._repr_html_() and "siblings" not in str(cards)
    assert "Siblings" in str(cards)


def test_names_of_tables_are_shown_as_text(real: Tables, tmp_path: Path) -> None:
    named = [{NASTY if name == "stays" else name: t for name, t in tables.items()}
             for tables in (real, families(60, 2))]  # fmt: skip
    cards = synthcare.score(*named)
    page = cards.save_html(tmp_path / "cards.html").read_text() + cards._repr_html_()
    assert "<script>alert" not in page and "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("synthetic", "message"),
    [
        ({"patients": 1}, "Only real tables have stays: name synthetic tables alike"),
        (pd.DataFrame({"a": [1]}), "alike: each as a dict by name"),
        ({"patients": 1, "stays": 1}, "synthetic patients table, a int, cannot be read: it has no"),
    ],
)
def test_tables_that_do_not_match_are_refused(
    real: Tables, synthetic: object, message: str
) -> None:
    with pytest.raises(SynthcareError, match=message):
        synthcare.score(real, synthetic)


def test_a_table_without_its_key_is_refused_in_one_line(real: Tables) -> None:
    synthetic = families(60, 2)
    synthetic["patients"] = synthetic["patients"].drop(columns="patient_id")
    with pytest.raises(SynthcareError, match="patients has no column patient_id"):
        synthcare.score(real, synthetic)
    empty = families(60, 2)
    empty["stays"] = empty["stays"][:0]
    with pytest.raises(SynthcareError, match="has no rows"):
        synthcare.score(real, empty)


def test_folders_are_scored_as_a_command(real: Tables, tmp_path: Path) -> None:
    for side, tables in (("real", real), ("synthetic", with_stays_of_others(families(300, 2)))):
        (tmp_path / side).mkdir()
        for name, table in tables.items():
            table.to_csv(tmp_path / side / f"{name}.csv", index=False)
    paths = [str(tmp_path / side) for side in ("real", "synthetic")]
    page = tmp_path / "cards.html"
    done = cli("score", *paths, "--json", "--html", str(page), "--fail-under", "siblings=0.5")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert [*found["tables"]] == ["patients", "stays"]
    (shortfall,) = found["shortfalls"]
    assert shortfall.startswith("stays to patients: siblings is ")
    assert "stays to patients" in done.stderr and page.exists()
    refused = cli("score", paths[0], str(tmp_path / "real" / "stays.csv"))
    assert refused.exit_code == 2 and "is no folder of tables" in refused.stderr
    table = str(tmp_path / "real" / "stays.csv")
    refused = cli("score", table, table, "--fail-under", "siblings=0.5")
    assert refused.exit_code == 2 and "give two folders" in refused.stderr
    refused = cli("score", *paths, "--group", "patient_id")
    assert refused.exit_code == 2 and "leave out" in refused.stderr


CONTRACT = """
models:
  - name: {name}
    constraints: [{constraint}]
    config: {{meta: {{record: x, reference: {{title: x, file: x, stand_in_rows: 1}}{more}}}}}
    columns:
      - {{name: patient, config: {{meta: {{label: patient_id}}}}}}
      - {{name: admitted, config: {{meta: {{label: Admitted}}}}}}
      - name: {column}
        data_type: varchar
        config: {{meta: {{label: {label}, kind: categorical, accepted_values: [{values}]}}}}
"""


def contracts(folder: Path, constraint: str) -> dict[str, Path]:
    """Of patients and stays, of each the key and one column."""
    said = {
        "patients": {
            "constraint": "{type: primary_key, columns: [patient]}", "more": "",
            "column": "sex", "label": "Sex", "values": "female, male",
        },
        "stays": {
            "constraint": constraint, "more": ", children: {order: admitted}",
            "column": "ward", "label": "Ward", "values": "surgery, medicine, eyes, heart",
        },
    }  # fmt: skip
    paths = {}
    for name, parts in said.items():
        paths[name] = folder / f"{name}.yml"
        paths[name].write_text(CONTRACT.format(name=name, **parts))
    return paths


def test_contracts_declare_what_belongs_to_what(real: Tables, tmp_path: Path) -> None:
    key = "{type: foreign_key, columns: [patient], to: ref('patients'), to_columns: [patient]}"
    synthetic = families(200, 2)
    own = {"patients": "Sex", "stays": "Ward"}
    unordered = {
        name: table.drop(columns="Admitted", errors="ignore") for name, table in real.items()
    }
    with pytest.raises(SynthcareError, match="stays has no column Admitted"):
        synthcare.score(unordered, synthetic, contracts(tmp_path, key))
    cards = synthcare.score(real, synthetic, contracts(tmp_path, key))
    for name, label in own.items():
        assert [*cards.tables[name].columns["column"]] == [label.lower()]
    assert values(cards)["siblings"] == pytest.approx(1, abs=0.2)
    with pytest.raises(SynthcareError, match="declare no foreign key"):
        synthcare.score(real, synthetic, contracts(tmp_path, "{type: not_null}"))


def test_keys_of_real_people_are_told(real: Tables) -> None:
    """Parents that are kept, or copied."""
    cards = synthcare.score(real, {name: table[:400] for name, table in families(1_200, 1).items()})
    assert any(note.startswith("patients: 400 of 400 values of patient_id") for note in cards.notes)
