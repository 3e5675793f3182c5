"""Groups of people in a table: the values of its sensitive columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthcare.chance import Tally
from synthcare.tables import Column, Table

_BANDS = 5  # of numbers


@dataclass(frozen=True)
class Group:
    """People whose value of a sensitive column has one of these codes."""

    column: Column
    place: int
    name: str
    codes: tuple[int, ...]

    @property
    def subject(self) -> tuple[str, str]:
        """The column and the group."""
        return self.column.name, self.name

    def has(self, table: Table) -> NDArray[np.bool_]:
        """Which rows are of the group (rows,)."""
        return np.isin(table.codes[:, self.place], self.codes)


def groups_of(train: Table, left_out: frozenset[str] = frozenset()) -> Iterator[Group]:
    """The groups of each sensitive column that real rows are of; five bands of a number."""
    for place, column in enumerate(train.columns):
        if not column.is_sensitive or column.sources <= left_out:
            continue
        counts = train.counts(place)
        if not column.is_number:
            for code, name in enumerate(column.values, 1):
                if counts[code]:
                    yield Group(column, place, name, (code,))
            continue
        bins = np.array_split(np.arange(1, column.size), _BANDS)
        tops = [_top(train, place, codes) for codes in bins]
        for number, codes in enumerate(bins):
            if counts[codes].sum():
                yield Group(column, place, _band(column, tops, number), tuple(codes.tolist()))


def _top(train: Table, place: int, codes: NDArray[np.intp]) -> float:
    """The largest number that real rows of these codes have."""
    numbers = train.numbers[train.columns[place].name]
    return float(numbers[np.isin(train.codes[:, place], codes)].max(initial=-np.inf))


def _band(column: Column, tops: Sequence[float], number: int) -> str:
    """`up to 34`, `over 34 to 51`, `over 68`: nobody's smallest or largest number."""
    low, high = (
        column.written(tops[place]) if 0 <= place < _BANDS - 1 else None
        for place in (number - 1, number)
    )
    if low is None:
        return f"up to {high}"
    return f"over {low}" + (f" to {high}" if high else "")


def tally(table: Table, hits: NDArray, rows: NDArray[np.bool_] | None = None) -> Tally:
    """Of all rows of a table, or of some, those that are a hit, (rows,) both."""
    groups = np.arange(len(table)) if table.groups is None else table.groups
    return Tally.of_rows(hits, groups) if rows is None else Tally.of_rows(hits[rows], groups[rows])
