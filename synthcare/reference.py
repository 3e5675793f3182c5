"""What tables are compared with: the two halves of a real table, and what is found of them once."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from synthcare.tables import Column, Table

Found = TypeVar("Found")


@dataclass(frozen=True)
class Feature:
    """A number that stands for a column: of a category one for each value, 0 or 1.

    `code` is that value's; None for the number itself, in standard deviations from the real mean,
    and 0 where it is missing. Code 0 says whether a value is missing.
    """

    column: Column
    code: int | None


def features_of(columns: tuple[Column, ...]) -> tuple[Feature, ...]:
    """What classifiers and distances see of the columns."""
    found = []
    for column in columns:
        codes = [None] if column.is_number else range(1, column.size)
        found += [Feature(column, code) for code in codes]
        if column.is_nullable:
            found.append(Feature(column, 0))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Remembered:
    """Something real that many tables are compared with: what is found of it is found once."""

    _found: dict[Hashable, Any] = field(default_factory=dict, repr=False, kw_only=True)

    def once(self, key: Hashable, find: Callable[[], Found]) -> Found:
        """What `find` returns; looked for once, however many tables are compared."""
        if key not in self._found:
            self._found[key] = find()
        return self._found[key]


@dataclass(frozen=True, eq=False)
class Reference(Remembered):
    """The real table, in two halves of rows that are of nobody in the other.

    Tables are compared with `train`. `holdout`, which may be empty, says what real rows reach.
    """

    train: Table
    holdout: Table

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """What `look_at` returns."""
        return features_of(self.train.columns)

    def look_at(self, table: Table, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """The features of rows of a table, as (rows, features)."""
        seen = np.empty((len(rows), len(self.features)), dtype=np.float32)
        places = {column.name: place for place, column in enumerate(table.columns)}
        for number, feature in enumerate(self.features):
            name = feature.column.name
            if feature.code is None:
                mean, spread = self._spreads[name]
                values = (
                    (table.numbers[name][rows] - mean) / spread if spread else np.zeros(len(rows))
                )
                seen[:, number] = np.nan_to_num(values)
            else:
                seen[:, number] = table.codes[rows, places[name]] == feature.code
        return seen

    @cached_property
    def train_features(self) -> NDArray[np.float32]:
        """Of the sample of the train half."""
        return self.look_at(self.train, self.train.sample)

    @cached_property
    def holdout_features(self) -> NDArray[np.float32]:
        """Of the sample of the holdout half."""
        return self.look_at(self.holdout, self.holdout.sample)

    @cached_property
    def _spreads(self) -> dict[str, tuple[float, float]]:
        """Mean and standard deviation of each column of numbers, of the train half."""
        found = {}
        for column in self.train.columns:
            if column.is_number:
                known = self.train.known(column)
                spread = float(known.std(ddof=1)) if len(known) > 1 else 0.0
                found[column.name] = (float(known.mean()) if len(known) else 0.0, spread)
        return found
