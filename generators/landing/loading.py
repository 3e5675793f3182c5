"""Loads journals into the raw schema, any number of times with the same result."""

import hashlib
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from generators.home import Home
from generators.landing.journal import RESPONSES_FILE, RUN_FILE, read_run
from generators.landing.jsonl import end_of_lines, read_sized_lines
from generators.warehouse.database import open_warehouse, raw_tables
from synthcare.errors import SynthcareError
from synthcare.files import writing

_TAIL_BYTES = 4096
_SLICE_BYTES = 2**27
_TOLD_FROM_BYTES = 2**28  # which take ten seconds and more


class Landed(NamedTuple):
    """How far a journal is loaded, and the SHA-256 of what stands before that place.

    By that it is known again: a journal that was mended is loaded from its beginning, one that says
    something else under the same ids is refused.
    """

    byte_count: int
    tail_sha256: str

    @classmethod
    def of(cls, journal: Path, byte_count: int) -> "Landed":
        """What is so far in the file."""
        with journal.open("rb") as file:
            file.seek(max(0, byte_count - _TAIL_BYTES))
            tail = file.read(min(_TAIL_BYTES, byte_count))
        return cls(byte_count, hashlib.sha256(tail).hexdigest())


def land(home: Home) -> int:
    """Load what is new in the journals of the landing folder; return the number of new responses.

    Raises SynthcareError where a journal is corrupt or the warehouse is locked. Nothing new of a
    corrupt journal is loaded.
    """
    folders = sorted(path.parent for path in home.landing.glob(f"[!.]*/{RUN_FILE}"))
    with open_warehouse(home) as warehouse:
        known = _known(warehouse)
        return sum(_land_run(warehouse, folder, known.get(folder.name)) for folder in folders)


def _known(warehouse: duckdb.DuckDBPyConnection) -> dict[str, Landed]:
    """How far each journal is loaded, by folder; of none where somebody has changed what was."""
    rows = warehouse.execute(
        """
        with runs as (

            -- A folder that was copied or renamed is the same run once more.
            select max(response_count) as response_count
            from raw.llm_journals
            group by run_id, dataset

        )

        select journal, byte_count, tail_sha256 from raw.llm_journals
        where (select count(*) from raw.llm_responses) >= (select sum(response_count) from runs)
        """
    ).fetchall()
    return {name: Landed(*landed) for name, *landed in rows}


def _land_run(warehouse: duckdb.DuckDBPyConnection, folder: Path, landed: Landed | None) -> int:
    journal = folder / RESPONSES_FILE
    if not journal.exists():
        raise SynthcareError(
            f"{folder} has no {RESPONSES_FILE}: it is half a copy. Copy it again, or move it away."
        )
    if landed and landed != Landed.of(journal, landed.byte_count):
        landed = None
    start, end = landed.byte_count if landed else 0, end_of_lines(journal)
    if landed and start == end:
        return 0
    if end - start > _TOLD_FROM_BYTES:
        print(f"loading {folder.name}: {(end - start) / 2**20:,.0f} MB", file=sys.stderr)
    run = read_run(folder)
    # A corrupt line is named before anything is loaded.
    slices = [*_slices(journal, start)] or [_Slice(0, 0, 0)]
    is_again = start == 0 and _has_responses(warehouse, run)
    return sum(
        _land_slice(warehouse, journal, run, part, is_again=is_again, is_first=not part.start)
        for part in slices
    )


def _land_slice(
    warehouse: duckdb.DuckDBPyConnection,
    journal: Path,
    run: Mapping[str, Any],
    part: "_Slice",
    *,
    is_again: bool,
    is_first: bool,
) -> int:
    """Load some lines of a journal, or nothing of them; return how many were new.

    `is_again`: some of them may be loaded. `is_first`: none of the journal's is known to be.
    """
    # Before they are read: of a file that is replaced meanwhile, rather too much is read again.
    reached = Landed.of(journal, part.end)
    warehouse.begin()
    try:
        names = raw_tables()["llm_runs"].columns
        marks = ", ".join("?" for _ in names)
        warehouse.execute(
            f"insert or ignore into raw.llm_runs ({', '.join(names)}) values ({marks})",  # noqa: S608
            [run.get(name) for name in names],
        )
        with _copied(journal, part) as lines:
            if is_again:
                _check_same(warehouse, lines, journal, part.longest_line)
            count = _load(warehouse, lines, run["dataset"], part.longest_line)
        _note(warehouse, journal.parent.name, run, reached, None if is_first else count)
        warehouse.commit()
    except SynthcareError:
        warehouse.rollback()
        raise
    except duckdb.Error as error:
        warehouse.rollback()
        raise SynthcareError(f"{journal.parent} cannot be loaded: {error}") from error
    return count


def _has_responses(warehouse: duckdb.DuckDBPyConnection, run: Mapping[str, Any]) -> bool:
    return bool(
        warehouse.execute(
            "select 1 from raw.llm_responses where run_id = $1 and dataset = $2 limit 1",
            [run["run_id"], run["dataset"]],
        ).fetchone()
    )


def _check_same(
    warehouse: duckdb.DuckDBPyConnection, lines: Path, journal: Path, longest_line: int
) -> None:
    """Raise SynthcareError where a response that is loaded says something else in the file."""
    found = warehouse.execute(
        """
        select lines.response_id
        from read_json(
            $lines,
            format = 'newline_delimited',
            columns = {'response_id': 'varchar', 'response_text': 'varchar'},
            maximum_object_size = $size
        ) as lines
        inner join raw.llm_responses on lines.response_id = llm_responses.response_id
        where lines.response_text <> llm_responses.response_text
        limit 1
        """,
        {"lines": str(lines), "size": _object_size(longest_line)},
    ).fetchone()
    if found:
        raise SynthcareError(
            f"{journal} has another answer under {found[0]} than the one that is loaded: it is "
            "another journal. Move it away; or, for all that is in the landing folder now, delete "
            "the warehouse and land the reference again."
        )


class _Slice(NamedTuple):
    """Whole lines of a journal that are loaded at once, in bytes from its beginning."""

    start: int
    end: int
    longest_line: int


def _slices(journal: Path, start: int) -> Iterator[_Slice]:
    """What a journal has from `start` on, so that what is loaded at once fits into memory."""
    end, longest = start, 0
    for _, size in read_sized_lines(journal, "response_id", "run_id", start=start):
        if end > start and end + size - start > _SLICE_BYTES:
            yield _Slice(start, end, longest)
            start, longest = end, 0
        end, longest = end + size, max(longest, size)
    if end > start:
        yield _Slice(start, end, longest)


def _note(
    warehouse: duckdb.DuckDBPyConnection,
    name: str,
    run: Mapping[str, Any],
    landed: Landed,
    new: int | None,
) -> None:
    """Note how far a journal is loaded; `new` responses came to it, None where all are counted."""
    warehouse.execute(
        """
        insert or replace into raw.llm_journals by name
        select
            $journal as journal,
            $run_id as run_id,
            $dataset as dataset,
            $byte_count as byte_count,
            $tail_sha256 as tail_sha256,
            case
                when $new is null
                    then (
                        select count(*) from raw.llm_responses
                        where run_id = $run_id and dataset = $dataset
                    )
                else
                    $new + (select response_count from raw.llm_journals where journal = $journal)
            end as response_count,
        """,
        {
            "journal": name,
            "run_id": run["run_id"],
            "dataset": run["dataset"],
            "new": new,
            **landed._asdict(),
        },
    )


@contextmanager
def _copied(journal: Path, part: _Slice) -> Iterator[Path]:
    """A file of these lines alone: the journal may be written meanwhile."""
    with tempfile.TemporaryDirectory() as folder, journal.open("rb") as file:
        copy = Path(folder) / journal.name
        file.seek(part.start)
        with writing(copy):
            copy.write_bytes(file.read(part.end - part.start))
        yield copy


def _load(
    warehouse: duckdb.DuckDBPyConnection, lines: Path, dataset: str, longest_line: int
) -> int:
    """Load the lines, to which their dataset, the same in all of them, and numbers are added."""
    columns = dict(raw_tables()["llm_responses"].columns)
    del columns["dataset"], columns["landed_number"]
    row = warehouse.execute(
        """
        insert or ignore into raw.llm_responses by name
        select
            *,
            $dataset as dataset,

        from read_json(
            $lines,
            format = 'newline_delimited',
            columns = $columns,
            maximum_object_size = $size
        )
        """,
        {
            "lines": str(lines),
            "dataset": dataset,
            "columns": columns,
            "size": _object_size(longest_line),
        },
    ).fetchone()
    return row[0]


def _object_size(longest_line: int) -> int:
    """The default of 16 MB is too small for a large import."""
    return min(max(2**24, longest_line + 1), 2**32 - 1)
