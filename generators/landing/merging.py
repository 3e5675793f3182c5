"""Brings the runs of other homes here: those of other machines, or of jobs that share a grid."""

import fcntl
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from generators.home import Home
from generators.landing.journal import (
    BATCHES_FILE,
    REQUESTS_FILE,
    RESPONSES_FILE,
    RUN_FILE,
    STREAMS_FOLDER,
    read_run,
)
from generators.landing.jsonl import read_lines
from synthcare.errors import SynthcareError
from synthcare.files import new_folder, writing

_FILES = (RESPONSES_FILE, REQUESTS_FILE, BATCHES_FILE)
_OF_THE_MOMENT = ("requested_at", "received_at", "server")


@dataclass(frozen=True)
class Merged:
    """How many journals came, went on elsewhere, and were here already, at least as far.

    `drawn_from` are dataset and SHA-256 of what the baselines among them were drawn from.
    """

    new: int
    longer: int
    known: int
    drawn_from: frozenset[tuple[str, str]]


def merge(home: Home, others: Sequence[Path]) -> Merged:
    """Copy journals of `others`, homes like this one, that are not here or not as far.

    All are read before any is copied, and nobody writes one meanwhile. Doing it again changes
    nothing. Raises SynthcareError where a folder is no home, where a journal is corrupt or another
    process writes it, and where two journals of one name are of different plans, or went on in both
    places; nothing is copied then.
    """
    landing = home.landing.resolve()
    with ExitStack() as stack:
        found = [folder for other in others for folder in _journals(other)]
        here = {folder.name: landing / folder.name for folder in found}
        here = {name: folder for name, folder in here.items() if (folder / RUN_FILE).exists()}
        for folder in {folder.resolve() for folder in (*found, *here.values())}:
            _lock(stack, folder)
        chosen: dict[str, Path] = {}
        runs = []
        for folder in found:
            runs.append(_checked(folder))
            known = chosen.get(folder.name) or here.get(folder.name)
            if known is None or _goes_on(folder, known):
                chosen[folder.name] = folder
        for name, folder in chosen.items():
            target = landing / name
            # What a killed process had heard of an answer belongs to the journal as it was.
            left_out = shutil.ignore_patterns(STREAMS_FOLDER) if name in here else None
            with writing(target), new_folder(target) as copy:
                shutil.copytree(folder, copy, ignore=left_out, dirs_exist_ok=True)
    drawn_from = {(run["dataset"], run["drawn_from"]) for run in runs if run.get("drawn_from")}
    longer = len(chosen.keys() & here.keys())
    known = len(here.keys() - chosen.keys())
    return Merged(len(chosen) - longer, longer, known, frozenset(drawn_from))


def _journals(other: Path) -> list[Path]:
    """The folders of the runs of a home, in order."""
    found = sorted(path.parent for path in (other / "landing").glob(f"[!.]*/{RUN_FILE}"))
    if not found:
        raise SynthcareError(
            f"{other} has no runs in a folder landing: name a home, as SYNTHCARE_HOME does."
        )
    return found


def _checked(folder: Path) -> dict[str, Any]:
    """What run.json says. Raises SynthcareError where a file of the journal cannot be read."""
    if not (folder / RESPONSES_FILE).exists():
        raise SynthcareError(
            f"{folder} has no {RESPONSES_FILE}: it is half a copy. Copy it again, or leave it out."
        )
    for _ in read_lines(folder / RESPONSES_FILE, "response_id", "run_id"):
        pass
    return read_run(folder)


def _goes_on(theirs: Path, ours: Path) -> bool:
    """Whether a journal has all that another one of its name has, and more."""
    plan, known = read_run(theirs), read_run(ours)
    # Versions of this project write down more or less; the name has a hash of the plan.
    both = plan.keys() & known.keys() - {"started_at"}
    if differing := sorted(key for key in both if plan[key] != known[key]):
        raise SynthcareError(
            f"{theirs} and {ours} are different plans under one name: {', '.join(differing)} "
            "differ. Leave one of them out."
        )
    # Each request and batch is paid for once; those of a baseline cost nothing, and have a time.
    names = _FILES[:1] if plan.get("drawn_from") else _FILES
    longer = {_is_longer(theirs / name, ours / name) for name in names} - {None}
    if longer == {True, False}:
        raise _both(theirs, ours)
    return longer == {True}


def _is_longer(theirs: Path, ours: Path) -> bool | None:
    """Whether the first file goes on from the second, or the other way; None where neither does."""
    for said, known in zip_longest(_entries(theirs), _entries(ours)):
        if said is None or known is None:
            return known is None
        if said != known:
            raise _both(theirs.parent, ours.parent)
    return None


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file without what is another each time: a baseline draws the same again."""
    is_answer = path.name == RESPONSES_FILE
    for entry in read_lines(path) if path.exists() else ():
        kept = entry.items() if is_answer else ()
        yield {key: value for key, value in kept if key not in _OF_THE_MOMENT} or entry


def _both(theirs: Path, ours: Path) -> SynthcareError:
    return SynthcareError(
        f"{theirs} and {ours} are one plan that was asked for in both places, so that different "
        "answers have one number. Leave one of them out; another --seed makes another run."
    )


def _lock(stack: ExitStack, folder: Path) -> None:
    """Let no process write a journal while `stack` is open."""
    path = folder / RESPONSES_FILE
    if not path.exists():
        return
    try:
        fcntl.flock(stack.enter_context(path.open("rb")), fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        raise SynthcareError(
            f"Another process is writing {folder}. Wait for it, or stop it."
        ) from error
