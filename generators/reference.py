"""The reference table: the real file, or a stand-in made from the contract's population."""

import csv
import gzip
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from generators.contract import Contract
from generators.errors import SynthcareError
from generators.home import Home
from generators.runs import utc_now
from generators.stand_in import stand_in_rows
from generators.warehouse import open_warehouse

STAND_IN = "stand-in"


@dataclass(frozen=True)
class LandedReference:
    """What was landed. `reference` is the file's name, or `stand-in`."""

    dataset: str
    reference: str
    rows: int
    sha256: str


def landed_reference(home: Home, contract: Contract) -> LandedReference | None:
    """The reference that the warehouse holds, if any.

    Raises SynthcareError where it was landed under a contract with other columns.
    """
    with open_warehouse(home) as warehouse:
        table = f"raw.reference_{contract.dataset}"
        labels = [column[0] for column in warehouse.execute(f"describe {table}").fetchall()]
        row = warehouse.execute(
            """
            select dataset, reference, rows_landed, sha256
            from raw.reference_files
            where dataset = $dataset
            """,
            {"dataset": contract.dataset},
        ).fetchone()
    if set(contract.file_labels) - set(labels):
        missing = ", ".join(label for label in contract.file_labels if label not in labels)
        raise SynthcareError(
            f"{table} has no column for {missing}: it was landed under another contract. "
            f"Land it again: synthcare reference --dataset {contract.dataset}."
        )
    return LandedReference(*row) if row else None


def land_csv(home: Home, contract: Contract, path: Path) -> LandedReference:
    """Land a CSV file, plain or gzipped, or Parquet; its columns must hold those of the contract.

    Raises SynthcareError, leaving the table as it was, where the file is missing, empty or another.
    """
    if not path.is_file():
        raise SynthcareError(
            f"There is no file {path}. Download '{contract.reference.title}' and give its path; "
            "or leave out --csv for a stand-in."
        )
    try:
        with _unpacked(path) as plain:
            header = _header(plain, path, contract)
            return _land(home, contract, plain, path.name.removesuffix(".gz"), header)
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise SynthcareError(f"{path} is not a clean CSV file: {reason}.") from error


def land_kaggle(home: Home, contract: Contract) -> LandedReference:
    """Download the file from Kaggle and land it. Raises SynthcareError where that fails."""
    import kagglehub

    reference = contract.reference
    if not reference.kaggle:
        raise SynthcareError(f"The reference of {contract.dataset} is not on Kaggle. Use --csv.")
    try:
        path = Path(kagglehub.dataset_download(reference.kaggle, path=reference.file))
    except Exception as error:  # kagglehub raises whatever its HTTP client raises
        raise SynthcareError(
            f"Kaggle did not give {reference.kaggle}: {error}. "
            f"Download {reference.file} in a browser and use --csv."
        ) from error
    return land_csv(home, contract, path)


def land_uci(home: Home, contract: Contract) -> LandedReference:
    """Download the table from the UCI repository and land it. Raises SynthcareError on failure."""
    import ucimlrepo

    number = contract.reference.uci
    if not number:
        raise SynthcareError(f"The reference of {contract.dataset} is not at UCI. Use --csv.")
    try:
        table = ucimlrepo.fetch_ucirepo(id=number).data.original
    except Exception as error:  # ucimlrepo raises whatever urllib and pandas raise, and its own
        raise SynthcareError(
            f"UCI did not give dataset {number}: {error}. "
            f"Download {contract.reference.file} in a browser and use --csv."
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / contract.reference.file
        table.to_csv(path, index=False)
        return land_csv(home, contract, path)


def land_stand_in(home: Home, contract: Contract) -> LandedReference:
    """Make the stand-in from the contract's population and land it. The same rows every time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stand_in.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(contract.file_labels)
            # Where rows have groups, each of the stand-in is one of its own.
            groups = range(len(contract.file_labels) - len(contract.labels))
            rows = stand_in_rows(contract, contract.reference.stand_in_rows)
            writer.writerows((*row, *(place for _ in groups)) for place, row in enumerate(rows))
        return _land(home, contract, path, STAND_IN, contract.file_labels)


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """The file as plain CSV."""
    with path.open("rb") as file:
        start = file.read(4)
    if not (start.startswith(b"\x1f\x8b") or start == b"PAR1"):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / path.stem
        if start == b"PAR1":
            with duckdb.connect() as database:
                database.read_parquet(str(path)).write_csv(str(plain), header=True)
            yield plain
            return
        try:
            with gzip.open(path) as packed, plain.open("wb") as file:
                shutil.copyfileobj(packed, file)
        except (OSError, EOFError) as error:
            raise SynthcareError(f"{path} is a damaged gzip file: {error}.") from error
        yield plain


def _header(plain: Path, path: Path, contract: Contract) -> list[str]:
    """The names of the columns. Raises SynthcareError where one of the contract's is not there."""
    try:
        with plain.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            header, first_row = next(lines, []), next(lines, None)
    except (UnicodeDecodeError, csv.Error) as error:
        raise SynthcareError(f"{path} is no CSV file in UTF-8: {error}.") from error
    if not header:
        raise SynthcareError(f"{path} is empty.")
    missing = [label for label in contract.file_labels if label not in header]
    if missing:
        raise SynthcareError(
            f"{path} is not '{contract.reference.title}': its header must have "
            f"{','.join(contract.file_labels)}; missing: {', '.join(missing)}."
        )
    twice = [label for label in contract.file_labels if header.count(label) > 1]
    if twice:
        raise SynthcareError(f"{path} has more than one column named {', '.join(twice)}.")
    if first_row is None:
        raise SynthcareError(f"{path} has a header and no rows.")
    return header


def _land(
    home: Home, contract: Contract, plain: Path, reference: str, header: Sequence[str]
) -> LandedReference:
    """Land the contract's columns of a plain CSV file; its others are left out."""
    # Only a column of the contract needs its own name: others may lack one, or have it twice.
    names = [
        label if label in contract.file_labels else f"other {place}"
        for place, label in enumerate(header)
    ]
    labels = ", ".join('"' + label.replace('"', '""') + '"' for label in contract.file_labels)
    with plain.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    table = f"raw.reference_{contract.dataset}"
    with open_warehouse(home) as warehouse:
        warehouse.begin()
        try:
            warehouse.execute(
                f"""
                create or replace table {table} as
                select {labels} from read_csv(
                    $path, columns = $columns, auto_detect = false,
                    header = true, delim = ',', quote = '"', escape = '"'
                )
                """,  # noqa: S608 (the name comes from the contract)
                {"path": str(plain), "columns": dict.fromkeys(names, "varchar")},
            )
            rows = warehouse.execute(f"select count(*) from {table}").fetchone()[0]  # noqa: S608
            warehouse.execute(
                """
                insert or replace into raw.reference_files
                values ($dataset, $reference, $sha256, $rows, $landed_at)
                """,
                {
                    "dataset": contract.dataset,
                    "reference": reference,
                    "sha256": sha256,
                    "rows": rows,
                    "landed_at": utc_now(),
                },
            )
            warehouse.commit()
        except duckdb.Error:
            warehouse.rollback()
            raise
    return LandedReference(contract.dataset, reference, rows, sha256)
