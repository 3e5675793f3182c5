"""Bars of columns, counted by hand."""

import numpy as np
import pytest

from synthcare.distributions import Bar, bars
from synthcare.tables import Column, Table


def column(kind: str, numbers: list[float]) -> Table:
    """A column of numbers; 0 codes those that are missing."""
    values = np.array(numbers, dtype=float)
    codes = np.where(np.isnan(values), 0, 1)
    return Table((Column("x", 2, kind=kind),), codes[:, None], {"x": values})


def drawn(real: Table, table: Table, count: int) -> list[tuple]:
    """Number, ends and shares of each bar."""
    return [
        (bar.number, bar.low, bar.high, bar.share, bar.real_share)
        for bar in bars(real, table, count)
    ]


def test_whole_numbers_are_in_bars_of_whole_widths() -> None:
    """0 to 3 in two bars of two; one number below, one above, one missing."""
    real = column("integer", [0, 1, 2, 3])
    table = column("integer", [-1, 0, 3, 9, np.nan])
    assert drawn(real, table, 2) == [
        (0, None, 0, 0.2, 0),
        (1, 0, 2, 0.2, 0.5),
        (2, 2, 4, 0.2, 0.5),
        (3, 4, None, 0.2, 0),
        (4, None, None, 0.2, 0),
    ]


def test_whole_widths_are_rounded_up() -> None:
    """0 to 4 in two bars: of three numbers and of two, and what is above is told apart."""
    real = column("date", [0, 1, 2, 3, 4])
    assert drawn(real, column("date", [0, 4, 5]), 2) == [
        (1, 0, 3, pytest.approx(1 / 3), 0.6),
        (2, 3, 6, pytest.approx(1 / 3), 0.4),
        (3, 6, None, pytest.approx(1 / 3), 0),
    ]


def test_decimals_are_in_bars_of_one_width_and_the_largest_is_in_the_last() -> None:
    real = column("decimal", [0.0, 0.25, 1.0])
    table = column("decimal", [0.0, 0.24, 0.75, 1.0])
    assert drawn(real, table, 4) == [
        (1, 0, 0.25, 0.5, pytest.approx(1 / 3)),
        (2, 0.25, 0.5, 0, pytest.approx(1 / 3)),
        (4, 0.75, 1, 0.5, pytest.approx(1 / 3)),
    ]


def test_beside_no_real_row_there_is_no_bar() -> None:
    assert drawn(column("integer", []), column("integer", [1, 2]), 20) == []


@pytest.mark.parametrize("kind", ["integer", "decimal"])
def test_a_number_that_is_always_the_same_has_a_bar(kind: str) -> None:
    assert drawn(column(kind, [7, 7]), column(kind, [7, 7]), 20) == [(1, 7, 8, 1, 1)]


def test_each_value_of_a_category_has_a_bar_and_missing_ones_where_there_are_any() -> None:
    colour = Column("colour", 4, values=("red", "green", "blue"))

    def table(*codes: int) -> Table:
        return Table((colour,), np.array(codes)[:, None])

    full = [*bars(table(1, 1, 2, 3), table(1, 2, 2, 2), 20)]
    assert full == [
        Bar(colour, 1, 0.25, 0.5, "red"),
        Bar(colour, 2, 0.75, 0.25, "green"),
        Bar(colour, 3, 0, 0.25, "blue"),
    ]
    lacking = [*bars(table(1, 0, 2, 3), table(1, 2, 2, 2), 20)]
    assert lacking[:3] == [replaced(full[0], 0.25), *full[1:]]
    assert lacking[3:] == [Bar(colour, 0, 0, 0.25)]


def replaced(bar: Bar, real_share: float) -> Bar:
    return Bar(bar.column, bar.number, bar.share, real_share, bar.category)
