"""Writes rows in the formats that LLMs use, and rows to write, for the property tests."""

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from synthcare.contracts.contract import Column, load_contract
from tests.driver import DATASET

Row = dict[str, str]  # texts by label

COLUMNS = load_contract(DATASET).columns
LABELS = [column.label for column in COLUMNS]

# Tested by name: what a person cannot see, what marks the end of a line, control characters, and
# the lines of a drawn table.
_LETTERS = st.characters(
    exclude_categories=("Cs", "Cc", "Zl", "Zp", "Zs", "Cf", "Co", "Cn"),
    include_characters=" ",
    exclude_characters="│┃║┆┊",
)
_SIGNS = st.sampled_from(list("{}[]()\"'`,;:|\\/#*=<>&%$-+.!?"))


def _identifiers() -> st.SearchStrategy[str]:
    texts = st.text(_LETTERS | _SIGNS, min_size=1, max_size=14).map(str.strip)
    # Words are constants of our own source, which are drawn too: marks of chats, names of types.
    return texts.filter(lambda text: text and not re.search("[a-z]{3}|n/a", text.lower()))


def _value(column: Column) -> st.SearchStrategy[str]:
    match column.kind:
        case "categorical":
            return st.sampled_from(column.accepted_values)
        case "integer":
            return st.integers(int(column.minimum), int(column.maximum)).map(str)
        case "decimal":
            cents = st.integers(int(column.minimum) * 100, int(column.maximum) * 100)
            return cents.map(lambda n: f"{n / 100:.2f}")
        case "date":
            return st.dates(column.minimum, column.maximum).map(str)
    return _identifiers()


def rows() -> st.SearchStrategy[list[Row]]:
    """Lists of rows of which every value is valid; rules between columns may be broken."""
    row = st.tuples(*map(_value, COLUMNS))
    return st.lists(
        row.map(lambda texts: dict(zip(LABELS, texts, strict=True))), min_size=1, max_size=4
    )


def prose() -> st.SearchStrategy[str]:
    """Lines of words with some signs, none of which could be a record."""
    word = st.sampled_from(
        [
            "Sure!",
            "Here's",
            "the",
            '"data"',
            "5,",
            "rows:",
            "{x}",
            "it's",
            "a // b",
            "}",
            "|",
            "1;2",
        ]
    )
    line = st.lists(word, min_size=1, max_size=5).map(" ".join)
    return st.lists(line, min_size=0, max_size=3).map("\n".join)


def _objects(records: list[Row]) -> list[dict[str, Any]]:
    numbers = {column.label for column in COLUMNS if column.kind in ("integer", "decimal")}
    return [
        {label: json.loads(text) if label in numbers else text for label, text in record.items()}
        for record in records
    ]


def _json(**options: Any) -> Callable[[list[Row]], str]:
    return lambda records: json.dumps(_objects(records), **options)


def _one_by_one(separator: str, **options: Any) -> Callable[[list[Row]], str]:
    return lambda records: separator.join(json.dumps(o, **options) for o in _objects(records))


def _with_comments(records: list[Row]) -> str:
    text = json.dumps(_objects(records), indent=1, ensure_ascii=False)
    lines = [line + ' // it\'s "so", {x' if n % 3 == 0 else line
             for n, line in enumerate(text.splitlines())]  # fmt: skip
    return "\n".join(lines)


def _with_trailing_commas(records: list[Row]) -> str:
    text = json.dumps(_objects(records), indent=1, ensure_ascii=False)
    return re.sub(r"\n *[}\]]", lambda end: f",{end[0]}", text)


def _with_other_names(rename: Callable[[str], str]) -> Callable[[list[Row]], str]:
    return lambda records: json.dumps(
        [{rename(label): text for label, text in record.items()} for record in records]
    )


def _reversed(records: list[Row]) -> list[Row]:
    return [dict(reversed(record.items())) for record in records]


def _delimited(
    delimiter: str, *, header: bool = True, quoting: int = csv.QUOTE_MINIMAL, end: str = "\n"
) -> Callable[[list[Row]], str]:
    def write(records: list[Row]) -> str:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end)
        if header:
            writer.writerow(records[0].keys())
        writer.writerows(record.values() for record in records)
        return text.getvalue()

    return write


def _markdown(records: list[Row]) -> str:
    head = list(records[0])
    lines = [head, ["---"] * len(head), *(record.values() for record in records)]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )


FORMATS: dict[str, Callable[[list[Row]], str]] = {
    "json array": _json(),
    "json array of letters": _json(ensure_ascii=False, separators=(",", ":")),
    "json indented": _json(indent=2),
    "json lines": _one_by_one("\n"),
    "json one after another": _one_by_one("", ensure_ascii=False),
    "json with prose between": _one_by_one('\n\nThe "next", it\'s:\n', indent=4),
    "json in an object": lambda records: json.dumps({"rows": _objects(records), "more": False}),
    "json of strings": lambda records: json.dumps(records, ensure_ascii=False),
    "json in another order": lambda records: json.dumps(_objects(_reversed(records))),
    "json in snake case": _with_other_names(lambda label: label.lower().replace(" ", "_")),
    "json in pascal case": _with_other_names(lambda label: label.replace(" ", "")),
    "json with comments": _with_comments,
    "json with trailing commas": _with_trailing_commas,
    "python": lambda records: repr(_objects(records)),
    "csv": _delimited(","),
    "csv without header": _delimited(",", header=False),
    "csv of quoted values": _delimited(",", quoting=csv.QUOTE_ALL),
    "csv of windows": _delimited(",", end="\r\n"),
    "csv in another order": lambda records: _delimited(",")(_reversed(records)),
    "csv with semicolons": _delimited(";"),
    "csv with tabs": _delimited("\t"),
    "csv with pipes": _delimited("|"),
    "markdown table": _markdown,
}


@st.composite
def responses(draw: st.DrawFn) -> tuple[str, list[Row], str]:
    """A format, rows, and the rows in that format with prose around them, in a fence or not."""
    name = draw(st.sampled_from(sorted(FORMATS)))
    records = draw(rows())
    text = FORMATS[name](records).rstrip("\n")
    if draw(st.booleans()):
        language = draw(st.sampled_from(["", "json", "csv", "markdown"]))
        text = f"```{language}\n{text}\n```"
    return name, records, f"{draw(prose())}\n\n{text}\n\n{draw(prose())}"
