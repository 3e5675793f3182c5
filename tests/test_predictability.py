"""Skills of models of real rows, and how sure they are, against scikit-learn and simulation."""

import numpy as np
import pytest
from sklearn.metrics import r2_score, roc_auc_score

from synthcare.predictability import Foretold, Skill

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


@pytest.mark.parametrize("made", [of_categories, of_numbers])
def test_the_error_is_how_much_skills_vary(made: object) -> None:
    found = [skill(made(seed)) for seed in range(400)]
    spread = np.std([one.value for one in found], ddof=1)
    assert np.mean([one.error for one in found]) == pytest.approx(spread, rel=0.12)


@pytest.mark.parametrize("made", [of_categories, of_numbers])
def test_copies_of_a_row_make_nothing_surer(made: object) -> None:
    told = made(1)
    twice = Foretold(
        {category: np.tile(values, 2) for category, values in told.said.items()},
        np.tile(told.truth, 2),
        np.tile(told.units, 2),
    )
    assert skill(twice) == pytest.approx(skill(told))


def test_a_category_of_few_rows_is_left_out() -> None:
    told = of_categories(1, rows=45)
    truth = np.where(np.arange(45) < 9, 3, 1 + np.arange(45) % 2)
    assert Foretold(told.said, truth, told.units).categories() == {1, 2}
    assert told.part(told.truth > 0).categories() == {1, 2, 3}


def test_numbers_that_are_all_one_are_foretold_by_nobody() -> None:
    told = Foretold({None: np.arange(30.0)}, np.full(30, 7.0), np.arange(30))
    assert skill(told) == Skill(0.0, 0.0)
    assert not skill(told).is_beyond_chance
