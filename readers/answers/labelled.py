"""Finds records whose values stand behind their labels: `Age: 45`, or `Age is 45` in sentences."""

import re
from functools import lru_cache
from itertools import pairwise

from readers.answers.found import Expected, Found, Record
from readers.answers.marks import UNCLEAR, is_unclear

_DECORATION = r"""(?>(?:[-*•‣◦·–>+|][ \t]+|[*_`"']{1,3}|\(?\d{1,4}[.)][ \t]+|#{1,6}[ \t]+){0,4})"""
# A line that begins a value of a name that no column has, or a heading.
_OTHER_KEY = re.compile(
    rf"\n[ \t]*{_DECORATION}[^\W\d][\w ()/-]{{0,40}}[*_`\"']{{0,3}}[ \t]*(?::|=)\s"
)
_BREAK = re.compile(r"\n[ \t]*\n|\n[ \t]*(?:#{1,6}\s|-{3,}|={3,}|\*{3,}|```|~~~|\}|\{|\]|\[|\()")


@lru_cache(maxsize=32)
def _pattern(labels: tuple[str, ...]) -> re.Pattern[str]:
    words = [
        r"[\s_-]*".join(re.escape(word) for word in re.split(r"[\s_-]+", label))
        for label in sorted(labels, key=len, reverse=True)
    ]
    return re.compile(
        rf"""(?P<before>^[ \t]*|[,;|.][ \t]+(?:and[ \t]+)?|\band[ \t]+)(?P<marks>{_DECORATION})"""
        rf"""(?P<label>{"|".join(words)})(?:\s*[(\[][^)\]\n]{{0,30}}[)\]])?[*_`"']{{0,3}}[ \t]*"""
        r"""(?P<sign>::?|：|=>?|->|→|(?<=\s)(?:is|was|are)\b)[*_`]*[ \t]*""",
        re.I | re.M,
    )


def labelled(text: str, expected: Expected) -> Found | None:
    """The records of values behind their labels."""
    text = _without_frame(text)
    labels = [*_pattern(expected.labels).finditer(text)]
    if 2 * len({match["label"].lower() for match in labels}) < min(expected.width, 2):
        return None
    groups = _groups(text, labels, expected)
    found = Found("labelled")
    for group in groups:
        values, last_end = [], group[0][0].start()
        doubt = None
        for match, end in group:
            value, last_end, is_odd = _value(text, match.end(), end)
            values.append(value)
            doubt = UNCLEAR if is_odd else doubt
        if all(match["before"].lstrip().startswith(".") for match, _ in group[1:]) and group[1:]:
            values[-1] = values[-1].removesuffix(".")  # of the sentence
        found.records.append(
            Record(
                group[0][0].start(),
                last_end,
                tuple(values),
                tuple(match["label"] for match, _ in group),
                doubt=doubt,
            )
        )
    return found


def _groups(
    text: str, labels: list[re.Match[str]], expected: Expected
) -> list[list[tuple[re.Match[str], int]]]:
    """The labels of each record, each with the place where its value ends at the latest.

    A label that comes again begins the next record, and so does a blank line, a heading or a rule,
    unless what stands between those repeats itself in parts, as sections of a record do.
    """
    ends = [match.start() for match in labels[1:]] + [len(text)]
    parts: list[list[tuple[re.Match[str], int]]] = []
    seen: set[str | None] = set()
    breaks = [_BREAK.search(text, a.end(), b.start() + 1) for a, b in pairwise(labels)]
    is_loose = all(breaks) and len(breaks) > 0  # a blank line behind each value
    for place, (match, end) in enumerate(zip(labels, ends, strict=True)):
        label = expected.label(match["label"])
        is_broken = place > 0 and breaks[place - 1] is not None and not is_loose
        if label in seen or is_broken or not parts:
            parts.append([])
            seen = set()
        seen.add(label)
        parts[-1].append((match, end))
    sets = [frozenset(expected.label(match["label"]) for match, _ in part) for part in parts]
    for size in range(2, len(parts) // 2 + 1):
        one = sets[:size]
        if sum(map(len, one)) == len(frozenset().union(*one)) and sets == one * (len(sets) // size):
            return [
                [label for part in parts[n : n + size] for label in part]
                for n in range(0, len(parts), size)
            ]
    return parts


def _without_frame(text: str) -> str:
    """A table of two columns, label and value, as lines of the same length."""
    pattern = r"(?m)^\|([^|\n]+)\|([^|\n]*)\|[ \t]*$"
    pipes = len(re.findall(r"(?m)^\|", text))
    if not pipes or len(re.findall(pattern, text)) < pipes:
        return text
    return re.sub(pattern, r" \1:\2 ", text)


def _value(text: str, start: int, end: int) -> tuple[str, int, bool]:
    """The value between a label and the next, where it ends, and whether that is unclear."""
    raw = text[start:end]
    for pattern in (_BREAK, _OTHER_KEY):
        if stop := pattern.search(raw):
            raw = raw[: stop.start()]
    first, _, rest = raw.partition("\n")
    value = first.strip().rstrip(",;|").strip()
    value = re.sub(r"\s*<br\s*/?>$", "", value)
    is_quoted = False
    for opening, closing in (('"', '"'), ("'", "'"), ("**", "**"), ("`", "`"), ("“", "”")):
        if len(value) > len(opening) and value.startswith(opening) and value.endswith(closing):
            value, is_quoted = value[len(opening) : -len(closing)].strip(), True
            break
    # A line behind the value, of which nobody knows whether it belongs to it.
    goes_on = bool(rest.strip()) and not re.match(r"\s*(?:[-*•]|\d+[.)])\s*$", rest)
    runs_on = re.search(r"[,;|]\s+[A-Z][\w ]{0,30}(?::|\s=)\s", value) is not None
    return value, start + len(first), goes_on or runs_on or (not is_quoted and is_unclear(value))
