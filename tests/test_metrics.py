"""Distances and intervals against other implementations and simulation."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from generators.home import Home
from generators.landing.journal import Journal
from generators.landing.loading import land
from generators.warehouse.database import open_warehouse
from generators.warehouse.transform import TransformFailed, run_dbt
from synthcare.chance import chance_to_be_drawn, half_width
from synthcare.contracts.contract import Contract
from synthcare.detection import folds_of
from synthcare.fidelity import column_fidelity
from synthcare.halves import Halves
from synthcare.reference import Reference
from synthcare.tables import Column
from synthcare.tables import Table as CodedTable
from synthcare.trial import Trial
from synthcare.utility import utility
from tests.coded import VARIABLES, trials
from tests.driver import RUN, Flow, cli, csv_row, query, response
from tests.worlds import Table, draw, land_reference, land_runs


@pytest.mark.parametrize("copies, rows, size", [(1, 4, 2), (2, 4, 2), (3, 50, 20), (7, 9, 5)])
def test_the_chance_to_be_drawn_is_hypergeometric(copies: int, rows: int, size: int) -> None:
    assert chance_to_be_drawn(copies, rows, size) == pytest.approx(
        1 - stats.hypergeom.pmf(0, rows, copies, size), abs=1e-9
    )


@pytest.mark.parametrize("blocks", [4, 10, 24])
def test_margins_are_students(blocks: int) -> None:
    assert half_width(2.0, blocks) == pytest.approx(2 * stats.t.ppf(0.975, blocks - 1), rel=0.01)


@pytest.fixture
def samples(flow: Flow) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Accepted rows of each scored run, and the compared half of the reference."""
    runs = query(flow.home, "select run_id from metrics.scorecard where column_fidelity > 0")
    with open_warehouse(flow.home) as warehouse:
        real = warehouse.execute("from staging.stg_reference_admissions where not is_holdout").df()
        return {
            run_id: (
                warehouse.execute(
                    "from marts.admissions where run_id = $run_id", {"run_id": run_id}
                ).df(),
                real,
            )
            for (run_id,) in runs
        }


def test_distances_agree_with_scipy(
    flow: Flow, samples: dict[str, tuple[pd.DataFrame, pd.DataFrame]]
) -> None:
    scored = query(
        flow.home,
        "select run_id, column_name, kind, distance from metrics.column_fidelity"
        " where rows_compared > 0",
    )
    checked = 0
    for run_id, column, kind, distance in scored:
        synthetic, real = samples[run_id]
        for table in (synthetic, real):
            stay = table["discharge_date"] - table["date_of_admission"]
            table["length_of_stay_days"] = stay.dt.days
        if kind == "categorical":
            shares = [table[column].value_counts(normalize=True) for table in (synthetic, real)]
            expected = shares[0].sub(shares[1], fill_value=0).abs().sum() / 2
        else:
            values = [
                pd.to_numeric(table[column].astype("int64") if kind == "date" else table[column])
                for table in (synthetic, real)
            ]
            expected = stats.ks_2samp(values[0].astype(float), values[1].astype(float)).statistic
        assert distance == pytest.approx(expected, abs=1e-9), (run_id, column)
        checked += 1
    assert checked == 13 * len(samples)


def test_the_accept_rate_has_a_wilson_interval(flow: Flow) -> None:
    """Of rows, where there are fewer than eight responses."""
    rows = query(
        flow.home,
        """
        select scorecard.rows_accepted, records_found, accept_rate_low, accept_rate_high
        from metrics.scorecard
        inner join marts.generation_runs using (run_id)
        where responses < 8
        """,
    )
    assert len(rows) >= 4
    for accepted, found, low, high in rows:
        interval = stats.binomtest(accepted, found).proportion_ci(method="wilson")
        assert (low, high) == pytest.approx((interval.low, interval.high), abs=1e-6)


def land_twenties(home: Home, responses: int, alike: bool) -> None:
    """Responses of four rows: in each three rows of one age, or every second response broken."""
    assert cli("reference").exit_code == 0
    with Journal(home.landing / "r", RUN) as journal:
        for number in range(1, responses + 1):
            gender = "Male" if alike or number % 2 else "X"
            rows = [csv_row(age=str(20 + number), gender=gender)] * 4
            journal.append(response(number, "\n".join(rows)))
    land(home)
    run_dbt(home, "build", "--exclude-resource-type", "test", "unit_test")


def test_responses_that_agree_count_for_less(home: Home) -> None:
    """Ten responses, five accepted and five not: as sure as nine tosses of a coin, not forty."""
    land_twenties(home, 10, alike=False)
    ((rate, low, high),) = query(
        home, "select accept_rate, accept_rate_low, accept_rate_high from metrics.scorecard"
    )
    half = 1.959964 * np.sqrt(0.25 / 9 + 1.959964**2 / 4 / 81) / (1 + 1.959964**2 / 9)
    assert (rate, low, high) == pytest.approx((0.5, 0.5 - half, 0.5 + half), abs=1e-6)


def test_half_samples_hold_half_of_the_rows(flow: Flow) -> None:
    """Every run of the flow but the LLM's has too few responses to be halved by responses."""
    with open_warehouse(flow.home) as warehouse:
        found = [trial for run, trial in trials(warehouse) if run.units_counted == len(trial.table)]
    assert len(found) >= 4
    for trial in found:
        # Each row is in the sample, once.
        assert sorted(trial.table.sample) == [*range(len(trial.table))]
        halves, blocks = trial.halves.is_drawn, trial.halves.blocks
        assert len(halves) == (VARIABLES["half_samples"] if blocks >= 4 else 0)
        assert (halves.sum(axis=1) == blocks // 2).all()
        assert (abs(trial.halves.sizes - len(trial.table) // 2) <= 12).all()


def test_many_responses_are_halved_whole(home: Home) -> None:
    """Ten responses of four like rows: a block for each, and a draw holds five of them."""
    land_twenties(home, 10, alike=True)
    blocks = query(
        home,
        """
        select count(*), count(distinct age), count(distinct block)
        from intermediate.int_sampled_records
        inner join marts.admissions using (record_id)
        group by block
        """,
    )
    assert blocks == [(4, 1, 1)] * 10
    with open_warehouse(home) as warehouse:
        ((_, trial),) = trials(warehouse)
    assert len(trial.table.sample) == 40
    assert trial.halves.sizes.tolist() == [20] * VARIABLES["half_samples"]


def test_a_long_run_is_sampled(home: Home, contract: Contract) -> None:
    """Of 6,000 rows in responses of 50, 96 responses are looked at, and the whole is counted."""
    land_reference(home, contract, draw(contract, 2_000, seed=1))
    land_runs(home, contract, [Table("long", draw(contract, 6_000, seed=2), 50)])
    run_dbt(home, "build", "--exclude-resource-type", "test", "unit_test")
    sampled = query(
        home,
        "select count(*), count(distinct response_id), min(n), max(n) from"
        " (select *, count(*) over (partition by block) as n"
        " from intermediate.int_sampled_records)",
    )
    assert sampled == [(4800, 96, 200, 200)]
    compared = query(home, "select distinct rows_compared from metrics.column_fidelity")
    assert compared == [(6000,)]
    # 96 of 120 responses: what they show is surer for the whole.
    ((name, low, high),) = query(
        home,
        "select column_name, score_low, score_high from metrics.column_fidelity"
        " where kind = 'categorical' order by column_name limit 1",
    )
    assert high - low == pytest.approx(width_of_the_sample(home, name, "long") * np.sqrt(0.8))


@pytest.mark.parametrize("rows_each", [25, 600])
def test_of_a_very_long_run_a_part_is_counted(
    home: Home, contract: Contract, rows_each: int
) -> None:
    """Whole responses, or of few long ones some rows; the sample is among them."""
    land_reference(home, contract, draw(contract, 2_000, seed=1))
    tables = [
        Table("long", draw(contract, 6_000, seed=2), rows_each),
        Table("short", draw(contract, 1_000, seed=3), rows_each),
    ]
    land_runs(home, contract, tables)
    few = "{rows_counted: 2400, rows_in_samples: 600, scores: [column_fidelity]}"
    run_dbt(home, "build", "--exclude-resource-type", "test", "unit_test", "--vars", few)
    counted = query(
        home,
        """
        select run_id, count(*), count(distinct response), min(response_rows), max(response_rows)
        from (
            select *, count(*) over (partition by response) as response_rows
            from intermediate.int_coded_rows
            where run_id is not null
        )
        group by run_id
        order by run_id
        """,
    )
    (_, rows, units, least, most), (_, short, *_) = counted
    assert 1_900 < rows < 2_900
    assert short == 1_000
    if rows_each == 25:
        assert (least, most) == (25, 25)
    else:
        assert (units, least > 180, most < 300) == (10, True, True)
    known = "rows_counted, units_counted from intermediate.int_scored_runs where run_id = 'long'"
    assert query(home, f"select {known}") == [(rows, units)]
    missing = query(
        home,
        """
        select count(*)
        from intermediate.int_sampled_records
        anti join intermediate.int_coded_rows using (run_id, record_id)
        """,
    )
    assert missing == [(0,)]
    compared = "select distinct rows_compared from metrics.column_fidelity where run_id = 'long'"
    assert query(home, compared) == [(rows,)]
    ((name, low, high, sampled),) = query(
        home,
        """
        select column_name, score_low, score_high, (
            select count(distinct unit) from intermediate.int_sampled_records where run_id = 'long'
        )
        from metrics.column_fidelity
        where run_id = 'long' and kind = 'categorical'
        order by column_name
        limit 1
        """,
    )
    whole = width_of_the_sample(home, name, "long")
    assert high - low == pytest.approx(whole * np.sqrt(sampled / units))


def test_tables_that_belong_together_are_counted_whole(home: Home) -> None:
    generate = ["generate", "--dataset", "diabetes_stays", "--llm", "independent", "--rows", 20]
    assert cli(*generate).exit_code == 0
    few = "{rows_counted: 8, rows_in_samples: 2}"
    run_dbt(home, "run", "--select", "+int_scored_runs", "--vars", few)
    counted = query(home, "select rows_counted, rows_accepted from intermediate.int_scored_runs")
    assert len(counted) == 2
    assert all(rows == accepted > 10 for rows, accepted in counted)


@pytest.mark.parametrize("said", ["{rows_counted: 0}", "{rows_counted: 9000}", "{rows_counted: x}"])
def test_too_few_rows_to_count_are_refused(home: Home, said: str) -> None:
    with pytest.raises(
        TransformFailed, match="rows_counted is four times rows_in_samples at least"
    ):
        run_dbt(home, "run", "--select", "int_scored_runs", "--vars", said)


def test_a_sample_may_have_fewer_rows_than_blocks(home: Home, contract: Contract) -> None:
    land_reference(home, contract, draw(contract, 500, seed=1))
    land_runs(home, contract, [Table("long", draw(contract, 300, seed=2), 300)])
    few = "{rows_counted: 80, rows_in_samples: 20, scores: [column_fidelity]}"
    run_dbt(home, "build", "--exclude-resource-type", "test", "unit_test", "--vars", few)
    assert query(home, "select count(*) from intermediate.int_sampled_records") == [(24,)]
    assert query(home, "select column_fidelity > 0.5 from metrics.scorecard") == [(True,)]


def width_of_the_sample(home: Home, name: str, run_id: str) -> float:
    """Of a column's interval, by the halves of a sample that is the whole table."""
    with open_warehouse(home) as warehouse:
        (trial,) = (trial for run, trial in trials(warehouse) if run.run_id == run_id)
    trial = replace(trial, halves=replace(trial.halves, shrink=1.0))
    (score,) = (
        score
        for score in column_fidelity(trial)
        if (score.name, *score.subject) == ("column_fidelity", name)
    )
    return score.high - score.low


def test_copies_of_a_real_row_share_its_fold() -> None:
    """Or a classifier would know them again; other rows are spread over the folds."""
    written, real = ["e", "x", "a", "x", "y"], ["a", "b", "c", "d", "e", "f"]
    is_real = np.repeat([False, True], [len(written), len(real)])
    folds = folds_of(np.array(written + real), is_real)
    assert folds.tolist() == [4, 1, 0, 3, 4, 0, 1, 2, 3, 4, 0]


def test_rows_without_the_target_are_not_learnt_from() -> None:
    """Where it is known it follows from a number; in half of the rows it is not known."""
    columns = (
        Column("target", 3, is_nullable=True, is_target=True),
        Column("number", 2, kind="decimal"),
    )
    random = np.random.default_rng(1)

    def side(size: int) -> CodedTable:
        number = random.normal(size=size)
        target = np.where(np.arange(size) % 2, 0, np.where(number > 0, 1, 2))
        codes = np.stack([target, np.ones(size, dtype=int)], axis=1)
        return CodedTable(columns, codes, {"number": number}, sample=np.arange(size))

    reference, table = Reference(side(3_200), side(800)), side(160)
    drawn = [[draw % 2, draw % 2, 1 - draw % 2, 1 - draw % 2] for draw in range(1, 9)]
    rows = np.arange(160)
    halves = Halves(rows // 2 % 4, np.array(drawn, dtype=bool), rows)
    found = [*utility(Trial(reference, table, halves))]
    assert {score.value for score in found if score.name == "rows_trained_on"} == {40}
    assert min(score.value for score in found if score.name == "skill") > 0.9
