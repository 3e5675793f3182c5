"""Tells which records an answer took back, because it wrote them again and better."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from readers.answers.cleaning import letters
from readers.answers.found import Expected, Record

SUPERSEDED = "superseded"

_CORRECTION = re.compile(
    r"\b(?:correct(?:ed|ion|ions|ing)?|actually|wait|oops|sorry|apolog\w+|mistakes?|errors?|revis\w+|fix(?:ed|es|ing)?|"
    r"instead|redo\w*|re-?do|rewrit\w+|regenerat\w+|re-?check\w*|try again|second (?:attempt|try|version)|"
    r"scratch that|not right|wrong|korrigiert\w*|korrektur|corregid\w+|corrig\w+)\b",
    re.I,
)
_DRAFT = re.compile(
    r"\b(?:draft|first (?:attempt|try|version)|attempt 1|version 1|initial version)\b", re.I
)
_BETTER = re.compile(
    r"\b(?:final|updated?|improved?|better|again|complete|full|version|attempt|draft|new)\b", re.I
)
_ALIKE = 0.6  # of the values of two rows, which then are one row written twice
_MOST_COMPARED = 200  # rows


def mark_superseded(text: str, records: Sequence[Record], expected: Expected) -> list[Record]:
    """The records, those doubted as superseded that a later block of records replaces.

    A block ends where a text that is no record comes between. The last whole block counts where
    what stands between says that something was wrong, or that this is a better version of the same.
    A correction of single rows replaces these.
    """
    blocks = _blocks(text, records)
    for (_, earlier), (gap, later) in pairwise(blocks):
        is_whole = not any(record.is_cut_off for record in later)
        alike = _alike(earlier, later, expected)
        is_corrected = (
            _CORRECTION.search(gap) is not None or _DRAFT.search(blocks[0][0]) is not None
        )
        is_better = _BETTER.search(gap) is not None and len(set(alike.values())) > len(later) / 2
        if not (is_corrected or is_better):
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
    return [record for _, block in blocks for record in block]


def _blocks(text: str, records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    """Records with nothing but marks between them, and the text before the first of them."""
    blocks: list[tuple[str, list[Record]]] = []
    place = 0
    for record in records:
        gap = text[place : record.start] if place < record.start else ""
        if (
            not blocks
            or letters(re.sub(r"(?:```|~~~)\w*|^\s*#.*$|</?\w+>", "", gap, flags=re.M)) > 2
        ):
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
        for other, candidate in enumerate(sets):
            if len(values & candidate) >= _ALIKE * max(len(values), 1):
                found[place] = other
                break
    return found


def _values(record: Record, expected: Expected) -> set[tuple[str, str]]:
    names = record.names or expected.labels
    return {
        (expected.label(name) or name, (value or "").strip().lower())
        for name, value in zip(names, record.values, strict=False)
    }
