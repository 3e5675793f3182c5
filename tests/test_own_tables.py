"""From tables that nobody made for this project to a scorecard, with no edit in between."""

from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from generators.home import Home
from tests.coded import coded_rows
from tests.copies import Copy

TABLES = {"cancer": load_breast_cancer, "wine": load_wine, "diabetes": load_diabetes}
ROWS = 80

# How the made table writes that a value is missing.
GAPS = {"group": "?", "level": "NA", "day": "", "code": "-", "target": "NULL"}


def table_with_gaps(size: int) -> pd.DataFrame:
    """A column of each kind; only `count` is whole, and `level` is missing mostly in group a."""
    random = np.random.default_rng(5)
    group = random.choice(["a", "b", "c"], size)
    level = np.round(random.normal(np.where(group == "b", 9, 5), 1, size), 2)
    days = np.datetime64("2024-01-01") + random.integers(0, 300, size)
    table = pd.DataFrame(
        {
            "group": group,
            "level": level.astype(str),
            "count": random.integers(0, 99, size),
            "day": np.datetime_as_string(days),
            "code": [f"code {number}" for number in range(size)],
            "target": np.where(level > 6, "high", "low"),
        }
    )
    shares = {"group": 0.1, "level": np.where(group == "a", 0.8, 0.1), "day": 0.3, "code": 0.2}
    for column, share in (shares | {"target": 0.2}).items():
        table.loc[random.random(size) < share, column] = GAPS[column]
    return table


# One process, so that dbt parses once what the first commands have written.
SCORE = """
from tests.driver import cli
from generators.home import Home
from generators.warehouse.transform import run_dbt

home = Home.from_environment()
for name in TABLES:
    for command in (
        ["reference", "--dataset", name, "--csv", f"{name}.csv"],
        ["generate", "--dataset", name, "--llm", "independent", "--llm", "holdout", "--rows", ROWS],
    ):
        done = cli(*command)
        assert done.exit_code == 0, done.output
written = cli("import", "written.txt", "--llm", "hand", "--dataset", "gaps")
assert written.exit_code == 0, written.output
run_dbt(home, "build", "--exclude-resource-type", "unit_test")
"""


def read(home: Home, sql: str) -> pd.DataFrame:
    with duckdb.connect(home.warehouse, read_only=True) as warehouse:
        return warehouse.execute(sql).df()


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A copy of the project that has scored both baselines on each table."""
    copy = Copy(tmp_path_factory.mktemp("own") / "project")
    frames = {name: load(as_frame=True).frame for name, load in TABLES.items()}
    frames["gaps"] = table_with_gaps(600)
    for name, frame in frames.items():
        path = copy.folder / f"{name}.csv"
        frame.to_csv(path, index=False)
        copy.synthcare("contract", "infer", str(path), "--name", name)
    # Nine of ten rows lack the level, and the tenth has the largest.
    levels = ["", "None", *["NA"] * 7, str(pd.to_numeric(frames["gaps"]["level"], "coerce").max())]
    (copy.folder / "written.txt").write_text(
        "\n".join(f"a,{level},{number},2024-03-01,x,high" for number, level in enumerate(levels))
    )
    done = copy.python("-c", f"TABLES, ROWS = {[*frames]}, {ROWS}\n{SCORE}")
    assert done.returncode == 0, done.stdout + done.stderr
    return Home(copy.folder)


@pytest.fixture(scope="module")
def scorecards(brought: Home) -> dict[str, dict[str, dict[str, Any]]]:
    """Rows of metrics.scorecard by dataset and LLM."""
    rows = read(brought, "from metrics.scorecard").replace({np.nan: None})
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows.to_dict("records"):
        found.setdefault(row["dataset"], {})[row["llm"]] = row
    return found


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_ones_own_is_scored(scorecards: dict, name: str) -> None:
    """Columns drawn one by one are as real ones, but for what they have to do with another."""
    independent, holdout = scorecards[name]["independent"], scorecards[name]["holdout"]
    for run in (independent, holdout):
        assert run["rows_accepted"] == ROWS
        assert run["accept_rate"] == 1.0
        assert run["diversity"] > 0.85
    # Halves of 89 rows differ from each other by chance: by the width of the interval of 95 %,
    # which is four standard deviations, once in 15,000 tables.
    for score in ("column_fidelity", "pair_fidelity"):
        width = holdout[f"{score}_high"] - holdout[f"{score}_low"]
        assert width < 0.15
        assert holdout[score] == pytest.approx(1, abs=width)
    assert independent["column_fidelity"] == pytest.approx(holdout["column_fidelity"], abs=0.05)
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


def test_missing_values_are_part_of_the_contract_and_reproduced(
    brought: Home, scorecards: dict
) -> None:
    """Each way to write them was seen, and baselines write them as often."""
    shares = {"group_value": 0.1, "level": 0.33, "day": 0.3, "target": 0.2}
    rows = read(
        brought, "select * from metrics.missingness where run_id not like '%-hand-%'"
    ).to_dict("records")
    assert sorted(row["column_name"] for row in rows) == sorted([*shares, *shares])
    for row in rows:
        assert row["reference_missing_share"] == pytest.approx(shares[row["column_name"]], abs=0.06)
        assert row["score"] > 0.9
    # Of eight intervals of 95 %, one may miss; these 80 rows lack the level by chance more often.
    missed = [row for row in rows if not row["score_low"] < 1 < row["score_high"]]
    assert len(missed) <= 1
    assert scorecards["gaps"]["holdout"]["accept_rate"] == 1
    assert scorecards["gaps"]["holdout"]["utility"] > 0.6
    assert scorecards["gaps"]["independent"]["utility"] < 0.4


@pytest.mark.parametrize("llm", ["independent", "hand"])
def test_a_missing_number_is_smaller_than_any(brought: Home, llm: str) -> None:
    run, real = (
        read(brought, f"select level from {table}")["level"].astype(float).fillna(-1)
        for table in (
            f"marts.gaps where run_id like '%-{llm}-%'",
            "staging.stg_reference_gaps where not is_holdout",
        )
    )
    assert (run == -1).sum() >= 9
    scored = read(
        brought,
        f"""
        select distance from metrics.column_fidelity
        where column_name = 'level' and run_id like 'gaps-{llm}-%'
        """,
    )
    assert scored["distance"].tolist() == [pytest.approx(stats.ks_2samp(run, real).statistic)]


def test_a_missing_number_has_a_bar_of_its_own(brought: Home) -> None:
    bars = read(
        brought,
        """
        select * from metrics.distributions
        where column_name = 'level' and run_id like 'gaps-independent-%'
        order by bar_number
        """,
    )
    assert bars[["share", "reference_share"]].sum().tolist() == pytest.approx([1, 1])
    is_missing = bars["low"].isna() & bars["high"].isna()
    assert is_missing.tolist() == [False] * (len(bars) - 1) + [True]
    rows = read(
        brought,
        """
        select missing_share, reference_missing_share from metrics.missingness
        where column_name = 'level' and run_id like 'gaps-independent-%'
        """,
    )
    assert bars[["share", "reference_share"]].iloc[-1].tolist() == rows.iloc[0].tolist()


def test_missing_shares_are_compared_as_by_sdmetrics(brought: Home) -> None:
    from sdmetrics.single_column import MissingValueSimilarity

    real = read(brought, "from staging.stg_reference_gaps where not is_holdout")
    run = read(brought, "from marts.gaps where run_id like '%-independent-%'")
    rows = read(brought, "from metrics.missingness where run_id like 'gaps-independent-%'")
    assert len(rows) == 4
    for column, distance in zip(rows["column_name"], rows["distance"], strict=True):
        theirs = MissingValueSimilarity.compute(real[column], run[column])
        assert 1 - distance == pytest.approx(theirs, abs=1e-9)


def test_classifiers_are_shown_what_is_missing(brought: Home) -> None:
    with duckdb.connect(brought.warehouse, read_only=True) as warehouse:
        reference = coded_rows(warehouse).reference("gaps", 50_000)
    shown = {
        feature.column.name: share
        for feature, share in zip(
            reference.features, reference.train_features.mean(axis=0), strict=True
        )
        if feature.code == 0
    }
    missing = read(
        brought,
        """
        select distinct column_name, reference_missing_share from metrics.missingness
        where dataset = 'gaps'
        """,
    ).set_index("column_name")
    assert shown == pytest.approx(missing["reference_missing_share"].to_dict(), abs=1e-6)
