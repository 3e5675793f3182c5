"""Runs of several homes come together, any number of times, and never two of one name."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from generators.home import Home
from generators.landing.dispatches import LOST
from generators.landing.journal import Journal
from generators.landing.loading import land
from generators.landing.merging import Merged, merge
from synthcare.errors import SynthcareError
from tests.driver import RUN, cli, query, response


@pytest.fixture
def there(tmp_path: Path) -> Home:
    """Another home, with two runs."""
    other = Home(tmp_path / "there")
    write(other, "r", 1, 2)
    write(other, "s", 1)
    return other


def write(home: Home, run_id: str, *numbers: int, text: str = "text", **changes: object) -> Path:
    """Journal answers of a run, which is begun if it is not there; return its folder."""
    with Journal(home.landing / run_id, RUN | {"run_id": run_id, "seed": 1} | changes) as journal:
        for number in numbers:
            journal.append(response(number, text, run_id=run_id))
    return home.landing / run_id


def answers(home: Home) -> list[tuple[str, int]]:
    return query(home, "select run_id, request_number from raw.llm_responses order by all")


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def counts(merged: Merged) -> tuple[int, int, int]:
    return merged.new, merged.longer, merged.known


def test_runs_of_other_homes_are_brought_once(home: Home, there: Home, tmp_path: Path) -> None:
    third = Home(tmp_path / "third")
    write(third, "t", 1)
    write(home, "u", 1)
    done = cli("merge", str(there.root), str(third.root), "--json")
    assert json.loads(done.stdout) == {"new": 3, "longer": 0, "known": 0, "new_responses": 5}
    assert answers(home) == [("r", 1), ("r", 2), ("s", 1), ("t", 1), ("u", 1)]
    before = files(home.landing)
    again = cli("merge", str(there.root), str(third.root))
    assert "0 journals came, 0 went on elsewhere, 3 were here already: 0 new" in again.output
    assert files(home.landing) == before
    assert {name.split("/")[0] for name in before} == {"r", "s", "t", "u"}


def test_a_run_that_went_on_elsewhere_is_taken_whole(home: Home, there: Home) -> None:
    merge(home, [there.root])
    write(there, "r", 3)
    assert counts(merge(home, [there.root])) == (0, 1, 1)
    assert cli("merge", str(there.root)).exit_code == 0
    assert answers(home) == [("r", 1), ("r", 2), ("r", 3), ("s", 1)]
    # And one that went on here stays as it is.
    write(home, "r", 4)
    before = files(home.landing)
    assert counts(merge(home, [there.root])) == (0, 0, 2)
    assert files(home.landing) == before


def test_of_two_homes_the_one_that_went_further_counts(
    home: Home, there: Home, tmp_path: Path
) -> None:
    shutil.copytree(there.root, tmp_path / "copy")
    write(Home(tmp_path / "copy"), "r", 3)
    for order in ([there.root, tmp_path / "copy"], [tmp_path / "copy", there.root]):
        shutil.rmtree(home.landing, ignore_errors=True)
        merge(home, order)
        assert files(home.landing) == files(tmp_path / "copy" / "landing")


def test_a_baseline_that_was_drawn_in_both_places_is_one_run(home: Home, there: Home) -> None:
    for of in (home, there):
        write(of, "holdout", 1, drawn_from="abc")
    merged = merge(home, [there.root])
    assert counts(merged) == (2, 0, 1)
    assert merged.drawn_from == {(RUN["dataset"], "abc")}
    done = cli("merge", str(there.root))
    assert "were drawn from a reference that is not here" in " ".join(done.output.split())


@pytest.mark.parametrize(
    ("text", "changes", "said"),
    [
        ("text", {"seed": 7}, "are different plans under one name: seed differ"),
        ("other", {}, "are one plan that was asked for in both places"),
    ],
)
def test_two_runs_of_one_name_are_refused_and_nothing_comes(
    home: Home, there: Home, text: str, changes: dict[str, object], said: str
) -> None:
    write(home, "s", 1, text=text, **changes)
    before = files(home.root)
    with pytest.raises(SynthcareError, match=said) as raised:
        merge(home, [there.root])
    assert "\n" not in str(raised.value)
    assert files(home.root) == before
    assert cli("merge", str(there.root)).exit_code == 2


def test_a_journal_that_is_being_written_is_not_copied(home: Home, there: Home) -> None:
    with (there.landing / "s" / "responses.jsonl").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(SynthcareError, match="Another process is writing"):
            merge(home, [there.root])
        assert not home.landing.exists()
    assert counts(merge(home, [there.root])) == (2, 0, 0)


def test_a_journal_here_that_is_being_written_stays(home: Home, there: Home) -> None:
    with (
        Journal(write(home, "r", 1), RUN),  # whose process goes on
        pytest.raises(SynthcareError, match="Another process is writing"),
    ):
        merge(home, [there.root])


def test_what_was_sent_and_not_answered_here_is_not_forgotten(home: Home, there: Home) -> None:
    with Journal(write(home, "r", 1, 2), RUN) as journal:
        journal.dispatches.sent(3, 10.0, {})
        journal.dispatches.ended(3, LOST)
    write(there, "r", 3)
    before = files(home.root)
    with pytest.raises(SynthcareError, match="was asked for in both places"):
        merge(home, [there.root])
    assert files(home.root) == before
    # Their copy of the same, which went on, is taken.
    shutil.rmtree(there.landing)
    shutil.copytree(home.landing, there.landing)
    write(there, "r", 4)
    assert counts(merge(home, [there.root])) == (0, 1, 0)
    with Journal(home.landing / "r", RUN) as journal:
        assert journal.dispatches.unsettled.usd_at_most == 10.0


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("run.json", "{", r"run\.json is no JSON"),
        ("run.json", "[1]", r"run\.json does not say run_id and dataset of a run"),
        ("run.json", '{"run_id": "s"}', r"run\.json does not say run_id and dataset of a run"),
        ("responses.jsonl", None, r"has no responses\.jsonl: it is half a copy"),
        ("responses.jsonl", "{broken\n", "line 1, is no entry of a journal"),
    ],
)
def test_half_a_copy_is_refused_before_anything_comes(
    home: Home, there: Home, file: str, text: str | None, said: str
) -> None:
    path = there.landing / "s" / file
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    with pytest.raises(SynthcareError, match=said):
        merge(home, [there.root])
    assert not home.landing.exists()


def test_a_run_without_its_answers_is_named_where_it_is_landed(home: Home) -> None:
    write(home, "r", 1)
    (home.landing / "r" / "responses.jsonl").unlink()
    with pytest.raises(SynthcareError, match=r"has no responses\.jsonl: it is half a copy"):
        land(home)


def test_what_a_killed_merge_left_goes_with_the_next(home: Home, there: Home) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, of_another = (home.landing / f".r.{pid}" for pid in (ended.pid, os.getppid()))
    for folder in (left, of_another):
        folder.mkdir(parents=True)
        (folder / "responses.jsonl").write_text("{}")
    merge(home, [there.root])
    assert not left.exists()
    assert of_another.exists()  # whose process runs


def test_what_was_heard_on_both_sides_is_no_hindrance(home: Home, there: Home) -> None:
    merge(home, [there.root])
    write(there, "r", 3)
    for of in (home, there):
        (of.landing / "r" / "streams").mkdir()
        (of.landing / "r" / "streams" / "9.txt").write_text("x")
    assert counts(merge(home, [there.root])) == (0, 1, 1)


def test_a_folder_here_in_which_nothing_was_begun_is_filled(home: Home, there: Home) -> None:
    (home.landing / "r").mkdir(parents=True)
    assert counts(merge(home, [there.root])) == (2, 0, 0)


def test_another_run_under_the_name_of_a_landed_one_is_not_mixed_with_it(
    home: Home, there: Home
) -> None:
    write(home, "r", 1, text="ours")
    land(home)
    shutil.rmtree(home.landing)
    merge(home, [there.root])
    with pytest.raises(SynthcareError, match="has another answer under r-1"):
        land(home)
    assert query(home, "select response_text from raw.llm_responses") == [("ours",)]


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_that_is_no_home_is_refused(home: Home, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SynthcareError, match="has no runs in a folder landing"):
        merge(home, [tmp_path / name])


def test_merging_a_home_with_itself_changes_nothing(home: Home) -> None:
    write(home, "r", 1)
    before = files(home.root)
    assert counts(merge(home, [home.root])) == (0, 0, 1)
    assert files(home.root) == before
