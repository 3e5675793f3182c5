"""Reads the columns of a table, each by all its values."""

from collections.abc import Sequence
from functools import cached_property

import duckdb

from readers.dates import is_of_dates, read_dates, read_times
from readers.dialect import Dialect
from readers.numbers import Marks, is_of_numbers, marks_of, read_numbers
from readers.reading import Reading
from readers.shapes import Shapes, is_key_name, shapes_of


class Columns:
    """The columns of `table` in DuckDB; `labels` by the name that each has there.

    `is_typed` where the file itself says that numbers have points, and `delimiter` separates
    columns in it.
    """

    def __init__(
        self,
        database: duckdb.DuckDBPyConnection,
        table: str,
        labels: dict[str, str],
        *,
        dialect: Dialect,
        delimiter: str,
        is_typed: bool,
    ) -> None:
        self._database, self._table, self._labels = database, table, labels
        self._dialect, self._delimiter, self._is_typed = dialect, delimiter, is_typed
        self._seen: dict[str, tuple[Shapes, Marks | None]] = {}

    def has_missing(self, name: str) -> bool:
        """Whether a word may stand for a missing value in the column."""
        return self._look(name)[0].has_missing

    def read(self, names: Sequence[str]) -> dict[str, Reading]:
        """How each of the columns is read."""
        return {name: self._read(name) for name in names}

    def _read(self, name: str) -> Reading:
        if is_key_name(self._labels[name]):
            return Reading()
        shapes, marks = self._look(name)
        found = read_times(shapes) or read_dates(
            self._database, self._table, shapes, self._dialect.dates
        )
        if found or marks is None:
            return found or Reading()
        decimal = self._dialect.decimal or (self._decimal if marks.unclear else "")
        if not decimal and marks.unclear == {","} and self._delimiter == ",":
            decimal = "."  # who separates columns by commas seldom has them in decimals
        return read_numbers(self._database, self._table, shapes, marks, decimal)

    def _look(self, name: str) -> tuple[Shapes, Marks | None]:
        if name not in self._seen:
            shapes = shapes_of(self._database, self._table, f'trim("{name}")', _is_known)
            self._seen[name] = shapes, marks_of(shapes)
        return self._seen[name]

    @cached_property
    def _decimal(self) -> str:
        """The mark that decimals have in all columns that show it; empty where they differ."""
        if self._is_typed:
            return "."
        marks = [marks for name in self._labels if (marks := self._look(name)[1])]
        points = {point for found in marks for point in found.decimal}
        points |= {
            "." if mark == "," else "," for found in marks for mark in found.thousands & {*".,"}
        }
        return points.pop() if len(points) == 1 else ""


def _is_known(shape: str) -> bool:
    return is_of_numbers(shape) or is_of_dates(shape)
