"""Proposes a contract for a table that somebody brings: `synthcare contract infer`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment

from generators.errors import SynthcareError
from generators.home import PROJECT
from generators.own_table import ALWAYS_MISSING, MISSING, quoted, read_table, sql_names
from generators.population import describe_population
from generators.variety.quotas import MOST_COLUMNS

_MOST_CATEGORIES = 30
_MOST_CODES = 10  # whole numbers with so few values are categories, such as 0 and 1
_MOST_DECIMALS = 6

_QUOTA_CATEGORIES = range(2, 11)
_MOST_CELLS = 60

# Names under which tables call what they are there to predict.
_TARGETS = {"target", "class", "label", "outcome", "diagnosis", "y"}


@dataclass(frozen=True)
class Inferred:
    """A proposed contract: the properties of its columns and rules, and what was unsure."""

    columns: list[dict[str, Any]]
    rules: list[dict[str, str]]
    derived: list[dict[str, str]]
    quotas: list[str]
    doubts: list[str]


def infer(path: Path, columns: Sequence[str] = ()) -> Inferred:
    """Look at a CSV (plain or gzipped) or Parquet file; `columns` are those to take, all if none.

    Raises SynthcareError where the file is no table that a contract could be made for.
    """
    with duckdb.connect() as database:
        labels = read_table(database, path, columns)
        names = sql_names(database, labels)
        doubts = [
            f"{label!r} is called {name}"
            for label, name in zip(labels, names, strict=True)
            if name != re.sub(r"[ -]", "_", label.lower())
        ]
        found = [
            _column(database, label, name, doubts)
            for label, name in zip(labels, names, strict=True)
        ]
        rules, derived = _date_order(database, found, doubts)
    _mark_target(found, doubts)
    return Inferred(found, rules, derived, _quotas(found, doubts), doubts)


def _column(
    database: duckdb.DuckDBPyConnection, label: str, name: str, doubts: list[str]
) -> dict[str, Any]:
    """The properties of one column."""
    text = quoted(label)
    rows, known, distinct, numbers, whole, dates, decimals = database.execute(
        f"""
        select
            count(*),
            count({text}),
            count(distinct {text}),
            count(try_cast({text} as decimal(38, 10))),
            count(*) filter (where regexp_full_match({text}, '[-+]?[0-9]{{1,18}}')),
            count({_date_of(label)}),
            max(length(split_part({text}, '.', 2)))

        from rows
        """  # noqa: S608 (a quoted name)
    ).fetchone()
    if known == 0:
        raise SynthcareError(f"Column '{label}' holds nothing. Leave it out with --columns.")
    found = {"name": name, "description": f"{label}."} | _kind(
        database, label, name, Counts(known, distinct, numbers, whole, dates, decimals), doubts
    )
    meta = found["config"]["meta"]
    if known < rows:
        meta |= _missing(database, label, name, rows - known, doubts)
    population = describe_population(database, meta, text=text, value=_typed(meta, label))
    if population:
        meta["population"] = meta.get("population", {}) | population
    return found


@dataclass(frozen=True)
class Counts:
    """Of the values of a column that are not missing: all, different ones, and those of a kind.

    `decimals` is the most digits after a point.
    """

    known: int
    distinct: int
    numbers: int
    whole: int
    dates: int
    decimals: int


def _kind(
    database: duckdb.DuckDBPyConnection, label: str, name: str, counts: Counts, doubts: list[str]
) -> dict[str, Any]:
    """Data type and `meta` of a column, by what most of its values are."""
    text = quoted(label)
    if counts.whole == counts.known and counts.distinct > _MOST_CODES:
        return _number(database, label, "integer", 0)
    if counts.numbers == counts.known and counts.distinct > _MOST_CODES:
        return _number(database, label, "decimal", min(counts.decimals, _MOST_DECIMALS))
    if counts.dates == counts.known:
        return _date(database, label)
    if counts.distinct <= _MOST_CATEGORIES and not _has_template(database, text):
        return _category(database, label, name, counts.numbers == counts.known, doubts)
    most = max(counts.numbers, counts.dates)
    if most > counts.known / 2:
        doubts.append(
            f"{name}: {most:,} of {counts.known:,} values are "
            f"{'numbers' if counts.numbers == most else 'dates'}, the others are not; "
            "an identifier?"
        )
    else:
        doubts.append(
            f"{name}: {counts.distinct:,} different texts; taken as an identifier, not scored"
        )
    meta = {"label": label, "kind": "identifier", "population": {"faker": "name"}}
    return {"data_type": "varchar", "config": {"meta": meta}}


def _missing(
    database: duckdb.DuckDBPyConnection, label: str, name: str, count: int, doubts: list[str]
) -> dict[str, Any]:
    """The keys of a column that lacks values."""
    text = quoted(label)
    written = [
        value
        for (value,) in database.execute(
            f"select distinct {text} from written where lower({text}) in {MISSING}"  # noqa: S608
            " order by all"
        ).fetchall()
    ]
    named = f", written {', '.join(map(repr, written))}" if written else ""
    doubts.append(f"{name}: {count:,} values are missing{named}; taken as nullable")
    ours = [value for value in written if value.lower() not in ALWAYS_MISSING]
    return {"nullable": True} | ({"missing_values": ours} if ours else {})


def _typed(meta: Mapping[str, Any], label: str) -> str:
    """SQL of a column's value, of which there are quantiles."""
    types = {"integer": "decimal(38, 0)", "decimal": f"decimal(38, {_MOST_DECIMALS})"}
    if meta["kind"] == "date":
        return _date_of(label)
    return f"cast({quoted(label)} as {types.get(meta['kind'], 'varchar')})"


def _has_template(database: duckdb.DuckDBPyConnection, text: str) -> bool:
    """Whether a value would be taken for Jinja by dbt, which reads the contract as a template."""
    (found,) = database.execute(
        f"select count(*) from rows where regexp_matches({text}, '\\{{[{{%#]')"  # noqa: S608
    ).fetchone()
    return found > 0


def _number(
    database: duckdb.DuckDBPyConnection, label: str, kind: str, decimals: int
) -> dict[str, Any]:
    exact = f"decimal(38, {decimals})"
    low, high = database.execute(
        f"select min(v), max(v) from (select cast({quoted(label)} as {exact}) as v from rows)"  # noqa: S608
    ).fetchone()
    digits = max(len(str(abs(int(bound)))) for bound in (low, high))
    small = digits <= 9  # noqa: PLR2004 (an integer of 32 bits)
    types = {
        "integer": "integer" if small else "bigint",
        "decimal": f"decimal({min(38, max(12, digits + decimals + 2))}, {decimals})",
    }
    convert = int if kind == "integer" else float
    meta = {"label": label, "kind": kind, "min": convert(low), "max": convert(high)}
    return {"data_type": types[kind], "config": {"meta": meta}}


def _date(database: duckdb.DuckDBPyConnection, label: str) -> dict[str, Any]:
    low, high = database.execute(
        f"select min(v), max(v) from (select {_date_of(label)} as v from rows)"  # noqa: S608
    ).fetchone()
    meta: dict[str, str | date] = {"label": label, "kind": "date", "min": low, "max": high}
    return {"data_type": "date", "config": {"meta": meta}}


def _category(
    database: duckdb.DuckDBPyConnection, label: str, name: str, is_number: bool, doubts: list[str]
) -> dict[str, Any]:
    text = quoted(label)
    values = [
        value
        for (value,) in database.execute(
            f"select distinct {text} from rows where {text} is not null order by all"  # noqa: S608
        ).fetchall()
    ]
    folded = {value.lower() for value in values}
    if len(folded) < len(values):
        doubts.append(f"{name}: some values differ in letter case only, and become one")
        values = list({value.lower(): value for value in values}.values())
    if is_number:
        values.sort(key=float)
        doubts.append(f"{name}: few numbers ({', '.join(values[:4])}, …); taken as categories")
    if len(values) == 1:
        doubts.append(f"{name}: every value is {values[0]!r}")
    meta = {"label": label, "kind": "categorical", "accepted_values": values}
    return {"data_type": "varchar", "config": {"meta": meta}}


def _date_order(
    database: duckdb.DuckDBPyConnection, columns: list[dict[str, Any]], doubts: list[str]
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """A rule and a number of days for each two dates of which one is never before the other."""
    rules, derived = [], []
    dates = [c for c in columns if c["config"]["meta"]["kind"] == "date"]
    for first in dates:
        for second in dates:
            labels = [c["config"]["meta"]["label"] for c in (first, second)]
            if first is second:
                continue
            earlier, later = (_date_of(label) for label in labels)
            is_ordered, differ = database.execute(
                f"select bool_and({earlier} <= {later}), bool_or({earlier} < {later}) from rows"  # noqa: S608
            ).fetchone()
            if not (is_ordered and differ):
                continue
            names = (first["name"], second["name"])
            rules.append(
                {
                    "name": f"{names[1]}_before_{names[0]}",
                    "holds": f"{names[1]} >= {names[0]}",
                    "sentence": f"The {labels[1]} is on or after the {labels[0]}.",
                }
            )
            derived.append(
                {
                    "name": f"days_from_{names[0]}_to_{names[1]}",
                    "description": f"Days from {labels[0]} to {labels[1]}.",
                    "sql": f"datediff('day', {names[0]}, {names[1]})",
                }
            )
            doubts.append(f"{names[1]} is never before {names[0]}: taken as a rule")
            if dates.index(first) < dates.index(second):
                second["config"]["meta"]["population"] = second["config"]["meta"][
                    "population"
                ] | _days_after(database, first, second)
    return rules, derived


def _days_after(
    database: duckdb.DuckDBPyConnection, first: dict[str, Any], second: dict[str, Any]
) -> dict[str, Any]:
    """How long after `first` the date `second` is; of several dates, the last one counts."""
    start, end = (_date_of(column["config"]["meta"]["label"]) for column in (first, second))
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


def _quotas(columns: list[dict[str, Any]], doubts: list[str]) -> list[str]:
    """Columns whose mix is worth keeping: the first of few categories, with few cells together."""
    chosen, cells = [], 1
    for column in columns:
        categories = len(column["config"]["meta"].get("accepted_values", ""))
        is_small = categories in _QUOTA_CATEGORIES and cells * categories <= _MOST_CELLS
        if is_small and len(chosen) < MOST_COLUMNS:
            chosen.append(column["name"])
            cells *= categories
    if chosen:
        doubts.append(f"with --variety quotas, {', '.join(chosen)} come out as declared (quotas)")
    return chosen


def _date_of(label: str) -> str:
    """SQL of the date that a text of the column is typed as, by the very macro of the models."""
    macros = (PROJECT / "macros" / "typing.sql").read_text()
    template = Environment(extensions=["jinja2.ext.do"]).from_string(  # noqa: S701 (no HTML)
        macros + "{{ date_value(text) }}"
    )
    return f"({template.render(text=quoted(label)).strip()})"
