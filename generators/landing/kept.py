"""Rows that somebody has and wants to keep, while an LLM writes what belongs to them."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import duckdb

from readers.dialect import Dialect
from readers.tables import key_text, quoted, read_table
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
        table = read_table(database, path, contract.file_labels, Dialect())
        called = dict(zip(contract.file_labels, table.labels, strict=True))
        texts = ", ".join(f"trim({quoted(called[label])})" for label in contract.file_labels)
        rows = database.execute(f"select {texts} from written").fetchall()  # noqa: S608
        key = key_text(called[contract.key_labels[name]] for name in contract.key)
        (known,) = database.execute(f"select count(distinct {key}) from written").fetchone()  # noqa: S608
    if not rows:
        raise SynthcareError(f"{path} has a header and no rows.")
    if known < len(rows):
        raise SynthcareError(
            f"{len(rows) - known:,} of {len(rows):,} rows of {path} have no "
            f"{', '.join(contract.key_labels[name] for name in contract.key)} of their own. Give "
            "each row one, or leave out the others."
        )
    records = [dict(zip(contract.file_labels, row, strict=True)) for row in rows]
    return Kept(json.dumps({"rows": records}, ensure_ascii=False), len(rows))
