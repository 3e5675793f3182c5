"""Columns of numbers, however their marks, signs and units are written, as plain digits."""

import re
from dataclasses import dataclass

import duckdb

from readers.reading import Reading
from readers.shapes import Shapes

FEWEST_NUMBERS = 11  # different ones; fewer are categories, whose texts stay with their units

_CURRENCY = (
    r"(?:[A-Z]{0,3}[$€£¥₹₽₩₺฿]|USD|EUR|GBP|CHF|JPY|CAD|AUD|NZD|INR|CNY|SEK|NOK|DKK|PLN|CZK|BRL"
    r"|MXN|ZAR|Rs[.]?|kr[.]?|Euro?s?|euros?|dollars?)"
)
_UNIT = (
    r"(?:%|‰|k?g|mg|[µμ]g|mcg|lbs?|oz|[cmk]?m|in|ft|m?l|m?L|dl|dL|bpm|mm ?Hg|°? ?[CF]|[kM]?Pa"
    r"|[mµμ]?mol/[lL]|[mnµμpk]?g/d?m?[lL]|I?U/m?[lL]|kg/m[2²]|years?|yrs?|y|months?|weeks?|days?"
    r"|hours?|hrs?|h|minutes?|mins?|seconds?|secs?|s|ms|points?|pts?)"
)
_SPACES = " \u00a0\u202f\u2009"
_DIGITS = rf"[9.,'’{_SPACES}]*9[.,]?"
_NUMBER = re.compile(
    rf"(?P<open>\()?\s*(?P<before>{_CURRENCY})?\s*(?P<sign>[-+−–])?\s*(?P<open2>\()?\s*"
    rf"(?P<middle>{_CURRENCY})?\s*(?P<digits>{_DIGITS})\s*(?P<after>{_CURRENCY}|{_UNIT})?\s*"
    r"(?P<close>\))?(?P<trailing>[-−–])?"
)
_PLAIN = re.compile(r"[-+]?(?:9+(?:[.]9*)?|[.]9+)(?:[eE][-+]?9+)?")
_GROUPS = re.compile(rf"9{{1,3}}(?:([.,'’{_SPACES}])999)(?:\1(?:999))*|9{{1,2}}(?:,99)+,999")


@dataclass(frozen=True)
class Marks:
    """What `.` and `,` must be in a column: of decimals, of thousands, or one of them."""

    decimal: frozenset[str]
    thousands: frozenset[str]
    unclear: frozenset[str]


def is_of_numbers(shape: str) -> bool:
    """Whether values of this shape may be numbers."""
    return bool(_NUMBER.fullmatch(shape) or _PLAIN.fullmatch(shape))


def marks_of(shapes: Shapes) -> Marks | None:
    """The marks of a column of numbers; None where not every value is one."""
    if not shapes.all_match(_NUMBER) and not shapes.all_match(_PLAIN):
        return None
    found: dict[str, set[str]] = {"decimal": set(), "thousands": set(), "unclear": set()}
    for shape, (low, _) in shapes.bounds.items():
        if re.search("9[eE]", shape):
            found["decimal"].add(".")
            continue
        number = _NUMBER.fullmatch(shape)
        if number is None:
            return None
        digits, start = number["digits"].strip(), low[number.start("digits")]
        role = _roles(digits, starts_with_zero=start == "0")
        if role is None:
            return None
        for mark, name in role.items():
            found[name].add(mark)
    return Marks(**{name: frozenset(marks) for name, marks in found.items()})


def _roles(digits: str, *, starts_with_zero: bool) -> dict[str, str] | None:
    """What each mark among the digits of one shape is; None where it makes no number."""
    marks = [mark for mark in ".," if mark in digits]
    last = max(marks, key=digits.rfind, default="")
    whole, _, fraction = digits.rpartition(last) if last else (digits, "", "")
    if not marks:
        return {} if digits.isdigit() or _GROUPS.fullmatch(digits) else None
    if len(marks) > 1:
        other = marks[0] if last == marks[1] else marks[1]
        is_number = _GROUPS.fullmatch(whole) and fraction.isdigit() and last not in whole
        return {last: "decimal", other: "thousands"} if is_number else None
    if digits.count(last) > 1:
        return {last: "thousands"} if _GROUPS.fullmatch(digits) else None
    if not (fraction.isdigit() or not fraction):
        return None
    if whole.isdigit() or not whole:
        is_group = len(fraction) == 3 and 0 < len(whole) <= 3  # noqa: PLR2004 (of thousands)
        return {last: "unclear" if is_group and not starts_with_zero else "decimal"}
    return {last: "decimal"} if _GROUPS.fullmatch(whole) else None


def read_numbers(
    database: duckdb.DuckDBPyConnection, table: str, shapes: Shapes, marks: Marks, decimal: str
) -> Reading:
    """Plain digits of a column; `decimal` is the mark of the other columns, or empty.

    A column that is plain already stays as it is, and so does one that may mean two things.
    """
    settled = _settle(marks, decimal)
    if isinstance(settled, str):
        return Reading(note=settled, stays_text=True)
    point, told = settled
    units = _units(shapes)
    is_point = point == "." or not any("." in shape for shape in shapes.bounds)
    if shapes.all_match(_PLAIN) and is_point:
        return _whole(database, table, shapes) or Reading("number", note=told or None)
    if isinstance(units, str):
        return Reading(note=units, stays_text=True)
    expression = _digits_of(shapes.text, point, units)
    known, numbers, distinct, longest = database.execute(
        f"""
        select count(t), count(try_cast(v as double)), count(distinct v),
            max(length(split_part(v, '.', 2)))
        from (
            select nullif({shapes.text}, '') as t, {expression} as v from {table}
            where {_is_number(shapes.text)}
        )
        """  # noqa: S608
    ).fetchone()
    if numbers < known or (units and distinct < FEWEST_NUMBERS):
        return Reading()
    unit = units[0] if units else None
    notes = [f"{' and '.join(map(repr, units))} was left out of each value"] if units else []
    notes += [f"the mark of decimals was {point!r}"] if point == "," and longest else []
    groups = {"(": "brackets mean less than zero", "−": "a dash means less than zero"}
    notes += [
        text for sign, text in groups.items() if any(sign in shape for shape in shapes.bounds)
    ]
    if thousands := _thousands(shapes, point):
        notes.append(f"thousands were separated by {' and '.join(map(repr, thousands))}")
    if told:
        notes.append(told)
    note = "; ".join(notes) or "signs and points were rewritten as in -1.5"
    return Reading("number", sql=expression, note=note, unit=unit)


def _is_number(text: str) -> str:
    return f"regexp_matches({text}, '[0-9]')"


def _settle(marks: Marks, decimal: str) -> tuple[str, str] | str:
    """The mark of decimals and what to tell of it; or why it cannot be said."""
    if len(marks.decimal) > 1 or marks.decimal & marks.thousands:
        return "some values have decimals after a comma and others after a point; taken as text"
    known = next(iter(marks.decimal), "")
    if not marks.unclear or known or marks.thousands >= marks.unclear:
        return known, ""
    if len(marks.unclear) > 1:
        return "commas and points stand before three digits each; taken as text"
    (mark,) = marks.unclear
    if marks.thousands:
        return mark, ""
    if not decimal:
        return (
            f"{mark!r} stands before three digits in every value, of thousands or of decimals; "
            "taken as text. Say which mark decimals have: --decimal '.' or --decimal ','"
        )
    meaning = "decimals" if mark == decimal else "thousands"
    told = (
        f"{mark!r} stands before three digits in every value; taken as the mark of {meaning}, "
        "as the rest of the table has it. If that is wrong, use --decimal"
    )
    return (mark if mark == decimal else "", told)


def _units(shapes: Shapes) -> list[str] | str:
    """The unit that stands in the values, in each way to write it; or why there is none."""
    found: dict[str, None] = {}
    has_none = False
    for shape in shapes.bounds:
        number = _NUMBER.fullmatch(shape)
        parts = [number[part] for part in ("before", "middle", "after") if number and number[part]]
        found |= dict.fromkeys(parts)
        has_none = has_none or not parts
    if len(found) > 1:
        return f"values have several units ({', '.join(found)}); taken as text"
    if found and has_none and not re.fullmatch(_CURRENCY, next(iter(found))):
        return f"some values have the unit {next(iter(found))!r} and others none; taken as text"
    return list(found)


def _thousands(shapes: Shapes, point: str) -> list[str]:
    texts = [number["digits"].strip() for s in shapes.bounds if (number := _NUMBER.fullmatch(s))]
    marks = [mark for mark in f".,'’{_SPACES}" if mark != point]
    return [mark for mark in marks if any(mark in text for text in texts)]


def _digits_of(text: str, point: str, units: list[str]) -> str:
    """SQL of the digits, with a point before decimals and a minus before what is negative."""
    bare = text
    for unit in units:
        bare = f"replace({bare}, '{unit}', '')"
    digits = f"regexp_replace({bare}, '[^0-9{point}]', '', 'g')"
    if point == ",":
        digits = f"replace({digits}, ',', '.')"
    return f"if(regexp_matches({bare}, '[-−–(]'), '-', '') || rtrim({digits}, '.')"


def _whole(database: duckdb.DuckDBPyConnection, table: str, shapes: Shapes) -> Reading | None:
    """A column whose numbers are all whole, some written with `.0`; None if it is not so."""
    fractions = {shape.partition(".")[2] for shape in shapes.bounds}
    has_zeros = any(re.match(r"[-+]?0[0-9]", low) for low, _ in shapes.bounds.values())
    if re.search("[eE]", "".join(shapes.bounds)) or not (any(fractions) or has_zeros):
        return None
    text = shapes.text
    is_fraction = any(
        value.partition(".")[2].strip("0") for both in shapes.bounds.values() for value in both
    )
    if not is_fraction:
        (is_fraction,) = database.execute(
            f"select bool_or(rtrim(split_part({text}, '.', 2), '0') <> '') from {table}"  # noqa: S608
            f" where {_is_number(text)}"
        ).fetchone()
    if is_fraction:
        return Reading("text", note=_LEADING, stays_text=True) if has_zeros else None
    distinct, spellings = database.execute(
        f"select count(distinct try_cast({text} as double)), count(distinct {text})"  # noqa: S608
        f" from {table} where {_is_number(text)}"
    ).fetchone()
    is_same = distinct == spellings
    if has_zeros and (is_same or distinct >= FEWEST_NUMBERS):
        return Reading("text", note=_LEADING, stays_text=True)
    is_money = len(fractions) == 1 and len(next(iter(fractions))) > 1
    if is_money and distinct >= FEWEST_NUMBERS:
        return None
    plain = f"cast(try_cast(split_part({text}, '.', 1) as hugeint) as varchar)"
    example = next(
        low
        for shape, (low, _) in shapes.bounds.items()
        if "." in shape or re.match("[-+]?0[0-9]", low)
    )
    note = f"every number is whole: {example!r} and the like were read as whole numbers"
    return Reading("number", sql=plain, note=note)


_LEADING = "some numbers begin with zeros; taken as text, as of zip codes and record numbers"
