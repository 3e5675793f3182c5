"""Who leads, how it looks in a terminal, and where the points of the plots are."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from reports.index import write_index
from reports.leaderboard import cost_table, leak_lines, score_table, worst_table
from reports.plots import axis
from reports.scores import Row, Scores
from reports.standings import BEST, TIED, standings
from synthcare.contracts.contract import Contract
from synthcare.registry import ALL
from tests.driver import HOSTILE

ENDS = tuple(headline.name for headline in ALL)
COPIES = "12 of 30 rows equal a real row; among real rows 0 would"


def run(run_id: str, overall: float | None, *, provider: str = "openai", **values: object) -> Row:
    scores = dict.fromkeys(ENDS, overall)
    scores |= {f"{key}_low": overall and overall - 0.1 for key in ENDS}
    scores |= {f"{key}_high": overall and overall + 0.1 for key in ENDS}
    run = {"run_id": run_id, "llm": f"llm-{run_id}", "provider": provider}
    run |= {"prompt_level": "advanced", "instruction_level": "improved", "rows_accepted": 1000}
    run |= {"variety": "slices", "steered_share": 0.204}
    run |= {"usd_per_1000_rows": None, "seconds_per_1000_rows": None, "tokens_per_row": None}
    run |= {"not_scored_because": None, "utility_note": None, "reference_plausibility": 0.6}
    run |= {"leaks": None, "structure_note": None, "privacy_note": None}
    run |= {"worst_column": "length_of_stay_days", "worst_column_fidelity": 0.434}
    run |= {"worst_pair": "age and test_results", "worst_pair_fidelity": 0.251}
    return run | scores | values


def scores_of(
    *runs: Row,
    verdicts: dict[tuple[str, str], str] | None = None,
    unread_answers: list[Row] | None = None,
    **others: list[Row],
) -> Scores:
    comparison = [
        {"run_id": one, "other_run_id": other, "score_name": "overall", "verdict": verdict}
        for (one, other), verdict in (verdicts or {}).items()
    ]
    nothing = ("column_fidelity", "pair_fidelity", "distributions", "diversity")
    nothing += ("column_diversity", "privacy", "privacy_risks", "reject_reasons")
    nothing += ("subgroups", "subgroup_rates", "relations")
    rows = {name: [] for name in nothing} | others
    return Scores(
        scorecard=list(runs),
        comparison=comparison,
        unread_answers=unread_answers or [],
        reference=None,
        **rows,
    )


def test_a_run_too_small_for_structure_does_not_lead_those_that_have_it() -> None:
    small = run("small", 0.99, structure=None)
    for others, best in ([[run("a", 0.8)], "a"], [[], "small"]):
        found = standings(scores_of(small, *others))
        assert [who for (who, key), how in found.items() if (key, how) == ("overall", BEST)] == [
            best
        ]


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


def test_a_run_that_leaks_is_neither_best_nor_tied_nor_cheapest() -> None:
    scores = scores_of(
        run("a", 0.8, usd_per_1000_rows=0.5),
        run("b", 0.9, usd_per_1000_rows=0.2, leaks=COPIES),
        run("c", 0.8, usd_per_1000_rows=0.2, leaks=COPIES),
        verdicts={("a", "b"): "worse", ("c", "a"): "tied"},
    )
    assert standings(scores) == {("a", key): BEST for key in (*ENDS, "usd_per_1000_rows")}


def printed(scores: Scores, width: int) -> str:
    console = Console(width=width, file=io.StringIO())
    console.print(score_table(scores, console.width))
    console.print(worst_table(scores))
    console.print(cost_table(scores))
    for line in leak_lines(scores):
        console.print(line, markup=False, soft_wrap=True)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 170])
def test_a_terminal_shows_every_run_and_score(width: int) -> None:
    scores = scores_of(
        run("a", 0.876, seconds_per_1000_rows=12_345.6), run("b", None), run("c", 0.5, llm=HOSTILE)
    )
    lines = printed(scores, width).splitlines()
    heading = next(place for place, line in enumerate(lines) if "overall" in line)
    shown = " ".join(lines[heading - 2 : heading + 2]).split()
    assert {headline.short for headline in ALL} <= {*shown}
    first = next(place for place, line in enumerate(lines) if line.split()[:1] == ["llm-a"])
    assert "".join(lines[first : first + 3]).count("0.88") == len(ENDS)
    assert (lines[first].count("0.88") == len(ENDS)) is (width == 170)
    assert "[0.78–0.98]" in "".join(lines)
    assert "slices" in "".join(lines)
    assert "12,346" in "".join(lines)
    assert "length of stay days 0.43" in " ".join(" ".join(lines).split())
    assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize("width", [80, 170])
def test_a_terminal_marks_runs_that_leak_and_real_rows(width: int) -> None:
    scores = scores_of(
        run("real", 1.0, provider="holdout", llm="holdout", prompt_level=None),
        run("a", 0.8),
        run("b", 0.9, leaks=COPIES, llm="b\x1b[31m"),
    )
    text = printed(scores, width)
    *_, last = text.splitlines()
    assert last == f"b\\x1b[31m advanced/improved/slices leaks: {COPIES}"
    assert text.count("leaks") == 4  # in each table
    assert "real rows" in text
    assert "leaks" not in next(line for line in text.splitlines() if "llm-a" in line)
    assert all(len(line) <= width for line in text.splitlines()[:-1])


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


def page_of(contract: Contract, folder: Path, *runs: Row, **others: list[Row]) -> str:
    write_index(contract, scores_of(*runs, **others), folder / "index.html", drift_reports={})
    return (folder / "index.html").read_text()


def test_a_run_that_leaks_does_not_lead_the_index(contract: Contract, tmp_path: Path) -> None:
    kept = {
        "run_id": "b",
        "exposure": "not known",
        "copied_rows_any_case": 12,
        "privacy_note": None,
    }
    kept |= {"rows_compared": 30, "reference_copied_share": 0.0, "known_identifiers_share": 0.4}
    kept |= {"reference_known_identifiers_share": None}
    various = {"run_id": "b", "repeated_rows_share": 0, "prompt_echo_share": 0, "rows_compared": 30}
    risk = {"run_id": "b", "excess": 0.4, "excess_low": 0.2, "excess_high": 0.6}
    names = {"run_id": "b", "column_name": "name", "distinct_values": 1}
    names |= {"expected_distinct_values": 30, "most_repeated_share": 1.0}
    names |= {"reference_most_repeated_share": 0.0, "most_repeated_value": "Ann Lee"}
    page = page_of(
        contract,
        tmp_path,
        run("real", 1.0, provider="holdout", llm="holdout"),
        run("a", 0.8),
        run("b", 0.9, leaks=COPIES),
        privacy=[kept],
        privacy_risks=[risk | {"risk": "all_but_0", "in_words": COPIES}],
        diversity=[various],
        column_diversity=[names],
    )
    assert re.search(r"<h2>llm-a <small>.*</small> leads</h2>", page)
    assert "Of the LLMs’ runs that do not leak it has the best" in page
    _, real, other, leaking = page.split("<tr data-run=")
    mark = '<b class="mark leaks">leaks</b>'
    assert (real.count('mark">real rows'), real.count(mark)) == (2, 0)  # by its name, in its cell
    assert other.count(mark) == 0
    row, rest = leaking.split("</tr>", 1)
    assert row.count(mark) == 2
    section = rest[rest.index('<section id="privacy">') :]
    assert section.count(f"{mark} {COPIES}.") == 1
    assert f'<td>{COPIES}</td><td class="n">0.40 <small>[0.20–0.60]</small>' in section
    assert "Ann Lee" not in page  # whose name that is, if rows are real ones


@pytest.mark.parametrize(
    ("compared", "said"),
    [
        (1_000, "No row stands in the reference"),
        (20, "None of the 20 rows that were compared stands in the reference"),
    ],
)
def test_of_a_part_of_a_run_no_more_is_said_than_of_it(
    contract: Contract, tmp_path: Path, compared: int, said: str
) -> None:
    kept = {"run_id": "a", "exposure": "not known", "copied_rows_any_case": 0, "privacy_note": None}
    kept |= {"rows_compared": compared, "reference_copied_share": 0.0}
    kept |= {"known_identifiers_share": None}
    various = {"run_id": "a", "repeated_rows_share": 0, "prompt_echo_share": 0, "rows_compared": 30}
    page = page_of(contract, tmp_path, run("a", 0.8), privacy=[kept], diversity=[various])
    assert f"{said}." in page


def test_where_all_leak_none_leads(contract: Contract, tmp_path: Path) -> None:
    page = page_of(contract, tmp_path, run("a", 0.9, leaks=COPIES), run("b", None))
    assert "No run leads: every one that is scored leaks" in page
    assert "leads</h2>" not in page
    assert 'class="mark best">best</b> 0' not in page


def test_the_index_shows_the_worst_and_why_there_is_no_structure(
    contract: Contract, tmp_path: Path
) -> None:
    why = "no structure: real columns have nothing to do with each other beyond chance"
    page = page_of(contract, tmp_path, run("a", 0.9, structure=None, structure_note=why))
    assert page.count("worst: length of stay days 0.43") == 2  # in its card, and its row
    assert page.count("worst: age and test results 0.25") == 2
    assert f'title="{why}">no structure</small>' in page
    assert page.count(f"{why}\n") == 1  # in full, in its card


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
    assert "valid cols pairs struct trios detect" in " ".join(console.file.getvalue().split())
