"""Distances, noise floors and intervals against other implementations and simulation."""

import duckdb
import jinja2
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from generators.home import PROJECT, Home
from generators.journal import Journal
from generators.warehouse import open_warehouse
from tests.driver import RUN, Flow, cli, csv_row, query, response


def evaluate(expression: str) -> float:
    """The value of a call of a macro in macros/scoring.sql."""
    source = (PROJECT / "macros" / "scoring.sql").read_text() + "{{ " + expression + " }}"
    sql = jinja2.Environment(extensions=["jinja2.ext.do"]).from_string(source).render().strip()  # noqa: S701
    return duckdb.sql(f"select {sql}").fetchall()[0][0]


@pytest.mark.parametrize("size", [1, 2, 30, 999, 27_750])
@pytest.mark.parametrize("share", [0.0, 1e-4, 0.125, 1 / 3, 0.5, 0.98, 1.0])
def test_expected_distance_of_a_cell_is_the_binomial_sum(size: int, share: float) -> None:
    counts = np.arange(size + 1)
    by_sum = np.sum(stats.binom.pmf(counts, size, share) * abs(counts / size - share)) / 2
    in_sql = evaluate(f"expected_cell_distance('{share}::double', '{size}')")
    assert in_sql == pytest.approx(by_sum, abs=1e-9)


@pytest.mark.parametrize("size", [30, 100, 1000])
def test_expected_ks_distance_is_what_samples_show(size: int) -> None:
    random = np.random.default_rng(1)
    uniform = np.sort(random.random((4000, size)), axis=1)
    steps = np.arange(1, size + 1) / size
    distances = np.maximum(abs(uniform - steps), abs(uniform - steps + 1 / size)).max(axis=1)
    in_sql = evaluate(f"expected_ks_distance('{size}')")
    assert in_sql == pytest.approx(distances.mean(), rel=0.02)


@pytest.fixture
def samples(flow: Flow) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Accepted rows of each scored run, and the compared half of the reference."""
    runs = query(flow.home, "select distinct run_id from metrics.column_fidelity")
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
        flow.home, "select run_id, column_name, kind, distance from metrics.column_fidelity"
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
    rows = query(
        flow.home,
        """
        select rows_accepted, records_found, accept_rate_low, accept_rate_high
        from metrics.scorecard
        inner join marts.generation_runs using (run_id, rows_accepted)
        """,
    )
    assert len(rows) >= 4
    for accepted, found, low, high in rows:
        interval = stats.binomtest(accepted, found).proportion_ci(method="wilson")
        assert (low, high) == pytest.approx((interval.low, interval.high), abs=1e-6)


def test_half_samples_hold_half_of_the_rows_once(flow: Flow) -> None:
    """Every run of the flow has too few responses to be halved by responses."""
    sizes = query(
        flow.home,
        """
        select distinct
            draw > 0,
            count(*) = count(distinct record_id),
            count(*) = any_value(rows_accepted) // (1 + (draw > 0)::int)
        from intermediate.int_half_samples
        inner join marts.generation_runs using (run_id)
        group by run_id, draw
        """,
    )
    assert sorted(sizes) == [(False, True, True), (True, True, True)]
    draws = query(flow.home, "select count(distinct draw) from intermediate.int_half_samples")
    assert draws == [(201,)]


def test_many_responses_are_halved_whole(home: Home) -> None:
    """Ten responses of two like rows: a draw holds five of them, whole."""
    assert cli("reference").exit_code == 0
    with Journal(home.landing / "r", RUN) as journal:
        for number in range(1, 11):
            journal.append(response(number, "\n".join([csv_row(age=str(20 + number))] * 2)))
    assert cli("report", "--json").exit_code == 0
    draws = query(
        home,
        """
        select distinct
            count(*),
            count(distinct age),
        from intermediate.int_half_samples
        inner join marts.admissions using (run_id, record_id)
        group by draw
        """,
    )
    assert sorted(draws) == [(10, 5), (20, 10)]
