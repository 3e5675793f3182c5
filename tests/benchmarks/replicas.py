"""Benchmark of Ray's replicas: `make bench-replicas` writes it to docs/benchmarks.md.

SmolLM2 on two servers with one core each, asked for the same rows: two that Ray started, and two
that were started by hand and are named in `base_urls`. CPU seconds are those of this process and of
all that it started, Ray's own among them, from the first request to the last answer; in turns.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from generators.asking.engine import open_asker
from generators.asking.llms import LLM, load_llm
from generators.asking.runs import plan_run
from generators.asking.work import Work
from generators.costs.budget import Budget
from generators.home import Home
from generators.landing.journal import Journal
from synthcare.contracts.contract import load_contract
from synthcare.project import PROJECT
from tests.benchmarks.page import table, write_section

ROWS, TURNS = 40, 2

_SERVER = """
import sys
from generators.asking.llms import load_llm
from generators.providers.local import serve_locally
with serve_locally(load_llm("smollm2"), cores=1) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def main() -> None:
    """Measure both in turns."""
    totals: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for turn in range(TURNS):
        with ExitStack() as stack:
            urls = tuple(stack.enter_context(by_hand()) for _ in range(2))
            embedded = load_llm("smollm2")
            for name, llm in (
                ("by Ray", replace(embedded, replicas=2)),
                ("by hand", replace(embedded, provider="openai", base_urls=urls)),
            ):
                for place, value in enumerate(measure(llm, turn)):
                    totals[name][place] += value
                print(name, totals[name], flush=True)
    lines = [
        [name, f"{rows:.0f}", f"{wall:.0f} s", f"{cpu:.0f} s", f"{rows / cpu:.3f}"]
        for name, (rows, wall, cpu) in totals.items()
    ]
    text = table(["two servers", "rows", "wall", "CPU", "rows per CPU second"], lines)
    print(text)
    caption = __doc__.split("\n\n", 1)[1].strip()
    write_section("Replicas", "make bench-replicas", f"{caption}\n\n{text}")


@contextmanager
def by_hand() -> Iterator[str]:
    """The address of a server in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVER],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process.stdout.readline().strip()
    process.kill()
    process.communicate()


def measure(llm: LLM, turn: int) -> tuple[int, float, float]:
    """Rows that came, and seconds of wall and of CPU."""
    run = plan_run(
        load_contract("admissions"),
        llm,
        prompt_level="improved",
        instruction_level="improved",
        seed=turn,
    )
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))

        async def session() -> tuple[float, float]:
            async with open_asker(home, run, Budget(None), print) as asker:
                began, cpu = time.monotonic(), cpu_seconds()
                await asker(work, ROWS)
                return time.monotonic() - began, cpu_seconds() - cpu

        with Journal(home.landing / run.run_id, run.as_row()) as journal:
            work = Work(run, journal, 0, lambda *_: None)
            wall, cpu = asyncio.run(session())
        text = (home.landing / run.run_id / "responses.jsonl").read_text()
    return text.count("\\n"), wall, cpu


def cpu_seconds() -> float:
    """CPU seconds of this process and of all that descend from it and live."""
    children, ticks = defaultdict(list), {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        number = int(path.parent.name)
        children[int(fields[1])].append(number)
        ticks[number] = int(fields[11]) + int(fields[12])
    found, waiting = 0, [os.getpid()]
    while waiting:
        number = waiting.pop()
        found += ticks.get(number, 0)
        waiting += children[number]
    return found / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
