"""Marks around the lines of a list: numbers, bullets, labels of rows, tags. They are no data.

A mark is taken off only where all lines of a block have the same one, numbered without a gap.
Elsewhere nobody knows whether it belongs to the value, and the record is doubted.
"""

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

UNCLEAR = "unclear_mark"

_WORDS = "row|record|patient|entry|item|line|case|example|sample|no|nr"
_BEFORE = re.compile(
    r"\s*(?P<mark>"
    r"(?:[-*•‣◦·–—+>▪●○✓✔]|\[[ x]\])\s+"  # bullets
    rf"|\**\(?(?:(?:{_WORDS})\b\.?\s*)?[#№]?\s*(?P<number>\d{{1,6}})\**\s*(?:\\?[.):\]>、。]\**(?!\d)|\s-\s|\s–\s|->|→)\**\s*"
    rf"|\**(?:{_WORDS})(?:\b|(?=\d))\.?\s*[#№]?\s*(?P<named>\d{{1,6}})\**\s*(?:[:,]?)\**\s+"
    r"|(?P<keycap>\d)\ufe0f?\u20e3\s*|(?P<circled>[①-⑳])\s*"
    r"|[\[(](?P<bracketed>\d{1,6})[\])]\s*"
    r"|#(?P<hash>\d{1,6})\b\s*[:.)]?\s*"
    r"|(?P<letter>[a-z])\)\s+"
    r"|(?P<emphasis>\*\*|__)(?=[^*_]+(?:\*\*|__)\s*$)"  # a line in bold
    r")",
    re.I,
)
_TAG = re.compile(
    r"\s*<(?P<tag>[A-Za-z][\w.-]*)(?:\s[^<>]*)?>(?P<inside>.*?)</(?P=tag)\s*>\s*", re.S
)
_PAIRS = {"(": ")", "[": "]", "{": "}", "`": "`"}
_BREAK = re.compile(r"\s*(?:<br\s*/?>|</?p>|\\\\|  )\s*$", re.I)

_MOST_MARKS = 3  # before one another, as in `- 1. `

# What is left of a mark in a value that nothing quotes.
LEFT_OVER = re.compile(
    r"^\s*(?:```|\*\*|</?(?:row|record|tr|td|br|li|p|data|csv|output|answer|response|result|item)\b)"
    r"|(?:```|\*\*|<(?:/\s*\w+|br\s*/?)>)\s*$",
    re.I,
)

# What a value that nothing quotes begins and ends with. Anything else may be a mark.
_START = re.compile(r"[\w+\-.(='$€£¥]|\{[{%]|\[\d|<(\w+)\b[^<>]*>.*</\1>", re.S)
_END = re.compile(r"[\w+\-.)'%!?°]$|[%}]\}$")
_ODD = set("`‘’„”“＂「«´*_<([{'~")
_LABEL_BEFORE = re.compile(r"^[^,;]{0,40}?(?::\s|：)|^\d+(?:\.\d+)?\s+[^\W\d]")


def is_unclear(value: str) -> bool:
    """Whether a value without quotes has something at an end that may not belong to it."""
    stray = value.startswith('"') or value.endswith('"') or LEFT_OVER.search(value) is not None
    is_interval = re.fullmatch(r"[\[(][\d.,\s-]+[\])]", value) is not None  # [70-80)
    return stray or (
        not is_interval and any(value.count(a) != value.count(b) for a, b in ("()", "[]", "{}"))
    )


def is_unclear_line(values: Sequence[str]) -> bool:
    """Whether a line may begin or end with a mark, or has the same odd sign before each value."""
    first, last = values[0], values[-1]
    # A sign alone, such as `?`, is a value: it says that there is none.
    if re.search(r"\w", first) and not _START.match(first):
        return True
    if re.search(r"\w", last) and not _END.search(last):
        return True
    if re.search(r"\s(?:<--|#|//|--)\s", last):
        return True  # a comment
    starts = {value[:1] for value in values}
    return has_label_before(first) or (len(values) > 1 and len(starts) == 1 and starts < _ODD)


def has_label_before(value: str) -> bool:
    """Whether the first value of a line begins with what may be its label or number."""
    return _LABEL_BEFORE.match(value) is not None


def without_marks(lines: Sequence[str]) -> tuple[list[str], list[bool]]:
    """The lines of a block without their marks, and for each whether an unclear one is left."""
    plain = [*lines]
    for take in (_tagged, _bracketed, _broken, *[_listed] * _MOST_MARKS):
        taken = take(plain)
        if taken is not None:
            plain = taken
    return plain, [_BEFORE.match(line) is not None for line in plain]


def _tagged(lines: Sequence[str]) -> list[str] | None:
    """Lines that each stand in a tag of the same name."""
    found = [_TAG.fullmatch(line) for line in lines]
    if not all(found) or len({match["tag"].lower() for match in found if match}) > 1:
        return None
    return [match["inside"] for match in found if match]


def _bracketed(lines: Sequence[str]) -> list[str] | None:
    """Lines that each stand in brackets, with or without a comma behind."""
    stripped = [line.strip().rstrip(",;") for line in lines]
    starts = {line[:1] for line in stripped}
    (start, *others) = starts or {""}
    if others or start not in _PAIRS or any(line[-1:] != _PAIRS[start] for line in stripped):
        return None
    return [line[1:-1] for line in stripped]


def _broken(lines: Sequence[str]) -> list[str] | None:
    """Lines that each end with a sign for a line end."""
    if not all(_BREAK.search(line) for line in lines):
        return None
    return [_BREAK.sub("", line) for line in lines]


def _listed(lines: Sequence[str]) -> list[str] | None:
    """Lines of a list: all with a bullet, or numbered one after another."""
    found = [_BEFORE.match(line) for line in lines]
    if not all(found):
        return None
    numbers = [_number(match) for match in found if match]
    if any(number is None for number in numbers):
        shapes = {match["mark"].strip() for match in found if match}
        if len(shapes) > 1 or numbers.count(None) < len(numbers):
            return None
    elif len(numbers) == 1 and numbers[0] != 1:
        return None  # nothing shows that it counts
    elif any(after - before != 1 for before, after in pairwise(numbers)):
        return None
    plain = [line[match.end() :] for line, match in zip(lines, found, strict=True) if match]
    if all(match["emphasis"] for match in found if match):
        return [re.sub(r"(?:\*\*|__)\s*$", "", line) for line in plain]
    return plain


def _number(match: re.Match[str]) -> int | None:
    for name in ("number", "named", "bracketed", "hash", "keycap"):
        if match[name]:
            return int(match[name])
    if match["circled"]:
        return int(unicodedata.numeric(match["circled"]))
    return ord(match["letter"]) if match["letter"] else None
