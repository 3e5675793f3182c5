"""Baselines drawn from the reference table: what every LLM should be held against.

They answer in CSV, like an LLM, and go the same way through landing, typing and scores.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import numpy as np

from generators.contract import Contract
from generators.errors import SynthcareError
from generators.home import Home
from generators.providers import Completion, Provider, Request
from generators.warehouse import open_warehouse
from generators.wire_formats import write_rows

Draw = Callable[[Request, Contract, np.ndarray], Sequence[Sequence[str]]]


class Baseline:
    """Draws rows of `table`, an array of texts with a column for each of the contract."""

    def __init__(self, draw: Draw, contract: Contract, table: np.ndarray) -> None:
        self._draw, self._contract, self._table = draw, contract, table

    async def complete(self, request: Request) -> Completion:
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
    labels = ", ".join(f'received."{label}"' for label in contract.labels)
    dataset = contract.dataset
    with open_warehouse(home) as warehouse:
        table = warehouse.execute(
            f"""
            select {labels}
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
    columns: dict[str, np.ndarray] = {}
    for number, column in enumerate(contract.columns):
        rows = random.integers(len(table), size=request.rows)
        columns[column.name] = table[rows, number]
        if earlier := column.population.get("days_after"):
            before = table[rows, contract.columns.index(contract.column(earlier))]
            stays = [
                date.fromisoformat(end) - date.fromisoformat(start)
                for start, end in zip(before, columns[column.name], strict=True)
            ]
            columns[column.name] = _dates_after(columns[earlier], stays)
    return [list(row) for row in zip(*columns.values(), strict=True)]


def _dates_after(starts: Sequence[str], stays: Sequence[timedelta]) -> np.ndarray:
    return np.array(
        [
            (date.fromisoformat(start) + stay).isoformat()
            for start, stay in zip(starts, stays, strict=True)
        ],
        dtype=object,
    )
