"""Intervals hold the truth as often as they say; `make bench-scores` shows it for more rows."""

import itertools
from pathlib import Path

from generators.home import Home
from generators.warehouse.database import open_warehouse
from synthcare.contracts.contract import Contract
from tests.benchmarks.measured import build
from tests.simulations import GENERATORS, QUICK_SCORES, covered, land_simulations, only

SIMULATIONS = 200
SIZES = (100,)


def test_intervals_hold_the_truth(tmp_path: Path, contract: Contract) -> None:
    """At least 90 % of 200 runs, perfect and flawed, of every score that needs no classifier."""
    home = Home(tmp_path)
    land_simulations(home, contract, SIZES, SIMULATIONS)
    build(home, "--select", "+scorecard", *only(QUICK_SCORES))
    with open_warehouse(home) as warehouse:
        cards = warehouse.execute("from metrics.scorecard").df()
    assert len(cards) == len(SIZES) * len(GENERATORS) * SIMULATIONS
    found = {
        which: covered(cards, *which)
        for which in itertools.product(GENERATORS, SIZES, QUICK_SCORES)
    }
    assert {which: c for which, c in found.items() if c is None or c.held < 0.9} == {}
    # An interval that holds everything would say nothing.
    widths = {which: c.width for which, c in found.items() if "accept_rate" not in which}
    assert max(widths.values()) < 2, widths
