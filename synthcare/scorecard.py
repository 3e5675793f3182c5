"""Scores any synthetic table against any real one."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from readers.tables import Table as TextTable
from readers.tables import plain_name, read_table
from synthcare.coding import Typed, checks, coded, edges_of, typed, units_of, validity
from synthcare.contracts.contract import (
    Contract,
    contract_of,
    datasets,
    load_contract,
    read_contract,
)
from synthcare.contracts.infer import Inferred, infer, is_sensitive_name
from synthcare.errors import SynthcareError, some
from synthcare.halves import sampled
from synthcare.reference import Reference
from synthcare.registry import ALL, HEADLINES, scores_of
from synthcare.subgroups import OF_GROUPS
from synthcare.tables import Table
from synthcare.trial import Score, Trial

if TYPE_CHECKING:
    from synthcare.related import Scorecards

SIDES = ("real", "synthetic")
NO_ROW = "no row follows the contract"
LOST_BY_LEAKS = {"overall", "privacy"}  # a table that leaks falls short of any threshold of these

# As the variables of dbt_project.yml of these names.
SEED = 20240507
BLOCKS, HALF_SAMPLES = 24, 100
ROWS_IN_SAMPLES, REAL_ROWS_IN_SAMPLES = 4_800, 50_000

Said = Contract | str | Path  # a contract, or where it is to be found

# Of each column or pair: the score, and what is told beside it.
_OF_COLUMNS = {
    "column_fidelity": ["jensen_shannon_distance", "wasserstein_distance", "coverage"],
    "missingness": ["missing_share", "reference_missing_share"],
    "column_diversity": ["distinct_values", "expected_distinct_values", "most_repeated_share"],
}
_OF_GROUP = "subgroup_"  # begins their names
_OF_PAIRS = [
    "structure", "correlation", "reference_correlation",
    "mutual_information", "reference_mutual_information",
]  # fmt: skip


@dataclass(frozen=True)
class Scorecard:
    """How good a synthetic table is.

    `scores` has a row for each headline score: name, title, value, the ends of its 95 % interval,
    `real` (what as many real rows reach), meaning and note. `columns` and `pairs` have a row for
    each column and two columns, `triples` for each three that interact, `groups` for each group of
    people and measure. `notes` say what was left out or taken for something. `leaks` says how rows
    are nearer to real ones, or tell more of them, than chance explains; None where they do not.
    """

    scores: pd.DataFrame
    columns: pd.DataFrame
    pairs: pd.DataFrame
    triples: pd.DataFrame
    groups: pd.DataFrame
    notes: tuple[str, ...]
    rows: int
    real_rows: int
    leaks: str | None = None

    @property
    def worst_column(self) -> dict[str, Any] | None:
        """Name and score of the column that differs most, None where none is scored."""
        return _worst(self.columns, "column_fidelity", "column")

    @property
    def worst_pair(self) -> dict[str, Any] | None:
        """Names and score of the two columns that differ most, None where none are scored."""
        return _worst(self.pairs, "pair_fidelity", "column_1", "column_2")

    @property
    def overall(self) -> float | None:
        """The overall score, None where a part of it is not known."""
        return self.value("overall")

    def value(self, name: str) -> float | None:
        """The value of a headline score, None where it is not known."""
        values = self.scores.loc[self.scores["name"] == name, "value"].dropna()
        return None if values.empty else float(values.iloc[0])

    def shortfalls(self, least: Mapping[str, float]) -> Iterator[str]:
        """A line for each headline score that is less than `least` says, or is not known.

        A table that leaks falls short of any overall score, and of any of privacy.
        """
        if self.leaks and LOST_BY_LEAKS.intersection(least):
            yield f"the table leaks: {self.leaks}"
        for name, wanted in least.items():
            value, wanted = self.value(name), float(wanted)  # noqa: PLW2901
            if name not in {headline.name for headline in ALL}:
                raise SynthcareError(f"'{name}' is no score.")
            if value is None:
                yield f"{name} is not known, where {wanted:g} was asked for"
            elif value < wanted:
                yield f"{name} is {value:.3f}, under {wanted:g}"

    def as_dict(self) -> dict[str, Any]:
        """All of it as lists and dicts that JSON can hold."""
        names = ("scores", "columns", "pairs", "triples", "groups")
        tables = {name: getattr(self, name) for name in names}
        return {
            "rows": self.rows,
            "real_rows": self.real_rows,
            "leaks": self.leaks,
            "worst_column": self.worst_column,
            "worst_pair": self.worst_pair,
            **{
                name: table.astype(object).where(table.notna(), None).to_dict("records")
                for name, table in tables.items()
            },
            "notes": [*self.notes],
        }

    def save_html(self, path: str | Path) -> Path:
        """Write one page that asks for nothing else, and holds no row of either table."""
        from reports.card import write_card

        return write_card(self, Path(path))

    def __str__(self) -> str:
        scores = self.scores.drop(columns=["name", "note"]).to_string(index=False, na_rep="–")
        return f"{scores}\nleaks: {self.leaks}" if self.leaks else scores

    def _repr_html_(self) -> str:
        from reports.card import card_table

        return card_table(self)


def score(
    real: Any,
    synthetic: Any,
    contract: Said | Mapping[str, Said] | None = None,
    group: str | None = None,
    columns: Sequence[str] = (),
) -> "Scorecard | Scorecards":
    """Score a synthetic table against a real one.

    Both are a DataFrame (pandas, polars, Arrow), a DuckDB relation, or the path of a CSV (plain or
    gzipped) or Parquet file. `contract` is a Contract, the name of a dataset, or the path of a
    properties file; without one it is inferred from the real table. `group` is the column whose
    rows of one value belong together, such as a patient's. `columns` are those to compare, all that
    both tables have if none is named.

    Two dicts are tables by name that belong together, such as patients and their stays: see
    `synthcare.related.score_related`, which returns Scorecards. Their contracts are a dict, too.

    Raises SynthcareError, which says what to do, where a table cannot be read or compared.
    """
    if isinstance(real, Mapping) or isinstance(synthetic, Mapping):
        from synthcare.related import score_related

        if group or columns:
            raise SynthcareError("Of several tables, leave out group and columns.")
        return score_related(real, synthetic, contract)
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as database:
        paths = [
            table_path(table, Path(folder) / f"{name} table", name)
            for table, name in zip((real, synthetic), SIDES, strict=True)
        ]
        try:
            named, notes, lost = _contract(contract, paths, columns, group)
            group = group or named.reference.group
            owners, units = {}, {}
            for path, side in zip(paths, SIDES, strict=True):
                owners[side], table = _read(
                    database, path, named, group, side, as_written=contract is not None
                )
                notes = [*notes, *(f"{side} table: {note}" for note in table.notes)]
                units[side] = {plain_name(x): table.readings[x].unit for x in table.labels}
            _check_units(units)
        except SynthcareError as error:
            # What was in memory has no path that means anything.
            raise SynthcareError(str(error).replace(f"{folder}/", "the ")) from error
        # SQL of the contract is all that is left to run, and needs no file.
        database.execute("set enable_external_access = false")
        database.execute("set lock_configuration = true")
        sides = [
            typed(database, named, owner, name=side, has_bounds=contract is not None)
            for side, owner in owners.items()
        ]
        if group:
            notes = [*notes, *known_keys(*sides, group)]
        return card_of(*sides, compared(*sides), notes, lost)


def known_keys(real: Typed, synthetic: Typed, label: str) -> Iterator[str]:
    """That groups of the synthetic table are called like real ones, which no score looks at."""
    known, count = real.database.execute(
        f"""
        select count(*) filter (where _owner in (select _owner from {real.name})), count(*)
        from (select distinct _owner from {synthetic.name} where _owner is not null)
        """  # noqa: S608 (our own names)
    ).fetchone()
    if known:
        yield (
            f"{known:,} of {count:,} values of {label} in the synthetic table are in the real one, "
            "too: no score looks at them, see that they are not those of real people"
        )


def table_path(table: Any, path: Path, name: str) -> Path:
    """Where a table can be read; one that is in memory is written to `path`, and goes with it."""
    if isinstance(table, str | Path):
        return Path(table)
    if isinstance(table, pd.DataFrame):
        # An index with a name is a column that somebody made one of.
        table = table.reset_index(drop=table.index.names == [None])
        table = table.set_axis([str(label) for label in table.columns], axis=1)
    labels = [str(label).lower() for label in getattr(table, "columns", ())]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise SynthcareError(
            f"The {name} table has columns of one name: {some(twice)}. Rename one."
        )
    try:
        if not hasattr(table, "columns") and not hasattr(table, "__arrow_c_stream__"):
            raise TypeError("it has no names of columns")
        if isinstance(table, duckdb.DuckDBPyRelation):
            table.write_parquet(str(path))
        else:
            with duckdb.connect() as database:
                database.register("brought", table)
                database.table("brought").write_parquet(str(path))
    except (duckdb.Error, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise SynthcareError(
            f"The {name} table, a {type(table).__name__}, cannot be read: {reason}. Give a "
            "DataFrame, a DuckDB relation, or the path of a CSV or Parquet file."
        ) from error
    return path


class Proposed(NamedTuple):
    """A contract, what was taken for something in it, and groups that the synthetic table lacks."""

    contract: Contract
    notes: list[str]
    lost_groups: tuple[str, ...]


def _contract(
    said: Said | None,
    paths: Sequence[Path],
    columns: Sequence[str],
    group: str | None,
) -> Proposed:
    """The contract; one that had to be inferred, with what was taken for something."""
    if said is not None and columns:
        raise SynthcareError("A contract says which columns there are: leave out columns.")
    if said is not None:
        return Proposed(known_contract(said), [], ())
    return inferred_contract(*paths, columns, [group] if group else [])


def known_contract(said: Said) -> Contract:
    """A contract, or the one of a dataset or in a file. Raises SynthcareError where it is none."""
    if isinstance(said, Contract):
        return said
    if isinstance(said, str) and said in datasets():
        return load_contract(said)
    path = Path(said)
    if not path.is_file():
        known = ", ".join(datasets())
        raise SynthcareError(f"'{said}' is no dataset ({known}) and no file of a contract.")
    return read_contract(path)


def inferred_contract(
    real_path: Path, synthetic_path: Path, columns: Sequence[str], keys: Sequence[str]
) -> Proposed:
    """The contract of what both tables have, `keys` aside."""
    real, synthetic = (_labels(path, columns) for path in (real_path, synthetic_path))
    plain = {plain_name(label) for label in synthetic}
    common = [label for label, is_empty in real.items() if plain_name(label) in plain]
    if not common:
        raise SynthcareError(
            f"The tables have no column in common: {some(real)} in the real one, "
            f"{some(synthetic)} in the synthetic one."
        )
    alone = [label for label in real if label not in common]
    notes = [f"columns that only one table has are left out: {some(alone)}"] if alone else []
    empty = [label for label in common if real[label]]
    if empty:
        notes.append(f"columns without any real value are left out: {some(empty)}")
    kept = [label for label in common if label not in empty]
    if not kept:
        raise SynthcareError("No column of the real table that both have holds a value.")
    left_out = {*map(plain_name, keys)}
    wanted = [label for label in kept if plain_name(label) not in left_out]
    inferred = infer(real_path, wanted or kept)
    lost = tuple(filter(is_sensitive_name, alone))
    return Proposed(_inferred_contract(inferred), [*notes, *inferred.doubts], lost)


def _labels(path: Path, columns: Sequence[str]) -> dict[str, bool]:
    """The columns of a table, and whether each is empty."""
    with duckdb.connect() as database:
        table = read_table(database, path, columns)
        if not table.rows:
            raise SynthcareError(f"{path} has no rows.")
        counts = ", ".join(f'count("{label}")' for label in table.labels)
        (found,) = database.execute(f"select {counts} from rows").fetchall()  # noqa: S608
    return {label: not count for label, count in zip(table.labels, found, strict=True)}


def _inferred_contract(inferred: Inferred) -> Contract:
    reference = {"title": "the real table", "file": "", "stand_in_rows": 0}
    if inferred.group:
        reference["group"] = inferred.group
    meta = {
        "record": "row",
        "rules": inferred.rules,
        "derived": inferred.derived,
        "reference": reference,
    }
    columns = inferred.columns
    return contract_of({"name": "table", "columns": columns, "config": {"meta": meta}})


def _read(
    database: duckdb.DuckDBPyConnection,
    path: Path,
    contract: Contract,
    group: str | None,
    side: str,
    *,
    as_written: bool,
) -> tuple[str | None, TextTable]:
    """Read a table as texts into `<side>_texts`; return the label of the group, and what was read.

    Of the synthetic table the group may be missing. With `as_written` the texts are as in the file,
    as a contract says itself which words mean that a value is missing.
    """
    labels = [*contract.labels]
    owner = None
    with duckdb.connect() as reading:
        everything = read_table(reading, path).labels if group else ()
    if group:
        owner = next(
            (label for label in everything if plain_name(label) == plain_name(group)), None
        )
        if owner is None and side == "real":
            raise SynthcareError(f"{path} has no column {group}, by which rows belong together.")
    wanted = labels if owner is None or owner in labels else [*labels, owner]
    table = read_table(database, path, wanted)
    called = {plain_name(label): label for label in table.labels}
    chosen = ", ".join(
        f'"{called[plain_name(label)]}" as "{label}"' for label in dict.fromkeys(wanted)
    )
    source = "written" if as_written else "rows"
    database.execute(f"create table {side}_texts as select {chosen} from {source}")  # noqa: S608
    database.execute("drop view written; drop table rows; drop table received")
    if not table.rows:
        raise SynthcareError(f"{path} has no rows.")
    return owner, table


def _check_units(units: Mapping[str, Mapping[str, str | None]]) -> None:
    """Raise SynthcareError where a column's values have other units on both sides."""
    real, synthetic = (units[side] for side in SIDES)
    for label, unit in real.items():
        other = synthetic.get(label)
        if unit and other and unit != other:
            raise SynthcareError(
                f"Values of the column {label} are in {unit} in the real table, and in {other} in "
                "the synthetic one. Write both in one unit."
            )


_IS_HOLDOUT = "md5_number_lower(_unit) % 2 = 1"  # as dbt splits the reference


TRAIN_ROWS, HOLDOUT_ROWS = f"_is_valid and not {_IS_HOLDOUT}", f"_is_valid and {_IS_HOLDOUT}"


class Compared(NamedTuple):
    """Both halves of a real table and a synthetic one, coded alike: by `edges` between bins."""

    reference: Reference
    table: Table
    edges: dict[str, list[float]]


def compared(real: Typed, synthetic: Typed) -> Compared:
    """Code both. Raises SynthcareError where no real row is left to compare with."""
    edges = edges_of(real, TRAIN_ROWS)
    train, holdout = (
        replace(side, sample=_shuffled(len(side))[:REAL_ROWS_IN_SAMPLES])
        for side in (coded(real, edges, rows) for rows in (TRAIN_ROWS, HOLDOUT_ROWS))
    )
    if not len(train):
        if real.left_out:
            raise SynthcareError(f"No real row follows the contract: {_blame(real)}.")
        raise SynthcareError("All real rows fall into one half: their groups are too few to split.")
    return Compared(Reference(train, holdout), coded(synthetic, edges), edges)


def card_of(
    real: Typed,
    synthetic: Typed,
    both: Compared,
    notes: Sequence[str],
    lost_groups: tuple[str, ...] = (),
) -> Scorecard:
    """Every score of the synthetic table, and of as many real rows that are held out.

    `lost_groups` are columns of groups of people that the synthetic table lacks.
    """
    reference, table, _ = both
    found = _scores(reference, table, units_of(synthetic), synthetic, real, lost_groups)
    holdout = reference.holdout
    held_out = holdout.sample[: len(table)]
    of_real = _scores(
        reference, holdout.take(held_out), units_of(real, HOLDOUT_ROWS)[held_out], real, real
    )
    if len(held_out) < len(table):
        notes = [
            *notes,
            f"real rows were scored on {len(held_out):,} rows, all that are held out, and not on "
            f"{len(table):,}",
        ]
    for side, name in ((synthetic, "synthetic"), (real, "real")):
        if side.left_out:
            count = side.rows - int(validity(side).hits.sum())
            notes = [
                *notes,
                f"{count:,} of {side.rows:,} {name} rows do not follow the contract, and are "
                f"compared with nothing: {_blame(side)}",
            ]
    return Scorecard(
        scores=_headlines(found, of_real),
        columns=_columns(found, synthetic),
        pairs=_pairs(found),
        triples=_triples(found),
        groups=_groups(found),
        notes=tuple(notes),
        rows=synthetic.rows,
        real_rows=real.rows,
        leaks=next((score.note for score in found if score.name == "leaks" and score.value), None),
    )


def _scores(
    reference: Reference,
    table: Table,
    units: NDArray[np.int64],
    typed_table: Typed,
    real: Typed,
    lost_groups: tuple[str, ...] = (),
) -> list[Score]:
    records = {"validity": validity(typed_table), "checks": checks(typed_table, real)}
    if not len(table):
        of_rows = [h.name for h in HEADLINES if not (h.of_records or h.of_relations)]
        return [*scores_of(Trial(**records)), *(Score(name, note=NO_ROW) for name in of_rows)]
    sample, halves = sampled(units, ROWS_IN_SAMPLES, BLOCKS, HALF_SAMPLES, SEED)
    table = replace(table, sample=sample)
    return scores_of(Trial(reference, table, halves, lost_groups=lost_groups, **records))


def _shuffled(rows: int) -> NDArray[np.intp]:
    return np.random.default_rng(SEED).permutation(rows)


def _blame(side: Typed) -> str:
    """The columns whose values do not follow the contract, worst first."""
    worst = sorted(side.left_out.items(), key=lambda blamed: -blamed[1])
    return ", ".join(f"{column} ({count:,})" for column, count in worst[:5])


def _headlines(found: Iterable[Score], of_real: Iterable[Score]) -> pd.DataFrame:
    known, real = (
        {score.name: score for score in scores if not score.subject} for scores in (found, of_real)
    )
    return pd.DataFrame(
        [
            {
                "name": headline.name,
                "title": headline.title,
                "value": score.value,
                "low": score.low,
                "high": score.high,
                # Real rows are what privacy protects.
                "real": real.get(headline.name, Score("")).value
                if headline.name != "privacy"
                else None,
                "meaning": headline.meaning,
                "note": score.note,
            }
            for headline in ALL
            for score in [known.get(headline.name, Score(headline.name))]
            if headline.name in known or not headline.is_optional
        ]
    ).astype(dict.fromkeys(("value", "low", "high", "real"), float))


def _columns(found: Iterable[Score], table: Typed) -> pd.DataFrame:
    kinds = {column.name: column.kind for column in table.contract.columns}
    kinds |= {column.name: column.kind for column in table.columns}
    scores = {(score.name, *score.subject): score for score in found}
    rows = []
    for name, kind in kinds.items():
        row = {"column": name, "kind": kind}
        for headline, beside in _OF_COLUMNS.items():
            score = scores.get((headline, name), Score(headline))
            row |= {headline: score.value, f"{headline}_low": score.low}
            row |= {f"{headline}_high": score.high}
            row |= {other: scores.get((other, name), Score(other)).value for other in beside}
        rows.append(row)
    return pd.DataFrame(rows)


def _pairs(found: Iterable[Score]) -> pd.DataFrame:
    scores = {(score.name, *score.subject): score for score in found}
    columns = ["column_1", "column_2", "pair_fidelity", "low", "high", *_OF_PAIRS]
    rows = [
        [
            *(*score.subject, score.value, score.low, score.high),
            *(scores.get((name, *score.subject), Score(name)).value for name in _OF_PAIRS),
        ]
        for score in scores.values()
        if score.name == "pair_fidelity" and score.subject
    ]
    numbers = dict.fromkeys(columns[2:], float)
    return pd.DataFrame(rows, columns=columns).astype(numbers)


def _triples(found: Iterable[Score]) -> pd.DataFrame:
    columns = ["column_1", "column_2", "column_3", "interactions", "low", "high"]
    rows = [
        [*score.subject, score.value, score.low, score.high]
        for score in found
        if score.name == "interactions" and score.subject
    ]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[3:], float))


def _worst(table: pd.DataFrame, score: str, *names: str) -> dict[str, Any] | None:
    """The names and the score of the row that has the least, None where none has any."""
    scores = table[score].dropna()
    if scores.empty:
        return None
    row = table.loc[scores.idxmin()]
    return {name: row[name] for name in names} | {score: float(row[score])}


def _groups(found: Iterable[Score]) -> pd.DataFrame:
    columns = ["column", "group", "measure", "target", "score", "low", "high"]
    rows = []
    for score in found:
        of_group, measure = score.name.startswith(_OF_GROUP), score.name.removeprefix(_OF_GROUP)
        if of_group and measure in OF_GROUPS and score.value is not None:
            column, *target, group = score.subject
            values = (score.value, score.low, score.high)
            rows.append([column, group, measure, *(target or [None]), *values])
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[-3:], float))
