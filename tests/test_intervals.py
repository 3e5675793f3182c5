"""Intervals hold the truth as often as they say; `make bench-scores` shows it for more rows."""

import itertools
from pathlib import Path

from generators.contracts.contract import Contract
from generators.home import Home
from generators.warehouse.database import open_warehouse
from generators.warehouse.transform import run_dbt
from tests.simulations import GENERATORS, QUICK_SCORES, SLOW_MODELS, covered, land_simulations

SIMULATIONS = 200
SIZES = (100,)


def test_intervals_hold_the_truth(tmp_path: Path, contract: Contract) -> None:
    """At least 90 % of 200 runs, perfect and flawed, of every score that is counted in SQL."""
    home = Home(tmp_path)
    models_only = ("build", "--exclude-resource-type", "test", "unit_test")
    run_dbt(home, *models_only)  # so that what is left out below is there, and empty
    land_simulations(home, contract, SIZES, SIMULATIONS)
    run_dbt(home, *models_only, "--select", "+scorecard", "--exclude", *SLOW_MODELS)
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
