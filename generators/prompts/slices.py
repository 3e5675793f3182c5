"""What makes one request of a run differ from the next, so that their rows do not repeat."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from generators.contract import Column, Contract

# Q and X begin few names in any language.
_LETTERS = "ABCDEFGHIJKLMNOPRSTUVWYZ"
_INITIALS = 8
# Of a column that may be missing: often enough to be seen, whatever the population is like.
_MISSING_SHARE = 0.1


@dataclass(frozen=True)
class Slice:
    """One request's part of the contract's domain.

    `initials` are the letters with which an identifier begins, by column; `first_row` the values of
    all other columns in the first row, by label. It tells an LLM no more of the population than any
    one valid row would.
    """

    initials: Mapping[str, Sequence[str]]
    first_row: Mapping[str, str]

    def text(self, contract: Contract) -> str:
        """The slice in words, for the end of a prompt."""
        sentences = [
            f"Each {contract.column(name).label} begins with one of the letters {_listed(letters)}."
            for name, letters in self.initials.items()
        ]
        if self.first_row:
            values = [f"{label} {value}" for label, value in self.first_row.items()]
            sentences.append(f"The first row has {_listed(values)}.")
        return " ".join(sentences)


def draw_slice(contract: Contract, *, seed: int) -> Slice:
    """The slice of the request with this seed: evenly from what the contract allows."""
    draw = random.Random(seed)  # noqa: S311 (no secret)
    return Slice(
        initials={
            column.name: draw.sample(_LETTERS, _INITIALS)
            for column in contract.columns
            if column.kind == "identifier"
        },
        first_row={
            column.label: _first_value(column, draw)
            for column in contract.columns
            if column.kind != "identifier"
        },
    )


def _first_value(column: Column, draw: random.Random) -> str:
    if column.is_nullable and draw.random() < _MISSING_SHARE:
        return "missing"
    return _value(column, draw)


def _value(column: Column, draw: random.Random) -> str:
    match column.kind:
        case "categorical":
            return draw.choice(column.accepted_values)
        case "integer":
            return str(draw.randint(column.minimum, column.maximum))
        case "decimal":
            return f"{draw.uniform(column.minimum, column.maximum):.{column.decimals}f}"
    first, last = column.minimum.toordinal(), column.maximum.toordinal()
    return date.fromordinal(draw.randint(first, last)).isoformat()


def _listed(items: Sequence[str]) -> str:
    return ", ".join(items)
