"""The journal survives kills, and landing it again changes nothing."""

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from generators.costs.prices import Price
from generators.home import Home
from generators.landing.journal import Journal
from generators.landing.loading import land
from synthcare.errors import SynthcareError
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


# USD 1 for each token that is read or written.
PRICE = Price(input_tokens=1e6, cached_tokens=1e6, output_tokens=1e6)


def send(journal: Journal, number: int, usd_at_most: float = 10.0, **asked: Any) -> None:
    """Note that a request went out."""
    journal.begin()
    row = {
        "response_id": f"r-{number}",
        "run_id": "r",
        "request_number": number,
        "rows_requested": 4,
        "requested_at": f"2026-01-01T00:00:0{number}.500000",
        "slice_text": "In every row: Gender Male.",
        "dictated_values": None,
        "quota_cells": None,
        "drawn_values": None,
        "parents": None,
        "custom_id": None,
        "server": None,
    }
    journal.dispatches.sent(number, usd_at_most, row | asked)


def journalled(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "responses.jsonl").read_text().splitlines()]


def test_what_a_killed_process_had_heard_is_an_answer_that_broke_off(home: Home) -> None:
    folder = home.landing / "r"
    with Journal(folder, RUN) as journal:
        for number in (1, 2, 3, 4):
            given = {"gender": {"Male": 4}} if number == 2 else None
            send(journal, number, dictated_values=given)
        journal.append(response(1))  # 1 token read, 2 written
        heard = journal.streams.begin(2)
        heard.hear("Ann,40\nBo")
        heard.hear(",41\nC")
        journal.streams.begin(4).hear(" \n")
    with Journal(folder, RUN) as journal:
        assert (journal.saved, journal.killed) == (1, 2)
        assert [n for n in range(4) if n in journal.answered] == [1, 2]
        assert journal.rows_requested == 8
        assert journal.last_request_number == 4
        assert journal.dispatches.unsettled.requests == 2
        spent = journal.spent(PRICE)
        assert (spent.known, spent.at_most) == (3, 3 + 10 + 2 * 10)
        journal.append(response(5))
    assert not (folder / "streams").exists()
    _, saved, last = journalled(folder)
    received_at = saved.pop("received_at")
    assert saved == {
        "response_id": "r-2",
        "run_id": "r",
        "request_number": 2,
        "rows_requested": 4,
        "slice_text": "In every row: Gender Male.",
        "response_text": "Ann,40\nBo,41\nC",
        "finish_reason": "broken",
        "input_tokens": None,
        "cached_tokens": None,
        "output_tokens": None,
        "reasoning_tokens": None,
        "requested_at": "2026-01-01T00:00:02.500000",
        "dictated_values": {"gender": {"Male": 4}},
        "quota_cells": None,
        "drawn_values": None,
        "parents": None,
        "custom_id": None,
        "server": None,
    }
    assert received_at > saved["requested_at"]
    assert last["request_number"] == 5
    # It is told once, and costs the same ever after.
    with Journal(folder, RUN) as journal:
        assert (journal.saved, journal.killed) == (0, 0)
        assert journal.spent(PRICE).at_most == spent.at_most + 3
    land(home)
    assert query(
        home,
        "select response_text, finish_reason, output_tokens from raw.llm_responses"
        " where request_number = 2",
    ) == [("Ann,40\nBo,41\nC", "broken", None)]


def test_a_stream_that_no_request_waits_for_is_ignored(home: Home) -> None:
    """Killed after it was journalled, or between a refusal and its end; 9 was never sent."""
    folder = home.landing / "r"
    with Journal(folder, RUN) as journal:
        for number in (1, 2):
            send(journal, number)
            journal.streams.begin(number).hear("Ann,40\n")
        journal.append(response(1))
        journal.dispatches.ended(2, "refused")
        journal.streams.begin(9).hear("Zoe,99\n")
    before = journalled(folder)
    with Journal(folder, RUN) as journal:
        assert (journal.saved, journal.killed) == (0, 0)
        assert journal.spent(PRICE).at_most == 3
        assert journal.last_request_number == 2
    assert journalled(folder) == before
    assert not (folder / "streams").exists()


def test_a_stream_that_was_cut_within_a_letter_is_read(home: Home) -> None:
    folder = home.landing / "r"
    with Journal(folder, RUN) as journal:
        send(journal, 1)
        journal.streams.begin(1).hear("Zoë,1\nZo")
    path = folder / "streams" / "1.txt"
    path.write_bytes(path.read_bytes() + "ë".encode()[:1])
    with Journal(folder, RUN) as journal:
        assert journal.saved == 1
    assert journalled(folder)[0]["response_text"] == "Zoë,1\nZo\ufffd"


def test_a_stream_is_gone_when_its_answer_has_ended(home: Home) -> None:
    folder = home.landing / "r"
    with Journal(folder, RUN) as journal:
        send(journal, 1)
        stream, silent = journal.streams.begin(1), journal.streams.begin(2)
        silent.end()  # nothing was heard, so there is no file
        stream.hear("Ann \ud83d,40\n")  # half of an emoji
        path = folder / "streams" / "1.txt"
        assert path.read_text() == "Ann ?,40\n"
        stream.end()
        assert not path.exists()
        stream.hear("Bo")  # asked again
        assert path.read_text() == "Bo"


def test_what_was_lost_counts_in_its_own_session_too(home: Home) -> None:
    folder = home.landing / "r"
    with Journal(folder, RUN) as journal:
        for number in (1, 2, 3):
            send(journal, number)
        journal.append(response(1))
        journal.dispatches.ended(2, "lost")
        send(journal, 2)  # again, and lost again
        journal.dispatches.ended(2, "lost")
        journal.dispatches.ended(3, "refused")
        here = journal.spent(PRICE)
    assert (here.known, here.at_most) == (3, 3 + 2 * 10)
    with Journal(folder, RUN) as journal:
        assert journal.spent(PRICE) == here
        assert journal.dispatches.unsettled.requests == 2


def test_a_run_that_was_not_begun_leaves_nothing(home: Home) -> None:
    with Journal(home.landing / "r", RUN):
        pass
    assert list(home.landing.iterdir()) == []


def append(folder: Path, *numbers: int) -> None:
    with Journal(folder, RUN) as journal:
        for number in numbers:
            journal.append(response(number, f"text {number}"))


def landed_numbers(home: Home) -> list[int]:
    found = query(home, "select request_number from raw.llm_responses order by all")
    return [number for (number,) in found]


def test_only_what_is_new_is_read(home: Home, folder: Path) -> None:
    land(home)
    append(folder, *range(3, 20))
    land(home)
    append(folder, 20)
    # Were the first line read again, it would be named as corrupt.
    journal = folder / "responses.jsonl"
    text = journal.read_bytes()
    assert len(text) > 2 * 4096
    journal.write_bytes(b"x" + text[1:])
    assert land(home) == 1
    assert landed_numbers(home) == [*range(1, 21)]


@pytest.mark.parametrize("size", [1, 5_000])
def test_lines_that_came_since_are_landed(home: Home, folder: Path, size: int) -> None:
    land(home)
    with Journal(folder, RUN) as journal:
        journal.append(response(3, size * "x"))
    assert land(home) == 1
    append(folder, 4, 5)
    assert land(home) == 2
    assert land(home) == 0
    assert landed_numbers(home) == [1, 2, 3, 4, 5]


def test_a_corrupt_line_behind_landed_ones_is_named_by_its_number(home: Home, folder: Path) -> None:
    land(home)
    with (folder / "responses.jsonl").open("ab") as file:
        file.write(b"{broken\n")
    with pytest.raises(SynthcareError, match=r"responses\.jsonl, line 3, is no entry"):
        land(home)
    assert landed_numbers(home) == [1, 2]


def test_a_journal_that_was_replaced_is_landed_whole(home: Home, folder: Path) -> None:
    land(home)
    journal = folder / "responses.jsonl"
    first, second = journal.read_bytes().splitlines(keepends=True)
    # As long as before, and with another line in the place of the second.
    other = json.loads(second) | {"response_id": "r-3", "request_number": 3}
    journal.write_bytes(first + json.dumps(other).encode() + b"\n")
    assert land(home) == 1
    assert landed_numbers(home) == [1, 2, 3]
    journal.write_bytes(first)  # and shorter
    assert land(home) == 0


def test_a_journal_is_loaded_in_slices(
    home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generators.landing.loading._SLICE_BYTES", 1200)  # two lines of them
    append(folder, *range(3, 10))
    assert land(home) == 9
    append(folder, 10, 11, 12)
    assert land(home) == 3
    assert landed_numbers(home) == [*range(1, 13)]
    assert query(home, "select journal, response_count, byte_count from raw.llm_journals") == [
        ("r", 12, (folder / "responses.jsonl").stat().st_size)
    ]


def test_a_copy_of_a_folder_does_not_let_all_be_read_again(home: Home, folder: Path) -> None:
    shutil.copytree(folder, home.landing / "copy")
    assert land(home) == 2
    journal = folder / "responses.jsonl"
    append(folder, *range(3, 20))
    land(home)
    journal.write_bytes(b"x" + journal.read_bytes()[1:])
    assert land(home) == 0


@pytest.mark.parametrize("number", [-1, 10**13, "1", 1.5])
def test_a_request_whose_number_is_none_is_named(folder: Path, number: object) -> None:
    journal = folder / "responses.jsonl"
    first = json.loads(journal.read_bytes().splitlines()[0])
    journal.write_text(json.dumps(first | {"request_number": number}) + "\n")
    with pytest.raises(SynthcareError, match="which is no number"):
        Journal(folder, RUN)


def test_what_was_deleted_from_the_warehouse_is_landed_again(home: Home, folder: Path) -> None:
    land(home)
    with duckdb.connect(home.warehouse) as warehouse:
        warehouse.execute("delete from raw.llm_responses where request_number = 1")
    assert land(home) == 1
    assert landed_numbers(home) == [1, 2]


def test_a_line_that_is_being_written_is_landed_when_it_is_whole(home: Home, folder: Path) -> None:
    journal = folder / "responses.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-10])
    assert land(home) == 1
    journal.write_bytes(whole)
    assert land(home) == 1
    assert landed_numbers(home) == [1, 2]
