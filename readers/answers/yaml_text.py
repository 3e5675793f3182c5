"""Reads YAML into the tree that records are looked for in."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from readers.answers.loose_json import DEEPEST, Node
from readers.answers.marks import UNCLEAR

_BASE: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # texts stay texts: no dates, no numbers
_FENCE = re.compile(
    r"(?m)^(?:```|~~~)\s*(ya?ml)?[ \t]*\n(?P<inside>.*?)(?:^(?:```|~~~)\s*$|\Z)", re.S
)
_LINE = re.compile(r"\s*(?:-\s+)*[^\s:#][^:\n]{0,60}:(?:\s.*)?|\s*-\s.*|---|#.*")


def yaml_values(text: str) -> Iterator[Node]:
    """The documents of YAML in a text: in fences, or the lines that look like it.

    Anchors and aliases are not followed: a few lines of them can stand for gigabytes.
    """
    pieces = [(m.start("inside"), m["inside"]) for m in _FENCE.finditer(text)] or _blocks(text)
    for start, piece in pieces:
        try:
            for document in yaml.compose_all(piece, Loader=_NoAliases):
                yield _node(document, start, piece)
        except (yaml.YAMLError, RecursionError, ValueError):
            continue


def _blocks(text: str) -> list[tuple[int, str]]:
    """The longest stretches of lines that look like YAML, and where they begin."""
    found, begin, place = [], None, 0
    for line in [*text.splitlines(keepends=True), ""]:
        fits = bool(line) and (not line.strip() or _LINE.fullmatch(line.rstrip("\n")) is not None)
        if fits and begin is None and line.strip():
            begin = place
        if not fits and begin is not None:
            found.append((begin, text[begin:place]))
            begin = None
        place += len(line)
    return [(start, piece) for start, piece in found if piece.count("\n") > 1]


class _NoAliases(_BASE):  # type: ignore[misc]
    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not followed")
        return super().compose_node(parent, index)


def _node(node: yaml.Node, offset: int, piece: str, depth: int = 0) -> Node:
    place = (offset + node.start_mark.index, offset + node.end_mark.index)
    if depth > DEEPEST:
        return Node(*place, text="")
    if isinstance(node, yaml.MappingNode):
        pairs = [(str(k.value), _node(v, offset, piece, depth + 1)) for k, v in node.value]
        return Node(*place, pairs=pairs)
    if isinstance(node, yaml.SequenceNode):
        return Node(*place, items=[_node(item, offset, piece, depth + 1) for item in node.value])
    is_nothing = node.style is None and node.value in ("", "~", "null")
    # A comment, or part of a value such as `Clinic #2`.
    is_odd = not node.style and re.match(r"[ \t]+#", piece[node.end_mark.index :]) is not None
    return Node(
        *place,
        text=None if is_nothing else node.value,
        is_quoted=node.style is not None,
        doubt=UNCLEAR if is_odd else None,
    )
