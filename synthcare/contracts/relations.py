"""How the tables of a contract belong together: keys, and what the rows of a parent have in common.

They are declared by dbt's constraints `primary_key` and `foreign_key`; see docs/contract.md.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from synthcare.errors import SynthcareError

if TYPE_CHECKING:
    from synthcare.contracts.contract import Contract

_REF = re.compile(r"""\s*ref\(\s*['"](\w+)['"]\s*\)\s*""")


@dataclass(frozen=True)
class ForeignKey:
    """The `columns` of a child say which row of the table `to` it belongs to, by `to_columns`."""

    columns: tuple[str, ...]
    to: str
    to_columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"{', '.join(self.columns)} to {self.to}"


def primary_key(model: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that tell the rows of a model apart, none where it declares no key."""
    keys = [columns for columns, _ in _constraints(model, "primary_key")]
    if len(keys) > 1:
        raise ValueError(f"{model['name']} has {len(keys)} primary keys, and can have one")
    return keys[0] if keys else ()


def foreign_keys(model: Mapping[str, Any]) -> tuple[ForeignKey, ...]:
    """The parents of a model, in the order in which it declares them."""
    found = []
    for columns, constraint in _constraints(model, "foreign_key"):
        to = _REF.fullmatch(str(constraint.get("to", "")))
        to_columns = tuple(constraint.get("to_columns", ()))
        if to is None or len(to_columns) != len(columns):
            raise ValueError(
                f"the foreign key {', '.join(columns)} of {model['name']} needs to: ref('…') and "
                "as many to_columns"
            )
        found.append(ForeignKey(columns, to[1], to_columns))
    return tuple(found)


def _constraints(
    model: Mapping[str, Any], kind: str
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Those of the model, then those of its columns."""
    for constraint in model.get("constraints", []):
        if constraint["type"] == kind:
            yield tuple(constraint["columns"]), constraint
    for column in model.get("columns", []):
        for constraint in column.get("constraints", []):
            if constraint["type"] == kind:
                yield (column["name"],), constraint


def ancestors(contract: "Contract", load: Callable[[str], "Contract"]) -> list["Contract"]:
    """All tables that a table belongs to, directly or not, parents first, and it at the end.

    `load` gives the contract of a name. Raises SynthcareError where one is its own ancestor.
    """
    found = {contract.dataset: contract}
    wanted = [contract]
    while wanted:
        for key in wanted.pop().foreign_keys:
            if key.to not in found:
                found[key.to] = load(key.to)
                wanted.append(found[key.to])
    tables = {name: of.foreign_keys for name, of in found.items()}
    return [found[name] for name in parents_first(tables)]


def parents_first(tables: Mapping[str, Sequence[ForeignKey]]) -> list[str]:
    """Names of tables, each after all that it has a foreign key to; otherwise as they were given.

    Raises SynthcareError where a table is its own ancestor, or a parent is none of them.
    """
    return sorted(tables, key=depths(tables).__getitem__)


def depths(tables: Mapping[str, Sequence[ForeignKey]]) -> dict[str, int]:
    """How many tables stand one above the other down to each, 1 for what belongs to nothing.

    Raises SynthcareError as `parents_first` does.
    """
    for name, keys in tables.items():
        for key in keys:
            if key.to not in tables:
                raise SynthcareError(f"{name} belongs to {key.to}, which is no table here.")
    sorter = TopologicalSorter({name: [key.to for key in keys] for name, keys in tables.items()})
    try:
        found: dict[str, int] = {}
        for name in sorter.static_order():
            found[name] = 1 + max((found[key.to] for key in tables[name]), default=0)
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise SynthcareError(
            f"Tables cannot belong to each other in a circle: {circle}."
        ) from error
    return found
