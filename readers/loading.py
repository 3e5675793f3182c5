"""The bytes of a table as rows of texts in DuckDB, whatever kind of file they are."""

import csv
import gzip
import hashlib
import io
import re
import tempfile
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import duckdb

from readers.dialect import LONGEST_LINE, Dialect, Layout, find_layout
from readers.encodings import decode
from synthcare.errors import SynthcareError

MOST_IN_FILE = 20_000  # columns, of which a hundred can be taken

_NESTED = re.compile(r"(STRUCT|MAP|UNION|BLOB|GEOMETRY|VARIANT)|.*\]$")
_VALUE = re.compile(r"[-+]?[0-9]+[.,][0-9]+|[0-9]{1,3}|[0-9]{5,}|[0-9]+([-/.])[0-9]+\1[0-9]+")
_HIDDEN = " \u00a0\u2007\u202f\ufeff\u200b\u2060\u3000"


@dataclass(frozen=True)
class Loaded:
    """The table `received` in DuckDB, whose columns c0, c1, … have the `labels`.

    `nested` are places of columns that hold no single values. `is_typed` where the file says
    which columns are numbers.
    """

    labels: tuple[str, ...]
    delimiter: str
    is_typed: bool
    nested: frozenset[int]
    sha256: str
    notes: tuple[str, ...]


def load(database: duckdb.DuckDBPyConnection, path: Path, dialect: Dialect) -> Loaded:
    """Load the file by what it contains; its name does not matter.

    Raises SynthcareError where it is none, and what DuckDB raises for a damaged Parquet file.
    """
    data, notes = path.read_bytes(), []
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise SynthcareError(f"{path} is a damaged gzip file: {error}.") from error
    sha256 = hashlib.sha256(data).hexdigest()
    if data.startswith(b"PAR1"):
        return _load_parquet(database, data, sha256)
    if re.match(rb'\s*(\{\s*"|\[\s*[\[{"])', data):
        raise SynthcareError(f"{path} is JSON. Write the table as CSV or Parquet.")
    if re.match(rb"\s*<(!doctype|html|\?xml|table)", data[:200], re.I):
        raise SynthcareError(f"{path} is HTML or XML. Write the table as CSV or Parquet.")
    decoded = decode(data, dialect.encoding, name=str(path))
    if decoded.note:
        notes.append(decoded.note)
    layout = find_layout(decoded.text, dialect, name=str(path))
    loaded, told = _load_text(database, layout, path)
    return Loaded(
        labels=loaded,
        delimiter=layout.delimiter,
        is_typed=False,
        nested=frozenset(),
        sha256=sha256,
        notes=(*notes, *layout.notes, *told),
    )


def _load_parquet(database: duckdb.DuckDBPyConnection, data: bytes, sha256: str) -> Loaded:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table.parquet"
        file.write_bytes(data)
        database.execute("set timezone = 'UTC'")
        relation = database.read_parquet(str(file))
        # pandas writes the numbers of its rows under this name.
        kept = [c for c in relation.columns if not re.fullmatch(r"__index_level_\d+__", c)]
        types = dict(zip(relation.columns, map(str, relation.types), strict=True))
        chosen = ", ".join(
            'cast("{}" as varchar) as c{}'.format(label.replace('"', '""'), place)
            for place, label in enumerate(kept)
        )
        dropped = len(relation.columns) - len(kept)
        relation.select(chosen).create("received")
    return Loaded(
        labels=tuple(label.strip() for label in kept),
        delimiter="",
        is_typed=True,
        nested=frozenset(p for p, label in enumerate(kept) if _NESTED.match(types[label])),
        sha256=sha256,
        notes=("the numbers of the rows were left out",) if dropped else (),
    )


def _load_text(
    database: duckdb.DuckDBPyConnection, layout: Layout, path: Path
) -> tuple[tuple[str, ...], list[str]]:
    """Load the rows; return the names of the columns and what to tell."""
    labels = [" ".join(label.strip(_HIDDEN + "\t\n").split()) for label in layout.header]
    notes = []
    if [*layout.header] != labels:
        notes.append("spaces around names of columns were cut")
    width = layout.width
    values = [label for label in labels if _VALUE.fullmatch(label)]
    if len(values) > len(labels) / 2 and values != [*map(str, range(len(labels)))]:
        raise SynthcareError(
            f"Line {layout.first_line - 1} of {path} holds values ({', '.join(labels[:3])}, …) "
            "where the names of the columns must stand. Write a line with names above it."
        )
    if max(width, len(labels)) > MOST_IN_FILE:
        raise SynthcareError(f"{path} has {max(width, len(labels)):,} columns: it is no table.")
    if width not in (len(labels), len(labels) + 1):
        raise _ragged(layout, path, len(labels))
    # Of two names that are alike DuckDB would make other ones, so the columns have numbers.
    columns = {f"c{place}": "varchar" for place in range(width)}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        file.write_text(layout.body, encoding="utf-8", newline="\n")
        try:
            database.execute(
                """
                create table received as
                select * from read_csv(
                    $path, columns = $columns, auto_detect = false, header = false,
                    delim = $delimiter, quote = '"', escape = '"', new_line = '\\n',
                    max_line_size = $longest
                )
                """,
                {
                    "path": str(file),
                    "columns": columns,
                    "delimiter": layout.delimiter,
                    "longest": LONGEST_LINE,
                },
            )
        except duckdb.InvalidInputException as error:
            raise _ragged(layout, path, width, str(error)) from error
    if _HIDDEN[1:] and any(mark in layout.body for mark in _HIDDEN[1:]):
        trimmed = ", ".join(f"trim({name}, '{_HIDDEN}') as {name}" for name in columns)
        database.execute(f"create or replace table received as select {trimmed} from received")  # noqa: S608
        notes.append("no-break and invisible spaces around values were cut")
    if width > 1:
        empty = " and ".join(f"coalesce(trim({name}), '') = ''" for name in columns)
        (count,) = database.execute(f"select count(*) from received where {empty}").fetchone()  # noqa: S608
        if count:
            database.execute(f"delete from received where {empty}")  # noqa: S608
            notes.append(f"{count:,} rows without any value were left out")
    labels = _without_index(database, labels, width, notes, layout, path)
    return tuple(labels), notes


def _without_index(
    database: duckdb.DuckDBPyConnection,
    labels: list[str],
    width: int,
    notes: list[str],
    layout: Layout,
    path: Path,
) -> list[str]:
    """Leave out columns without a name that number the rows, or that are empty."""
    if width > len(labels):
        if _is_empty(database, width - 1):
            labels = [*labels, ""]
        elif _numbers_rows(database, 0):
            labels = ["", *labels]
        else:
            raise SynthcareError(
                f"Each row of {path} has {width} values, but its header names {len(labels)} "
                "columns. Name the column that lacks a name, or remove its values."
            )
    dropped = []
    for place, label in enumerate(labels):
        if label and not re.fullmatch(r"Unnamed: \d+", label):
            continue
        if _is_empty(database, place):
            dropped.append(place)
            notes.append(f"column {place + 1}, which has no name and no values, was left out")
        elif _numbers_rows(database, place):
            dropped.append(place)
            notes.append(
                f"column {place + 1}, which has no name and numbers the rows, was left out"
            )
    if dropped and len(dropped) < len(labels):
        kept = [place for place in range(len(labels)) if place not in dropped]
        chosen = ", ".join(f"c{place} as c{new}" for new, place in enumerate(kept))
        database.execute(f"create or replace table received as select {chosen} from received")  # noqa: S608
        return [labels[place] for place in kept]
    return labels


def _is_empty(database: duckdb.DuckDBPyConnection, place: int) -> bool:
    return database.execute(
        f"select coalesce(bool_and(coalesce(trim(c{place}), '') = ''), true) from received"  # noqa: S608
    ).fetchone()[0]


def _numbers_rows(database: duckdb.DuckDBPyConnection, place: int) -> bool:
    """Whether the values are 0, 1, 2, … or 1, 2, 3, …, in the order of the rows."""
    low, is_counted, rows = database.execute(
        f"""
        select min(n), bool_and(coalesce(n = first_n + place, false)), count(*)
        from (
            select
                try_cast(c{place} as bigint) as n,
                rowid - min(rowid) over () as place,
                first(try_cast(c{place} as bigint)) over (order by rowid) as first_n
            from received
        )
        """  # noqa: S608
    ).fetchone()
    return rows > 0 and bool(is_counted) and low in (0, 1)


def _ragged(layout: Layout, path: Path, width: int, reason: str = "") -> SynthcareError:
    """What is wrong with the rows, by line; `reason` is DuckDB's, where it is something else."""
    reader = csv.reader(io.StringIO(layout.body, newline="\n"), delimiter=layout.delimiter)
    csv.field_size_limit(4 * LONGEST_LINE)
    odd: dict[int, list[int]] = {}
    counts: Counter[int] = Counter()
    line = 1
    try:
        for record in reader:
            if record and len(record) != width:
                odd.setdefault(len(record), []).append(layout.first_line + line - 1)
            counts[len(record)] += 1
            line = reader.line_num + 1
    except csv.Error as error:
        return SynthcareError(
            f"{path} cannot be read from line {layout.first_line + line - 1}: {error}."
        )
    if not odd:
        return SynthcareError(f"{path} is no CSV file that can be read: {_short(reason)}")
    shown = "; ".join(
        f"{count} in {'line' if len(lines) == 1 else 'lines'} "
        f"{', '.join(f'{number:,}' for number in lines[:3])}{', …' if len(lines) > 3 else ''}"  # noqa: PLR2004
        for count, lines in sorted(odd.items())[:3]
    )
    return SynthcareError(
        f"Rows of {path} have more or fewer values than its header has names ({width}): {shown}. "
        "Quote values that hold the delimiter, mend or remove these lines, or say where the names "
        "stand with --skip-rows."
    )


def _short(reason: str) -> str:
    found = re.search(r"^(?:Possible cause|Error)[^\n]*|CSV Error[^\n]*", reason, re.M)
    return (found[0] if found else reason.splitlines()[0] if reason else "")[:200]
