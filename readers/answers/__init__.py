"""Finds the records in an answer of an LLM, whatever its format: `read_answer`."""

import hashlib
import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from readers.answers.aligned import aligned
from readers.answers.cleaning import clean, is_escaped, letters, unescaped
from readers.answers.corrections import mark_superseded
from readers.answers.found import Expected, Found, Record
from readers.answers.labelled import labelled
from readers.answers.lines import delimited
from readers.answers.loose_json import Node, find_values, unescape
from readers.answers.markup import has_markup, markup_values
from readers.answers.reasoning import answer_of, is_thought
from readers.answers.refusals import is_refusal
from readers.answers.trees import records_in, rows_in
from readers.answers.yaml_text import yaml_values

__all__ = ["Expected", "Reading", "Record", "read_answer", "version"]

_MOST_TEXTS = 3  # texts within texts
# Formats that nothing closes: rows of a line each, and of several.
_LINES, _BLOCKS = {"delimited", "markdown", "spaces"}, {"labelled", "yaml"}
_MOST_OF_IT = 0.7  # of the letters of a text: no other format explains more


@dataclass(frozen=True)
class Reading:
    """What an answer was taken for, its records, and the text that they stand in.

    `taken_for` is the format of the records; without records `thought` (nothing but reasoning),
    `refusal` (prose that begins with an apology or says that it cannot), `prose` or `nothing`.
    `unexplained` is the share of its letters and digits in no record, `rest` the longest piece.
    """

    taken_for: str
    text: str
    records: list[Record]
    unexplained: float
    rest: str = ""


def read_answer(text: str, expected: Expected, *, is_truncated: bool = False) -> Reading:
    """Find the records in `text`, an answer that was cut off where `is_truncated`.

    What an LLM only thought is no record. Records that it took back, and those of which it is
    unclear what belongs to a value, have a doubt. Never raises.
    """
    cleaned = clean(text)
    answer = _plain(answer_of(cleaned, expected.labels))
    found = _read(answer, expected, is_truncated, 0)
    if found is None and "<example" in cleaned.lower():
        # Examples are drafts, unless the answer is nothing but examples.
        answer = _plain(answer_of(cleaned, expected.labels, with_examples=True))
        found = _read(answer, expected, is_truncated, 0)
    if found is None:
        kind = "prose" if letters(answer) else "thought" if letters(cleaned) else "nothing"
        if kind == "prose" and is_refusal(answer):
            kind = "refusal"
        return Reading(kind, answer, [], 1.0 if letters(cleaned) else 0.0, answer)
    inner = found.text if found.text is not None else answer
    if is_truncated:
        found.records[:] = _cut_off(found, inner, answer)
    records = mark_superseded(inner, found.records, expected)
    return Reading(
        found.format, inner, records, _unexplained(cleaned, inner, found), _rest(inner, found)
    )


def _plain(answer: str) -> str:
    if "&quot;:" in answer:
        answer = html.unescape(answer)  # it came out of a page
    return unescaped(answer) if is_escaped(answer) else answer


def _cut_off(found: Found, text: str, answer: str) -> list[Record]:
    """The records, the last one cut off where `text` ends with it and nothing closes it.

    `text` is the answer, or a text within it.
    """
    *others, last = found.records
    rest = text[last.end :]
    is_within = found.text is not None and answer.rstrip()[-1:] in ('"', "]", "}")
    is_whole_line = found.format in _LINES and "\n" in rest
    if found.format in {*_LINES, *_BLOCKS} and not (letters(rest) or is_within or is_whole_line):
        last = replace(last, is_cut_off=True)
    return [*others, last]


def version() -> str:
    """A hash of the code that reads answers: other code may find other records."""
    digest = hashlib.md5(usedforsecurity=False)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _read(text: str, expected: Expected, is_truncated: bool, depth: int) -> Found | None:
    """The records of the format that explains most of the text, the first if several do."""
    best: tuple[float, Found] | None = None
    readers: list[Callable[[], Found | None]] = [
        lambda: _trees("json", find_values(text), text, expected),
        lambda: _texts(text, expected, is_truncated, depth),
        lambda: _markup(text, expected),
        lambda: _tuples(text, expected),
        lambda: aligned(text, expected),
        lambda: _labels_or_lines(text, expected, is_truncated, only_lines=best is not None),
    ]
    for reader in readers:
        found = reader()
        if not found or not found.records:
            continue
        most = max(_labels(record, expected) for record in found.records)
        is_named = found.records[0].names is not None or len(found.frames) > 0
        if best and not is_named and len(found.records) < len(best[1].records) + 2:
            continue  # beside records with names, a line or two without are prose
        sure = [record for record in found.records if not record.doubt]
        explained = _explained(found.text or text, Found(found.format, sure, found.frames[:1]))
        if 2 * most < expected.width:
            explained /= 100
        elif explained > _MOST_OF_IT * letters(text):
            return found
        if best is None or explained > best[0]:
            best = (explained, found)
    return best and best[1]


def _labels(record: Record, expected: Expected) -> int:
    """How many columns a record has values for."""
    return expected.count(record.names) if record.names else len(record.values)


def _trees(name: str, nodes: Iterator[Node], text: str, expected: Expected) -> Found:
    """Records of trees. Arrays that stand one after another are rows of one table."""
    found, arrays, names = Found(name), [], None
    for node in nodes:
        if node.items and all(item.is_scalar for item in node.items):
            # A list with a name of its own holds the names of columns, or it is no row.
            before = text[max(0, node.start - 60) : node.start]
            titles = tuple(item.text or "" for item in node.items)
            if not re.search(r"\w[\"']?\]?\s*[:=]\s*\Z", before):
                arrays.append(node)
            elif expected.is_header(titles):
                names = titles
            continue
        records = [*records_in(node, expected, text)]
        if records:
            found.frames.append((node.start, node.end))
        found.records.extend(records)
    if not found.records:
        found = Found("rows", [*rows_in(arrays, expected)])
    if names:
        found.records[:] = [
            replace(record, names=names) if record.names is None else record
            for record in found.records
        ]
    return found


def _texts(text: str, expected: Expected, is_truncated: bool, depth: int) -> Found | None:
    """Records of a text within the text: JSON in a string of JSON, lines in a list of strings."""
    bare = re.sub(r"\A```\w*\s*|```\Z", "", text.strip()).strip()
    if depth == _MOST_TEXTS or bare[:1] not in ('"', "[", "{"):
        return None
    if bare[0] == '"':
        # One string: in a CSV of quoted values, quotes without a backslash follow.
        is_string = "\\" in bare and re.fullmatch(r'"(?:[^"\\]|\\.)*"', bare, re.S)
        inner = unescape(bare[1:-1]) if is_string else ""
    else:
        strings = [string for node in find_values(text) for string in _strings(node)]
        inner = "\n".join(string for string in strings if re.search(r"[{\[<,;|\t:]", string))
    if not inner or inner == text:
        return None
    found = _read(inner, expected, is_truncated, depth + 1)
    return found and Found(found.format, found.records, found.frames, found.text or inner)


def _strings(node: Node) -> Iterator[str]:
    if node.is_scalar and (node.is_quoted or node.is_open) and node.text:
        yield node.text if node.is_quoted else node.text.removeprefix('"')
    said = [value for name, value in node.pairs or [] if not is_thought(name)]
    for child in [*(node.items or []), *said]:
        yield from _strings(child)


def _markup(text: str, expected: Expected) -> Found | None:
    if not has_markup(text):
        return None
    return _trees("markup", iter(markup_values(text)), text, expected)


def _labels_or_lines(
    text: str, expected: Expected, is_truncated: bool, *, only_lines: bool
) -> Found | None:
    """Values behind their labels, or lines of values; a list of what columns mean is no record.

    With `only_lines`, because there are records of another format, labels are part of these.
    """
    lines = delimited(text, expected, is_truncated=is_truncated)
    if only_lines:
        return lines
    behind = labelled(text, expected)
    if behind is None:
        return lines
    whole = [r for r in lines.records if not r.doubt and _is_whole(r, expected)] if lines else []
    if lines and whole and not any(_has_labels(record, expected) for record in whole):
        return lines
    # Lines of labels without indents may be YAML, but it would merge what headings keep apart.
    if re.search(r"(?m)^(?:\s+\w|\s*- |```ya?ml)", text):
        trees = _trees("yaml", yaml_values(text), text, expected)
        most = max((_labels(record, expected) for record in trees.records), default=0)
        is_whole = most >= max(_labels(record, expected) for record in behind.records)
        if is_whole and len(trees.records) >= len(behind.records):
            return trees
    return behind


def _is_whole(record: Record, expected: Expected) -> bool:
    return len(record.values) == (len(record.names) if record.names else expected.width)


def _has_labels(record: Record, expected: Expected) -> bool:
    """Whether the values of a line begin with the labels of columns: `Age is 45`."""
    return 2 * sum(
        expected.count([re.split(r"\s+is\s|[:=]", value or "")[0]]) for value in record.values
    ) >= len(record.values)


def _tuples(text: str, expected: Expected) -> Found | None:
    """Rows of literals in parentheses, as in SQL and Python."""
    if not re.search(r"\(\s*(?:['\"“]|[-+]?[0-9.]+\s*,|NULL\b|None\b)", text):
        return None
    return _trees("rows", find_values(text, "("), text, expected)


def _unexplained(cleaned: str, text: str, found: Found) -> float:
    """The share of letters and digits of the whole answer that no record explains."""
    return max(0.0, 1 - _explained(text, found) / max(letters(cleaned), 1))


def _rest(text: str, found: Found) -> str:
    """The longest piece of a text that stands in no record and no frame."""
    longest, last = "", 0
    explained = sorted([*((r.start, r.end) for r in found.records), *found.frames])
    for start, end in [*explained, (len(text), len(text))]:
        piece = text[last:start]
        if letters(piece) > letters(longest):
            longest = piece
        last = max(last, end)
    return longest.strip()


def _explained(text: str, found: Found) -> int:
    """How many letters and digits of a text stand in records and their frames."""
    explained, last = 0, 0
    for start, end in sorted([*((r.start, r.end) for r in found.records), *found.frames]):
        explained += letters(text[max(start, last) : end])
        last = max(last, end)
    return explained
