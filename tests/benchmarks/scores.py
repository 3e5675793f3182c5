"""Benchmarks of the scores: `make bench-scores` writes them to docs/benchmarks.md.

Rows come from a made population in which columns depend on each other; those for utility are real.
About an hour, most of it for the simulations with classifiers.
"""

import inspect
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from generators.home import Home
from generators.landing.reference import land_csv, land_stand_in
from generators.warehouse.database import open_warehouse
from synthcare.contracts.contract import load_contract
from synthcare.fidelity import column_fidelity, pair_fidelity
from synthcare.halves import Halves
from synthcare.reference import Reference
from synthcare.registry import OVERALL
from synthcare.tables import Table as CodedTable
from synthcare.trial import Score, Trial
from tests.benchmarks.measured import build
from tests.benchmarks.page import table, write_section
from tests.benchmarks.parsing import land_responses
from tests.coded import VARIABLES, trials
from tests.costs import best_of_three
from tests.simulations import (
    GENERATORS,
    SCORES,
    Coverage,
    covered,
    land_simulations,
    only,
)
from tests.worlds import Table, draw, land_reference, land_runs

CONTRACT = load_contract("admissions")
BLOCKS, HALVES = VARIABLES["blocks"], VARIABLES["half_samples"]
SIMULATIONS = 200

# What scores columns and pairs from typed rows on.
SCORED = ("scores", "column_fidelity", "pair_fidelity")
MODELS = ("int_sampled_records", "int_admissions_coded", *SCORED)
SDTYPES = {
    "categorical": "categorical",
    "integer": "numerical",
    "decimal": "numerical",
    "date": "datetime",
}


def coverage() -> str:
    """The interval of a score holds the mean of the score over all simulated runs so often.

    200 runs of a perfect generator and 200 of a flawed one, whose rows of one response are alike
    and of which a tenth is real, in about 20 responses each. A cell is that share, and in brackets
    half the width of the interval over twice the standard deviation of the score: 1 is as wide as
    needed. At 10,000 rows without the models of detection and utility, and what needs them.
    """
    modelled = ("detection", "utility", OVERALL.name)
    lines = []
    for size in (30, 100, 1_000, 10_000):
        scores = [score for score in SCORES if size < 10_000 or score not in modelled]
        with new_home() as home:
            land_simulations(home, CONTRACT, [size], SIMULATIONS)
            build(home, *only(scores))
            with open_warehouse(home) as warehouse:
                cards = warehouse.execute("from metrics.scorecard").df()
        for generator in GENERATORS:
            found = [covered(cards, generator, size, s) if s in scores else None for s in SCORES]
            lines.append([f"{size:,} {generator}", *map(cell, found)])
            print(lines[-1], flush=True)
    return table(["rows", *SCORES], lines)


def cell(found: Coverage | None) -> str:
    if found is None:
        return "–"
    return f"{found.held:.0%} ({f'{found.width:.1f}' if found.spread else 'constant'})"


def against_sdmetrics() -> str:
    """Column and pair fidelity against SDMetrics' QualityReport, of the same tables.

    The best of three in memory: of the report (which draws a sample above 50,000 rows), and of the
    library on coded rows, which scores all 78 pairs of all rows; *with intervals* adds 100
    half-samples of 4,800 rows. *dbt* is what its models take from typed rows on, one at a time,
    each of them writing its table to disk.
    """
    lines = []
    for times in (1, 20):
        with new_home() as home:
            land_reference(home, CONTRACT, draw(CONTRACT, 111_000 * times, seed=0))
            land_runs(home, CONTRACT, [Table("run", draw(CONTRACT, 27_750 * times, seed=9), 50)])
            only = ("--vars", "{scores: [column_fidelity, pair_fidelity]}")
            # Not yet scored: what has not changed would not be scored again.
            build(home, "--select", *(f"+{name}" for name in MODELS), "--exclude", *SCORED, *only)
            seconds, *_ = build(home, "--threads", "1", "--select", *MODELS, *only)
            with open_warehouse(home) as warehouse:
                typed = [
                    warehouse.execute(f"from {table}").df()
                    for table in (
                        "staging.stg_reference_admissions where not is_holdout",
                        "marts.admissions",
                    )
                ]
                ((_, trial),) = trials(warehouse)
                coded = (trial.reference.train, trial.table)
        report = seconds_of_sdmetrics(*typed)
        counting = best_of_three(lambda coded=coded: fidelity(*coded, halves=0))
        everything = best_of_three(lambda coded=coded: fidelity(*coded, halves=HALVES))
        lines.append(
            [
                f"{len(typed[0]):,} × {len(typed[1]):,}",
                f"{report:.2f} s",
                f"{counting:.2f} s",
                f"{report / counting:.1f}",
                f"{everything:.2f} s",
                f"{report / everything:.1f}",
                f"{sum(seconds[name] for name in MODELS):.2f} s",
            ]
        )
    head = ["real × synthetic", "SDMetrics", "counting", "ratio", "with intervals", "ratio", "dbt"]
    return table(head, lines)


def fidelity(real: CodedTable, table: CodedTable, halves: int) -> list[Score]:
    """Scores of columns and pairs, from so many halves of the first 4,800 rows, in 24 blocks."""
    rows = np.arange(4_800)
    # Tables of their own: what is counted of a table once is not counted again.
    real, table = (CodedTable(t.columns, t.codes, t.numbers, sample=rows) for t in (real, table))
    random = np.random.default_rng(0)
    is_drawn = np.zeros((halves, BLOCKS), dtype=bool)
    for half in is_drawn:
        half[random.permutation(BLOCKS)[: BLOCKS // 2]] = True
    trial = Trial(Reference(real, real), table, Halves(rows % BLOCKS, is_drawn, rows))
    return [*column_fidelity(trial), *pair_fidelity(trial)]


def seconds_of_sdmetrics(real: pd.DataFrame, synthetic: pd.DataFrame) -> float:
    from sdmetrics.reports.single_table import QualityReport

    columns = [column for column in CONTRACT.columns if column.kind in SDTYPES]
    metadata = {"columns": {c.name: {"sdtype": SDTYPES[c.kind]} for c in columns}}
    tables = []
    for rows in (real, synthetic):
        decimals = {c.name: float for c in columns if c.kind == "decimal"}
        tables.append(rows[list(metadata["columns"])].astype(decimals))

    def generate() -> None:
        with warnings.catch_warnings(action="ignore"):
            QualityReport().generate(*tables, metadata, verbose=False)

    return best_of_three(generate)


def many_rows() -> str:
    """All scores with intervals and noise floors, from typed rows on: seconds as dbt says, memory.

    Ten runs of 1,000 rows, and ten of a million each. Parsing and typing come before, in a process
    of their own; `memory_limit` of profiles.yml says how much DuckDB takes.
    """
    lines = []
    for size in (1_000, 1_000_000):
        with new_home() as home:
            land_reference(home, CONTRACT, draw(CONTRACT, 55_500, seed=0))
            for number in range(10):
                rows = draw(CONTRACT, size, seed=100 + number)
                land_runs(home, CONTRACT, [Table(f"run-{number}", rows, 50)])
            parsing, _, parsing_memory = build(home, "--select", "+int_admissions_cast")
            began = time.perf_counter()
            seconds, _, memory = build(home, "--exclude", "+int_admissions_cast")
            wall = time.perf_counter() - began
        lines.append(
            [
                f"10 × {size:,}",
                f"{sum(parsing.values()):.0f} s",
                f"{parsing_memory:.1f} GB",
                f"{sum(seconds.values()):.0f} s",
                f"{wall:.0f} s",
                f"{memory:.1f} GB",
            ]
        )
    head = ["runs × rows", "parsing", "its memory", "scores", "wall, dbt's start included"]
    return table([*head, "memory"], lines)


def one_long_run() -> str:
    """All that comes after parsing and typing, of one run: scores, the marts, what reports read.

    Responses of 8 rows of the contract's stand-in, against a reference of the same. Each step is a
    process of its own, whose peak of memory is given, and the disk that the warehouse takes at the
    end. Counted are about a million rows of a longer run (`rows_counted`).
    """
    lines = []
    for responses in (12_500, 125_000, 2_500_000):
        with new_home() as home:
            land_stand_in(home, CONTRACT)
            land_responses(home, responses)
            _, parsing, parsing_memory = build(home, "--select", "+int_record_outcomes")
            _, scoring, memory = build(home, "--exclude", "+int_record_outcomes")
            with open_warehouse(home) as warehouse:
                ((rows, counted),) = warehouse.execute(
                    "select rows_accepted, rows_counted from intermediate.int_scored_runs"
                ).fetchall()
            disk = sum(path.stat().st_size for path in home.root.glob("warehouse*"))
        lines.append(
            [
                f"{rows:,}",
                f"{parsing:.0f} s",
                f"{parsing_memory:.1f} GB",
                f"{counted:,}",
                f"{scoring:.0f} s",
                f"{memory:.1f} GB",
                f"{disk / 1e9:.1f} GB",
            ]
        )
        print(lines[-1], flush=True)
    head = ["rows accepted", "parsing", "its memory", "rows counted", "all the rest", "memory"]
    return table([*head, "disk"], lines)


def utility() -> str:
    """The AUC of gradient-boosted trees on real rows, by what they were trained on and how many.

    UCI's table (`SYNTHCARE_TEST_ENCOUNTERS` is its path), split by patient, and with
    `rows_in_samples` raised to 100,000, so that half of each run is trained on. The mean of eight
    half-samples, each tested on 2,000 train rows that it shares no patient with; 0.5 is a guess.
    """
    contract = load_contract("encounters")
    sizes = (100, 1_000, 10_000, 50_000)
    with new_home() as home:
        land_csv(home, contract, Path(os.environ["SYNTHCARE_TEST_ENCOUNTERS"]))
        for seed, size in enumerate(sizes):
            # In a process of its own, which lets go of the warehouse when it ends.
            subprocess.run(
                [
                    *(sys.executable, "-m", "generators", "generate"),
                    *("--dataset", contract.dataset, "--llm", "holdout", "--llm", "independent"),
                    *("--rows", str(size), "--seed", str(seed)),
                ],
                env=os.environ | {"SYNTHCARE_HOME": str(home.root)},
                check=True,
            )
        build(
            home, "--select", "+utility", "--vars", "{rows_in_samples: 100000, scores: [utility]}"
        )
        with open_warehouse(home) as warehouse:
            found = warehouse.execute(
                """
                select column_name, llm, rows_accepted, rows_trained_on, auc, reference_auc
                from metrics.utility
                inner join marts.generation_runs using (run_id)
                where learner = 'boosting'
                order by all
                """
            ).df()
    lines = []
    for (target, rows), runs in found.groupby(["column_name", "rows_trained_on"]):
        aucs = runs.set_index("llm")["auc"]
        lines.append(
            [
                target,
                f"{rows:,}",
                f"{runs['reference_auc'].max():.3f}",
                *(
                    "no signal" if np.isnan(aucs[llm]) else f"{aucs[llm]:.3f}"
                    for llm in ("holdout", "independent")
                ),
            ]
        )
    head = ["target", "rows trained on", "real rows", "`holdout`", "`independent`"]
    return table(head, lines)


@contextmanager
def new_home() -> Iterator[Home]:
    with tempfile.TemporaryDirectory() as folder:
        yield Home(Path(folder))


PARTS = {
    "coverage": coverage,
    "against-sdmetrics": against_sdmetrics,
    "many-rows": many_rows,
    "one-long-run": one_long_run,
    "utility": utility,
}


def main(names: Sequence[str]) -> None:
    """Run the parts that are named, or all; each writes its section of the page."""
    for name in names or PARTS:
        text = PARTS[name]()
        print(text, "\n", flush=True)
        caption = inspect.getdoc(PARTS[name])
        title = f"Scores {name.replace('-', ' ')}"
        write_section(title, f"make bench-scores PARTS={name}", f"{caption}\n\n{text}")


if __name__ == "__main__":
    main(sys.argv[1:])
