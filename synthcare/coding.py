"""Tables that somebody brings, typed by a contract and coded as numbers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from readers.shapes import ALWAYS_MISSING
from synthcare.chance import Tally
from synthcare.contracts.contract import Column as Declared
from synthcare.contracts.contract import Contract, Derived
from synthcare.errors import SynthcareError
from synthcare.tables import Column, Hashes, Table
from synthcare.trial import Check

BINS = 10  # of a number, each with as many real rows
_ROWS_FOR_EDGES = 100_000


@dataclass(frozen=True)
class Typed:
    """A table in DuckDB whose columns have the names and types of a contract.

    `columns` are what is scored. Rows that do not follow the contract are in `name`, too, where
    `_is_valid` is false; `left_out` says how many rows each column is to blame for.
    """

    database: DuckDBPyConnection
    name: str
    contract: Contract
    columns: tuple[Column, ...]
    rows: int
    left_out: Mapping[str, int]
    has_groups: bool

    def fetch(
        self, what: Mapping[str, str], where: str = "_is_valid"
    ) -> dict[str, np.ma.MaskedArray]:
        """SQL expressions over the rows as arrays by name, masked where they are null."""
        chosen = ", ".join(f"{sql} as {quoted(name)}" for name, sql in what.items())
        query = f"select {chosen} from {self.name} where {where} order by _row"  # noqa: S608
        try:
            found = self.database.execute(query).fetchnumpy()
        except duckdb.Error as error:
            raise _refused(error) from error
        return {name: np.ma.asarray(values) for name, values in found.items()}


def typed(
    database: DuckDBPyConnection,
    contract: Contract,
    group: str | None,
    *,
    name: str,
    has_bounds: bool,
) -> Typed:
    """Type the table `<name>_texts`, whose columns are called as the contract's labels.

    `group` is the label of the column whose rows of one value belong together. With `has_bounds`,
    numbers outside of what the contract allows do not follow it.
    """
    _check_expressions(contract)
    values, faults = [], {}
    for column in contract.columns:
        text = f"trim({quoted(column.label)})"
        allowed = {value.lower() for value in column.accepted_values}
        words = {"", *ALWAYS_MISSING, *map(str.lower, column.missing_values)} - allowed
        missing = ", ".join(text_of(word) for word in sorted(words))
        known = f"if(lower({text}) in ({missing}), null, {text})"
        values.append(f"{known} as {quoted('_text_' + column.name)}")
    types = [f"{_value(column)} as {quoted(column.name)}" for column in contract.columns]
    for column in contract.columns:
        value, said = quoted(column.name), quoted("_text_" + column.name)
        fault = f"{value} is null and {said} is not null"
        if not column.is_nullable:
            fault = f"{value} is null"
        if has_bounds and column.minimum is not None:
            low, high = (text_of(bound) for bound in (column.minimum, column.maximum))
            kind = "date" if column.kind == "date" else "double"
            fault += f" or {value} not between cast({low} as {kind}) and cast({high} as {kind})"
        faults[column.name] = f"coalesce({fault}, false)"
    for rule in contract.rules:
        faults[f"rule {rule.name}"] = f"not coalesce(({rule.holds}), true)"
    parts = ", ".join(quoted("_text_" + name) for name in _identity(contract))
    same = f"concat_ws('|', {parts})" if parts else "''"
    if group is None and not has_twins(contract):
        copy = f"row_number() over (partition by {same} order by _row)"
        same = f"concat_ws('|', {same}, nullif({copy}, 1))"
    owner = f"nullif(trim({quoted(group)}), '')" if group else "null"
    flags = ", ".join(f"{fault} as {quoted('_fault_' + c)}" for c, fault in faults.items())
    none = " and ".join(f"not {quoted('_fault_' + c)}" for c in faults)
    query = f"""
        create table {name} as
        with texts as (
            select row_number() over () as _row, {owner} as _owner, {", ".join(values)}
            from {name}_texts
        ),
        typed as (
            select *, coalesce(_owner, {same}) as _unit, {", ".join(types)} from texts
        ),
        checked as (select *, {flags} from typed)
        select *, {none} as _is_valid from checked
        """  # noqa: S608
    _asked(database, query)
    counted = ", ".join(f"count(*) filter (where {quoted('_fault_' + c)})" for c in faults)
    (found,) = database.execute(f"select count(*), {counted} from {name}").fetchall()  # noqa: S608
    blamed = {c: count for c, count in zip(faults, found[1:], strict=True) if count}
    columns = scored_columns(contract)
    return Typed(database, name, contract, columns, found[0], blamed, group is not None)


def _check_expressions(contract: Contract) -> None:
    """Raise SynthcareError where SQL of the contract is more, or less, than one expression."""
    said = {rule.name: rule.holds for rule in contract.rules}
    said |= {derived.name: derived.sql for derived in contract.derived}
    for name, sql in said.items():
        try:
            count = len(duckdb.extract_statements(f"select ({sql})"))
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise SynthcareError(f"The SQL of {name} in the contract is none: {reason}") from error
        if count != 1:
            raise SynthcareError(f"The SQL of {name} in the contract is no single expression.")


def has_twins(contract: Contract) -> bool:
    """Whether rows that say the same are copies of one, which a split must not separate.

    Rows of a few categories say the same by chance, and have to be in both halves.
    """
    return bool(contract.reference.left_out_of_duplicates) or any(
        column.kind == "identifier" for column in contract.columns
    )


def _identity(contract: Contract) -> list[str]:
    """Columns in which copies of one real row are alike."""
    left_out = contract.reference.left_out_of_duplicates
    return [column.name for column in contract.columns if column.name not in left_out]


def _value(column: Declared) -> str:
    """SQL of the typed value of a column, null where its text is none."""
    text = quoted("_text_" + column.name)
    if column.kind == "categorical":
        # 1.0 is 1 where all categories are numbers.
        numbers = all(re.fullmatch(r"-?\d+([.]\d+)?", value) for value in column.accepted_values)
        said_as = f"try_cast({text} as double) = " if numbers else f"lower({text}) = "
        cases = [
            f"when {said_as}{_said(value, numbers)} then {text_of(value)}"
            for value in column.accepted_values
        ]
        cases += [
            f"when lower({text}) = {text_of(said.lower())} then {text_of(value)}"
            for said, value in column.synonyms.items()
        ]
        whens = " ".join(cases)
        patterns = " ".join(
            f"when regexp_full_match({text}, {text_of('(?i)' + pattern)}) then {text_of(value)}"
            for pattern, value in column.synonym_patterns.items()
        )
        return f"case {whens} {patterns} end"
    if column.kind == "date":
        return f"coalesce(try_cast({text} as date), cast(try_cast({text} as timestamp) as date))"
    if column.kind == "identifier":
        return text
    number = f"try_cast({text} as double)"
    fits = f"isfinite({number})"
    if column.kind == "integer":
        fits += f" and {number} = round({number})"
        return f"if({fits}, try_cast({number} as {column.data_type}), null)"
    return f"if({fits}, try_cast({text} as {column.data_type}), null)"


def _said(value: str, is_number: bool) -> str:
    return value if is_number else text_of(value.lower())


def scored_columns(contract: Contract) -> tuple[Column, ...]:
    """The columns that are compared: not identifiers, whose values have no spread to match."""
    found = [
        Column(
            column.name,
            1 + (len(column.accepted_values) or BINS),
            column.kind,
            column.is_nullable,
            column.is_target,
            column.is_sensitive,
            column.accepted_values,
        )
        for column in contract.columns
        if column.kind != "identifier"
    ]
    nullable = {column.name for column in contract.columns if column.is_nullable}
    for derived in contract.derived:
        sources = sources_of(contract, derived)
        found.append(
            Column(
                derived.name,
                1 + (len(derived.accepted_values) or BINS),
                derived.kind,
                bool(sources & nullable),
                derived.is_target,
                derived.is_sensitive,
                derived.accepted_values,
                sources,
            )
        )
    return tuple(found)


def sources_of(contract: Contract, derived: Derived) -> frozenset[str]:
    """Columns that stand in the SQL of a derived one; words in quotes and functions do not."""
    bare = re.sub("'[^']*'", "''", derived.sql)
    return frozenset(
        column.name
        for column in contract.columns
        if re.search(rf"\b{column.name}\b(?!\s*[(])", bare)
    )


def edges_of(real: Typed, where: str) -> dict[str, list[float]]:
    """For each column of numbers, what separates its bins: so that each has as many real rows."""
    shares = [number / BINS for number in range(1, BINS)]
    numbers = {column.name: _sql(real, column) for column in real.columns if column.is_number}
    if not numbers:
        return {}
    chosen = ", ".join(f"quantile_disc({sql}, {shares})" for sql in numbers.values())
    # Of very many rows some are enough, as for dbt.
    step = 1 + real.rows // _ROWS_FOR_EDGES
    query = f"select {chosen} from {real.name} where {where} and (_row - 1) % {step} = 0"  # noqa: S608
    (found,) = _asked(real.database, query)
    return {name: edges or [0.0] for name, edges in zip(numbers, found, strict=True)}


def _sql(table: Typed, column: Column) -> str:
    """SQL of what a column is compared by."""
    sql = next((d.sql for d in table.contract.derived if d.name == column.name), None)
    if sql is None:
        sql = quoted(column.name)
    if column.kind == "date":
        return f"datediff('day', date '1970-01-01', {sql})"
    return f"cast({sql} as double)" if column.is_number else f"cast({sql} as varchar)"


def coded(table: Typed, edges: Mapping[str, Sequence[float]], where: str = "_is_valid") -> Table:
    """The rows of a table as numbers, coded as in the dbt models; its sample is every row."""
    written = [quoted(column.name) for column in table.contract.columns]
    folded = [
        f"lower({quoted(column.name)})" if column.is_text else quoted(column.name)
        for column in table.contract.columns
    ]
    same = _identity(table.contract)
    twins = [
        sql
        for column, sql in zip(table.contract.columns, folded, strict=True)
        if column.name in same
    ] or ["_row"]
    identifiers = [c.name for c in table.contract.columns if c.kind == "identifier"]
    what = {f"value {column.name}": _code_sql(table, column) for column in table.columns}
    what |= {
        f"hash {name}": f"if({quoted(name)} is null, 0, hash(lower({quoted(name)})))"
        for name in identifiers
    }
    what |= {
        "exact": f"hash({', '.join(written)})",
        "folded": f"hash({', '.join(folded)})",
        "twins": f"hash({', '.join(twins)})",
    }
    found = table.fetch(what, where)
    rows = len(found["exact"])
    codes = np.zeros((rows, len(table.columns)), dtype=np.uint16, order="F")  # as it is counted
    numbers = {}
    for place, column in enumerate(table.columns):
        values = found[f"value {column.name}"]
        if column.is_number:
            numbers[column.name] = np.ma.filled(values.astype(float), np.nan)
            bins = 1 + np.searchsorted(edges[column.name], numbers[column.name], side="left")
            codes[:, place] = np.where(np.isnan(numbers[column.name]), 0, bins)
        else:
            codes[:, place] = np.ma.filled(values, 0)
    return Table(
        table.columns,
        codes,
        numbers,
        {name: np.ma.getdata(found[f"hash {name}"]) for name in identifiers},
        Hashes(*(np.ma.getdata(found[name]) for name in ("exact", "folded", "twins"))),
        groups=units_of(table, where) if table.has_groups else None,
        sample=np.arange(rows),
    )


def _code_sql(table: Typed, column: Column) -> str:
    if column.is_number:
        return _sql(table, column)
    values = ", ".join(map(text_of, column.values))
    return f"cast(coalesce(list_position([{values}], {_sql(table, column)}), 0) as usmallint)"


def units_of(table: Typed, where: str = "_is_valid") -> NDArray[np.int64]:
    """For each row a number of what it belongs to: its group, or else itself."""
    unit = "dense_rank() over (order by coalesce(_owner, concat('|', _row)))"
    return np.ma.getdata(table.fetch({"unit": unit}, where)["unit"])


def validity(table: Typed) -> Tally:
    """Of the rows of each group, how many follow the contract."""
    is_valid = np.ma.getdata(table.fetch({"v": "_is_valid"}, "true")["v"]).astype(bool)
    return Tally.of_rows(is_valid, units_of(table, "true"))


def checks(table: Typed, real: Typed) -> dict[str | None, Check]:
    """What makes rows plausible: the contract's rules, and pairs of values that go together.

    Of all rows, whether they follow the contract or not.
    """
    found = {}
    asked = dict(_checks(table.contract))
    if asked:
        asked[None] = f"list_bool_and([{', '.join(asked.values())}]::boolean[])"
    units = units_of(table, "true")
    for name, sql in asked.items():
        answers, real_answers = (side.fetch({"a": sql}, "true")["a"] for side in (table, real))
        is_known = ~np.ma.getmaskarray(answers)
        if is_known.any():
            hits = np.ma.getdata(answers)[is_known].astype(bool)
            real_share = float(real_answers.mean()) if real_answers.count() else None
            found[name] = Check(Tally.of_rows(hits, units[is_known]), real_share)
    return found


def _checks(contract: Contract) -> Iterator[tuple[str, str]]:
    """Name and SQL, which is null where a row has no answer."""
    for rule in contract.rules:
        yield rule.name, f"({rule.holds})"
    for pair in contract.plausible_pairs:
        cases = " ".join(
            f"when {quoted(pair.given)} = {text_of(given)} "
            f"then {quoted(pair.column)} in ({', '.join(map(text_of, values))})"
            for given, values in pair.values.items()
        )
        yield pair.name, f"case {cases} end"


def _asked(database: DuckDBPyConnection, query: str) -> list[tuple]:
    try:
        return database.execute(query).fetchall()
    except duckdb.Error as error:
        raise _refused(error) from error


def _refused(error: duckdb.Error) -> SynthcareError:
    """What to say where SQL of the contract fails; DuckDB's message may quote a value."""
    return SynthcareError(
        f"A rule or a derived column of the contract cannot be computed: {type(error).__name__}."
    )


def quoted(name: str) -> str:
    """A name as SQL names a column."""
    return '"' + name.replace('"', '""') + '"'


def text_of(value: object) -> str:
    """A value as SQL writes a text."""
    return "'" + str(value).replace("'", "''") + "'"
