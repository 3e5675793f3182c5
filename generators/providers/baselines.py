"""Baselines drawn from the reference table: what every LLM should be held against.

They answer in CSV, like an LLM, or in JSON where rows have real keys, and go the same way through
landing, typing and scores.
"""

import csv
import io
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from generators.home import Home
from generators.providers import Completion, Heard, Provider, Request
from generators.warehouse.database import open_warehouse
from generators.wire_formats import write_rows
from generators.wire_formats.layout import ROWS, mark_of
from synthcare.contracts.contract import Column, Contract
from synthcare.errors import SynthcareError


@dataclass(frozen=True)
class Real:
    """One half of a reference, as texts: `rows` (rows, columns of the contract).

    `own` (rows, own columns) are keys of rows, `places` those of the rows of each parent's key, in
    order.
    """

    rows: np.ndarray
    own: np.ndarray
    places: Mapping[tuple[str, ...], Sequence[int]]


Draw = Callable[[Request, Contract, Real], tuple[Sequence[int] | None, Sequence[Sequence[str]]]]


class Baseline:
    """Draws rows like those of a half of the reference."""

    def __init__(self, draw: Draw, contract: Contract, real: Real) -> None:
        self._draw, self._contract, self._real = draw, contract, real

    async def complete(self, request: Request, heard: Heard) -> Completion:
        """Draw the rows of one request. A table that is used up gives fewer rows, or none."""
        places, rows = self._draw(request, self._contract, self._real)
        text = write_rows(
            self._contract, rows, request.wire_format, marks=request.brief.keys[: len(rows)]
        )
        if places is not None and self._contract.key_columns:
            text = self._with_keys(text, places)
        return Completion(text=text, finish_reason="stop")

    def _with_keys(self, text: str, places: Sequence[int]) -> str:
        """The rows of a CSV text as JSON, each with its own keys, as `landing.kept` has them."""
        mark = mark_of(self._contract)
        own = [self._contract.key_labels[name] for name in _own_columns(self._contract)]
        names = [*filter(None, [mark]), *self._contract.labels, *own]
        records = [
            dict(zip(names, [*row, *self._real.own[place]], strict=True))
            for row, place in zip(csv.reader(io.StringIO(text)), places, strict=True)
        ]
        return json.dumps({ROWS: records}, ensure_ascii=False)


def _own_columns(contract: Contract) -> list[str]:
    """The columns of its key that say nothing of what a row belongs to."""
    of_parents = {name for key in contract.foreign_keys for name in key.columns}
    return [name for name in contract.key_columns if name not in of_parents]


def open_baseline(name: str, home: Home, contract: Contract) -> Provider:
    """The baseline `name` over the reference in the warehouse.

    `independent` knows the half that runs are compared with, `holdout` the other one. Raises
    SynthcareError where no reference has been landed and split.
    """
    draw, is_holdout = {"independent": (_independent, False), "holdout": (_holdout, True)}[name]
    values = ", ".join(map(_selected, contract.columns))
    own, parents = _own_columns(contract), [n for k in contract.foreign_keys[:1] for n in k.columns]
    keys = "".join(f", split.{key}" for key in (*own, *parents))
    dataset = contract.dataset
    with open_warehouse(home) as warehouse:
        table = warehouse.execute(
            f"""
            select {values}{keys}
            from raw.reference_{dataset} as received
            inner join staging.stg_reference_{dataset} as split on received.rowid = split.row_number
            where split.is_holdout = $is_holdout
            order by {_order(contract)}split.row_number
            """,  # noqa: S608 (names come from the contract)
            {"is_holdout": is_holdout},
        ).fetchall()
    if not table:
        raise SynthcareError(
            f"'{name}' draws from the reference of {dataset}, which is empty. "
            "Run `synthcare reference` first."
        )
    texts = np.array(table, dtype=object)
    width = len(contract.columns)
    of_parents = texts[:, width + len(own) :]
    places: dict[tuple[str, ...], list[int]] = {}
    for place, key in enumerate(map(tuple, of_parents)) if parents else ():
        places.setdefault(key, []).append(place)
    return Baseline(
        draw, contract, Real(texts[:, :width], texts[:, width : width + len(own)], places)
    )


def _order(contract: Contract) -> str:
    """SQL of the order of rows of one parent, numbers by their size."""
    if contract.ordered_by is None or not contract.foreign_keys:
        return ""
    column = f"split.{contract.ordered_by}"
    return f"try_cast(cast({column} as varchar) as double), {column}, "


def _selected(column: Column) -> str:
    """SQL of a column's text as the file has it; a date is typed, so that it can be moved."""
    if column.kind == "date":
        return f'coalesce(cast(split.{column.name} as varchar), received."{column.label}")'
    return f'received."{column.label}"'


def _holdout(
    request: Request, contract: Contract, real: Real
) -> tuple[Sequence[int], Sequence[Sequence[str]]]:
    """Real rows in a shuffled order, none twice in a run; all rows of each parent that is named."""
    if contract.foreign_keys:
        places = [
            place
            for parent in request.parents
            for place in real.places.get(tuple(parent.keys.values()), [])
        ]
    else:
        order = np.random.default_rng(request.run_seed).permutation(len(real.rows))
        places = order[request.rows_before : request.rows_before + request.rows]
    return places, real.rows[places]


def _independent(
    request: Request, contract: Contract, real: Real
) -> tuple[None, Sequence[Sequence[str]]]:
    """Each column from its own marginal, so that nothing depends on anything.

    A date that the contract places after another one is drawn as an offset from it, or half of the
    rows would break the order and the rest would no longer have the marginals of the table.
    """
    table = real.rows
    # Rows do not belong to parents that were drawn from the same places.
    of_table = [zlib.crc32(contract.dataset.encode())] if contract.foreign_keys else []
    random = np.random.default_rng([request.seed, *of_table] if of_table else request.seed)
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
    return None, [list(row) for row in zip(*columns.values(), strict=True)]


def _moved(to: str | None, start: str | None, end: str | None) -> str | None:
    """The day that is as long after `to` as `end` is after `start`; `end` where one is missing."""
    try:
        days = [date.fromisoformat(text) for text in (to, start, end)]
        return (days[0] + (days[2] - days[1])).isoformat()
    except (TypeError, ValueError, OverflowError):  # 9999-12-31 has no day after it
        return end
