"""A made population of families that are tied in known ways, as numbers."""

import numpy as np

from synthcare.families import Family
from synthcare.tables import Column, Table

PARENTS = (
    Column("grade", 5, values=("i", "ii", "iii", "iv")),
    Column("site", 4, values=("x", "y", "z")),
    Column("age", 11, kind="integer"),
)
CHILDREN = (
    Column("event", 5, values=("a", "b", "c", "d")),
    Column("level", 11, kind="decimal"),
    Column("noise", 4, values=("r", "s", "t")),
)
_EDGES = np.arange(1, 10) / 10


def lineages(parents: int, seed: int, *, share: float = 1.0, tops: int | None = None) -> Family:
    """Parents of whom a third have no child, and the others one to eight.

    What a child is goes by its parent's grade and age, by what all siblings share, and by when it
    comes; only for a `share` of the families, the others are tied by nothing. Site and noise go by
    nothing. Parents of one of the `tops` are much alike.
    """
    random = np.random.default_rng(seed)
    top_of = np.arange(parents) if tops is None else random.integers(tops, size=parents)
    shared = random.random(parents if tops is None else tops)[top_of]
    health = shared if tops is None else (shared + 0.2 * random.random(parents)) % 1
    is_tied = random.random(parents) < share
    # Sicker parents have more children.
    chance = np.where(is_tied, health, random.random(parents))
    sizes = np.where(random.random(parents) < 1 / 3, 0, 1 + random.binomial(7, 0.5 * chance))
    family_of = np.repeat(np.arange(parents), sizes)
    count = len(family_of)
    rank = np.arange(count) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    tied = is_tied[family_of]
    severity = np.clip(health[family_of] + 0.12 * rank + random.normal(0, 0.1, count), 0, 0.999)
    severity = np.where(tied, severity, random.random(count))
    level = np.clip(0.5 * severity + 0.5 * random.random(count), 0, 0.999)
    event = 1 + (4 * severity).astype(int)
    age = np.clip(health + random.normal(0, 0.2, parents), 0, 0.999)
    return Family(
        table(PARENTS, [1 + (4 * health).astype(int), random.integers(1, 4, parents)], [age]),
        table(CHILDREN, [event, None, random.integers(1, 4, count)], [level]),
        family_of,
        None if tops is None else top_of,
        rank.astype(float),
    )


def table(
    columns: tuple[Column, ...], categories: list[np.ndarray | None], numbers: list[np.ndarray]
) -> Table:
    """Numbers from 0 to 1 in ten bins; where a category is None, a number stands instead."""
    found, rest = {}, iter(numbers)
    codes = []
    for column, values in zip(columns, [*categories, *[None] * len(columns)], strict=False):
        if values is None:
            found[column.name] = next(rest)
            codes.append(1 + np.searchsorted(_EDGES, found[column.name]))
        else:
            codes.append(values)
    return Table(columns, np.stack(codes, axis=1).astype(np.uint16), found)
