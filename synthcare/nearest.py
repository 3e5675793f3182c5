"""How near rows are to the nearest ones of another table, by all of their values."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthcare.tables import Table

# Two numbers are as good as equal within a step of their column, or so much of its standard
# deviation: a digit more or less does not make another person.
_TOLERANCE = 1 / 20

_ROWS_AT_ONCE, _OTHERS_AT_ONCE = 32, 8_192  # in the processor's cache
FAR = 1e6  # ranges from any number: stands for a missing one
_NONE = 255  # differing values of rows that are not compared


@dataclass(frozen=True)
class Ruler:
    """What the values of rows are measured with, made from a real table.

    All columns of the table's own are compared, names of people included. `categories` are places
    of columns; `lows`, `ranges` and `tolerances` (numbers,) are of the columns of numbers.
    """

    categories: tuple[int, ...]
    identifiers: tuple[str, ...]
    numbers: tuple[str, ...]
    lows: NDArray[np.float64]
    ranges: NDArray[np.float64]
    tolerances: NDArray[np.float64]

    @classmethod
    def of(cls, real: Table) -> "Ruler":
        """The ruler of a real table."""
        own = [(place, c) for place, c in enumerate(real.columns) if not c.derived_from]
        numbers = [column for _, column in own if column.is_number]
        known = [values if len(values := real.known(c)) else np.zeros(1) for c in numbers]
        return cls(
            tuple(place for place, column in own if not column.is_number),
            tuple(real.identifiers),
            tuple(column.name for column in numbers),
            np.array([values[0] for values in known]),
            np.array([np.ptp(values) or 1.0 for values in known]),
            np.array([max(_step(values), _TOLERANCE * values.std()) for values in known]),
        )

    @property
    def values(self) -> int:
        """How many values of a row are compared."""
        return len(self.categories) + len(self.identifiers) + len(self.numbers)

    def measure(self, table: Table, rows: NDArray[np.intp]) -> "Measured":
        """The values of rows of a table."""
        return Measured(
            self,
            len(rows),
            [table.codes[rows, place] for place in self.categories],
            # Half of a hash is enough to tell names apart.
            [
                (table.identifiers[name][rows] >> np.uint64(32)).astype(np.uint32)
                for name in self.identifiers
            ],
            [
                np.where(np.isnan(values), FAR, (values - low) / size).astype(np.float32)
                for name, low, size in zip(self.numbers, self.lows, self.ranges, strict=True)
                for values in [table.numbers[name][rows]]
            ],
        )


def _step(known: NDArray[np.float64]) -> float:
    """The smallest step between numbers; 0 where there are only one or two of them."""
    steps = np.diff(np.unique(known))
    return float(steps.min()) if len(steps) > 1 else 0.0


@dataclass(frozen=True)
class Measured:
    """Rows as values that can be told apart, column by column (rows,)."""

    ruler: Ruler
    rows: int
    categories: list[NDArray[np.integer]]
    identifiers: list[NDArray[np.uint32]]
    numbers: list[NDArray[np.float32]]

    def part(self, rows: slice) -> "Measured":
        """Some of the rows."""
        columns = (self.categories, self.identifiers, self.numbers)
        size = len(range(*rows.indices(self.rows)))
        return Measured(self.ruler, size, *([values[rows] for values in of] for of in columns))

    def gaps(self, others: "Measured") -> Iterator[tuple[NDArray[np.bool_], NDArray]]:
        """For each column whether values differ, and by how much, both (rows, others).

        Texts differ by 1; numbers by their distance in ranges of the real column, 1 at most.
        """
        for differs in self._texts_differ(others):
            yield differs, differs
        yield from self.numbers_apart(others)

    def texts_apart(self, others: "Measured") -> NDArray[np.uint8]:
        """How many texts differ, (rows, others)."""
        count = np.zeros((self.rows, others.rows), dtype=np.uint8)
        for differs in self._texts_differ(others):
            count += differs
        return count

    def _texts_differ(self, others: "Measured") -> Iterator[NDArray[np.bool_]]:
        texts = [*self.categories, *self.identifiers]
        for one, other in zip(texts, [*others.categories, *others.identifiers], strict=True):
            yield one[:, None] != other[None, :]

    def numbers_apart(self, others: "Measured") -> Iterator[tuple[NDArray[np.bool_], NDArray]]:
        """For each column of numbers what `gaps` says."""
        # Rounding must not make two numbers differ that are a step apart.
        tolerances = (1.001 * self.ruler.tolerances / self.ruler.ranges).astype(np.float32)
        for one, other, most in zip(self.numbers, others.numbers, tolerances, strict=True):
            gap = one[:, None] - other[None, :]
            np.abs(gap, out=gap)
            yield gap > most, np.minimum(gap, 1, out=gap)


@dataclass(frozen=True)
class Nearest:
    """Of each row the nearest other one (rows,): by differing values, and by Gower's distance.

    `place` is that of the other row that differs in so many values, `closest` that of the first one
    at the distance, of which there are as many as `ties`. `reached` (others,) is Gower's distance
    of each other row to the nearest of the rows. Gower's distance (1971) is the mean difference of
    the values, from 0 to 1.
    """

    differing: NDArray[np.int64]
    place: NDArray[np.intp]
    distance: NDArray[np.float64]
    closest: NDArray[np.intp]
    ties: NDArray[np.int64]
    reached: NDArray[np.float64]


def nearest(
    rows: Measured,
    others: Measured,
    units: NDArray | None = None,
    other_units: NDArray | None = None,
) -> Nearest:
    """Exact, in blocks. Rows that share a unit are not compared; without units all are."""
    differing = np.full(rows.rows, _NONE)
    place, closest, ties = (np.zeros(rows.rows, dtype=np.intp) for _ in range(3))
    distance, reached = np.full(rows.rows, np.inf), np.full(others.rows, np.inf)
    for other_start in range(0, others.rows, _OTHERS_AT_ONCE):
        of_others = slice(other_start, other_start + _OTHERS_AT_ONCE)
        other_part = others.part(of_others)
        for start in range(0, rows.rows, _ROWS_AT_ONCE):
            of_rows = slice(start, start + _ROWS_AT_ONCE)
            part = rows.part(of_rows)
            count = part.texts_apart(other_part)
            gower = count.astype(np.float32)  # texts differ by 1
            for differs, gap in part.numbers_apart(other_part):
                count += differs
                gower += gap
            if units is not None:
                is_own = units[of_rows, None] == other_units[None, of_others]
                count[is_own], gower[is_own] = _NONE, np.inf
            least = gower.min(axis=1)
            at_least = (gower == least[:, None]).sum(axis=1)
            before = np.where(least == distance[of_rows], ties[of_rows], 0)
            ties[of_rows] = np.where(least > distance[of_rows], ties[of_rows], before + at_least)
            for values, best, where in ((count, differing, place), (gower, distance, closest)):
                found = values.argmin(axis=1)
                least = values[np.arange(part.rows), found]
                is_better = least < best[of_rows]
                best[of_rows] = np.where(is_better, least, best[of_rows])
                where[of_rows] = np.where(is_better, found + other_start, where[of_rows])
            reached[of_others] = np.minimum(reached[of_others], gower.min(axis=0))
    size = max(1, rows.ruler.values)
    return Nearest(differing, place, distance / size, closest, ties, reached / size)
