"""The body of a response, streamed or whole, as values of JSON."""

import codecs
import json
import re
from collections.abc import Iterator

DONE = "[DONE]"  # the last event of a stream
_EVENT_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
_LONGEST_FIELD = max(map(len, _EVENT_FIELDS))


class Unreadable(Exception):
    """Neither JSON nor a stream of it. `text` is how it begins."""

    def __init__(self, text: str, *, is_page: bool = False) -> None:
        super().__init__(text)
        self.text, self.is_page = text, is_page


class Body:
    """The body of a response as it comes in: server-sent events, or one JSON value.

    Which of them it is shows in its first bytes, whatever was asked for. `beginning` are those.
    """

    def __init__(self, content_type: str) -> None:
        self.beginning = b""
        self._content_type = content_type.lower()
        self._is_stream: bool | None = None
        self._rest = b""
        self._data: list[bytes] = []  # lines of an event that is JSON only together
        self._is_error = False

    def read(self, piece: bytes) -> Iterator[object]:
        """The JSON values that end in the next `piece`, and DONE where the stream says so."""
        self._rest += piece
        if self._is_stream is None:
            self._begin()
        if self._is_stream:
            *lines, self._rest = self._rest.split(b"\n")
            for line in lines:
                yield from self._read_line(line.rstrip(b"\r"))

    def end(self) -> Iterator[object]:
        """What the end of the body makes complete. Raises Unreadable."""
        if self._is_stream:
            yield from self._read_line(self._rest.rstrip(b"\r"))
            yield from self._read_line(b"")
        elif self._rest.strip():
            yield self._whole()
            yield DONE

    def _begin(self) -> None:
        head = self._rest.removeprefix(codecs.BOM_UTF8).lstrip()
        if len(head) >= _LONGEST_FIELD or b"\n" in head:
            self.beginning = head[:400]
            self._is_stream = head.startswith(_EVENT_FIELDS)
            self._rest = head if self._is_stream else self._rest

    def _read_line(self, line: bytes) -> Iterator[object]:
        if line.startswith(b"data:"):
            data = line[5:].strip()
            if not self._data and data in (b"", b"null"):
                return  # a sign of life
            # Most events are one line; some endpoints leave no empty line between them.
            if not self._data and (data == b"[DONE]" or (value := _json(data)) is not None):
                yield DONE if data == b"[DONE]" else self._event(value)
            else:
                self._data.append(data)
        elif line.startswith(b"event:"):
            self._is_error = line[6:].strip() == b"error"
        elif not line and self._data:
            data = b"\n".join(self._data)
            if (value := _json(data)) is None and not self._is_error:
                raise Unreadable(_decoded(data))
            yield self._event(_decoded(data) if value is None else value)

    def _event(self, value: object) -> object:
        self._data.clear()
        if not self._is_error:
            return value
        self._is_error = False
        return value if isinstance(value, dict) and value.get("error") else {"error": value}

    def _whole(self) -> object:
        self.beginning = self.beginning or self._rest
        declared = re.search(r"charset=[\"']?([\w.:-]+)", self._content_type)
        charset = declared[1] if declared else json.detect_encoding(self._rest)
        text = _decoded(self._rest, charset).lstrip("\ufeff \t\r\n")
        if (value := _json(text)) is None:
            raise Unreadable(text, is_page=is_page(text) or "html" in self._content_type)
        return value


def is_page(text: str) -> bool:
    """Whether a text is that of a web page."""
    return bool(re.match(r"\s*<(?:!doctype|!--|html|head|body|\?xml)", text, re.IGNORECASE))


def _json(text: bytes | str) -> object:
    """The value that a text is in JSON; None where it is none."""
    try:
        return json.loads(text if isinstance(text, str) else _decoded(text))
    except (ValueError, RecursionError):
        return None


def _decoded(text: bytes, charset: str = "utf-8") -> str:
    """Text in the charset it is said to be in; else, in the one that is taken for it."""
    for name in (charset, "utf-8"):
        try:
            return text.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    return text.decode("cp1252", "replace")
