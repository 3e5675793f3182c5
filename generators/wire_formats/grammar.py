"""The grammar (GBNF, of llama.cpp) that holds an answer to the contract, line by line."""

import json
import math
import re
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from generators.variety.brief import Brief, Limits
from generators.wire_formats.layout import (
    MISSING_CODE,
    Field,
    codes,
    days_after,
    is_compact,
    layout,
)
from synthcare.contracts.contract import Column, Contract

# The rest of a word of a name: no comma or quote, so that a CSV row needs no quoting.
_REST_OF_WORD = "[a-z]{1,8}"
_WORD = f"[A-Z] {_REST_OF_WORD}"
_SECOND_WORD = '" " word'

_ANY = Limits()  # stands for no limits here: compared by identity


def csv_grammar(
    contract: Contract,
    rows: int,
    brief: Brief,
    wire_format: str,
    drawn_columns: Sequence[str] = (),
) -> str:
    """GBNF grammar of exactly `rows` CSV lines of valid values, field by field.

    A nullable value may be empty. Numbers and dates keep to the contract's range, and each row to
    the limits of `brief`; identifiers begin with its letters, in turn: a small LLM does not follow
    the words for it. Rules between columns are not in it, but that no date is before the one after
    which a compact line counts its days.
    """
    writer = _Writer(contract, layout(contract, wire_format, drawn_columns), wire_format)
    lines = [f"row{number} ::= {writer.line(brief, number)}" for number in range(rows)]
    root = "root ::= " + " ".join(f"row{number}" for number in range(rows))
    return "\n".join([root, *lines, f"word ::= {_WORD}", *writer.rules])


class _Writer:
    """Writes the rules of fields; those that rows share are written once."""

    def __init__(self, contract: Contract, fields: Sequence[Field], wire_format: str) -> None:
        self._contract, self._fields = contract, fields
        self._is_compact = is_compact(wire_format)
        self._names: dict[str, str] = {}

    @property
    def rules(self) -> list[str]:
        return [f"{name} ::= {rule}" for rule, name in self._names.items()]

    def line(self, brief: Brief, number: int) -> str:
        limits = brief.limits(number)
        fields = [self._field(field, brief, limits, number) for field in self._fields]
        return ' "," '.join(fields) + ' "\\n"'

    def _field(self, field: Field, brief: Brief, limits: dict[str, Limits], number: int) -> str:
        if not field.columns:
            return f'"{brief.mark(number)}"'
        if field.is_codes:
            word = " ".join(_code(c, limits.get(c.name, _ANY)) for c in field.columns)
            return self._rule(word)
        column = field.columns[0]
        if letters := brief.initials.get(column.name):
            begin = f'"{letters[number % len(letters)]}" {_REST_OF_WORD} {_SECOND_WORD}'
            return f"({begin})?" if column.is_nullable else begin
        return self._rule(self._cell(column, limits.get(column.name, _ANY)))

    def _rule(self, text: str) -> str:
        return self._names.setdefault(text, f"c{len(self._names)}")

    def _cell(self, column: Column, limits: Limits) -> str:
        if limits == Limits() and limits is not _ANY:
            return '""'
        value = self._value(column, limits)
        return f"({value})?" if column.is_nullable and limits is _ANY else value

    def _value(self, column: Column, limits: Limits) -> str:
        low = column.minimum if limits.low is None else limits.low
        high = column.maximum if limits.high is None else limits.high
        match column.kind:
            case "categorical":
                values = limits.values or column.accepted_values
                return " | ".join(json.dumps(_quoted(value)) for value in values)
            case "integer":
                return _integers(low, high)
            case "decimal":
                scale = 10**column.decimals
                first, last = (Decimal(str(bound)) * scale for bound in (low, high))
                return _decimals(math.ceil(first), math.floor(last), column.decimals)
            case "date":
                return self._date(column, low, high)
        return f"word {_SECOND_WORD}"

    def _date(self, column: Column, low: date | int, high: date | int) -> str:
        """A date; of a compact line, or limited, perhaps as days after another one."""
        earlier = days_after(column)
        if self._is_compact and earlier:
            if isinstance(low, int):
                return _integers(low, high)
            # So many that the date stays in its range, whichever the other is.
            after_the_last = (column.maximum - self._contract.column(earlier).maximum).days
            return _integers(0, max(after_the_last, column.population["max"]))
        if isinstance(low, int):  # days, which a whole date is not held to
            low, high = column.minimum, column.maximum
        return _dates(low, high, "" if self._is_compact else "-")


def _code(column: Column, limits: Limits) -> str:
    """A character class of the codes that a column may have."""
    if limits == Limits() and limits is not _ANY:
        return f'"{MISSING_CODE}"'
    known = codes(column)
    values = limits.values or column.accepted_values
    found = "".join(code for code, value in known.items() if value in values)
    return f"[{found}{MISSING_CODE if column.is_nullable and limits is _ANY else ''}]"


def _dates(first: date, last: date, mark: str) -> str:
    """GBNF alternatives of the days from `first` to `last`, written year, month and day."""
    found = []
    month = first.replace(day=1)
    while month <= last:
        following = (month + timedelta(days=31)).replace(day=1)
        days = max(first, month).day, min(last, following - timedelta(days=1)).day
        found.append((month.year, month.month, days))
        month = following
    by_year: dict[int, dict[tuple[int, int], list[int]]] = {}
    for year, number, days in found:
        by_year.setdefault(year, {}).setdefault(days, []).append(number)
    alike: dict[str, list[int]] = {}
    for year, months in by_year.items():
        alike.setdefault(_months(months, mark), []).append(year)
    return " | ".join(
        f"({' | '.join(json.dumps(str(year)) for year in years)}) ({months})"
        for months, years in alike.items()
    )


def _months(months: dict[tuple[int, int], list[int]], mark: str) -> str:
    """Alternatives of the months of a year, those with as many days together."""
    return " | ".join(
        f"({' | '.join(json.dumps(f'{mark}{number:02}{mark}') for number in numbers)}) "
        f"({' | '.join(_same_length(f'{low:02}', f'{high:02}'))})"
        for (low, high), numbers in months.items()
    )


def _quoted(value: str) -> str:
    """A value as a cell of a CSV line."""
    return '"' + value.replace('"', '""') + '"' if re.search('[,"\n]', value) else value


def _decimals(low: int, high: int, decimals: int) -> str:
    """GBNF alternatives of the numbers from `low` to `high`, both in units of the last decimal."""
    if not decimals:
        return _integers(low, high)
    if low < 0:
        negative = f'"-" ({_decimals(max(1, -high), -low, decimals)})'
        return negative if high < 0 else f"{_decimals(0, high, decimals)} | {negative}"
    scale = 10**decimals
    (first, first_part), (last, last_part) = divmod(low, scale), divmod(high, scale)
    ends = {first: (first_part, scale - 1), last: (0, last_part)}
    if first == last:
        ends = {first: (first_part, last_part)}
    found = []
    for whole, parts in ends.items():
        smallest, largest = (f"{part:0{decimals}}" for part in parts)
        found.append(f'"{whole}." ({" | ".join(_same_length(smallest, largest))})')
    if last - first > 1:
        found.append(f'({_integers(first + 1, last - 1)}) "." [0-9]{{{decimals}}}')
    return " | ".join(found)


def _integers(low: int, high: int) -> str:
    """GBNF alternatives of the whole numbers from `low` to `high`, without leading zeros."""
    if low < 0:
        negative = f'"-" ({_integers(max(1, -high), -low)})'
        return negative if high < 0 else f"{_integers(0, high)} | {negative}"
    alternatives = []
    for digits in range(len(str(low)), len(str(high)) + 1):
        smallest = 0 if digits == 1 else 10 ** (digits - 1)
        bounds = str(max(low, smallest)), str(min(high, 10**digits - 1))
        alternatives += _same_length(*bounds)
    return " | ".join(alternatives)


def _same_length(low: str, high: str) -> list[str]:
    """Alternatives of the numbers from `low` to `high`, both of the same number of digits."""
    if not low:
        return [""]
    if set(low) == {"0"} and set(high) == {"9"}:
        return [f"[0-9]{{{len(low)}}}"]
    if low[0] == high[0]:
        return [f'"{low[0]}" {rest}'.strip() for rest in _same_length(low[1:], high[1:])]
    tail = len(low) - 1
    first, last = int(low[0]), int(high[0])
    parts = []
    if low[1:] != "0" * tail:
        parts += [f'"{first}" {rest}' for rest in _same_length(low[1:], "9" * tail)]
        first += 1
    upper = []
    if high[1:] != "9" * tail:
        upper = [f'"{last}" {rest}' for rest in _same_length("0" * tail, high[1:])]
        last -= 1
    if first <= last:
        parts.append(f"[{first}-{last}] [0-9]{{{tail}}}" if tail else f"[{first}-{last}]")
    return parts + upper
