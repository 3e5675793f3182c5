"""The second dataset: nothing but its contract makes it work, gaps and groups included."""

import os
from pathlib import Path

import pytest

from generators.home import Home
from generators.warehouse.transform import run_dbt
from reports.drift import data_definition
from reports.index import write_index
from reports.scores import read_rows, read_scores
from synthcare.contracts.contract import load_contract
from synthcare.interactions import TOO_FEW
from tests.driver import cli, query

DATASET = "encounters"
REAL = os.environ.get("SYNTHCARE_TEST_ENCOUNTERS")
needs_real = pytest.mark.skipif(not REAL, reason="SYNTHCARE_TEST_ENCOUNTERS names no file")

# As an LLM writes it; with the file's codes and ways to say that a value is missing; with gaps
# where none may be; with values that are none.
WRITTEN = """\
Asian,Male,[50-60),Urgent,Home,Referral,3,MC,Surgery,40,1,12,0,Diabetes,9,>7,Up,NO
?,unknown/invalid,[50-60),2,18,17,3 days,Medicare,Surgery-Neuro,40,1,12,0,250.83,9,None,up,<30
,,,,,,,,,,,,,,,,,
White,F,[50-60),9,31,x,15,ZZ,?,133,1,1.5,0,V58,9,8,Up,>30
Asian,Male,[50-60),Urgent,Expired,Referral,3,MC,Surgery,40,1,12,0,Diabetes,9,>7,Up,<30
"""


ONE_ROW = ["--prompt", "basic", "--rows", 1, "--rows-per-request", 1]


@pytest.fixture(scope="module")
def stays(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The real table or its stand-in, both baselines, the embedded LLM and five rows by hand."""
    with pytest.MonkeyPatch.context() as patch:
        home = Home(tmp_path_factory.mktemp("stays"))
        patch.setenv("SYNTHCARE_HOME", str(home.root))
        (home.root / "written.txt").write_text(WRITTEN)
        for command in (
            ["reference", *(["--csv", REAL] if REAL else [])],
            ["generate", "--llm", "independent", "--llm", "holdout", "--rows", 300],
            ["generate", "--llm", "smollm2", *ONE_ROW],
            ["import", home.root / "written.txt", "--llm", "hand"],
        ):
            done = cli(*command, "--dataset", DATASET)
            assert done.exit_code == 0, done.output
        run_dbt(home, "build", "--exclude-resource-type", "test", "unit_test")
    return home


def test_all_scores_are_there(stays: Home) -> None:
    rows = query(
        stays,
        """
        select
            llm, accept_rate, column_fidelity, pair_fidelity, missingness, detection, diversity,
            plausibility, privacy, overall
        from metrics.scorecard
        """,
    )
    scores = {llm: values for llm, *values in rows}
    assert scores.keys() == {"independent", "holdout", "smollm2", "hand"}
    for baseline in ("independent", "holdout"):
        assert None not in scores[baseline]
        assert scores[baseline][3] == pytest.approx(1, abs=0.03)
    if REAL:  # a stand-in, drawn column by column, breaks the rule
        assert scores["holdout"][0] == 1
    assert scores["smollm2"][0] > 0
    assert scores["hand"][0] == 2 / 5


@needs_real
def test_what_three_columns_say_is_there(stays: Home) -> None:
    """All of it in real rows, next to nothing in columns that are drawn each by itself."""
    found = {
        llm: scores
        for llm, *scores in query(
            stays, "select llm, interactions, interactions_note from metrics.scorecard"
        )
    }
    assert found["holdout"] == [1, None]
    value, note = found["independent"]
    assert value < 0.5
    assert note
    assert found["hand"] == [None, TOO_FEW]
    triples = query(
        stays,
        """
        select llm, avg(score), bool_and(score between score_low and score_high)
        from metrics.interactions
        inner join marts.generation_runs using (run_id, dataset)
        group by all
        """,
    )
    assert all(is_within for *_, is_within in triples)
    means = {llm: mean for llm, mean, _ in triples}
    assert means["holdout"] == pytest.approx(1, abs=0.3)
    assert means["independent"] < 0.5


def test_what_is_written_is_typed_or_rejected(stays: Home) -> None:
    first, second, third, fourth, fifth = query(
        stays,
        """
        select
            race, gender, admission_type, discharge_disposition, admission_source,
            days_in_hospital, payer_code, medical_specialty, primary_diagnosis, a1c_result,
            insulin, readmitted, normalised_columns, reject_reasons
        from intermediate.int_encounters_cast
        where run_id like '%hand%'
        order by record_id
        """,
    )
    assert first == (
        *("Asian", "Male", "Urgent", "Home", "Referral", 3, "MC", "Surgery", "Diabetes", ">7"),
        *("Up", "NO", [], []),
    )
    assert second == (
        *(None, None, "Urgent", None, None, 3, "MC", "Surgery", "Diabetes", None, "Up", "<30"),
        [
            *("admission_type", "days_in_hospital", "payer_code", "medical_specialty"),
            *("primary_diagnosis", "insulin"),
        ],
        [],
    )
    assert third[-1] == [
        f"{column}.missing"
        for column in ("age", "days_in_hospital", "lab_procedures", "procedures", "medications")
    ] + [
        f"{column}.missing"
        for column in ("earlier_inpatient_stays", "diagnoses", "insulin", "readmitted")
    ]
    assert fourth[-1] == [
        *("admission_type.not_allowed", "discharge_disposition.not_allowed"),
        *("admission_source.not_allowed", "days_in_hospital.out_of_range"),
        *("payer_code.not_allowed", "lab_procedures.out_of_range", "medications.unparseable"),
        "a1c_result.not_allowed",
    ]
    assert (fourth[0], fourth[1], fourth[7], fourth[8]) == ("Caucasian", "Female", None, "Other")
    assert fifth[-1] == ["readmitted_after_death"]


def test_missing_values_are_counted_against_those_of_the_reference(stays: Home) -> None:
    """Of the two accepted rows one lacks the race, one the result."""
    (real,) = query(
        stays,
        """
        select avg(cast(race is null as integer)), avg(cast(a1c_result is null as integer))
        from staging.stg_reference_encounters
        where not is_holdout
        """,
    )
    rows = query(
        stays,
        """
        select missing_share, reference_missing_share, distance
        from metrics.missingness
        where run_id like '%hand%' and column_name in ('race', 'a1c_result')
        order by column_name desc
        """,
    )
    assert rows == [
        (0.5, pytest.approx(share, abs=1e-9), pytest.approx(abs(share - 0.5), abs=1e-9))
        for share in real
    ]


def test_only_what_may_be_missing_is_scored_for_it(stays: Home) -> None:
    columns = query(stays, "select distinct column_name from metrics.missingness")
    nullable = {c.name for c in load_contract(DATASET).columns if c.is_nullable}
    assert {name for (name,) in columns} == nullable


def test_an_analyst_sees_where_values_are_missing(stays: Home) -> None:
    run_dbt(stays, "compile", "--select", "where_are_values_missing")
    compiled = stays.root / "target" / "compiled" / "synthcare" / "analyses"
    rows = query(stays, (compiled / "where_are_values_missing.sql").read_text())
    assert {row[1] for row in rows} == {"independent", "holdout", "smollm2", "hand"}
    assert not any(row[-1] for row in rows if row[1] == "holdout")


def test_a_derived_category_is_compared_like_any(stays: Home) -> None:
    (shares,) = query(
        stays,
        """
        select list(share order by category) from metrics.distributions
        where run_id like '%hand%' and column_name = 'stays_over_4_days'
        """,
    )
    assert shares == ([1.0, 0.0],)


def test_the_pages_are_written(stays: Home, tmp_path: Path) -> None:
    contract = load_contract(DATASET)
    scores = read_scores(stays, contract)
    index = tmp_path / "index.html"
    write_index(contract, scores, index, drift_reports={})
    assert "stays over 4 days" in index.read_text()
    assert "Missing" in index.read_text()
    run_id = next(run["run_id"] for run in scores.scorecard if run["llm"] == "holdout")
    definition, rows = data_definition(contract), read_rows(stays, contract, run_id)
    scored = definition.categorical_columns + definition.numerical_columns
    assert "stays_over_4_days" in definition.categorical_columns
    assert sorted(scored) == sorted(rows.columns)


def test_a_drift_report_takes_the_same_rows_of_a_long_table_each_time(
    stays: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = load_contract(DATASET)
    scorecard = read_scores(stays, contract).scorecard
    run_id = next(run["run_id"] for run in scorecard if run["llm"] == "holdout")
    for of in (None, run_id):
        rows = read_rows(stays, contract, of)
        with monkeypatch.context() as patch:
            patch.setattr("reports.scores.MOST_ROWS", 20)
            some = read_rows(stays, contract, of)
        assert len(some) == 20 < len(rows)
        assert some.equals(rows.head(20))  # both are in the order of their hashes
        source, condition = (
            ("staging.stg_reference_encounters", "not is_holdout")
            if of is None
            else ("marts.encounters", f"run_id = '{run_id}'")
        )
        first = query(stays, f"select lab_procedures from {source} where {condition} limit 20")
        assert [number for (number,) in first] != some["lab_procedures"].tolist()


@needs_real
def test_real_rows_follow_the_contract(stays: Home) -> None:
    """What the contract does not know would be missing, where it may be as where it may not."""
    columns = load_contract(DATASET).columns
    real = ", ".join(
        f'count(typed.{c.name}) filter (where received."{c.label}" is not null)' for c in columns
    )
    (typed,) = query(
        stays,
        f"""
        select {real} from staging.stg_reference_encounters as typed
        inner join raw.reference_encounters as received on typed.row_number = received.rowid
        """,
    )
    known = dict(zip((c.name for c in columns), typed, strict=True))
    assert {name: 101_766 - count for name, count in known.items() if count < 101_766} == {
        "race": 2_273,
        "gender": 3,
        "admission_type": 5_291 + 4_785 + 320,
        "discharge_disposition": 3_691 + 989,
        "admission_source": 125 + 6_781 + 161,
        "payer_code": 40_256,
        "medical_specialty": 49_949,
        "primary_diagnosis": 21,
        "a1c_result": 84_748,
    }


@needs_real
def test_stays_of_a_patient_are_never_in_both_halves(stays: Home) -> None:
    rows = query(
        stays,
        """
        select
            count(*),
            count(*) filter (where halves > 1),
            count(*) filter (where stays > 1)
        from (
            select received.patient_nbr, count(distinct is_holdout) as halves, count(*) as stays
            from staging.stg_reference_encounters as split
            inner join raw.reference_encounters as received on split.row_number = received.rowid
            group by all
        )
        """,
    )
    assert rows == [(71_518, 0, 16_773)]


@needs_real
def test_real_rows_predict_long_stays_and_independent_columns_do_not(stays: Home) -> None:
    """150 rows are trained on; docs/benchmarks.md has more."""
    rows = query(
        stays,
        """
        select llm, auc, reference_auc, note
        from metrics.utility
        inner join metrics.scorecard using (run_id)
        where column_name = 'stays_over_4_days' and learner = 'boosting'
        """,
    )
    found = {llm: values for llm, *values in rows}
    assert found["holdout"] == [pytest.approx(0.75, abs=0.03), pytest.approx(0.75, abs=0.03), None]
    assert found["independent"][0] == pytest.approx(0.5, abs=0.04)
