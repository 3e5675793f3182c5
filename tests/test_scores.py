"""Each flaw of a table is seen by the scores that are there for it, and by no other."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from generators.home import Home
from generators.warehouse.database import open_warehouse
from generators.warehouse.transform import run_dbt
from synthcare.contracts.contract import Contract
from tests.driver import query
from tests.worlds import Table, draw, land_reference, land_runs, read_csv

ROWS = 1_000
ROWS_PER_RESPONSE = 20


@dataclass(frozen=True)
class Scored:
    """A warehouse with a reference and runs, and the real rows that the runs were made from."""

    home: Home
    reference: pd.DataFrame

    def verdicts(self, run: str, verdict: str = "worse") -> set[str]:
        """Scores by which a run is worse than rows that are as good as real."""
        rows = query(
            self.home,
            """
            select score_name from metrics.comparison
            where run_id = $run and other_run_id = 'same' and verdict = $verdict
            """,
            run=run,
            verdict=verdict,
        )
        return {score for (score,) in rows}

    def columns_below_real(self, run: str) -> set[str]:
        """Columns whose interval ends below 1, by more than one that misses by chance."""
        rows = query(
            self.home,
            """
            select column_name from metrics.column_fidelity
            where run_id = $run and score + 1.5 * (score_high - score) < 1
            """,
            run=run,
        )
        return {column for (column,) in rows}

    def pairs_below_real(self, run: str) -> set[frozenset[str]]:
        rows = query(
            self.home,
            """
            select column_1, column_2 from metrics.pair_fidelity
            where run_id = $run and score + 2 * (score_high - score) < 1
            """,
            run=run,
        )
        return {frozenset(pair) for pair in rows}


def flawed(good: pd.DataFrame, real: pd.DataFrame, contract: Contract) -> dict[str, pd.DataFrame]:
    """Tables with one flaw each, of rows that are as good as real."""
    random = np.random.default_rng(3)
    kept = contract.column("admission_type").accepted_values[:-1]
    is_dropped = ~good["admission_type"].isin(kept)
    few = good["name"].to_numpy()[:50]
    early = random.random(len(good)) < 0.1
    copied = real.sample(100, random_state=3)
    return {
        "same": good,
        "shifted": good.assign(age=good["age"].astype(int) + 12),
        "dropped": good.assign(
            admission_type=good["admission_type"].where(~is_dropped, random.choice(kept, len(good)))
        ),
        "shuffled": good.assign(
            **{name: random.permutation(good[name]) for name in good if "date" not in name}
        ),
        "repeated": good.assign(name=few[random.integers(50, size=len(good))]),
        "copied": pd.concat([copied, good[100:]]),
        "undone": good.assign(discharge_date=good["discharge_date"].where(~early, "2019-01-01")),
    }


def score(
    folder: Path, contract: Contract, reference: pd.DataFrame, good: pd.DataFrame, *runs: str
) -> Scored:
    home = Home(folder)
    land_reference(home, contract, reference)
    tables = flawed(good, reference, contract)
    land_runs(
        home,
        contract,
        [Table(run, tables[run], ROWS_PER_RESPONSE) for run in runs or tables],
    )
    run_dbt(home, "build", "--exclude-resource-type", "test", "unit_test")
    return Scored(home, reference)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, contract: Contract) -> Scored:
    """A population in which columns depend on each other."""
    reference, good = draw(contract, 20_000, seed=1), draw(contract, ROWS, seed=2)
    return score(tmp_path_factory.mktemp("world"), contract, reference, good)


@pytest.fixture(scope="module")
def kaggle(tmp_path_factory: pytest.TempPathFactory, contract: Contract) -> Scored:
    """Kaggle's table, of which held-out rows are as good as real."""
    path = os.environ.get("SYNTHCARE_TEST_REFERENCE")
    if not path:
        pytest.skip("SYNTHCARE_TEST_REFERENCE does not name Kaggle's file")
    reference = read_csv(contract, Path(path))
    clean = reference[~reference["hospital"].str.contains(",")]
    good = clean.sample(ROWS, random_state=1)
    rest = reference.drop(good.index)
    runs = ("same", "shifted", "dropped", "shuffled")
    return score(tmp_path_factory.mktemp("kaggle"), contract, rest, good, *runs)


AS_REAL = ("accept_rate", "column_fidelity", "pair_fidelity", "detection", "diversity", "utility")
AS_REAL += ("structure",)


def test_real_rows_score_one(world: Scored) -> None:
    (scores,) = query(
        world.home, f"select {', '.join(AS_REAL)} from metrics.scorecard where run_id = 'same'"
    )
    (margins,) = query(
        world.home,
        f"select {', '.join(f'{s} - {s}_low' for s in AS_REAL)} from metrics.scorecard"
        " where run_id = 'same'",
    )
    for name, value, margin in zip(AS_REAL, scores, margins, strict=True):
        assert abs(value - 1) <= 1.5 * margin, (name, value, margin)
    assert scores[1:3] == pytest.approx((1, 1), abs=0.01)
    assert world.columns_below_real("same") == set()
    assert world.pairs_below_real("same") == set()


def test_a_shifted_column_is_seen_in_that_column(world: Scored) -> None:
    """And in its pairs, by a classifier, and by what it predicts: test results depend on age."""
    realism = {"column_fidelity", "pair_fidelity", "detection", "overall"}
    assert world.verdicts("shifted") - {"utility"} == realism
    assert world.columns_below_real("shifted") == {"age"}
    assert all("age" in pair for pair in world.pairs_below_real("shifted"))
    assert len(world.pairs_below_real("shifted")) == 12


def test_a_dropped_category_is_seen_in_that_column(world: Scored) -> None:
    found = world.verdicts("dropped")
    assert {"column_fidelity", "pair_fidelity", "diversity"} <= found
    assert found <= {"column_fidelity", "pair_fidelity", "diversity", "detection", "overall"}
    assert world.columns_below_real("dropped") == {"admission_type"}
    coverage = query(
        world.home,
        "select coverage from metrics.column_fidelity"
        " where run_id = 'dropped' and column_name = 'admission_type'",
    )
    assert coverage == [(2 / 3,)]


def test_shuffled_columns_are_seen_in_their_pairs(world: Scored) -> None:
    """No column by itself is other than real; what depended on each other no longer does."""
    realism = {"pair_fidelity", "structure", "detection", "plausibility", "utility", "overall"}
    assert world.verdicts("shuffled") == realism
    # Pairs hardly see it, as most of what two columns share is each by itself.
    ((pairs, structure),) = query(
        world.home,
        "select pair_fidelity, structure from metrics.scorecard where run_id = 'shuffled'",
    )
    assert pairs > 0.9
    assert structure < 0.2
    structures = query(
        world.home,
        "select column_1, column_2, score from metrics.structure"
        " where run_id = 'shuffled' and column_2 is not null",
    )
    assert {frozenset(pair) for *pair, score in structures if score < 0.3} >= {
        frozenset({"medical_condition", "medication"}),
        frozenset({"age", "test_results"}),
    }
    assert world.columns_below_real("shuffled") == set()
    assert world.pairs_below_real("shuffled") == {
        frozenset({"medical_condition", "medication"}),
        frozenset({"age", "test_results"}),
        frozenset({"billing_amount", "length_of_stay_days"}),
    }
    ((information, real),) = query(
        world.home,
        "select mutual_information, reference_mutual_information from metrics.pair_fidelity"
        " where run_id = 'shuffled' and column_1 = 'medical_condition'"
        " and column_2 = 'medication'",
    )
    assert information < 0.02
    assert real > 0.3
    ((correlation, real),) = query(
        world.home,
        "select correlation, reference_correlation from metrics.pair_fidelity"
        " where run_id = 'shuffled' and column_1 = 'billing_amount'"
        " and column_2 = 'length_of_stay_days'",
    )
    assert abs(correlation) < 0.1
    assert real > 0.9


def test_repeated_names_are_seen_by_diversity_alone(world: Scored) -> None:
    assert world.verdicts("repeated") - {"overall"} == {"diversity"}
    ((measured, expected),) = query(
        world.home,
        "select distinct_values, expected_distinct_values from metrics.column_diversity"
        " where run_id = 'repeated' and column_name = 'name'",
    )
    assert measured <= 50
    assert expected > 900


def test_copied_rows_are_seen_by_privacy_alone(world: Scored) -> None:
    assert world.verdicts("copied") == {"privacy"}
    ((copied, low, high),) = query(
        world.home,
        "select copied_rows, privacy_low, privacy_high from metrics.privacy"
        " where run_id = 'copied'",
    )
    assert copied == 100
    assert low < 0.9 < high
    # In words and counts, so that it can be told without showing anybody.
    ((leaks,),) = query(world.home, "select leaks from metrics.scorecard where run_id = 'copied'")
    assert re.search(r"^\d+ of 1,000 rows .* real row", leaks), leaks
    assert query(world.home, "select run_id from metrics.scorecard where leaks is not null") == [
        ("copied",)
    ]


def test_broken_rules_are_seen_by_validity_and_plausibility(world: Scored) -> None:
    """Only what is accepted is compared, and that is as real as before."""
    assert world.verdicts("undone") - {"overall"} == {"accept_rate", "plausibility"}


def test_signal_is_found_where_it_is(world: Scored) -> None:
    rows = query(
        world.home,
        """
        select column_name, learner, utility, utility_low, utility_high, reference_skill,
            importance_agreement
        from metrics.utility where run_id = 'same' order by all
        """,
    )
    assert {(column, learner) for column, learner, *_ in rows} == {
        (column, learner)
        for column in ("billing_amount", "test_results")
        for learner in ("boosting", "linear")
    }
    for column, learner, utility, low, high, skill, agreement in rows:
        assert low < 1 < high, (column, learner)
        assert utility == pytest.approx(1, abs=0.2)
        assert skill > 0.3
        assert agreement > 0.9


def test_kaggle_scores_itself_one_and_has_no_signal(kaggle: Scored) -> None:
    (scores,) = query(
        kaggle.home,
        "select column_fidelity, pair_fidelity, diversity, utility, utility_note, structure,"
        " structure_note from metrics.scorecard where run_id = 'same'",
    )
    assert scores[:3] == pytest.approx((1, 1, 1), abs=0.01)
    assert scores[3] is None
    assert scores[4].startswith("no signal")
    assert scores[5] is None
    assert scores[6].startswith("no structure")
    assert kaggle.columns_below_real("same") == set()


def test_flaws_of_columns_are_seen_on_kaggle(kaggle: Scored) -> None:
    assert kaggle.columns_below_real("shifted") == {"age"}
    assert kaggle.columns_below_real("dropped") == {"admission_type"}


def test_on_kaggle_there_is_no_dependence_to_shuffle(kaggle: Scored) -> None:
    assert kaggle.verdicts("shuffled") == set()
    assert kaggle.columns_below_real("shuffled") == set()


def test_agrees_with_sdmetrics(world: Scored, contract: Contract) -> None:
    """Wherever a definition is the same: marginals, pairs of one kind, coverage."""
    import sdmetrics.single_column as columns
    from sdmetrics.column_pairs import ContingencySimilarity, CorrelationSimilarity

    with open_warehouse(world.home) as warehouse:
        real = warehouse.execute("from staging.stg_reference_admissions where not is_holdout").df()
        synthetic = warehouse.execute("from marts.admissions where run_id = 'shifted'").df()
        scored = warehouse.execute("from metrics.column_fidelity where run_id = 'shifted'").df()
        pairs = warehouse.execute("from metrics.pair_fidelity where run_id = 'shifted'").df()
    for table in (real, synthetic):
        stay = table["discharge_date"] - table["date_of_admission"]
        table["length_of_stay_days"] = stay.dt.days
    kinds = scored.set_index("column_name")["kind"]
    for found in scored.itertuples():
        sides = (real[found.column_name], synthetic[found.column_name])
        if found.kind == "categorical":
            expected = columns.TVComplement.compute(*sides)
            assert found.coverage == columns.CategoryCoverage.compute(*sides)
        else:
            numbers = [pd.to_numeric(side).astype(float) for side in sides]
            expected = columns.KSComplement.compute(*sides)
            assert found.coverage == pytest.approx(
                max(0, columns.RangeCoverage.compute(*numbers)), abs=1e-6
            )
        assert 1 - found.distance == pytest.approx(expected, abs=1e-6), found.column_name
    checked = 0
    for found in pairs.itertuples():
        names = [found.column_1, found.column_2]
        of_kind = [kinds[name] == "categorical" for name in names]
        if all(of_kind):
            expected = ContingencySimilarity.compute(real[names], synthetic[names])
            assert found.contingency_similarity == pytest.approx(expected, abs=1e-6), names
        elif not any(of_kind):
            sides = [side[names].apply(pd.to_numeric).astype(float) for side in (real, synthetic)]
            expected = CorrelationSimilarity.compute(*sides)
            assert found.correlation_similarity == pytest.approx(expected, abs=1e-6), names
        checked += all(of_kind) or not any(of_kind)
    assert checked == 21 + 15
