"""Which relational score finds what was done to families: `python -m tests.benchmarks.relations`.

Real families, split by parent: a quarter each is train and holdout, and of the other half, which no
score sees, 1,000 parents are drawn 20 times, as they are and altered. A cell is the share of
repeats in which the score calls them worse than real: the upper end of its 95 % interval is below
the mean of what real families reach. Of real families this is false alarms. In brackets, the mean.

`SYNTHCARE_TEST_NAFLD` is the folder of nafld1.csv.gz and nafld3.csv.gz, and
`SYNTHCARE_TEST_ENCOUNTERS` the path of UCI's file; arguments are parents and repeats.
"""

import sys
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from synthcare.families import RealFamilies
from synthcare.learners import in_one_thread
from synthcare.registry import RELATIONAL
from synthcare.trial import Score
from tests import families

REAL = "real families"
ALTERED = {REAL: families.as_they_are, **families.ALTERATIONS}
SCORES = tuple(headline for headline in RELATIONAL if headline.name != "key_integrity")

Found = Mapping[str, list[dict[str, Score]]]


class Cell(NamedTuple):
    """The share of repeats in which a score is worse than real, and its mean; None if unknown."""

    worse: float
    mean: float | None


def repeated(population: families.Population, parents: int, repeats: int) -> Found:
    """The scores of each repeat, by what was done."""
    real, unseen = population.split()
    with in_one_thread():
        return {
            what: [
                _scores(real, population, unseen, alter, parents, seed) for seed in range(repeats)
            ]
            for what, alter in ALTERED.items()
        }


def _scores(
    real: RealFamilies,
    population: families.Population,
    unseen: families.Family,
    alter: families.Alter,
    parents: int,
    seed: int,
) -> dict[str, Score]:
    table = alter(families.some(unseen, parents, seed), np.random.default_rng(seed))
    trial = families.trial_of(real, table, ordered_by=population.ordered_by)
    return {
        headline.name: score
        for headline in SCORES
        for score in headline.find(trial)
        if score.name == headline.name and not score.subject
    }


def cells(found: Found) -> dict[str, dict[str, Cell]]:
    """By what was done, and by score; under `any` the share that any score calls worse."""
    reached = {
        headline.name: _mean([scores[headline.name] for scores in found[REAL]])
        for headline in SCORES
    }
    table = {}
    for what, repeats in found.items():
        is_worse = {
            name: [_is_below(scores[name], real) for scores in repeats]
            for name, real in reached.items()
        }
        table[what] = {
            name: Cell(float(np.mean(worse)), _mean([scores[name] for scores in repeats]))
            for name, worse in is_worse.items()
        }
        table[what]["any"] = Cell(float(np.mean(np.any([*is_worse.values()], axis=0))), None)
    return table


def _mean(scores: list[Score]) -> float | None:
    known = [score.value for score in scores if score.value is not None]
    return float(np.mean(known)) if known else None


def _is_below(score: Score, real: float | None) -> bool:
    return score.high is not None and real is not None and score.high < real


def main() -> None:
    parents, repeats = map(int, [*sys.argv[1:], *("1000", "20")[len(sys.argv) - 1 :]])
    for population in (families.nafld, families.encounters):
        print(f"\n{population.__name__}: {parents:,} parents, {repeats} repeats")
        for what, row in cells(repeated(population(), parents, repeats)).items():
            shown = "  ".join(
                f"{name} {cell.worse:.0%}" + ("" if cell.mean is None else f" ({cell.mean:.2f})")
                for name, cell in row.items()
            )
            print(f"{what}: {shown}", flush=True)


if __name__ == "__main__":
    main()
