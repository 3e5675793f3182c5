"""A table to take the real one's place, made from the population that the contract describes."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any

import numpy as np

from generators.contract import Column, Contract
from generators.errors import SynthcareError

_SEED = 20240507


def stand_in_rows(contract: Contract, size: int, *, has_gaps: bool = True) -> list[tuple[str, ...]]:
    """`size` rows of the stand-in as texts, in the order of the contract.

    A missing value is empty; without `has_gaps` nothing is missing.
    """
    random = np.random.default_rng(_SEED)
    identifiers = [column for column in contract.columns if column.kind == "identifier"]
    kinds = tuple(column.population["faker"] for column in identifiers)
    columns: dict[str, Sequence[Any]] = {}
    texts = dict(zip((column.name for column in identifiers), _texts(kinds, size), strict=True))
    for column in contract.columns:
        columns[column.name] = (
            texts[column.name]
            if column.kind == "identifier"
            else _population(column, columns, random, size)
        )
    written = [
        _with_gaps(columns[column.name], column.population.get("missing", 0) * has_gaps, random)
        for column in contract.columns
    ]
    return [tuple(str(value) for value in row) for row in zip(*written, strict=True)]


@cache
def _texts(kinds: tuple[str, ...], size: int) -> list[list[str]]:
    """`size` texts of each of Faker's generators, which takes seconds for 10,000 rows."""
    from faker import Faker  # half a second

    names = Faker("en_US")
    names.seed_instance(_SEED)
    unknown = [kind for kind in kinds if not hasattr(names, kind)]
    if unknown:
        raise SynthcareError(f"Faker has no generator '{unknown[0]}', which a population names.")
    return [[getattr(names, kind)() for _ in range(size)] for kind in kinds]


def _with_gaps(values: Sequence[Any], share: float, random: np.random.Generator) -> Sequence[Any]:
    if not share:
        return values
    is_missing = random.random(len(values)) < share
    return ["" if gap else value for value, gap in zip(values, is_missing, strict=True)]


def _population(
    column: Column,
    columns: dict[str, Sequence[Any]],
    random: np.random.Generator,
    size: int,
) -> Sequence[Any]:
    """Values of one column, spread as its contract says; `columns` are those before it."""
    spread = column.population
    if column.kind == "categorical":
        return random.choice(column.accepted_values, size, p=_chances(column)).tolist()
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
