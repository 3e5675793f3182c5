"""Brings the runs of other homes here: those of other machines, or of jobs that share a grid."""

import fcntl
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from generators.home import Home
from generators.landing.journal import RESPONSES_FILE, RUN_FILE, read_run
from generators.landing.jsonl import read_lines
from synthcare.errors import SynthcareError
from synthcare.files import new_folder

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

    Nothing is copied where one of them cannot be. Doing it again changes nothing. Raises
    SynthcareError where a folder is no home, where another process writes a journal, and where two
    journals of one name are of different plans, or went on differently.
    """
    landing = home.landing.resolve()
    chosen: dict[str, Path] = {}
    for folder in (found for other in others for found in _journals(other)):
        here = chosen.get(folder.name, landing / folder.name)
        if not here.exists() or _goes_on(folder, here):
            chosen[folder.name] = folder
    known = {folder.name for other in others for folder in _journals(other)} - chosen.keys()
    new = sum(not (landing / name).exists() for name in chosen)
    for name, folder in chosen.items():
        with _locked(folder), _locked(landing / name), new_folder(landing / name) as copy:
            shutil.copytree(folder, copy, dirs_exist_ok=True)
    runs = [read_run(landing / name) for name in {*chosen, *known}]
    drawn_from = {(run["dataset"], run["drawn_from"]) for run in runs if run.get("drawn_from")}
    return Merged(new, len(chosen) - new, len(known), frozenset(drawn_from))


def _journals(other: Path) -> list[Path]:
    """The folders of the runs of a home, in order."""
    found = sorted(path.parent for path in (other / "landing").glob(f"[!.]*/{RUN_FILE}"))
    if not found:
        raise SynthcareError(
            f"{other} has no runs in a folder landing: name a home, as SYNTHCARE_HOME does."
        )
    return found


def _goes_on(theirs: Path, ours: Path) -> bool:
    """Whether a journal has all that another one of its name has, and more."""
    plans = [read_run(folder) | {"started_at": None} for folder in (theirs, ours)]
    if plans[0] != plans[1]:
        differing = sorted(k for k in {*plans[0], *plans[1]} if plans[0].get(k) != plans[1].get(k))
        raise SynthcareError(
            f"{theirs} and {ours} are different plans under one name: {', '.join(differing)} "
            "differ. Move one of them away."
        )
    for said, known in zip_longest(_answers(theirs), _answers(ours)):
        if said is None or known is None:
            return known is None
        if said != known:
            raise SynthcareError(
                f"{theirs} and {ours} are one plan that was asked for in both places, so that "
                "different answers have one number. Move one of them away; another --seed makes "
                "another run."
            )
    return False


def _answers(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of a journal without what is another each time: a baseline draws the same again."""
    path = folder / RESPONSES_FILE
    for entry in read_lines(path) if path.exists() else ():
        yield {key: value for key, value in entry.items() if key not in _OF_THE_MOMENT}


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Around the copying of a journal, which no process may write meanwhile."""
    path = folder / RESPONSES_FILE
    if not path.exists():
        yield
        return
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            raise SynthcareError(
                f"Another process is writing {folder}. Wait for it, or stop it."
            ) from error
        yield
