"""Loads journals into the raw schema, any number of times with the same result."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from generators.home import Home
from generators.landing.journal import RESPONSES_FILE, RUN_FILE, read_run
from generators.landing.jsonl import read_lines
from generators.warehouse.database import open_warehouse, raw_tables
from synthcare.errors import SynthcareError


def land(home: Home) -> int:
    """Load every journal of the landing folder; return the number of responses that were new.

    Raises SynthcareError where a journal is corrupt or the warehouse is locked. A journal is loaded
    whole or not at all.
    """
    folders = sorted(path.parent for path in home.landing.glob(f"*/{RUN_FILE}"))
    with open_warehouse(home) as warehouse:
        return sum(_land_run(warehouse, folder) for folder in folders)


def _land_run(warehouse: duckdb.DuckDBPyConnection, folder: Path) -> int:
    run = read_run(folder)
    journal = folder / RESPONSES_FILE
    for _ in read_lines(journal, "response_id", "run_id"):
        pass  # a corrupt line is named before anything is loaded
    warehouse.begin()
    try:
        names = raw_tables()["llm_runs"].columns
        marks = ", ".join("?" for _ in names)
        warehouse.execute(
            f"insert or ignore into raw.llm_runs ({', '.join(names)}) values ({marks})",  # noqa: S608
            [run.get(name) for name in names],
        )
        with _whole_lines(journal) as lines:
            landed = _load(warehouse, lines, run["dataset"])
        warehouse.commit()
    except duckdb.Error as error:
        warehouse.rollback()
        raise SynthcareError(f"{folder} cannot be loaded: {error}") from error
    return landed


@contextmanager
def _whole_lines(journal: Path) -> Iterator[Path]:
    """The journal, or a copy without its last line where that one is torn or being written."""
    text = journal.read_bytes()
    if text.endswith(b"\n") or not text:
        yield journal
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / journal.name
        copy.write_bytes(text[: text.rfind(b"\n") + 1])
        yield copy


def _load(warehouse: duckdb.DuckDBPyConnection, journal: Path, dataset: str) -> int:
    """Load the lines, to which the dataset is added: it is the same in all of them."""
    columns = dict(raw_tables()["llm_responses"].columns)
    del columns["dataset"]
    row = warehouse.execute(
        """
        insert or ignore into raw.llm_responses by name
        select
            *,
            $dataset as dataset,

        from read_json(
            $journal,
            format = 'newline_delimited',
            columns = $columns,
            maximum_object_size = $size
        )
        """,
        {
            "journal": str(journal),
            "dataset": dataset,
            "columns": columns,
            # The default of 16 MB is too small for a large import.
            "size": min(max(16_777_216, journal.stat().st_size + 1), 2**32 - 1),
        },
    ).fetchone()
    return row[0]
