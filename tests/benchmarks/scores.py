"""Simulates how often the intervals of the scores hold the truth: `make bench-scores`.

Of each size, 200 runs of a perfect generator and 200 of a flawed one, whose rows of one response are
alike, go through the whole project. A cell is the mean score, how often its interval holds that mean,
the standard deviation of the score, and half the mean width of its interval.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from generators.contract import load_contract
from generators.home import PROJECT, Home
from generators.warehouse import open_warehouse
from tests.benchmarks.page import table
from tests.worlds import Table, draw, land_reference, land_runs

CONTRACT = load_contract("admissions")
SIMULATIONS = 200
SCORES = (
    "accept_rate",
    "column_fidelity",
    "pair_fidelity",
    "detection",
    "diversity",
    "plausibility",
    "utility",
    "privacy",
    "overall",
)


def build(home: Home, *arguments: str) -> tuple[dict[str, float], float]:
    """Run dbt in a process of its own; seconds by model, as dbt says, and its peak of memory in GB."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.scores", "dbt", *arguments],
        cwd=PROJECT,
        env=os.environ | {"SYNTHCARE_HOME": str(home.root)},
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        sys.exit(process.stdout + process.stderr)
    told = json.loads(process.stdout.splitlines()[-1])
    return told["seconds"], told["gigabytes"]


def run_dbt_here(arguments: list[str]) -> None:
    """What `build` runs in the other process."""
    import resource

    from dbt.cli.main import dbtRunner

    home = os.environ["SYNTHCARE_HOME"]
    outcome = dbtRunner().invoke(
        [
            *[
                "build",
                "--quiet",
                "--resource-type",
                "model",
                "--resource-type",
                "seed",
                *arguments,
            ],
            *["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)],
            *["--target-path", f"{home}/t", "--log-path", f"{home}/l"],
        ]
    )
    if not outcome.success:
        sys.exit(str(outcome.exception or [r.message for r in outcome.result.results]))
    seconds = {r.node.name: r.execution_time for r in outcome.result.results}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(json.dumps({"seconds": seconds, "gigabytes": peak}))


def coverage(sizes: tuple[int, ...] = (30, 100, 1_000)) -> str:
    """How often the interval of a score holds the mean of the score over all simulated runs."""
    lines = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            home = Home(Path(folder))
            land_reference(home, CONTRACT, draw(CONTRACT, 20_000, seed=0))
            tables = []
            for number in range(SIMULATIONS):
                per_response = max(3, size // 20)
                perfect = draw(CONTRACT, size, seed=10_000 + number)
                flawed = flaw(draw(CONTRACT, size, seed=20_000 + number, rows_alike=per_response))
                tables += [
                    Table(f"perfect-{number}", perfect, per_response),
                    Table(f"flawed-{number}", flawed, per_response),
                ]
            land_runs(home, CONTRACT, tables)
            build(home)
            with open_warehouse(home) as warehouse:
                cards = warehouse.execute("from metrics.scorecard").df()
            lines += covered(size, cards)
    return table(["rows", "generator", *SCORES], lines)


def covered(size: int, cards: pd.DataFrame) -> list[list[str]]:
    """A line for each generator."""
    lines = []
    for kind in ("perfect", "flawed"):
        of_kind = cards[cards["run_id"].str.startswith(kind)]
        line = [f"{size:,}", kind]
        for score in SCORES:
            values = of_kind[score].dropna().astype(float)
            if values.empty:
                line.append("-")
                continue
            truth = values.mean()
            low, high = (
                of_kind[f"{score}_low"][values.index],
                of_kind[f"{score}_high"][values.index],
            )
            holds = (low <= truth + 1e-9) & (high >= truth - 1e-9)
            line.append(
                f"{truth:.3f}: {holds.mean():.0%} ({values.std():.3f}, {(high - low).mean() / 2:.3f})"
            )
        lines.append(line)
    return lines


def flaw(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of a generator that errs in several columns and repeats names."""
    random = np.random.default_rng(len(rows))
    younger = (18 + (rows["age"] - 18) * 0.6).astype(int)
    few = rows["name"].to_numpy()[: max(3, len(rows) // 5)]
    return rows.assign(
        age=younger,
        gender=np.where(random.random(len(rows)) < 0.4, "Male", rows["gender"]),
        name=few[random.integers(len(few), size=len(rows))],
        # 5 % of rows are discharged before they are admitted
        discharge_date=np.where(
            random.random(len(rows)) < 0.05, "2019-06-01", rows["discharge_date"]
        ),
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["dbt"]:
        run_dbt_here(sys.argv[2:])
    else:
        print(coverage(tuple(int(a) for a in sys.argv[1:])))
