"""Tables that people bring, CSV or Parquet, as texts in DuckDB."""

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from readers.columns import Columns
from readers.dialect import Dialect
from readers.loading import load
from readers.reading import Reading
from readers.shapes import is_present
from synthcare.errors import SynthcareError

MOST_COLUMNS = 100  # each two of them are compared
_MOST_NAMED = 30  # in a message


@dataclass(frozen=True)
class Table:
    """What was read. `labels` name the columns that were asked for, as the file does.

    In DuckDB, `written` has them as texts in the file's rows and order, and `rows` has them trimmed
    and null where a value is missing. `readings` say how each was read, `notes` what was cut,
    dropped or read in another way.
    """

    labels: tuple[str, ...]
    readings: Mapping[str, Reading]
    rows: int
    sha256: str
    notes: tuple[str, ...]


def read_table(
    database: duckdb.DuckDBPyConnection,
    path: Path,
    columns: Sequence[str] = (),
    dialect: Dialect = Dialect(),  # noqa: B008 (frozen)
) -> Table:
    """Read the `columns` of the file, all if there are none.

    They are found by name, or by a name that differs only in case and punctuation; those not asked
    for may be as they like. Raises SynthcareError where the file is no table that can be used.
    """
    if path.is_dir():
        raise SynthcareError(f"{path} is a folder: name the file of a table.")
    if not path.is_file():
        raise SynthcareError(f"There is no file {path}.")
    try:
        loaded = load(database, path, dialect)
        places = _places(loaded.labels, columns, path)
        nested = [loaded.labels[place] for place in places if place in loaded.nested]
        if nested:
            raise SynthcareError(
                f"{', '.join(nested)} in {path} holds lists, records or bytes, which are no values "
                "of a table. Spread them over columns, or leave them out with --columns."
            )
        labels = {f"c{place}": label for place, label in enumerate(loaded.labels)}
        names = [f"c{place}" for place in places]
        seen = Columns(
            database,
            "received",
            {name: label for name, label in labels.items() if int(name[1:]) not in loaded.nested},
            dialect=dialect,
            delimiter=loaded.delimiter,
            is_typed=loaded.is_typed,
        )
        read = seen.read(names)
        words = {name for name in names if seen.has_missing(name)}
        _make(database, {labels[name]: (name, reading) for name, reading in read.items()}, words)
        rows = database.execute("select count(*) from written").fetchone()[0]
    except (duckdb.Error, csv.Error, OSError, EOFError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise SynthcareError(f"{path} is no CSV or Parquet file: {reason}") from error
    told = [f"{labels[name]}: {reading.note}" for name, reading in read.items() if reading.note]
    return Table(
        labels=tuple(labels[name] for name in names),
        readings={labels[name]: reading for name, reading in read.items()},
        rows=rows,
        sha256=loaded.sha256,
        notes=(*loaded.notes, *told),
    )


def tables_in(folder: Path) -> dict[str, Path]:
    """The CSV (plain or gzipped) and Parquet files of a folder by the name of the table.

    Raises SynthcareError where there are none, or two of one name.
    """
    if not folder.exists():
        raise SynthcareError(f"There is no folder {folder}.")
    if not folder.is_dir():
        raise SynthcareError(f"{folder} is no folder of tables, as the other one is.")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        name = re.sub(r"[.](csv|csv[.]gz|parquet)$", "", path.name, flags=re.I)
        if name == path.name or name.startswith("."):
            continue
        if name in found:
            raise SynthcareError(
                f"{folder} has two tables {name}: {found[name].name}, {path.name}."
            )
        found[name] = path
    if not found:
        raise SynthcareError(f"{folder} holds no CSV or Parquet file.")
    return found


def _places(labels: Sequence[str], wanted: Sequence[str], path: Path) -> list[int]:
    """Where the wanted columns stand, all if none is named. Raises where names do not tell them."""
    plain = [plain_name(label) for label in labels]
    if not wanted:
        if len(labels) > MOST_COLUMNS:
            raise SynthcareError(
                f"{path} has {len(labels):,} columns, and each two would be compared. "
                f"Name up to {MOST_COLUMNS} of them with --columns."
            )
        wanted = labels
    counts, exact = Counter(plain), Counter(labels)
    missing = [label for label in wanted if plain_name(label) not in counts]
    if missing:
        shown = f"{', '.join(labels[:_MOST_NAMED])}{', …' if len(labels) > _MOST_NAMED else ''}"
        raise SynthcareError(f"{path} has no column {', '.join(missing)}. It has {shown}.")
    twice = sorted({label for label in wanted if exact[label] > 1})
    if twice:
        raise SynthcareError(
            f"{path} has more than one column named {', '.join(map(repr, twice))}. "
            "Rename one, or take others with --columns."
        )
    chosen = [
        labels.index(label) if label in exact else plain.index(plain_name(label))
        for label in dict.fromkeys(wanted)
    ]
    if len(chosen) > MOST_COLUMNS:
        raise SynthcareError(f"{len(chosen):,} columns are too many: {MOST_COLUMNS} at most.")
    alike = Counter(plain[place] for place in chosen)
    same = [labels[place] for place in chosen if alike[plain[place]] > 1]
    same += [label for label in wanted if label not in exact and counts[plain_name(label)] > 1]
    if same:
        raise SynthcareError(
            f"The columns {' and '.join(map(repr, same))} of {path} differ only in case and "
            "punctuation, which answers of LLMs do not keep. Rename one, or leave it out with "
            "--columns."
        )
    _check_names([labels[place] for place in chosen], chosen, path)
    return chosen


def _check_names(labels: Sequence[str], places: Sequence[int], path: Path) -> None:
    for place, label in zip(places, labels, strict=True):
        if not label:
            raise SynthcareError(
                f"Column {place + 1} of {path} has no name. Give it one, or name the others with "
                "--columns."
            )
        if not plain_name(label):
            raise SynthcareError(f"The name {label!r} in {path} has no letter or digit. Rename it.")
        if re.search(r'["\n\\]|\{[{%#]', label):
            raise SynthcareError(
                f"The name {label!r} in {path} has quotes, braces or line breaks. Rename it."
            )


def _make(
    database: duckdb.DuckDBPyConnection,
    columns: Mapping[str, tuple[str, Reading]],
    words: Collection[str],
) -> None:
    """Make `written` and `rows`; what is missing stays as it is written in the first.

    `words` are the columns in which a word may stand for a missing value.
    """
    written, rows = [], []
    for label, (name, reading) in columns.items():
        text = f"trim({name})"
        present = is_present(text) if name in words else "true"
        value = f"if({text} <> '' and {present}, {reading.sql}, {name})" if reading.sql else name
        written.append(f"{value} as {quoted(label)}")
        known = reading.sql or text
        rows.append(f"if({text} <> '' and {present}, {known}, null) as {quoted(label)}")
    database.execute(f"create view written as select {', '.join(written)} from received")  # noqa: S608
    database.execute(f"create table rows as select {', '.join(rows)} from received")  # noqa: S608


def plain_name(label: str) -> str:
    """A name as answers are matched with it: its letters and digits, in lower case."""
    return re.sub(r"[\W_]", "", label.lower())


def quoted(label: str) -> str:
    """A label as SQL names a column."""
    return '"' + label.replace('"', '""') + '"'


def key_text(columns: Iterable[str], table: str = "") -> str:
    """SQL of the texts of a key as one, null where a part of it is missing."""
    of = f"{table}." if table else ""
    # A control character, so that no two keys of several columns become one.
    return " || chr(31) || ".join(f"nullif(trim({of}{quoted(x)}), '')" for x in columns)
