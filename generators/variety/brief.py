"""What one request asks for beside what all requests of its run share."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from generators.drawing.draws import as_text
from synthcare.contracts.contract import Column, Contract

# The column that numbers the rows of a request some of whose values are handed over, and the one
# that says which of the parents that are named a row belongs to.
ROW, KEY = "Row", "Key"

# Category or band by name of the column.
Cell = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Limits:
    """What values a column may have in a row: one of `values`, or from `low` to `high`.

    Of a date that is placed after another one, `low` and `high` are days after it. Without any of
    them the value is to be missing.
    """

    values: tuple[str, ...] = ()
    low: Any = None
    high: Any = None

    def single(self, column: Column) -> str | None:
        """The only value that is left, empty for a missing one; None where there are more."""
        if len(self.values) == 1:
            return self.values[0]
        if self.values or self.low != self.high:
            return None
        return None if self._is_in_days(column) else as_text(column, self.low)

    def text(self, contract: Contract, column: Column) -> str:
        """The limits in words, e.g. `Age from 18 to 34`."""
        if self.values:
            *others, last = self.values
            return f"{column.label} {' or '.join(filter(None, [', '.join(others), last]))}"
        if self.low is None:
            return f"{column.label} missing"
        ends = [str(end) for end in dict.fromkeys((self.low, self.high))]
        if self._is_in_days(column):
            start = contract.column(column.population["days_after"])
            days = "day" if ends == ["1"] else "days"
            return f"{column.label} {' to '.join(ends)} {days} after {start.label}"
        ends = [as_text(column, end) for end in dict.fromkeys((self.low, self.high))]
        return (
            f"{column.label} from {' to '.join(ends)}"
            if len(ends) > 1
            else (f"{column.label} {ends[0]}")
        )

    def _is_in_days(self, column: Column) -> bool:
        return isinstance(self.low, int) and column.kind == "date"


@dataclass(frozen=True)
class Brief:
    """One request's part of what is asked for; an empty one asks for no more than the others.

    `initials` are the letters with which an identifier begins, by column; `rows` the limits of each
    row's values, by column; `cells` how many rows of each quota are asked for; `drawn` the values
    that are handed over, by column, for each row. Where rows belong to others, `keys` has what each
    row is to begin with, and `parents` by key the record and how many rows it is to have, which
    `cells` say, too. `text` says all of it in words.
    """

    text: str = ""
    initials: Mapping[str, Sequence[str]] = field(default_factory=dict)
    rows: tuple[Mapping[str, Limits], ...] = ()
    cells: Mapping[Cell, int] = field(default_factory=dict)
    drawn: tuple[Mapping[str, str], ...] = ()
    keys: tuple[str, ...] = ()
    parents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def mark(self, row: int) -> str:
        """What the row of this number, from 0, begins with where it has a number or a key."""
        return self.keys[row] if row < len(self.keys) else str(row + 1)

    def limits(self, row: int) -> Mapping[str, Limits]:
        """What holds for the values of the row of this number, from 0."""
        return self.rows[row] if row < len(self.rows) else {}

    def dictated(self, contract: Contract) -> dict[str, dict[str, int]]:
        """The single values that it gives away: by column and value, for how many rows."""
        given: dict[str, Counter[str]] = {}
        for limits in self.rows:
            for name, of_column in limits.items():
                value = of_column.single(contract.column(name))
                if value is not None:
                    given.setdefault(name, Counter())[value] += 1
        for row in self.drawn:
            for name, value in row.items():
                given.setdefault(name, Counter())[value] += 1
        return {name: dict(counts) for name, counts in given.items()}

    def as_row(self, contract: Contract) -> dict[str, Any]:
        """Its columns of raw.llm_responses; what it does not have is None."""
        cells = {
            "columns": [name for name, _ in next(iter(self.cells), ())],
            "cells": [
                {"labels": [label for _, label in cell], "rows": count}
                for cell, count in self.cells.items()
            ],
        }
        drawn = {str(number): row for number, row in enumerate(self.drawn, start=1)}
        return {
            "slice_text": self.text or None,
            "dictated_values": self.dictated(contract) or None,
            "quota_cells": cells if self.cells and not self.parents else None,
            "drawn_values": drawn or None,
            "parents": dict(self.parents) or None,
        }


def listed(items: Iterable[str]) -> str:
    """Items of a sentence."""
    return ", ".join(items)
