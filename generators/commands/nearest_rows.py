"""Rows of a run, each with the nearest real one: for the one who holds the data, nobody else."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import duckdb
import numpy as np

from generators.home import Home
from generators.warehouse.database import open_warehouse
from generators.warehouse.scored import CodedRows, of_run, scored_runs
from reports.unread import visible
from synthcare.contracts.contract import Contract
from synthcare.errors import SynthcareError
from synthcare.privacy import ROWS, around, nearest_real
from synthcare.tables import Table
from synthcare.trial import Trial

Row = dict[str, Any]

_LISTED = 5  # run_ids in an error

_RUN = """
select
    scorecard.*,
    privacy.exposure,
    privacy.privacy_note as not_known_because,
from metrics.scorecard
left join metrics.privacy
on scorecard.run_id = privacy.run_id
and scorecard.dataset = privacy.dataset
where scorecard.run_id = $run_id
order by scorecard.dataset
"""
_RISKS = """
select in_words, excess, excess_low, excess_high from metrics.privacy_risks
where run_id = $run_id and dataset = $dataset
order by excess desc, risk
"""
_RECORD = """
select min(record_id) as record_id from intermediate.int_coded_rows
where
    dataset = $dataset
    and run_id is not distinct from $run_id
    and is_holdout is not distinct from $is_holdout
    and exact = $exact
"""


@dataclass(frozen=True)
class Pair:
    """A row of a run, and the real one that differs from it in the fewest values.

    Both are values by column. In the columns that are `differing` they count as different: numbers
    that are nearly equal do not. `real_row` is the row_number in the reference, `half` that of it.
    """

    record_id: str
    real_row: int
    half: str
    synthetic: Row
    real: Row
    differing: frozenset[str]


class _Places(NamedTuple):
    """Where a row is in its table, and the nearest real one in its half."""

    row: int
    real_row: int
    is_holdout: bool


@dataclass(frozen=True)
class Nearest:
    """The closest pairs of a run, of all the `rows` that were looked at, and what is looked for."""

    risks: list[Row]
    pairs: list[Pair]
    rows: int


def find_run(home: Home, said: str, dataset: str | None) -> Row:
    """The row of metrics.scorecard whose run_id is `said`, or the only one that holds it.

    `dataset` is needed where the run is of several. Raises SynthcareError, which says what to do,
    where there is no such row, or where it has no scores.
    """
    if not home.warehouse.exists():
        raise SynthcareError("Nothing is built yet. Start with synthcare run.")
    with open_warehouse(home) as warehouse:
        query = "select distinct run_id from raw.llm_runs order by run_id"
        runs = warehouse.execute(query).fetchall()
        run_id = _only([run_id for (run_id,) in runs], said)
        try:
            found = _read(warehouse, _RUN, run_id=run_id)
            _read(warehouse, _RISKS, run_id=run_id, dataset=dataset)
        except (duckdb.CatalogException, duckdb.BinderException):  # nothing, or an older version's
            found = []
    names = [run["dataset"] for run in found]
    found = [run for run in found if dataset in (None, run["dataset"])]
    if len(found) > 1 or (names and not found):
        raise SynthcareError(
            f"{visible(run_id)} is of {', '.join(names)}. Say which: --dataset {names[0]}."
        )
    if not found:
        raise SynthcareError(f"{visible(run_id)} is not scored yet: synthcare report.")
    if why := found[0]["not_scored_because"]:
        raise SynthcareError(f"{visible(run_id)} is not scored: {why}.")
    return found[0]


def _only(run_ids: list[str], said: str) -> str:
    found = [said] if said in run_ids else [run_id for run_id in run_ids if said in run_id]
    if len(found) == 1:
        return found[0]
    if not found:
        raise SynthcareError(
            f"There is no run '{visible(said)}'. metrics.scorecard lists the run_ids."
        )
    listed = ", ".join(map(visible, found[:_LISTED])) + (", …" if len(found) > _LISTED else "")
    raise SynthcareError(f"'{visible(said)}' is part of {len(found)} run_ids: {listed}. Say more.")


def nearest_rows(home: Home, contract: Contract, run_id: str, count: int) -> Nearest:
    """So many pairs of a scored run at most, fewest differing values first."""
    with open_warehouse(home) as warehouse:
        trial = _trial(warehouse, contract.dataset, run_id)
        pairs = [
            _pair(warehouse, contract, run_id, trial, places) for places in _closest(trial, count)
        ]
        rows = min(ROWS, len(trial.table.sample))
        risks = _read(warehouse, _RISKS, run_id=run_id, dataset=contract.dataset)
        return Nearest(risks, pairs, rows)


def _trial(warehouse: duckdb.DuckDBPyConnection, dataset: str, run_id: str) -> Trial:
    """The run beside its reference, as far as its nearest rows need it."""
    names = ("coded_rows", "scored_columns", "sampled_records", "scored_runs")
    try:
        *of_rows, of_runs = (warehouse.table(f"intermediate.int_{name}") for name in names)
        coded = CodedRows(*of_rows)
        run = next(run for run in scored_runs(of_runs) if run.key == (run_id, dataset))
        return Trial(coded.reference(dataset, ROWS), coded.table(dataset, of_run(run)))
    except (AttributeError, duckdb.BinderException, duckdb.CatalogException) as error:
        raise SynthcareError(
            "The warehouse was built by another version. Build it again: synthcare report."
        ) from error


def _closest(trial: Trial, count: int) -> Iterator[_Places]:
    near = nearest_real(trial)
    halves = [half for half in (trial.reference.train, trial.reference.holdout) if len(half)]
    differing = np.stack([half.differing for half in near])
    distance = np.min([half.distance for half in near], axis=0)
    for row in np.lexsort((distance, differing.min(axis=0)))[:count]:
        side = differing[:, row].argmin()
        yield _Places(
            int(trial.table.sample[row]),
            int(near[side].place[row]),
            is_holdout=halves[side] is trial.reference.holdout,
        )


def _pair(
    warehouse: duckdb.DuckDBPyConnection,
    contract: Contract,
    run_id: str,
    trial: Trial,
    places: _Places,
) -> Pair:
    """Both rows as they are written: found again by what they say, as tables have no record_id."""
    dataset, is_holdout = contract.dataset, places.is_holdout
    half = trial.reference.holdout if is_holdout else trial.reference.train

    def record(table: Table, place: int, **of: object) -> str:
        exact = int(table.hashes.exact[place])
        return _read(warehouse, _RECORD, dataset=dataset, exact=exact, **of)[0]["record_id"]

    def row(source: str, record_id: str) -> Row:
        columns = ", ".join(f'"{column.name}"' for column in contract.columns)
        query = f"select {columns} from {source} = $record_id"  # noqa: S608 (of the contract)
        return _read(warehouse, query, record_id=record_id)[0]

    record_id = record(trial.table, places.row, run_id=run_id, is_holdout=None)
    real_row = record(half, places.real_row, run_id=None, is_holdout=is_holdout)
    return Pair(
        record_id=record_id,
        real_row=int(real_row),
        half="holdout" if is_holdout else "train",
        synthetic=row(f"marts.{dataset} where record_id", record_id),
        real=row(f"staging.stg_reference_{dataset} where cast(row_number as varchar)", real_row),
        differing=_differing(trial, half, places),
    )


def _differing(trial: Trial, half: Table, places: _Places) -> frozenset[str]:
    """The columns in which two rows differ, as nearness counts them."""
    ruler = around(trial.reference).ruler
    categories = [trial.table.columns[number].name for number in ruler.categories]
    names = [*categories, *ruler.identifiers, *ruler.numbers]
    row = ruler.measure(trial.table, np.array([places.row]))
    gaps = row.gaps(ruler.measure(half, np.array([places.real_row])))
    return frozenset(name for name, (differs, _) in zip(names, gaps, strict=True) if differs[0, 0])


def _read(warehouse: duckdb.DuckDBPyConnection, query: str, **bound: object) -> list[Row]:
    result = warehouse.execute(query, bound)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
