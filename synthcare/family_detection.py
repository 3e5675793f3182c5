"""Whether classifiers tell parents with all of their children from real ones."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthcare.detection import FEWEST_ROWS, Side, auc, score_of
from synthcare.families import Drawn, Family, Places, RealFamilies, Relation
from synthcare.reference import Reference
from synthcare.tables import Column, Table
from synthcare.trial import Score, Trial
from synthcare.worst import of_relations

Floats = NDArray[np.float64]

NO_CHILDREN = "no child has a parent"
TOO_FEW = f"fewer than {FEWEST_ROWS} parents"

_MOST_PARENTS = 2_000  # that classifiers look at


def family_detection(trial: Trial) -> Iterator[Score]:
    """2 (1 − AUC) of two classifiers that look at parents and at what sums up their children.

    1 where they do no better than guess. Beside as many parents of the train half; beside it, the
    AUC of as many of holdout. All of one top parent are in one fold.
    """
    yield from of_relations(trial, "family_detection", _family_detection)


def _family_detection(relation: Relation, left_out: frozenset[str]) -> Iterator[Score]:
    subject, real = (relation.parent,), relation.real
    of_real = real.once(("families", left_out), lambda: _Families.of(real, left_out))
    if not (len(relation.table.listed.places) and len(real.train.listed.places)):
        # Parents alone are a table of their own, which has its own detection.
        yield Score("family_detection", subject, note=NO_CHILDREN)
        return
    parents = relation.sample[:_MOST_PARENTS]
    found = auc(of_real.side(relation.table, parents), of_real.train_side(len(parents)))
    yield Score("families_judged", subject, float(len(parents)))
    if found is None:
        yield Score("family_detection", subject, note=TOO_FEW)
        return
    yield score_of("family_detection", subject, *found)
    yield Score("family_auc", subject, found[0])
    held_out = real.once(
        ("family auc", left_out, len(parents)), lambda: of_real.auc_of_holdout(len(parents))
    )
    if held_out is not None:
        yield Score("reference_family_auc", subject, held_out[0])


@dataclass(frozen=True, eq=False)
class _Families:
    """Real parents in the order in which classifiers are shown them, one row for each.

    `train` and `holdout` are their places, `reference` the rows.
    """

    real: RealFamilies
    left_out: frozenset[str]
    reference: Reference
    train: Places
    holdout: Places

    @classmethod
    def of(cls, real: RealFamilies, left_out: frozenset[str]) -> "_Families":
        places = [
            np.random.default_rng(0).permutation(len(half.parents))[:_MOST_PARENTS]
            for half in (real.train, real.holdout)
        ]
        rows = (
            summed_up(half, parents, left_out)
            for half, parents in zip((real.train, real.holdout), places, strict=True)
        )
        return cls(real, left_out, Reference(*rows), *places)

    def train_side(self, size: int) -> Side:
        """As many of the train half."""
        places = self.train[:size]
        features = self.reference.look_at(self.reference.train, np.arange(len(places)))
        tops = _numbered(self.real.train.top_of[places])
        return Side(features, tops, tops)

    def side(self, table: Family, places: Places) -> Side:
        """Some of the parents of a table; those of one top parent are in a fold of real ones."""
        rows = summed_up(table, places, self.left_out)
        features = self.reference.look_at(rows, np.arange(len(places)))
        tops = _numbered(table.top_of[places])
        real_tops = 1 + self.train_side(len(places)).groups.max(initial=0)
        return Side(features, tops % real_tops, tops)

    def auc_of_holdout(self, size: int) -> tuple[float, float] | None:
        """Of as many real parents that are held out, or of all; None where they are too few."""
        places = self.holdout[:size]
        return auc(self.side(self.real.holdout, places), self.train_side(len(places)))


def _numbered(values: NDArray) -> NDArray[np.intp]:
    """From 0 in the order in which they come first."""
    _, first, places = np.unique(values, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[places]


def summed_up(family: Family, parents: Places, left_out: frozenset[str] = frozenset()) -> Table:
    """A row for each of these parents: its own columns, and what sums up its children.

    Their number; of a number the mean, the least, the largest and the standard deviation; of a
    category the share of each value, and how many values there are.
    """
    drawn = family.listed.of(parents)
    sizes = drawn.sizes
    columns = [*family.parents.columns]
    codes = [*family.parents.codes[parents].T]
    numbers = {name: values[parents] for name, values in family.parents.numbers.items()}
    summed = {"number of children": sizes.astype(float)}
    for place, column in enumerate(family.children.columns):
        if column.sources <= left_out:
            continue
        if column.is_number:
            values = family.children.numbers[column.name][drawn.children]
            summed |= _of_numbers(column, values, drawn.family_of, len(parents))
        else:
            summed |= _of_categories(column, family.children.codes[:, place], drawn)
    for name, values in summed.items():
        # A name of the parents' own would be taken for theirs.
        of_children = f"{name} (children)"
        columns.append(Column(of_children, 2, "decimal", is_nullable=name.startswith("mean ")))
        codes.append(~np.isnan(values))
        numbers[of_children] = values
    return Table(tuple(columns), np.stack(codes, axis=1).astype(np.int64), numbers)


def _of_numbers(
    column: Column, values: Floats, family_of: Places, families: int
) -> dict[str, Floats]:
    """By name, each (families,), NaN where no child has a number."""
    is_known = ~np.isnan(values)
    values, family_of = values[is_known], family_of[is_known]
    counts = np.bincount(family_of, minlength=families)
    has_any = counts > 0
    starts = (np.cumsum(counts) - counts)[has_any]
    mean, least, most, spread = (np.full(families, np.nan) for _ in range(4))
    if len(values):
        mean[has_any] = np.add.reduceat(values, starts) / counts[has_any]
        least[has_any] = np.minimum.reduceat(values, starts)
        most[has_any] = np.maximum.reduceat(values, starts)
        squares = np.add.reduceat((values - mean[family_of]) ** 2, starts)
        spread[has_any] = np.sqrt(squares / counts[has_any])
    named = {"mean": mean, "least": least, "largest": most, "spread of": spread}
    return {f"{what} {column.name}": found for what, found in named.items()}


def _of_categories(column: Column, codes: NDArray[np.integer], drawn: Drawn) -> dict[str, Floats]:
    """By name, each (families,); a family without children has none of any."""
    cells = drawn.family_of * column.size + codes[drawn.children]
    families = len(drawn.parents)
    counts = np.bincount(cells, minlength=families * column.size).reshape(families, column.size)
    shares = counts / np.maximum(drawn.sizes, 1)[:, None]
    first = 0 if column.is_nullable else 1
    found = {
        f"share of {column.name} {code}": shares[:, code] for code in range(first, column.size)
    }
    return {**found, f"different {column.name}": (counts > 0).sum(axis=1).astype(float)}
