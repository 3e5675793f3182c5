"""Baselines drawn from the reference table: what every LLM should be held against.

They answer in CSV, like an LLM, and go the same way through landing, typing and scores.
"""

from collections.abc import Callable, Sequence
from datetime import date

import numpy as np

from generators.home import Home
from generators.providers import Completion, Heard, Provider, Request
from generators.warehouse.database import open_warehouse
from generators.wire_formats import write_rows
from synthcare.contracts.contract import Column, Contract
from synthcare.errors import SynthcareError

Draw = Callable[[Request, Contract, np.ndarray], Sequence[Sequence[str]]]


class Baseline:
    """Draws rows of `table`, an array of texts with a column for each of the contract."""

    def __init__(self, draw: Draw, contract: Contract, table: np.ndarray) -> None:
        self._draw, self._contract, self._table = draw, contract, table

    async def complete(self, request: Request, heard: Heard) -> Completion:
        """Draw the rows of one request. A table that is used up gives fewer rows, or none."""
        rows = self._draw(request, self._contract, self._table)
        text = write_rows(self._contract, rows, request.wire_format)
        return Completion(text=text, finish_reason="stop")


def open_baseline(name: str, home: Home, contract: Contract) -> Provider:
    """The baseline `name` over the reference in the warehouse.

    `independent` knows the half that runs are compared with, `holdout` the other one. Raises
    SynthcareError where no reference has been landed and split.
    """
    draw, is_holdout = {"independent": (_independent, False), "holdout": (_holdout, True)}[name]
    values = ", ".join(map(_selected, contract.columns))
    dataset = contract.dataset
    with open_warehouse(home) as warehouse:
        table = warehouse.execute(
            f"""
            select {values}
            from raw.reference_{dataset} as received
            inner join staging.stg_reference_{dataset} as split on received.rowid = split.row_number
            where split.is_holdout = $is_holdout
            order by split.row_number
            """,  # noqa: S608 (names come from the contract)
            {"is_holdout": is_holdout},
        ).fetchall()
    if not table:
        raise SynthcareError(
            f"'{name}' draws from the reference of {dataset}, which is empty. "
            "Run `synthcare reference` first."
        )
    return Baseline(draw, contract, np.array(table, dtype=object))


def _selected(column: Column) -> str:
    """SQL of a column's text as the file has it; a date is typed, so that it can be moved."""
    if column.kind == "date":
        return f'coalesce(cast(split.{column.name} as varchar), received."{column.label}")'
    return f'received."{column.label}"'


def _holdout(request: Request, contract: Contract, table: np.ndarray) -> np.ndarray:
    """Real rows in a shuffled order, none twice in a run."""
    order = np.random.default_rng(request.run_seed).permutation(len(table))
    return table[order[request.rows_before : request.rows_before + request.rows]]


def _independent(request: Request, contract: Contract, table: np.ndarray) -> list[list[str]]:
    """Each column from its own marginal, so that nothing depends on anything.

    A date that the contract places after another one is drawn as an offset from it, or half of the
    rows would break the order and the rest would no longer have the marginals of the table.
    """
    random = np.random.default_rng(request.seed)
    columns: dict[str, Sequence[str | None]] = {}
    for number, column in enumerate(contract.columns):
        rows = random.integers(len(table), size=request.rows)
        columns[column.name] = table[rows, number]
        if earlier := column.population.get("days_after"):
            starts = table[rows, contract.columns.index(contract.column(earlier))]
            columns[column.name] = [
                _moved(*dates)
                for dates in zip(columns[earlier], starts, columns[column.name], strict=True)
            ]
    return [list(row) for row in zip(*columns.values(), strict=True)]


def _moved(to: str | None, start: str | None, end: str | None) -> str | None:
    """The day that is as long after `to` as `end` is after `start`; `end` where one is missing."""
    try:
        days = [date.fromisoformat(text) for text in (to, start, end)]
        return (days[0] + (days[2] - days[1])).isoformat()
    except (TypeError, ValueError, OverflowError):  # 9999-12-31 has no day after it
        return end
