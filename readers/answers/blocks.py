"""Makes the lines of one table into rows: wrapped ones, ends, columns of numbers."""

import re
from itertools import pairwise

from readers.answers.fields import Line
from readers.answers.found import Expected

_FEWEST_WRAPPED = 4  # lines, of two rows
_MOST_DIGITS = 9  # of the number of a row


def wrapped(block: list[Line], delimiter: str, expected: Expected) -> list[Line]:
    """Rows that were broken over two lines at the same place each are made whole."""
    header = next((line for line in block if expected.is_header(line.values)), None)
    width = len(header.values) if header else expected.width
    rows = [line for line in block if line is not header]
    if (
        len(rows) < _FEWEST_WRAPPED
        or len(rows) % 2
        or any(len(line.values) >= width for line in rows)
    ):
        return block
    pairs = [*zip(rows[::2], rows[1::2], strict=True)]
    shapes = {(len(first.values), len(second.values)) for first, second in pairs}
    if len(shapes) > 1 or not _differ([*map(_figures, rows[::2])], [*map(_figures, rows[1::2])]):
        return block  # rows that lack values, or nobody knows
    ((first_width, second_width),) = shapes
    if delimiter == "|" and first_width + second_width == width:
        glue: list[str] | None = None
    elif delimiter != "|" and first_width + second_width - 1 == width:
        glue = ["\n"]
    else:
        return block
    whole = []
    for first, second in pairs:
        values, quoted = first.values + second.values, first.are_quoted + second.are_quoted
        if glue:
            middle = f"{first.values[-1].rstrip()}\n{second.values[0].lstrip()}".strip()
            values = [*first.values[:-1], middle, *second.values[1:]]
            quoted = first.are_quoted + second.are_quoted[1:]
        whole.append(
            Line(first.start, second.end, "", first.part, values, quoted, first.is_unclear)
        )
    return [header, *whole] if header else whole


def _figures(line: Line) -> list[str]:
    """What the values of a line look like: digits as 0, everything else as text or as a sign."""
    return [re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "0", value.strip())) for value in line.values]


def _differ(firsts: list[list[str]], seconds: list[list[str]]) -> bool:
    """Whether at some place the first lines have figures of one shape, and the second none such."""
    for place in range(min(len(firsts[0]), len(seconds[0]))):
        shapes = {line[place] for line in firsts}
        others = {line[place] for line in seconds}
        if not shapes & others and any("0" in shape and "a" not in shape for shape in shapes):
            return True
    return False


def drop_empty_end(block: list[Line], expected: Expected, headers: list[Line]) -> None:
    """A delimiter at the end of every line of several ends the line, and begins no value."""
    width = len(headers[0].values) if headers else expected.width + 1
    rows = [line for line in block if line not in headers]
    if len(block) == 1 or not all(line.values[-1].strip() == "" for line in block):
        return
    if all(len(line.values) == width for line in rows):
        for line in block:
            line.values, line.are_quoted = line.values[:-1], line.are_quoted[:-1]


def drop_index(
    block: list[Line], expected: Expected, headers: list[Line], names: list[str] | None
) -> None:
    """A column that numbers the rows and has no name is no column."""
    rows = [line for line in block if line not in headers]
    firsts = [line.values[0].strip() for line in rows]
    if not rows or not all(first.isdecimal() and len(first) <= _MOST_DIGITS for first in firsts):
        return
    numbers = [int(first) for first in firsts]
    if any(after - before != 1 for before, after in pairwise(numbers)):
        return
    header = headers[0].values if headers else names
    width = len(header) if header else expected.width
    if len(rows) == 1 and numbers[0] > 1:
        return
    if re.search(r"\b(?:id|no|number|key|code)\b", (header or expected.labels)[0], re.I):
        return
    is_nameless = bool(header) and not header[0].strip(" #")
    if is_nameless or all(len(line.values) == width + 1 for line in rows):
        for line in rows:
            line.values, line.are_quoted = line.values[1:], line.are_quoted[1:]
    if is_nameless and headers:
        for line in headers:
            line.values = line.values[1:]


def has_other_header(block: list[Line], expected: Expected) -> bool:
    """Whether the first line names columns in words that are not the contract's.

    It has no figure where all other lines have one, or some of the labels.
    """
    have_figures = [any(re.search(r"\d", value) for value in line.values) for line in block]
    labels = expected.count(block[0].values)
    return len(block) > 1 and (labels > 1 or (not have_figures[0] and all(have_figures[1:])))
