"""A made population whose columns depend on each other in known ways, as tables of numbers."""

import numpy as np

from synthcare.halves import sampled
from synthcare.reference import Reference
from synthcare.tables import Column, Hashes, Table
from synthcare.trial import Trial

SITES = 5
COLUMNS = (
    Column("stage", 5, values=("i", "ii", "iii", "iv")),
    Column("drug", 5, values=("a", "b", "c", "d")),
    Column("site", 1 + SITES, values=tuple("vwxyz")),
    *(Column(name, 11, kind="integer") for name in ("age", "weight", "pulse", "stay", "tests")),
)
NUMBERS = tuple(column.name for column in COLUMNS if column.is_number)
_BINS = np.arange(1, 10) / 10


def people(rows: int, seed: int, *, is_reversed: bool = False) -> Table:
    """People of whom the drug, weight, pulse and stay go by stage and age; site and tests by none.

    Reversed, the same columns go by these the other way round, which is what no real row does.
    """
    random = np.random.default_rng(seed)
    health = random.random(rows)
    way = 1 - health if is_reversed else health
    stage = 1 + (4 * health).astype(int)
    usual = 1 + (4 * way).astype(int)
    drug = np.where(random.random(rows) < 0.7, usual, random.integers(1, 5, rows))
    age = health + random.uniform(-0.2, 0.2, rows)
    weight, pulse, stay = (
        way + random.uniform(-spread, spread, rows) for spread in (0.3, 0.4, 0.5)
    )
    numbers = [age, weight, pulse, stay, random.random(rows)]
    site = random.integers(1, 1 + SITES, rows)
    return table_of([stage, drug, site], [np.round(200 * values) for values in numbers])


def table_of(
    categories: list[np.ndarray], numbers: list[np.ndarray], groups: np.ndarray | None = None
) -> Table:
    """A table with these columns, in whose sample each row is."""
    bins = [1 + np.searchsorted(200 * _BINS, values) for values in numbers]
    codes = np.stack([*categories, *bins], axis=1)
    rows = np.stack([*categories, *numbers], axis=1)
    hashes = np.array([hash(tuple(row)) for row in rows.tolist()], dtype=np.int64).astype(np.uint64)
    return Table(
        COLUMNS,
        codes,
        dict(zip(NUMBERS, (values.astype(float) for values in numbers), strict=True)),
        {},
        Hashes(hashes, hashes, hashes),
        groups,
        np.arange(len(rows)),
    )


def values_of(table: Table) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Its categories and numbers, to be changed."""
    categories = [table.codes[:, place].copy() for place in range(len(COLUMNS) - len(NUMBERS))]
    return categories, [table.numbers[name].copy() for name in NUMBERS]


def shuffled(table: Table, seed: int) -> Table:
    """The same columns, each by itself: nothing ties them."""
    random = np.random.default_rng(seed)
    return table_of(*([random.permutation(values) for values in of] for of in values_of(table)))


def trial(reference: Reference, table: Table, *, left_out: frozenset[str] = frozenset()) -> Trial:
    """With the half-samples that scores are made from."""
    rows, halves = sampled(np.arange(len(table)), 4_800, 24, 100, 1)
    assert len(rows) == len(table)
    order = np.argsort(rows)
    halves = type(halves)(
        halves.block_of[order], halves.is_drawn, halves.unit_of[order], halves.shrink
    )
    return Trial(reference, table, halves, left_out)
