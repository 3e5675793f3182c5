"""How a text is laid out as a table: its delimiter, its header, and what stands around it."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from synthcare.errors import SynthcareError

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
LONGEST_LINE = 2_000_000  # characters; longer ones are no rows of a table

_SAMPLE_RECORDS = 200
_MOST_TITLES = 20
_FOOTER = re.compile(
    r"(grand |sub)?totals?\b|sums?$|average$|mean$|count$|sources?\b|notes?\b|exported\b"
    r"|generated\b|printed\b|end of\b|#|\(?[0-9,. ]+ (rows|records)",
    re.I,
)


@dataclass(frozen=True)
class Dialect:
    """What a person says about a file; what is None is recognised.

    `dates` is `dmy` or `mdy`, `decimal` a comma or a point, `skip_rows` the lines above the header.
    """

    delimiter: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    skip_rows: int | None = None
    dates: str | None = None


@dataclass(frozen=True)
class Layout:
    """Where the table stands in the text: the names, and the text of the rows under them.

    `width` is how many values each row has; names may be fewer, which is for the caller to judge.
    """

    delimiter: str
    header: tuple[str, ...]
    body: str
    width: int
    first_line: int
    notes: tuple[str, ...]


def find_layout(text: str, dialect: Dialect, *, name: str) -> Layout:
    """Find the table in `text`, the content of the file `name`.

    Raises SynthcareError where there is none.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    notes: list[str] = []
    text, told = _after_mark(text)
    text, skipped = _after_lines(text, dialect.skip_rows or 0)
    if not text.strip():
        raise SynthcareError(f"{name} is empty: its first line must name the columns.")
    # A quote that nothing closes makes one line of the rest; it is refused for what it is.
    if max(map(len, text[: 4 * LONGEST_LINE].split("\n")[:_SAMPLE_RECORDS])) > LONGEST_LINE:
        raise SynthcareError(
            f"{name} has a line of more than {LONGEST_LINE:,} characters: it is no table of rows."
        )
    delimiter = dialect.delimiter or told or _delimiter(text)
    if delimiter != ",":
        notes.append(f"the columns are separated by {DELIMITERS.get(delimiter, delimiter)}")
    records = list(_records(text, delimiter))
    width = _width(records)
    place = 0 if dialect.skip_rows is not None else _header(records, width)
    if place:
        titles = [next(filter(None, map(str.strip, record)), "") for record, _ in records[:place]]
        shown = ", ".join(repr(title[:40]) for title in titles if title)
        notes.append(f"lines above the names of the columns were cut: {shown or 'empty ones'}")
    if not records:
        raise SynthcareError(f"{name} is empty: its first line must name the columns.")
    header, end = records[place]
    rest, above = _after_lines(text, end)
    body, cut = _without_footer(rest, delimiter, width)
    if cut:
        shown = ", ".join(repr(line[:40]) for line in cut)
        notes.append(f"lines below the rows were cut: {shown}")
    # The first value of each row may lack a name, and values below the sample do not count.
    width = width if len(records) > place + 1 else len(header)
    return Layout(delimiter, tuple(header), body, width, skipped + above + 1, tuple(notes))


def _after_mark(text: str) -> tuple[str, str | None]:
    """The text below `sep=;`, which Excel reads, and what it says."""
    mark = re.match(r'"?sep=(.)"?[,;\t|]*\n', text)
    return (text[mark.end() :], mark[1]) if mark else (text, None)


def _after_lines(text: str, count: int) -> tuple[str, int]:
    """The text below its first `count` lines, and how many these were."""
    start = 0
    for number in range(count):
        found = text.find("\n", start)
        if found < 0:
            return "", number
        start = found + 1
    return text[start:], count


def _records(text: str, delimiter: str) -> Iterator[tuple[list[str], int]]:
    """The first records, and the number of lines up to the end of each."""
    lines = io.StringIO(text[: 4 * LONGEST_LINE], newline="\n")
    reader = csv.reader(lines, delimiter=delimiter)
    csv.field_size_limit(4 * LONGEST_LINE)
    try:
        for record, _ in zip(reader, range(_SAMPLE_RECORDS), strict=False):
            yield record, reader.line_num
    except csv.Error:  # what was read so far shows the layout; the rest is refused later
        return


def _delimiter(text: str) -> str:
    """The delimiter by which most of the first records have equally many values."""

    def fits(delimiter: str) -> float:
        records = [record for record, _ in _records(text, delimiter) if any(record)]
        width = _width([(record, 0) for record in records])
        if width == 1:
            return 0
        share = sum(len(record) == width for record in records) / len(records)
        # A comma within values, such as of decimals, is in every row and seldom in the names.
        is_named = len(records[0]) in (width, width - 1)
        return share + 0.15 * is_named + 0.02 * min(width, 20)

    best = max(DELIMITERS, key=fits)
    return best if fits(best) > 0.5 else ","  # noqa: PLR2004 (half of the records)


def _width(records: Sequence[tuple[list[str], int]]) -> int:
    """How many values most records have."""
    widths = Counter(len(record) for record, _ in records if record)
    several = Counter({width: count for width, count in widths.items() if width > 1})
    # Lines of text around a short table are no columns of their own.
    if several and several.total() >= widths[1] / 2:
        return several.most_common(1)[0][0]
    return 1


def _header(records: Sequence[tuple[list[str], int]], width: int) -> int:
    """Place of the record with the names; before it are titles and empty lines."""
    for place, (record, _) in enumerate(records[: _MOST_TITLES + 1]):
        if not _is_title(record, width):
            # Cells of a spreadsheet's title row are padded to the width of the table, and so are
            # names of which most lack; under a title there are names and no values.
            padded = [p for p, (above, _) in enumerate(records[:place]) if len(above) == width]
            if padded and any(re.fullmatch(r"[-+]?[0-9][-0-9.,:/]*", value) for value in record):
                return next((p for p in padded if any(records[p][0])), place)
            return place
    return 0


def _is_title(record: Sequence[str], width: int) -> bool:
    filled = [value for value in record if value.strip()]
    if width == 1 or not filled:
        return not filled
    if len(record) == width:
        return len(filled) <= (width - 1) // 2 and bool(record[0].strip())
    return len(filled) <= max(1, (width - 1) // 2) or record[0].startswith("#")


def _without_footer(body: str, delimiter: str, width: int) -> tuple[str, list[str]]:
    """The rows, and the lines below them that are no rows."""
    cut: list[str] = []
    body = body.rstrip("\n") if width > 1 else body
    while len(cut) < _MOST_TITLES and width > 1:
        start = body.rfind("\n") + 1
        line = body[start:]
        if not start or line.count('"') % 2 or not _is_footer(line, delimiter, width):
            break
        if line.strip(f"{delimiter} "):
            cut.insert(0, line)
        body = body[:start].rstrip("\n")
    return body, cut


def _is_footer(line: str, delimiter: str, width: int) -> bool:
    values = next(csv.reader([line], delimiter=delimiter), [])
    filled = [value.strip() for value in values if value.strip()]
    if not filled:
        return True
    is_called_so = bool(_FOOTER.match(filled[0]))
    if len(values) != width:
        return len(filled) == 1 or is_called_so
    is_sentence = len(filled) == 1 and values[0].strip().count(" ") > 1
    return (is_called_so and (len(filled) < width or width == 2)) or is_sentence  # noqa: PLR2004
