"""Benchmarks of the generation: `make bench-generation` writes them to docs/benchmarks.md.

Against the stand-in in a process of its own, at the real speed of its latency model, and against
the embedded LLM. About a quarter of an hour.
"""

import asyncio
import csv
import heapq
import inspect
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from generators.asking.engine import open_asker
from generators.asking.llms import load_llm
from generators.asking.runs import COST, PREFERENCES, TIME, Run, plan_run
from generators.asking.work import Work
from generators.costs.budget import Budget
from generators.costs.prices import STANDARD, load_price
from generators.costs.tokens import count_tokens
from generators.drawing.stand_in import stand_in_rows
from generators.home import Home
from generators.landing.journal import Journal
from generators.providers.local import serve_locally
from generators.providers.openai_api import chat_completion
from generators.wire_formats import write_rows
from generators.wire_formats.layout import Field, codes, compact_text, days_after
from synthcare.contracts.contract import load_contract
from synthcare.project import PROJECT
from tests.benchmarks.embedded import grammar_speed
from tests.benchmarks.page import table, write_section
from tests.driver import cli, query

KEY = "sk-test"
_PASSING = [429, 500, 503, 408]
MODEL = "gpt-4o-2024-08-06"
CONTRACT = load_contract("admissions")


class StandInProcess:
    """The stand-in, in a process of its own so that its work is not taken for the client's."""

    def __init__(self, process: subprocess.Popen, base_url: str) -> None:
        self.process, self.base_url = process, base_url

    @property
    def count(self) -> dict[str, float]:
        stats = self.base_url.removesuffix("/v1") + "/stats"
        with urllib.request.urlopen(stats) as answer:  # noqa: S310
            return json.load(answer)


@contextmanager
def stand_in(**behaviour: Any) -> Iterator[StandInProcess]:
    arguments = json.dumps(behaviour | {"key": KEY})
    with subprocess.Popen(
        [sys.executable, "-m", "tests.loopback", arguments],
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
        replace(load_llm(llm), **{k: v for k, v in changes.items() if k not in ("prefer", "seed")}),
        prompt_level=level,
        instruction_level="improved",
        seed=changes.get("seed", 1),
        prefer=changes.get("prefer", COST),
    )


def ask(home: Home, run: Run, rows: int) -> tuple[float, float, list[dict[str, Any]]]:
    """Wall and CPU seconds of asking for `rows` rows, without the start, and the responses."""

    async def session() -> tuple[float, float]:
        async with open_asker(home, run, Budget(None), print) as asker:
            wall, cpu = time.monotonic(), time.process_time()
            await asker(work, rows)
            return time.monotonic() - wall, time.process_time() - cpu

    with Journal(home.landing / run.run_id, run.as_row()) as journal:
        work = Work(run, journal, 0, lambda *_: None)
        seconds = asyncio.run(session())
    return *seconds, responses_of(home)


def responses_of(home: Home) -> list[dict[str, Any]]:
    """What is in the journal of the last run."""
    path = max(home.landing.glob("*/responses.jsonl"), key=lambda path: path.stat().st_mtime)
    return [json.loads(line) for line in path.read_text().splitlines()]


def command(*arguments: object) -> tuple[float, str]:
    """Seconds of a `synthcare` command in a process of its own, and what it printed."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "generators", *map(str, arguments)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    return time.monotonic() - began, done.stdout


def ideal_seconds(responses: Sequence[dict[str, Any]], slots: int) -> float:
    """When the last answer would be there if each slot took the next request at once."""
    free = [0.0] * slots
    for response in sorted(responses, key=lambda response: response["request_number"]):
        start = heapq.heappop(free)
        heapq.heappush(free, start + 0.4 + response["output_tokens"] / 80)
    return max(free)


def asking_seconds(responses: Sequence[dict[str, Any]]) -> float:
    """From the first request to the last answer."""
    first = min(datetime.fromisoformat(one["requested_at"]) for one in responses)
    last = max(datetime.fromisoformat(one["received_at"]) for one in responses)
    return (last - first).total_seconds()


def without_limits() -> str:
    """Ideal: each slot takes the next request at once, an answer takes 0.4 s and 1 s for 80 tokens.

    Wall and CPU are of asking, from the first request to the last answer on disk. The last lines
    are whole `synthcare generate` commands in a process of their own, of which `outside` is what is
    not asking; one before them, which is not shown, lets dbt write down how it parsed the project.
    """
    lines = []
    with stand_in(slowness=1) as server, new_home() as home:
        ask(home, plan(level="basic"), 1)  # imports and first connection
        for seed, (prefer, rows_per_request) in enumerate(((COST, 50), (TIME, 50), (COST, 5)), 5):
            run = plan(rows_per_request=rows_per_request, concurrency=64, prefer=prefer, seed=seed)
            wall, cpu, responses = ask(home, run, 1000)
            ideal = ideal_seconds(responses, 64)
            lines.append(
                [
                    f"--prefer {prefer}, at most {rows_per_request} rows a request",
                    len(responses),
                    f"{wall:.1f} s",
                    f"{ideal:.1f} s",
                    f"{wall / ideal:.2f}",
                    f"{1000 * cpu / 1000:.2f} ms",
                    "–",
                ]
            )
        command("generate", "--llm", "gpt-4o", "--rows", 1, "--seed", 2)
        for seed, prefer in enumerate(PREFERENCES, 10):
            asked = ["--llm", "gpt-4o", "--rows", 1000, "--seed", seed, "--prefer", prefer]
            wall, _ = command("generate", *asked)
            responses = responses_of(home)
            name = f"the whole command, --prefer {prefer}"
            outside = f"{wall - asking_seconds(responses):.1f} s"
            lines.append([name, len(responses), f"{wall:.1f} s", "–", "–", "–", outside])
        assert server.count["rows_billed"] >= 5 * 1000
    head = ["1,000 rows, 64 at once", "requests", "wall", "ideal", "wall / ideal"]
    return table([*head, "CPU a row", "outside"], lines)


def several_servers() -> str:
    """10,240 rows, 20 a request, 64 at once of each server, at a third of the usual speed.

    Answers are not streamed: all servers run on the same cores as the client, and pieces of 256
    streams would be work for both sides. That is also what is lacking to four times, because all
    requests of a wave come at once. In the last line one of the four servers is killed after
    half a minute. *Lost* are rows of requests that it had under way, which may have been paid; they
    are asked for again elsewhere.
    """
    lines = []
    for name, count, is_killed in (
        ("one server", 1, False),
        ("four servers", 4, False),
        ("four, one killed", 4, True),
    ):
        with ExitStack() as stack:
            home = stack.enter_context(new_home())
            servers = [stack.enter_context(stand_in(slowness=3)) for _ in range(count)]
            urls = [server.base_url for server in servers]
            run = plan(rows_per_request=20, concurrency=64, base_urls=urls, stream=False)
            if is_killed:
                threading.Timer(30.0, servers[0].process.kill).start()
            wall, cpu, responses = ask(home, run, 10_240)
            (requests,) = home.landing.glob("*/requests.jsonl")
            lost = requests.read_text().count('"ended": "lost"') * 20
        rows = sum(one["response_text"].count("\n") for one in responses)
        first = lines[0][1] if lines else wall
        lines.append([name, wall, rows, lost, f"{first / wall:.2f}", f"{cpu / 10.24:.2f} ms"])
    head = ["", "wall", "rows there", "lost", "times as fast", "CPU a row"]
    return table(
        head, [[name, f"{wall:.1f} s", f"{rows:,}", *rest] for name, wall, rows, *rest in lines]
    )


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
    """1,000 rows, 5 a request, 64 at once. Sent are all requests, refused ones among them.

    Billed is what the provider counted, reported what marts.generation_runs says; wall and ideal
    are of asking. A time-out takes five seconds here.
    """
    kinds = {
        "none": [],
        "429, 500, 503, 408, dropped, cut off, prose": [*_PASSING, "dropped", "cut", "prose"],
        "and time-outs": [*_PASSING, "dropped", "cut", "prose", "hang"],
    }
    lines, first = [], None
    for name, faults in kinds.items():
        rate = 0.1 if faults else 0.0
        with (
            stand_in(slowness=1, fault_rate=rate, random_faults=faults) as server,
            new_home() as home,
            quick_timeouts(),
        ):
            cli("generate", "--llm", "gpt-4o", "--rows", 1000, "--rows-per-request", 5)
            count, responses = server.count, responses_of(home)
            ((accepted, reported),) = query(
                home, "select rows_accepted, cost_usd from marts.generation_runs"
            )
        spent = load_price(MODEL, STANDARD).usd(
            input_tokens=count["input_tokens"], output_tokens=count["output_tokens"]
        )
        wall, ideal = asking_seconds(responses), ideal_seconds(responses, 64)
        first = first or (count["requests"], spent)
        lines.append(
            [
                name,
                f"{accepted:,}",
                f"{count['requests']:.0f}",
                f"{count['requests'] / first[0]:.2f}",
                f"${spent:.4f}",
                f"${reported:.4f}",
                f"{spent / first[1]:.2f}",
                f"{wall / ideal:.2f}",
            ]
        )
    head = ["10 % faults", "accepted", "sent", "ratio", "billed", "reported", "ratio"]
    return table([*head, "wall / ideal"], lines)


@contextmanager
def quick_timeouts() -> Iterator[None]:
    """Five seconds instead of ten minutes."""
    from generators.commands import workflow

    before = workflow.load_llm
    workflow.load_llm = lambda name: before(name).changed(timeout_seconds=5.0)
    yield
    workflow.load_llm = before


def with_kills() -> str:
    """Requests under way at a kill have been written and billed as far as the stream had come.

    Lost are rows that were billed and are not in the journal.
    """
    lines = [
        _kill("20 kills, 6,000 rows, 5 a request, 8 at once", kills=20, rows=6000, slowness=0.1,
              options=["--rows-per-request", "5", "--concurrency", "8"]),
        _kill("3 kills, 1,000 rows, as llms.yml says", kills=3, rows=1000, slowness=1, options=[]),
    ]  # fmt: skip
    head = ["random kill -9", "accepted rows", "journalled, then lost", "journalled twice"]
    return table([*head, "rows billed", "of them lost", "told as in flight"], lines)


def _kill(name: str, *, kills: int, rows: int, slowness: float, options: list[str]) -> list[Any]:
    draw = random.Random(1)  # noqa: S311
    arguments = ["generate", "--llm", "gpt-4o", "--rows", str(rows), *options]
    told = lost = 0
    with stand_in(slowness=slowness) as server, new_home() as home:
        for _ in range(kills):
            billed, kept = server.count.get("rows_billed", 0), texts(home)
            process = subprocess.Popen(
                [sys.executable, "-m", "generators", *arguments],
                cwd=PROJECT,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            while server.count.get("rows_billed", 0) == billed and process.poll() is None:
                time.sleep(0.05)
            time.sleep(draw.uniform(0, 15 * slowness))
            process.send_signal(signal.SIGKILL)
            told += in_flight(process.communicate()[0])
            while server.count["in_flight"]:
                time.sleep(0.05)
            lost += len(set(kept) - set(texts(home)))
        done = cli(*arguments)
        told += in_flight(done.output)
        after = texts(home)
        ((accepted,),) = query(home, "select rows_accepted from marts.generation_runs")
        ((whole,),) = query(
            home, "select count(*) from staging.stg_llm_records where not is_cut_off"
        )
        billed = server.count["rows_billed"]
    share = f"{1 - whole / billed:.1%}"
    twice = len(after) - len(set(after))
    return [name, f"{accepted:,}", lost, twice, f"{billed:,.0f}", share, told]


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
        cli("generate", "--llm", "gpt-4o", "--rows", 1000, "--format", "csv")
        lines = query(
            home,
            """
            select
                concat_ws(', ', prompt_level, wire_format, price_tier),
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
    """Over 500 rows of the contract's stand-in.

    The third line is `csv` with nothing changed but a code for each category in its own field and
    days in place of the discharge; the fourth has dates without dashes too.
    """
    rows = stand_in_rows(CONTRACT, 500)
    json_lines = write_rows(CONTRACT, rows, "json")
    formats = {
        "csv": write_rows(CONTRACT, rows, "csv"),
        "csv_compact": write_rows(CONTRACT, rows, "csv_compact"),
        "csv with codes in fields of their own": _with_codes(rows, dashes=True),
        "the same, dates as YYYYMMDD": _with_codes(rows, dashes=False),
        "json, compact": json_lines,
        "json, indented by 2": json.dumps(json.loads(json_lines), indent=2, ensure_ascii=False),
    }
    lines = [[name, f"{count_tokens(text) / 500:.1f}"] for name, text in formats.items()]
    return table(["wire format", "o200k tokens a row"], lines)


def families() -> str:
    """Stays of 50 patients of the stand-in with as many each, whose values the request has.

    Rows begin with a key of the patient; in JSON all rows of a patient stand below its key. The
    last column is one pass that repeats the patient in each row instead.
    """
    patients, stays = map(load_contract, ("diabetes_patients", "diabetes_stays"))
    of_patients = stand_in_rows(patients, 50)
    lines = []
    for count in (1, 3, 11):
        rows = stand_in_rows(stays, 50 * count)
        keys = [str(1 + place // count) for place in range(len(rows))]
        both = [(*of_patients[place // count], *row) for place, row in enumerate(rows)]
        repeated = io.StringIO()
        csv.writer(repeated, lineterminator="\n").writerows(both)
        texts = [
            write_rows(stays, rows, name, marks=keys) for name in ("csv", "csv_compact", "json")
        ]
        found = [count_tokens(text) / 50 for text in (*texts, repeated.getvalue())]
        lines.append([str(count), *(f"{tokens:.0f}" for tokens in found)])
    head = ["stays of a patient", "csv", "csv_compact", "nested json", "csv with the patient"]
    return table([f"{head[0]}, o200k tokens a patient", *head[1:]], lines)


def _with_codes(rows: Sequence[Sequence[str]], *, dashes: bool) -> str:
    """CSV in which each category is a code, in the contract's order of columns."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        texts = dict(zip(CONTRACT.labels, row, strict=True))
        writer.writerow(
            texts[column.label]
            if dashes and column.kind == "date" and not days_after(column)
            else compact_text(CONTRACT, Field((column,), bool(codes(column))), texts)
            for column in CONTRACT.columns
        )
    return text.getvalue()


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
            request = work.request(number, run.llm.rows_per_request, {})
            body = chat_completion(run.llm, request, is_local=True)
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


def varieties(rows: int = 100) -> str:
    """SmolLM2 asked for 100 rows with each variety, and in plain CSV; against the stand-in.

    Steered is the share of the accepted values that the prompts gave away.
    """
    with new_home() as home:
        asked = ["run", "--llm", "smollm2", "--rows", rows]
        cli(*asked, "--variety", "all")
        cli(*asked, "--variety", "slices", "--format", "csv_constrained")
        lines = query(
            home,
            """
            select
                variety || ', ' || wire_format,
                printf('%.2f', accept_rate),
                printf('%.2f', column_fidelity),
                printf('%.2f', pair_fidelity),
                printf('%.2f', detection),
                printf('%.2f', diversity.diversity),
                printf('%.1f %%', 100 * repeated_rows_share),
                printf('%.2f', overall),
                printf('%.0f %%', 100 * steered_share),
                printf('%.0f s', seconds_per_1000_rows),

            from metrics.scorecard
            inner join metrics.diversity using (run_id)
            order by wire_format desc, variety
            """,
        )
    head = ["SmolLM2, improved/improved", "valid", "columns", "pairs", "detection", "diversity"]
    return table([*head, "repeated rows", "overall", "steered", "per 1,000 rows"], lines)


def demo() -> str:
    """`synthcare demo` in a new folder, again, and again after one more row was asked for."""
    lines = []
    with new_home() as home:
        for name, arguments in (
            ("demo", ["demo"]),
            ("a second demo", ["demo"]),
            ("31 rows of one run, and all reports",
             ["run", "--llm", "smollm2", "--prompt", "basic", "--rows", 33]),
        ):  # fmt: skip
            seconds, _ = command(*arguments)
            ((asking,),) = query(home, "select sum(wall_seconds) from marts.generation_runs")
            lines.append([name, f"{seconds:.0f} s", f"{asking:.0f} s"])
    return table(["command", "wall", "asking in all runs so far"], lines)


PARTS = {
    "without-limits": without_limits,
    "several-servers": several_servers,
    "with-limits": with_limits,
    "with-faults": with_faults,
    "with-kills": with_kills,
    "cost": cost,
    "tokens": tokens,
    "families": families,
    "local-speed": local_speed,
    "grammar-speed": grammar_speed,
    "varieties": varieties,
    "demo": demo,
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
