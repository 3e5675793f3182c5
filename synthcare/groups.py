"""Groups of people in a table: the values of its sensitive columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthcare.chance import Tally
from synthcare.tables import Column, Table

_BANDS = 5  # of numbers
_STEPS = 10  # at least, that the numbers between bands are rounded to, over their range
_FINEST = 1e-6


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
        # Of numbers that many people have there are fewer bins with anybody in them.
        known = 1 + np.flatnonzero(counts[1:])
        bins = [codes for codes in np.array_split(known, _BANDS) if len(codes)]
        if not bins:
            continue
        edges = _edges(column, [_top(train, place, codes) for codes in bins])
        for number, codes in enumerate(bins):
            yield Group(column, place, _band(edges, number), tuple(codes.tolist()))


def _top(train: Table, place: int, codes: NDArray[np.intp]) -> float:
    """The largest number that real rows of these codes have."""
    numbers = train.numbers[train.columns[place].name]
    return float(numbers[np.isin(train.codes[:, place], codes)].max())


def _edges(column: Column, tops: Sequence[float]) -> list[str]:
    """Numbers between bands, rounded as far as tells the bands apart: nobody's own."""
    step = 10.0 ** np.floor(np.log10(max(np.ptp(tops), 1.0) / _STEPS))
    rounded = np.round(np.array(tops) / step) * step
    while len(np.unique(rounded)) < len(tops) and step > _FINEST:
        step /= 10
        rounded = np.round(np.array(tops) / step) * step
    return [column.written(float(f"{edge:.12g}")) for edge in rounded[:-1]]


def _band(edges: Sequence[str], number: int) -> str:
    """`up to 34`, `over 34 to 51`, `over 68`."""
    if not edges:
        return "any"
    if number == 0:
        return f"up to {edges[0]}"
    return f"over {edges[number - 1]}" + (f" to {edges[number]}" if number < len(edges) else "")


def tally(table: Table, hits: NDArray, rows: NDArray[np.bool_] | None = None) -> Tally:
    """Of all rows of a table, or of some, those that are a hit, (rows,) both."""
    groups = np.arange(len(table)) if table.groups is None else table.groups
    return Tally.of_rows(hits, groups) if rows is None else Tally.of_rows(hits[rows], groups[rows])
