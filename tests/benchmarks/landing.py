"""Benchmark of the landing: `make bench-landing` writes it to docs/benchmarks.md.

A journal of one run with answers of one short row each. Landed is all of it into an empty
warehouse, then 100 answers that came since, each in a process of its own, whose peak of memory is
given.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from generators.home import Home
from generators.landing.journal import RESPONSES_FILE, Journal
from generators.landing.loading import land
from synthcare.project import PROJECT
from tests.benchmarks.page import table, write_section
from tests.driver import RUN, csv_row, response

SIZES = (100_000, 1_000_000, 10_000_000)
_RUN_ID = RUN["run_id"]


def main() -> None:
    """Measure each size."""
    lines = [measure(size) for size in SIZES]
    head = ["answers", "journal", "landed", "memory", "100 more", "memory"]
    text = table(head, lines)
    print(text)
    caption = __doc__.split("\n\n", 1)[1].strip()
    write_section("Landing", "make bench-landing", f"{caption}\n\n{text}")


def measure(size: int) -> list[str]:
    """One line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "landing" / _RUN_ID / RESPONSES_FILE
        write(folder, range(1, size + 1))
        line = [f"{size:,}", f"{journal.stat().st_size / 1e9:.1f} GB", *alone(folder)]
        write(folder, range(size + 1, size + 101))
        line += alone(folder)
    print(line, flush=True)
    return line


def write(folder: str, numbers: range) -> None:
    """Write answers of these numbers to the journal, without waiting for the disk at each."""
    if numbers.start == 1:
        with Journal(Path(folder) / "landing" / _RUN_ID, RUN) as journal:
            journal.begin()
    with (Path(folder) / "landing" / _RUN_ID / RESPONSES_FILE).open("a") as file:
        file.writelines(lines(numbers))


def lines(numbers: range) -> Iterator[str]:
    """The same answer under each number."""
    entry = json.dumps(asdict(response(0, csv_row())), default=str)
    before, middle, after = (
        entry.replace(f'"{_RUN_ID}-0"', '"\0"').replace(": 0,", ": \0,", 1).split("\0")
    )
    return (f"{before}{_RUN_ID}-{number}{middle}{number}{after}\n" for number in numbers)


def alone(folder: str) -> list[str]:
    """Seconds and peak of memory of landing what is new, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.landing", folder],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, gigabytes = map(float, done.stdout.split())
    return [f"{seconds:.1f} s", f"{gigabytes:.1f} GB"]


def land_alone(home: Home) -> None:
    """Land what is new, and print seconds and the peak of memory in GB."""
    began = time.perf_counter()
    land(home)
    seconds = time.perf_counter() - began
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9)


if __name__ == "__main__":
    if sys.argv[1:]:
        land_alone(Home(Path(sys.argv[1])))
    else:
        main()
