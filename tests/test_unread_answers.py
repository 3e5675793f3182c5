"""Answers in which no record was found: counted by SQL, told in one line, shown on the page."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from generators.home import Home
from generators.landing.journal import Journal
from generators.landing.loading import land
from generators.warehouse.transform import run_dbt
from reports.index import write_index
from reports.unread import read_unread_answers, unread_lines, unread_words, visible
from synthcare.contracts.contract import Contract
from tests.driver import DATASET, RUN, cli, csv_row, query, response
from tests.test_leaderboard import run as scored
from tests.test_leaderboard import scores_of

SORRY = "I'm sorry, but I can't write medical records of people, not even of invented ones."
CORRECTED = (
    f"{csv_row()}\n{csv_row(age='41')}\n\nWait, the ages are wrong. Corrected:\n\n"
    f"{csv_row(age='50')}\n{csv_row(age='51')}\n"
)
# Text and finish reason of each answer, and what it is taken for.
ANSWERS = [
    (csv_row(), "stop", "delimited"),
    (SORRY, "stop", "refusal"),
    (SORRY + " Ask someone else.", "stop", "refusal"),  # they differ after the 80th character
    ("Which of the columns do you need?", "stop", "prose"),
    ("I cannot help with that.", "refusal", "refusal"),
    ("", "content_filter", "filtered"),
    ("<think>\nTwo rows? Ann Lee, 40\n</think>\n", "stop", "thought"),
    ("", "stop", "nothing"),
    ("", "error", "error"),
    (csv_row(age="44"), "refusal", "delimited"),  # what it is said to be does not take its row
    (CORRECTED, "stop", "delimited"),
]
COUNTS = {"answers": 11, "answers_without_record": 8}
COUNTS |= {"refused": 3, "filtered": 1, "failed": 1, "only_reasoned": 1, "only_prose": 1}
COUNTS |= {"empty": 1, "answers_beginning_so": 2, "records_superseded": 2}
COUNTS |= {"most_common_beginning": SORRY[:80]}

# What a terminal would obey, what rich would, what a browser would, and what turns text around.
HOSTILE = "Sorry \x1b[31m[bold]red[/bold] <script>alert(1)</script>\r\n\x9b2J \u202eabc"
VISIBLE = r"Sorry \x1b[31m[bold]red[/bold] <script>alert(1)</script> \x9b2J \u202eabc"


def journal(home: Home, run: dict, answers: list[tuple]) -> None:
    with Journal(home.landing / run["run_id"], run) as written:
        for number, (text, finish_reason, *_) in enumerate(answers, start=1):
            answer = replace(response(number, text), run_id=run["run_id"])
            answer = replace(answer, response_id=f"{run['run_id']}-{number}")
            written.append(replace(answer, finish_reason=finish_reason))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A run of an LLM, one whose answers are all good, and a baseline that cannot be read."""
    home = Home(tmp_path_factory.mktemp("unread"))
    journal(home, RUN, ANSWERS)
    journal(home, RUN | {"run_id": "good"}, [(csv_row(), "stop")])
    patient = "Mara Quist is 45 and was here in May."
    for provider in ("holdout", "independent"):
        journal(home, RUN | {"run_id": provider, "provider": provider}, [(patient, "stop")])
    land(home)
    run_dbt(home, "run", "--select", "+unread_answers")
    return home


def test_each_answer_is_taken_for_what_it_is(built: Home) -> None:
    taken_for = query(
        built,
        "select taken_for from marts.response_audit where run_id = 'r'"
        " order by cast(string_split(response_id, '-')[-1] as integer)",
    )
    assert [kind for (kind,) in taken_for] == [kind for *_, kind in ANSWERS]


def test_a_run_is_summed_up(built: Home) -> None:
    (run,) = read_unread_answers(built, DATASET, ["r"])
    assert {name: run[name] for name in COUNTS} == COUNTS
    (good,) = read_unread_answers(built, DATASET, ["good"])
    assert (good["answers"], good["answers_without_record"]) == (1, 0)
    assert good["most_common_beginning"] is None


def test_real_rows_are_not_shown(built: Home) -> None:
    """Neither of a baseline that was given to a person nor of one made from real rows."""
    assert query(built, "select run_id from metrics.unread_answers order by all") == [
        ("good",),
        ("r",),
    ]
    assert "Mara Quist" not in str(analysis(built))


def analysis(home: Home) -> list[tuple]:
    run_dbt(home, "compile", "--select", "what_does_no_record_explain")
    (compiled,) = (home.root / "target" / "compiled").rglob("what_does_no_record_explain.sql")
    return query(home, compiled.read_text())


def test_an_analyst_sees_what_no_record_explains(built: Home) -> None:
    found = analysis(built)
    asked = {f"r-{number}" for number in (*range(2, 10), 11)}
    assert {response_id for _, _, response_id, *_ in found} == asked
    assert found[0] == ("r", DATASET, "r-2", 0, "refusal", 1.0, SORRY[:80])
    *_, (_, _, last, records, kind, share, rest) = found  # the one that has records
    assert (last, records, kind) == ("r-11", 4, "delimited")
    assert rest == "Wait, the ages are wrong. Corrected:"
    assert 0 < share < 0.5


def test_every_answer_without_a_record_is_one_of_the_kinds(built: Home) -> None:
    run_dbt(built, "test", "--select", "unread_answers")


def test_the_contract_holds_where_every_answer_has_a_record(home: Home) -> None:
    journal(home, RUN, [(csv_row(), "stop")])
    land(home)
    run_dbt(home, "run", "--select", "+unread_answers")
    assert query(home, "select begins, longest_unexplained from marts.response_audit") == [
        (None, None)
    ]


def summary(**changes: object) -> dict:
    levels = {"llm": "gpt-4o", "prompt_level": "basic", "instruction_level": None, "variety": None}
    return {"run_id": "a", **levels, **COUNTS, **changes}


def test_a_run_is_told_in_one_line() -> None:
    assert list(unread_lines([summary(), summary(answers_without_record=0)])) == [
        "gpt-4o basic: 8 of 11 answers held no record: 3 refused, 1 filtered, 1 only reasoned,"
        f' 1 failed, 1 prose, 1 empty, most often "{SORRY[:80]}…"'
    ]
    nothing = dict.fromkeys(("refused", "filtered", "failed", "only_reasoned", "empty"), 0)
    once = nothing | {"answers": 1, "answers_without_record": 1, "only_prose": 1}
    once |= {"most_common_beginning": "Hello", "answers_beginning_so": 1}
    said = '1 of 1 answer held no record: 1 prose, such as "Hello"'
    assert unread_words(summary(**once)) == said


def test_no_terminal_code_is_left() -> None:
    assert visible(HOSTILE) == VISIBLE
    (line,) = unread_lines([summary(llm="x\x1b[2J", most_common_beginning=HOSTILE)])
    assert line.startswith(r"x\x1b[2J basic: ")
    assert line.isprintable()


def test_a_hostile_answer_is_told_by_import_and_report_and_shown_on_the_page(home: Home) -> None:
    """The warehouse keeps it as it is, terminal and page show it as text."""
    path = home.root / "said.txt"
    path.write_text("Sorry \x07[bold]red[/bold] <script>alert(1)</script>\n")
    line = (
        "somebody: 1 of 1 answer held no record: 1 prose,"
        r' such as "Sorry \x07[bold]red[/bold] <script>alert(1)</script>"'
    )
    imported = cli("import", path, "--llm", "somebody", "--json")
    assert imported.exit_code == 0, imported.output
    assert line in imported.stderr.splitlines()
    ((run_id,),) = query(home, "select run_id from raw.llm_runs")
    (unread,) = json.loads(imported.stdout)["unread_answers"]
    assert (unread["run_id"], unread["answers_without_record"], unread["only_prose"]) == (
        *(run_id, 1),
        1,
    )
    reported = cli("report", "--json")
    assert reported.exit_code == 0, reported.output
    assert line in reported.stderr.splitlines()
    told = json.loads(reported.stdout)
    assert told["unread_answers"] == [unread]
    page = Path(told["pages"][0]).read_text()
    assert "\x07" not in page
    (shown,) = re.findall(r'<ul id="unread">(.*?)</ul>', page, re.S)
    assert "[bold]red[/bold] &lt;script&gt;alert(1)&lt;/script&gt;" in shown


def test_the_page_has_a_sentence_for_each_run_and_nothing_where_all_is_read(
    contract: Contract, tmp_path: Path
) -> None:
    path = tmp_path / "index.html"
    assert contract.dataset == DATASET
    runs = [scored("a", 0.9), scored("b", 0.8)]
    unread = [summary(run_id="a", most_common_beginning=HOSTILE)]
    unread.append(summary(run_id="b", answers_without_record=0))
    write_index(contract, scores_of(*runs, unread_answers=unread), path, drift_reports={})
    (shown,) = re.findall(r'<ul id="unread">(.*?)</ul>', path.read_text(), re.S)
    assert shown.count("<li>") == 1
    assert "llm-a <small>advanced/improved/slices</small>: 8 of 11 answers held no" in shown
    assert r"\x1b[31m[bold]red[/bold] &lt;script&gt;alert(1)&lt;/script&gt; \x9b2J" in shown
    write_index(contract, scores_of(*runs, unread_answers=unread[1:]), path, drift_reports={})
    assert "unread" not in path.read_text()
    assert "Answers without a record" not in path.read_text()
