"""Generates until enough rows are accepted: ask, journal, land, let dbt judge, ask for the rest."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from generators.home import Home
from generators.journal import Journal, Response
from generators.landing import land
from generators.providers import Provider, Request, open_provider
from generators.runs import Run, utc_now
from generators.transform import run_dbt
from generators.warehouse import open_warehouse

_ROUNDS = 6
_LOWEST_ACCEPT_RATE = 0.2  # so that a run that is rejected whole does not ask for ever more


@dataclass(frozen=True)
class Counts:
    """Records of a run that were found, and those of them that dbt accepted."""

    found: int = 0
    accepted: int = 0


@dataclass(frozen=True)
class Progress:
    """Told of each response as it comes, and of each count that dbt made."""

    received: Callable[[Run, int], None]
    counted: Callable[[Run, Counts], None]


def generate(
    home: Home, runs: Sequence[Run], *, rows: int, progress: Progress
) -> dict[str, Counts]:
    """Bring each run to `rows` accepted rows; return what it has, by run_id.

    A run that was begun earlier continues: what is in its journal is counted and never asked for
    again. A run stops short of `rows` after six rounds, or after one that brought no accepted row
    (a model that refuses, a baseline that is used up). Raises SynthcareError where an LLM cannot be
    asked; what was received until then is journalled.
    """
    counts = _count(home, runs, progress)
    open_runs = list(runs)
    for _ in range(_ROUNDS):
        wanted = {run: _rows_to_ask(counts[run.run_id], rows) for run in open_runs}
        wanted = {run: count for run, count in wanted.items() if count}
        if not wanted:
            break
        asyncio.run(_ask_all(home, wanted, progress))
        before, counts = counts, _count(home, runs, progress)
        open_runs = [
            run for run in wanted if counts[run.run_id].accepted > before[run.run_id].accepted
        ]
    return counts


def _rows_to_ask(counts: Counts, rows: int) -> int:
    missing = max(0, rows - counts.accepted)
    rate = counts.accepted / counts.found if counts.found else 1.0
    return math.ceil(missing / max(rate, _LOWEST_ACCEPT_RATE))


def _count(home: Home, runs: Sequence[Run], progress: Progress) -> dict[str, Counts]:
    land(home)
    references = {f"stg_reference_{run.contract.dataset}" for run in runs}  # baselines read them
    run_dbt(home, "run", "--select", "+int_record_outcomes", *sorted(references))
    with open_warehouse(home) as warehouse:
        found = warehouse.execute(
            """
            select
                run_id,
                count(*),
                count(*) filter (where is_accepted),

            from intermediate.int_record_outcomes
            group by run_id
            """
        ).fetchall()
    by_run = {run_id: Counts(records, accepted) for run_id, records, accepted in found}
    counts = {run.run_id: by_run.get(run.run_id, Counts()) for run in runs}
    for run in runs:
        progress.counted(run, counts[run.run_id])
    return counts


async def _ask_all(home: Home, wanted: Mapping[Run, int], progress: Progress) -> None:
    """Ask all LLMs at once, each for one run after the other, so that its runs can be timed."""
    runs_of_llm = defaultdict(list)
    for run in wanted:
        runs_of_llm[run.llm].append(run)

    async def ask_one_llm(runs: list[Run]) -> None:
        async with open_provider(runs[0].llm, home, runs[0].contract) as provider:
            for run in runs:
                await _ask(home, run, wanted[run], provider, progress)

    async with asyncio.TaskGroup() as group:
        for runs in runs_of_llm.values():
            group.create_task(ask_one_llm(runs))


async def _ask(home: Home, run: Run, rows: int, provider: Provider, progress: Progress) -> None:
    """Ask for `rows` rows of one run, with as many requests under way as its LLM has slots."""
    slots = asyncio.Semaphore(run.llm.concurrency)
    with Journal(home.landing / run.run_id, run.as_row()) as journal:

        async def ask(request: Request) -> None:
            async with slots:
                requested_at = utc_now()
                completion = await provider.complete(request)
            journal.append(
                Response(
                    response_id=f"{run.run_id}-{request.number}",
                    run_id=run.run_id,
                    request_number=request.number,
                    rows_requested=request.rows,
                    # Half of a surrogate pair has no UTF-8, and so no place in a warehouse.
                    response_text=completion.text.encode(errors="replace").decode(),
                    finish_reason=completion.finish_reason,
                    input_tokens=completion.input_tokens,
                    cached_tokens=completion.cached_tokens,
                    output_tokens=completion.output_tokens,
                    requested_at=requested_at,
                    received_at=utc_now(),
                )
            )
            progress.received(run, request.rows)

        async with asyncio.TaskGroup() as group:
            for request in _requests(run, journal, rows):
                group.create_task(ask(request))


def _requests(run: Run, journal: Journal, rows: int) -> Iterable[Request]:
    number, rows_before = journal.last_request_number, journal.rows_requested
    while rows > 0:
        number += 1
        asked = min(rows, run.llm.rows_per_request)
        yield Request(
            number=number,
            rows_before=rows_before,
            rows=asked,
            run_seed=run.seed,
            wire_format=run.llm.wire_format,
            contract=run.contract,
            prompt=run.prompt,
        )
        rows -= asked
        rows_before += asked
