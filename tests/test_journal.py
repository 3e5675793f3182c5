"""The journal survives kills, and landing it again changes nothing."""

from pathlib import Path

import pytest

from generators.errors import SynthcareError
from generators.home import Home
from generators.journal import Journal
from generators.landing import land
from tests.driver import RUN, query, response

AWKWARD = (
    "a\x00b \"quoted\" 'single' <b>&amp;</b> {{ 1/0 }} ; drop table x -- \r\n\t 名前 \u200b\ufeff"
)


@pytest.fixture
def folder(home: Home) -> Path:
    with Journal(home.landing / "r", RUN) as journal:
        journal.append(response(1, AWKWARD))
        journal.append(response(2))
    return home.landing / "r"


def test_text_is_landed_word_for_word(home: Home, folder: Path) -> None:
    assert land(home) == 2
    assert query(home, "select response_text from raw.llm_responses order by request_number") == [
        (AWKWARD,),
        ("text",),
    ]


def test_half_of_an_emoji_is_replaced(home: Home) -> None:
    """JSON may escape half of a surrogate pair; a file in UTF-8 and DuckDB cannot hold it."""
    with Journal(home.landing / "r", RUN) as journal:
        journal.append(response(1, "a \ud83d b \U0001f600 c"))
    assert land(home) == 1
    assert query(home, "select response_text from raw.llm_responses") == [
        ("a \ufffd b \U0001f600 c",)
    ]


def test_landing_again_changes_nothing(home: Home, folder: Path) -> None:
    land(home)
    before = query(home, "from raw.llm_responses") + query(home, "from raw.llm_runs")
    assert land(home) == 0
    assert query(home, "from raw.llm_responses") + query(home, "from raw.llm_runs") == before


def test_a_torn_last_line_is_cut_off_and_its_request_asked_again(home: Home, folder: Path) -> None:
    journal = folder / "responses.jsonl"
    whole = journal.read_bytes()
    second_line = whole.index(b"\n") + 1
    for cut in (*range(second_line, len(whole) - 1, 37), len(whole) - 1):
        journal.write_bytes(whole[:cut])
        land(home)
        assert query(home, "select request_number from raw.llm_responses") == [(1,)]
    with Journal(folder, RUN) as reopened:
        assert reopened.last_request_number == 1
        assert reopened.rows_requested == 4
        reopened.append(response(2, "again"))
    assert land(home) == 1
    assert query(home, "select response_text from raw.llm_responses where request_number = 2") == [
        ("again",)
    ]


def test_a_corrupt_line_in_the_middle_is_named_and_nothing_is_loaded(
    home: Home, folder: Path
) -> None:
    journal = folder / "responses.jsonl"
    journal.write_bytes(b"{broken\n" + journal.read_bytes())
    with pytest.raises(SynthcareError, match=r"responses\.jsonl, line 1, is no entry of a journal"):
        land(home)
    assert query(home, "from raw.llm_responses") == []
    assert journal.read_bytes().startswith(b"{broken")


def test_one_process_writes_a_run(folder: Path) -> None:
    with (
        Journal(folder, RUN),
        pytest.raises(SynthcareError, match="Another process is writing"),
        Journal(folder, RUN),
    ):
        pass


def test_an_older_warehouse_is_given_what_it_lacks(home: Home, folder: Path) -> None:
    land(home)
    query(home, "alter table raw.llm_runs drop drawn_from")
    land(home)
    assert query(home, "select run_id, drawn_from from raw.llm_runs") == [("r", None)]
