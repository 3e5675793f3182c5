"""Finds the records of delimited text: CSV with any delimiter, Markdown tables, columns of spaces."""

import html
import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, groupby, pairwise

from readers.answers.found import Expected, Found, Record
from readers.answers.marks import UNCLEAR, is_unclear, is_unclear_line, without_marks

_DELIMITERS = {
    ",": ",",
    ";": ";",
    "\t": "\t",
    "|": "|",
    "，": "，",
    "；": "；",
    "｜": "｜",
    "  ": r"\s{2,}",
}
_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»"}
_FENCE = re.compile(
    r"\s*(?:```|~~~)\s*(?:(?:csv|tsv|text|txt|plaintext|markdown|md|json|yaml|sql|python|table|data)\b)?",
    re.I,
)
_RULE = re.compile(r"[\s|:+=_\-─━┼╋├┤┬┴┌┐└┘╔╗╚╝═╬╠╣╦╩╒╕╞╡╘╛╪╤╧]+")
_COMMENT = re.compile(r"\s*(?:#|//|--)\s")
_LONGEST = 100_000  # characters of a line that may be a row
_LONGEST_JOIN = 6  # lines that a quoted value may span
_FEWEST_WITHOUT_HEADER = 6  # columns; with fewer, a line of prose may look like a row
_MARKDOWN_RULE = re.compile(r"[\s|:-]*-[\s|:-]*")
# What stands in a row for values that were left out, and at the head of a row that sums up.
_PLACEHOLDER = re.compile(r"\.\.\.|…|⋮|<[A-Za-z][\w ]*>|(?i:str|string|varchar|text|<chr>|object)")
_SUMMARY = re.compile(r"(?i)totals?|sum|mean|average|count|std|median")


@dataclass
class _Line:
    """A line of the text, or several that belong together, with its values."""

    start: int
    end: int
    text: str
    part: int = 0  # of the text, between two fences
    values: list[str] = field(default_factory=list)
    are_quoted: list[bool] = field(default_factory=list)
    is_unclear: bool = False


def delimited(text: str, expected: Expected, *, is_truncated: bool = False) -> Found | None:
    """The records of the delimiter that gives most lines as many values as are expected."""
    lines = _lines(text)
    best: tuple[tuple[int, int], str] | None = None
    for delimiter in _DELIMITERS:
        if not any(_has(line.text, delimiter) for line in lines):
            continue
        counts = [len(_split(line.text, delimiter)[0]) for line in lines]
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
    text: str, lines: list[_Line], delimiter: str, expected: Expected, is_truncated: bool
) -> Found | None:
    lines = _joined(lines, delimiter)
    found = Found(
        "markdown" if delimiter == "|" else "spaces" if delimiter == "  " else "delimited"
    )
    names: list[str] | None = None
    counts = [len(_split(line.text, delimiter)[0]) for line in lines]
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
            id(line) in heads and not expected.is_header(_values(line, delimiter)) for line in block
        )
        _fill(block, delimiter, expected)
        block = _wrapped(block, delimiter, expected)
        headers = [line for line in block if expected.is_header(line.values)]
        if is_other and not headers:
            continue  # a table of something else
        _drop_empty_end(block, expected, headers)
        _drop_index(block, expected, headers, names)
        is_titled_otherwise = names is None and not headers and _has_other_header(block, expected)
        for line in block:
            if line in headers:
                names = [value.strip() for value in line.values]
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
    if is_truncated and found.records and found.records[-1].end >= len(text):
        last = found.records[-1]
        found.records[-1] = Record(last.start, last.end, last.values, last.names, is_cut_off=True)
    return found if found.records else None


def _is_table(counts: list[int], lines: list[_Line]) -> bool:
    """Whether lines of few values are rows: nothing stands beside them, and none is a sentence."""
    is_sentence = any(re.search(r"\w[.:!?]\s*$", line.text) for line in lines)
    return len(set(counts)) == 1 and not is_sentence


def _values(line: _Line, delimiter: str) -> list[str]:
    return _split(line.text, delimiter)[0]


def _has_other_header(block: list[_Line], expected: Expected) -> bool:
    """Whether the first line names columns in words that are not the contract's.

    It has no figure where all other lines have one, or some of the labels.
    """
    have_figures = [any(re.search(r"\d", value) for value in line.values) for line in block]
    labels = expected.count(block[0].values)
    return len(block) > 1 and (labels > 1 or (not have_figures[0] and all(have_figures[1:])))


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
    """Without prose that has commas: it stands in no part with a header, if one has it, or a whole row."""
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


def _record(line: _Line, names: list[str] | None, expected: Expected, delimiter: str) -> Record:
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
    if any(_PLACEHOLDER.fullmatch(value) for value in values) or _SUMMARY.fullmatch(values[0]):
        doubt = "placeholder"
    return Record(
        line.start,
        line.end,
        tuple(values),
        None if is_in_order else tuple(names),
        doubt=doubt,
    )


def _lines(text: str) -> list[_Line]:
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
            lines.append(_Line(start, end, line, part))
    return lines


def _has(line: str, delimiter: str) -> bool:
    return "  " in line.strip() if delimiter == "  " else delimiter in line


def _split(line: str, delimiter: str) -> tuple[list[str], list[bool], bool]:
    """The values of a line, whether each was quoted, and whether the last one's quote is open."""
    if delimiter == "  ":
        parts = re.split(r"\s{2,}", line.strip())
        return parts, [False] * len(parts), False
    if delimiter in "|｜" and line.lstrip().startswith(delimiter):
        inside = line.strip()[1:]
        inside = inside[:-1] if inside.endswith(delimiter) and inside[-2:-1] != "\\" else inside
        cells = [
            cell.replace("\\|", "|") for cell in re.split(rf"(?<!\\){re.escape(delimiter)}", inside)
        ]
        return cells, [True] * len(cells), False
    if not any(quote in line for quote in _QUOTES):
        parts = line.split(delimiter)
        if "'" in line and all(re.fullmatch(r"\s*'.*'\s*", part) for part in parts if part.strip()):
            return [part.strip()[1:-1] for part in parts], [True] * len(parts), False
        return parts, [False] * len(parts), False
    values: list[str] = []
    quoted: list[bool] = []
    place, is_open = 0, False
    while True:
        value, place, state = _field(line, place, delimiter)
        values.append(value)
        quoted.append(state == "quoted")
        is_open |= state == "open"
        if place > len(line):
            return values, quoted, is_open


@lru_cache(maxsize=64)
def _quoted_patterns(quote: str, delimiter: str) -> list[tuple[re.Pattern[str], str]]:
    """Patterns of what follows an opening quote, and how a quote in the value is written."""
    end = rf"{quote}[ \t]*(?P<next>{re.escape(delimiter)}|$)"
    insides = [(rf"[^{quote}\\]*(?:\\.[^{quote}\\]*)*", f"\\{quote}")]
    insides.append((rf"[^{quote}]*(?:{quote}{quote}[^{quote}]*)*", quote * 2))
    return [(re.compile(rf"(?P<inside>{inside}){end}", re.S), escape) for inside, escape in insides]


def _field(line: str, start: int, delimiter: str) -> tuple[str, int, str]:
    """The field at `start`, where the next begins, and how it was: bare, quoted or open."""
    begin = start
    while line[begin : begin + 1] in (" ", "\t") and line[begin] != delimiter:
        begin += 1
    quote = line[begin : begin + 1]
    if quote and quote in _QUOTES:
        for pattern, escape in _quoted_patterns(_QUOTES[quote], delimiter):
            if found := pattern.match(line, begin + 1):
                value = found["inside"].replace(escape, quote)
                return value, found.end() if found["next"] else len(line) + 1, "quoted"
    stop = line.find(delimiter, start)
    rest = line[begin + 1 :].replace('""', "").replace('\\"', "")
    is_open = bool(quote) and quote in _QUOTES and _QUOTES[quote] not in rest
    if stop < 0:
        return line[start:], len(line) + 1, "open" if is_open else "bare"
    return line[start:stop], stop + 1, "open" if is_open else "bare"


def _joined(lines: list[_Line], delimiter: str) -> list[_Line]:
    """Lines whose quoted value goes on in the next ones are joined with these."""
    if not any('"' in line.text for line in lines):
        return lines
    joined, place = [], 0
    while place < len(lines):
        line = lines[place]
        for last in range(place + 1, min(place + _LONGEST_JOIN, len(lines))):
            if not _split(line.text, delimiter)[2]:
                break
            text = "\n".join(part.text for part in lines[place : last + 1])
            if not _split(text, delimiter)[2]:
                line = _Line(line.start, lines[last].end, text, line.part)
                place = last
                break
        joined.append(line)
        place += 1
    return joined


def _fill(block: list[_Line], delimiter: str, expected: Expected) -> None:
    """Take the marks off the lines of a block, and split them."""
    texts, unclear = without_marks([line.text for line in block])
    if any(text != line.text for text, line in zip(texts, block, strict=True)) and "&" in "".join(
        texts
    ):
        texts = [html.unescape(text) for text in texts]  # it came out of a page
    if sum(unclear) and expected.is_header(_split(block[0].text, delimiter)[0]):
        # A header stands above the list, and has no mark.
        rest, still_unclear = without_marks([line.text for line in block[1:]])
        if not any(still_unclear):
            texts, unclear = [block[0].text, *rest], [False, *still_unclear]
    for line, text, is_unclear in zip(block, texts, unclear, strict=True):
        line.values, line.are_quoted, _ = _split(text, delimiter)
        line.is_unclear = is_unclear


def _wrapped(block: list[_Line], delimiter: str, expected: Expected) -> list[_Line]:
    """Rows that were broken over two lines at the same place each are made whole."""
    header = next((line for line in block if expected.is_header(line.values)), None)
    width = len(header.values) if header else expected.width
    rows = [line for line in block if line is not header]
    if len(rows) < 4 or len(rows) % 2 or any(len(line.values) >= width for line in rows):
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
            _Line(first.start, second.end, "", first.part, values, quoted, first.is_unclear)
        )
    return [header, *whole] if header else whole


def _figures(line: _Line) -> list[str]:
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


def _drop_empty_end(block: list[_Line], expected: Expected, headers: list[_Line]) -> None:
    """A delimiter at the end of every line of several ends the line, and begins no value."""
    width = len(headers[0].values) if headers else expected.width + 1
    rows = [line for line in block if line not in headers]
    if len(block) < 2 or not all(line.values[-1].strip() == "" for line in block):
        return
    if all(len(line.values) == width for line in rows):
        for line in block:
            line.values, line.are_quoted = line.values[:-1], line.are_quoted[:-1]


def _drop_index(
    block: list[_Line], expected: Expected, headers: list[_Line], names: list[str] | None
) -> None:
    """A column that numbers the rows and has no name is no column."""
    rows = [line for line in block if line not in headers]
    firsts = [line.values[0].strip() for line in rows]
    if not rows or not all(first.isdecimal() for first in firsts):
        return
    numbers = [int(first) for first in firsts]
    if any(after - before != 1 for before, after in zip(numbers, numbers[1:], strict=False)):
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


def _single(lines: list[_Line], expected: Expected) -> Found | None:
    """The records of a contract of one column: a line each, below the column's name if it is there."""
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
            if is_unclear or not text or is_unclear_line([text.strip(' ",')])
            else None,
        )
        for (line, _), text, is_unclear in zip(rows, plain, unclear, strict=True)
    ]
    return Found("delimited", records) if records else None


def _plain_cell(cell: str) -> str:
    """A cell of a Markdown table without bold, code and line breaks."""
    cell = cell.strip()
    if found := re.fullmatch(r"(\*\*|__|`)(.+)\1", cell, re.S):
        return found[2].strip()
    return cell
