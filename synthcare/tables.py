"""Tables as numbers, in which every score counts."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Column:
    """A column that is compared.

    `size` is one more than its largest code; `derived_from` are the columns that it is made from,
    where it is none of the table's own.
    """

    name: str
    size: int
    is_number: bool = False
    is_nullable: bool = False
    derived_from: frozenset[str] = frozenset()

    @property
    def sources(self) -> frozenset[str]:
        """The columns that it shows."""
        return self.derived_from or frozenset({self.name})


@dataclass(frozen=True)
class Table:
    """The rows of a table as numbers.

    `codes` (rows, columns): a value's number from 1, in the order of the contract or by the bins of
    the real table; 0 where it is missing. `numbers`: for each column of numbers its values (rows,),
    NaN where missing.
    """

    columns: tuple[Column, ...]
    codes: NDArray[np.uint16]
    numbers: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    _counts: dict[tuple[int, ...], NDArray[np.int64]] = field(default_factory=dict, repr=False)
    _known: dict[str, NDArray[np.float64]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.codes)

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

    def known(self, column: Column) -> NDArray[np.float64]:
        """The numbers of a column that are not missing, in ascending order; sorted once."""
        if column.name not in self._known:
            numbers = self.numbers[column.name]
            self._known[column.name] = np.sort(numbers[~np.isnan(numbers)])
        return self._known[column.name]
