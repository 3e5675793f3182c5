"""A table to take the real one's place, made from the population that the contract describes."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np

from generators.contract import Column, Contract

_SEED = 20240507


def stand_in_rows(contract: Contract, size: int) -> list[tuple[str, ...]]:
    """`size` rows of the stand-in as texts, in the order of the contract."""
    from faker import Faker  # half a second

    random = np.random.default_rng(_SEED)
    names = Faker("en_US")
    names.seed_instance(_SEED)
    columns: dict[str, Sequence[Any]] = {}
    for column in contract.columns:
        columns[column.name] = _population(column, columns, names, random, size)
    return [tuple(str(value) for value in row) for row in zip(*columns.values(), strict=True)]


def _population(
    column: Column,
    columns: dict[str, Sequence[Any]],
    names: Any,
    random: np.random.Generator,
    size: int,
) -> Sequence[Any]:
    """Values of one column, spread as its contract says; `columns` are those before it."""
    spread = column.population
    if column.kind == "categorical":
        return random.choice(column.accepted_values, size).tolist()
    if "faker" in spread:
        return [getattr(names, spread["faker"])() for _ in range(size)]
    low, high = spread.get("min", column.minimum), spread.get("max", column.maximum)
    if "days_after" in spread:
        stays = random.integers(low, high, size, endpoint=True)
        starts = columns[spread["days_after"]]
        return [start + timedelta(int(days)) for start, days in zip(starts, stays, strict=True)]
    if column.kind == "decimal":
        return [f"{value:.2f}" for value in random.uniform(low, high, size)]
    if column.kind == "date":
        days = random.integers(low.toordinal(), high.toordinal(), size, endpoint=True)
        return [date.fromordinal(int(day)) for day in days]
    return random.integers(low, high, size, endpoint=True).tolist()
