"""Reads tables whose columns are kept apart by their place alone: printed data frames."""

import re
from itertools import pairwise

from readers.answers.found import Expected, Found, Record, plain_name

_WRAP = re.compile(r"[ \t]\\[ \t]*$")  # pandas: the table goes on below, with further columns
_FEWEST = 2  # names in a header

Line = tuple[int, str]  # where it begins in the text, and the line
Span = tuple[int, int]


def aligned(text: str, expected: Expected) -> Found | None:
    """The records below each line of labels that has nothing between them but spaces."""
    found = Found("spaces")
    for block, end in _side_by_side(_blocks(text)):
        head = next((n for n, line in enumerate(block) if _header(line[1], expected)), None)
        if head is None or head + 1 == len(block):
            continue
        lines = [line for line in block[head + 1 :] if re.search(r"\w", line[1])]
        header = _header(block[head][1], expected)
        cells = _cells([line for _, line in lines], header)
        if cells is None:
            continue
        names = tuple(block[head][1][start:end] for start, end in header)
        found.frames.append((block[head][0], end))
        found.records.extend(
            Record(start, start + len(line), tuple(values), names)
            for (start, line), values in zip(lines, cells, strict=True)
        )
    return found if found.records else None


def _blocks(text: str) -> list[list[Line]]:
    """Lines without an empty one between them."""
    blocks: list[list[Line]] = [[]]
    place = 0
    for line in text.split("\n"):
        if line.strip() and not line.lstrip().startswith("```"):
            blocks[-1].append((place, line.expandtabs()))
        elif blocks[-1]:
            blocks.append([])
        place += len(line) + 1
    return [block for block in blocks if block]


def _side_by_side(blocks: list[list[Line]]) -> list[tuple[list[Line], int]]:
    """Blocks, and where each ends. One whose first line says so goes on in the next one."""
    tables: list[tuple[list[Line], int]] = []
    goes_on = False
    for block in blocks:
        (place, first), *rest = block
        plain = [(place, _WRAP.sub("", first)), *rest]
        end = block[-1][0] + len(block[-1][1])
        if goes_on and len(tables[-1][0]) == len(block):
            tables[-1] = (_beside(tables[-1][0], plain), end)
        else:
            tables.append((plain, end))
        goes_on = _WRAP.search(first) is not None
    return tables


def _beside(block: list[Line], more: list[Line]) -> list[Line]:
    """The lines of a block with those of another behind them, but for the numbers of its rows."""
    width = max(len(line) for _, line in block)
    index = max((len(line) - len(line.lstrip("0123456789")) for _, line in more[1:]), default=0)
    return [
        (place, f"{line.ljust(width)}  {other[index:]}")
        for (place, line), (_, other) in zip(block, more, strict=True)
    ]


def _header(line: str, expected: Expected) -> list[Span]:
    """The places of the labels that a line consists of, none if there is anything else in it."""
    words = [(match.start(), match.end()) for match in re.finditer(r"\S+", line)]
    if not all(re.search(r"\w", line[start:end]) for start, end in words):
        return []  # columns that were left out: `...`
    spans: list[Span] = []
    place = 0
    while place < len(words):
        for last in range(len(words), place, -1):
            start, end = words[place][0], words[last - 1][1]
            if expected.label(line[start:end]):
                spans.append((start, end))
                place = last
                break
        else:
            return []
    names = {plain_name(line[start:end]) for start, end in spans}
    is_whole = 2 * len(spans) >= len(expected.labels) and len(names) == len(spans)
    return spans if is_whole and len(spans) >= _FEWEST else []


def _cells(lines: list[str], header: list[Span]) -> list[list[str]] | None:
    """What each line has in each column, None where no place keeps the columns apart in all."""
    width = max(map(len, lines))
    blank = [all(line[n : n + 1] in ("", " ") for line in lines) for n in range(width + 1)]
    cuts = [_cut(lines, blank, before, after) for before, after in pairwise(header)]
    if None in cuts:
        return None
    first = _after_index(lines, blank, header[0][1])
    places = [first, *cuts, width]
    return [[line[a:b].strip() for a, b in pairwise(places)] for line in lines]


def _cut(lines: list[str], blank: list[bool], before: Span, after: Span) -> int | None:
    """Where the column of one label ends and that of the next begins, None where nobody knows.

    Between the two labels lies a place that is blank in each line, and may lie between two words
    of a value: not if more than one space would be left within a value. Where several places
    are left, values end where their label does, or begin where theirs does.
    """
    (begin, end), (start, stop) = before, after
    gaps = [
        n
        for n in range(end, start)
        if n < len(blank) and blank[n] and (n == end or not blank[n - 1])
    ]
    gaps = [
        gap
        for gap in gaps
        if not any(
            "  " in part.strip() for line in lines for part in (line[begin:gap], line[gap:stop])
        )
    ]
    if len(gaps) <= 1:
        return gaps[0] if gaps else None
    ends_there = all(line[end - 1 : end].strip() for line in lines) and gaps[0] == end
    begins_there = all(line[start : start + 1].strip() for line in lines)
    if ends_there == begins_there:
        return None
    return end if ends_there else gaps[-1]


def _after_index(lines: list[str], blank: list[bool], stop: int) -> int:
    """Where the first column begins: behind the numbers of the rows, if they have some."""
    end = next((n for n in range(1, stop) if blank[n] and not blank[n - 1]), 0)
    firsts = [line[:end].strip() for line in lines]
    if not end or not all(first.isdecimal() for first in firsts):
        return 0
    steps = {int(after) - int(before) for before, after in pairwise(firsts)}
    has_more = any(line[end:stop].strip() for line in lines)
    return end if has_more and steps <= {1} else 0
