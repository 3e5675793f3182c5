"""A table that is scored, with all that its scores look at."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from synthcare.chance import Tally
from synthcare.families import Relation
from synthcare.halves import Halves
from synthcare.reference import Reference
from synthcare.tables import Table


@dataclass(frozen=True)
class Score:
    """A number about a table, or about its `subject`: a column, two of them, a check.

    `low` and `high` are the ends of its 95 % interval, None where it has none; a value is None
    where it cannot be told, and `note` says why, or else what the value is of. `floor` is the
    distance that chance alone leads to, of a score that is divided by it.
    """

    name: str
    subject: tuple[str, ...] = ()
    value: float | None = None
    low: float | None = None
    high: float | None = None
    floor: float | None = None
    note: str | None = None


@dataclass(frozen=True)
class Check:
    """Whether rows are plausible by a rule; `real_share` of the real ones are."""

    tally: Tally
    real_share: float | None


@dataclass(frozen=True)
class Trial:
    """A table beside a reference.

    `table`, `reference` and `halves` are None where there is no row to compare. `validity` counts
    the records that follow the contract, `checks` those that are plausible by name of the check;
    under None, by all of them. What shows nothing but columns that are `left_out` is not scored.
    `relations` are those to the tables that this one belongs to, `lost_groups` columns of groups of
    people that real rows have and this table lacks.
    """

    reference: Reference | None = None
    table: Table | None = None
    halves: Halves | None = None
    left_out: frozenset[str] = frozenset()
    validity: Tally | None = None
    checks: Mapping[str | None, Check] = field(default_factory=dict)
    relations: tuple[Relation, ...] = ()
    lost_groups: tuple[str, ...] = ()
