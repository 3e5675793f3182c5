"""The JSON values of a file: one, a list, one a line, or one behind each `data:` of a stream."""

import json
import re
from dataclasses import dataclass

_STREAM = re.compile(r"\s*(?:data|event|id|retry)?:")
_LIKE_JSON = re.compile(r"^[ \t]*[\[{]", re.MULTILINE)
_BETWEEN = re.compile(r"[\s,\[\]]*")


@dataclass(frozen=True)
class Documents:
    """The values, how many lines were damaged, and whether they were streamed."""

    values: list[object]
    damaged: int = 0
    is_stream: bool = False


def read_documents(text: str) -> Documents:
    """The JSON values of a text; none where it is something else. Damage loses only itself."""
    if _STREAM.match(text):
        return _of_stream(text)
    if not _LIKE_JSON.search(text):
        return Documents([])
    whole = _value(text)
    if whole is not None:
        return Documents(whole if isinstance(whole, list) else [whole])
    by_line = _of_lines(text.split("\n"))
    return by_line if by_line.values else _one_by_one(text)


def _of_stream(text: str) -> Documents:
    """Each event is one line in every API."""
    data = [line[5:].strip() for line in text.split("\n") if line.startswith("data:")]
    read = _of_lines([event for event in data if event not in ("", "[DONE]", "null")])
    return Documents(read.values, read.damaged, is_stream=True)


def _of_lines(lines: list[str]) -> Documents:
    """Of each line its value. Lines of a record that is spread over several are no values."""
    values, damaged = [], 0
    for line in lines:
        plain = line.strip().removesuffix(",")
        if not plain:
            continue
        value = _value(plain) if plain.startswith("{") and plain.endswith("}") else None
        if value is None:
            damaged += 1
        else:
            values.append(value)
    return Documents(values, damaged)


def _one_by_one(text: str) -> Documents:
    """Values one behind the other, in a list or not, up to the first that is damaged."""
    values: list[object] = []
    decoder = json.JSONDecoder()
    end = _BETWEEN.match(text).end()  # type: ignore[union-attr]
    try:
        while end < len(text):
            value, end = decoder.raw_decode(text, end)
            values.append(value)
            end = _BETWEEN.match(text, end).end()  # type: ignore[union-attr]
    except (ValueError, RecursionError):
        return Documents(values, 1)
    return Documents(values)


def _value(text: str) -> object:
    """The value that a text is in JSON; None where it is none, or too deep or long for Python."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
