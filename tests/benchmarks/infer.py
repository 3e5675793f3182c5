"""Benchmark of `synthcare contract infer`: `make bench-infer` writes it to docs/benchmarks.md.

A CSV file with as many columns of whole numbers, decimals, categories, dates and texts; of each the
fastest of three. Beside it DuckDB's `read_csv`, which finds types and reads the same file.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from synthcare.contracts.infer import infer
from tests.benchmarks.page import table, write_section

SIZES = ((20_000, 50), (200_000, 10), (200_000, 50))
TIMES = 3


def main() -> None:
    """Measure each size."""
    with tempfile.TemporaryDirectory() as folder:
        lines = [measure(Path(folder) / "table.csv", *size) for size in SIZES]
    text = table(["rows × columns", "file", "infer", "read_csv", "infer / read_csv"], lines)
    print(text)
    caption = __doc__.split("\n\n", 1)[1].strip()
    write_section("Contract infer", "make bench-infer", f"{caption}\n\n{text}")


def measure(path: Path, rows: int, columns: int) -> list[str]:
    """One line of the table."""
    write(path, rows, columns)
    inferred = fastest(lambda: infer(path))
    read = fastest(lambda: read_csv(path))
    return [
        f"{rows:,} × {columns}",
        f"{path.stat().st_size / 1e6:.0f} MB",
        f"{inferred:.1f} s",
        f"{read:.1f} s",
        f"{inferred / read:.1f}",
    ]


def write(path: Path, rows: int, columns: int) -> None:
    """Write a table with a fifth of its columns of each kind."""
    random = np.random.default_rng(1)
    found = {}
    for number in range(columns // 5):
        days = random.integers(0, 1_000, rows).astype("timedelta64[D]")
        people = zip(random.integers(0, 99_999, rows), random.integers(0, 99, rows), strict=True)
        found |= {
            f"whole {number}": random.integers(0, 500 * (number + 1), rows),
            f"decimal {number}": np.round(random.normal(100, 30, rows), 2),
            f"category {number}": random.choice([f"Ward {c}" for c in range(3 + number)], rows),
            f"day {number}": np.datetime_as_string(np.datetime64("2020-01-01") + days),
            f"text {number}": [f"Person {first} {second}" for first, second in people],
        }
    pd.DataFrame(found).to_csv(path, index=False)


def read_csv(path: Path) -> None:
    """Read the file into a table."""
    with duckdb.connect() as database:
        database.execute("create table received as from read_csv($path)", {"path": str(path)})


def fastest(work: Callable[[], object]) -> float:
    """Seconds of the fastest of several times."""
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


if __name__ == "__main__":
    main()
