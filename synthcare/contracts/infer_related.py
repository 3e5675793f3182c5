"""Proposes contracts for tables that belong together: `contract infer` of several files."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from readers.dialect import Dialect
from synthcare.contracts.children import children_of
from synthcare.contracts.infer import Inferred, infer_rows
from synthcare.contracts.links import foreign_keys_of
from synthcare.contracts.members import Member, read_member, with_keys
from synthcare.contracts.names import snake_case
from synthcare.contracts.relations import parents_first
from synthcare.errors import SynthcareError


def infer_related(
    name: str,
    paths: Sequence[Path],
    dialect: Dialect = Dialect(),  # noqa: B008 (frozen)
) -> tuple[dict[str, tuple[Path, Inferred]], list[str]]:
    """A contract for the file of each dataset, parents first; and what was unsure, by table.

    Datasets are called after `name` and their file. Raises SynthcareError where a file is no table
    that a contract could be made for, or belongs to no other.
    """
    called = _called(paths)
    found: dict[str, tuple[Path, Inferred]] = {}
    with duckdb.connect() as database:
        members = {
            stem: read_member(database, stem, name, path, f"file_{place}", dialect)
            for place, (stem, path) in enumerate(called.items())
        }
        tables = [member.brought for member in members.values()]
        foreign_keys, doubts = foreign_keys_of(database, tables)
        members = {stem: members[stem] for stem in parents_first(foreign_keys)}
        for stem in members:
            members[stem] = member = with_keys(database, members[stem], foreign_keys)
            inferred = _inferred(database, member, members, found)
            found[member.dataset] = (member.path, inferred)
            doubts += [f"{stem}: {x}" for x in (*inferred.doubts, *inferred.quota_doubts)]
    order = [*members]
    return found, sorted(doubts, key=lambda doubt: order.index(doubt.partition(":")[0]))


def _called(paths: Sequence[Path]) -> dict[str, Path]:
    """The files by the name of their table."""
    found: dict[str, Path] = {}
    for path in paths:
        if path.resolve() in {other.resolve() for other in found.values()}:
            raise SynthcareError(f"{path} is given twice.")
        stem = snake_case(re.sub(r"[.](csv|csv[.]gz|parquet)$", "", path.name, flags=re.I))
        if stem in found:
            raise SynthcareError(
                f"{found[stem]} and {path} are both called {stem}. Rename one of them."
            )
        if not stem:
            raise SynthcareError(f"{path} has no name for a dataset. Rename it, in letters.")
        found[stem] = path
    return found


def _inferred(
    database: duckdb.DuckDBPyConnection,
    member: Member,
    members: Mapping[str, Member],
    found: Mapping[str, tuple[Path, Inferred]],
) -> Inferred:
    """What a contract of the table by itself would be, with its keys and what it belongs to."""
    database.execute(f"use {member.schema}")
    alone = infer_rows(database, member.path, member.table, member.keys, member.order)
    database.execute("use main")
    children, doubts = {}, [*alone.doubts]
    if member.primary_key:
        key = ", ".join(member.names[label] for label in member.primary_key)
        doubts.append(f"{key} is taken as what tells rows apart (primary_key)")
    if member.foreign_keys:
        parent = members[member.foreign_keys[0].to]
        _, of_parent = found[parent.dataset]
        children, more = children_of(database, member, parent, alone, of_parent)
        doubts += more
    return replace(
        alone,
        columns=[*_key_columns(member, members), *alone.columns],
        constraints=[*_constraints(member, members)],
        children=children,
        doubts=doubts,
    )


def _key_columns(member: Member, members: Mapping[str, Member]) -> Iterator[dict[str, Any]]:
    """The properties of the columns that no LLM writes."""
    parents = {label: key.to for key in reversed(member.foreign_keys) for label in key.columns}
    for label in member.keys:
        if label in parents:
            said = f"Key in {members[parents[label]].dataset}; null where no row of it was named."
        elif label in member.primary_key:
            said = (
                "Key of the row: the record, where it was written; its own, where it was brought."
            )
        else:
            said = "What the rows that belong together are ordered by."
        yield {
            "name": member.names[label],
            "description": said,
            "data_type": "varchar",
            "config": {"meta": {"label": label}},
        }


def _constraints(member: Member, members: Mapping[str, Member]) -> Iterator[dict[str, Any]]:
    """The keys as dbt declares them; a view cannot have them, which needs no warning."""
    names = member.names
    if member.primary_key:
        yield {
            "type": "primary_key",
            "columns": [names[label] for label in member.primary_key],
            "warn_unsupported": False,
        }
    for key in member.foreign_keys:
        parent = members[key.to]
        yield {
            "type": "foreign_key",
            "columns": [names[label] for label in key.columns],
            "to": f"ref('{parent.dataset}')",
            "to_columns": [parent.names[label] for label in key.to_columns],
            "warn_unsupported": False,
        }
