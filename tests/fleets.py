"""Asks several servers of one LLM, and says who answered."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from generators.asking.engine import open_asker
from generators.asking.runs import Run
from generators.asking.work import Work
from generators.costs.budget import Budget
from generators.home import Home
from generators.landing.journal import Journal

HAS_RAY = find_spec("ray") is not None
with_ray = pytest.mark.skipif(not HAS_RAY, reason="make setup-ray was not run")


def ask(
    home: Home, run: Run, rows: int, *, seconds: float = 120
) -> tuple[Work, list[dict[str, Any]], list[str]]:
    """The work of one session, what is journalled, and what a person was told."""
    told: list[str] = []

    async def session() -> None:
        async with open_asker(home, run, Budget(None), told.append) as asker:
            await asker(work, rows)

    with Journal(home.landing / run.run_id, run.as_row()) as journal:
        work = Work(run, journal, 0, lambda *_: None)
        asyncio.run(asyncio.wait_for(session(), seconds))
    path = home.landing / run.run_id / "responses.jsonl"
    text = path.read_text() if path.exists() else ""
    return work, [json.loads(line) for line in text.splitlines()], told


def servers_of(responses: Sequence[dict[str, Any]]) -> Counter[str]:
    return Counter(response["server"] for response in responses)


def processes(of: bytes) -> set[int]:
    """The processes whose command line holds `of`."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if of in path.read_bytes():
                found.add(int(path.parent.name))
        except OSError:  # it has ended
            continue
    return found


def actors() -> set[int]:
    """Processes of Ray's actors that serve."""
    return processes(b"ray::_Serving")


def rows_in(responses: Sequence[dict[str, Any]]) -> int:
    return sum(response["response_text"].count("\n") for response in responses)
