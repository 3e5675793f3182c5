"""Who leads, how it looks in a terminal, and where the points of the plots are."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from reports.index import write_index
from reports.leaderboard import cost_table, score_table
from reports.plots import axis
from reports.scores import Row, Scores
from reports.standings import BEST, TIED, standings
from synthcare.contracts.contract import Contract
from tests.driver import HOSTILE

ENDS = ("overall", "accept_rate", "column_fidelity", "pair_fidelity", "detection", "diversity")
ENDS += ("missingness", "plausibility", "utility", "privacy")


def run(run_id: str, overall: float | None, *, provider: str = "openai", **values: object) -> Row:
    scores = dict.fromkeys(ENDS, overall)
    scores |= {f"{key}_low": overall and overall - 0.1 for key in ENDS}
    scores |= {f"{key}_high": overall and overall + 0.1 for key in ENDS}
    run = {"run_id": run_id, "llm": f"llm-{run_id}", "provider": provider}
    run |= {"prompt_level": "advanced", "instruction_level": "improved", "rows_accepted": 1000}
    run |= {"variety": "slices", "steered_share": 0.204}
    run |= {"usd_per_1000_rows": None, "seconds_per_1000_rows": None, "tokens_per_row": None}
    run |= {"not_scored_because": None, "utility_note": None, "reference_plausibility": 0.6}
    return run | scores | values


def scores_of(
    *runs: Row,
    verdicts: dict[tuple[str, str], str] | None = None,
    unread_answers: list[Row] | None = None,
) -> Scores:
    comparison = [
        {"run_id": one, "other_run_id": other, "score_name": "overall", "verdict": verdict}
        for (one, other), verdict in (verdicts or {}).items()
    ]
    nothing = ("column_fidelity", "pair_fidelity", "distributions", "diversity")
    nothing += ("column_diversity", "privacy", "reject_reasons")
    empty = {name: [] for name in nothing}
    return Scores(
        scorecard=list(runs),
        comparison=comparison,
        unread_answers=unread_answers or [],
        reference=None,
        **empty,
    )


def test_the_best_leads_and_those_not_told_apart_are_tied() -> None:
    scores = scores_of(
        run("real", 1.0, provider="holdout"),
        run("a", 0.9, usd_per_1000_rows=0.5),
        run("b", 0.8, usd_per_1000_rows=0.2),
        run("c", 0.3, usd_per_1000_rows=0.2),
        run("d", None),
        verdicts={("b", "a"): "tied", ("c", "a"): "worse", ("real", "a"): "tied"},
    )
    found = {run: how for (run, key), how in standings(scores).items() if key == "overall"}
    assert found == {"a": BEST, "b": TIED}
    cheapest = {run for (run, key) in standings(scores) if key == "usd_per_1000_rows"}
    assert cheapest == {"b", "c"}


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_shows_every_run_and_score(width: int) -> None:
    scores = scores_of(
        run("a", 0.876, seconds_per_1000_rows=12_345.6), run("b", None), run("c", 0.5, llm=HOSTILE)
    )
    console = Console(width=width, file=io.StringIO())
    console.print(score_table(scores, console.width))
    console.print(cost_table(scores))
    lines = console.file.getvalue().splitlines()
    heading = next(line for line in lines if "overall" in line)
    assert "rows overall valid cols pairs miss detect divers plaus util priv" in " ".join(
        heading.split()
    )
    first = next(line for line in lines if line.split()[:1] == ["llm-a"])
    assert first.count("0.88") == len(ENDS)
    assert "[0.78–0.98]" in console.file.getvalue()
    assert "slices" in console.file.getvalue()
    assert "12,346" in console.file.getvalue()
    assert all(len(line) <= width for line in lines)


def test_ticks_are_round_and_hold_all_values() -> None:
    linear = axis("x", [0.0, 0.55, 0.93])
    assert linear.ticks == (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    assert [linear.text(tick) for tick in linear.ticks[:2]] == ["0.0", "0.2"]
    assert linear.place(0.25) == pytest.approx(0.25)
    decades = axis("x", [40.0, 9_000.0])
    assert decades.ticks == (10.0, 100.0, 1_000.0, 10_000.0)
    assert decades.place(100.0) == pytest.approx(1 / 3)
    assert [decades.text(tick) for tick in decades.ticks[:3]] == ["10", "100", "1,000"]
    tight = axis("y", [0.41, 1.04], starts_at_zero=False)
    assert (tight.low, tight.high) == (0.4, 1.2)
    assert axis("x", [0.0]).ticks == (0.0, 0.2)
    assert axis("x", [3.0]).place(3.0) == 1.0


@pytest.mark.parametrize(
    "scores, expected",
    [
        (scores_of(), "No runs yet"),
        (scores_of(run("d", None, not_scored_because="no record was accepted")), "says why"),
        (scores_of(run("real", 1.0, provider="holdout")), "No LLM’s run has been scored yet"),
    ],
)
def test_the_index_says_what_is_missing(
    contract: Contract, tmp_path: Path, scores: Scores, expected: str
) -> None:
    write_index(contract, scores, tmp_path / "index.html", drift_reports={})
    assert expected in (tmp_path / "index.html").read_text()


def test_the_index_says_what_was_ours(contract: Contract, tmp_path: Path) -> None:
    scores = scores_of(
        run("a", 0.9, variety="quotas", steered_share=0.204), run("b", 0.8, steered_share=None)
    )
    write_index(contract, scores, tmp_path / "index.html", drift_reports={})
    page = (tmp_path / "index.html").read_text()
    leaderboard = re.search(r'<table id="leaderboard">.*?</table>', page, re.S)[0]
    assert "prompt / instructions / variety" in leaderboard
    first, second = leaderboard.split("<tr data-run=")[1:]
    assert "llm-a <small>advanced/improved/quotas</small>" in first
    assert "llm-b <small>advanced/improved/slices</small>" in second
    steered = r'data-value="1000">1,000</td>\s*<td class="n" data-value="{}">{}</td>'
    assert re.search(steered.format("0.204", "20 %"), first)
    assert re.search(steered.format("", "–"), second)
    assert page.count("<small>1,000 rows, quotas</small>") == 1  # in the grid of prompts
    assert page.count("<small>1,000 rows, slices</small>") == 1


def test_the_plots_show_runs_whose_score_and_cost_are_known(
    contract: Contract, tmp_path: Path
) -> None:
    taken = {"usd_per_1000_rows": 0.5, "seconds_per_1000_rows": 60.0}
    scores = scores_of(
        run("real", 1.0, provider="holdout", **taken),
        run("a", 0.9, **taken, llm=HOSTILE),
        run("b", None, **taken),
        run("c", 0.4, usd_per_1000_rows=0.1, seconds_per_1000_rows=3_000.0),
        run("d", 0.3),
    )
    write_index(contract, scores, tmp_path / "index.html", drift_reports={})
    page = (tmp_path / "index.html").read_text()
    realism, time = re.findall(r"<svg.*?</svg>", page, re.S)
    # The numbers of the leaderboard.
    assert re.findall(r">(\d+)</text>\n</g>", realism) == ["2", "4"]
    assert re.findall(r">(\d+)</text>\n</g>", time) == ["2", "3", "4"]
    assert "holdout</text>" in realism
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in realism


def test_missing_values_are_shown_only_where_there_may_be_any() -> None:
    console = Console(width=120, file=io.StringIO())
    console.print(score_table(scores_of(run("a", 0.8, missingness=None)), console.width))
    assert "valid cols pairs detect" in " ".join(console.file.getvalue().split())
