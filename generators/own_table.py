"""A table that somebody brings, CSV or Parquet, as texts in DuckDB."""

import csv
import gzip
import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from generators.errors import SynthcareError

MOST_COLUMNS = 100  # each two of them are compared
FEWEST_ROWS = 20

# How tables write that a value is missing; the first four are so under every contract.
MISSING = ("null", "none", "nan", "n/a", "na", "#n/a", "?", "-", ".", "missing")
ALWAYS_MISSING = MISSING[:4]

# Columns that the models of a dataset add to its own.
_OURS = {
    *("record_id", "run_id", "response_id", "was_normalised", "row_number", "is_holdout"),
    *("normalised_columns", "reject_reasons", "parsed_with", "logic_hash", "record_text"),
    *("run_number", "block", "dataset"),
}


def read_table(
    database: duckdb.DuckDBPyConnection, path: Path, columns: Sequence[str]
) -> list[str]:
    """Read the file, all columns as texts; return their labels (all if `columns` is empty).

    The table `written` has what stands in the file, trimmed; in `rows` what is missing is null.
    Raises SynthcareError where the file is no table that a contract could be made for.
    """
    if not path.is_file():
        raise SynthcareError(f"There is no file {path}.")
    try:
        if path.suffix == ".parquet":
            relation = database.read_parquet(str(path))
        else:
            _check_header(path)
            relation = database.read_csv(
                str(path),
                header=True,
                all_varchar=True,
                delimiter=",",
                quotechar='"',
                escapechar='"',
            )
        labels = list(dict.fromkeys(columns)) or relation.columns
        unknown = [label for label in labels if label not in relation.columns]
        if unknown:
            raise SynthcareError(
                f"{path} has no column {', '.join(unknown)}. It has {', '.join(relation.columns)}."
            )
        if len(labels) > MOST_COLUMNS:
            raise SynthcareError(
                f"{path} has {len(labels):,} columns, and each two would be compared. "
                f"Name up to {MOST_COLUMNS} of them with --columns."
            )
        chosen = ", ".join(
            f"nullif(trim(cast({quoted(label)} as varchar)), '') as {quoted(label)}"
            for label in labels
        )
        relation.select(chosen).create("written")
        known = ", ".join(
            f"if(lower({quoted(label)}) in {MISSING}, null, {quoted(label)}) as {quoted(label)}"
            for label in labels
        )
        database.execute(f"create table rows as select {known} from written")  # noqa: S608
    except (duckdb.Error, UnicodeDecodeError, csv.Error, OSError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise SynthcareError(f"{path} is no CSV or Parquet file: {reason}") from error
    (rows,) = database.execute("select count(*) from rows").fetchone()
    if rows < FEWEST_ROWS:
        raise SynthcareError(
            f"{path} has {rows} rows, too few to say what its columns hold: {FEWEST_ROWS} at least."
        )
    return labels


def _check_header(path: Path) -> None:
    """DuckDB gives names to columns without one, and other names to those that stand twice."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", newline="", encoding="utf-8-sig") as file:
        header = next(csv.reader(file), [])
    if not any(header):
        raise SynthcareError(f"{path} is empty: its first line must name the columns.")
    if len(header) == 1 and (other := re.search(r"[;\t|]", header[0])):
        raise SynthcareError(
            f"{path} separates its columns by {other[0]!r}. Write it with commas, or as Parquet."
        )
    nameless = [place for place, label in enumerate(header, 1) if not label.strip()]
    if nameless:
        raise SynthcareError(f"Column {nameless[0]} of {path} has no name in its first line.")
    odd = [label for label in header if re.search(r'["\n]|\{[{%#]', label)]
    if odd:
        raise SynthcareError(f"The name {odd[0]!r} in {path} has quotes or braces. Rename it.")
    twice = sorted({label for label in header if header.count(label) > 1})
    if twice:
        raise SynthcareError(f"{path} has more than one column named {', '.join(twice)}.")


def sql_names(database: duckdb.DuckDBPyConnection, labels: Sequence[str]) -> list[str]:
    """SQL names: in snake_case, none of SQL's own words, none twice."""
    (reserved,) = database.execute(
        "select list(keyword_name) from duckdb_keywords() where keyword_category <> 'unreserved'"
    ).fetchone()
    found: list[str] = []
    for label in labels:
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", label)
        name = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "column"
        if name[0].isdigit():
            name = f"column_{name}"
        if name in reserved or name in _OURS:
            name = f"{name}_value"
        base, number = name, 1
        while name in found:
            number += 1
            name = f"{base}_{number}"
        found.append(name)
    return found


def quoted(label: str) -> str:
    """A label as SQL names a column."""
    return '"' + label.replace('"', '""') + '"'
