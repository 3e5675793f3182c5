"""Families: the rows of one table that belong to rows of another, as places and numbers."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from synthcare.chance import Tally
from synthcare.halves import Halves, rank_within
from synthcare.reference import Remembered
from synthcare.tables import Table

Places = NDArray[np.intp]

# Of a parent's children, so many at most are paired with each other: pairs grow with the square.
_MOST_PAIRED = 8

ORPHAN = -1


class Drawn(NamedTuple):
    """Some families, from 0: their `parents` (families,), and all their `children` (children,).

    `family_of` (children,) says which family each child is of, in ascending order.
    """

    parents: Places
    children: Places
    family_of: Places

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Children of each family (families,)."""
        return np.bincount(self.family_of, minlength=len(self.parents))


@dataclass(frozen=True, eq=False)
class Listing:
    """Children of all parents, or some of them: those of one parent next to each other.

    `places` (listed,) are those of children, `sizes` (parents,) how many each parent has here.
    """

    places: Places
    sizes: NDArray[np.int64]

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        return np.cumsum(self.sizes) - self.sizes

    def of(self, parents: Places) -> Drawn:
        """The families of these parents, who may come more than once."""
        sizes = self.sizes[parents]
        family_of = np.repeat(np.arange(len(parents)), sizes)
        within = np.arange(len(family_of)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return Drawn(parents, self.places[self._starts[parents][family_of] + within], family_of)

    def windows(self) -> "Listing":
        """At most eight children of each, next to each other, from a place drawn by a seed."""
        sizes = np.minimum(self.sizes, _MOST_PAIRED)
        starts = np.random.default_rng(0).integers(self.sizes - sizes + 1)
        family_of = np.repeat(np.arange(len(sizes)), self.sizes)
        rank = rank_within(family_of) - starts[family_of]
        return Listing(self.places[(rank >= 0) & (rank < sizes[family_of])], sizes)


@dataclass(frozen=True, eq=False)
class Family:
    """Parents and their children.

    `parent_of` (children,) is the place of each child's parent among `parents`, ORPHAN where it has
    none. `tops` (parents,) says which of them are of one top parent, and are drawn together: of
    any values, or None where each is a top parent. `order` (children,) are numbers by which
    children of one parent follow each other, NaN where that is not known of one; None where it is
    of none. Both tables have the codes of the real ones.
    """

    parents: Table
    children: Table
    parent_of: Places
    tops: NDArray | None = None
    order: NDArray[np.float64] | None = None

    @cached_property
    def top_of(self) -> Places:
        """The top parent of each parent (parents,), numbered from 0 in the order of their rows."""
        if self.tops is None:
            return np.arange(len(self.parents))
        _, first, places = np.unique(self.tops, return_index=True, return_inverse=True)
        return np.argsort(np.argsort(first))[places]

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Children of each parent (parents,)."""
        return self.listed.sizes

    @cached_property
    def listed(self) -> Listing:
        """All children but orphans, those of one parent in an order drawn by a seed."""
        return self._listing(self.parent_of != ORPHAN)

    @cached_property
    def in_order(self) -> Listing:
        """All children whose order is known, in it; ties in one drawn by a seed."""
        if self.order is None:
            return self._listing(np.zeros(len(self.children), dtype=bool))
        return self._listing((self.parent_of != ORPHAN) & ~np.isnan(self.order), self.order)

    @cached_property
    def paired(self) -> Listing:
        """Children that are paired with each other."""
        return self.listed.windows()

    @cached_property
    def paired_in_order(self) -> Listing:
        """Children that follow each other without a gap."""
        return self.in_order.windows()

    def _listing(self, is_in: NDArray[np.bool_], *keys: NDArray) -> Listing:
        places = np.flatnonzero(is_in)
        chance = np.random.default_rng(0).random(len(places))
        parents = self.parent_of[places]
        places = places[np.lexsort((chance, *(key[places] for key in keys), parents))]
        return Listing(places, np.bincount(parents, minlength=len(self.parents)))


@dataclass(frozen=True, eq=False)
class RealFamilies(Remembered):
    """Real families in two halves, split by top parent; `holdout` may have none."""

    train: Family
    holdout: Family


@dataclass(frozen=True)
class Keys:
    """Which rows have the keys that they need.

    `children` counts rows whose key is that of a parent, among those that need one; `parents` rows
    with a key that no row before them has. `without` children have no key; if they need none they
    are not among `children`. None where a table has no row.
    """

    children: Tally | None
    parents: Tally | None
    without: int = 0

    @classmethod
    def of_rows(
        cls,
        parent_of: Places,
        is_own: NDArray[np.bool_],
        *,
        has_key: NDArray[np.bool_] | None = None,
        may_lack: bool = False,
        groups: NDArray | None = None,
        parent_groups: NDArray | None = None,
    ) -> "Keys":
        """Of children, and whether the key of each parent is there and `is_own` (parents,).

        `has_key` (children,) says which of them have any, and with `may_lack` others need none.
        Rows of one of the `groups`, such as an answer's, resemble each other.
        """
        if has_key is None:
            has_key = np.ones(len(parent_of), dtype=bool)
        needs = has_key if may_lack else np.ones(len(parent_of), dtype=bool)
        return cls(
            _tally((parent_of != ORPHAN)[needs], None if groups is None else groups[needs]),
            _tally(is_own, parent_groups),
            int((~has_key).sum()),
        )


def _tally(hits: NDArray[np.bool_], groups: NDArray | None) -> Tally | None:
    if not len(hits):
        return None
    return Tally.of_rows(hits, np.arange(len(hits)) if groups is None else groups)


@dataclass(frozen=True)
class Relation:
    """Children of a table that is scored, beside real ones of the same two tables.

    `parent` is the name of what they belong to, another one for each foreign key. `sample` and
    `halves` are those of the parents of `table`, drawn by top parent. `ordered_by` are the columns
    of the child that `table.order` is made of.
    """

    parent: str
    child: str
    real: RealFamilies
    table: Family
    sample: Places
    halves: Halves
    keys: Keys | None = None
    ordered_by: frozenset[str] = frozenset()


def joined(
    parent_keys: NDArray[np.integer], child_keys: NDArray[np.integer]
) -> tuple[Places, NDArray[np.bool_]]:
    """The parent of each child (children,), and which parents' keys are their own (parents,).

    Keys are numbers, such as hashes; those that are masked are missing. A child belongs to the
    first parent with its key, later ones have no key of their own.
    """
    is_missing = np.ma.getmaskarray(parent_keys)
    keys, places = np.unique(np.ma.getdata(parent_keys)[~is_missing], return_index=True)
    places = np.flatnonzero(~is_missing)[places]
    is_own = np.zeros(len(parent_keys), dtype=bool)
    is_own[places] = True
    if not len(keys):
        return np.full(len(child_keys), ORPHAN), is_own
    asked = np.ma.getdata(child_keys)
    found = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    has_parent = (keys[found] == asked) & ~np.ma.getmaskarray(child_keys)
    return np.where(has_parent, places[found], ORPHAN), is_own
