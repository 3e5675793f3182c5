"""What kind of column the values of a table make, as a contract declares it."""

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb

from readers.reading import Reading
from readers.shapes import is_key_name
from readers.tables import quoted

MOST_CATEGORIES = 30
MOST_DECIMALS = 6
_MOST_CODES = 10  # numbers with so few values are categories, such as 0 and 1
_MOST_DIGITS = 28  # before the point; a decimal has 38
_ICD = "[A-TV-Z][0-9][0-9AB]([.]?[0-9A-Z]{1,4})?"
_NARROW = 18  # digits of a decimal of 64 bits
_SHORT_DIGITS, _LONG_DIGITS = 9, 18  # of integers of 32 and 64 bits
_KEY_DIGITS = 6  # of whole numbers that are equally long, such as record numbers
_SIGNIFICANT = 3
_TINIEST = 20  # decimals that are kept of a column of small numbers


@dataclass(frozen=True)
class Values:
    """A column of the table `rows`: its label and name, how it was read, and counts of its values.

    Of values that are not missing: all, different ones, numbers, dates. `decimals` is the most
    digits after a point, `longest` the most characters.
    """

    label: str
    name: str
    reading: Reading
    rows: int
    known: int
    distinct: int
    numbers: int
    dates: int
    decimals: int
    longest: int

    @property
    def text(self) -> str:
        """SQL of a value."""
        return quoted(self.label)

    @property
    def is_number(self) -> bool:
        """Whether every value is a number, and meant as one."""
        return self.reading.kind == "number" and self.numbers == self.known


def look_at(database: duckdb.DuckDBPyConnection, label: str, name: str, reading: Reading) -> Values:
    """Count the values of a column."""
    text = quoted(label)
    # What was recognised already need not be tried.
    numbers, dates = {
        "number": (f"try_cast({text} as double)", "null"),
        "date": ("null", f"try_cast({text} as date)"),
        "time": ("null", "null"),
    }.get(
        reading.kind,
        (
            f"case when {text}[1] in {(*'0123456789-.',)} then try_cast({text} as double) end",
            f"case when contains({text}, '-') then try_cast({text} as date) end",
        ),
    )
    counts = database.execute(
        f"""
        select
            count(*),
            count({text}),
            count(distinct {text}),
            count({numbers}),
            count({dates}),
            -- 1e-8 has decimals, too
            coalesce(max(if(
                contains(lower({text}), 'e'), {MOST_DECIMALS}, length(split_part({text}, '.', 2))
            )), 0),
            coalesce(max(length({text})), 0)

        from rows
        """  # noqa: S608 (a quoted name)
    ).fetchone()
    return Values(label, name, reading, *counts)


def is_key(database: duckdb.DuckDBPyConnection, values: Values) -> bool:
    """Whether a column tells rows, or patients, apart: it is named so, or numbers the rows."""
    if is_key_name(values.label):
        return values.distinct > MOST_CATEGORIES or values.distinct == values.known
    if not (values.is_number and values.decimals == 0 and values.distinct == values.rows):
        return False
    is_increasing, shortest, longest = database.execute(
        f"""
        select
            bool_and(coalesce(n > before, true)), min(length(v)), max(length(v))
        from (
            select v, try_cast(v as hugeint) as n, lag(n) over (order by place) as before
            from (select {values.text} as v, rowid as place from rows) where v is not null
        )
        """  # noqa: S608
    ).fetchone()
    return is_increasing or (shortest == longest >= _KEY_DIGITS)


def kind_of(
    database: duckdb.DuckDBPyConnection,
    values: Values,
    doubts: list[str],
    *,
    is_order: bool = False,
) -> dict[str, Any]:
    """Data type and `meta` of a column that is no key, by what all its values are.

    Numbers that rows are ordered by are no categories, however few there are.
    """
    if values.reading.kind == "date" and values.dates == values.known:
        return _date(database, values)
    if values.is_number and (is_order or values.distinct > _MOST_CODES):
        number = _number(database, values, doubts)
        if number:
            return number
        doubts.append(f"{values.name}: numbers too long to be kept; taken as an identifier")
        return identifier(database, values)
    is_text = values.reading.kind in ("text", "number")
    if is_text and values.distinct <= MOST_CATEGORIES:
        category = _category(database, values, doubts)
        if category:
            return category
    if not values.reading.note:
        doubts.append(f"{values.name}: {_why_identifier(database, values)}")
    return identifier(database, values)


def identifier(database: duckdb.DuckDBPyConnection, values: Values) -> dict[str, Any]:
    """Data type and `meta` of a column that is not scored: codes of digits, or names."""
    (is_code,) = database.execute(
        f"select bool_and(regexp_full_match({values.text}, '[0-9]+')) from rows"  # noqa: S608
    ).fetchone()
    population = {"faker": "postcode" if is_code else "name"}
    meta = {"label": values.label, "kind": "identifier", "population": population}
    return {"data_type": "varchar", "config": {"meta": meta}}


def _why_identifier(database: duckdb.DuckDBPyConnection, values: Values) -> str:
    if mixed := _mixed(values):
        return f"{mixed}; an identifier?"
    (is_icd,) = database.execute(
        f"""
        select bool_and(regexp_full_match({values.text}, '{_ICD}'))
        from rows
        """  # noqa: S608
    ).fetchone()
    if is_icd:
        return (
            f"{values.distinct:,} different codes as of ICD-10; taken as an identifier, not "
            "scored. To score them, keep their first letters in a column of its own"
        )
    return f"{values.distinct:,} different texts; taken as an identifier, not scored"


def _mixed(values: Values) -> str:
    """What most values are though they are not taken so; empty where they are just texts."""
    most = max(values.numbers, values.dates)
    if most < values.known / 2:
        return ""
    what = "numbers" if values.numbers == most else "dates"
    if most == values.known:
        return f"all values are {what}, under the name of a code"
    return f"{most:,} of {values.known:,} values are {what}, the others are not"


def _number(
    database: duckdb.DuckDBPyConnection, values: Values, doubts: list[str]
) -> dict[str, Any] | None:
    """An integer or a decimal; None where the numbers are too long."""
    decimals = min(values.decimals, MOST_DECIMALS)
    if values.decimals >= MOST_DECIMALS:
        (middle,) = database.execute(
            f"""
            select median(abs(v)) filter (where v <> 0)
            from (select cast({values.text} as double) as v from rows)
            """  # noqa: S608
        ).fetchone()
        needed = _SIGNIFICANT - 1 - math.floor(math.log10(middle or 1))
        if needed > MOST_DECIMALS:
            decimals = min(needed, _TINIEST)
            doubts.append(f"{values.name}: small numbers, kept with {decimals} decimals")
    kind = "integer" if values.decimals == 0 else "decimal"
    # The wider one takes ten times as long.
    precision = _NARROW if values.longest + decimals < _NARROW else 38
    low, high, kept = database.execute(
        f"""
        select min(v), max(v), count(v)
        from (
            select try_cast({values.text} as decimal({precision}, {decimals})) as v from rows
        )
        """  # noqa: S608
    ).fetchone()
    digits = max(len(str(int(abs(bound or 0)))) for bound in (low, high))
    if kept < values.known or digits > (_MOST_DIGITS if decimals else _LONG_DIGITS):
        return None
    small = digits <= _SHORT_DIGITS
    types = {
        "integer": "integer" if small else "bigint",
        "decimal": f"decimal({min(38, max(12, digits + decimals + 2))}, {decimals})",
    }
    convert = int if kind == "integer" else float
    meta = {"label": values.label, "kind": kind, "min": convert(low), "max": convert(high)}
    if values.reading.unit:
        meta["unit"] = values.reading.unit
    return {"data_type": types[kind], "config": {"meta": meta}}


def _date(database: duckdb.DuckDBPyConnection, values: Values) -> dict[str, Any]:
    low, high = database.execute(
        f"select min(v), max(v) from (select cast({values.text} as date) as v from rows)"  # noqa: S608
    ).fetchone()
    meta = {"label": values.label, "kind": "date", "min": low, "max": high}
    return {"data_type": "date", "config": {"meta": meta}}


def _category(
    database: duckdb.DuckDBPyConnection, values: Values, doubts: list[str]
) -> dict[str, Any] | None:
    """A category; None where dbt, which reads the contract as a template, would find Jinja."""
    found = [
        value
        for (value,) in database.execute(
            f"select distinct {values.text} from rows where {values.text} is not null order by all"  # noqa: S608
        ).fetchall()
    ]
    if any(re.search(r"\{[{%#]", value) for value in found):
        return None
    folded = {value.lower() for value in found}
    if len(folded) < len(found):
        doubts.append(f"{values.name}: some values differ in letter case only, and become one")
        found = list({value.lower(): value for value in found}.values())
    if values.is_number:
        found = sorted({Decimal(value): value for value in found}.values(), key=Decimal)
        doubts.append(
            f"{values.name}: few numbers ({', '.join(found[:4])}, …); taken as categories"
        )
    elif not values.reading.note and (mixed := _mixed(values)):
        doubts.append(f"{values.name}: {mixed}; taken as categories")
    if len(found) == 1:
        doubts.append(f"{values.name}: every value is {found[0]!r}")
    meta: dict[str, Any] = {"label": values.label, "kind": "categorical", "accepted_values": found}
    if values.is_number and (spellings := _spellings(found)):
        meta["synonyms"] = spellings
    return {"data_type": "varchar", "config": {"meta": meta}}


def _spellings(numbers: list[str]) -> dict[str, str]:
    """Other ways to write the numbers, which mean the same."""
    found = {}
    for number in numbers:
        if not re.fullmatch(r"-?\d+([.]\d+)?", number):
            continue
        short = number.rstrip("0").rstrip(".") if "." in number else number
        forms = [short, f"{short}0" if "." in short else f"{short}.0"]
        forms.append(f"{forms[1]}0")
        found |= {form: number for form in forms if form not in numbers}
    return found
