"""Writes rows as an LLM that does what our prompts say: format, quotas, given values."""

import re
from collections.abc import Sequence

from generators.wire_formats import write_rows
from synthcare.contracts.contract import Contract

Row = dict[str, str]


def write_answer(contract: Contract, rows: Sequence[Sequence[str]], messages: list[dict]) -> str:
    """The texts of `rows`, changed to what the messages ask for."""
    said = "\n".join(message["content"] for message in messages)
    wire_format = "csv_compact" if "Codes is one word" in said else "csv"
    wire_format = "json" if "JSON only" in said else wire_format
    texts = [dict(zip(contract.labels, row, strict=True)) for row in rows]
    given = re.search(r"behind its number:\n\nRow, (.*)\n", said)
    drawn = [c.name for c in contract.columns if given and c.label in given[1].split(", ")]
    if kinds := re.search(r"Write exactly these rows, in this order: (.*?)\. Write \d+ rows", said):
        _obey_quotas(contract, texts, kinds[1])
    keys = _keys(said) if contract.foreign_keys else []
    values = [tuple(row.values()) for row in texts]
    return write_rows(contract, values, wire_format, drawn, marks=keys)


def _keys(said: str) -> list[str]:
    """The key of each row, from lines such as `1, 3, …` below `Key, Rows, …`."""
    table = said.rsplit("Key, Rows, ", 1)[1].split("\n\n", maxsplit=1)[0].splitlines()[1:]
    asked = [line.split(", ")[:2] for line in table]
    return [key for key, count in asked for _ in range(int(count))]


def _obey_quotas(contract: Contract, texts: list[Row], kinds: str) -> None:
    """Change rows to those of `kinds`, e.g. `2 with Age from 18 to 34, Gender Male; …`."""
    place = 0
    for kind in kinds.split("; "):
        count, conditions = kind.split(" with ", 1)
        for row in texts[place : place + int(count)]:
            for column in contract.columns:
                if found := re.search(rf"(?:^|, ){column.label} (.*?)(?=, [A-Za-z]|$)", conditions):
                    value = found[1]
                    low = re.fullmatch(r"from (-?\d+) to -?\d+", value)
                    row[column.label] = "" if value == "missing" else low[1] if low else value
        place += int(count)
