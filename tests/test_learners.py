"""The library's classifiers, on rows of which the answer is known."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from synthcare.detection import placements
from synthcare.learners import LEARNERS
from synthcare.utility import skill_and_importances


def rows(count: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, (count, 3))


def area(written: np.ndarray, real: np.ndarray) -> float:
    both = np.concatenate([written, real])
    is_real = np.arange(len(both)) >= len(written)
    return placements(both, is_real, range(len(both)))[~is_real].mean()


def test_classifiers_tell_other_rows_and_not_rows_of_the_same_kind() -> None:
    areas = [area(rows(300, seed), rows(300, seed + 50)) for seed in range(6)]
    assert np.mean(areas) == pytest.approx(0.5, abs=0.03)
    assert area(rows(300, 1, shift=3), rows(300, 2)) > 0.98


def test_the_mean_placement_of_either_side_is_the_same_area() -> None:
    both = np.concatenate([rows(100, 1, shift=1), rows(100, 2)])
    is_real = np.arange(200) >= 100
    found = placements(both, is_real, range(200))
    assert found[is_real].mean() == pytest.approx(found[~is_real].mean())


def test_too_few_rows_or_nothing_to_see_is_no_answer() -> None:
    is_real = np.arange(60) >= 19
    assert np.isnan(placements(rows(60, 1), is_real, range(60))).all()
    assert np.isnan(placements(np.empty((60, 0)), is_real, range(60))).all()


@pytest.mark.parametrize("kind", ["category", "number"])
@pytest.mark.parametrize("learner", LEARNERS)
def test_skill_is_one_for_what_follows_and_none_for_chance(kind: str, learner: str) -> None:
    """And the column that it follows from is the one that matters."""
    train, test, columns = rows(600, 1), rows(600, 2), np.array(["a", "b", "c"])

    def told(known: np.ndarray) -> np.ndarray:
        return known[:, 1] * 2 if kind == "number" else (known[:, 1] > 0).astype(int)

    skill, importances = skill_and_importances(
        kind, learner, (train, told(train)), (test, told(test)), columns
    )
    assert skill > 0.95
    assert importances.argmax() == 1
    shuffled = np.random.default_rng(3).permutation(told(test))
    skill, _ = skill_and_importances(kind, learner, (train, told(train)), (test, shuffled))
    assert skill < 0.15


def test_what_is_always_the_same_teaches_nothing() -> None:
    train = (rows(50, 1), np.ones(50))
    skill, importances = skill_and_importances("category", "linear", train, train, np.arange(3))
    assert (skill, importances.tolist()) == (0.0, [0, 0, 0])


def test_models_have_one_thread_although_they_are_imported_late() -> None:
    """In a process of its own, in which nothing has been imported yet."""
    code = (
        "import json, threadpoolctl\n"
        "from synthcare.learners import in_one_thread, predictor\n"
        "with in_one_thread():\n"
        "    predictor('category', 'boosting', 9)\n"
        "    print(json.dumps([(p['user_api'], p['num_threads'])"
        " for p in threadpoolctl.threadpool_info()]))"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, env=environment
    ).stdout
    pools = [tuple(pool) for pool in json.loads(said)]
    assert {*pools} == {("openmp", 1), ("blas", 1)}
