"""From tables that nobody made for this project to a scorecard, with no edit in between."""

import json

import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from tests.copies import Copy

TABLES = {"cancer": load_breast_cancer, "wine": load_wine, "diabetes": load_diabetes}
ROWS = 80


# One process, so that dbt parses once what the first commands have written.
SCORE = """
import json
from tests.driver import cli, query
from generators.home import Home
from generators.transform import run_dbt

home = Home.from_environment()
for name in TABLES:
    for command in (
        ["reference", "--dataset", name, "--csv", f"{name}.csv"],
        ["generate", "--dataset", name, "--llm", "independent", "--llm", "holdout", "--rows", ROWS],
    ):
        done = cli(*command)
        assert done.exit_code == 0, done.output
run_dbt(home, "build")
columns = ["dataset", "llm", "rows_accepted", "accept_rate", "column_fidelity", "pair_fidelity"]
columns += ["detection", "diversity", "utility", "privacy", "utility_note"]
rows = query(home, f"select {', '.join(columns)} from metrics.scorecard")
print(json.dumps([dict(zip(columns, row)) for row in rows]))
"""


@pytest.fixture(scope="module")
def scorecards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, dict]]:
    """Rows of metrics.scorecard by dataset and LLM."""
    copy = Copy(tmp_path_factory.mktemp("own") / "project")
    for name, load in TABLES.items():
        path = copy.folder / f"{name}.csv"
        load(as_frame=True).frame.to_csv(path, index=False)
        copy.synthcare("contract", "infer", str(path), "--name", name)
    done = copy.python("-c", f"TABLES, ROWS = {[*TABLES]}, {ROWS}\n{SCORE}")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(done.stdout.splitlines()[-1])
    return {name: {row["llm"]: row for row in rows if row["dataset"] == name} for name in TABLES}


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
