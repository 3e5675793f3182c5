"""The reference table: the real file, or a stand-in made from the contract's population."""

import csv
import hashlib
import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np

from generators.asking.runs import utc_now
from generators.drawing.children import draw_counts
from generators.drawing.stand_in import stand_in_rows
from generators.home import Home
from generators.warehouse.database import open_warehouse
from readers.dialect import Dialect
from readers.tables import key_text, quoted, read_table
from synthcare.contracts.contract import Contract, load_contract
from synthcare.errors import SynthcareError

STAND_IN = "stand-in"


@dataclass(frozen=True)
class LandedReference:
    """What was landed. `reference` is the file's name, or `stand-in`.

    `notes` say what was cut, dropped or read in another way.
    """

    dataset: str
    reference: str
    rows: int
    sha256: str
    notes: tuple[str, ...] = ()


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


def land_csv(
    home: Home,
    contract: Contract,
    path: Path,
    dialect: Dialect = Dialect(),  # noqa: B008 (frozen)
) -> LandedReference:
    """Land a CSV file, plain or gzipped, or Parquet; its columns must hold those of the contract.

    They are read as `contract infer` reads them. Raises SynthcareError, leaving the table as it
    was, where the file is missing, empty or another.
    """
    if not path.is_file():
        raise SynthcareError(
            f"There is no file {path}. Download '{contract.reference.title}' and give its path; "
            "or leave out --csv for a stand-in."
        )
    with duckdb.connect() as database:
        table = read_table(database, path, contract.file_labels, dialect)
        if not table.rows:
            raise SynthcareError(f"{path} has a header and no rows.")
        # The same bytes read in another way are another reference.
        said = "" if dialect == Dialect() else repr(dialect)
        sha256 = hashlib.sha256(f"{table.sha256}{said}".encode()).hexdigest() if said else ""
        landed = LandedReference(
            dataset=contract.dataset,
            reference=path.name.removesuffix(".gz"),
            rows=table.rows,
            sha256=sha256 or table.sha256,
            notes=table.notes,
        )
        labels = dict(zip(contract.file_labels, table.labels, strict=True))
        notes = _land(home, contract, database, landed, labels)
    return replace(landed, notes=(*landed.notes, *notes))


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
    """Make the stand-in from the contract's population and land it. The same rows every time.

    Rows that belong to others are as many as those of the parents' stand-in have by the contract,
    and otherwise independent of them.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(contract.file_labels)
    size, keys = stand_in_keys(contract)
    rows = stand_in_rows(contract, size)
    # Where rows have groups or keys of their own, each of the stand-in is one of its own.
    others = [label for label in contract.file_labels if label not in contract.labels]
    rows = [
        (*row, *(keys[label][place] if label in keys else str(place + 1) for label in others))
        for place, row in enumerate(rows)
    ]
    writer.writerows(rows)
    sha256 = hashlib.sha256(text.getvalue().encode()).hexdigest()
    landed = LandedReference(contract.dataset, STAND_IN, len(rows), sha256)
    with duckdb.connect() as database:
        columns = ", ".join(f"{quoted(label)} varchar" for label in contract.file_labels)
        database.execute(f"create table written ({columns})")
        values = [[value or None for value in row] for row in zip(*rows, strict=True)]
        places = ", ".join(f"unnest(${place + 1})" for place in range(len(values)))
        database.execute(f"insert into written select {places}", values)
        _land(home, contract, database, landed, {label: label for label in contract.file_labels})
    return landed


def _key_notes(
    warehouse: duckdb.DuckDBPyConnection, contract: Contract, rows: int
) -> Iterator[str]:
    """What is odd of the keys of a table that is being landed.

    Raises SynthcareError where none of its rows belongs to anything.
    """
    table = f"raw.reference_{contract.dataset}"
    if contract.key:
        own = _key(contract, contract.key)
        (known,) = warehouse.execute(f"select count(distinct {own}) from {table}").fetchone()  # noqa: S608
        if known < rows:
            yield (
                f"{rows - known:,} of {rows:,} rows have no {', '.join(contract.key)} of their "
                "own: of rows with one key, the first counts"
            )
    for key in contract.foreign_keys:
        parent = load_contract(key.to)
        (orphans,) = warehouse.execute(
            f"""
            select count(*) from {table} as children
            where not exists (
                select * from raw.reference_{key.to} as parents
                where {_key(parent, key.to_columns)} = {_key(contract, key.columns, "children")}
            )
            """  # noqa: S608 (names come from the contract)
        ).fetchone()
        if orphans == rows:
            raise SynthcareError(
                f"None of the {rows:,} rows of {contract.dataset} has the {', '.join(key.columns)} "
                f"of a row of {key.to}. Land that one first (synthcare reference --dataset "
                f"{key.to}), and look whether both write it alike."
            )
        if orphans:
            yield (
                f"{orphans:,} of {rows:,} rows belong to no row of {key.to}: they are scored, but "
                "not as a part of a family"
            )


def _key(contract: Contract, names: Sequence[str], table: str = "") -> str:
    """SQL of the key that these columns of the contract are in its raw table."""
    return key_text((contract.key_labels[name] for name in names), table)


def stand_in_keys(contract: Contract) -> tuple[int, dict[str, list[str]]]:
    """How many rows the stand-in has, and the texts of its keys by label."""
    found: dict[str, list[str]] = {}
    size = contract.reference.stand_in_rows
    for number, key in enumerate(contract.foreign_keys):
        parent = load_contract(key.to)
        parents, of_parents = stand_in_keys(parent)
        if number == 0:
            counts = draw_counts(contract, 0, [*map(str, range(parents))])
            places = np.repeat(np.arange(parents), counts).tolist()
            size = len(places)
        else:
            places = [row % parents for row in range(size)]
        for column, to_column in zip(key.columns, key.to_columns, strict=True):
            texts = of_parents[parent.key_labels[to_column]]
            # What several foreign keys share is that of the first.
            found.setdefault(contract.key_labels[column], [texts[place] for place in places])
    own = [str(row + 1) for row in range(size)]
    return size, {label: own for label in contract.key_labels.values()} | found


def _land(
    home: Home,
    contract: Contract,
    database: duckdb.DuckDBPyConnection,
    landed: LandedReference,
    labels: Mapping[str, str],
) -> list[str]:
    """Land the table `written` of `database`; return what is odd of its keys.

    `labels` are its columns by those of the contract.
    """
    chosen = ", ".join(f"{quoted(ours)} as {quoted(label)}" for label, ours in labels.items())
    table = f"raw.reference_{contract.dataset}"
    with tempfile.TemporaryDirectory() as folder, open_warehouse(home) as warehouse:
        file = str(Path(folder) / "table.parquet")
        database.cursor().sql(f"select {chosen} from written").write_parquet(file)  # noqa: S608
        warehouse.begin()
        try:
            warehouse.execute(
                f"create or replace table {table} as from read_parquet($file)",
                {"file": file},
            )
            warehouse.execute(
                """
                insert or replace into raw.reference_files
                values ($dataset, $reference, $sha256, $rows, $landed_at)
                """,
                {
                    "dataset": landed.dataset,
                    "reference": landed.reference,
                    "sha256": landed.sha256,
                    "rows": landed.rows,
                    "landed_at": utc_now(),
                },
            )
            notes = [*_key_notes(warehouse, contract, landed.rows)]
            warehouse.commit()
        except (duckdb.Error, SynthcareError):
            warehouse.rollback()
            raise
    return notes
