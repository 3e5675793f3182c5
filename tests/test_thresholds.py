"""Scores that a run has to reach: on the command line, and as a dbt test."""

import pytest

from generators.home import Home
from generators.warehouse.transform import TransformFailed, run_dbt
from reports.thresholds import shortfalls
from tests.driver import cli, csv_row, query

ROW = {
    "run_id": "r",
    "llm": "gpt-4o",
    "provider": "openai",
    "prompt_level": None,
    "instruction_level": None,
    "variety": None,
    "overall": 0.85,
    "utility": None,
    "utility_note": "no signal",
    "not_scored_because": None,
    "leaks": None,
}


def test_what_is_less_or_not_known_is_told_and_baselines_are_left_out() -> None:
    runs = [ROW, ROW | {"run_id": "b", "llm": "independent", "provider": "independent"}]
    assert list(shortfalls(runs, {"overall": 0.85})) == []
    assert list(shortfalls(runs, {"overall": 0.9, "utility": 0})) == [
        "gpt-4o (r): overall is 0.850, under 0.9",
        "gpt-4o (r) has no utility: no signal",
    ]


def test_a_run_that_leaks_falls_short_of_any_overall_score_and_any_privacy() -> None:
    runs = [ROW | {"leaks": "9 of 9 rows equal a real row", "privacy": 0.5}]
    line = "gpt-4o (r) leaks: 9 of 9 rows equal a real row"
    assert list(shortfalls(runs, {"overall": 0.1})) == [line]
    assert list(shortfalls(runs, {"privacy": 0, "overall": 0})) == [line]
    assert list(shortfalls(runs, {"utility": 0})) == ["gpt-4o (r) has no utility: no signal"]


@pytest.mark.parametrize("said", ["beauty=1", "overall", "overall=much", "=1"])
def test_what_is_no_threshold_is_refused_in_a_line(said: str) -> None:
    done = cli("report", "--fail-under", said)
    assert done.exit_code == 2
    assert "Invalid value for '--fail-under'" in done.stderr


def test_a_run_that_falls_short_fails_the_report_and_the_build(home: Home) -> None:
    path = home.root / "said.txt"
    path.write_text("\n".join(csv_row(age=str(age)) for age in range(20, 40)))
    assert cli("import", path, "--llm", "somebody").exit_code == 0
    assert cli("reference").exit_code == 0
    ((run_id,),) = query(home, "select run_id from raw.llm_runs")
    good = cli("report", "--fail-under", "overall=0")
    assert good.exit_code == 0, good.output
    bad = cli("report", "--fail-under", "overall=0.9", "--fail-under", "accept_rate=0.5")
    assert bad.exit_code == 1
    (line,) = (line for line in bad.stderr.splitlines() if line.startswith("falls short"))
    assert line.startswith(f"falls short: somebody ({run_id}): overall is 0.")
    assert line.endswith(", under 0.9")
    asked = ("test", "--select", "assert_scores_reach_what_was_asked", "--vars")
    run_dbt(home, *asked, "{fail_under: {overall: 0, accept_rate: 0.5}}")
    with pytest.raises(TransformFailed, match="assert_scores_reach_what_was_asked"):
        run_dbt(home, *asked, "{fail_under: {overall: 0.9}}")
