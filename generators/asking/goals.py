"""What a run is to have, and so what is still to be asked for."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from generators.asking.judge import Counts
from generators.asking.runs import Run
from generators.variety import QUOTAS
from generators.variety.brief import Cell
from generators.variety.quotas import apportion, cell_shares

_ROUNDS = 6
_ROUNDS_BY_CELLS = 20  # each asks for what is short, and for no more
_LOWEST_ACCEPT_RATE = 0.2  # so that a run that is rejected whole does not ask for ever more
_CELLS_NAMED = 5


class Goal(Protocol):
    """What a run is to have. `rows` are accepted ones, `rounds` how often they are asked for."""

    rows: int
    rounds: int

    def is_short(self, counts: Counts) -> bool:
        """Whether something is missing."""
        ...

    def to_ask(self, counts: Counts) -> tuple[int, Counter[Cell] | None]:
        """How many rows to ask for, and of which cells, where it is known which are missing."""
        ...

    def shortage(self, counts: Counts) -> str:
        """What could not be got, in words to put behind others; empty where only rows are short."""
        ...


def goal_of(run: Run, rows: int) -> Goal:
    """That of a run whose rows belong to nothing: `rows` rows, with quotas by their shares.

    Rows that somebody keeps are not asked for.
    """
    if run.kept:
        return Rows(0)
    if run.variety == QUOTAS:
        return Cells(apportion(cell_shares(run.contract), rows), _short_cells)
    return Rows(rows)


@dataclass(frozen=True)
class Rows:
    """So many rows, whichever."""

    rows: int
    rounds: int = _ROUNDS

    def is_short(self, counts: Counts) -> bool:
        return counts.accepted < self.rows

    def to_ask(self, counts: Counts) -> tuple[int, None]:
        missing = self.rows - counts.accepted
        rate = counts.accepted / counts.found if counts.found else 1.0
        return math.ceil(missing / max(rate, _LOWEST_ACCEPT_RATE)), None

    def shortage(self, counts: Counts) -> str:
        return ""


@dataclass(frozen=True)
class Cells:
    """So many rows of each cell: of a quota, or of those that belong to one parent."""

    wanted: Counter[Cell]
    named: Callable[[Counter[Cell]], str]
    rounds: int = _ROUNDS_BY_CELLS

    @property
    def rows(self) -> int:
        return self.wanted.total()

    def is_short(self, counts: Counts) -> bool:
        return bool(self._missing(counts))

    def to_ask(self, counts: Counts) -> tuple[int, Counter[Cell]]:
        missing = self._missing(counts)
        return missing.total(), missing

    def shortage(self, counts: Counts) -> str:
        return f"; still short: {self.named(self._missing(counts))}"

    def _missing(self, counts: Counts) -> Counter[Cell]:
        return self.wanted - Counter(counts.cells)


def _short_cells(missing: Counter[Cell]) -> str:
    named = [
        f"{lacking} of {_in_words(cell)}" for cell, lacking in missing.most_common(_CELLS_NAMED)
    ]
    more = f" and {len(missing) - _CELLS_NAMED} other cells" if len(missing) > _CELLS_NAMED else ""
    return f"{'; '.join(named)}{more}"


def short_parents(missing: Counter[Cell]) -> str:
    """How many rows are missing, of how many parents."""
    return f"{missing.total():,} rows of {len(missing):,} parents"


def _in_words(cell: Cell) -> str:
    return ", ".join(f"{name} {label or 'missing'}" for name, label in cell)
