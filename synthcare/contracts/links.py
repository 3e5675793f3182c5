"""Which columns of tables that somebody brings are keys of each other: by name, and by values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import duckdb

from readers.reading import Reading
from readers.shapes import is_key_name
from readers.tables import plain_name, quoted
from synthcare.contracts.relations import ForeignKey
from synthcare.errors import SynthcareError, some

_MOST_ORPHANS = 0.5  # share of a child's rows; a column with more refers to something else
_NEARLY_A_KEY = 0.9  # share of its values that differ

_ORDERS = {"day", "days", "time", "visit", "sequence", "seq", "order", "position", "number", "no"}


@dataclass(frozen=True)
class Brought:
    """A table in DuckDB, `name`, whose columns are texts, null where a value is missing.

    `labels` name them as its file does, `readings` say what they were read as.
    """

    name: str
    labels: tuple[str, ...]
    readings: Mapping[str, Reading]
    rows: int


@dataclass(frozen=True)
class _Candidate:
    key: ForeignKey
    orphans: int
    repeats: bool  # whether rows of the child share parents


def foreign_keys_of(
    database: duckdb.DuckDBPyConnection, tables: Sequence[Brought]
) -> tuple[dict[str, tuple[ForeignKey, ...]], list[str]]:
    """The foreign keys of each table by name, columns by label; and what to look at.

    A column refers to a key of another table where it is named like it and has its values. Raises
    SynthcareError where a table belongs to no other, or what looks like a key repeats.
    """
    keys = {table.name: _unique_columns(database, table) for table in tables}
    found: dict[str, list[ForeignKey]] = {table.name: [] for table in tables}
    notes: list[str] = []
    for one, other in combinations(tables, 2):
        sides = [
            [*_references(database, child, parent, keys[parent.name])]
            for child, parent in ((other, one), (one, other))
        ]
        best = _best([candidate for side in sides for candidate in side])
        if best is None:
            _check_repeated(database, one, other)
            continue
        child = other if best in sides[0] else one
        found[child.name].append(best.key)
        notes.append(f"{child.name}: {best.key} is taken as what its rows belong to")
        if best.orphans:
            notes.append(
                f"{child.name}: {best.orphans:,} of {child.rows:,} rows belong to no row of "
                f"{best.key.to}"
            )
    parents = {key.to for own in found.values() for key in own}
    linked = parents | {name for name, own in found.items() if own}
    if alone := [table for table in tables if table.name not in linked]:
        (table, *_) = alone
        raise SynthcareError(
            f"{table.name} belongs to no other table: none of its columns ({some(table.labels)}) "
            "is called like a column of another one that has a value of its own in each row, and "
            "has its values. Name both alike, such as patient_id, or declare it in a contract."
        )
    return {name: tuple(own) for name, own in found.items()}, notes


def _unique_columns(database: duckdb.DuckDBPyConnection, table: Brought) -> list[str]:
    """Labels of the columns that have a value in each row, and each its own."""
    tests = ", ".join(
        f"count({quoted(x)}) = count(*) and count(distinct {quoted(x)}) = count(*)"
        for x in table.labels
    )
    found = database.execute(f"select {tests} from {quoted(table.name)}").fetchone()  # noqa: S608
    return [label for label, is_unique in zip(table.labels, found, strict=True) if is_unique]


def _references(
    database: duckdb.DuckDBPyConnection, child: Brought, parent: Brought, keys: Sequence[str]
) -> Iterator[_Candidate]:
    """What in a child may refer to a parent: one column, or several together."""
    pairs = [
        ((label,), (key,))
        for key in keys
        for label in child.labels
        if _is_named_like(label, key, parent.name)
    ]
    # The whole of several keys, such as a hospital's and a patient's within it.
    shared = [(label, key) for label, key in _shared(child, parent) if is_key_name(label)]
    if len(shared) > 1 and not pairs:
        columns, to_columns = (tuple(side) for side in zip(*shared, strict=True))
        if _repeated(database, parent, to_columns) == 0:
            pairs.append((columns, to_columns))
    for columns, to_columns in pairs:
        known, orphans, distinct = database.execute(
            f"""
            with parents as (

                select {_row(to_columns)} as parent_key from {quoted(parent.name)}

            ),

            children as (

                select {_row(columns)} as child_key
                from {quoted(child.name)}
                where {_all_known(columns)}

            )

            select
                count(*),
                count(*) filter (where parent_key is null),
                count(distinct child_key),

            from children
            left join parents on child_key = parent_key
            """  # noqa: S608
        ).fetchone()
        if known and orphans <= _MOST_ORPHANS * known:
            missing = child.rows - known
            yield _Candidate(
                ForeignKey(columns, parent.name, to_columns), orphans + missing, distinct < known
            )


def _best(candidates: Sequence[_Candidate]) -> _Candidate | None:
    """A column that repeats before one that does not; of several, the one with fewest orphans."""
    return min(candidates, key=lambda c: (not c.repeats, c.orphans), default=None)


def _is_named_like(label: str, key: str, parent: str) -> bool:
    """`patient_id` is, like the `patient_id` or the `id` of patients."""
    name, of_key, of_parent = plain_name(label), plain_name(key), plain_name(parent)
    return name in {of_key, of_parent + of_key, of_parent.removesuffix("s") + of_key}


def _shared(child: Brought, parent: Brought) -> list[tuple[str, str]]:
    by_name = {plain_name(label): label for label in parent.labels}
    return [(x, by_name[plain_name(x)]) for x in child.labels if plain_name(x) in by_name]


def _check_repeated(database: duckdb.DuckDBPyConnection, one: Brought, other: Brought) -> None:
    """Raise SynthcareError where two tables share a column that is a key but for some rows."""
    for label, key in _shared(other, one):
        for table, column in ((one, key), (other, label)):
            repeated = _repeated(database, table, (column,))
            if is_key_name(column) and 0 < repeated <= (1 - _NEARLY_A_KEY) * table.rows:
                raise SynthcareError(
                    f"{repeated:,} of {table.rows:,} rows of {table.name} have no {column} of "
                    "their own, so that it does not tell whose the rows of another table are. "
                    "Give each row one."
                )


def _repeated(database: duckdb.DuckDBPyConnection, table: Brought, columns: Sequence[str]) -> int:
    """How many rows lack a key of their own: one that is missing, or that an earlier row has."""
    (count,) = database.execute(
        f"""
        select count(*) - count(distinct {_row(columns)}) filter (where {_all_known(columns)})
        from {quoted(table.name)}
        """  # noqa: S608
    ).fetchone()
    return count


def order_of(
    database: duckdb.DuckDBPyConnection, table: Brought, keys: Sequence[str]
) -> str | None:
    """The label of what rows of one parent are ordered by: a date, or a number that says so.

    Else it is a key of whole numbers, which are given one after the other.
    """
    labels = [label for label in table.labels if label not in keys]
    dates = [label for label in labels if table.readings[label].kind == "date"]
    numbers = [label for label in labels if table.readings[label].kind == "number"]
    named = [label for label in numbers if plain_name(label) in _ORDERS]
    numbered = (x for x in filter(is_key_name, labels) if _is_numbered(database, table, x))
    return next(iter([*dates, *named]), None) or next(numbered, None)


def _is_numbered(database: duckdb.DuckDBPyConnection, table: Brought, label: str) -> bool:
    """Whether each row has a whole number of its own."""
    number = f"try_cast({quoted(label)} as hugeint)"
    (is_numbered,) = database.execute(
        f"select count(distinct {number}) = count(*) from {quoted(table.name)}"  # noqa: S608
    ).fetchone()
    return is_numbered


def _row(columns: Sequence[str]) -> str:
    """SQL of several values as one."""
    return f"row({', '.join(map(quoted, columns))})"


def _all_known(columns: Sequence[str]) -> str:
    return " and ".join(f"{quoted(column)} is not null" for column in columns)
