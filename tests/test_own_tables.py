"""From tables that nobody made for this project to a scorecard, with no edit in between."""

import json
from pathlib import Path

import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from tests.copies import Copy

TABLES = {"cancer": load_breast_cancer, "wine": load_wine, "diabetes": load_diabetes}
ROWS = 80


@pytest.fixture(scope="module")
def scorecards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, dict]]:
    """Rows of metrics.scorecard by dataset and LLM."""
    copy = Copy(tmp_path_factory.mktemp("own") / "project")
    for name, load in TABLES.items():
        path = copy.folder / f"{name}.csv"
        load(as_frame=True).frame.to_csv(path, index=False)
        copy.synthcare("contract", "infer", str(path), "--name", name)
        copy.synthcare("reference", "--dataset", name, "--csv", str(path))
    *others, last = TABLES
    baselines = ["--llm", "independent", "--llm", "holdout", "--rows", str(ROWS)]
    for name in others:
        copy.synthcare("generate", "--dataset", name, *baselines)
    summary = copy.synthcare("run", "--dataset", last, *baselines)
    assert Path(summary["pages"][0]).name == f"{last}.html"
    ask = (
        "import duckdb, json; w = duckdb.connect('warehouse.duckdb').execute("
        "'select dataset, llm, rows_accepted, accept_rate, column_fidelity, pair_fidelity,"
        " detection, diversity, utility, privacy, utility_note from metrics.scorecard');"
        "print(json.dumps([dict(zip([c[0] for c in w.description], r)) for r in w.fetchall()]))"
    )
    rows = json.loads(copy.python("-c", ask).stdout)
    return {
        name: {row["llm"]: row for row in rows if row["dataset"] == name}
        for name in (*others, last)
    }


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_ones_own_is_scored(scorecards: dict, name: str) -> None:
    """Columns drawn one by one are as real ones, but for what they have to do with another."""
    independent, holdout = scorecards[name]["independent"], scorecards[name]["holdout"]
    for run in (independent, holdout):
        assert run["rows_accepted"] == ROWS
        assert run["accept_rate"] == 1.0
        assert run["column_fidelity"] == pytest.approx(1, abs=0.05)
        assert run["diversity"] > 0.85
    assert holdout["pair_fidelity"] == pytest.approx(1, abs=0.05)
    assert independent["pair_fidelity"] < holdout["pair_fidelity"] - 0.02
    assert independent["detection"] < holdout["detection"]
    assert (independent["privacy"], holdout["privacy"]) == (1.0, 0.0)


@pytest.mark.parametrize("name", TABLES)
def test_real_rows_predict_the_target_and_independent_columns_do_not(
    scorecards: dict, name: str
) -> None:
    independent, holdout = scorecards[name]["independent"], scorecards[name]["holdout"]
    assert holdout["utility_note"] is None
    assert holdout["utility"] > 0.6
    assert independent["utility"] < 0.4
