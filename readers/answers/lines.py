"""Finds the records of delimited text: CSV, Markdown tables, columns of spaces."""

import html
import re
from itertools import accumulate, groupby, pairwise

from readers.answers.blocks import drop_empty_end, drop_index, has_other_header, wrapped
from readers.answers.fields import Line, has_delimiter, joined, split, values_of
from readers.answers.found import Expected, Found, Record
from readers.answers.marks import UNCLEAR, is_unclear, is_unclear_line, without_marks

_DELIMITERS = (",", ";", "\t", "|", "，", "；", "｜", "  ")
_FENCE = re.compile(
    r"\s*(?:```|~~~)\s*(?:(?:csv|tsv|text|txt|plaintext|markdown|md|json|yaml|sql|python|table|data)\b)?",
    re.I,
)
_RULE = re.compile(r"[\s|:+=_\-─━┼╋├┤┬┴┌┐└┘╔╗╚╝═╬╠╣╦╩╒╕╞╡╘╛╪╤╧]+")
_LONGEST = 100_000  # characters of a line that may be a row
_FEWEST_WITHOUT_HEADER = 6  # columns; with fewer, a line of prose may look like a row
_MARKDOWN_RULE = re.compile(r"[\s|:-]*-[\s|:-]*")
# What stands in a row for values that were left out, and at the head of a row that sums up.
_PLACEHOLDER = re.compile(r"\.\.\.|…|⋮|<[A-Za-z][\w ]*>")
_TYPE = re.compile(
    r"(?i)str|string|varchar|text|object|int|integer|float|double|number|date|bool(?:ean)?"
)
_SUMMARY = re.compile(r"(?i)totals?|sum|mean|average|count|std|median")


def delimited(text: str, expected: Expected, *, is_truncated: bool = False) -> Found | None:
    """The records of the delimiter that gives most lines as many values as are expected."""
    lines = _lines(text)
    best: tuple[tuple[int, int], str] | None = None
    for delimiter in _DELIMITERS:
        if not any(has_delimiter(line.text, delimiter) for line in lines):
            continue
        counts = [len(split(line.text, delimiter)[0]) for line in lines]
        fits = (
            sum(count == expected.width for count in counts),
            sum(2 * count >= expected.width and count > 1 for count in counts),
        )
        if fits[1] and (best is None or fits > best[0]):
            best = (fits, delimiter)
    if best is None:
        return _single(lines, expected) if expected.width == 1 else None
    return _read(text, lines, best[1], expected, is_truncated)


def _read(
    text: str, lines: list[Line], delimiter: str, expected: Expected, is_truncated: bool
) -> Found | None:
    lines = joined(lines, delimiter)
    found = Found(
        "markdown" if delimiter == "|" else "spaces" if delimiter == "  " else "delimited"
    )
    names: list[str] | None = None
    counts = [len(split(line.text, delimiter)[0]) for line in lines]
    parts = {line.start: line.part for line in lines}
    titled: set[int] = set()
    is_plain = expected.width >= _FEWEST_WITHOUT_HEADER or "```" in text or _is_table(counts, lines)
    if is_truncated and counts and counts[-1] > 1 and lines[-1].end >= len(text):
        counts[-1] = max(counts[-1], expected.width)  # the rest of the row did not come
    are_rows = {id(line): _is_row(counts, place, expected) for place, line in enumerate(lines)}
    heads = {id(line) for line, below in pairwise(lines) if _MARKDOWN_RULE.fullmatch(below.text)}
    tables = [*accumulate(id(line) in heads for line in lines)]  # a head begins another one
    places = {id(line): (are_rows[id(line)], line.part, tables[n]) for n, line in enumerate(lines)}
    for (is_row, *_), group in groupby(lines, lambda line: places[id(line)]):
        block = [line for line in group if not _RULE.fullmatch(line.text)]
        if not is_row or not block:
            continue
        is_other = any(
            id(line) in heads and not expected.is_header(values_of(line, delimiter))
            for line in block
        )
        _fill(block, delimiter, expected)
        block = wrapped(block, delimiter, expected)
        headers = [line for line in block if expected.is_header(line.values)]
        if is_other and not headers:
            continue  # a table of something else
        drop_empty_end(block, expected, headers)
        drop_index(block, expected, headers, names)
        is_titled_otherwise = names is None and not headers and has_other_header(block, expected)
        for line in block:
            if line in headers:
                names = _names(line, expected)
                found.frames.append((line.start, line.end))
                titled.add(line.part)
                continue
            if names is None and not is_plain:
                continue
            record = _record(line, names, expected, delimiter)
            found.records.append(
                record.doubted("unknown_header") if is_titled_otherwise else record
            )
    if expected.width < _FEWEST_WITHOUT_HEADER:
        found.records[:] = _without_stray(text, found.records)
    found.records[:] = _of_rows(found.records, parts, titled, expected)
    return found if found.records else None


def _names(line: Line, expected: Expected) -> list[str]:
    """The names in a header, the first without what is glued to it: `<csv>Name`, `CSV: Name`."""
    names = [value.strip() for value in line.values]
    end = re.search(r"[^\W\d][\w ]*(?:\([^()]*\))?\W*\Z", names[0])
    if end and expected.label(end[0]) not in map(expected.label, ["", *names]):
        names[0] = end[0]
    return names


def _is_table(counts: list[int], lines: list[Line]) -> bool:
    """Whether lines of few values are rows: nothing stands beside them, and none is a sentence."""
    is_sentence = any(re.search(r"\w[.:!?]\s*$", line.text) for line in lines)
    return len(set(counts)) == 1 and not is_sentence


def _without_stray(text: str, records: list[Record]) -> list[Record]:
    """Records, doubted where one stands alone beside a block of several: it may be prose."""
    segments: list[list[Record]] = []
    for record in records:
        if not segments or text[segments[-1][-1].end : record.start].strip(" \t") != "\n":
            segments.append([])
        segments[-1].append(record)
    is_block = any(len(segment) > 1 for segment in segments)
    return [
        record.doubted("stray_line") if is_block and len(segment) == 1 else record
        for segment in segments
        for record in segment
    ]


def _of_rows(
    records: list[Record], parts: dict[int, int], titled: set[int], expected: Expected
) -> list[Record]:
    """Without prose that has commas: it stands in no part with a header or a whole row."""
    whole = {
        parts[record.start]
        for record in records
        if len(record.values) == (len(record.names) if record.names else expected.width)
    }
    kept = (titled & whole) or whole or set(parts.values())
    return [record for record in records if parts[record.start] in kept]


def _is_row(counts: list[int], place: int, expected: Expected) -> bool:
    """Whether a line has half of the values, at least, or a neighbour has the rest of them."""
    beside = counts[max(place - 1, 0) : place] + counts[place + 1 : place + 2]
    return counts[place] > 1 and (
        2 * counts[place] >= expected.width
        or any(counts[place] + other in (expected.width, expected.width + 1) for other in beside)
    )


def _record(line: Line, names: list[str] | None, expected: Expected, delimiter: str) -> Record:
    is_in_order = names is None or tuple(names) == expected.labels
    values = [
        _plain_cell(value) if is_quoted and delimiter in "|｜" else value.strip(" ")
        for value, is_quoted in zip(line.values, line.are_quoted, strict=True)
    ]
    bare = [v for v, is_quoted in zip(values, line.are_quoted, strict=True) if not is_quoted]
    is_marked = any(map(is_unclear, bare)) or (
        len(bare) == len(values) > 0 and delimiter not in "|｜" and is_unclear_line(values)
    )
    doubt = UNCLEAR if line.is_unclear or is_marked else None
    is_sum = _SUMMARY.fullmatch(values[0]) and not any(re.search(r"[^\W\d]", v) for v in values[1:])
    are_types = len(values) > 1 and all(map(_TYPE.fullmatch, values))
    if any(map(_PLACEHOLDER.fullmatch, values)) or is_sum or are_types:
        doubt = "placeholder"
    return Record(
        line.start,
        line.end,
        tuple(values),
        None if is_in_order else tuple(names),
        doubt=doubt,
    )


def _lines(text: str) -> list[Line]:
    """Lines without fences; a fence that is glued to a row is taken off it."""
    lines, place, part = [], 0, 0
    for raw in text.split("\n"):
        start, end = place, place + len(raw)
        place = end + 1
        line = raw if len(raw) <= _LONGEST else ""
        if fence := _FENCE.match(line):
            line = line[fence.end() :]
            start += fence.end()
            part += 1
        if line.rstrip().endswith(("```", "~~~")):
            line = line.rstrip()[:-3]
            part += 1
        if line.strip() and not line.startswith("sep="):
            lines.append(Line(start, end, line, part))
    return lines


def _fill(block: list[Line], delimiter: str, expected: Expected) -> None:
    """Take the marks off the lines of a block, and split them."""
    texts, unclear = without_marks([line.text for line in block])
    if any(text != line.text for text, line in zip(texts, block, strict=True)) and "&" in "".join(
        texts
    ):
        texts = [html.unescape(text) for text in texts]  # it came out of a page
    if sum(unclear) and expected.is_header(split(block[0].text, delimiter)[0]):
        # A header stands above the list, and has no mark.
        rest, still_unclear = without_marks([line.text for line in block[1:]])
        if not any(still_unclear):
            texts, unclear = [block[0].text, *rest], [False, *still_unclear]
    for line, text, is_marked in zip(block, texts, unclear, strict=True):
        line.values, line.are_quoted, _ = split(text, delimiter)
        line.is_unclear = is_marked


def _single(lines: list[Line], expected: Expected) -> Found | None:
    """The records of one column: a line each, below the column's name if it is there."""
    texts = [line.text.strip().strip("|").strip() for line in lines]
    places = [place for place, text in enumerate(texts) if expected.is_header([text])]
    first = places[0] + 1 if places else 0
    rows = [
        (line, text)
        for line, text in zip(lines[first:], texts[first:], strict=True)
        if not _RULE.fullmatch(line.text) and not re.search(r"\s\S+[.:!?]$", text)
    ]
    plain, unclear = without_marks([text for _, text in rows])
    records = [
        Record(
            line.start,
            line.end,
            (text.rstrip(",").strip(' "'),),
            doubt=UNCLEAR
            if is_marked or not text or is_unclear_line([text.strip(' ",')])
            else None,
        )
        for (line, _), text, is_marked in zip(rows, plain, unclear, strict=True)
    ]
    return Found("delimited", records) if records else None


def _plain_cell(cell: str) -> str:
    """A cell of a Markdown table without bold, code and line breaks."""
    cell = cell.strip()
    if found := re.fullmatch(r"(\*\*|__|`)(.+)\1", cell, re.S):
        return found[2].strip()
    return cell
