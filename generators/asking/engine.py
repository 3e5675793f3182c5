"""Generates until enough rows are accepted: ask, journal, land, let dbt judge, ask for the rest."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import accumulate

from generators.asking.goals import Cells, Goal, goal_of, short_parents
from generators.asking.judge import Counts, Judge
from generators.asking.llms import LLM
from generators.asking.parents import parents_of
from generators.asking.runs import Run
from generators.asking.scheduler import open_scheduler
from generators.asking.work import Work
from generators.costs.budget import Budget
from generators.home import Home
from generators.landing.journal import Journal, Spent
from generators.providers import open_providers
from generators.variety.brief import Cell
from generators.variety.families import cell_of
from generators.warehouse.transform import parse_ahead
from synthcare.errors import SynthcareError

_TOO_FEW_TO_GIVE_UP = 20  # records that may all be rejected by chance

Ask = Callable[[Work, int, Mapping[Cell, int] | None], Awaitable[None]]


@dataclass(frozen=True)
class Progress:
    """Told of what begins, each response as it comes, each count of dbt's, what went before."""

    begun: Callable[[Run, int], None]
    received: Callable[[Run, int], None]
    counted: Callable[[Run, Counts], None]
    told: Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """How a run ended: `stopped_because` is None where it has the `wanted` rows.

    `has_failed`: its LLM cannot be asked. `unanswered` are requests of this session that got no
    answer, but may be charged; `endings` how its answers ended; `spent` is of all sessions.
    """

    counts: Counts
    wanted: int
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
) -> dict[Run, Outcome]:
    """Bring each run to `rows` accepted rows; return how each ended, and those of its parents.

    Where tables belong together, `rows` are of the top one, and of the others there are as many as
    were drawn for each parent. A run that was begun earlier continues: what is in its journal is
    counted and never asked for again. A run stops short at the cap of `max_usd`, which holds for
    all the runs, tables and sessions together; after six rounds (twenty where it is known which
    rows are short; one in a preview); after one that brought no record (a model that refuses, a
    baseline that is used up), or 20 and more and none was accepted; or where its LLM cannot be
    asked. The other LLMs go on then. Raises SynthcareError where nothing can be asked at all.
    """
    with ExitStack() as stack:
        chains: list[list[Work]] = []
        for order, run in enumerate(runs):
            chains.append([])
            for table in run.tables:
                journal = stack.enter_context(Journal(home.landing / table.folder, table.as_row()))
                most_rows = rows if is_preview else None
                work = Work(table, journal, order, progress.received, most_rows=most_rows)
                work.keep()
                chains[-1].append(work)
                _tell_of_kill(journal, table, progress)
        works = [work for chain in chains for work in chain]
        budget = Budget(max_usd, spent=sum(work.spent().at_most for work in works))
        judge = Judge(home, [work.run for work in works], progress.counted)
        judge.begin(has_rows=any(work.journal.rows_requested for work in works))
        for work, *_ in chains:
            goal, counts = goal_of(work.run, rows), judge.counts[work.run]
            if max_usd is None or work.run.kept or not goal.is_short(counts):
                continue
            work.begin(*goal.to_ask(counts))
            if (most := work.usd_of_next()) > max_usd:
                raise SynthcareError(
                    f"--max-usd {max_usd:g} is too little: one request of {work.run.label} may "
                    f"cost ${most:.4f}. Raise it, or ask for fewer --rows-per-request."
                )
        session = _Session(home, budget, judge, progress, rows, is_preview)
        return asyncio.run(session.fill(chains))


def _tell_of_kill(journal: Journal, run: Run, progress: Progress) -> None:
    if killed := journal.killed + journal.saved:
        kept = f"of {journal.saved} what had come is kept, " if journal.saved else ""
        progress.told(
            f"{run.label}: requests in flight when an earlier process ended: {killed}; {kept}"
            "they may have been paid and are asked again"
        )


@dataclass
class _Session:
    """Works that are brought to their goals: of each run those of parents first."""

    home: Home
    budget: Budget
    judge: Judge
    progress: Progress
    rows: int
    is_preview: bool
    goals: dict[Work, Goal] = field(default_factory=dict)
    reasons: dict[Run, str | None] = field(default_factory=dict)

    async def fill(self, chains: Sequence[Sequence[Work]]) -> dict[Run, Outcome]:
        """Bring the works of each run to their goals; return how each ended."""
        wanting = [chain for chain in chains if await self._is_wanting(chain)]
        async with AsyncExitStack() as stack:
            # All are opened before anything is spent: a key may be missing.
            askers: dict[tuple[LLM, str | None], Ask] = {}
            for work in (work for chain in wanting for work in chain if not work.run.kept):
                if (key := _asker_of(work.run)) not in askers:
                    asker = open_asker(self.home, work.run, self.budget, self.progress.told)
                    askers[key] = await stack.enter_async_context(asker)
            if wanting:
                parse_ahead(self.home)  # while the LLMs write
            async with asyncio.TaskGroup() as group:
                for chain in wanting:
                    group.create_task(self._fill_run(chain, askers))
        return {
            work.run: Outcome(
                self.judge.counts[work.run],
                self.goals[work].rows,
                self.reasons.get(work.run),
                work.has_failed and self.reasons.get(work.run) is not None,
                work.unanswered,
                work.endings,
                work.spent(),
            )
            for chain in chains
            for work in chain
        }

    async def _is_wanting(self, chain: Sequence[Work]) -> bool:
        """Whether some table of a run is short of its goal."""
        for work in chain:
            self.goals[work] = await self._goal(work)
            if self.goals[work].is_short(self.judge.counts[work.run]):
                return True
        return False

    async def _fill_run(
        self, chain: Sequence[Work], askers: Mapping[tuple[LLM, str | None], Ask]
    ) -> None:
        for work in chain:
            self.goals[work] = goal = await self._goal(work)
            if goal.is_short(self.judge.counts[work.run]):
                self.progress.begun(work.run, goal.rows)
                ask = askers[_asker_of(work.run)]
                self.reasons[work.run] = await self._fill(work, goal, ask)

    async def _goal(self, work: Work) -> Goal:
        """What a work is to have; where its rows belong to others, these are known from now on."""
        if work.run.parent is None:
            return goal_of(work.run, self.rows)
        parents = await self.judge.read(parents_of, self.home, work.run)
        if self.is_preview:  # about as many rows as are previewed
            before = accumulate((parent.children for parent in parents), initial=0)
            parents = [p for p, rows in zip(parents, before, strict=False) if rows < self.rows]
        work.parents = {cell_of(parent.record_id): parent for parent in parents}
        wanted = Counter({cell: parent.children for cell, parent in work.parents.items()})
        return Cells(+wanted, short_parents)

    async def _fill(self, work: Work, goal: Goal, ask: Ask) -> str | None:
        """Bring one work to its goal, or return why it stopped short."""
        run, counts = work.run, self.judge.counts[work.run]
        rounds = 1 if self.is_preview else goal.rounds
        for _ in range(rounds):
            answers = work.endings.total()
            await ask(work, *goal.to_ask(counts))
            if work.endings.total() == answers and work.stopped_because:
                return work.stopped_because  # and there is nothing to be counted
            before, counts = counts, (await self.judge.count())[run]
            if not goal.is_short(counts):
                return None
            if run.has_keys and run.parent is not None:
                # Real families are asked for once: what is rejected of them would be again.
                return f"real rows were rejected{goal.shortage(counts)}"
            if work.stopped_because:
                return work.stopped_because
            found = counts.found - before.found
            if counts.accepted == before.accepted and not 0 < found < _TOO_FEW_TO_GIVE_UP:
                return f"the last round brought no accepted row{goal.shortage(counts)}"
        return f"not enough rows were accepted in {rounds} rounds{goal.shortage(counts)}"


def _asker_of(run: Run) -> tuple[LLM, str | None]:
    """Which of them asks: a baseline knows the table that it draws from, an LLM any."""
    return run.llm, run.contract.dataset if run.llm.is_baseline else None


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
            open_providers(run.llm, home, run.contract) as providers,
            open_scheduler(run.llm, providers, budget, told) as scheduler,
        ):
            yield scheduler.ask
