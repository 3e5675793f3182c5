"""Columns of dates: one convention each, taken from all its values, as ISO dates."""

import re
from datetime import date

import duckdb

from readers.reading import Reading
from readers.shapes import Shapes

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?[.,]?\s+)?"
_CLOCK = r"9{1,2}[:.]99(?:[:.]99(?:[.,]9+)?)?(?:\s?[ap][.]?m[.]?)?"
_TIME = rf"(?:(?:T|,?\s+){_CLOCK}(?:\s?(?:Z|UTC|GMT|[-+]99(?::?99)?))?)?"
_DAY = r"9{1,2}(?:st|nd|rd|th)?"

_NAMED = rf"(?:{_DAY}[-/.\s]*{_MONTH}[-/.,\s]*|{_MONTH}[-/.\s]*{_DAY}[-/.,\s]+)"

_FORMS = {
    "year_first": rf"9999([-/.])9{{1,2}}\1(?:9{{1,2}}){_TIME}",
    "compact": r"99999999",
    "year_last": rf"9{{1,2}}([-/.])9{{1,2}}\1(?:9999){_TIME}",
    "short": rf"9{{1,2}}([-/.])9{{1,2}}\1(?:99){_TIME}",
    "named": rf"{_WEEKDAY}(?:{_NAMED}(?:9999)|9999[-/.\s]*{_MONTH}[-/.\s]*9{{1,2}}){_TIME}",
    "named_short": rf"{_WEEKDAY}{_NAMED}(?:99){_TIME}",
}
_PATTERNS = {name: re.compile(pattern, re.I) for name, pattern in _FORMS.items()}
_PLAIN = re.compile("9999-99-99")
_TIME_OF_DAY = re.compile(_CLOCK.replace("[:.]", ":"), re.I)
_PLAUSIBLE = (1850, 2150)  # years of a date that might be a number

_CLOCK_PART = r"(?i)(T|,?\s+)[0-9]{1,2}[:.][0-9]{2}([:.].*|\s.*|[ap].*)?$"
_SHORT = "^([0-9]{1,2} [A-Za-z]+|[A-Za-z]+ [0-9]{1,2}) ([0-9]{2})$"
_ORDER = {"dmy": "day", "mdy": "month", "ymd": "year"}


def read_dates(
    database: duckdb.DuckDBPyConnection, table: str, shapes: Shapes, dates: str | None
) -> Reading | None:
    """ISO dates of a column; None where not all values are dates.

    `dates` is what a person says of day and month, for columns that leave it open.
    """
    forms = {_form(shape) for shape in shapes.bounds}
    if not shapes.is_whole or not forms or None in forms:
        return None
    if shapes.all_match(_PLAIN):
        return Reading("date")
    order, told = "", ""
    if forms & {"year_last", "short"}:
        found = _order(database, table, shapes, is_short="short" in forms)
        order = found if found in _ORDER else dates or ""
        if not order:
            return Reading(note=found, stays_text=True)
        told = f"dates were read with the {_ORDER[order]} first"
    expression = _iso(shapes.text, order)
    known, read, low, high = database.execute(
        f"""
        select count(*), count(v), min(v), max(v)
        from (
            select {expression} as v from {table} where regexp_matches({shapes.text}, '[0-9]')
        )
        """  # noqa: S608
    ).fetchone()
    if "compact" in forms and not (
        read == known and _PLAUSIBLE[0] <= low.year and high.year <= _PLAUSIBLE[1]
    ):
        return None
    if read < known:
        return Reading(
            note=f"{read:,} of {known:,} values are dates, the others are not; taken as text",
            stays_text=True,
        )
    notes = [told] if told else ["dates were rewritten in the form 2023-12-31"]
    if forms & {"short", "named_short"}:
        last = date.today().year
        notes.append(f"years of two digits were taken to be from {last - 99} to {last}")
    if any(":" in shape for shape in shapes.bounds):
        notes.append("the time of day was left out, the date is the one that is written")
    return Reading("date", sql=f"cast({expression} as varchar)", note="; ".join(notes))


def is_of_dates(shape: str) -> bool:
    """Whether values of this shape may be dates or times of day."""
    return _form(shape) is not None or bool(_TIME_OF_DAY.fullmatch(shape))


def read_times(shapes: Shapes) -> Reading | None:
    """A column of times of day, which stay as they are; None where it is none."""
    if shapes.all_match(_TIME_OF_DAY):
        return Reading("time", note="times of day; taken as an identifier, not scored")
    return None


def _form(shape: str) -> str | None:
    return next((name for name, form in _PATTERNS.items() if form.fullmatch(shape)), None)


def _order(
    database: duckdb.DuckDBPyConnection, table: str, shapes: Shapes, *, is_short: bool
) -> str:
    """dmy, mdy or ymd, or why none can be said."""
    first, second, third, differ, has_point = database.execute(
        f"""
        select
            max(cast(p[1] as integer)), max(cast(p[2] as integer)), max(cast(p[3] as integer)),
            bool_or(cast(p[1] as integer) <> cast(p[2] as integer)), bool_and(has_point)
        from (
            select
                regexp_extract_all(t[:10], '[0-9]+') as p,
                contains(t, '.') and not contains(t, '/') as has_point
            from (select {shapes.text} as t from {table})
            where regexp_matches(t, '^[0-9]{{1,2}}[-/.][0-9]{{1,2}}[-/.][0-9]')
        )
        """  # noqa: S608
    ).fetchone()
    most_months, most_days = 12, 31
    if is_short and first > most_days:
        return "ymd"
    if first > most_months and second > most_months:
        return "some dates have the day first and others the month; taken as text"
    if second > most_months:
        return "mdy"
    if is_short and third <= most_days and not has_point:
        return "dates may begin with the day or the year; taken as text. Say which: --dates"
    if first > most_months or has_point or not differ:
        return "dmy"
    return (
        "no date says whether the day or the month is first; taken as text. "
        "Say it: --dates dmy or --dates mdy"
    )


def _iso(text: str, order: str) -> str:
    """SQL of the date of a text."""
    year_first = "^([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})"
    numbers = "^([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{2,4})"
    places = {"dmy": (3, 2, 1), "mdy": (3, 1, 2), "ymd": (1, 2, 3)}.get(order, (3, 2, 1))
    year, month, day = (f"regexp_extract({text}, '{numbers}', {place})" for place in places)
    words = f"regexp_replace({text}, '{_CLOCK_PART}', '')"
    # A day of the week, endings such as in 1st, and what stands between the parts.
    for pattern, becomes in (
        (r"(?i)^\s*([a-z]+day|mon|tues?|wed|thu(rs?)?|fri|sat|sun)[.,]?\s+", ""),
        (r"(?i)([0-9])(?:st|nd|rd|th)\b", r"\1"),
        (r"[-/,.\s]+", " "),
        (r"([0-9])([A-Za-z])", r"\1 \2"),
        (r"([A-Za-z])([0-9])", r"\1 \2"),
        (r"(?i)\bsept\b", "Sep"),
    ):
        words = f"regexp_replace({words}, '{pattern}', '{becomes}', 'g')"
    words = f"trim({words})"
    short = f"regexp_extract({words}, '{_SHORT}'"
    long_words = f"{short}, 1) || ' ' || {_long(f'{short}, 2)')}"
    formats = "['%d %b %Y', '%d %B %Y', '%b %d %Y', '%B %d %Y', '%Y %b %d', '%Y %B %d']"
    return rf"""case
        when regexp_matches({text}, '{year_first}')
            then try_cast(regexp_replace({text}, '{year_first}.*$', '\1-\2-\3') as date)
        when regexp_full_match({text}, '[0-9]{{8}}')
            then cast(try_strptime({text}, '%Y%m%d') as date)
        when regexp_matches({text}, '{numbers}')
            then try_cast({_long(year)} || '-' || {month} || '-' || {day} as date)
        when {short}) <> ''
            then cast(try_strptime({long_words}, {formats}) as date)
        else cast(try_strptime({words}, {formats}) as date)
    end"""


def _long(year: str) -> str:
    """SQL of a year with its century: no year of two digits is after this one."""
    now = date.today().year
    return (
        f"(case when length({year}) = 4 then {year} when cast('20' || {year} as integer) > {now} "
        f"then '19' || {year} else '20' || {year} end)"
    )
