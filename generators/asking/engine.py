"""Generates until enough rows are accepted: ask, journal, land, let dbt judge, ask for the rest."""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass

from generators.asking.judge import Counts, Judge
from generators.asking.llms import LLM
from generators.asking.runs import Run
from generators.asking.scheduler import open_scheduler
from generators.asking.work import Work
from generators.costs.budget import Budget
from generators.home import Home
from generators.landing.journal import Journal, Spent
from generators.providers import open_provider
from generators.variety import QUOTAS
from generators.variety.brief import Cell
from generators.variety.quotas import apportion, cell_shares
from generators.warehouse.transform import parse_ahead
from synthcare.errors import SynthcareError

_ROUNDS = 6
_ROUNDS_OF_QUOTAS = 20  # each asks for what is short, and for no more
_LOWEST_ACCEPT_RATE = 0.2  # so that a run that is rejected whole does not ask for ever more

_CELLS_NAMED = 5
_TOO_FEW_TO_GIVE_UP = 20  # records that may all be rejected by chance

Ask = Callable[[Work, int, Mapping[Cell, int] | None], Awaitable[None]]


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
    answer, but may be charged; `endings` how its answers ended; `spent` is of all sessions.
    """

    counts: Counts
    stopped_because: str | None
    has_failed: bool
    unanswered: int
    endings: Mapping[str | None, int]
    spent: Spent


def generate(
    home: Home,
    runs: Sequence[Run],
    *,
    rows: int,
    max_usd: float | None,
    progress: Progress,
    is_preview: bool = False,
) -> dict[str, Outcome]:
    """Bring each run to `rows` accepted rows; return how each ended, by run_id.

    A run that was begun earlier continues: what is in its journal is counted and never asked for
    again. A run stops short of `rows` at the cap of `max_usd`, which holds for all the runs and all
    their sessions together; after six rounds (twenty with quotas; one in a preview); after one
    that brought no record (a model that refuses, a baseline that is used up), or 20 and more and
    none was accepted; or where its LLM cannot be asked. The other LLMs go on then. Raises
    SynthcareError where nothing can be asked at all.
    """
    with ExitStack() as stack:
        works = []
        for order, run in enumerate(runs):
            journal = stack.enter_context(Journal(home.landing / run.run_id, run.as_row()))
            most_rows = rows if is_preview else None
            works.append(Work(run, journal, order, progress.received, most_rows=most_rows))
            _tell_of_kill(journal, run, progress)
        budget = Budget(max_usd, spent=sum(work.spent().at_most for work in works))
        judge = Judge(home, runs, progress.counted)
        if any(work.journal.rows_requested or work.run.llm.is_baseline for work in works):
            judge.count_now()
        for work in works:
            counts = judge.counts[work.run.run_id]
            if max_usd is None or not _is_wanting(work.run, counts, rows):
                continue
            work.begin(*_what_to_ask(work.run, counts, rows))
            if (most := work.usd_of_next()) > max_usd:
                raise SynthcareError(
                    f"--max-usd {max_usd:g} is too little: one request of {work.run.label} may "
                    f"cost ${most:.4f}. Raise it, or ask for fewer --rows-per-request."
                )
        filling = _fill_all(
            home,
            works,
            rows=rows,
            is_preview=is_preview,
            budget=budget,
            judge=judge,
            told=progress.told,
        )
        return asyncio.run(filling)


def _tell_of_kill(journal: Journal, run: Run, progress: Progress) -> None:
    if killed := journal.killed + journal.saved:
        kept = f"of {journal.saved} what had come is kept, " if journal.saved else ""
        progress.told(
            f"{run.label}: requests in flight when an earlier process ended: {killed}; {kept}"
            "they may have been paid and are asked again"
        )


async def _fill_all(
    home: Home,
    works: Sequence[Work],
    *,
    rows: int,
    is_preview: bool,
    budget: Budget,
    judge: Judge,
    told: Callable[[str], None],
) -> dict[str, Outcome]:
    wanting = [work for work in works if _is_wanting(work.run, judge.counts[work.run.run_id], rows)]
    reasons: dict[str, str | None] = {}

    async def fill(work: Work, ask: Ask) -> None:
        reasons[work.run.run_id] = await _fill(
            work, rows, ask, judge, rounds=1 if is_preview else _most_rounds(work.run)
        )

    async with AsyncExitStack() as stack:
        # All are opened before anything is spent: a key may be missing.
        askers: dict[LLM, Ask] = {}
        for work in wanting:
            llm = work.run.llm
            if llm not in askers:
                asker = open_asker(home, work.run, budget, told)
                askers[llm] = await stack.enter_async_context(asker)
        if wanting:
            parse_ahead(home)  # while the LLMs write
        async with asyncio.TaskGroup() as group:
            for work in wanting:
                group.create_task(fill(work, askers[work.run.llm]))
    return {
        work.run.run_id: Outcome(
            judge.counts[work.run.run_id],
            reasons.get(work.run.run_id),
            work.has_failed and reasons.get(work.run.run_id) is not None,
            work.unanswered,
            work.endings,
            work.spent(),
        )
        for work in works
    }


@asynccontextmanager
async def open_asker(
    home: Home, run: Run, budget: Budget, told: Callable[[str], None]
) -> AsyncIterator[Ask]:
    """What asks the LLM of `run`: request by request, or by batches."""
    if run.is_batch:
        from generators.asking.batches import open_batch_api

        async with open_batch_api(run.llm, budget, told) as batches:
            yield batches.ask
    else:
        async with (
            open_provider(run.llm, home, run.contract) as provider,
            open_scheduler(run.llm, provider, budget, told) as scheduler,
        ):
            yield scheduler.ask


async def _fill(work: Work, rows: int, ask: Ask, judge: Judge, *, rounds: int) -> str | None:
    """Bring one run to `rows` accepted rows, or return why it stopped short."""
    run, counts = work.run, judge.counts[work.run.run_id]
    for _ in range(rounds):
        answers = work.endings.total()
        await ask(work, *_what_to_ask(run, counts, rows))
        if work.endings.total() == answers and work.stopped_because:
            return work.stopped_because  # and there is nothing to be counted
        before, counts = counts, (await judge.count())[run.run_id]
        if not _is_wanting(run, counts, rows):
            return None
        if work.stopped_because:
            return work.stopped_because
        found = counts.found - before.found
        if counts.accepted == before.accepted and not 0 < found < _TOO_FEW_TO_GIVE_UP:
            return f"the last round brought no accepted row{_short_cells(run, counts, rows)}"
    return f"not enough rows were accepted in {rounds} rounds{_short_cells(run, counts, rows)}"


def _most_rounds(run: Run) -> int:
    return _ROUNDS_OF_QUOTAS if run.variety == QUOTAS else _ROUNDS


def _is_wanting(run: Run, counts: Counts, rows: int) -> bool:
    if run.variety == QUOTAS:
        return bool(_missing_cells(run, counts, rows))
    return counts.accepted < rows


def _missing_cells(run: Run, counts: Counts, rows: int) -> Counter[Cell]:
    """Rows that each cell lacks of its part of `rows`."""
    return apportion(cell_shares(run.contract), rows) - Counter(counts.cells)


def _what_to_ask(run: Run, counts: Counts, rows: int) -> tuple[int, Counter[Cell] | None]:
    if run.variety == QUOTAS:
        cells = _missing_cells(run, counts, rows)
        return cells.total(), cells
    missing = rows - counts.accepted
    rate = counts.accepted / counts.found if counts.found else 1.0
    return math.ceil(missing / max(rate, _LOWEST_ACCEPT_RATE)), None


def _short_cells(run: Run, counts: Counts, rows: int) -> str:
    """Which cells could not be got, in words; nothing without quotas."""
    if run.variety != QUOTAS:
        return ""
    missing = _missing_cells(run, counts, rows)
    named = [f"{lacking} of {_named(cell)}" for cell, lacking in missing.most_common(_CELLS_NAMED)]
    more = f" and {len(missing) - _CELLS_NAMED} other cells" if len(missing) > _CELLS_NAMED else ""
    return f"; still short: {'; '.join(named)}{more}"


def _named(cell: Cell) -> str:
    return ", ".join(f"{name} {label or 'missing'}" for name, label in cell)
