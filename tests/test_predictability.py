"""Skills of models of real rows, and how sure they are, against scikit-learn and simulation."""

import numpy as np
import pytest
from sklearn.metrics import r2_score, roc_auc_score

from synthcare.predictability import Foretold, Skill, compared

ROWS = 300


def of_categories(seed: int, rows: int = ROWS) -> Foretold:
    """Three categories, of which the second is foretold best; said is rounded, so that ties are."""
    random = np.random.default_rng(seed)
    truth = random.integers(1, 4, rows)
    said = {
        category: np.round((truth == category) * weight + random.normal(size=rows), 1)
        for category, weight in ((1, 0.5), (2, 2.0), (3, 0.0))
    }
    return Foretold(said, truth, np.arange(rows))


def of_numbers(seed: int, rows: int = ROWS) -> Foretold:
    random = np.random.default_rng(seed)
    said = random.exponential(size=rows)
    return Foretold({None: said}, said + random.normal(size=rows), np.arange(rows))


def skill(told: Foretold) -> Skill:
    return told.skill(sorted(told.categories(), key=str))


def test_skills_are_those_of_scikit_learn() -> None:
    told = of_categories(1)
    areas = [roc_auc_score(told.truth == category, told.said[category]) for category in (1, 2, 3)]
    assert skill(told).value == pytest.approx(2 * np.mean(areas) - 1)
    told = of_numbers(1)
    assert skill(told).value == pytest.approx(r2_score(told.truth, told.said[None]))


def of_ten(seed: int) -> Foretold:
    """Ten of 200 rows are of a category."""
    random = np.random.default_rng(seed)
    truth = np.where(np.arange(200) < 10, 2, 1)
    said = random.normal(size=200) + (truth == 2)
    return Foretold({2: said}, truth, np.arange(200))


@pytest.mark.parametrize("made", [of_categories, of_numbers, of_ten])
def test_the_error_is_how_much_skills_vary(made: object) -> None:
    found = [skill(made(seed)) for seed in range(400)]
    spread = np.std([one.value for one in found], ddof=1)
    assert np.mean([one.error for one in found]) == pytest.approx(spread, rel=0.1)


@pytest.mark.parametrize("made", [of_categories, of_numbers])
def test_copies_of_a_row_make_nothing_surer(made: object) -> None:
    told = made(1)
    twice = Foretold(
        {category: np.tile(values, 2) for category, values in told.said.items()},
        np.tile(told.truth, 2),
        np.tile(told.units, 2),
    )
    assert skill(twice).value == pytest.approx(skill(told).value)
    assert skill(twice).error == pytest.approx(skill(told).error, rel=0.01)


def weak(seed: int, rows: int, units: int | None = None) -> Foretold:
    """A category that is hardly foretold."""
    random = np.random.default_rng(seed)
    truth = random.integers(1, 3, rows)
    said = random.normal(size=rows) + 0.4 * (truth == 2)
    return Foretold({1: -said, 2: said}, truth, np.arange(rows) % (units or rows))


@pytest.mark.parametrize("rows", [100, 1_000])
def test_weak_signals_of_few_real_rows_raise_no_more_alarms_than_asked(rows: int) -> None:
    """A real skill that is beyond chance was often lucky; many are not, and tell nothing."""
    found = [compared(weak(seed, rows), weak(seed + 5_000, 100)) for seed in range(1_500)]
    assert 200 < sum(score is not None for score in found) < 1_000
    assert np.mean([score is not None and score.high < 1 for score in found]) <= 0.035


def test_rows_of_few_units_say_nothing() -> None:
    assert [compared(weak(1, 100, units), weak(2, 2_000)) is None for units in (1, 3, 7, 8)] == [
        True, True, True, False,
    ]  # fmt: skip
    assert compared(weak(1, 2_000), weak(2, 100, units=7)) is None


def test_what_is_foretold_the_wrong_way_round_is_not_hidden() -> None:
    """R² may be far below 0, and its error large."""
    random = np.random.default_rng(1)
    truth, noise = random.normal(size=40), random.normal(size=40)
    mine = Foretold({None: 5 * noise - 5 * truth}, truth, np.arange(40))
    score = compared(mine, of_numbers(1))
    assert (score.value, score.low, score.high) == (0, 0, 0)


def test_a_category_of_few_rows_is_left_out() -> None:
    told = of_categories(1, rows=45)
    truth = np.where(np.arange(45) < 9, 3, 1 + np.arange(45) % 2)
    assert Foretold(told.said, truth, told.units).categories() == {1, 2}
    assert told.part(told.truth > 0).categories() == {1, 2, 3}


def test_numbers_that_are_nearly_all_one_say_nothing() -> None:
    truth = np.full(30, 7.0)
    truth[:9] = 8
    told = Foretold({None: np.arange(30.0)}, truth, np.arange(30))
    assert told.categories() == set()
    assert compared(told, of_numbers(1)) is None
