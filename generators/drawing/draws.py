"""Rows drawn from the population that a contract describes, all their columns together."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any

import numpy as np

from synthcare.contracts import spread
from synthcare.contracts.contract import Column, Contract
from synthcare.errors import SynthcareError

Values = list[Any]  # typed as the contract says: texts, whole numbers, floats, dates; None: missing

_POOL_SEED = 20240507
_POOL_ROWS = 2_000


@cache
def pool(contract: Contract) -> Mapping[str, Values]:
    """Some 2,000 rows of the population by column, identifiers left out, that keep every rule."""
    random = np.random.default_rng(_POOL_SEED)
    return lawful(contract, draw(contract, _POOL_ROWS, random, has_gaps=True))


def draw(
    contract: Contract,
    size: int,
    random: np.random.Generator,
    *,
    has_gaps: bool,
    fixed: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Values]:
    """`size` rows by column, identifiers left out; some may break a rule, see `lawful`.

    Without `has_gaps` nothing is missing. `fixed` are, by column, the category or band of each row,
    empty for a missing value.
    """
    fixed = fixed or {}
    drawn: dict[str, Values] = {}
    gaps: dict[str, np.ndarray] = {}
    for column in contract.columns:
        if column.kind == "identifier":
            continue
        drawn[column.name] = draw_column(column, drawn, random, size, fixed.get(column.name))
        share = column.population.get("missing", 0) if column.is_nullable else 0
        if has_gaps and share and column.name not in fixed:
            gaps[column.name] = random.random(size) < share
    # Only now: what depends on a value depends on it also where it was not written down.
    for name, is_missing in gaps.items():
        drawn[name] = [
            None if gap else value for gap, value in zip(is_missing, drawn[name], strict=True)
        ]
    return drawn


def lawful(contract: Contract, rows: Mapping[str, Values]) -> dict[str, Values]:
    """Those of the rows that break no rule and lie within the contract's ranges."""
    keeps = np.ones(len(next(iter(rows.values()), [])), dtype=bool)
    for column in contract.columns:
        if column.minimum is not None and column.name in rows:
            keeps &= [
                value is None or column.minimum <= value <= column.maximum
                for value in rows[column.name]
            ]
    if contract.rules:
        keeps &= _keeps_rules(contract, rows)
    return {
        name: [value for value, kept in zip(values, keeps, strict=True) if kept]
        for name, values in rows.items()
    }


def _keeps_rules(contract: Contract, rows: Mapping[str, Values]) -> np.ndarray:
    """Whether each row keeps every rule. A rule about an identifier is not looked at.

    Raises SynthcareError where a rule is no SQL.
    """
    import duckdb
    import pandas as pd

    identifiers = [column.name for column in contract.columns if column.kind == "identifier"]
    types = {"integer": "bigint", "decimal": "double", "date": "date"}
    columns = [column for column in contract.columns if column.name in rows]
    typed = ", ".join(
        f'cast("{column.name}" as {types.get(column.kind, "varchar")}) as "{column.name}"'
        for column in columns
    )
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in rows.items()})
    keeps = np.ones(len(frame), dtype=bool)
    with duckdb.connect() as database:
        database.register("drawn", frame.map(lambda value: None if value is None else str(value)))
        for rule in contract.rules:
            if any(re.search(rf"\b{name}\b", rule.holds) for name in identifiers):
                continue
            try:
                found = database.execute(
                    f"select ({rule.holds}) is not false from (select {typed} from drawn)"  # noqa: S608
                ).fetchnumpy()
            except duckdb.Error as error:
                raise SynthcareError(
                    f"{contract.dataset}: rule {rule.name} cannot be read: "
                    f"{str(error).splitlines()[0]}"
                ) from error
            keeps &= next(iter(found.values())).astype(bool)
    return keeps


def draw_column(
    column: Column,
    drawn: Mapping[str, Values],
    random: np.random.Generator,
    size: int,
    fixed: Sequence[str] | None = None,
) -> Values:
    """Values of one column, spread as its contract says; `drawn` are those before it.

    `fixed` are the category or band of each row, where they are given.
    """
    population = column.population
    if fixed is not None:
        return _of_labels(column, fixed, random)
    if column.kind == "categorical" or "shares" in population:
        return _of_labels(column, _labels(column, drawn, random, size), random)
    if "days_after" in population:
        days = random.integers(population["min"], population["max"], size, endpoint=True)
        starts = drawn[population["days_after"]]
        return [start + timedelta(int(count)) for start, count in zip(starts, days, strict=True)]
    if "deciles" in population:
        return _between(column, population["deciles"], random.uniform(0, 10, size))
    return _evenly(column, random, size)


def _labels(
    column: Column, drawn: Mapping[str, Values], random: np.random.Generator, size: int
) -> list[str]:
    """Categories or bands, by their shares, which may depend on another column."""
    given = column.population.get("given")
    if given is None:
        return _by_shares(spread.shares(column), column, random, size)
    labels: list[str] = [""] * size
    of_others = np.array(drawn[given], dtype=object)
    for value in filter(None, dict.fromkeys(drawn[given])):
        places = np.flatnonzero(of_others == value)
        found = _by_shares(spread.shares(column, value), column, random, len(places))
        for place, label in zip(places, found, strict=True):
            labels[place] = label
    return labels


def _by_shares(
    shares: spread.Shares | None, column: Column, random: np.random.Generator, size: int
) -> list[str]:
    labels = list(shares) if shares else list(column.accepted_values)
    chances = np.array(list(shares.values()), dtype=float) if shares else None
    if chances is not None:
        chances /= chances.sum()
    return random.choice(np.array(labels, dtype=object), size, p=chances).tolist()


def _of_labels(column: Column, labels: Sequence[str], random: np.random.Generator) -> Values:
    """The categories, or a whole number of each band, evenly; what has no label is missing."""
    if column.kind == "categorical":
        return [label or None for label in labels]
    ends = np.array([spread.band(label) if label else (0, 0) for label in labels]).reshape(-1, 2)
    numbers = random.integers(ends[:, 0], ends[:, 1], endpoint=True).tolist()
    return [number if label else None for number, label in zip(numbers, labels, strict=True)]


def _evenly(column: Column, random: np.random.Generator, size: int) -> Values:
    low = column.population.get("min", column.minimum)
    high = column.population.get("max", column.maximum)
    if column.kind == "decimal":
        return np.round(random.uniform(low, high, size), column.decimals).tolist()
    if column.kind == "date":
        days = random.integers(low.toordinal(), high.toordinal(), size, endpoint=True)
        return [date.fromordinal(int(day)) for day in days]
    return random.integers(low, high, size, endpoint=True).tolist()


def _between(column: Column, deciles: Sequence[Any], places: np.ndarray) -> Values:
    """Values at `places` from 0 to 10, evenly between one decile and the next."""
    is_date = column.kind == "date"
    ends = [decile.toordinal() if is_date else float(decile) for decile in deciles]
    values = np.interp(places, np.arange(len(ends)), ends)
    if column.kind == "decimal":
        return np.round(values, column.decimals).tolist()
    whole = np.rint(values).astype(int).tolist()
    return [date.fromordinal(day) for day in whole] if is_date else whole


def as_text(column: Column, value: Any) -> str:
    """A typed value as an LLM is to write it; empty where it is missing."""
    if value is None:
        return ""
    if column.kind == "decimal":
        return f"{value:.{column.decimals}f}"
    return value.isoformat() if column.kind == "date" else str(value)
