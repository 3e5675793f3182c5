"""Quotas: how many rows of each kind are wanted, so that a declared mix comes out as declared."""

import itertools
import math
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from generators.drawing.draws import Values, as_text, draw, lawful
from generators.variety.brief import ROW, Brief, Cell, Limits
from generators.variety.slices import draw_initials, initials_text
from synthcare.contracts import spread
from synthcare.contracts.contract import MOST_QUOTAS, Column, Contract
from synthcare.errors import SynthcareError

_MISSING = ""
_TRIES_A_CELL = 50
_ROUNDS = 50


@cache
def cell_shares(contract: Contract) -> Mapping[Cell, float]:
    """The share of each cell, one for each combination of the quota columns' categories or bands.

    A cell whose every row would break a rule has none. Raises SynthcareError where the contract
    declares no quotas, too many, or one on a column without shares.
    """
    columns = _quota_columns(contract)
    shares: dict[Cell, float] = {(): 1.0}
    for column in columns:
        shares = {
            (*cell, (column.name, label)): share * of_label
            for cell, share in shares.items()
            for label, of_label in _labels(contract, column, dict(cell)).items()
        }
    possible = _possible(contract, columns, [cell for cell, share in shares.items() if share > 0])
    if not possible:
        raise SynthcareError(f"{contract.dataset}: the rules allow none of the quotas' cells.")
    whole = sum(shares[cell] for cell in possible)
    return {cell: shares[cell] / whole for cell in possible}


def apportion(shares: Mapping[Cell, float], rows: int) -> Counter[Cell]:
    """`rows` rows by shares, each cell within one row of its exact part.

    By largest remainders (Hamilton's method); of equal ones the first.
    """
    exact = {cell: share * rows for cell, share in shares.items()}
    whole = Counter({cell: math.floor(part) for cell, part in exact.items()})
    left = rows - whole.total()
    for cell in sorted(exact, key=lambda cell: whole[cell] - exact[cell])[:left]:
        whole[cell] += 1
    return +whole


def quota_brief(
    contract: Contract, cells: Mapping[Cell, int], *, seed: int, drawn_columns: Sequence[str]
) -> Brief:
    """The brief of a request for so many rows of each cell.

    Values of `drawn_columns` are drawn for each row, and handed over.
    """
    names = random.Random(seed)  # noqa: S311 (no secret)
    initials = draw_initials(contract, names)
    in_order = [cell for cell, count in cells.items() for _ in range(count)]
    limits = tuple(
        {name: _limits(contract.column(name), label) for name, label in cell} for cell in in_order
    )
    drawn: tuple[Mapping[str, str], ...] = ()
    if drawn_columns:
        drawn = _drawn_rows(contract, in_order, drawn_columns, np.random.default_rng(seed))
        asked = _table(contract, drawn)
    else:
        kinds = dict(zip(in_order, limits, strict=True))
        asked = "Write exactly these rows, in this order: " + "; ".join(
            f"{cells[cell]} with {_in_words(contract, of_cell)}" for cell, of_cell in kinds.items()
        )
        asked += "."
    return Brief(
        text=" ".join([*initials_text(contract, initials), asked]),
        initials=initials,
        rows=() if drawn else limits,
        cells=dict(cells),
        drawn=drawn,
    )


def check_drawn_columns(contract: Contract, names: Sequence[str]) -> tuple[str, ...]:
    """The columns to be drawn, those of the quotas among them, in the contract's order.

    Raises SynthcareError where one cannot be drawn, or where none would be left to the LLM.
    """
    known = {column.name: column for column in contract.columns}
    if names and any(label.lower() == ROW.lower() for label in contract.labels):
        raise SynthcareError(f"A column is labelled {ROW}, as the numbers of drawn rows would be.")
    for name in names:
        if name not in known:
            raise SynthcareError(
                f"{contract.dataset} has no column '{name}' to draw. Use some of: "
                f"{', '.join(known)}."
            )
        if known[name].kind == "identifier":
            raise SynthcareError(f"'{name}' is an identifier, and nothing says how to draw it.")
    wanted = {*names, *contract.quotas} if names else set()
    for name in wanted:
        for key in ("days_after", "given"):
            earlier = known[name].population.get(key)
            if earlier and earlier not in wanted:
                raise SynthcareError(f"'{name}' depends on '{earlier}': draw that column too.")
    if len(wanted) == len(known):
        raise SynthcareError("Every column would be drawn, and none left for the LLM to write.")
    return tuple(name for name in known if name in wanted)


def _quota_columns(contract: Contract) -> list[Column]:
    where = f"models/marts/{contract.dataset}.yml"
    if not contract.quotas:
        raise SynthcareError(
            f"{contract.dataset} has no quotas. Add `quotas: [<column>, …]` to {where}, up to "
            f"{MOST_QUOTAS} columns with shares, or use another --variety."
        )
    if len(contract.quotas) > MOST_QUOTAS:
        raise SynthcareError(f"{where}: quotas are for up to {MOST_QUOTAS} columns.")
    known = {column.name: column for column in contract.columns}
    for name in contract.quotas:
        if name not in known or "shares" not in known[name].population:
            raise SynthcareError(
                f"{where}: quotas name '{name}', which is no column with `shares` in its "
                "population. Declare them, or take it out."
            )
    return [column for column in contract.columns if column.name in contract.quotas]


def _labels(contract: Contract, column: Column, cell: Mapping[str, str]) -> dict[str, float]:
    """The shares of a column's categories or bands in a cell, a missing value among them."""
    missing = column.population.get("missing", 0.0) if column.is_nullable else 0.0
    declared = _shares_in(contract, column, cell)
    whole = sum(declared.values())
    found = {label: (1 - missing) * share / whole for label, share in declared.items()}
    return found | ({_MISSING: missing} if missing else {})


def _shares_in(contract: Contract, column: Column, cell: Mapping[str, str]) -> spread.Shares:
    given = column.population.get("given")
    if given is None:
        return spread.shares(column)
    if cell.get(given):
        return spread.shares(column, cell[given])
    # The column that it depends on is in no quota: over all of its values.
    other = contract.column(given)
    of_others = spread.shares(other) or dict.fromkeys(other.accepted_values, 1.0)
    mixed: Counter[str] = Counter()
    for value, weight in of_others.items():
        declared = spread.shares(column, value)
        whole = sum(declared.values())
        for label, share in declared.items():
            mixed[label] += weight * share / whole
    return mixed


def _possible(contract: Contract, columns: Sequence[Column], cells: Sequence[Cell]) -> list[Cell]:
    """Cells of which some drawn row keeps every rule."""
    found = set()
    in_order = [cell for cell in cells for _ in range(_TRIES_A_CELL)]
    rows = lawful(contract, _drawn(contract, in_order, np.random.default_rng(0)))
    labels = [[_label(column, value) for value in rows[column.name]] for column in columns]
    names = [column.name for column in columns]
    for row in zip(*labels, strict=True):
        found.add(tuple(zip(names, row, strict=True)))
    return [cell for cell in cells if cell in found]


def _drawn(
    contract: Contract, cells: Sequence[Cell], random: np.random.Generator
) -> dict[str, Values]:
    """A row of the population for each cell, whether it keeps the rules or not."""
    fixed = {name: [dict(cell)[name] for cell in cells] for name in contract.quotas}
    return draw(contract, len(cells), random, has_gaps=True, fixed=fixed)


def _drawn_rows(
    contract: Contract,
    cells: Sequence[Cell],
    names: Sequence[str],
    random: np.random.Generator,
) -> tuple[Mapping[str, str], ...]:
    """Texts of the columns `names` for a row of each cell; every row keeps the rules."""
    rows: list[Mapping[str, str] | None] = [None] * len(cells)
    columns = [contract.column(name) for name in names]
    for _ in range(_ROUNDS):
        open_places = [place for place, row in enumerate(rows) if row is None]
        if not open_places:
            break
        drawn = _drawn(contract, [cells[place] for place in open_places], random)
        kept = lawful(contract, drawn | {ROW: open_places})
        for at, place in enumerate(kept[ROW]):
            rows[place] = {c.name: as_text(c, kept[c.name][at]) for c in columns}
    else:
        raise SynthcareError(
            f"The rules of {contract.dataset} and its populations do not go together: hardly any "
            "row drawn from them keeps every rule. Mend either in its contract."
        )
    return tuple(rows)


def _limits(column: Column, label: str) -> Limits:
    if label == _MISSING:
        return Limits()
    if column.kind == "integer":
        low, high = spread.band(label)
        return Limits(low=low, high=high)
    return Limits(values=(label,))


def _label(column: Column, value: object) -> str:
    """The category or band that a value is in."""
    if value is None or column.kind != "integer":
        return value or _MISSING
    bands = (
        spread.shares(column)
        if "given" not in column.population
        else itertools.chain(*column.population["shares"].values())
    )
    return next(b for b in bands if spread.band(b)[0] <= value <= spread.band(b)[1])


def _in_words(contract: Contract, limits: Mapping[str, Limits]) -> str:
    return ", ".join(of.text(contract, contract.column(name)) for name, of in limits.items())


def as_table(labels: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of texts as lines below their labels, each on one line whatever is in it."""
    return "\n".join(", ".join(map(_as_cell, row)) for row in (labels, *rows))


def _as_cell(value: str) -> str:
    value = re.sub(r"\s+", " ", value)
    return '"' + value.replace('"', '""') + '"' if re.search('[,"]', value) else value


def _table(contract: Contract, drawn: Sequence[Mapping[str, str]]) -> str:
    """The values that are handed over, as lines behind the number of each row."""
    labels = [ROW, *(contract.column(name).label for name in drawn[0])]
    given = as_table(labels, [[str(n), *row.values()] for n, row in enumerate(drawn, start=1)])
    return (
        "These values are given. Write the other values of each row, behind its number:"
        f"\n\n{given}\n\n"
    )
