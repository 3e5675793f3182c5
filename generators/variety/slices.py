"""Slices: each request gets a part of the population of its own, so that rows do not repeat."""

import random
import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

from generators.drawing.draws import Values, pool
from generators.drawing.stand_in import is_code
from generators.variety.brief import Brief, Limits, listed
from synthcare.contracts.contract import Column, Contract

# Q and X begin few names in any language.
_LETTERS = "ABCDEFGHIJKLMNOPRSTUVWYZ"
_INITIALS = 8

_LIMITED_COLUMNS = 3
_PARTS = 5  # of a number's population, each with as many rows


def draw_slice(contract: Contract, *, seed: int, rows: int) -> Brief:
    """The slice of the request with this seed, for `rows` rows.

    Three columns are limited to a part of their population: a fifth of a number's, half of the
    categories. All parts hold one row of the population that keeps every rule, both ends of each
    belong to such a row, and no two of the columns stand in one rule. So nothing that a slice asks
    for can break the contract.
    """
    draw = random.Random(seed)  # noqa: S311 (no secret)
    initials = draw_initials(contract, draw)
    limits = _draw_limits(contract, draw)
    conditions = [of.text(contract, contract.column(name)) for name, of in limits.items()]
    sentences = [f"In every row: {'; '.join(conditions)}."] if conditions else []
    return Brief(
        text=" ".join([*sentences, *initials_text(contract, initials)]),
        initials=initials,
        rows=(limits,) * rows if limits else (),
    )


def draw_initials(contract: Contract, draw: random.Random) -> dict[str, Sequence[str]]:
    """Letters with which each identifier of letters is to begin, so that names do not repeat."""
    return {
        column.name: draw.sample(_LETTERS, _INITIALS)
        for column in contract.columns
        if column.kind == "identifier" and not is_code(column)
    }


def initials_text(contract: Contract, initials: Mapping[str, Sequence[str]]) -> list[str]:
    """A sentence for each identifier."""
    return [
        f"Each {contract.column(name).label} begins with one of the letters {listed(letters)}."
        for name, letters in initials.items()
    ]


def _draw_limits(contract: Contract, draw: random.Random) -> dict[str, Limits]:
    """Limits of three columns around one row of the population, in the contract's order."""
    rows = pool(contract)
    size = len(next(iter(rows.values()), ()))
    if not size:
        return {}
    place = draw.randrange(size)
    names = list(rows)
    found: dict[str, Limits] = {}
    for name in draw.sample(names, len(names)):
        if len(found) == _LIMITED_COLUMNS:
            break
        if any(_is_ruled_with(contract, name, other) for other in found):
            continue
        if limits := _around(contract.column(name), rows, place, draw):
            found[name] = limits
    return {name: found[name] for name in names if name in found}


def _is_ruled_with(contract: Contract, name: str, other: str) -> bool:
    return any(
        re.search(rf"\b{name}\b", rule.holds) and re.search(rf"\b{other}\b", rule.holds)
        for rule in contract.rules
    )


def _around(
    column: Column, rows: Mapping[str, Values], place: int, draw: random.Random
) -> Limits | None:
    """The part of a column's population that holds the row at `place`; None where it has no parts.

    Of a date that is placed after another one, the part is of the days between them.
    """
    values = rows[column.name]
    if values[place] is None:
        return Limits()
    if column.kind == "categorical":
        return _categories(column, values, place, draw)
    if earlier := column.population.get("days_after"):
        values = [
            None if None in pair else (pair[1] - pair[0]).days
            for pair in zip(rows[earlier], values, strict=True)
        ]
        if values[place] is None:
            return None
    known = sorted(value for value in values if value is not None)
    if known[0] == known[-1]:
        return None
    # Somewhere among those that are as large, so that a frequent value does not pull down its part.
    rank = draw.randrange(bisect_left(known, values[place]), bisect_right(known, values[place]))
    part = rank * _PARTS // len(known)
    ends = part * len(known) // _PARTS, (part + 1) * len(known) // _PARTS - 1
    low, high = known[ends[0]], known[ends[1]]
    return Limits(low=min(low, values[place]), high=max(high, values[place]))


def _categories(column: Column, values: Values, place: int, draw: random.Random) -> Limits | None:
    """Half of the categories: that of the row at `place`, and others as often as they are."""
    known = {value for value in values if value is not None}
    if len(known) == 1:
        return None
    chosen = {values[place]}
    while len(chosen) < (len(known) + 1) // 2:
        if (value := draw.choice(values)) is not None:
            chosen.add(value)
    return Limits(values=tuple(value for value in column.accepted_values if value in chosen))
