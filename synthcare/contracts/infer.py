"""Proposes a contract for a table that somebody brings: `synthcare contract infer`."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from readers.dialect import Dialect
from readers.shapes import ALWAYS_MISSING, MISSING
from readers.tables import Table, quoted, read_table
from synthcare.contracts.contract import MOST_QUOTAS
from synthcare.contracts.kinds import Values, identifier, is_key, kind_of, look_at
from synthcare.contracts.names import sql_names
from synthcare.contracts.population import describe_population
from synthcare.errors import SynthcareError

FEWEST_ROWS = 20

_FAR = "2200-01-01"  # no table has such dates but to say that something has no end

_QUOTA_CATEGORIES = range(2, 11)
_MOST_CELLS = 60

# Names under which tables call what they are there to predict.
_TARGETS = {"target", "class", "label", "outcome", "diagnosis", "y"}
# Words of names under which tables have groups of people.
_SENSITIVE = {
    *("race", "ethnicity", "ethnic", "sex", "gender", "age", "religion", "nationality", "marital"),
    *("language", "disability", "disabled", "immigrant", "indigenous"),
}
_PATIENTS = re.compile(r"patient|subject|person|member|mrn|record|case|enrollee", re.I)


@dataclass(frozen=True)
class Inferred:
    """A proposed contract: the properties of its columns and rules, and what was unsure.

    `group` is the label of the column whose rows of one value belong together, which is none of
    the `columns`. Of tables that belong together, `constraints` are their keys, and `children` says
    how the rows of one parent are; both as in the contract.
    """

    columns: list[dict[str, Any]]
    rules: list[dict[str, str]]
    derived: list[dict[str, str]]
    quotas: list[str]
    doubts: list[str]
    group: str | None = None
    constraints: list[dict[str, Any]] = field(default_factory=list)
    children: dict[str, Any] = field(default_factory=dict)

    @property
    def quota_doubts(self) -> list[str]:
        """What those should look at who generate rows with quotas."""
        if not self.quotas:
            return []
        return [f"with --variety quotas, {', '.join(self.quotas)} come out as declared (quotas)"]


def infer(
    path: Path,
    columns: Sequence[str] = (),
    dialect: Dialect = Dialect(),  # noqa: B008 (frozen)
) -> Inferred:
    """Look at a CSV (plain or gzipped) or Parquet file; `columns` are those to take, all if none.

    Raises SynthcareError where the file is no table that a contract could be made for.
    """
    with duckdb.connect() as database:
        return infer_rows(database, path, read_table(database, path, columns, dialect))


def infer_rows(
    database: duckdb.DuckDBPyConnection,
    path: Path,
    table: Table,
    keys: Collection[str] = (),
    order: str | None = None,
) -> Inferred:
    """Look at the table that was read from `path`.

    `keys` are labels that say what rows belong to: they are no columns, and no group is sought.
    Rows of one parent are ordered by the column `order`. Raises SynthcareError as `infer` does.
    """
    if table.rows < FEWEST_ROWS:
        raise SynthcareError(
            f"{path} has {table.rows} rows, too few to say what its columns hold: "
            f"{FEWEST_ROWS} at least."
        )
    names = sql_names(database, table.labels)
    doubts = [*table.notes]
    doubts += [
        f"{label!r} is called {name}"
        for label, name in zip(table.labels, names, strict=True)
        if name != re.sub(r"[ -]", "_", label.lower())
    ]
    endless = {
        label: found
        for label in table.labels
        if table.readings[label].kind == "date" and (found := _endless(database, label))
    }
    seen = [
        look_at(database, label, name, table.readings[label])
        for label, name in zip(table.labels, names, strict=True)
        if label not in keys
    ]
    own_keys = [values for values in seen if is_key(database, values)]
    group = None if keys else _group(own_keys, seen, doubts)
    found = [
        _column(
            database,
            values,
            doubts,
            is_key=values in own_keys,
            is_order=values.label == order,
            words=(*MISSING, *filter(None, [endless.get(values.label)])),
        )
        for values in seen
        if values is not group
    ]
    rules, derived = _date_order(database, found, doubts)
    _mark_target(found, doubts)
    _mark_sensitive(found, doubts)
    return Inferred(found, rules, derived, _quotas(found), doubts, group.label if group else None)


def _group(keys: list[Values], seen: list[Values], doubts: list[str]) -> Values | None:
    """The key that repeats, a patient's before others; none where it is the only column."""
    repeated = [values for values in keys if values.distinct < values.known]
    repeated.sort(key=lambda values: not _PATIENTS.search(values.label))
    if not repeated or len(seen) == 1:
        return None
    group = repeated[0]
    doubts.append(
        f"{group.name}: {group.distinct:,} keys in {group.known:,} rows; taken as what rows of one "
        "value belong together by (reference.group), and left out of the columns"
    )
    return group


def _endless(database: duckdb.DuckDBPyConnection, label: str) -> str | None:
    """The one date of a column, such as 9999-12-31, that says there is none; makes it missing."""
    far, others, last = database.execute(
        f"""
        select count(distinct v) filter (where v >= $far), count(distinct v), max(v)
        from (select {quoted(label)} as v from rows)
        """,  # noqa: S608
        {"far": _FAR},
    ).fetchone()
    if far != 1 or others == 1:
        return None
    database.execute(
        f"update rows set {quoted(label)} = null where {quoted(label)} = $last",  # noqa: S608
        {"last": last},
    )
    return last


def _column(
    database: duckdb.DuckDBPyConnection,
    values: Values,
    doubts: list[str],
    *,
    is_key: bool,
    is_order: bool,
    words: Sequence[str],
) -> dict[str, Any]:
    """The properties of one column; `words` are those that mean that a value is missing."""
    if values.known == 0:
        raise SynthcareError(f"Column '{values.label}' holds nothing. Leave it out with --columns.")
    found = {"name": values.name, "description": f"{values.label}."}
    if is_key:
        doubts.append(f"{values.name}: looks like a key; taken as an identifier, not scored")
        found |= identifier(database, values)
    else:
        found |= kind_of(database, values, doubts, is_order=is_order)
    meta = found["config"]["meta"]
    if values.known < values.rows:
        meta |= _missing(database, values, doubts, words)
    population = describe_population(
        database, meta, text=values.text, value=f"cast({values.text} as {found['data_type']})"
    )
    if population:
        meta["population"] = meta.get("population", {}) | population
    return found


def _missing(
    database: duckdb.DuckDBPyConnection,
    values: Values,
    doubts: list[str],
    words: Sequence[str],
) -> dict[str, Any]:
    """The keys of a column that lacks values."""
    text = f"trim({values.text})"
    written = [
        value
        for (value,) in database.execute(
            f"select distinct {text} from written where lower({text}) in {tuple(words)}"  # noqa: S608
            " order by all"
        ).fetchall()
    ]
    count = values.rows - values.known
    named = f", written {', '.join(map(repr, written))}" if written else ""
    doubts.append(f"{values.name}: {count:,} values are missing{named}; taken as nullable")
    ours = [value for value in written if value.lower() not in ALWAYS_MISSING]
    return {"nullable": True} | ({"missing_values": ours} if ours else {})


def _date_order(
    database: duckdb.DuckDBPyConnection, columns: list[dict[str, Any]], doubts: list[str]
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """A rule and a number of days for each two dates of which one is never before the other."""
    rules, derived = [], []
    taken = {column["name"] for column in columns}
    dates = [c for c in columns if c["config"]["meta"]["kind"] == "date"]
    pairs = [(first, second) for first in dates for second in dates if first is not second]
    named = {c["name"]: date_of(c["config"]["meta"]["label"]) for c in dates}
    source = f"select {', '.join(f'{x} as {quoted(name)}' for name, x in named.items())} from rows"  # noqa: S608
    ordered = never_before(database, source, [(a["name"], b["name"]) for a, b in pairs])
    for (first, second), is_ordered in zip(pairs, ordered, strict=True):
        if is_ordered:
            labels = [c["config"]["meta"]["label"] for c in (first, second)]
            names = (first["name"], second["name"])
            rules.append(
                {
                    "name": free_name(f"{names[1]}_before_{names[0]}", taken),
                    "holds": f"{names[1]} >= {names[0]}",
                    "sentence": f"The {labels[1]} is on or after the {labels[0]}.",
                }
            )
            derived.append(
                {
                    "name": free_name(f"days_from_{names[0]}_to_{names[1]}", taken),
                    "description": f"Days from {labels[0]} to {labels[1]}.",
                    "sql": f"datediff('day', {names[0]}, {names[1]})",
                }
            )
            doubts.append(f"{names[1]} is never before {names[0]}: taken as a rule")
            bounds = [c["config"]["meta"] for c in (first, second)]
            is_near = bounds[1]["max"].year < int(_FAR[:4])
            # Of dates that never cross, such as births and visits, each has its own spread; as an
            # offset from a birth, a visit would be decades before or after all others.
            may_cross = bounds[0]["max"] > bounds[1]["min"]
            if dates.index(first) < dates.index(second) and is_near and may_cross:
                second["config"]["meta"]["population"] = second["config"]["meta"][
                    "population"
                ] | _days_after(database, first, second)
    return rules, derived


def never_before(
    database: duckdb.DuckDBPyConnection, source: str, pairs: Sequence[tuple[str, str]]
) -> list[bool]:
    """For each two dates, whether the first is never after the second, and at times before it.

    `source` is SQL of rows that have these dates as columns.
    """
    if not pairs:
        return []
    tests = ", ".join(
        f"bool_and({first} <= {second}) and bool_or({first} < {second})"
        for first, second in (map(quoted, pair) for pair in pairs)
    )
    found = database.execute(f"select {tests} from ({source})").fetchone()  # noqa: S608
    return [*map(bool, found)]


def free_name(name: str, taken: set[str]) -> str:
    """The name, with a letter more where a column has it."""
    while name in taken:
        name = f"{name}_x"
    taken.add(name)
    return name


def _days_after(
    database: duckdb.DuckDBPyConnection, first: dict[str, Any], second: dict[str, Any]
) -> dict[str, Any]:
    """How long after `first` the date `second` is; of several dates, the last one counts."""
    start, end = (date_of(column["config"]["meta"]["label"]) for column in (first, second))
    days = f"datediff('day', {start}, {end})"
    low, high = database.execute(f"select min({days}), max({days}) from rows").fetchone()  # noqa: S608
    return {"days_after": first["name"], "min": low, "max": high}


def _mark_target(columns: list[dict[str, Any]], doubts: list[str]) -> None:
    """Mark what is named like a target, or else the last category of few values."""
    scored = [c for c in columns if c["config"]["meta"]["kind"] != "identifier"]
    named = [c for c in scored if c["name"].removesuffix("_value") in _TARGETS]
    few = [c for c in scored if len(c["config"]["meta"].get("accepted_values", "")) in range(2, 11)]
    for column in named or few[-1:]:
        column["config"]["meta"]["target"] = True
        doubts.append(f"{column['name']} is taken as what is worth predicting (target)")


def _mark_sensitive(columns: list[dict[str, Any]], doubts: list[str]) -> None:
    """Mark what is named like groups of people."""
    for column in columns:
        if column["config"]["meta"]["kind"] != "identifier" and is_sensitive_name(column["name"]):
            column["config"]["meta"]["sensitive"] = True
            doubts.append(f"{column['name']} is taken as groups of people (sensitive)")


def is_sensitive_name(name: str) -> bool:
    """Whether a column is named like groups of people, such as `age_group`."""
    return bool({*re.split(r"[\W_\d]+", name.lower())} & _SENSITIVE)


def _quotas(columns: list[dict[str, Any]]) -> list[str]:
    """Columns whose mix is worth keeping: the first of few categories, with few cells together."""
    chosen, cells = [], 1
    for column in columns:
        categories = len(column["config"]["meta"].get("accepted_values", ""))
        is_small = categories in _QUOTA_CATEGORIES and cells * categories <= _MOST_CELLS
        if is_small and len(chosen) < MOST_QUOTAS:
            chosen.append(column["name"])
            cells *= categories
    return chosen


def date_of(label: str) -> str:
    """SQL of a date, which `readers` have written as ISO."""
    return f"cast({quoted(label)} as date)"
