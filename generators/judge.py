"""Asks dbt which rows it accepts, while requests go on."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from generators.home import Home
from generators.landing import land
from generators.runs import Run
from generators.transform import run_dbt
from generators.warehouse import open_warehouse


@dataclass(frozen=True)
class Counts:
    """Records of a run that were found, and those of them that dbt accepted."""

    found: int = 0
    accepted: int = 0


class Judge:
    """Lands what was journalled, lets dbt type and judge it, and counts; for all runs at once."""

    def __init__(
        self, home: Home, runs: Sequence[Run], counted: Callable[[Run, Counts], None]
    ) -> None:
        self.counts = {run.run_id: Counts() for run in runs}
        self._home, self._runs, self._counted = home, runs, counted
        self._one_at_a_time = asyncio.Lock()
        self._began = 0.0

    async def count(self) -> dict[str, Counts]:
        """Counts by run_id of all that was journalled before the call.

        Works in a thread, so that no request waits. Runs that ask while a count is under way share
        the next one.
        """
        called = time.monotonic()
        async with self._one_at_a_time:
            if self._began <= called:
                self._began = time.monotonic()
                await asyncio.to_thread(self.count_now)
            return self.counts

    def count_now(self) -> dict[str, Counts]:
        """The same, in this thread."""
        land(self._home)
        datasets = {run.contract.dataset for run in self._runs}
        references = sorted(f"stg_reference_{dataset}" for dataset in datasets)  # for baselines
        run_dbt(self._home, "run", "--select", "+int_record_outcomes", *references)
        with open_warehouse(self._home) as warehouse:
            rows = warehouse.execute(
                """
                select
                    run_id,
                    count(*),
                    count(*) filter (where is_accepted),

                from intermediate.int_record_outcomes
                group by run_id
                """
            ).fetchall()
        by_run = {run_id: Counts(found, accepted) for run_id, found, accepted in rows}
        self.counts = {run.run_id: by_run.get(run.run_id, Counts()) for run in self._runs}
        for run in self._runs:
            self._counted(run, self.counts[run.run_id])
        return self.counts
