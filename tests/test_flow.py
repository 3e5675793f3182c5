"""The whole flow, from the outside: what each step left in the warehouse and on disk."""

import csv
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from generators.home import Home
from generators.warehouse.transform import run_dbt
from synthcare.contracts.contract import load_contract
from synthcare.project import PROJECT
from tests.driver import DATASET, HOSTILE, Flow, cli, query

EXPECTED_RECORDS = 1003 if "SYNTHCARE_TEST_TRANSCRIPTS" in os.environ else 2


def run_of(flow: Flow, llm: str) -> dict:
    return next(run for run in flow.summary["scorecard"] if run["llm"] == llm)


def test_the_scorecard_has_a_row_per_run(flow: Flow) -> None:
    llms = sorted(run["llm"] for run in flow.summary["scorecard"])
    assert llms == sorted(["smollm2", "independent", "holdout", "gpt-4o", HOSTILE])


def test_the_embedded_llm_wrote_rows_that_follow_the_contract(flow: Flow) -> None:
    run = run_of(flow, "smollm2")
    assert run["rows_accepted"] >= 2
    assert run["tokens_per_row"] > 50
    assert run["seconds_per_1000_rows"] > 0
    assert run["usd_per_1000_rows"] == 0
    ledger = query(
        flow.home,
        "select responses >= 2, truncated_responses, input_tokens > 500, output_tokens > 100,"
        f" wire_format from marts.generation_runs where run_id = '{run['run_id']}'",
    )
    assert ledger == [(True, 0, True, True, "csv_compact_constrained")]


def test_records_of_a_transcript_are_all_found(flow: Flow) -> None:
    assert query(
        flow.home,
        "select records_found, responses, cost_usd, wall_seconds from marts.generation_runs"
        f" where run_id = '{flow.transcript_run}'",
    ) == [(EXPECTED_RECORDS, 1, None, None)]


# What a person reads where the JSON is none, or where splitting at commas and colons goes wrong.
DIFFICULT = [
    (107, "Billing Amount", "45000.0"),
    (152, "Room Number", "014"),
    (278, "Test Results", "Chest X-ray: Consolidation"),
    (323, "Test Results", "BP high, cholesterol high"),
    (384, "Billing Amount", "06000.0"),
    (453, "Doctor", "Dr. Khan, Pulmonologist"),
    (456, "Doctor", "Dr. Stevens, Orthopedic Surgeon"),
    (461, "Doctor", "Dr. Angelos, Sports Medicine Specialist"),
    (560, "Test Results", "MRI clear, no abnormalities"),
    (570, "Billing Amount", "24500.00"),
    (570, "Room Number", "328"),
    (712, "Medication", "antibiotics, pain relief"),
    (977, "Room Number", "102A"),
    (982, "Room Number", "201B"),
]


@pytest.mark.skipif(
    "SYNTHCARE_TEST_TRANSCRIPTS" not in os.environ,
    reason="SYNTHCARE_TEST_TRANSCRIPTS names no file",
)
def test_every_field_of_the_real_transcripts_is_what_a_person_reads(flow: Flow) -> None:
    rows = query(
        flow.home,
        "select record_text, coalesce(field_names, $labels),"
        " coalesce(field_values, json_extract_string(record_text, '$.*'))"
        " from staging.stg_llm_records where run_id = $run"
        " order by cast(string_split(record_id, '-')[-1] as integer)",
        run=flow.transcript_run,
        labels=[column.label for column in load_contract(DATASET).columns],
    )
    records = [dict(zip(names, values, strict=True)) for _, names, values in rows]
    for place, name, value in DIFFICULT:
        assert records[place - 1][name] == value
    assert len(records) == EXPECTED_RECORDS
    for (text, _, _), record in zip(rows, records, strict=True):
        without_comments = re.sub(r" *// .*", "", text)
        quoted = re.sub(r": (0\d[\d.]*|\d+[AB]),", r': "\1",', without_comments)
        expected = json.loads(quoted, parse_int=str)
        assert len(expected) == 15
        assert list(expected) == list(record)
        for name, value in expected.items():
            assert value == (float(record[name]) if isinstance(value, float) else record[name])


@pytest.mark.skipif(
    "SYNTHCARE_TEST_TRANSCRIPTS" not in os.environ,
    reason="SYNTHCARE_TEST_TRANSCRIPTS names no file",
)
def test_no_value_of_the_real_transcripts_is_missing(flow: Flow) -> None:
    """All 15 values are there, but for an insurer "None"; two rooms are no numbers."""
    reasons = query(
        flow.home,
        "select reject_reason, records from metrics.reject_reasons"
        f" where run_id = '{flow.transcript_run}'"
        " and (reject_reason like '%.missing' or reject_reason like '%.unparseable')",
    )
    assert sorted(reasons) == [("insurance_provider.missing", 1), ("room_number.unparseable", 2)]
    run = run_of(flow, "gpt-4o")
    assert run["rows_accepted"] == 0
    assert run["not_scored_because"] == "no record was accepted: see metrics.reject_reasons"


@pytest.mark.skipif(
    "SYNTHCARE_TEST_TRANSCRIPTS" not in os.environ,
    reason="SYNTHCARE_TEST_TRANSCRIPTS names no file",
)
def test_what_gpt_4o_wrote_is_measured_though_nothing_of_it_is_accepted(flow: Flow) -> None:
    """Counted in the transcripts by searching for each value in quotes."""
    rows = query(
        flow.home,
        "select column_name, score, round(1003 * out_of_vocabulary_share, 6),"
        " round(1003 * raw_out_of_vocabulary_share, 6), round(raw_distance, 3)"
        " from metrics.column_fidelity where kind = 'categorical' and run_id = $run",
        run=flow.transcript_run,
    )
    assert sorted(rows) == [
        ("admission_type", None, 0, 1003, 1.0),
        ("blood_type", None, 1003, 1003, 1.0),
        ("gender", None, 84, 1003, 1.0),
        ("insurance_provider", None, 297, 498, 0.497),
        ("medical_condition", None, 700, 1003, 1.0),
        ("medication", None, 970, 1001, 0.998),
        ("test_results", None, 1003, 1003, 1.0),
    ]
    assert query(
        flow.home,
        "select check_name, records_checked, plausible_share from metrics.plausibility"
        " where run_id = $run order by check_name nulls first",
        run=flow.transcript_run,
    ) == [
        (None, 1003, 1.0),
        ("discharge_before_admission", 1003, 1.0),
        ("medication_without_indication", 7, 1.0),
    ]


def test_the_ceiling_scores_as_real_data(flow: Flow) -> None:
    for llm in ("holdout", "independent"):
        run = run_of(flow, llm)
        assert run["rows_accepted"] == 500
        assert run["accept_rate"] == 1.0
        assert run["column_fidelity_low"] < 1.0 < run["column_fidelity_high"]
        assert run["column_fidelity"] == pytest.approx(1.0, abs=0.03)


def test_holdout_rows_are_real_and_unknown_to_the_compared_half(flow: Flow) -> None:
    run_id = run_of(flow, "holdout")["run_id"]
    in_halves = query(
        flow.home,
        f"""
        select is_holdout, count(distinct record_id)
        from marts.admissions
        inner join staging.stg_reference_admissions using (name, doctor, date_of_admission, age)
        where run_id = '{run_id}'
        group by is_holdout
        """,
    )
    assert in_halves == [(True, 500)]
    assert query(
        flow.home,
        f"select count(*) from (select distinct * exclude (record_id, response_id)"
        f" from marts.admissions where run_id = '{run_id}')",
    ) == [(500,)]


def test_copies_of_a_row_are_in_one_half(flow: Flow) -> None:
    split = query(
        flow.home,
        """
        select count(*) from (
            select 1 from staging.stg_reference_admissions
            group by all having count(distinct is_holdout) > 1
        )
        """.replace("group by all", "group by name, doctor, hospital, billing_amount, room_number"),
    )
    assert split == [(0,)]
    halves = query(
        flow.home,
        "select avg(is_holdout::int) between 0.48 and 0.52 from staging.stg_reference_admissions",
    )
    assert halves == [(True,)]


def test_an_import_is_landed_once(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHCARE_HOME", str(flow.home.root))
    before = query(flow.home, "from raw.llm_responses")
    again = cli(
        "import", flow.home.root / "hostile.txt", "--llm", HOSTILE,
        "--prompt", "basic", "--instructions", "basic", "--json",
    )  # fmt: skip
    told = json.loads(again.stdout)
    assert (told["run_id"], told["landed"]) == (flow.hostile_run, 0)
    assert [run["answers_without_record"] for run in told["unread_answers"]] == [0]
    assert query(flow.home, "from raw.llm_responses") == before


def test_hostile_text_is_data(flow: Flow) -> None:
    names = query(
        flow.home,
        f"select distinct name from marts.admissions where run_id = '{flow.hostile_run}'",
    )
    assert names == [(HOSTILE,)]
    assert run_of(flow, HOSTILE)["rows_accepted"] == 40
    rejected = query(
        flow.home,
        "select reject_reasons, record_text from marts.admissions_rejected"
        f" where run_id = '{flow.hostile_run}'",
    )
    assert rejected[0][0] == ["gender.not_allowed"]
    assert HOSTILE in rejected[0][1]


def test_hostile_text_is_escaped_in_the_pages(flow: Flow) -> None:
    index = (flow.home.html / "index.html").read_text()
    assert index.count("<script") == 2  # the page's data and its own script
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in index
    assert "<img" not in index
    drift = (flow.home.html / f"{flow.hostile_run}.html").read_text()
    assert "<script>alert(1)" not in drift


def test_a_drift_report_compares_every_scored_column(flow: Flow) -> None:
    run = run_of(flow, "smollm2")
    page = (flow.home.html / f"{run['run_id']}.html").read_text()
    columns = query(
        flow.home,
        f"select column_name from metrics.column_fidelity where run_id = '{run['run_id']}'",
    )
    assert len(columns) == 13
    assert "length_of_stay_days" in {column for (column,) in columns}
    for (column,) in columns:
        assert column in page
    assert "Jensen-Shannon distance" in page
    assert "Wasserstein distance (normed)" in page
    assert not re.search(r'<(script|link|img)[^>]+(src|href)="https?:', page)


def test_pages_are_the_ones_that_are_listed(flow: Flow) -> None:
    scored = [run for run in flow.summary["scorecard"] if run["column_fidelity"] is not None]
    assert len(flow.summary["pages"]) == len(scored) + 1
    written = {str(path) for path in flow.home.html.iterdir()}
    assert set(flow.summary["pages"]) <= written
    assert flow.home.root != PROJECT


def test_an_analyst_can_run_the_analyses(flow: Flow) -> None:
    run_dbt(flow.home, "compile")
    compiled = flow.home.root / "target" / "compiled" / "synthcare" / "analyses"
    answers = {
        path.stem: query(flow.home, (compiled / path.name).read_text())
        for path in (PROJECT / "analyses").glob("*.sql")
    }
    assert len(answers) >= 8
    # No column of this dataset may be missing; tests/test_encounters.py has some that may. And all
    # answers hold rows; tests/test_providers.py has some that do not.
    nothing = {"where_are_values_missing", "which_answers_hold_no_row"}
    assert {name for name, rows in answers.items() if not rows} == nothing
    llms = {row[0] for row in answers["which_prompt_is_worth_its_tokens"]}
    assert llms == {"smollm2", "gpt-4o", HOSTILE}
    best = [row[1] for row in answers["which_run_is_best"] if row[-1] == "best"]
    assert best == [HOSTILE]  # the other LLM has too few rows for an overall score


def test_a_baseline_of_another_reference_is_no_ceiling(
    flow: Flow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(flow.home.root, home.root)
    monkeypatch.setenv("SYNTHCARE_HOME", str(home.root))
    path = tmp_path / "other.csv"
    labels = [row[0] for row in query(home, "describe raw.reference_admissions")]
    rows = query(home, "from raw.reference_admissions limit 200")
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([labels, *rows])
    assert cli("reference", "--csv", path).exit_code == 0
    report = cli("report", "--json")
    assert report.exit_code == 0, report.output
    by_llm = {run["llm"]: run for run in json.loads(report.stdout)["scorecard"]}
    assert by_llm["holdout"]["column_fidelity"] is None
    assert by_llm["holdout"]["not_scored_because"].startswith("drawn from another reference")
    assert by_llm["smollm2"]["column_fidelity"] is not None
    assert by_llm["smollm2"]["reference"] == "other.csv"
