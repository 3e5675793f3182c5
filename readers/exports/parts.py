"""What a message says: its text, however many parts it has, and what it thought before."""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

_DEEPEST = 12  # of parts within parts; no API has more than three

# Parts that an LLM is given, not what it writes.
_GIVEN = re.compile("tool_result|input|image|audio|video|file|search|citation|redacted")
_THOUGHT = re.compile("think|reason|thought|summary_text|analysis")


class Said(NamedTuple):
    """The text of a message, and its thoughts."""

    text: str
    thought: str = ""

    def together(self) -> str:
        """Both in one text, the thoughts marked as such."""
        return with_thought(self.text, self.thought)


def with_thought(text: str, thought: str) -> str:
    """`text` with what was thought before it, so that it is kept and no draft counts as data."""
    return f"<think>\n{thought}\n</think>\n{text}" if thought.strip() else text


class Piece(NamedTuple):
    """A piece of a message. A call of a tool stands on lines of its own."""

    text: str
    is_thought: bool
    is_call: bool = False


def said(content: object) -> Said:
    """What the content of a message says: a text, a list of parts, or anything like it."""
    texts: dict[bool, list[str]] = {False: [], True: []}
    for piece in pieces(content):
        if piece.is_call and texts[piece.is_thought]:
            texts[piece.is_thought].append("\n")
        texts[piece.is_thought].append(piece.text)
    return Said("".join(texts[False]), "".join(texts[True]))


def pieces(content: object, *, is_thought: bool = False, depth: int = 0) -> Iterator[Piece]:
    """The pieces of the content of a message, in their order."""
    match content:
        case str():
            yield Piece(content, is_thought)
        case bool() | None:
            return
        case int() | float():
            yield Piece(str(content), is_thought)
        case list() if depth < _DEEPEST:
            for part in content:
                yield from pieces(part, is_thought=is_thought, depth=depth + 1)
        case dict() if depth < _DEEPEST:
            yield from _pieces_of_part(content, is_thought=is_thought, depth=depth)


def arguments(call: object) -> str:
    """The arguments of a call of a tool or function, in JSON, in the shapes of all APIs."""
    if not isinstance(call, dict):
        return ""
    for key in ("function", "toolUse", "functionCall", "function_call"):
        if isinstance(call.get(key), dict):
            return arguments(call[key])
    for key in ("arguments", "input", "args", "partial_json"):
        if (given := call.get(key)) not in (None, ""):
            return _argument_text(given)
    return ""


def _argument_text(given: object) -> str:
    if isinstance(given, dict) and isinstance(written := given.get("content"), str):
        return written  # a document that the LLM wrote with a tool
    return given if isinstance(given, str) else as_json(given)


def as_json(value: object) -> str:
    """A value in JSON, readable in every script; empty where it is nested too deep."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return ""


def _pieces_of_part(part: dict, *, is_thought: bool, depth: int) -> Iterator[Piece]:
    kind = part.get("type") if isinstance(part.get("type"), str) else ""
    thinks = is_thought or part.get("thought") is True or part.get("isThought") is True
    thinks = thinks or bool(_THOUGHT.search(kind)) or "reasoningContent" in part
    if _GIVEN.search(kind) and not thinks:
        return
    if any(key in part for key in ("functionCall", "toolUse")) or re.search("tool|call", kind):
        yield Piece(arguments(part), thinks, is_call=True)
        return
    keys = ("text", "output_text", "refusal", "value", "content", "parts")
    if thinks:
        keys = ("thinking", "reasoning", "reasoningContent", "reasoningText", "summary", *keys)
    for key in keys:
        if part.get(key) not in (None, "", []):
            yield from pieces(part[key], is_thought=thinks, depth=depth + 1)
            return
    if part and not kind and not any(key in part for key in keys):
        yield Piece(as_json(part), thinks)  # the answer itself, where an endpoint has parsed it
