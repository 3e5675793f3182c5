"""A table to take the real one's place, made from the population that the contract describes."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np

from generators.contract import Column, Contract

_SEED = 20240507


def stand_in_rows(contract: Contract, size: int, *, has_gaps: bool = True) -> list[tuple[str, ...]]:
    """`size` rows of the stand-in as texts, in the order of the contract.

    A missing value is empty; without `has_gaps` nothing is missing.
    """
    from faker import Faker  # half a second

    random = np.random.default_rng(_SEED)
    names = Faker("en_US")
    names.seed_instance(_SEED)
    columns: dict[str, Sequence[Any]] = {}
    for column in contract.columns:
        columns[column.name] = _population(column, columns, names, random, size)
    written = [
        _with_gaps(columns[column.name], column.population.get("missing", 0) * has_gaps, random)
        for column in contract.columns
    ]
    return [tuple(str(value) for value in row) for row in zip(*written, strict=True)]


def _with_gaps(values: Sequence[Any], share: float, random: np.random.Generator) -> Sequence[Any]:
    if not share:
        return values
    is_missing = random.random(len(values)) < share
    return ["" if gap else value for value, gap in zip(values, is_missing, strict=True)]


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
        return random.choice(column.accepted_values, size, p=_chances(column)).tolist()
    if "faker" in spread:
        return [getattr(names, spread["faker"])() for _ in range(size)]
    if "days_after" in spread:
        stays = random.integers(spread["min"], spread["max"], size, endpoint=True)
        starts = columns[spread["days_after"]]
        return [start + timedelta(int(days)) for start, days in zip(starts, stays, strict=True)]
    if "deciles" in spread:
        return _between(column, spread["deciles"], random.uniform(0, 10, size))
    return _evenly(column, random, size)


def _evenly(column: Column, random: np.random.Generator, size: int) -> Sequence[Any]:
    low = column.population.get("min", column.minimum)
    high = column.population.get("max", column.maximum)
    if column.kind == "decimal":
        return [f"{value:.{column.decimals}f}" for value in random.uniform(low, high, size)]
    if column.kind == "date":
        days = random.integers(low.toordinal(), high.toordinal(), size, endpoint=True)
        return [date.fromordinal(int(day)) for day in days]
    return random.integers(low, high, size, endpoint=True).tolist()


def _chances(column: Column) -> np.ndarray | None:
    """How often each accepted value is; None where all are equally frequent."""
    shares = column.population.get("shares")
    if not shares:
        return None
    chances = np.array([shares.get(value, 0) for value in column.accepted_values], dtype=float)
    return chances / chances.sum()


def _between(column: Column, deciles: Sequence[Any], places: np.ndarray) -> Sequence[Any]:
    """Values at `places` from 0 to 10, evenly between one decile and the next."""
    is_date = column.kind == "date"
    ends = [decile.toordinal() if is_date else float(decile) for decile in deciles]
    values = np.interp(places, np.arange(len(ends)), ends)
    if column.kind == "decimal":
        return [f"{value:.{column.decimals}f}" for value in values]
    whole = np.rint(values).astype(int).tolist()
    return [date.fromordinal(day) for day in whole] if is_date else whole
