"""How rows travel from an LLM: as CSV, compact CSV or JSON, free or held to the contract."""

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

from generators.variety.brief import KEY
from generators.wire_formats.layout import ROWS, compact_text, is_compact, layout, mark_of
from synthcare.contracts.contract import Column, Contract
from synthcare.errors import SynthcareError

WIRE_FORMATS = (
    *("csv", "csv_compact", "json"),
    *("csv_constrained", "csv_compact_constrained", "json_constrained"),
)

# Room for an answer, in multiples of what its rows take in o200k: a model that does not stop is cut
# off there. SmolLM2's vocabulary needs 1.6 times as many tokens, an indented JSON 1.5 times.
_ROOM = 2.0


def check_wire_format(name: str, provider: str, wire_format: str, *, has_base_url: bool) -> None:
    """Raise SynthcareError where there is no such format, or the LLM `name` cannot have it."""
    if wire_format not in WIRE_FORMATS:
        raise SynthcareError(
            f"{name}: there is no wire format '{wire_format}'. "
            f"Use one of: {', '.join(WIRE_FORMATS)}."
        )
    takes_grammar = provider == "local" or (provider == "openai" and has_base_url)
    if is_grammar(wire_format) and not takes_grammar:
        raise SynthcareError(
            f"{name}: its API takes no grammar, so '{wire_format}' cannot be asked for. Use "
            f"'{wire_format.removesuffix('_constrained')}' or json_constrained."
        )


def is_grammar(wire_format: str) -> bool:
    """Whether answers are held to a grammar, and not to a JSON Schema or to nothing."""
    return wire_format.startswith("csv") and wire_format.endswith("_constrained")


def max_tokens(tokens_per_row: float, rows: int) -> int:
    """Tokens that an answer of `rows` rows may have at most."""
    return math.ceil(_ROOM * tokens_per_row * rows) + 64


def count_rows(
    contract: Contract, text: str, wire_format: str, drawn_columns: Sequence[str] = ()
) -> int:
    """About how many whole rows a text holds; dbt finds out which."""
    if wire_format.startswith("json"):
        others = text.count(f'"{ROWS}"')  # objects that hold rows
        return max(0, text.count("}") - min(others, text.count("]}")))
    commas = len(layout(contract, wire_format, drawn_columns)) - 1
    return sum(line.count(",") >= commas for line in text.splitlines(keepends=True))


def write_rows(
    contract: Contract,
    rows: Iterable[Sequence[str]],
    wire_format: str,
    drawn_columns: Sequence[str] = (),
    marks: Sequence[str] = (),
) -> str:
    """Rows (texts in the order of the contract) as an LLM that follows the format writes them.

    Of `drawn_columns`, which are handed over, it writes the number of the row instead. `marks` are
    the keys of what each row belongs to; its number where there are none.
    """
    by_label = [dict(zip(contract.labels, row, strict=True)) for row in rows]
    mark = mark_of(contract, drawn_columns)
    if mark:
        marks = marks or [str(number) for number, _ in enumerate(by_label, start=1)]
        by_label = [{mark: of_row} | row for of_row, row in zip(marks, by_label, strict=True)]
    if wire_format.startswith("json"):
        return _as_json(contract, by_label, mark, drawn_columns)
    fields = layout(contract, wire_format, drawn_columns)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for texts in by_label:
        writer.writerow(
            compact_text(contract, field, texts)
            if is_compact(wire_format) and field.columns
            else texts[field.labels[0]]
            for field in fields
        )
    return text.getvalue()


def _as_json(
    contract: Contract,
    rows: Iterable[dict[str, str]],
    mark: str | None,
    drawn_columns: Sequence[str],
) -> str:
    records: list[dict[str, Any]] = []
    for texts in rows:
        number = {mark: int(texts[mark])} if mark else {}
        values = {
            column.label: _json_value(column, texts[column.label])
            for column in contract.columns
            if column.name not in drawn_columns
        }
        if mark != KEY:
            records.append(number | values)
        elif records and records[-1][KEY] == number[KEY]:
            records[-1][ROWS].append(values)
        else:
            records.append(number | {ROWS: [values]})
    return json.dumps({ROWS: records}, ensure_ascii=False, separators=(",", ":"))


def _json_value(column: Column, text: str | None) -> Any:
    if not text:
        return None
    return json.loads(text) if column.kind in ("integer", "decimal") else text
