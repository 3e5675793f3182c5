"""Shares of values in a table and in the real one, as bars that can be drawn."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthcare.tables import Column, Table


@dataclass(frozen=True)
class Bar:
    """A value of a category, or a span of numbers from `low` to below `high`.

    Bar 0 is of numbers below the real ones, and has no `low`; the last but one is of those above,
    and has no `high`. Without either end and category it is of missing values.
    """

    column: Column
    number: int
    share: float
    real_share: float
    category: str | None = None
    low: float | None = None
    high: float | None = None


def bars(real: Table, table: Table, count: int) -> Iterator[Bar]:
    """All bars of all columns; `count` is how many span the real numbers of a column.

    Nothing where there is no real row to stand beside.
    """
    if not len(real):
        return
    for place, column in enumerate(real.columns):
        missing, real_missing = (side.counts(place)[0] / len(side) for side in (table, real))
        if column.is_number:
            yield from _spans(real, table, column, count)
            last = count + 2
        else:
            sides = [side.counts(place) / len(side) for side in (table, real)]
            for number, value in enumerate(column.values, 1):
                yield Bar(column, number, *(float(side[number]) for side in sides), value)
            last = 0
        if missing or real_missing:
            yield Bar(column, last, float(missing), float(real_missing))


def _spans(real: Table, table: Table, column: Column, count: int) -> Iterator[Bar]:
    """Bars of one width, and one at each end for what lies outside; only those that hold rows."""
    known = real.known(column)
    if not len(known):
        return
    smallest, largest = float(known[0]), float(known[-1])
    width = (largest - smallest) / count
    if column.kind != "decimal":
        # Whole numbers get whole widths, or some bars would hold a number more than others.
        width = float(np.ceil((largest - smallest + 1) / count))
    width = width or 1.0
    shares = [
        _in_bars(side.known(column), smallest, largest, width, count) / len(side)
        for side in (table, real)
    ]
    for number in np.flatnonzero(shares[0] + shares[1]).tolist():
        yield Bar(
            column,
            number,
            *(float(side[number]) for side in shares),
            low=smallest + (number - 1) * width if number else None,
            high=smallest + number * width if number <= count else None,
        )


def _in_bars(
    known: NDArray[np.float64], smallest: float, largest: float, width: float, count: int
) -> NDArray[np.int64]:
    places = np.minimum(count, 1 + np.floor((known - smallest) / width))
    places = np.where(known < smallest, 0, np.where(known > largest, count + 1, places))
    return np.bincount(places.astype(np.int64), minlength=count + 2)
