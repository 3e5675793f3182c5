"""How the rows of one parent are, as `children` of a contract says: order, number, rules."""

from collections.abc import Iterator, Mapping
from typing import Any

import duckdb

from readers.tables import quoted
from synthcare.contracts.counts import describe_counts, quantile_of
from synthcare.contracts.infer import Inferred, date_of, free_name, never_before
from synthcare.contracts.links import all_known, row_of
from synthcare.contracts.members import Member
from synthcare.errors import SynthcareError

_MOST_LOST = 0.1  # share of a child's rows that belong to nothing
_FAR_MORE = 10  # times as many rows as nearly all parents have


def children_of(
    database: duckdb.DuckDBPyConnection,
    member: Member,
    parent: Member,
    inferred: Inferred,
    of_parent: Inferred,
) -> tuple[dict[str, Any], list[str]]:
    """How the rows of one parent are: their order, their number, rules between both tables."""
    doubts = []
    found: dict[str, Any] = {}
    if member.order:
        found["order"] = member.names[member.order]
        doubts.append(f"{found['order']} is taken as the order of rows that belong together")
    parents = _counted(database, member, parent)
    found["counts"] = describe_counts(parents)
    doubts += _count_doubts(member, parent, parents)
    if rules := _rules(database, member, parent, inferred, of_parent):
        found["rules"] = rules
        doubts += [
            f"{rule['holds']}: taken as a rule; check whether it must be so" for rule in rules
        ]
    return found, doubts


def _counted(database: duckdb.DuckDBPyConnection, member: Member, parent: Member) -> dict[int, int]:
    """How many parents have how many rows."""
    (key, *_) = member.foreign_keys
    return dict(
        database.execute(
            f"""
            with parents as (

                select {row_of(key.to_columns)} as parent_key from {parent.schema}.rows

            ),

            children as (

                select
                    {row_of(key.columns)} as child_key,
                    count(*) as row_count,
                from {member.schema}.rows
                where {all_known(key.columns)}
                group by child_key

            )

            select
                coalesce(row_count, 0) as children_count,
                count(*),

            from parents
            left join children on parent_key = child_key
            group by children_count
            order by children_count
            """  # noqa: S608
        ).fetchall()
    )


def _count_doubts(member: Member, parent: Member, parents: Mapping[int, int]) -> Iterator[str]:
    """What is to be said of the numbers. Raises SynthcareError where many rows are lost."""
    rows, of = member.table.rows, parent.brought.name
    lost = rows - sum(count * number for count, number in parents.items())
    if lost > _MOST_LOST * rows:
        raise SynthcareError(
            f"{lost:,} of {rows:,} rows of {member.path} belong to no row of {parent.path}, more "
            "than a tenth. Bring what they belong to, or leave them out."
        )
    low, middle, high = (quantile_of(parents, place) for place in (0, 0.5, 1))
    if low == high:
        yield f"each row of {of} has {low:,} of them (counts)"
    else:
        yield f"a row of {of} has {low:,} to {high:,} of them, {middle:,} at the median (counts)"
    others = dict(parents) | {high: parents[high] - 1}  # few rows have no other one for each 99
    most = quantile_of(others, 0.99)
    if high > _FAR_MORE * max(1, most):
        yield (
            f"one row of {of} has {high:,} of them, where 99 % have {most:,} at most; leave it out "
            "if it stands for all that belong to nobody"
        )


def _rules(
    database: duckdb.DuckDBPyConnection,
    member: Member,
    parent: Member,
    inferred: Inferred,
    of_parent: Inferred,
) -> list[dict[str, str]]:
    """A rule for each date of a row and of its parent, of which one is never before the other."""
    (key, *_) = member.foreign_keys
    ours, theirs = _dates(inferred), _dates(of_parent)
    dates = [f"{date_of(label)} as {quoted(name)}" for name, label in ours.items()]
    joined = [f"{date_of(label)} as {quoted(f'parent.{name}')}" for name, label in theirs.items()]
    source = f"""
        select * exclude (key_of_child, key_of_parent)
        from (
            select {", ".join([f"{row_of(key.columns)} as key_of_child", *dates])}
            from {member.schema}.rows
        )
        join (
            select {", ".join([f"{row_of(key.to_columns)} as key_of_parent", *joined])}
            from {parent.schema}.rows
        ) on key_of_child = key_of_parent
    """  # noqa: S608
    both = [(name, f"parent.{other}") for name in ours for other in theirs]
    pairs = [pair for name, other in both for pair in ((other, name), (name, other))]
    taken = {x["name"] for x in (*inferred.columns, *inferred.rules, *inferred.derived)}
    taken |= {*member.names.values()}
    labels = ours | {
        f"parent.{name}": f"{label} of its row in {parent.dataset.replace('_', ' ')}"
        for name, label in theirs.items()
    }
    return [
        {
            "name": free_name(f"{second}_before_{first}".replace("parent.", ""), taken),
            "holds": f"{second} >= {first}",
            "sentence": f"The {labels[second]} is on or after the {labels[first]}.",
        }
        for (first, second), holds in zip(pairs, never_before(database, source, pairs), strict=True)
        if holds
    ]


def _dates(inferred: Inferred) -> dict[str, str]:
    """Labels of the columns that are dates, by name."""
    metas = {column["name"]: column["config"]["meta"] for column in inferred.columns}
    return {name: meta["label"] for name, meta in metas.items() if meta.get("kind") == "date"}
