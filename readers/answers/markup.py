"""Reads the tables of HTML and the elements of XML into the tree that records are looked for in.

No entity but those of HTML is expanded and nothing is fetched.
"""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import accumulate

from readers.answers.loose_json import DEEPEST, Node

_EMPTY = {"br", "hr", "img", "meta", "link", "input", "col", "wbr"}
_STYLE = {"b", "i", "em", "strong", "span", "p", "u", "code", "font", "small", "a"}
_NAMED = {"field", "column", "col", "value", "attribute", "property", "cell", "item"}


def has_markup(text: str) -> bool:
    """Whether a text has elements of which some end."""
    return re.search(r"</[A-Za-z_]|<[A-Za-z_][^<>]*=[^<>]*/>", text) is not None


@dataclass
class _Element:
    tag: str
    start: int
    attributes: list[tuple[str, str]] = field(default_factory=list)
    text: str = ""
    children: list[tuple[str, Node]] = field(default_factory=list)


class _Tree(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self._lines = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
        self._open = [_Element("", 0)]
        self.feed(text)
        self.close()
        while len(self._open) > 1:
            self._end(is_open=True)

    def values(self) -> list[Node]:
        return [node for _, node in self._open[0].children]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._is_style(tag) or len(self._open) > DEEPEST:
            return
        if tag in _EMPTY:
            self._open[-1].text += "\n" if tag == "br" else ""
            return
        if tag in ("td", "th", "tr", "li") and self._open[-1].tag in (tag, "td", "th"):
            self._end()  # ends are optional in HTML
            if tag == "tr" and self._open[-1].tag == "tr":
                self._end()
        attributes = [(name, value) for name, value in attrs if value is not None]
        self._open.append(_Element(tag, self._place(), attributes))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if self._open[-1].tag == tag and tag not in _EMPTY:
            self._end()

    def handle_endtag(self, tag: str) -> None:
        if self._is_style(tag) or tag not in [element.tag for element in self._open[-4:]]:
            return
        while self._open[-1].tag != tag:
            self._end()
        self._end()

    def handle_data(self, data: str) -> None:
        self._open[-1].text += data

    def unknown_decl(self, data: str) -> None:
        if data.startswith("CDATA["):
            self._open[-1].text += data[len("CDATA[") :]

    def _is_style(self, tag: str) -> bool:
        """Whether a tag only says how a text looks: `p` may also stand for a patient."""
        is_cell = any(element.tag in ("td", "th", "li", "body") for element in self._open[-3:])
        return tag in _STYLE and (is_cell or tag not in ("p", "a", "u", "i", "b"))

    def _place(self) -> int:
        line, column = self.getpos()
        return self._lines[min(line, len(self._lines)) - 1] + column

    def _end(self, *, is_open: bool = False) -> None:
        element = self._open.pop()
        node = Node(element.start, self._place() + len(element.tag) + 3, is_open=is_open)
        name = element.tag
        if element.tag in ("tr", "table", "thead", "tbody", "tfoot", "ul", "ol"):
            node.items = [child for _, child in element.children]
            if element.tag in ("thead", "tbody", "tfoot"):
                self._open[-1].children += element.children
                return
        elif element.children:
            node.pairs = element.children
        elif element.text.strip() or not element.attributes:
            node.text = element.text.strip() or None
            attributes = dict(element.attributes)
            if element.tag in _NAMED and "name" in attributes:
                name = attributes["name"]
        else:
            node.pairs = [
                (key, Node(node.start, node.end, text=value)) for key, value in element.attributes
            ]
            if element.tag in _NAMED and {key for key, _ in element.attributes} == {
                "name",
                "value",
            }:
                name = dict(element.attributes)["name"]
                node.pairs, node.text = None, dict(element.attributes)["value"]
        self._open[-1].children.append((name, node))


def markup_values(text: str) -> list[Node]:
    """The elements of a text that stand in no other, as objects; tables as arrays of arrays."""
    return _Tree(text).values()
