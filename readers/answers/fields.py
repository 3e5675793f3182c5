"""Lines of a text, and the values between the delimiters of a line."""

import re
from dataclasses import dataclass, field
from functools import lru_cache

_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»"}
_LONGEST_JOIN = 6  # lines that a quoted value may span


@dataclass
class Line:
    """A line of the text, or several that belong together, with its values."""

    start: int
    end: int
    text: str
    part: int = 0  # of the text, between two fences
    values: list[str] = field(default_factory=list)
    are_quoted: list[bool] = field(default_factory=list)
    is_unclear: bool = False


def has_delimiter(line: str, delimiter: str) -> bool:
    return "  " in line.strip() if delimiter == "  " else delimiter in line


def split(line: str, delimiter: str) -> tuple[list[str], list[bool], bool]:
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


def values_of(line: Line, delimiter: str) -> list[str]:
    return split(line.text, delimiter)[0]


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
    is_open = quote == '"' and quote not in rest  # other quotes close in their line, or are none
    if stop < 0:
        return line[start:], len(line) + 1, "open" if is_open else "bare"
    return line[start:stop], stop + 1, "open" if is_open else "bare"


def joined(lines: list[Line], delimiter: str) -> list[Line]:
    """Lines whose quoted value goes on in the next ones are joined with these."""
    if not any('"' in line.text for line in lines):
        return lines
    joined, place = [], 0
    while place < len(lines):
        line = lines[place]
        for last in range(place + 1, min(place + _LONGEST_JOIN, len(lines))):
            if not split(line.text, delimiter)[2]:
                break
            text = "\n".join(part.text for part in lines[place : last + 1])
            if not split(text, delimiter)[2]:
                line = Line(line.start, lines[last].end, text, line.part)
                place = last
                break
        joined.append(line)
        place += 1
    return joined
