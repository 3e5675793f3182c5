"""Tables as numbers, in which every score counts."""

from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Column:
    """A column that is compared.

    `size` is one more than its largest code; `kind` is categorical, integer, decimal or date, and
    `values` what the codes of a category stand for, from 1. Where it `is_sensitive` its values are
    groups of people that a table has to do justice to. `derived_from` are the columns that it
    is made from, where it is none of the table's own.
    """

    name: str
    size: int
    kind: str = "categorical"
    is_nullable: bool = False
    is_target: bool = False
    is_sensitive: bool = False
    values: tuple[str, ...] = ()
    derived_from: frozenset[str] = frozenset()

    @property
    def is_number(self) -> bool:
        """Whether it has an order: dates are days since 1970-01-01."""
        return self.kind != "categorical"

    @property
    def sources(self) -> frozenset[str]:
        """The columns that it shows."""
        return self.derived_from or frozenset({self.name})

    def written(self, number: float) -> str:
        """One of its numbers as people write it."""
        if self.kind == "date":
            return str(np.datetime64(int(number), "D"))
        return str(int(number)) if number == int(number) else str(float(number))


@dataclass(frozen=True)
class Hashes:
    """What each row says as one number (rows,), by which copies are found.

    `exact` is of all that a row says, `folded` in lower case; rows of one `twins` are copies of
    each other but for what copies may differ in.
    """

    exact: NDArray[np.uint64]
    folded: NDArray[np.uint64]
    twins: NDArray[np.uint64]


@dataclass(frozen=True)
class Table:
    """The rows of a table as numbers.

    `codes` (rows, columns): a value's number from 1, in the order of the contract or by the bins of
    the real table; 0 where it is missing. `numbers`: for each column of numbers its values (rows,),
    NaN where missing. `identifiers`: for each column of names a hash of its text in lower case, 0
    where missing. `groups` (rows,): rows of one resemble each other, being of one answer of an LLM,
    or of one patient; None where each stands by itself. `sample`: places of the rows that
    classifiers and nearest rows look at, shuffled.
    """

    columns: tuple[Column, ...]
    codes: NDArray[np.integer]
    numbers: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    identifiers: dict[str, NDArray[np.uint64]] = field(default_factory=dict)
    hashes: Hashes | None = None
    groups: NDArray | None = None
    sample: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    _counts: dict[tuple[int, ...], NDArray[np.int64]] = field(
        default_factory=dict, repr=False, init=False
    )
    _known: dict[str, NDArray[np.float64]] = field(default_factory=dict, repr=False, init=False)

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: NDArray[np.intp]) -> "Table":
        """Some of the rows; none of them is in the sample."""
        return Table(
            self.columns,
            self.codes[rows],
            {name: values[rows] for name, values in self.numbers.items()},
            {name: values[rows] for name, values in self.identifiers.items()},
            self.hashes and Hashes(*(getattr(self.hashes, f.name)[rows] for f in fields(Hashes))),
            None if self.groups is None else self.groups[rows],
        )

    def cells(self, *places: int) -> NDArray[np.int64]:
        """For each row the cell that it is in, of all that the columns at `places` can be in."""
        first, *others = places
        cells = self.codes[:, first].astype(np.int64)
        for place in others:
            cells *= self.columns[place].size
            cells += self.codes[:, place]
        return cells

    def counts(self, *places: int) -> NDArray[np.int64]:
        """Rows by cell, counted once."""
        if places not in self._counts:
            size = int(np.prod([self.columns[place].size for place in places]))
            self._counts[places] = np.bincount(self.cells(*places), minlength=size)
        return self._counts[places]

    def units(self, start: int = 0) -> NDArray:
        """What the rows of one person share: their group, or else what copies of a row do.

        Without names rows say the same by chance, and each is a unit, numbered from `start`.
        """
        if self.groups is not None:
            return self.groups
        return self.hashes.twins if self.identifiers else start + np.arange(len(self))

    def known(self, column: Column) -> NDArray[np.float64]:
        """The numbers of a column that are not missing, in ascending order; sorted once."""
        if column.name not in self._known:
            numbers = self.numbers[column.name]
            self._known[column.name] = np.sort(numbers[~np.isnan(numbers)])
        return self._known[column.name]

    @cached_property
    def own_numbers(self) -> list[str]:
        """Columns of numbers that are the table's own."""
        return [c.name for c in self.columns if c.is_number and not c.derived_from]
