"""Tells which records an answer took back, because it wrote them again and better."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from readers.answers.cleaning import letters
from readers.answers.found import Expected, Record

SUPERSEDED = "superseded"

_CORRECTION = re.compile(
    r"\b(?:correct(?:ed|ion|ions|ing)?|oops|mistakes?|errors?|revis\w+|fix(?:ed|es|ing)?|"
    r"instead|redo\w*|re-?do|rewrit\w+|regenerat\w+|re-?check\w*|try again|"
    r"second (?:attempt|try|version)|"
    r"scratch that|not right|wrong|adjust\w*|amend\w*|modif\w+|erratum|edit:|disregard|strike that|"
    r"(?:replace|change|ignore)\s+(?:the\s+)?(?:row|line|record|entry|above|first|previous)|"
    r"should (?:be|read|have)|lautet|"
    r"korrigiert\w*|korrektur|corregid\w+|corrig\w+)\b",
    re.I,
)
# What says so where no row comes again, in which `corrected` may speak of patients.
_TAKEN_BACK = re.compile(
    r"\b(?:oops|redo\w*|re-?do|rewrit\w+|regenerat\w+|try again|start over|scratch that|"
    r"strike that|disregard|second (?:attempt|try|version)|not right|erratum|"
    r"(?:i|my|made an?|was an?|there (?:is|are|was|were)) (?:\w+ )?(?:mistakes?|errors?)|"
    r"(?:corrected|fixed|revised) "
    r"(?:version|table|data|rows?|records?|list|output|answer|csv|json)|"
    r"(?:correct(?:ed|ion)?|fixed|revised|korrigiert|corregido)\W*$|"
    r"(?:replace|ignore)\s+(?:the\s+)?(?:rows?|lines?|records?|above|first|previous))\b|"
    r"(?:corrected|correction|fixed|revised|korrigiert|corregido)\s*:",
    re.I,
)
# Words that say so, too, unless more of the same follows.
_HESITATION = re.compile(r"\b(?:actually|wait|sorry|apolog\w+|hold on|my bad)\b", re.I)
_MORE = re.compile(
    r"\b(?:rest|remaining|continu\w+|next|more|further|another|(?:batch|part|page|set) [2-9])\b",
    re.I,
)
_NOTHING_WRONG = re.compile(r"\b(?:no|without|any) (?:mistakes?|errors?|corrections?)\b", re.I)
_EXAMPLE = re.compile(
    r"\b(?:for example|example|e\.g\.|format is|template|placeholder|sketch)\b", re.I
)
_REAL = re.compile(
    r"\b(?:here (?:is|are)|now|actual|real|the (?:data|rows|records|answer))\b", re.I
)
_DRAFT = re.compile(
    r"\b(?:draft|first (?:attempt|try|version)|attempt 1|version 1|initial version)\b", re.I
)
_BETTER = re.compile(
    r"\b(?:final|updated?|improved?|better|again|complete|full|version|attempt|draft|new)\b", re.I
)
# What stands between the records of one block, beside a word such as `and`.
_FRAME = re.compile(r"(?:```|~~~)\w*|^\s*#.*$|</?\w+>", re.M)
_MOST_LETTERS = 2
_ALIKE = 0.6  # of the values of two rows, which then are one row written twice
_MOST_COMPARED = 200  # rows
_MOST_EXAMPLES = 2  # rows before the answer


def mark_superseded(text: str, records: Sequence[Record], expected: Expected) -> list[Record]:
    """The records, those doubted as superseded that a later block of records replaces.

    A block ends where a text that is no record comes between. The last whole block counts where
    what stands between says that something was wrong, or that this is a better version of the same.
    A correction of single rows replaces these.
    """
    are_prose = [_is_prose(record, expected) for record in records]
    blocks = _blocks(
        text, [r for r, is_prose in zip(records, are_prose, strict=True) if not is_prose]
    )
    for (before, earlier), (gap, later) in pairwise(blocks):
        said = _NOTHING_WRONG.sub("", re.sub(r'"[^"\n]*"|\w+_\w+', "", gap))  # without keys
        is_whole = not any(record.is_cut_off for record in later)
        alike = _alike(earlier, later, expected)
        is_more = _MORE.search(said) is not None and not alike
        is_hesitation = _HESITATION.search(said) and not _MORE.search(said)
        words = _CORRECTION if alike or len(earlier) > _MOST_COMPARED else _TAKEN_BACK
        is_corrected = not is_more and (
            words.search(said) or is_hesitation or _DRAFT.search(before)
        )
        is_example = (
            _EXAMPLE.search(before) and _REAL.search(said) and len(earlier) <= _MOST_EXAMPLES
        )
        is_better = _BETTER.search(said) and len(set(alike.values())) > len(later) / 2
        if not (is_corrected or is_example or is_better):
            continue
        if len(later) < len(earlier) and alike:
            replaced = set(alike)
        elif is_whole or len(later) >= len(earlier):
            replaced = set(range(len(earlier)))
        else:
            later[:] = [record.doubted(SUPERSEDED) for record in later]
            continue
        for place in replaced:
            earlier[place] = replace(earlier[place], doubt=SUPERSEDED)
    rows = iter(record for _, block in blocks for record in block)
    return [r if is_prose else next(rows) for r, is_prose in zip(records, are_prose, strict=True)]


def _is_prose(record: Record, expected: Expected) -> bool:
    """Whether a record may be a sentence with a comma: `Oops, that was wrong.`"""
    width = len(record.names) if record.names else expected.width
    return record.doubt is not None and len(record.values) < width


def _blocks(text: str, records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    """Records with nothing but marks between them, and the text before the first of them."""
    blocks: list[tuple[str, list[Record]]] = []
    place = 0
    for record in records:
        gap = text[place : record.start] if place < record.start else ""
        if not blocks or letters(_FRAME.sub("", gap)) > _MOST_LETTERS:
            blocks.append((gap, []))
        blocks[-1][1].append(record)
        place = max(place, record.end)
    return blocks


def _alike(
    earlier: Sequence[Record], later: Sequence[Record], expected: Expected
) -> dict[int, int]:
    """For places in `earlier` the place in `later` of the same row written again."""
    if max(len(earlier), len(later)) > _MOST_COMPARED:
        return {}
    found = {}
    sets = [_values(record, expected) for record in later]
    for place, record in enumerate(earlier):
        values = _values(record, expected)
        common, best = max((len(values & other), -n) for n, other in enumerate(sets))
        if common >= _ALIKE * max(len(values), 1) and common > 1:
            found[place] = -best
    return found


def _values(record: Record, expected: Expected) -> set[tuple[str, str]]:
    names = record.names or expected.labels
    return {
        (expected.label(name) or name, (value or "").strip().lower())
        for name, value in zip(names, record.values, strict=False)
    }
