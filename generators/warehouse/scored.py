"""Runs and their reference as the library synthcare wants them, from the tables of dbt."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pandas as pd
from duckdb import DuckDBPyRelation

import synthcare
from synthcare.chance import Tally
from synthcare.coding import text_of
from synthcare.contracts.contract import load_contract
from synthcare.families import ORPHAN, Family, Keys, RealFamilies, Relation, joined
from synthcare.halves import Halves, draws, sampled
from synthcare.reference import Reference
from synthcare.scorecard import BLOCKS, ROWS_IN_SAMPLES
from synthcare.tables import Column, Hashes, Table
from synthcare.trial import Check, Trial

# Halves of the reference, as rows of int_coded_rows.
TRAIN, HOLDOUT = "run_id is null and not is_holdout", "run_id is null and is_holdout"


# How rows belong together.
_KIN = ("key", "parent_key", "place_in_family")

_KEY = ["run_id", "dataset"]

# The rows of a run that are of one dataset: run_id and dataset.
RunKey = tuple[str, str]


class Run(NamedTuple):
    """A run of int_scored_runs, as far as it is of one dataset."""

    run_id: str
    dataset: str
    blocks: int
    units_counted: int
    drawn_columns: list[str] | None

    @property
    def key(self) -> RunKey:
        """What tells it from all others."""
        return self.run_id, self.dataset


def scored_runs(runs: DuckDBPyRelation) -> list[Run]:
    """Of int_scored_runs, by dataset."""
    found = runs.order("dataset, run_id").project(", ".join(Run._fields)).fetchall()
    return [Run(*row) for row in found]


def earlier_scores(
    session: duckdb.DuckDBPyConnection, schema: str, table: str, columns: Sequence[str]
) -> dict[str, list[tuple]]:
    """Rows of the table of scores as it was, by fingerprint, the last of its `columns`.

    Nothing where there is none, or one with other columns.
    """
    ((known,),) = session.execute(
        """
        select list(column_name order by ordinal_position) from information_schema.columns
        where table_schema = $schema and table_name = $table
        """,
        {"schema": schema, "table": table},
    ).fetchall()
    found: dict[str, list[tuple]] = {}
    if known == [*columns]:
        for row in session.execute(f"select * from {schema}.{table}").fetchall():  # noqa: S608
            found.setdefault(row[-1], []).append(row)
    return found


def library() -> str:
    """A hash of what computes the scores: the source of synthcare, and what it computes with."""
    sources = [*sorted(Path(synthcare.__file__).parent.glob("*.py")), Path(__file__)]
    versions = [version(name) for name in ("numpy", "scikit-learn", "scipy")]
    found = hashlib.md5(" ".join(versions).encode(), usedforsecurity=False)
    for path in sources:
        found.update(path.read_bytes())
    return found.hexdigest()


def parent_of(dataset: str) -> str | None:
    """The dataset that the rows of another one belong to; None where they belong to nothing."""
    keys = load_contract(dataset).foreign_keys
    return keys[0].to if keys else None


def of_run(run: Run) -> str:
    """SQL of which rows of int_coded_rows, those of its dataset, are the run's."""
    return f"run_id = {text_of(run.run_id)}"


class Records:
    """What is known of the records of runs, whether they were accepted or not.

    Responses of a run with the same counts are counted, and not kept one by one.
    """

    def __init__(
        self, runs: DuckDBPyRelation, audit: DuckDBPyRelation, checked: DuckDBPyRelation
    ) -> None:
        """Read generation_runs, response_audit and int_checked_records."""
        self.runs: list[RunKey] = runs.project("run_id, dataset").fetchall()
        counts = "rows_accepted, records_found, records_without_parent"
        self._found = _by(_counted(audit.filter("records_found > 0"), counts), _KEY)
        checked = checked.filter("records_checked > 0")
        real = checked.filter("run_id is null")
        real = real.project("dataset, check_name, records_plausible / records_checked")
        self._real_shares = {
            (dataset, name): share for dataset, name, share in sorted(real.fetchall(), key=str)
        }
        counts = "coalesce(check_name, '') as check_name, records_plausible, records_checked"
        self._checked = _by(_counted(checked.filter("run_id is not null"), counts), _KEY)

    def with_parent(self, key: RunKey) -> Tally | None:
        """The share of its records that belong to what their request named."""
        found = self._found.get(key)
        if found is None:
            return None
        found = found.assign(hits=found["records_found"] - found["records_without_parent"])
        return _tally(found, "hits", "records_found")

    def fingerprint(self, run: RunKey) -> str:
        """Changes where what a Trial needs of them does."""
        known = [of[run].to_numpy().tolist() for of in (self._found, self._checked) if run in of]
        real = [
            (name, real) for (dataset, name), real in self._real_shares.items() if dataset == run[1]
        ]
        return repr((known, real))

    def of(self, run: RunKey) -> dict[str, Any]:
        """What a Trial needs of them."""
        found, (_, dataset) = self._found.get(run), run
        validity = None if found is None else _tally(found, "rows_accepted", "records_found")
        checks = {}
        if run in self._checked:
            checks = {
                name or None: Check(
                    _tally(of_check, "records_plausible", "records_checked"),
                    self._real_shares.get((dataset, name or None)),
                )
                for name, of_check in self._checked[run].groupby("check_name")
            }
        return {"validity": validity, "checks": checks}


class CodedRows:
    """The rows of int_coded_rows as tables."""

    def __init__(
        self, rows: DuckDBPyRelation, columns: DuckDBPyRelation, sampled: DuckDBPyRelation
    ) -> None:
        """Read int_coded_rows when asked, int_scored_columns and int_sampled_records now."""
        self._rows = rows
        self._columns = _by(columns.order("column_number").df(), "dataset")
        of_run = "run_id, dataset"
        units = sampled.aggregate(f"{of_run}, count(distinct unit)", of_run).fetchall()
        self._units_sampled = {(run_id, dataset): count for run_id, dataset, count in units}

    def fingerprints(self) -> dict[RunKey, str]:
        """For each run a text that changes where its rows do, or the real ones it is beside."""
        halves: dict[str, list] = {}
        runs: dict[RunKey, list] = {}
        row = f"hash({', '.join(self._rows.columns)})"
        of_table = "dataset, run_id, is_holdout"
        hashes = self._rows.aggregate(f"{of_table}, count(*), bit_xor({row})", of_table)
        for dataset, run_id, *text in hashes.order("dataset, run_id, is_holdout").fetchall():
            if run_id is None:
                halves.setdefault(dataset, []).append(text)
            else:
                runs[run_id, dataset] = text
        found = {
            (run_id, dataset): repr((text, halves.get(dataset), self._columns[dataset].to_json()))
            for (run_id, dataset), text in runs.items()
        }
        return {
            (run_id, dataset): text + found.get((run_id, parent_of(dataset)), "")
            for (run_id, dataset), text in found.items()
        }

    def families(self, dataset: str) -> RealFamilies:
        """Both halves of the real rows of a dataset, with what they belong to."""
        return RealFamilies(*(self._family(dataset, half) for half in (TRAIN, HOLDOUT)))

    def relation(
        self,
        run: Run,
        real: RealFamilies,
        with_parent: Tally | None,
        half_samples: int,
        seed: int,
    ) -> Relation:
        """The rows of a run with what they belong to, beside real ones."""
        contract = load_contract(run.dataset)
        family = self._family(run.dataset, of_run(run))
        ordered_by = {c.name for c in contract.columns if c.name == contract.ordered_by}
        parents = len(family.parents)
        own_key = Tally.of_rows(np.ones(parents, dtype=bool), np.arange(parents))
        return Relation(
            parent_of(run.dataset),
            run.dataset,
            real,
            family,
            *sampled(family.top_of, ROWS_IN_SAMPLES, BLOCKS, half_samples, seed),
            Keys(with_parent, own_key),
            frozenset(ordered_by),
        )

    def _family(self, dataset: str, which: str) -> Family:
        """Rows of a dataset with what they belong to; those of nothing are left out."""
        parent = parent_of(dataset)
        children, kin = self._read(dataset, which)
        parents, of_parents = self._read(parent, which)
        places, _ = joined(of_parents["key"], kin["parent_key"])
        kept = np.flatnonzero(places != ORPHAN)
        order = kin["place_in_family"]
        return Family(
            parents,
            children.take(kept),
            places[kept],
            self._tops(parent, which, of_parents["parent_key"]),
            None if np.isnan(order).all() else order[kept],
        )

    def _tops(self, dataset: str, which: str, parent_keys: np.ma.MaskedArray) -> np.ndarray | None:
        """Which rows of a dataset are of one top parent; None where each is one itself."""
        parent = parent_of(dataset)
        if parent is None:
            return None
        _, of_parents = self._read(parent, which)
        places, _ = joined(of_parents["key"], parent_keys)
        above = self._tops(parent, which, of_parents["parent_key"])
        return places if above is None else above[places]

    def reference(self, dataset: str, real_rows: int) -> Reference:
        """Both halves of the real table; classifiers look at so many rows of each."""
        return Reference(*(self.table(dataset, side, real_rows) for side in (TRAIN, HOLDOUT)))

    def trial(
        self, run: Run, reference: Reference, records: dict[str, Any], half_samples: int, seed: int
    ) -> Trial:
        """A run with its half-samples."""
        table, drawn = self._read(run.dataset, of_run(run))
        drawn = {name: np.ma.getdata(drawn[name])[table.sample] for name in ("block", "unit")}
        halves = Halves(
            drawn["block"].astype(int) - 1,
            draws(run.blocks, half_samples, seed),
            drawn["unit"],
            shrink=(self._units_sampled[run.key] / run.units_counted) ** 0.5,
        )
        return Trial(reference, table, halves, frozenset(run.drawn_columns or ()), **records)

    def table(self, dataset: str, which: str, rows_in_sample: int | None = None) -> Table:
        """The rows of a half of the reference, or `of_run`."""
        table, _ = self._read(dataset, which)
        return replace(table, sample=table.sample[:rows_in_sample])

    def _read(self, dataset: str, which: str) -> tuple[Table, dict[str, np.ndarray]]:
        """The rows of a run, what is drawn together, and how they belong together."""
        known = self._columns[dataset]
        columns = tuple(_columns(known[known["kind"] != "identifier"]))
        names = known.loc[known["kind"] == "identifier", "column_name"].tolist()
        numbers = [place for place, column in enumerate(columns, 1) if column.is_number]
        asked = ["response", "unit", "block", "place_in_sample", "exact", "folded", "twins"]
        asked += [*_KIN]
        asked += [f"codes[{place}] as code_{place}" for place in range(1, len(columns) + 1)]
        asked += [f"numbers[{place}] as number_{place}" for place in numbers]
        asked += [f"identifiers[{place}] as hash_{place}" for place in range(1, len(names) + 1)]
        rows = self._rows.filter(f"dataset = {text_of(dataset)} and {which}")
        found = rows.project(", ".join(asked)).fetchnumpy()
        # DuckDB's threads leave rows in any order, in which sums of decimals differ.
        ties = ("place_in_family", "parent_key", "key", "exact")
        order = np.lexsort([np.ma.getdata(found[name]) for name in ties])
        found = {name: values[order] for name, values in found.items()}
        plain = {name: np.ma.getdata(values) for name, values in found.items()}
        is_sampled = ~np.ma.getmaskarray(found["place_in_sample"])
        sample = np.flatnonzero(is_sampled)[plain["place_in_sample"][is_sampled].argsort()]
        codes = [plain[f"code_{place}"] for place in range(1, len(columns) + 1)]
        table = Table(
            columns,
            # Column by column, as they are counted.
            np.stack(codes).T if codes else np.empty((len(is_sampled), 0), dtype=np.uint16),
            {
                columns[place - 1].name: np.ma.filled(
                    found[f"number_{place}"].astype(float), np.nan
                )
                for place in numbers
            },
            {name: plain[f"hash_{place}"] for place, name in enumerate(names, 1)},
            Hashes(plain["exact"], plain["folded"], plain["twins"]),
            _groups(found["unit"]) if which in (TRAIN, HOLDOUT) else plain["response"],
            sample,
        )
        kin = {name: found[name] for name in ("block", "unit", "key", "parent_key")}
        place = np.ma.filled(found["place_in_family"].astype(float), np.nan)
        return table, kin | {"place_in_family": place}


def _groups(units: np.ma.MaskedArray) -> np.ndarray | None:
    """Of real rows, what those of one person share; None where nobody knows."""
    return None if np.ma.getmaskarray(units).any() else np.ma.getdata(units)


def _columns(found: pd.DataFrame) -> Iterator[Column]:
    for column in found.itertuples():
        yield Column(
            column.column_name,
            int(column.code_count),
            column.kind,
            column.is_nullable,
            column.is_target,
            column.is_sensitive,
            tuple(column.accepted_values),
            frozenset(column.derived_from),
        )


def _by(rows: pd.DataFrame, names: str | list[str]) -> dict[Any, pd.DataFrame]:
    return dict(iter(rows.groupby(names)))


def _counted(rows: DuckDBPyRelation, counts: str) -> pd.DataFrame:
    """How many responses of each run have these counts, in their order."""
    return rows.aggregate(f"run_id, dataset, {counts}, count(*) as responses").order("all").df()


def _tally(rows: pd.DataFrame, hits: str, sizes: str) -> Tally:
    return Tally(*(np.repeat(rows[name].to_numpy(), rows["responses"]) for name in (hits, sizes)))
