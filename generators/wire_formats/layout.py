"""Which values stand in which field of a line of CSV, and how a compact line writes them."""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from generators.variety.brief import KEY, ROW
from synthcare.contracts.contract import Column, Contract

# One character for each category. models/marts/*.yml are read the same way by the macro `codes`.
_CODES = string.ascii_uppercase + string.digits
MISSING_CODE = "-"

# Under which JSON has the rows of an answer, and those of one key.
ROWS = "rows"


@dataclass(frozen=True)
class Field:
    """A field of a line: a mark of the row (no columns), a column, or a word of codes."""

    columns: tuple[Column, ...]
    is_codes: bool = False
    mark: str = ""

    @property
    def labels(self) -> list[str]:
        return [column.label for column in self.columns] or [self.mark]

    @property
    def title(self) -> str:
        """What the prompt calls it."""
        return "Codes" if self.is_codes else self.labels[0]


def mark_of(contract: Contract, drawn_columns: Sequence[str] = ()) -> str | None:
    """What each row begins with: its number, or the key of what it belongs to; None for nothing."""
    if contract.foreign_keys:
        return KEY
    return ROW if drawn_columns else None


def layout(
    contract: Contract, wire_format: str, drawn_columns: Sequence[str] = ()
) -> tuple[Field, ...]:
    """The fields of a line. Values of `drawn_columns` are handed over, and so in none.

    The mark of the row comes first, then, in a compact line, a word with a code for each category.
    """
    written = [column for column in contract.columns if column.name not in drawn_columns]
    coded = [column for column in written if is_compact(wire_format) and codes(column)]
    mark = mark_of(contract, drawn_columns)
    fields = [Field((), mark=mark)] if mark else []
    fields += [Field(tuple(coded), is_codes=True)] if coded else []
    return (*fields, *(Field((column,)) for column in written if column not in coded))


def written_fields(
    contract: Contract, wire_format: str, drawn_columns: Sequence[str] = ()
) -> list[list[str]] | None:
    """The labels of each field; None where the fields are the contract's columns, in order."""
    fields = layout(contract, wire_format, drawn_columns)
    has_plain_fields = not (mark_of(contract, drawn_columns) or is_compact(wire_format))
    is_plain = wire_format.startswith("json") or has_plain_fields
    return None if is_plain else [field.labels for field in fields]


def is_compact(wire_format: str) -> bool:
    return "compact" in wire_format


def codes(column: Column) -> Mapping[str, str]:
    """The accepted values of a column by their codes; none where it is written in full.

    Codes are the initial letters where these differ, or else A, B, C in the order of the contract.
    A column whose own values could be taken for the codes of others has none.
    """
    values = column.accepted_values
    if not 1 < len(values) <= len(_CODES):
        return {}
    initials = [value[:1].upper() for value in values]
    are_letters = all(initial in string.ascii_uppercase for initial in initials)
    found = initials if are_letters and len(set(initials)) == len(values) else _CODES
    by_code = dict(zip(found, values, strict=False))
    is_taken = any(by_code.get(value.upper(), value) != value for value in values)
    return {} if is_taken or MISSING_CODE in values else by_code


def days_after(column: Column) -> str | None:
    """The column after which a compact line counts the days to this one, if it does."""
    return column.population.get("days_after")


def compact_text(contract: Contract, field: Field, texts: Mapping[str, str]) -> str:
    """A field of a compact line, of a row whose values are `texts` by label."""
    if field.is_codes:
        return "".join(_code(column, texts[column.label]) for column in field.columns)
    column = field.columns[0]
    text = texts[column.label]
    if column.kind != "date" or not text:
        return text
    earlier = days_after(column)
    if start := earlier and texts[contract.column(earlier).label]:
        return str((date.fromisoformat(text) - date.fromisoformat(start)).days)
    return text.replace("-", "")  # also where it is not known what the days would be counted from


def _code(column: Column, text: str) -> str:
    return next((code for code, value in codes(column).items() if value == text), MISSING_CODE)
