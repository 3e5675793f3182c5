"""How much of what ties families together is in a table: none of it, or all as in real ones."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from synthcare.bonds import Bond, bonds_of_order, bonds_of_siblings, bonds_to_parents
from synthcare.chance import FEWEST_GROUPS
from synthcare.departures import BEYOND_CHANCE, Measured, Scale, drawn_scale, draws_of
from synthcare.families import Family, Places, RealFamilies, Relation
from synthcare.trial import Score, Trial
from synthcare.worst import of_relations

Floats = NDArray[np.float64]

NOT_TIED = {
    "parent_structure": "no structure: real children have nothing to do with their parents beyond "
    "chance",
    "siblings": "real children of one parent are no more alike than any others, beyond chance",
    "child_order": "real children of one parent come in any order, as far as chance lets one tell",
}
NONE_THERE = {
    "parent_structure": "no child has a parent",
    "siblings": "no parent has two children",
    "child_order": "no parent has two children whose order is known",
}
NO_ORDER = "the table does not say in which order children come"
NO_HOLDOUT = "no real families are held out, which would say what they reach"
NO_REAL = "in the real tables, "
TOO_FEW = "too few families to tell what ties them from chance"

_SHUFFLES, _SHUFFLED_FAMILIES = 20, 5_000  # of the real ones, to see what chance shows
_FEWEST_IN_HALF = 2
_DRAWS = 8, 160  # at least and at most: few families vary so much that many draws are needed
_MOST_FAMILIES = 10_000  # that are drawn at once: of more, chance is scaled


def parent_structure(trial: Trial) -> Iterator[Score]:
    """How much of the real dependence of children on their parents is there.

    1 as in families that are held out, 0 as if each had another's parent. Beside it, how alike each
    two columns of a parent and a child are on the joined rows, chance and all.
    """
    yield from of_relations(trial, "parent_structure", _parent_structure)


def _parent_structure(relation: Relation, left_out: frozenset[str]) -> Iterator[Score]:
    columns = _places(relation, left_out)
    bonds = relation.real.once(
        ("bonds to parents", *columns), lambda: bonds_to_parents(relation.real.train, columns)
    )
    yield from _scores("parent_structure", relation, bonds)
    yield from _joined_similarities(relation, bonds[0])


def siblings(trial: Trial) -> Iterator[Score]:
    """How much of the real likeness of children of one parent is there.

    1 as in families that are held out, 0 as if children were shuffled over all parents.
    """

    def find(relation: Relation, left_out: frozenset[str]) -> Iterator[Score]:
        columns = _places(relation, left_out)
        yield from _scores("siblings", relation, bonds_of_siblings(relation.real.train, columns))

    yield from of_relations(trial, "siblings", find)


def child_order(trial: Trial) -> Iterator[Score]:
    """How much of the real order of children of one parent is there.

    1 as in families that are held out, 0 as if they came in any order. Columns that the order is
    made of are left out: they are in order in any table.
    """

    def find(relation: Relation, left_out: frozenset[str]) -> Iterator[Score]:
        subject = (relation.parent,)
        if relation.real.train.order is None or relation.table.order is None:
            yield Score("child_order", subject, note=NO_ORDER)
            return
        columns = _places(relation, left_out | relation.ordered_by)
        yield from _scores("child_order", relation, bonds_of_order(relation.real.train, columns))

    yield from of_relations(trial, "child_order", find)


def _places(relation: Relation, left_out: frozenset[str]) -> list[int]:
    """Places of the columns of children that are compared."""
    columns = relation.real.train.children.columns
    return [place for place, column in enumerate(columns) if not column.sources <= left_out]


def _scores(name: str, relation: Relation, bonds: Sequence[Bond]) -> Iterator[Score]:
    """The score over all pairs of the bonds, and of each label that is tied in train."""
    subject = (relation.parent,)
    real, table = relation.real, relation.table
    labels = [label for bond in bonds for label in bond.labels]
    why_not, z = _why_not(name, real, table, bonds)
    if why_not or not labels:
        yield Score(name, subject, note=why_not or NOT_TIED[name])
        return
    measured = _measured(relation, bonds)
    yield measured.score(name, subject, list(range(len(labels))), TOO_FEW)
    for label in dict.fromkeys(labels):
        if z[label] > BEYOND_CHANCE:
            places = [place for place, other in enumerate(labels) if other == label]
            yield measured.score(name, (*subject, *label), places, TOO_FEW)


def _why_not(
    name: str, real: RealFamilies, table: Family, bonds: Sequence[Bond]
) -> tuple[str | None, dict[tuple[str, ...], float]]:
    """Why there is no score, None where there is one, and by how much each label is tied."""
    of_train, of_holdout, of_table = (
        bonds[0].parents(family) for family in (real.train, real.holdout, table)
    )
    if not len(of_train):
        return NO_REAL + NONE_THERE[name], {}
    key = ("tied", *((bond.name, bond.labels) for bond in bonds))
    is_tied, z = real.once(key, lambda: _tied(real.train, bonds))
    if not is_tied:
        return NOT_TIED[name], z
    if not len(of_table):
        return NONE_THERE[name], z
    if not len(of_holdout):
        return NO_HOLDOUT, z
    return (TOO_FEW if min(len(of_table), len(of_holdout)) < FEWEST_GROUPS else None), z


def _tied(train: Family, bonds: Sequence[Bond]) -> tuple[bool, dict[tuple[str, ...], float]]:
    """Whether the families are tied at all, and each label by how many standard deviations.

    Above untied families. Of each top parent one is looked at, or what all of it share would count
    as often as it has parents.
    """
    random = np.random.default_rng(0)
    found = []
    for bond in bonds:
        parents = bond.parents(train)
        _, first = np.unique(train.top_of[parents], return_index=True)
        parents = random.permutation(parents[first])[:_SHUFFLED_FAMILIES]
        nothing = [None] * len(bond.pairs)
        untied = np.tile(parents, (_SHUFFLES, 1))
        found.append(
            np.concatenate(
                [
                    bond.distances(train, parents[None, :], nothing),
                    bond.distances(train, untied, nothing, random),
                ]
            )
        )
    together = np.concatenate(found, axis=1)
    labels = [label for bond in bonds for label in bond.labels]
    z = {
        label: _deviations(together[:, [other == label for other in labels]])
        for label in dict.fromkeys(labels)
    }
    return _deviations(together) > BEYOND_CHANCE, z


def _deviations(distances: Floats) -> float:
    """Of the first row (pairs,) from the others, in their standard deviations."""
    first, *others = distances.sum(axis=1)
    return float((first - np.mean(others)) / max(np.std(others, ddof=1), 1e-12))


def _measured(relation: Relation, bonds: Sequence[Bond]) -> Measured:
    """Distances of the table and its halves from real families, and the scale they are on."""
    real, table, halves = relation.real, relation.table, relation.halves
    draws = draws_of(len(table.parents) + len(table.children), *_DRAWS)
    of_bonds = []
    for bond in bonds:
        parents = bond.parents(table)
        is_meant = np.isin(relation.sample, parents)
        block_of = halves.block_of[is_meant]
        sizes = halves.is_drawn @ np.bincount(block_of, minlength=halves.blocks)
        of_bonds.append((bond, parents, relation.sample[is_meant], block_of, sizes))
    # Halves that hardly any family is in say nothing.
    is_kept = np.min([sizes for *_, sizes in of_bonds], axis=0) >= _FEWEST_IN_HALF
    parts = []
    for bond, parents, sampled, block_of, sizes in of_bonds:
        known = real.once(
            ("departures", bond.name, bond.labels),
            lambda bond=bond: bond.departures_of(real.train, bond.parents(real.train)),
        )
        distances = np.concatenate(
            [
                bond.distances(table, parents[None, :], known).T,
                bond.distances_of_halves(table, sampled, block_of, halves.is_drawn[is_kept], known),
            ],
            axis=1,
        )
        scales = [
            real.once(
                ("scale", bond.name, bond.labels, size, draws),
                lambda bond=bond, size=size, known=known: _drawn(real, bond, size, draws, known),
            )
            for size in (len(parents), len(parents) // 2)
        ]
        blocks = len(np.unique(block_of))
        families = np.array([len(parents), *sizes[is_kept]])
        held_out = len(bond.parents(real.holdout))
        parts.append(Measured.of(distances, *scales, families, blocks, halves.shrink, held_out))
    return Measured.together(parts)


def _drawn(real: RealFamilies, bond: Bond, size: int, draws: int, known: Sequence[Floats]) -> Scale:
    """Distances of as many whole families as `size`, or as there are: real, and untied."""
    random = np.random.default_rng(0)
    of_train, of_holdout = (bond.parents(half) for half in (real.train, real.holdout))

    def of_real(families: int) -> Floats:
        # Those of one top parent come together.
        tops = real.holdout.top_of[of_holdout]
        keys = [random.random(tops.max() + 1)[tops] for _ in range(draws)]
        chosen = np.stack([of_holdout[np.argsort(key, kind="stable")[:families]] for key in keys])
        return bond.distances(real.holdout, chosen, known)

    def of_untied(families: int) -> Floats:
        chosen = random.choice(of_train, (draws, families))
        return bond.distances(real.train, chosen, known, random)

    return drawn_scale(size, len(of_train), len(of_holdout), of_real, of_untied, _MOST_FAMILIES)


def _joined_similarities(relation: Relation, bond: Bond) -> Iterator[Score]:
    """1 − total variation of each two columns on the joined rows, of which each counts as one."""
    real, table = relation.real, relation.table
    if not (len(real.train.listed.places) and len(table.listed.places)):
        return
    of_real = real.once(("joined", bond.labels), lambda: _joined(real.train, bond))
    for label, counts, others in zip(bond.labels, _joined(table, bond), of_real, strict=True):
        distance = np.abs(counts / counts.sum() - others / others.sum()).sum() / 2
        yield Score("joined_similarity", (relation.parent, *label), float(1 - distance))


def _joined(family: Family, bond: Bond) -> list[Floats]:
    """Joined rows by cell, for each pair (cells,)."""
    parents: Places = np.arange(len(family.parents))
    seen = bond.see(family, family.listed.of(parents))
    seen = seen._replace(weights=np.ones(len(seen.weights)))
    none = np.zeros(len(parents), dtype=np.intp)
    return [bond.counts(seen, pair, none, none[:1])[0] for pair in range(len(bond.pairs))]
