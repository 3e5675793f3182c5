"""The JSON Schema of an answer."""

from collections.abc import Sequence
from typing import Any

from generators.variety.brief import KEY
from generators.wire_formats.layout import ROWS, mark_of
from synthcare.contracts.contract import Column, Contract


def json_schema(contract: Contract, drawn_columns: Sequence[str] = ()) -> dict[str, Any]:
    """JSON Schema (strict) of an object whose `rows` are objects keyed by the contract's labels.

    Of `drawn_columns`, which are handed over, a row has its number instead. Rows that belong to
    others stand below the key that the request gave these.
    """
    mark = mark_of(contract, drawn_columns)
    number = {mark: {"type": "integer"}} if mark else {}
    values = {
        column.label: _property(column)
        for column in contract.columns
        if column.name not in drawn_columns
    }
    if mark == KEY:
        return _object({ROWS: _array(_object(number | {ROWS: _array(_object(values))}))})
    return _object({ROWS: _array(_object(number | values))})


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


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
