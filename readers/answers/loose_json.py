"""Reads JSON as LLMs write it, and the literals of Python, JavaScript and SQL, into a tree.

Comments, other quotes, missing quotes and commas, bare words, line ends in strings and what was cut
off are read as a person would. Time is linear in the length of the text.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

DEEPEST = 60  # levels of nesting; what is deeper is no record

_QUOTES = {'"': '"”“', "'": "'’", "`": "`", "“": '”"“', "„": '“”"', "‘": "’'", "«": "»"}
_CLOSE = {"{": "}", "[": "]", "(": ")"}

_BLANK = re.compile(r"(?:\s+|//[^\n]{0,500}|/\*.{0,500}?\*/|#[^\n]{0,100}\n)*", re.S)
# A pair of strict JSON, up to the comma and the next key or to the end of the object.
_PAIR = re.compile(
    r'\s*"(?P<key>[^"\\\n]*(?:\\.[^"\\\n]*)*)"\s*:\s*'
    r'(?P<value>"(?P<string>[^"\\\n]*(?:\\.[^"\\\n]*)*)"|-?[0-9][0-9.eE+-]*|true|false|null)\s*'
    r'(?:(?P<end>\})|,(?=\s*["}]))'
)
_KEY = re.compile(
    r"""(?:"(?P<double>(?:[^"\\\n]|\\.){0,100})"|'(?P<single>(?:[^'\\\n]|\\.){0,100})'"""
    r"""|[“„](?P<smart>[^“”"\n]{0,100})[”“"]|`(?P<tick>[^`\n]{0,100})`"""
    r"""|(?P<bare>[^\W\d][^{}\[\]():,"'=\n]{0,100}))\s*(?:[:：]|(?P<equal>=>?))"""
)
_CALL = re.compile(r"[A-Za-z_][\w.]{0,60}\(")  # dict(Name="Ann")
_LONGEST = 4_000  # characters of a value that is not strict JSON


@dataclass
class Node:
    """A value in a text: an object with `pairs`, an array with `items`, or a scalar with `text`.

    `text` is None for null. `is_open` where the text ends before the value does; `doubt` where
    it is unclear what belongs to it.
    """

    start: int
    end: int = 0
    pairs: list[tuple[str, "Node"]] | None = None
    items: list["Node"] | None = None
    text: str | None = None
    is_quoted: bool = False
    is_open: bool = False
    doubt: str | None = None

    @property
    def is_scalar(self) -> bool:
        return self.pairs is None and self.items is None


def find_values(text: str, openers: str = "{[") -> Iterator[Node]:
    """The values in a text that begin with one of `openers`, in their order."""
    place = 0
    begin = re.compile(f"[{re.escape(openers)}]")
    while found := begin.search(text, place):
        node = _Reader(text).container(found.start(), 0)
        if node is None:
            place = found.start() + 1
        else:
            yield node
            place = max(node.end, found.start() + 1)


def unescape(text: str, quote: str = '"') -> str:
    """A string's content without escapes; half of a character pair stays as it was written."""
    if "\\" not in text:
        return text
    if quote == '"':
        try:
            plain = json.loads(f'"{text}"', strict=False)
            plain.encode()
        except (ValueError, UnicodeEncodeError):
            return text.replace('\\"', '"')
        return plain
    return re.sub(rf"\\([{quote}\\])", r"\1", text)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text

    def container(self, start: int, depth: int) -> Node | None:
        """The object, array or tuple that begins at `start`; None where none begins there."""
        if depth > DEEPEST:
            return None
        if self._text[start] == "{":
            return self._object(start, depth)
        return self._array(start, depth)

    def _skip(self, place: int) -> int:
        return _BLANK.match(self._text, place).end()

    def _object(self, start: int, depth: int) -> Node | None:
        text, node = self._text, Node(start, pairs=[])
        place = start + 1
        while True:
            while pair := _PAIR.match(text, place):
                string = pair["string"]
                value = Node(pair.start("value"), pair.end("value"), is_quoted=string is not None)
                value.text = unescape(string) if string is not None else _bare(pair["value"])
                node.pairs.append((unescape(pair["key"]), value))
                place = pair.end()
                if pair["end"]:
                    node.end = place
                    return node
            place = self._skip(place)
            if place >= len(text):
                break
            if text[place] == "}":
                node.end = place + 1
                return node
            if text[place] in ",;，；":
                place += 1
                continue
            key = _KEY.match(text, place)
            if not key or key["equal"]:
                if node.pairs:
                    break  # never closed
                return None  # something else in braces
            name = next(part for part in key.group(1, 2, 3, 4, 5) if part is not None)
            value = self._value(key.end(), depth, "}")
            node.pairs.append((unescape(name).strip(), value))
            place = value.end
        node.end, node.is_open = min(place, len(text)), True
        return node if node.pairs else None

    def _array(self, start: int, depth: int) -> Node | None:
        text, node = self._text, Node(start, items=[])
        close = _CLOSE[text[start]]
        place = start + 1
        while True:
            place = self._skip(place)
            if place >= len(text):
                break
            if text[place] == close:
                node.end = place + 1
                return node
            if text[place] in ",;，":
                place += 1
                continue
            if text[place] in "]})":
                break  # never closed
            key = _KEY.match(text, place) if close == ")" else None
            if key and key["equal"]:  # Patient(name="Ann", age=40)
                name = next(part for part in key.group(1, 2, 3, 4, 5) if part is not None)
                value = self._value(key.end(), depth, close)
                node.pairs = [*(node.pairs or []), (name.strip(), value)]
            else:
                value = self._value(place, depth, close)
                node.items.append(value)
            place = max(value.end, place + 1)
        node.end, node.is_open = min(place, len(text)), True
        return node if node.items or node.pairs else None

    def _value(self, start: int, depth: int, close: str) -> Node:
        place, text = self._skip(start), self._text
        if place >= len(text):
            return Node(place, place, text="", is_open=True)
        if text[place] in "{[" or (text[place] == "(" and close != "}"):
            if node := self.container(place, depth + 1):
                return node
        elif text[place] in _QUOTES:
            return self._string(place, close)
        elif (call := _CALL.match(text, place)) and (
            node := self.container(call.end() - 1, depth + 1)
        ):
            return node
        return self._bare_value(place, close)

    def _string(self, start: int, close: str) -> Node:
        """A quoted value: up to the first quote behind which a value may end."""
        text, quote = self._text, self._text[start]
        inner = False
        for mark in re.finditer(
            rf"\\.|\n|[{_QUOTES[quote]}]", text[start + 1 : start + _LONGEST], re.S
        ):
            if mark[0][0] == "\\":
                continue
            place = start + 1 + mark.start()
            if mark[0] == "\n":
                continue
            if mark[0] in "“" and quote != "„":
                inner = True
            elif self._ends(place + 1, close) and not (mark[0] == "”" and inner and quote == '"'):
                return self._quoted(start, place, quote)
            elif mark[0] == "”":
                inner = False
        line_end = text.find("\n", start)
        end = len(text) if line_end < 0 else line_end
        return Node(
            start, end, text=text[start:end].rstrip(", \t"), is_open=line_end < 0, doubt="misquoted"
        )

    def _quoted(self, start: int, place: int, quote: str) -> Node:
        inside = self._text[start + 1 : place]
        node = Node(start, place + 1, is_quoted=True)
        escape = '"' if quote in '"“„' else quote
        node.text = unescape(inside, escape)
        if quote == "'" and self._text[start + 1 : place].count("''"):
            node.text = node.text.replace("''", "'")  # SQL
        # The quote that is missing made the next key a part of the value.
        if re.search(r"""(?<!\\)["']\s*:""", inside) and '"' in inside.replace('\\"', ""):
            node.doubt = "misquoted"
        return node

    def _ends(self, place: int, close: str) -> bool:
        """Whether a value may end here: with its object, or before the next key or item."""
        text = self._text
        behind = self._skip(place)
        if behind >= len(text) or text[behind] in "}])":
            return True
        if text[behind] in ",;，":
            following = self._skip(behind + 1)
            if following >= len(text) or text[following] in "}])":
                return True
            return close != "}" or bool(_KEY.match(text, following))
        # A comma that was forgotten, or a comment behind which the object goes on.
        return close == "}" and "\n" in text[place:behind] and bool(_KEY.match(text, behind))

    def _bare_value(self, start: int, close: str) -> Node:
        """A value without quotes: up to the comma before the next key, or the end of its object."""
        text = self._text
        ends = r"[,，\n}]|\s//|/\*" if close == "}" else rf"[,，\n\[{{{re.escape(close)}]|\s//|/\*"
        place = start
        for mark in re.finditer(ends, text[start : start + _LONGEST]):
            place = start + mark.start()
            if mark[0] not in ",，" or close != "}" or self._ends(place, close):
                break
        else:
            place = min(len(text), start + _LONGEST)
        node = Node(start, place, text=_bare(text[start:place].strip()))
        node.is_open = place >= len(text)
        return node


def _bare(word: str) -> str | None:
    return None if word in ("null", "None", "undefined", "NULL") else word
