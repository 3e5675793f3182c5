"""Benchmark of the parsing: `make bench-parsing` writes it to docs/benchmarks.md.

Responses of 8 records, half of them indented JSON in a fence and half CSV; one record in 50 breaks
the contract. Measured is the time from the start of dbt's first model to the end of its last, and
the peak of its memory; then the same where nothing has come since, which is what a build of a few
new responses costs. Beside it a straightforward parser in Python (a fence, `json.loads`,
`csv.reader`, a loop over the columns) on as many of the same responses as it needs to be timed, in
one process.
"""

import csv
import io
import json
import re
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from generators.drawing.stand_in import stand_in_rows
from generators.home import Home
from generators.warehouse.database import open_warehouse
from generators.wire_formats import write_rows
from synthcare.contracts.contract import Contract, load_contract
from tests.benchmarks.measured import build
from tests.benchmarks.page import table, write_section
from tests.driver import RUN

SIZES = (10_000, 100_000, 1_000_000, 2_500_000)
RECORDS = 8
_MODELS = ("--select", "+int_record_outcomes")
COMPARED = 20_000  # responses that the Python parser gets


def main() -> None:
    """Measure each size in a process of its own, so that its memory is its own."""
    with tempfile.TemporaryDirectory() as folder:
        lines = [measure(Path(folder) / str(size), size) for size in SIZES]
    head = ["responses of 8 records", "accepted", "dbt", "a response", "memory"]
    text = table([*head, "nothing new", "Python", "ratio"], lines)
    print(text)
    caption = __doc__.split("\n\n", 1)[1].strip()
    write_section("Parsing", "make bench-parsing", f"{caption}\n\n{text}")


def measure(folder: Path, size: int) -> list[str]:
    """One line of the table."""
    folder.mkdir()
    home = Home(folder)
    land_responses(home, size)
    _, built, gigabytes = build(home, *_MODELS)
    _, again, _ = build(home, *_MODELS)
    with open_warehouse(home) as warehouse:
        found, accepted = warehouse.execute(
            "select count(*), count(*) filter (where is_accepted)"
            " from intermediate.int_record_outcomes"
        ).fetchone()
        texts = [
            text
            for (text,) in warehouse.execute(
                f"select response_text from raw.llm_responses limit {COMPARED}"
            ).fetchall()
        ]
    assert found == size * RECORDS, found
    seconds = parse_in_python(texts) / len(texts) * size
    for path in folder.rglob("warehouse*"):
        path.unlink()
    return [
        f"{size:,}",
        f"{accepted / found:.1%}",
        f"{built:.1f} s",
        f"{built / size * 1e6:.0f} µs",
        f"{gigabytes:.1f} GB",
        f"{again:.1f} s",
        f"{seconds:.0f} s",
        f"{seconds / built:.1f}",
    ]


def land_responses(home: Home, size: int) -> None:
    """Fill raw with `size` responses of rows picked from the contract's stand-in."""
    contract = load_contract("admissions")
    texts = {"json": [], "csv": []}
    for number, row in enumerate(stand_in_rows(contract, 10_000)):
        values = broken(contract, row) if number % 50 == 0 else row
        record = json.loads(write_rows(contract, [row], "json"))["rows"][0]
        record |= {
            column.label: value
            for column, value in zip(contract.columns, values, strict=True)
            if column.kind not in ("integer", "decimal")
        }
        texts["json"].append(json.dumps(record, indent=2))
        texts["csv"].append(write_rows(contract, [values], "csv"))
    with open_warehouse(home) as warehouse:
        names = ["run_id", "dataset", "llm", "started_at"]
        warehouse.execute(
            f"insert into raw.llm_runs ({', '.join(names)}) values (?, ?, ?, ?)",
            [RUN[name] for name in names],
        )
        picked = [
            f"$texts[cast(hash(r * {RECORDS} + {k}) % 10000 + 1 as int)]" for k in range(RECORDS)
        ]
        for remainder, (head, kind, separator, tail) in enumerate(
            [("```json\n[\n", "json", ",\n", "\n]\n```\n"), ("", "csv", "", "")]
        ):
            warehouse.execute(
                f"""
                insert into raw.llm_responses by name
                select
                    'r-' || r as response_id,
                    'r' as run_id,
                    $dataset as dataset,
                    r as request_number,
                    {RECORDS} as rows_requested,
                    $head || array_to_string(
                        [{", ".join(picked)}],
                        $separator
                    ) || $tail as response_text,
                    'stop' as finish_reason,
                from range({size}) as numbers(r)
                where r % 2 = {remainder}
                """,
                {
                    "dataset": RUN["dataset"],
                    "head": head,
                    "texts": texts[kind],
                    "separator": separator,
                    "tail": tail,
                },
            )


def broken(contract: Contract, row: tuple[str, ...]) -> list[str]:
    """The row with a value that no category allows."""
    place = [column.kind for column in contract.columns].index("categorical")
    return [*row[:place], "unknown", *row[place + 1 :]]


def parse_in_python(texts: list[str]) -> float:
    """Seconds for the same work by a straightforward parser: found, typed, judged."""
    contract = load_contract("admissions")
    began = time.perf_counter()
    for text in texts:
        for values in records(contract, text):
            judge(contract, values)
    return time.perf_counter() - began


def records(contract: Contract, text: str) -> Iterator[list[Any]]:
    fence = re.search(r"```(?:json)?\n(.*?)```", text, re.S)
    if fence:
        for record in json.loads(fence[1]):
            yield [record.get(label) for label in contract.labels]
    else:
        yield from csv.reader(io.StringIO(text))


def judge(contract: Contract, texts: list[Any]) -> tuple[list[Any], list[str]]:
    values, reasons = [], []
    for column, text in zip(contract.columns, texts, strict=True):
        value = None
        try:
            match column.kind:
                case "integer":
                    value = int(text)
                case "decimal":
                    value = round(float(text), 2)
                case "date":
                    value = date.fromisoformat(text)
                case "categorical":
                    lower = text.strip().lower()
                    value = next(v for v in column.accepted_values if v.lower() == lower)
                case _:
                    value = text.strip()
        except (ValueError, StopIteration):
            reasons.append(f"{column.name}.unparseable")
        else:
            if column.minimum is not None and not column.minimum <= value <= column.maximum:
                reasons.append(f"{column.name}.out_of_range")
        values.append(value)
    return values, reasons


if __name__ == "__main__":
    main()
