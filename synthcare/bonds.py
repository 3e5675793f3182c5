"""What ties families together: values that a parent, its children and these among them share.

Each family weighs the same, however many children it has, so that none decides what all are like.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from synthcare.departures import CELLS_AT_ONCE, departures, distances_from
from synthcare.families import Drawn, Family, Listing, Places
from synthcare.tables import Column

Floats = NDArray[np.float64]
Codes = NDArray[np.integer]
Random = np.random.Generator

NUMBER = "number of children"

_FAMILIES_AT_ONCE = 20_000  # in memory


class Seen(NamedTuple):
    """Rows in which two values stand beside each other.

    `left` and `right` are codes (rows, columns); `weights` (rows,) are such that families weigh the
    same, and `family_of` (rows,) says which each row is of.
    """

    left: Codes
    right: Codes
    weights: Floats
    family_of: Places


@dataclass(frozen=True)
class Bond:
    """Pairs of values that are tied in families, and how they look where nothing ties them.

    `labels` name what each of the `pairs`, of a left and a right column of what `see` returns, is
    about; `sizes` are of their codes. Families with at least `fewest` children of the `listing` are
    looked at. `untie` draws what leaves everything but the bond. `departures` are those of counts
    (tables, cells) of so many families (tables,), as (tables, values, values).
    """

    name: str
    labels: tuple[tuple[str, ...], ...]
    pairs: tuple[tuple[int, int], ...]
    sizes: tuple[tuple[int, int], ...]
    listing: Callable[[Family], Listing]
    fewest: int
    see: Callable[[Family, Drawn], Seen]
    untie: Callable[[Family, Drawn, Random], Drawn]
    departures: Callable[[Floats, tuple[int, int], NDArray[np.int64]], Floats]

    def parents(self, family: Family) -> Places:
        """Those of the families that are looked at."""
        return np.flatnonzero(self.listing(family).sizes >= self.fewest)

    def counts(self, seen: Seen, pair: int, group_of: Places, groups: NDArray[np.intp]) -> Floats:
        """Weights by cell of one of the pairs, of some groups of families, as (groups, cells).

        `group_of` (families,) says which group each is in; `groups` are numbers in a row.
        """
        left, right = self.pairs[pair]
        cells = int(np.prod(self.sizes[pair]))
        found = seen.left[:, left].astype(np.int64) * self.sizes[pair][1] + seen.right[:, right]
        weights, row_group = seen.weights, group_of[seen.family_of] - groups[0]
        if len(groups) <= group_of.max(initial=0):
            is_meant = (row_group >= 0) & (row_group < len(groups))
            found, weights, row_group = (of[is_meant] for of in (found, weights, row_group))
        counts = np.bincount(found + cells * row_group, weights, minlength=cells * len(groups))
        return counts.reshape(len(groups), cells)

    def departures_of(self, family: Family, parents: Places) -> list[Floats]:
        """Of these families, for each pair (values, values)."""
        drawn = self.listing(family).of(parents)
        seen, one = self.see(family, drawn), np.zeros(len(parents), dtype=np.intp)
        return [
            self.departures(self.counts(seen, pair, one, one[:1]), size, one[:1] + len(parents))[0]
            for pair, size in enumerate(self.sizes)
        ]

    def distances(
        self,
        family: Family,
        chosen: Places,
        real: Sequence[Floats | None],
        random: Random | None = None,
    ) -> Floats:
        """Of draws of families (draws, families) from real departures, as (draws, pairs).

        Untied by `random`, if it is given.
        """
        step = max(1, _FAMILIES_AT_ONCE // max(1, chosen.shape[1]))
        found = []
        for start in range(0, len(chosen), step):
            some = chosen[start : start + step]
            drawn = self.listing(family).of(some.ravel())
            if random is not None:
                drawn = self.untie(family, drawn, random)
            group_of = np.repeat(np.arange(len(some)), some.shape[1])
            found.append(self._distances(self.see(family, drawn), group_of, len(some), real))
        return np.concatenate(found)

    def _distances(
        self, seen: Seen, group_of: Places, groups: int, real: Sequence[Floats | None]
    ) -> Floats:
        found = np.empty((groups, len(self.pairs)))
        families = np.bincount(group_of, minlength=groups)
        for pair, sizes in enumerate(self.sizes):
            step = max(1, CELLS_AT_ONCE // int(np.prod(sizes)))
            for start in range(0, groups, step):
                some = np.arange(start, min(groups, start + step))
                counts = self.counts(seen, pair, group_of, some)
                found[some, pair] = distances_from(
                    self.departures(counts, sizes, families[some]), real[pair]
                )
        return found

    def distances_of_halves(
        self,
        family: Family,
        parents: Places,
        block_of: Places,
        is_drawn: NDArray[np.bool_],
        real: Sequence[Floats],
    ) -> Floats:
        """Of halves of these families, which are in blocks, as (pairs, halves)."""
        seen = self.see(family, self.listing(family).of(parents))
        blocks = np.arange(is_drawn.shape[1])
        families = is_drawn @ np.bincount(block_of, minlength=len(blocks))
        found = np.empty((len(self.pairs), len(is_drawn)))
        for pair, sizes in enumerate(self.sizes):
            in_blocks = self.counts(seen, pair, block_of, blocks)
            step = max(1, CELLS_AT_ONCE // in_blocks.shape[1])
            for start in range(0, len(is_drawn), step):
                some = slice(start, start + step)
                counts = is_drawn[some].astype(float) @ in_blocks
                found[pair, some] = distances_from(
                    self.departures(counts, sizes, families[some]), real[pair]
                )
        return found


# ------------------------------------------------------------ parents and children


def bonds_to_parents(train: Family, columns: Sequence[int]) -> tuple[Bond, Bond]:
    """Each column of the parents with each of these of the children, and with their number.

    Untied, another parent of the train half has each of the families.
    """
    # Numbers are in bins like any: at most ten, each with as many real parents.
    numbers = np.sort(train.sizes)
    edges = np.unique(numbers[np.arange(1, 10) * len(numbers) // 10]) if len(numbers) else numbers
    of_parents, of_children = train.parents.columns, train.children.columns
    places = range(len(of_parents))

    def see_children(family: Family, drawn: Drawn) -> Seen:
        return Seen(
            family.parents.codes[drawn.parents[drawn.family_of]],
            family.children.codes[drawn.children],
            1 / drawn.sizes[drawn.family_of],
            drawn.family_of,
        )

    def see_number(family: Family, drawn: Drawn) -> Seen:
        codes = np.searchsorted(edges, drawn.sizes)[:, None]
        families = np.arange(len(drawn.parents))
        return Seen(family.parents.codes[drawn.parents], codes, np.ones(len(families)), families)

    pairs = [(one, other) for one in places for other in columns]
    return (
        Bond(
            "parents",
            tuple((of_parents[one].name, of_children[other].name) for one, other in pairs),
            tuple(pairs),
            tuple((of_parents[one].size, of_children[other].size) for one, other in pairs),
            lambda family: family.listed,
            1,
            see_children,
            lambda family, drawn, random: _of_others(family, drawn, random, 1),
            _from_product,
        ),
        Bond(
            "number",
            tuple((column.name, NUMBER) for column in of_parents),
            tuple((place, 0) for place in places),
            tuple((column.size, len(edges) + 1) for column in of_parents),
            lambda family: family.listed,
            0,
            see_number,
            lambda family, drawn, random: _of_others(family, drawn, random, 0),
            _from_product,
        ),
    )


def _of_others(family: Family, drawn: Drawn, random: Random, fewest: int) -> Drawn:
    parents = np.flatnonzero(family.sizes >= fewest)
    return drawn._replace(parents=random.choice(parents, len(drawn.parents)))


def _from_product(counts: Floats, sizes: tuple[int, int], families: NDArray[np.int64]) -> Floats:
    return departures(counts, sizes)


# ------------------------------------------------------------ siblings


def bonds_of_siblings(train: Family, columns: Sequence[int]) -> tuple[Bond]:
    """Each of these columns of a child with the same one of a sibling.

    Untied, each child is any one of the train half.
    """
    of_children = train.children.columns
    return (
        Bond(
            "siblings",
            *_of_both([of_children[place] for place in columns], columns),
            lambda family: family.paired,
            2,
            _see_siblings,
            _of_any_children,
            _from_symmetric_product,
        ),
    )


def _of_both(columns: Sequence[Column], places: Sequence[int]) -> tuple[tuple, tuple, tuple]:
    """Labels, pairs and sizes of columns that are on both sides."""
    return (
        tuple((column.name,) for column in columns),
        tuple((place, place) for place in places),
        tuple((column.size, column.size) for column in columns),
    )


def _see_siblings(family: Family, drawn: Drawn) -> Seen:
    first, second = pairs_of(drawn)
    family_of = drawn.family_of[first]
    return Seen(
        *(family.children.codes[drawn.children[of]] for of in (first, second)),
        1 / _pairs(drawn.sizes)[family_of],
        family_of,
    )


def pairs_of(drawn: Drawn) -> tuple[Places, Places]:
    """Each two children of a family once, by their places among those drawn, both (pairs,)."""
    first, second = [], []
    most = int(drawn.sizes.max(initial=0))
    for apart in range(1, most):
        here = np.flatnonzero(drawn.family_of[apart:] == drawn.family_of[:-apart])
        first.append(here)
        second.append(here + apart)
    none = np.empty(0, dtype=np.intp)
    return np.concatenate([none, *first]), np.concatenate([none, *second])


def _pairs(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    return sizes * (sizes - 1) // 2


def _of_any_children(family: Family, drawn: Drawn, random: Random) -> Drawn:
    return drawn._replace(children=random.choice(family.listed.places, len(drawn.children)))


def _from_symmetric_product(
    counts: Floats, sizes: tuple[int, int], families: NDArray[np.int64]
) -> Floats:
    """Neither sibling is the first: half of each pair counts in either order."""
    joint = counts.reshape(-1, *sizes)
    return departures((joint + joint.swapaxes(1, 2)).reshape(len(counts), -1) / 2, sizes)


# ------------------------------------------------------------ order


def bonds_of_order(train: Family, columns: Sequence[int]) -> tuple[Bond, Bond]:
    """Each of these columns with that of the next child, and with being the first or the last.

    What is departed from is not a product but the mean over all orders of the same children, which
    is the share of all pairs of them, and of all of them. Untied, they are in any order.
    """
    of_children = [train.children.columns[place] for place in columns]
    labels, pairs, sizes = _of_both(of_children, columns)
    return (
        Bond(
            "next", labels, pairs, sizes, lambda family: family.paired_in_order, 2, _see_next,
            _in_any_order, _from_nothing,
        ),
        Bond(
            "ends", labels, tuple((0, place) for place in columns),
            tuple((2, column.size) for column in of_children), lambda family: family.in_order, 2,
            _see_ends, _in_any_order, _from_nothing,
        ),
    )  # fmt: skip


def _see_next(family: Family, drawn: Drawn) -> Seen:
    one, other = pairs_of(drawn)
    next_to = other == one + 1
    first = np.concatenate([one[next_to], one, other])
    second = np.concatenate([other[next_to], other, one])
    family_of = drawn.family_of[first]
    sizes = drawn.sizes[family_of]
    any_pair = -1 / (2 * _pairs(sizes))
    weights = np.where(np.arange(len(first)) < next_to.sum(), 1 / (sizes - 1), any_pair)
    codes = (family.children.codes[drawn.children[of]] for of in (first, second))
    return Seen(*codes, weights, family_of)


def _see_ends(family: Family, drawn: Drawn) -> Seen:
    sizes = drawn.sizes
    last = np.cumsum(sizes) - 1
    everyone, families = np.arange(len(drawn.children)), np.arange(len(sizes))
    rows = np.concatenate([last - sizes + 1, last, everyone, everyone])
    family_of = np.concatenate([families, families, drawn.family_of, drawn.family_of])
    end = np.repeat([0, 1, 0, 1], [len(sizes), len(sizes), len(everyone), len(everyone)])
    weights = np.where(np.arange(len(rows)) < 2 * len(sizes), 1.0, -1 / sizes[family_of])
    return Seen(end[:, None], family.children.codes[drawn.children[rows]], weights, family_of)


def _in_any_order(family: Family, drawn: Drawn, random: Random) -> Drawn:
    order = np.lexsort((random.random(len(drawn.children)), drawn.family_of))
    return drawn._replace(children=drawn.children[order])


def _from_nothing(counts: Floats, sizes: tuple[int, int], families: NDArray[np.int64]) -> Floats:
    """What is seen is a departure as it is."""
    return counts.reshape(-1, *sizes) / families[:, None, None]
