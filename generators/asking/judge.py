"""Asks dbt which rows it accepts, while requests go on."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import duckdb

from generators.asking.runs import Run
from generators.home import Home
from generators.landing.loading import land
from generators.variety.brief import Cell
from generators.variety.families import cell_of
from generators.warehouse.builds import nodes_passed
from generators.warehouse.database import open_warehouse
from generators.warehouse.transform import run_dbt

_Read = TypeVar("_Read")


@dataclass(frozen=True)
class Counts:
    """Whole records of a run that were found, and those of them that dbt accepted.

    `cells` are the accepted ones of each cell, where it is known which rows are to be had.
    """

    found: int = 0
    accepted: int = 0
    cells: Mapping[Cell, int] = field(default_factory=dict)


def count_records(home: Home, dataset: str, run_ids: Sequence[str]) -> tuple[int, int]:
    """Records of a dataset that these runs hold together, and how many of them dbt accepted."""
    with open_warehouse(home) as warehouse:
        return warehouse.execute(
            "select cast(coalesce(sum(records_found), 0) as bigint),"
            " cast(coalesce(sum(rows_accepted), 0) as bigint)"
            " from marts.response_audit"
            " where dataset = $dataset and list_contains($run_ids, run_id)",
            {"dataset": dataset, "run_ids": list(run_ids)},
        ).fetchone()


class Judge:
    """Lands what was journalled, lets dbt type and judge it, and counts; for all runs at once."""

    def __init__(
        self, home: Home, runs: Sequence[Run], counted: Callable[[Run, Counts], None]
    ) -> None:
        self.counts = {run: Counts() for run in runs}
        self._home, self._runs, self._counted = home, runs, counted
        self._one_at_a_time = asyncio.Lock()
        self._began = 0.0

    def begin(self, has_rows: bool) -> None:
        """Count what runs have from before, if they have, and read the real rows baselines draw."""
        drawing = {run.contract.dataset for run in self._runs if run.llm.is_baseline}
        references = [f"+stg_reference_{dataset}" for dataset in sorted(drawing)]
        if has_rows:
            self.count_now(references)
        elif references:
            self._build(references)

    async def count(self) -> dict[Run, Counts]:
        """Counts by run of all that was journalled before the call.

        Works in a thread, so that no request waits. Runs that ask while a count is under way share
        the next one.
        """
        called = time.monotonic()
        async with self._one_at_a_time:
            if self._began <= called:
                self._began = time.monotonic()
                await asyncio.to_thread(self.count_now)
            return self.counts

    async def read(self, function: Callable[..., _Read], *arguments: object) -> _Read:
        """What a function reads from the warehouse, while nothing is counted; in a thread."""
        async with self._one_at_a_time:
            return await asyncio.to_thread(function, *arguments)

    def count_now(self, beside: Sequence[str] = ()) -> dict[Run, Counts]:
        """The same, in this thread; `beside` are models that dbt builds beside it."""
        self._build([*(f"+int_{dataset}_cast" for dataset in self._datasets()), *beside])
        with open_warehouse(self._home) as warehouse:
            cells = self._count_cells(warehouse)
            by_run = {
                (run_id, dataset): Counts(found, accepted, cells.get((run_id, dataset), {}))
                for dataset in self._datasets()
                for run_id, found, accepted in warehouse.execute(
                    f"""
                    select
                        run_id,
                        -- The end of an answer that was cut off says nothing of what an LLM writes.
                        count(*) filter (where not list_contains(reject_reasons, 'cut_off')),
                        count(*) filter (where len(reject_reasons) = 0),

                    from intermediate.int_{dataset}_cast
                    group by run_id
                    """  # noqa: S608 (a dataset's name)
                ).fetchall()
            }
        self.counts = {
            run: by_run.get((run.run_id, run.contract.dataset), Counts()) for run in self._runs
        }
        for run in self._runs:
            self._counted(run, self.counts[run])
        return self.counts

    def _datasets(self) -> list[str]:
        return sorted({run.contract.dataset for run in self._runs})

    def _build(self, models: Sequence[str]) -> None:
        """Land what was journalled and let dbt build models, if anything is new to them."""
        land(self._home)
        if nodes_passed(self._home) is None:
            run_dbt(self._home, "run", "--select", *models)

    def _count_cells(
        self, warehouse: duckdb.DuckDBPyConnection
    ) -> dict[tuple[str, str], Counter[Cell]]:
        """Accepted rows by run and dataset, and by cell."""
        found: dict[tuple[str, str], Counter[Cell]] = {}
        # Each run has read the contracts of its parents for itself.
        by_cells = {run.contract.dataset: run.contract for run in self._runs if run.is_by_cells}
        for contract in by_cells.values():
            names = [column.name for column in contract.columns if column.name in contract.quotas]
            of_what = "parent_record_id" if contract.foreign_keys else "quota_cell"
            rows = warehouse.execute(
                f"""
                select run_id, {of_what}, count(*)
                from intermediate.int_{contract.dataset}_cast
                where {of_what} is not null and len(reject_reasons) = 0
                group by all
                """  # noqa: S608 (a dataset's name)
            ).fetchall()
            for run_id, of, count in rows:
                is_family = isinstance(of, str)
                cell = cell_of(of) if is_family else tuple(zip(names, of, strict=False))
                found.setdefault((run_id, contract.dataset), Counter())[cell] += count
        return found
