"""The shapes of a column's values: what they look like with every digit a 9."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import duckdb

# How tables write that a value is missing; the first four are so under every contract.
MISSING = ("null", "none", "nan", "n/a", "na", "#n/a", "?", "-", ".", "missing")
ALWAYS_MISSING = MISSING[:4]

_MOST_SHAPES = 3_000  # numbers and dates have fewer
_FIRST_ROWS = 1_000

_KEY_NAME = re.compile(
    r"(.*_)?(id|ids|uuid|guid|mrn|ssn|nhs_number|key|pk)"
    r"|(.*_)?(record|account|patient|case|encounter|admission|visit|chart|claim|subject|member"
    r"|medical_record|insurance|invoice|order|specimen|accession|policy|study|enrollee)"
    r"_(number|no|num|nr|nbr|id|identifier|code_number)"
)


@dataclass(frozen=True)
class Shapes:
    """The whole column `text`, which is SQL: for each shape, its smallest and largest text.

    `is_whole` is false where there were too many shapes to look at, or one among the first that
    settles what the column is. Missing values do not count; `has_missing` where a word may stand
    for one.
    """

    text: str
    bounds: dict[str, tuple[str, str]]
    is_whole: bool
    has_missing: bool

    def all_match(self, pattern: re.Pattern[str]) -> bool:
        """Whether every value has a shape that is wholly so; false where there is no value."""
        return self.is_whole and bool(self.bounds) and all(map(pattern.fullmatch, self.bounds))


def shapes_of(
    database: duckdb.DuckDBPyConnection,
    table: str,
    text: str,
    is_known: Callable[[str], bool],
) -> Shapes:
    """Look at every value of `text`, SQL of a trimmed text in `table`.

    `is_known` says whether a shape is one of numbers or dates: a column with another one among its
    first values is of texts, whatever else it holds, so that it is not looked at whole.
    """
    first = database.execute(
        f"""
        select distinct translate({text}, '012345678', '999999999')
        from (from {table} limit {_FIRST_ROWS})
        where {text} <> ''
        """  # noqa: S608 (our own names)
    ).fetchall()
    if not all(shape.lower() in MISSING or is_known(shape) for (shape,) in first):
        return Shapes(text, {}, is_whole=False, has_missing=True)
    rows = database.execute(
        f"""
        select translate(v, '012345678', '999999999') as shape, min(v), max(v)
        from (select distinct {text} as v from {table})
        where v <> ''
        group by shape
        limit {_MOST_SHAPES + 1}
        """  # noqa: S608 (our own names)
    ).fetchall()
    # Words have no digits, and are their own shapes.
    words = [shape for shape, *_ in rows if shape.lower() in MISSING]
    bounds = {shape: (low, high) for shape, low, high in rows if shape not in words}
    is_whole = len(rows) <= _MOST_SHAPES
    return Shapes(text, bounds, is_whole, has_missing=bool(words) or not is_whole)


def is_present(text: str) -> str:
    """SQL of whether a trimmed text is none of the words for a missing value."""
    return f"not (strlen({text}) < 8 and lower({text}) in {MISSING})"


def is_key_name(label: str) -> bool:
    """Whether a column is called what keys are called, such as `patient_id`."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", label.strip())
    return bool(_KEY_NAME.fullmatch(re.sub(r"[\W_]+", "_", name.lower()).strip("_")))
