"""How rows travel from an LLM: CSV or JSON, free or held to a grammar made from the contract."""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from generators.contract import Column, Contract
from generators.prompts.slices import Slice

WIRE_FORMATS = ("csv", "json", "csv_constrained", "json_constrained")

# Room for an answer, in multiples of what its rows take in o200k: a model that does not stop is cut
# off there. SmolLM2's vocabulary needs 1.6 times as many tokens, an indented JSON 1.5 times.
_ROOM = 2.0

# The rest of a word of a name: no comma or quote, so that a CSV row needs no quoting.
_REST_OF_WORD = "[a-z]{1,11}"
_WORD = f"[A-Z] {_REST_OF_WORD}"
_MORE_WORDS = '(" " word){1,2}'

# Month and day of every year: 29 February is left out.
_DAY_OF_YEAR = """(
    ("-01-" | "-03-" | "-05-" | "-07-" | "-08-" | "-10-" | "-12-")
    ("0" [1-9] | [12] [0-9] | "3" [01])
    | ("-04-" | "-06-" | "-09-" | "-11-") ("0" [1-9] | [12] [0-9] | "30")
    | "-02-" ("0" [1-9] | "1" [0-9] | "2" [0-8])
)"""


def max_tokens(tokens_per_row: float, rows: int) -> int:
    """Tokens that an answer of `rows` rows may have at most."""
    return math.ceil(_ROOM * tokens_per_row * rows) + 64


def write_rows(contract: Contract, rows: Iterable[Sequence[str]], wire_format: str) -> str:
    """Rows (texts in the order of the contract) as an LLM that follows the format writes them."""
    if wire_format.startswith("csv"):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        return text.getvalue()
    records = [
        {
            column.label: _json_value(column, value)
            for column, value in zip(contract.columns, row, strict=True)
        }
        for row in rows
    ]
    return json.dumps({"rows": records}, ensure_ascii=False, separators=(",", ":"))


def _json_value(column: Column, text: str | None) -> Any:
    if not text:
        return None
    return json.loads(text) if column.kind in ("integer", "decimal") else text


def csv_grammar(contract: Contract, rows: int, within: Slice) -> str:
    """GBNF grammar of exactly `rows` CSV lines of valid values, in the order of the contract.

    A nullable value may be empty. Numbers keep to the contract's range, dates to its years.
    Identifiers begin with the letters of the slice `within`, in turn: a small LLM does not follow
    the words for it. Rules between columns are not in it.
    """
    values = [f"c{number} ::= {_cell(column)}" for number, column in enumerate(contract.columns)]
    lines = [f"row{number} ::= {_row(contract, within, number)}" for number in range(rows)]
    root = "root ::= " + " ".join(f"row{number}" for number in range(rows))
    return "\n".join([root, *lines, f"word ::= {_WORD}", *values])


def _row(contract: Contract, within: Slice, number: int) -> str:
    cells = []
    for place, column in enumerate(contract.columns):
        if initials := within.initials.get(column.name):
            initial = initials[number % len(initials)]
            text = f'"{initial}" {_REST_OF_WORD} {_MORE_WORDS}'
            cells.append(f"({text})?" if column.is_nullable else text)
        else:
            cells.append(f"c{place}")
    return ' "," '.join(cells) + ' "\\n"'


def json_schema(contract: Contract) -> dict[str, Any]:
    """JSON Schema (strict) of an object whose `rows` are objects keyed by the contract's labels."""
    properties = {column.label: _property(column) for column in contract.columns}
    return {
        "type": "object",
        "properties": {
            "rows": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": properties,
                    "required": list(contract.labels),
                    "additionalProperties": False,
                },
            }
        },
        "required": ["rows"],
        "additionalProperties": False,
    }


def _property(column: Column) -> dict[str, Any]:
    found = _known_property(column)
    if column.is_nullable:
        found["type"] = [found["type"], "null"]
        if "enum" in found:
            found["enum"].append(None)
    return found


def _known_property(column: Column) -> dict[str, Any]:
    match column.kind:
        case "categorical":
            return {"type": "string", "enum": list(column.accepted_values)}
        case "integer":
            return {"type": "integer", "minimum": column.minimum, "maximum": column.maximum}
        case "decimal":
            return {"type": "number", "minimum": column.minimum, "maximum": column.maximum}
        case "date":
            return {"type": "string", "format": "date"}
    return {"type": "string"}


def _cell(column: Column) -> str:
    value = _value(column)
    return f"({value})?" if column.is_nullable else value


def _value(column: Column) -> str:
    match column.kind:
        case "categorical":
            return " | ".join(json.dumps(_quoted(value)) for value in column.accepted_values)
        case "integer":
            return _integers(column.minimum, column.maximum)
        case "decimal":
            scale = 10**column.decimals
            low, high = (Decimal(str(bound)) * scale for bound in (column.minimum, column.maximum))
            return _decimals(math.ceil(low), math.floor(high), column.decimals)
        case "date":
            return _dates(column.minimum, column.maximum)
    return f"word {_MORE_WORDS}"


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


def _dates(first: date, last: date) -> str:
    years = " | ".join(f'"{year}"' for year in range(first.year, last.year + 1))
    return f"({years}) {_DAY_OF_YEAR}"


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
