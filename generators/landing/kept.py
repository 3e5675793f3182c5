"""Rows that somebody has and wants to keep, while an LLM writes what belongs to them."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import duckdb

from readers.dialect import Dialect
from readers.tables import quoted, read_table
from synthcare.contracts.contract import Contract
from synthcare.errors import SynthcareError


@dataclass(frozen=True)
class Kept:
    """Rows with their keys, as JSON whose names are those of the contract, and how many."""

    text: str
    rows: int

    @property
    def sha256(self) -> str:
        """Of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def read_kept(contract: Contract, path: Path) -> Kept:
    """Read a CSV file, plain or gzipped, or Parquet, with the columns and the key of a contract.

    Raises SynthcareError where there is none, where it lacks a column or a row lacks a key of its
    own.
    """
    if not path.is_file():
        raise SynthcareError(f"There is no file {path} of rows to keep.")
    with duckdb.connect() as database:
        read_table(database, path, contract.file_labels, Dialect())
        labels = [column[0] for column in database.execute("describe written").fetchall()]
        rows = database.execute("from written").fetchall()
        key = ", ".join(quoted(labels[place]) for place in _key_places(contract))
        (known,) = database.execute(
            f"select count(distinct row({key})) filter (where row({key}) is not null) from written"  # noqa: S608
        ).fetchone()
    if not rows:
        raise SynthcareError(f"{path} has a header and no rows.")
    if known < len(rows):
        raise SynthcareError(
            f"{len(rows) - known:,} of {len(rows):,} rows of {path} have no "
            f"{', '.join(contract.key_labels[name] for name in contract.key)} of their own. Give "
            "each row one, or leave out the others."
        )
    records = [dict(zip(contract.file_labels, row, strict=True)) for row in rows]
    # Of CSV it could not be told whether a mark such as <b> belongs to a value.
    return Kept(json.dumps({"rows": records}, ensure_ascii=False), len(rows))


def _key_places(contract: Contract) -> list[int]:
    labels = [*contract.file_labels]
    return [labels.index(contract.key_labels[name]) for name in contract.key]
