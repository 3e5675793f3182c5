"""Accepted rows of a run as tables of CSV, of Parquet and of DuckDB, where keys are constraints."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from readers.tables import quoted
from synthcare.contracts.contract import Contract
from synthcare.contracts.relations import ForeignKey

# What makes a spreadsheet take a cell for a formula (OWASP, "CSV Injection"), in plain and in
# full-width signs.
_FORMULA_STARTS = "=+-@\t\r\n＝＋－＠"

_ROWS = "where run_id = getvariable('run_id')"


@dataclass(frozen=True)
class Field:
    """A column of the mart, and what it is called outside."""

    name: str
    label: str
    data_type: str
    is_required: bool

    @property
    def is_text(self) -> bool:
        return self.data_type == "VARCHAR"

    @property
    def as_labelled(self) -> str:
        return f"{self.name} as {quoted(self.label)}"

    @property
    def as_harmless(self) -> str:
        """What no spreadsheet takes for a formula."""
        if not self.is_text:
            return self.as_labelled
        starts = "', '".join(_FORMULA_STARTS)
        is_formula = f"left(ltrim({self.name}, ' '), 1) in ('{starts}')"
        return f"if({is_formula}, '''' || {self.name}, {self.name}) as {quoted(self.label)}"


@dataclass(frozen=True)
class ExportedTable:
    """The rows of the mart of a dataset whose run_id is the variable `run_id`.

    `fields` begin with keys. `also_unique` are columns other than its key by which tables refer to
    it; each of `foreign_keys` names its columns in the order in which the table that it refers to
    has them.
    """

    dataset: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    also_unique: tuple[tuple[str, ...], ...]
    foreign_keys: tuple[ForeignKey, ...]

    @property
    def rows(self) -> str:
        return f"marts.{self.dataset} {_ROWS}"

    def labelled(self, names: Sequence[str]) -> str:
        """Labels of columns as SQL lists them."""
        labels = {field.name: quoted(field.label) for field in self.fields}
        return ", ".join(labels[name] for name in names)


def exported_tables(
    warehouse: duckdb.DuckDBPyConnection, contracts: Sequence[Contract]
) -> list[ExportedTable]:
    """A table for each contract, in the same order; the types are those of the mart."""
    keys = {contract.dataset: contract.key for contract in contracts}
    parents = {
        contract.dataset: tuple(_as_in_parent(key, keys[key.to]) for key in contract.foreign_keys)
        for contract in contracts
    }
    referred = [key for found in parents.values() for key in found]
    return [
        ExportedTable(
            contract.dataset,
            tuple(_fields(warehouse, contract)),
            contract.key,
            tuple(
                dict.fromkeys(
                    key.to_columns
                    for key in referred
                    if key.to == contract.dataset and key.to_columns != contract.key
                )
            ),
            parents[contract.dataset],
        )
        for contract in contracts
    ]


def _fields(warehouse: duckdb.DuckDBPyConnection, contract: Contract) -> Iterator[Field]:
    described = warehouse.execute(f"describe marts.{contract.dataset}").fetchall()
    types = {name: data_type for name, data_type, *_ in described}
    for name in contract.key_columns:
        yield Field(name, contract.key_labels[name], types[name], name in contract.key)
    for column in contract.columns:
        yield Field(column.name, column.label, types[column.name], not column.is_nullable)


def _as_in_parent(key: ForeignKey, parents_key: Sequence[str]) -> ForeignKey:
    """With columns in the order of the parent's key, without which DuckDB does not find that."""
    if {*key.to_columns} != {*parents_key}:
        return key
    of_child = dict(zip(key.to_columns, key.columns, strict=True))
    return ForeignKey(tuple(of_child[name] for name in parents_key), key.to, tuple(parents_key))


def count_rows(warehouse: duckdb.DuckDBPyConnection, table: ExportedTable) -> int:
    """All that the table has of the run."""
    (count,) = warehouse.execute(f"select count(*) from {table.rows}").fetchone()  # noqa: S608
    return count


def broken_keys(
    warehouse: duckdb.DuckDBPyConnection, table: ExportedTable
) -> Iterator[tuple[int, str]]:
    """How many rows break a key, and how; nothing where all are as the contract says."""
    for unique in filter(None, [table.key, *table.also_unique]):
        count = f"count(distinct {_row(unique)})" if unique == table.key else _known(unique)
        query = f"select count(*) - {count} from {table.rows}"  # noqa: S608
        if (rows := warehouse.execute(query).fetchone()[0]) > 0:
            yield rows, f"have no {table.labelled(unique)} of their own"
    for key in table.foreign_keys:
        query = f"""
            select count(*) from {table.rows} and {_row(key.columns)} is not null
            and {_row(key.columns)} not in (
                select {_row(key.to_columns)} from marts.{key.to} {_ROWS}
                and {_row(key.to_columns)} is not null
            )
        """  # noqa: S608
        if rows := warehouse.execute(query).fetchone()[0]:
            yield rows, f"have the {table.labelled(key.columns)} of no row of {key.to}"


def _row(names: Sequence[str]) -> str:
    """Values of columns as one that can be counted, null where one of them is."""
    lacks = " or ".join(f"{name} is null" for name in names)
    return f"if({lacks}, null, row({', '.join(names)}))"


def _known(names: Sequence[str]) -> str:
    """Rows that need no key of their own, as they lack it, and different keys of the others."""
    return f"(count(*) - count({_row(names)}) + count(distinct {_row(names)}))"


def write_rows(
    warehouse: duckdb.DuckDBPyConnection, table: ExportedTable, path: Path, *, is_csv: bool
) -> None:
    """Write a CSV file, in which every text is quoted, or Parquet."""
    texts = ", ".join(quoted(field.label) for field in table.fields if field.is_text)
    quoting = f", force_quote ({texts})" if texts else ""
    settings = f"format csv, header{quoting}" if is_csv else "format parquet"
    columns = ", ".join(f.as_harmless if is_csv else f.as_labelled for f in table.fields)
    rows = f"select {columns} from {table.rows} order by record_id"  # noqa: S608
    warehouse.execute(f"copy ({rows}) to {_text(path)} ({settings})")


def write_database(
    warehouse: duckdb.DuckDBPyConnection, tables: Sequence[ExportedTable], path: Path
) -> None:
    """Write a DuckDB file whose tables refuse what their contracts do not allow.

    Each of `tables` comes after what it refers to.
    """
    warehouse.execute(f"attach {_text(path)} as exported")
    try:
        for table in tables:
            name = f"exported.main.{quoted(table.dataset)}"
            columns = ", ".join(field.as_labelled for field in table.fields)
            warehouse.execute(f"create table {name} ({', '.join(_definitions(table, tables))})")
            warehouse.execute(
                f"insert into {name} select {columns} from {table.rows} order by record_id"  # noqa: S608
            )
    finally:
        warehouse.execute("detach exported")


def _definitions(table: ExportedTable, tables: Sequence[ExportedTable]) -> Iterator[str]:
    """What stands between the brackets of `create table`."""
    for field in table.fields:
        required = " not null" if field.is_required else ""
        yield f"{quoted(field.label)} {field.data_type}{required}"
    if table.key:
        yield f"primary key ({table.labelled(table.key)})"
    for unique in table.also_unique:
        yield f"unique ({table.labelled(unique)})"
    for key in table.foreign_keys:
        to = next(other for other in tables if other.dataset == key.to)
        yield (
            f"foreign key ({table.labelled(key.columns)}) "
            f"references {quoted(to.dataset)} ({to.labelled(key.to_columns)})"
        )


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
