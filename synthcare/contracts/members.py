"""Tables that somebody brings together: their rows in DuckDB, and which columns are keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from readers.dialect import Dialect
from readers.tables import Table, quoted, read_table
from synthcare.contracts.kinds import is_key, look_at
from synthcare.contracts.links import Brought, order_of, unique_columns
from synthcare.contracts.names import sql_names
from synthcare.contracts.relations import ForeignKey
from synthcare.errors import SynthcareError, some


@dataclass(frozen=True)
class Member:
    """A table among others, whose rows are in a `schema` of its own.

    `names` are those of its columns by label; keys and order are labels, too. `keys` are all that
    no LLM writes.
    """

    dataset: str
    path: Path
    schema: str
    table: Table
    brought: Brought
    names: Mapping[str, str]
    foreign_keys: tuple[ForeignKey, ...] = ()
    primary_key: tuple[str, ...] = ()
    order: str | None = None
    keys: tuple[str, ...] = ()


def read_member(
    database: duckdb.DuckDBPyConnection,
    stem: str,
    name: str,
    path: Path,
    schema: str,
    dialect: Dialect,
) -> Member:
    """A table in a schema of its own, and as the view `stem`, without columns that hold nothing."""
    database.execute(f"create schema {schema}; use {schema}")
    table = read_table(database, path, (), dialect)
    if not table.rows:
        raise SynthcareError(f"{path} has no rows.")
    counts = ", ".join(f"count({quoted(label)})" for label in table.labels)
    known = database.execute(f"select {counts} from rows").fetchone()  # noqa: S608
    filled = tuple(label for label, count in zip(table.labels, known, strict=True) if count)
    notes = table.notes
    if empty := [label for label in table.labels if label not in filled]:
        notes = (*notes, f"columns that hold nothing are left out: {some(empty)}")
    database.execute(f"use main; create view {quoted(stem)} as from {schema}.rows")
    return Member(
        dataset=f"{name}_{stem}",
        path=path,
        schema=schema,
        table=replace(table, labels=filled, notes=notes),
        brought=Brought(stem, filled, table.readings, table.rows),
        names=dict(zip(filled, sql_names(database, filled), strict=True)),
    )


def with_keys(
    database: duckdb.DuckDBPyConnection,
    member: Member,
    foreign_keys: Mapping[str, Sequence[ForeignKey]],
) -> Member:
    """The table with what tells its rows apart, what they belong to, and what orders them."""
    own = tuple(foreign_keys[member.brought.name])
    columns = [label for key in own for label in key.columns]
    database.execute(f"use {member.schema}")
    numbering = [
        label
        for label, name in member.names.items()
        if is_key(database, look_at(database, label, name, member.table.readings[label]))
    ]
    database.execute("use main")
    unique = [label for label in unique_columns(database, member.brought) if label in numbering]
    own_key = [(label,) for label in unique if label not in columns]
    primary_key = next(iter([*_referred(member.brought.name, foreign_keys), *own_key]), ())
    order = order_of(database, member.brought, columns) if own else None
    keys = {*primary_key, *columns, *({order} & {*numbering})}
    if {*member.names} == keys:
        raise SynthcareError(
            f"{member.path} has no columns but keys, {some(member.names)}: leave it out."
        )
    return replace(
        member,
        foreign_keys=own,
        primary_key=primary_key,
        order=order,
        keys=tuple(label for label in member.names if label in keys),
    )


def _referred(name: str, foreign_keys: Mapping[str, Sequence[ForeignKey]]) -> list[tuple[str, ...]]:
    """The key of a table that others refer to, if any does."""
    by_child = {
        child: key.to_columns
        for child, own in foreign_keys.items()
        for key in own
        if key.to == name
    }
    if len({frozenset(columns) for columns in by_child.values()}) > 1:
        said = "; ".join(f"{child} by {', '.join(x)}" for child, x in by_child.items())
        raise SynthcareError(
            f"Tables refer to {name} by different keys ({said}). Name one key in all of them."
        )
    return [*by_child.values()][:1]
