"""Generates until enough rows are accepted: ask, journal, land, let dbt judge, ask for the rest."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass

from generators.budget import Budget
from generators.errors import SynthcareError
from generators.home import Home
from generators.journal import Journal
from generators.judge import Counts, Judge
from generators.llms import LLM
from generators.providers import open_provider
from generators.runs import Run
from generators.scheduler import open_scheduler
from generators.work import Work

_ROUNDS = 6
_LOWEST_ACCEPT_RATE = 0.2  # so that a run that is rejected whole does not ask for ever more

_TOO_FEW_TO_GIVE_UP = 20  # records that may all be rejected by chance

Ask = Callable[[Work, int], Awaitable[None]]


@dataclass(frozen=True)
class Progress:
    """Told of each response as it comes, of each count that dbt made, and of what went before."""

    received: Callable[[Run, int], None]
    counted: Callable[[Run, Counts], None]
    told: Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """How a run ended: `stopped_because` is None where it has the rows that were wanted.

    `has_failed`: its LLM cannot be asked. `unanswered` are requests of this session that got no
    answer, but may be charged.
    """

    counts: Counts
    stopped_because: str | None
    has_failed: bool
    unanswered: int


def generate(
    home: Home, runs: Sequence[Run], *, rows: int, max_usd: float | None, progress: Progress
) -> dict[str, Outcome]:
    """Bring each run to `rows` accepted rows; return how each ended, by run_id.

    A run that was begun earlier continues: what is in its journal is counted and never asked for
    again. A run stops short of `rows` at the cap of `max_usd`, which holds for all the runs and all
    their sessions together; after six rounds; after one that brought no record (a model that
    refuses, a baseline that is used up), or 20 and more and none was accepted; or where its LLM
    cannot be asked. The other LLMs go on then. Raises SynthcareError where nothing can be asked at
    all.
    """
    with ExitStack() as stack:
        works = []
        for order, run in enumerate(runs):
            journal = stack.enter_context(Journal(home.landing / run.run_id, run.as_row()))
            works.append(Work(run, journal, order, progress.received))
            if killed := journal.dispatches.killed:
                progress.told(
                    f"{run.label}: requests in flight when an earlier process ended: {killed}; "
                    "they may have been paid and are asked again"
                )
        budget = Budget(max_usd, spent=sum(work.usd_before() for work in works))
        judge = Judge(home, runs, progress.counted)
        if any(work.journal.rows_requested or work.run.llm.is_baseline for work in works):
            judge.count_now()
        for work in works:
            most = work.usd_of_one(rows)
            is_wanting = judge.counts[work.run.run_id].accepted < rows
            if max_usd is not None and is_wanting and most > max_usd:
                raise SynthcareError(
                    f"--max-usd {max_usd:g} is too little: one request of {work.run.label} may "
                    f"cost ${most:.4f}. Raise it, or ask for fewer --rows-per-request."
                )
        return asyncio.run(_fill_all(home, works, rows=rows, budget=budget, judge=judge))


async def _fill_all(
    home: Home, works: Sequence[Work], *, rows: int, budget: Budget, judge: Judge
) -> dict[str, Outcome]:
    wanting = [work for work in works if judge.counts[work.run.run_id].accepted < rows]
    reasons: dict[str, str | None] = {}

    async def fill(work: Work, ask: Ask) -> None:
        reasons[work.run.run_id] = await _fill(work, rows, ask, judge)

    async with AsyncExitStack() as stack:
        # All are opened before anything is spent: a key may be missing.
        askers: dict[LLM, Ask] = {}
        for work in wanting:
            llm = work.run.llm
            if llm not in askers:
                askers[llm] = await stack.enter_async_context(open_asker(home, work.run, budget))
        async with asyncio.TaskGroup() as group:
            for work in wanting:
                group.create_task(fill(work, askers[work.run.llm]))
    return {
        work.run.run_id: Outcome(
            judge.counts[work.run.run_id],
            reasons.get(work.run.run_id),
            work.has_failed and reasons.get(work.run.run_id) is not None,
            work.unanswered,
        )
        for work in works
    }


@asynccontextmanager
async def open_asker(home: Home, run: Run, budget: Budget) -> AsyncIterator[Ask]:
    """What asks the LLM of `run`: request by request, or by batches."""
    if run.is_batch:
        from generators.batches import open_batch_api

        async with open_batch_api(run.llm, budget) as batches:
            yield batches.ask
    else:
        async with (
            open_provider(run.llm, home, run.contract) as provider,
            open_scheduler(run.llm, provider, budget) as scheduler,
        ):
            yield scheduler.ask


async def _fill(work: Work, rows: int, ask: Ask, judge: Judge) -> str | None:
    """Bring one run to `rows` accepted rows, or return why it stopped short."""
    counts = judge.counts[work.run.run_id]
    for _ in range(_ROUNDS):
        await ask(work, _rows_to_ask(counts, rows))
        before, counts = counts, (await judge.count())[work.run.run_id]
        if counts.accepted >= rows:
            return None
        if work.stopped_because:
            return work.stopped_because
        found = counts.found - before.found
        if counts.accepted == before.accepted and not 0 < found < _TOO_FEW_TO_GIVE_UP:
            return "the last round brought no accepted row"
    return f"not enough rows were accepted in {_ROUNDS} rounds"


def _rows_to_ask(counts: Counts, rows: int) -> int:
    missing = rows - counts.accepted
    rate = counts.accepted / counts.found if counts.found else 1.0
    return math.ceil(missing / max(rate, _LOWEST_ACCEPT_RATE))
