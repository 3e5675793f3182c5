"""Benchmarks of the generation: `make bench-generation` writes them to docs/benchmarks.md.

Against the stand-in in a process of its own, at the real speed of its latency model, and against
the embedded LLM. About a quarter of an hour.
"""

import asyncio
import dataclasses
import heapq
import inspect
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from generators.budget import Budget
from generators.contract import load_contract
from generators.engine import open_asker
from generators.home import PROJECT, Home
from generators.journal import Journal
from generators.landing import land
from generators.llms import load_llm
from generators.prices import STANDARD, load_price
from generators.prompts.slices import Slice
from generators.providers import Request
from generators.providers.local import serve_locally
from generators.providers.openai_api import OpenAICompatible, chat_completion
from generators.runs import Run, plan_run, utc_now
from generators.stand_in import stand_in_rows
from generators.tokens import count_tokens
from generators.transform import run_dbt
from generators.wire_formats import max_tokens, write_rows
from generators.work import Work
from tests.benchmarks.page import table, write_section
from tests.driver import cli, query

KEY = "sk-test"
MODEL = "gpt-4o-2024-08-06"
CONTRACT = load_contract("admissions")


class StandInProcess:
    """The stand-in, in a process of its own so that its work is not taken for the client's."""

    def __init__(self, process: subprocess.Popen, base_url: str) -> None:
        self._process, self.base_url = process, base_url

    @property
    def count(self) -> dict[str, float]:
        stats = self.base_url.removesuffix("/v1") + "/stats"
        with urllib.request.urlopen(stats) as answer:  # noqa: S310
            return json.load(answer)


@contextmanager
def stand_in(**behaviour: Any) -> Iterator[StandInProcess]:
    arguments = json.dumps(behaviour | {"key": KEY})
    with subprocess.Popen(
        [sys.executable, "-m", "tests.stand_in", arguments],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        base_url = process.stdout.readline().strip()
        os.environ |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": base_url}
        yield StandInProcess(process, base_url)
        process.stdin.close()


@contextmanager
def new_home() -> Iterator[Home]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SYNTHCARE_HOME"] = folder
        yield Home.from_environment()


def plan(llm: str = "gpt-4o", level: str = "improved", **changes: Any) -> Run:
    return plan_run(
        CONTRACT,
        load_llm(llm).changed(**changes),
        prompt_level=level,
        instruction_level="improved",
        seed=1,
        reference_sha256="",
    )


def ask(home: Home, run: Run, rows: int) -> tuple[float, float, list[dict[str, Any]]]:
    """Wall and CPU seconds of asking for `rows` rows, without the start, and the responses."""

    async def session() -> tuple[float, float]:
        async with open_asker(home, run, Budget(None)) as asker:
            wall, cpu = time.monotonic(), time.process_time()
            await asker(work, rows)
            return time.monotonic() - wall, time.process_time() - cpu

    with Journal(home.landing / run.run_id, run.as_row()) as journal:
        work = Work(run, journal, 0, lambda *_: None)
        seconds = asyncio.run(session())
    path = home.landing / run.run_id / "responses.jsonl"
    return *seconds, [json.loads(line) for line in path.read_text().splitlines()]


def ideal_seconds(responses: Sequence[dict[str, Any]], slots: int) -> float:
    """When the last answer would be there if each slot took the next request at once."""
    free = [0.0] * slots
    for response in sorted(responses, key=lambda response: response["request_number"]):
        start = heapq.heappop(free)
        heapq.heappush(free, start + 0.4 + response["output_tokens"] / 80)
    return max(free)


def without_limits() -> str:
    """Ideal: each slot takes the next request at once, an answer takes 0.4 s and 1 s for 80 tokens.

    Wall and CPU are of asking, from the first request to the last answer on disk; the last line is
    a whole `synthcare generate`.
    """
    lines = []
    with stand_in(slowness=1) as server, new_home() as home:
        ask(home, plan(level="basic"), 1)  # imports and first connection
        for rows_per_request in (50, 5):
            run = plan(rows_per_request=rows_per_request, concurrency=64)
            wall, cpu, responses = ask(home, run, 1000)
            ideal = ideal_seconds(responses, 64)
            lines.append(
                [
                    f"{rows_per_request} rows a request",
                    len(responses),
                    f"{wall:.1f} s",
                    f"{ideal:.1f} s",
                    f"{wall / ideal:.2f}",
                    f"{1000 * cpu / 1000:.2f} ms",
                ]
            )
        began, cpu = time.monotonic(), time.process_time()
        cli("generate", "--llm", "gpt-4o", "--rows", 1000, "--prompt", "advanced")
        lines.append(
            [
                "the whole command: asking, dbt, ledger",
                20,
                f"{time.monotonic() - began:.1f} s",
                "–",
                "–",
                f"{time.process_time() - cpu:.2f} ms",
            ]
        )
        assert server.count["answers"] == 20 + 200 + 20 + 1
    head = ["1,000 rows, 64 at once", "requests", "wall", "ideal", "wall / ideal", "CPU a row"]
    return table(head, lines)


def with_limits() -> str:
    """The provider's buckets start full; it counts the prompt and the room for the answer."""
    lines = []
    limits = {"requests_per_minute": 500, "tokens_per_minute": 200_000}
    for known, changes in (("in llms.yml", limits), ("in the headers only", {})):
        with stand_in(slowness=1, **limits) as server, new_home() as home:
            run = plan(rows_per_request=10, concurrency=64, **changes)
            ask(home, run, 2000)
            count = server.count
        refused = count.get("over_limit", 0)
        allowed = limits["tokens_per_minute"] * (1 + count["last_let_in_at"] / 60)
        lines.append(
            [
                f"limits {known}",
                f"{count['let_in']:.0f}",
                f"{count['last_let_in_at']:.0f} s",
                f"{count['tokens_let_in'] / allowed:.1%}",
                f"{refused / (refused + count['let_in']):.2%}",
            ]
        )
    head = ["500 requests, 200,000 tokens a minute", "let in", "within", "of the limit", "429"]
    return table(head, lines)


def with_faults() -> str:
    """Billed is what the provider counted, reported what marts.generation_runs says."""
    faults = [429, 500, 503, 408, "dropped", "hang", "cut", "prose"]
    with (
        stand_in(slowness=0.05, fault_rate=0.1, random_faults=faults) as server,
        new_home() as home,
        quick_timeouts(),
    ):
        cli("generate", "--llm", "gpt-4o", "--rows", 1000, "--rows-per-request", 5)
        count = server.count
        ((accepted, responses, reported),) = query(
            home, "select rows_accepted, responses, cost_usd from marts.generation_runs"
        )
    spent = load_price(MODEL, STANDARD).usd(
        input_tokens=count["input_tokens"], output_tokens=count["output_tokens"]
    )
    head = ["10 % faults", "accepted rows", "answers sent", "journalled", "billed", "reported"]
    name = "429, 500, 503, 408, dropped, time-out, cut off, prose"
    sent = f"{count['answers']:.0f}"
    line = [name, f"{accepted:,}", sent, responses, f"${spent:.6f}", f"${reported:.6f}"]
    return table(head, [line])


@contextmanager
def quick_timeouts() -> Iterator[None]:
    """Five seconds instead of ten minutes."""
    from generators import workflow

    before = workflow.load_llm
    workflow.load_llm = lambda name: before(name).changed(timeout_seconds=5.0)
    yield
    workflow.load_llm = before


def with_kills(kills: int = 20) -> str:
    """Eight requests at once; those under way at a kill are written, billed and never received."""
    draw = random.Random(1)  # noqa: S311
    command = ["generate", "--llm", "gpt-4o", "--rows", "6000", "--rows-per-request", "5"]
    command += ["--concurrency", "8"]
    told = 0
    with stand_in(slowness=0.1) as server, new_home() as home:
        lost = 0
        for _ in range(kills):
            answers, kept = server.count.get("answers", 0), texts(home)
            process = subprocess.Popen(
                [sys.executable, "-m", "generators", *command],
                cwd=PROJECT,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            while server.count.get("answers", 0) == answers and process.poll() is None:
                time.sleep(0.05)
            time.sleep(draw.uniform(0, 1.5))
            process.send_signal(signal.SIGKILL)
            told += in_flight(process.communicate()[0])
            while server.count["in_flight"]:
                time.sleep(0.05)
            lost += len(set(kept) - set(texts(home)))
        done = cli(*command)
        told += in_flight(done.output)
        after = texts(home)
        ((accepted,),) = query(home, "select rows_accepted from marts.generation_runs")
        sent = int(server.count["answers"])
    head = [
        f"{kills} random kill -9",
        "accepted rows",
        "journalled, then lost",
        "journalled twice",
        "answers sent, never journalled",
        "told as in flight",
    ]
    twice = len(after) - len(set(after))
    return table(head, [["6,000 rows", f"{accepted:,}", lost, twice, sent - len(after), told]])


def in_flight(said: str) -> int:
    return sum(map(int, re.findall(r"in flight when an earlier process ended: (\d+)", said)))


def texts(home: Home) -> list[str]:
    """Answers in the journal, each of which is unique here."""
    lines = [
        line
        for path in home.landing.glob("*/responses.jsonl")
        for line in path.read_text().splitlines(keepends=True)
    ]
    return [json.loads(line)["response_text"] for line in lines if line.endswith("\n")]


def cost() -> str:
    """Answers are rows of the contract's stand-in, 50 a request, all accepted, no cached input."""
    lines = []
    with stand_in(), new_home() as home:
        for batch in ([], ["--batch"]):
            cli("generate", "--llm", "gpt-4o", "--rows", 1000, "--prompt", "all", *batch)
        lines = query(
            home,
            """
            select
                prompt_level || ', ' || price_tier,
                rows_accepted,
                responses,
                round(output_tokens / rows_accepted, 1),
                printf('$%.3f', input_usd_per_1000_rows),
                printf('$%.3f', output_usd_per_1000_rows),
                printf('$%.3f', usd_per_1000_rows),

            from marts.generation_runs
            order by usd_per_1000_rows
            """,
        )
    head = ["gpt-4o-2024-08-06, 1,000 rows", "accepted", "requests", "tokens out a row"]
    return table([*head, "input", "output", "cost"], lines)


def tokens() -> str:
    """Over 500 rows of the contract's stand-in."""
    rows = stand_in_rows(CONTRACT, 500)
    compact = write_rows(CONTRACT, rows, "json")
    formats = {
        "csv": write_rows(CONTRACT, rows, "csv"),
        "json, compact": compact,
        "json, indented by 2": json.dumps(json.loads(compact), indent=2, ensure_ascii=False),
    }
    lines = [[name, f"{count_tokens(text) / 500:.1f}"] for name, text in formats.items()]
    return table(["wire format", "o200k tokens a row"], lines)


def local_speed(requests: int = 8, rounds: int = 2) -> str:
    """Tokens per second of the scheduler and of a bare generator of load, in turns."""
    llm = load_llm("smollm2")
    totals = {"bare load generator": [0, 0.0], "scheduler": [0, 0.0]}
    with new_home() as home:
        for turn in range(rounds):
            with serve_locally(llm) as base_url:
                written, seconds = asyncio.run(_bare_load(base_url, plan("smollm2"), requests))
            totals["bare load generator"][0] += written
            totals["bare load generator"][1] += seconds
            run = plan_run(
                CONTRACT,
                llm,
                prompt_level="improved",
                instruction_level="improved",
                seed=turn,
                reference_sha256="",
            )
            seconds, _, responses = ask(home, run, requests * llm.rows_per_request)
            totals["scheduler"][0] += sum(response["output_tokens"] for response in responses)
            totals["scheduler"][1] += seconds
    speeds = {name: written / seconds for name, (written, seconds) in totals.items()}
    bare = speeds["bare load generator"]
    lines = [[name, f"{speed:.0f}", f"{speed / bare:.2f}"] for name, speed in speeds.items()]
    return table(["SmolLM2, 8 slots", "tokens a second", "ratio"], lines)


async def _bare_load(base_url: str, run: Run, requests: int) -> tuple[int, float]:
    """Tokens written and seconds: eight loops that post and do nothing else."""
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "r", {}) as journal:
        work = Work(run, journal, 0, lambda *_: None)
        bodies = []
        for number in range(1, requests + 1):
            body = chat_completion(
                run.llm, work.request(number, run.llm.rows_per_request), is_local=True
            )
            bodies.append(body | body.pop("extra_body"))
    written = 0
    async with httpx.AsyncClient(timeout=600) as client:

        async def post_all() -> None:
            nonlocal written
            while bodies:
                answer = await client.post(f"{base_url}/chat/completions", json=bodies.pop())
                written += answer.json()["usage"]["completion_tokens"]

        began = time.monotonic()
        await asyncio.gather(*(post_all() for _ in range(run.llm.concurrency)))
        return written, time.monotonic() - began


def diversity(rows: int = 132) -> str:
    """SmolLM2 asked with the same words each time, and with a slice for each request."""
    with new_home() as home:
        sliced = plan("smollm2")
        ask(home, sliced, rows)
        asyncio.run(_ask_naively(home, dataclasses.replace(sliced, run_id="naive"), rows))
        land(home)
        run_dbt(home, "build", "--exclude-resource-type", "test", "unit_test")
        lines = query(
            home,
            """
            select
                if(starts_with(run_id, 'naive'), 'the same prompt each time', 'a slice a request'),
                rows_compared,
                printf('%.3f', identifier_diversity),
                printf('%.3f', value_diversity),
                printf('%.1f %%', 100 * repeated_rows_share),
                printf('%.1f %%', 100 * prompt_echo_share),

            from metrics.diversity
            order by run_id desc
            """,
        )
    head = ["SmolLM2, improved/improved", "rows", "diversity of identifiers", "of other values"]
    return table([*head, "repeated rows", "echo of the prompt"], lines)


async def _ask_naively(home: Home, run: Run, rows: int) -> None:
    """The same run without slices, in words and in the grammar."""
    nothing = Slice({}, {})
    with (
        serve_locally(run.llm) as base_url,
        Journal(home.landing / run.run_id, run.as_row()) as journal,
    ):
        provider = OpenAICompatible(run.llm, local_base_url=base_url)
        slots = asyncio.Semaphore(run.llm.concurrency)

        async def ask_one(number: int) -> None:
            request = Request(
                number=number,
                rows_before=0,
                rows=run.llm.rows_per_request,
                run_seed=run.seed,
                wire_format=run.llm.wire_format,
                contract=CONTRACT,
                prompt=run.prompt,
                part=nothing,
                max_tokens=max_tokens(run.tokens_per_row, run.llm.rows_per_request),
            )
            async with slots:
                completion = await provider.complete(request)
            work = Work(run, journal, 0, lambda *_: None)
            work.receive(request, completion, utc_now())

        numbers = range(1, rows // run.llm.rows_per_request + 1)
        await asyncio.gather(*(ask_one(number) for number in numbers))
        await provider.aclose()


PARTS = {
    "without-limits": without_limits,
    "with-limits": with_limits,
    "with-faults": with_faults,
    "with-kills": with_kills,
    "cost": cost,
    "tokens": tokens,
    "local-speed": local_speed,
    "diversity": diversity,
}


def main() -> None:
    """Run the parts that the arguments name, or all; each writes its section of the page."""
    for name in sys.argv[1:] or PARTS:
        text = PARTS[name]()
        print(text, "\n", flush=True)
        write(name, text)


def write(name: str, text: str) -> None:
    """Write the section of one part, under what its docstring says."""
    title = f"Generation {name.replace('-', ' ')}"
    caption = inspect.getdoc(PARTS[name])
    write_section(title, f"make bench-generation PARTS={name}", f"{caption}\n\n{text}")


if __name__ == "__main__":
    main()
