"""`synthcare.score`: any table against any other, in Python and as a command."""

import json
import re
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

import synthcare
from generators.home import Home
from generators.warehouse.transform import run_dbt
from synthcare.chance import expected_total_variation
from synthcare.contracts.contract import Contract, Rule
from synthcare.errors import SynthcareError
from synthcare.fidelity import TOO_SPARSE
from synthcare.halves import sampled
from tests.driver import cli, query
from tests.worlds import Table, draw, land_reference, land_runs


def people(rows: int, seed: int) -> pd.DataFrame:
    """A table in which two columns have to do with each other, and a third is missing at times."""
    random = np.random.default_rng(seed)
    age = random.integers(18, 90, rows)
    return pd.DataFrame(
        {
            "Age": age,
            "Sex": random.choice(["female", "male"], rows),
            "BMI": np.where(random.random(rows) < 0.1, np.nan, random.normal(25, 4, rows).round(1)),
            "Ill": np.where(random.random(rows) < age / 100, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def card() -> synthcare.Scorecard:
    """Of rows of the same population, in which the sexes are not told apart as they should be."""
    return synthcare.score(people(2_000, 1), people(400, 2).assign(Sex="male"))


def test_real_rows_reach_one_and_a_flaw_is_seen(card: synthcare.Scorecard) -> None:
    scores = card.scores.set_index("name")
    assert scores.loc["overall", "real"] == pytest.approx(1, abs=0.1)
    columns = card.columns.set_index("column")["column_fidelity"]
    assert columns["sex"] == pytest.approx(0.5, abs=0.05)
    assert columns.drop("sex").min() > 0.9
    assert (
        card.pairs.nsmallest(3, "pair_fidelity")[["column_1", "column_2"]]
        .eq("sex")
        .any(axis=1)
        .all()
    )
    assert scores.loc["detection", "value"] < 0.7
    assert (card.rows, card.real_rows) == (400, 2_000)
    known = scores.loc[["column_fidelity", "pair_fidelity", "detection", "diversity", "utility"]]
    assert (known["low"] < known["value"]).all() and (known["value"] < known["high"]).all()


def test_the_kind_of_table_does_not_matter(card: synthcare.Scorecard, tmp_path: Path) -> None:
    real, synthetic = people(2_000, 1), people(400, 2).assign(Sex="male")
    real.to_csv(tmp_path / "real.csv.gz", index=False)
    synthetic.to_parquet(tmp_path / "synthetic.parquet")
    with duckdb.connect() as database:
        database.register("brought", real)
        for pair in (
            (str(tmp_path / "real.csv.gz"), tmp_path / "synthetic.parquet"),
            (database.sql("from brought"), synthetic),
        ):
            other = synthcare.score(*pair)
            pd.testing.assert_frame_equal(other.scores, card.scores)
            pd.testing.assert_frame_equal(other.pairs, card.pairs)


def test_scores_are_those_of_a_run(home: Home, contract: Contract, tmp_path: Path) -> None:
    """dbt codes in SQL what the library codes by itself; sampled is every row of so few.

    Some rows are copies, some say what the contract does not allow, or break its rule.
    """
    real, rows = draw(contract, 2_000, seed=1), draw(contract, 400, seed=2)
    rows.loc[:20] = real.loc[:20]
    rows.loc[10:20, "name"] = rows.loc[10:20, "name"].str.upper()
    rows.loc[30:60, "gender"] = "Male"
    rows.loc[70:79, "gender"] = "?"
    rows.loc[80:89, "discharge_date"] = "1999-01-01"
    rows.loc[90:99, "age"] = 999
    land_reference(home, contract, real)
    land_runs(home, contract, [Table("r", rows, 50)])
    run_dbt(home, "build", "--select", "+scores", "--exclude-resource-type", "test", "unit_test")
    paths = [tmp_path / "real.csv", tmp_path / "rows.csv"]
    for table, path in zip((real, rows), paths, strict=True):
        table.set_axis(contract.labels, axis=1).to_csv(path, index=False)
    card = synthcare.score(*paths, contract="admissions")

    def scored(name: str) -> dict[str | None, float]:
        return dict(
            query(home, f"select subject, value from metrics.scores where score_name = '{name}'")
        )

    for name in ("column_fidelity", "column_diversity", "distinct_values", "coverage"):
        of_run = scored(name)
        of_run.pop(None, None)
        found = card.columns.set_index("column")[name].dropna()
        assert found.to_dict() == pytest.approx({k: v for k, v in of_run.items() if v is not None})
    pairs = {
        f"{one}, {other}": value for one, other, value, *_ in card.pairs.itertuples(index=False)
    }
    of_run = scored("pair_fidelity")
    assert pairs | {None: card.value("pair_fidelity")} == pytest.approx(of_run)
    for name in ("accept_rate", "column_fidelity", "diversity", "plausibility", "privacy"):
        assert card.value(name) == pytest.approx(scored(name)[None]), name
    assert card.value("privacy") < 0.96
    assert card.value("accept_rate") == pytest.approx(370 / 400)


def test_rows_of_a_group_are_on_one_side_and_drawn_together() -> None:
    """Forty rows of one patient each count as one patient, so the intervals are wider."""
    real = people(4_000, 1).assign(Patient=np.arange(4_000) // 2)
    alike = pd.concat([people(12, 2)] * 40).assign(Patient=np.tile(np.arange(12), 40))
    wide, narrow = (
        synthcare.score(real, table, group="patient").columns.set_index("column")
        for table in (alike, alike.drop(columns="Patient"))
    )
    width = {
        name: table.loc["age", "column_fidelity_high"] - table.loc["age", "column_fidelity_low"]
        for name, table in (("wide", wide), ("narrow", narrow))
    }
    assert width["wide"] > 2 * width["narrow"]
    assert "patient" not in wide.index


def test_a_sample_holds_whole_units_and_all_blocks() -> None:
    units = np.repeat(np.arange(500), 30)
    sample, halves = sampled(units, rows=3_000, blocks=24, halves=100, seed=1)
    assert len(np.unique(sample)) == len(sample) == 3_000
    assert set(np.unique(halves.unit_of, return_counts=True)[1]) == {30}
    assert set(halves.block_of) == set(range(24))
    blocks = {unit: set(halves.block_of[halves.unit_of == unit]) for unit in halves.unit_of}
    assert {len(found) for found in blocks.values()} == {1}
    assert halves.shrink == pytest.approx((100 / 500) ** 0.5)
    again, _ = sampled(units, rows=3_000, blocks=24, halves=100, seed=1)
    assert (again == sample).all()


def test_a_page_can_be_sent_around(tmp_path: Path) -> None:
    """It says nothing of a row, asks for nothing, and shows names as text."""
    name = "Sex & <script>"
    real, synthetic = (people(300, seed).rename(columns={"Sex": name}) for seed in (1, 2))
    real["Name"] = [f"Zacharias{number} Quoll" for number in range(300)]
    card = synthcare.score(real, synthetic.assign(Name=real["Name"]))
    page = card.save_html(tmp_path / "card.html").read_text()
    assert "Zacharias" not in page + json.dumps(card.as_dict())
    assert "None" not in page
    assert not re.search(r"<script|src=|https?://", page)
    assert "<table>" in card._repr_html_()


TEXTS = pd.DataFrame({"code": [f"Text {number}" for number in range(200)]})

# Tables that cannot be compared, and what is said of them.
REFUSED = {
    "no column in common": (people(50, 1), people(50, 2).add_prefix("x")),
    "the synthetic table has no rows": (people(50, 1), people(0, 2)),
    "the real table has no rows": (people(0, 1), people(50, 2)),
    "too few to say what its columns hold": (people(5, 1), people(50, 2)),
    "There is no file nowhere.csv": ("nowhere.csv", people(50, 2)),
    "a list, cannot be read": ([1, 2], people(50, 2)),
    "No column of the real table": (pd.DataFrame({"a": [None] * 30}),) * 2,
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_cannot_be_compared_is_refused_in_a_line(said: str) -> None:
    with pytest.raises(SynthcareError, match=said) as caught:
        synthcare.score(*REFUSED[said])
    assert "\n" not in str(caught.value)
    assert not re.search(r"[\\/]tmp", str(caught.value))


# Tables of which some scores are not known: what is, and what is told.
PARTLY = {
    "one column": (people(300, 1)[["Age"]], people(300, 2)[["Age"]], "without pair_fidelity"),
    "identifiers only": (TEXTS, TEXTS, "without column_fidelity"),
    "texts for numbers": (
        people(300, 1),
        people(90, 2).assign(Age="old"),
        "without column_fidelity",
    ),
    "three rows": (people(300, 1), people(3, 2), "without detection"),
}


@pytest.mark.parametrize("name", PARTLY)
def test_scores_that_cannot_be_told_say_why(name: str, tmp_path: Path) -> None:
    real, synthetic, note = PARTLY[name]
    card = synthcare.score(real, synthetic)
    scores = card.scores.set_index("name")
    page = card.save_html(tmp_path / "card.html").read_text()
    assert page.count("<h2>") >= 2
    assert np.isnan(scores.loc["overall", "value"])
    assert scores.loc["overall", "note"].startswith(note)


def test_rows_of_few_categories_are_in_both_halves() -> None:
    """Rows that say the same are no copies there; or all women would be in one half."""

    def smokers(rows: int, seed: int) -> pd.DataFrame:
        random = np.random.default_rng(seed)
        return pd.DataFrame({name: random.choice(["a", "b"], rows) for name in ("Sex", "Smokes")})

    card = synthcare.score(smokers(400, 1), smokers(400, 2))
    assert card.value("column_fidelity") == pytest.approx(1, abs=0.05)
    assert card.value("pair_fidelity") == pytest.approx(1, abs=0.08)


def test_a_contract_may_compute_but_not_write(tmp_path: Path, contract: Contract) -> None:
    rows = draw(contract, 100, seed=1).set_axis(contract.labels, axis=1)
    file = tmp_path / "out.csv"
    for holds in (f"true); copy (select 1) to '{file}'; select (true", "no_such_column > 1"):
        with pytest.raises(SynthcareError, match="contract"):
            rule = Rule("bad", holds, "It is bad.")
            synthcare.score(rows, rows, contract=replace(contract, rules=(rule,)))
    assert not file.exists()


def test_chance_alone_explains_what_sparse_tables_differ_in() -> None:
    """Of many cells and few rows: the mean distance of samples of one population."""
    random = np.random.default_rng(1)
    for cells, real_rows, rows in ((900, 27_750, 40), (280, 50_000, 30), (100, 900, 40)):
        shares = random.dirichlet(np.ones(cells))
        scores = []
        for _ in range(200):
            real, table = (random.multinomial(n, shares) for n in (real_rows, rows))
            distance = np.abs(real / real_rows - table / rows).sum() / 2
            scores.append((1 - distance) / (1 - expected_total_variation(real, rows)))
        assert np.mean(scores) == pytest.approx(1, abs=0.03), (cells, real_rows, rows)


def test_what_is_too_sparse_is_not_scored() -> None:
    """Of forty rows in nine hundred cells, with a real row each, nothing can be told."""

    def codes(rows: int, seed: int) -> pd.DataFrame:
        random = np.random.default_rng(seed)
        return pd.DataFrame({n: random.integers(0, 30, rows) for n in "ab"}).map("v{}".format)

    card = synthcare.score(codes(1_800, 1), codes(40, 2))
    scores = card.scores.set_index("name")
    assert scores.loc["pair_fidelity", "note"] == TOO_SPARSE
    assert card.value("column_fidelity") == pytest.approx(1, abs=0.3)


def test_rows_that_do_not_follow_the_real_table_are_told() -> None:
    card = synthcare.score(people(300, 1), people(90, 2).assign(Sex=["?!"] * 30 + ["male"] * 60))
    assert card.value("accept_rate") == pytest.approx(60 / 90)
    assert any("30 of 90 synthetic rows" in note and "sex (30)" in note for note in card.notes)


def test_endless_numbers_and_empty_columns_are_scored_with_a_note() -> None:
    real = people(300, 1).assign(Empty=None)
    synthetic = people(300, 2).assign(Empty=None)
    synthetic["Age"] = synthetic["Age"].astype(float).where(synthetic.index > 9, np.inf)
    card = synthcare.score(real, synthetic)
    assert card.value("accept_rate") == pytest.approx(290 / 300)
    assert any("Empty" in note for note in card.notes)


def test_near_copies_leak_and_everything_says_so(tmp_path: Path) -> None:
    """Rows that differ from a real one in one value of four; others do not leak."""
    real = people(2_000, 1).assign(Weight=np.random.default_rng(1).normal(70, 9, 2_000).round(2))
    copies = real[:300].assign(Sex="male")
    card = synthcare.score(real, copies)
    assert re.search(r"of 300 rows .*; among real rows ", card.leaks)
    assert card.as_dict()["leaks"] == card.leaks
    assert f"leaks: {card.leaks}" in str(card)
    assert card.leaks in card._repr_html_()
    page = card.save_html(tmp_path / "card.html").read_text()
    assert page.count("The table leaks.") == 1
    assert np.isnan(card.scores.set_index("name").loc["privacy", "real"])
    assert [*card.shortfalls({"privacy": 0, "overall": 0})] == [f"the table leaks: {card.leaks}"]
    assert [*card.shortfalls({"diversity": 0})] == []
    paths = [tmp_path / "real.csv", tmp_path / "copies.csv"]
    for table, path in zip((real, copies), paths, strict=True):
        table.to_csv(path, index=False)
    done = cli("score", *paths, "--fail-under", "overall=0")
    assert done.exit_code == 1
    assert f"\nleaks: {card.leaks}" in done.stdout
    assert f"falls short: the table leaks: {card.leaks}" in done.stderr
    fresh = real[1_000:].sample(frac=1, random_state=1)
    fresh = fresh.assign(
        Weight=fresh["Weight"].to_numpy()[::-1], Age=people(1_000, 3)["Age"].to_numpy()
    )
    card = synthcare.score(real, fresh)
    assert card.leaks is None
    assert "leaks" not in str(card) + card._repr_html_()


def test_the_worst_stands_beside_the_means(card: synthcare.Scorecard) -> None:
    worst = card.columns.set_index("column").loc["sex", "column_fidelity"]
    assert card.worst_column == {"column": "sex", "column_fidelity": pytest.approx(worst)}
    assert "sex" in (card.worst_pair["column_1"], card.worst_pair["column_2"])
    assert card.worst_pair["pair_fidelity"] == pytest.approx(card.pairs["pair_fidelity"].min())
    assert card.as_dict()["worst_pair"] == card.worst_pair
    assert f"worst: sex {worst:.2f}" in card._repr_html_()


def test_the_command_scores_and_can_fail(tmp_path: Path) -> None:
    real, synthetic = tmp_path / "real.csv", tmp_path / "synthetic.csv"
    # Without missing values, no real row says the same as another.
    people(600, 1).dropna().to_csv(real, index=False)
    people(300, 2).dropna().assign(Sex="male").to_csv(synthetic, index=False)
    done = cli("score", real, synthetic, "--json", "--fail-under", "overall=0.2")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert {score["name"] for score in told["scores"]} >= {"overall", "privacy"}
    failed = cli("score", real, synthetic, "--fail-under", "column_fidelity=0.95")
    assert failed.exit_code == 1
    assert "; worst: sex 0." in failed.stdout
    assert "falls short: column_fidelity is 0.8" in failed.output
    assert cli("score", real, tmp_path / "none.csv").exit_code == 2


def test_groups_that_the_table_lacks_are_held_against_it() -> None:
    """Not to have a column of groups of people is no way to serve them."""
    card = synthcare.score(people(400, 1), people(200, 2).drop(columns="Sex"))
    scores = card.scores.set_index("name")
    assert np.isnan(scores.loc["subgroups", "value"])
    assert scores.loc["subgroups", "note"] == "the table lacks Sex"
    assert [*card.shortfalls({"subgroups": 0})] == ["subgroups is not known, where 0 was asked for"]


def test_where_no_row_follows_the_contract_each_score_says_so() -> None:
    card = synthcare.score(people(400, 1), people(60, 2).assign(Sex="?!"))
    scores = card.scores.set_index("name")
    assert scores.loc["accept_rate", "value"] == 0
    for name in ("subgroups", "privacy", "structure", "utility"):
        assert scores.loc[name, "note"] == "no row follows the contract"


def test_one_row_is_not_called_private_nor_just() -> None:
    scores = synthcare.score(people(400, 1), people(1, 2)).scores.set_index("name")
    assert scores.loc[["privacy", "subgroups"], "value"].isna().all()
    assert scores.loc[["privacy", "subgroups"], "note"].str.contains("20 rows").all()


def test_keys_of_real_people_are_counted() -> None:
    real, synthetic = people(400, 1), people(200, 2)
    real["patient_id"] = [f"P{number:05}" for number in range(400)]
    synthetic["patient_id"] = [f"P{number:05}" for number in range(300, 500)]
    notes = synthcare.score(real, synthetic, group="patient_id").notes
    assert any("100 of 200 values of patient_id in the synthetic table are in" in n for n in notes)
