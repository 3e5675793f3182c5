"""Which columns of tables that somebody brings are keys of each other: by name, and by values."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import duckdb

from readers.reading import Reading
from readers.shapes import is_key_name
from readers.tables import plain_name, quoted
from synthcare.contracts.relations import ForeignKey, depths
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
    rows: int  # of the child
    known: int  # of them, that name a parent
    orphans: int  # of those, that name none that is there
    repeats: bool  # whether rows of the child share parents

    @property
    def is_key(self) -> bool:
        return bool(self.known) and self.orphans <= _MOST_ORPHANS * self.known

    @property
    def lost(self) -> int:
        """Rows of the child that belong to nothing."""
        return self.rows - self.known + self.orphans

    @property
    def is_numbering(self) -> bool:
        """Whether both tables merely have an id, which may count the rows of either."""
        return not self.repeats and [*map(plain_name, self.key.columns)] == ["id"]


def foreign_keys_of(
    database: duckdb.DuckDBPyConnection, tables: Sequence[Brought]
) -> tuple[dict[str, tuple[ForeignKey, ...]], list[str]]:
    """The foreign keys of each table by name, columns by label; and what to look at.

    A column refers to a key of another table where it is named like it and has its values. What a
    table belongs to most closely comes first. Raises SynthcareError where a table belongs to no
    other, or what looks like a key repeats.
    """
    found: dict[str, list[_Candidate]] = {table.name: [] for table in tables}
    candidates = _candidates(database, tables)
    for is_numbering in (False, True):
        unlinked = _alone(found)
        for child, candidate in (chosen for of_two in candidates for chosen in _chosen(of_two)):
            if candidate.is_numbering == is_numbering and (
                not is_numbering or {child, candidate.key.to} & unlinked
            ):
                found[child].append(candidate)
    _check_keys(database, tables, candidates, found)
    found = {
        name: [x for x in own if not _is_beside(x.key, own, found)] for name, own in found.items()
    }
    keys = {name: [candidate.key for candidate in own] for name, own in found.items()}
    levels = depths(keys)
    rows = {table.name: table.rows for table in tables}
    nearest: dict[str, tuple[ForeignKey, ...]] = {}
    notes = []
    for name, own in found.items():
        kept = [x for x in own if not _is_implied(x.key, name, keys)]
        kept.sort(key=lambda x: (-levels[x.key.to], -rows[x.key.to], x.key.to))
        nearest[name] = tuple(candidate.key for candidate in kept)
        for candidate in kept:
            notes.append(f"{name}: {candidate.key} is taken as what its rows belong to")
            if candidate.lost:
                notes.append(
                    f"{name}: {candidate.lost:,} of {rows[name]:,} rows belong to no row of "
                    f"{candidate.key.to}"
                )
    return nearest, notes


def _candidates(
    database: duckdb.DuckDBPyConnection, tables: Sequence[Brought]
) -> list[list[tuple[str, _Candidate]]]:
    """For each two tables, what in one may refer to the other, with the name of the child."""
    keys = {table.name: unique_columns(database, table) for table in tables}
    return [
        [
            (child.name, candidate)
            for child, parent in ((other, one), (one, other))
            for candidate in _references(database, child, parent, keys[parent.name])
        ]
        for one, other in combinations(tables, 2)
    ]


def _chosen(candidates: Sequence[tuple[str, _Candidate]]) -> list[tuple[str, _Candidate]]:
    """Of two tables a column that repeats before one that does not, the one with fewest orphans.

    Behind it comes what makes a circle of them: another column, in the other table.
    """
    found = [(child, candidate) for child, candidate in candidates if candidate.is_key]
    found.sort(key=lambda one: (not one[1].repeats, one[1].lost))
    if not found:
        return []
    (child, best), *others = found
    # A key that both tables share is the same either way, and no circle.
    known = {(one, candidate.key.columns, candidate.key.to_columns) for one, candidate in found}
    back = [
        (other, candidate)
        for other, candidate in others
        if other != child
        and (child, candidate.key.to_columns, candidate.key.columns) not in known
        and not candidate.is_numbering
    ]
    return [(child, best), *back[:1]]


def _is_beside(
    key: ForeignKey, own: Sequence[_Candidate], found: Mapping[str, Sequence[_Candidate]]
) -> bool:
    """Whether a key leads to a table that merely says more of the rows of another one.

    So stays belong to patients, and not to their details, which have one row for each patient.
    """
    others = {(x.key.columns, x.key.to, x.key.to_columns) for x in own}
    return any(
        not above.repeats
        and above.key.columns == key.to_columns
        and (key.columns, above.key.to, above.key.to_columns) in others
        for above in found[key.to]
    )


def _alone(found: Mapping[str, Sequence[_Candidate]]) -> set[str]:
    """The tables that belong to no other, and none to them."""
    parents = {candidate.key.to for own in found.values() for candidate in own}
    return {name for name, own in found.items() if not own} - parents


def _is_implied(key: ForeignKey, child: str, keys: Mapping[str, Sequence[ForeignKey]]) -> bool:
    """Whether a parent says the same of its own parent, as a patient does of the hospital."""
    for other in keys[child]:
        of_parent = dict(zip(other.to_columns, other.columns, strict=True))
        for above in keys[other.to]:
            columns = tuple(of_parent.get(column) for column in above.columns)
            pairs = set(zip(columns, above.to_columns, strict=True))
            if above.to == key.to and pairs == set(zip(key.columns, key.to_columns, strict=True)):
                return True
    return False


def _check_keys(
    database: duckdb.DuckDBPyConnection,
    tables: Sequence[Brought],
    candidates: Sequence[Sequence[tuple[str, _Candidate]]],
    found: Mapping[str, Sequence[_Candidate]],
) -> None:
    """Raise SynthcareError where a table belongs to no other, or what looks like a key repeats."""
    linked = {
        name: {
            label
            for child, own in found.items()
            for candidate in own
            for label in (
                *(candidate.key.columns if child == name else ()),
                *(candidate.key.to_columns if candidate.key.to == name else ()),
            )
        }
        for name in found
    }
    for one, other in combinations(tables, 2):
        _check_repeated(database, one, other, linked)
    alone = _alone(found)
    for child, candidate in (x for of_two in candidates for x in of_two):
        if {child, candidate.key.to} & alone and candidate.known and not candidate.is_numbering:
            key = candidate.key
            raise SynthcareError(
                f"{candidate.orphans:,} of {candidate.known:,} rows of {child} that have "
                f"{some(key.columns)} name a row that {key.to} does not have "
                f"({_example(database, child, key)}). Write keys alike in both files, or bring "
                "all rows."
            )
    if lonely := [table for table in tables if table.name in alone]:
        (table, *_) = lonely
        raise SynthcareError(
            f"{table.name} belongs to no other table: none of its columns ({some(table.labels)}) "
            "is called like a column of another one that has a value of its own in each row, and "
            "has its values. Name both alike, such as patient_id, or declare it in a contract."
        )


def _example(database: duckdb.DuckDBPyConnection, child: str, key: ForeignKey) -> str:
    """A key of either table, the child's one that its parent does not have."""
    theirs, ours = (
        f"concat_ws(' ', {', '.join(map(quoted, columns))})"
        for columns in (key.to_columns, key.columns)
    )
    here, there = database.execute(
        f"""
        with parents as (

            select {theirs} as parent_key from {quoted(key.to)}

        ),

        orphans as (

            select {ours} as child_key
            from {quoted(child)}
            where
                {all_known(key.columns)}
                and child_key not in (select parent_key from parents)

        )

        select
            (select min(child_key) from orphans),
            (select min(parent_key) from parents)
        """  # noqa: S608
    ).fetchone()
    return f"{here} here, {there} there"


def unique_columns(database: duckdb.DuckDBPyConnection, table: Brought) -> list[str]:
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
    if not pairs:
        pairs += [
            (columns, to_columns)
            for columns, to_columns in _composites(child, parent)
            if _repeated(database, parent, to_columns) == 0
        ][:1]
    for columns, to_columns in pairs:
        known, orphans, distinct = database.execute(
            f"""
            with parents as (

                select {row_of(to_columns)} as parent_key from {quoted(parent.name)}

            ),

            children as (

                select {row_of(columns)} as child_key
                from {quoted(child.name)}
                where {all_known(columns)}

            )

            select
                count(*),
                count(*) filter (where parent_key is null),
                count(distinct child_key),

            from children
            left join parents on child_key = parent_key
            """  # noqa: S608
        ).fetchone()
        yield _Candidate(
            ForeignKey(columns, parent.name, to_columns),
            child.rows,
            known,
            orphans,
            distinct < known,
        )


def _is_named_like(label: str, key: str, parent: str) -> bool:
    """`patient_id` is, like the `patient_id` or the `id` of patients."""
    name, of_key, of_parent = plain_name(label), plain_name(key), plain_name(parent)
    return name in {of_key, of_parent + of_key, of_parent.removesuffix("s") + of_key}


def _shared(child: Brought, parent: Brought) -> list[tuple[str, str]]:
    by_name = {plain_name(label): label for label in parent.labels}
    return [(x, by_name[plain_name(x)]) for x in child.labels if plain_name(x) in by_name]


def _composites(one: Brought, other: Brought) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Columns of both tables that may be a key together, such as a hospital and a patient in it.

    They are all that are called like keys, and these with one more column.
    """
    shared = _shared(one, other)
    named = [(label, key) for label, key in shared if is_key_name(label)]
    others = [pair for pair in shared if pair not in named]
    for pairs in [named, *([*named, pair] for pair in others if named)]:
        if len(pairs) > 1:
            yield tuple(label for label, _ in pairs), tuple(key for _, key in pairs)


def _check_repeated(
    database: duckdb.DuckDBPyConnection,
    one: Brought,
    other: Brought,
    linked: Mapping[str, Collection[str]],
) -> None:
    """Raise SynthcareError where two tables share what is a key but for some rows."""
    single = [((label,), (key,)) for label, key in _shared(other, one)]
    for labels, keys in (*single, *[*_composites(other, one)][:1]):
        if {*labels} & {*linked[other.name]} or {*keys} & {*linked[one.name]}:
            continue
        for table, columns in ((one, keys), (other, labels)):
            if not all(map(is_key_name, columns)):
                continue
            repeated = _repeated(database, table, columns)
            if 0 < repeated <= (1 - _NEARLY_A_KEY) * table.rows:
                raise SynthcareError(
                    f"{repeated:,} of {table.rows:,} rows of {table.name} have no "
                    f"{', '.join(columns)} of their own, so that it does not tell whose the rows "
                    "of another table are. Give each row one."
                )


def _repeated(database: duckdb.DuckDBPyConnection, table: Brought, columns: Sequence[str]) -> int:
    """How many rows lack a key of their own: one that is missing, or that an earlier row has."""
    (count,) = database.execute(
        f"""
        select count(*) - count(distinct {row_of(columns)}) filter (where {all_known(columns)})
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


def row_of(columns: Sequence[str]) -> str:
    """SQL of several values as one."""
    return f"row({', '.join(map(quoted, columns))})"


def all_known(columns: Sequence[str]) -> str:
    return " and ".join(f"{quoted(column)} is not null" for column in columns)
