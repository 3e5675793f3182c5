"""Runs of generators whose true scores are known well: many of them, drawn from a made population.

An interval is right if it holds the truth as often as it says. The truth of a score is its mean
over all runs of a generator; one generator is perfect, the other errs.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from generators.home import Home
from synthcare.contracts.contract import Contract
from synthcare.registry import HEADLINES, OVERALL
from tests.worlds import Table, draw, land_reference, land_runs

REAL_ROWS = 20_000
RESPONSES = 20

# By classifiers and nearest rows, which take a second a run; all others a few milliseconds.
SLOW_SCORES = ("detection", "utility", "subgroups", "privacy")

# No column of admissions may be missing, and no three say more than each two of them.
_NEVER = ("missingness", "interactions")
QUICK_SCORES = tuple(
    headline.name for headline in HEADLINES if headline.name not in (*SLOW_SCORES, *_NEVER)
)
SCORES = (*QUICK_SCORES, *SLOW_SCORES, OVERALL.name)
GENERATORS = ("perfect", "flawed")


def only(scores: Collection[str]) -> tuple[str, str]:
    """Arguments of dbt, which compute no other scores than these."""
    asked = [headline.name for headline in HEADLINES if headline.name in scores]
    return "--vars", f"{{scores: [{', '.join(asked)}]}}"


def land_simulations(
    home: Home, contract: Contract, sizes: Sequence[int], simulations: int
) -> None:
    """Land a reference, and runs of each generator and size, in about 20 responses each."""
    real = draw(contract, REAL_ROWS, seed=0)
    land_reference(home, contract, real)
    tables = []
    for size in sizes:
        per_response = max(3, size // RESPONSES)
        for number in range(simulations):
            good = draw(contract, size, seed=10_000 + number)
            alike = draw(contract, size, seed=20_000 + number, rows_alike=per_response)
            tables += [
                Table(f"perfect-{size}-{number}", good, per_response),
                Table(f"flawed-{size}-{number}", _flawed(alike, real, number), per_response),
            ]
    land_runs(home, contract, tables)


def _flawed(rows: pd.DataFrame, real: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Rows of a generator that errs in several columns, repeats names, and copies a tenth."""
    random = np.random.default_rng(seed)
    younger = (18 + (rows["age"] - 18) * 0.6).astype(int)
    few = rows["name"].to_numpy()[: max(3, len(rows) // 5)]
    is_undone = random.random(len(rows)) < 0.05
    erring = rows.assign(
        age=younger,
        gender=np.where(random.random(len(rows)) < 0.4, "Male", rows["gender"]),
        name=few[random.integers(len(few), size=len(rows))],
        discharge_date=rows["discharge_date"].where(~is_undone, "2019-06-01"),
    )
    # In their places, as rows of one response are alike.
    is_copied = random.random(len(rows)) < 0.1
    erring.loc[is_copied] = real.sample(is_copied.sum(), random_state=seed).to_numpy()
    return erring


@dataclass(frozen=True)
class Coverage:
    """How the interval of a score did over the runs of a generator.

    `truth` is the mean score, `held` the share of runs whose interval holds it, `spread` the
    standard deviation of the score, and `half_width` half the mean width of the interval.
    """

    truth: float
    held: float
    spread: float
    half_width: float

    @property
    def width(self) -> float:
        """Half the width over twice the spread: 1 is as wide as needed, nan without a spread."""
        return self.half_width / (2 * self.spread) if self.spread else float("nan")


def covered(cards: pd.DataFrame, generator: str, size: int, score: str) -> Coverage | None:
    """From rows of metrics.scorecard; None where no such run has the score."""
    is_meant = cards["run_id"].str.startswith(f"{generator}-{size}-")
    cards = cards[is_meant & cards[score].notna()]
    if cards.empty:
        return None
    values, low, high = (
        cards[name].astype(float) for name in (score, f"{score}_low", f"{score}_high")
    )
    truth, rounding = values.mean(), 1e-9
    held = (low <= truth + rounding) & (high >= truth - rounding)
    return Coverage(truth, held.mean(), values.std(), (high - low).mean() / 2)
