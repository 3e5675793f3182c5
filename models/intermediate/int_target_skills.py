"""How well models trained on a run predict real rows, against models trained on real rows."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pandas as pd
from scipy import stats
from threadpoolctl import threadpool_limits

from synthcare.utility import LEARNERS, skill_and_importances

TRAIN, HOLDOUT = 0, -1  # run numbers of the two halves of the reference

# Half-samples of a run that are trained on; rows that each is tested on, at most; smallest run.
DRAWS = 8
TEST_ROWS = 2_000
FEWEST_ROWS = 20

COLUMNS = {
    "dataset": "str",
    "run_number": "int32",
    "column_name": "str",
    "measure": "str",
    "learner": "str",
    "trained_on": "str",
    "draw": "int32",
    "rows_trained_on": "int64",
    "skill": "float64",
    "has_signal": "bool",
    "importance_agreement": "float64",
}


def model(dbt, session) -> pd.DataFrame:
    """One row per run, target, learner, table that was trained on (`reference` or `run`) and draw.

    A draw is a half-sample of the run, and as many holdout rows; both are tested on train rows.
    Runs are trained on only where the reference itself has signal.
    """
    rows = dbt.ref("int_feature_rows").order("dataset, run_number, place").df()
    features = dbt.ref("int_features").order("dataset, place").df()
    draws = dbt.ref("int_half_samples").filter(f"draw between 1 and {DRAWS}").fetchall()
    halves = {(blocks, draw): np.array(is_drawn, dtype=bool) for blocks, draw, is_drawn in draws}
    found = []
    for dataset, of_dataset in features.groupby("dataset"):
        sides = dict(iter(rows[rows["dataset"] == dataset].groupby("run_number")))
        if TRAIN in sides and HOLDOUT in sides:
            for name in of_dataset[of_dataset["is_target"]]["column_name"].unique():
                # dbt has two models under way, whose threads would wait for each other
                with threadpool_limits(limits=1):
                    found += Target(name, of_dataset, sides).skills(halves)
    return pd.DataFrame(found, columns=[*COLUMNS]).astype(COLUMNS)


def _correlation(one: np.ndarray, other: np.ndarray) -> float | None:
    """Pearson's; None where either side is constant, as of a model that has learnt nothing."""
    if not (one.std() and other.std()):
        return None
    return float(np.corrcoef(one, other)[0, 1])


class Target:
    """A column of a dataset to predict, from the features that do not show the column itself.

    Rows in which it is missing are left out.
    """

    def __init__(self, name: str, features: pd.DataFrame, sides: dict[int, pd.DataFrame]) -> None:
        mine = features[features["column_name"] == name]
        sources = set(mine["made_from"].iloc[0])
        known = features[[sources.isdisjoint(made_from) for made_from in features["made_from"]]]
        self._name = name
        self._kind = "number" if mine["is_number"].iloc[0] else "category"
        self._places = mine.loc[~mine["is_missing"], "place"].to_numpy()
        self._known, self._columns = known["place"].to_numpy(), known["column_name"].to_numpy()
        missing = mine.loc[mine["is_missing"], "place"].to_numpy()
        self._dataset = features["dataset"].iloc[0]
        self._rows: dict[int, np.ndarray] = {}
        self._blocks: dict[int, np.ndarray] = {}  # of the rows, and how many there are
        self._block_counts: dict[int, int] = {}
        for number, side in sides.items():
            rows, blocks = np.stack(side["features"]), side["block"].to_numpy()
            is_known = (rows[:, missing] == 0).all(axis=1)
            if is_known.sum() >= FEWEST_ROWS:
                self._rows[number], self._blocks[number] = rows[is_known], blocks[is_known]
                self._block_counts[number] = blocks.max()
        self._trained_on_real = cache(self._train_on_real)

    def skills(self, halves: dict[tuple[int, int], np.ndarray]) -> Iterator[dict]:
        """The skills of every run: of real rows, and its own where those have signal."""
        if not {TRAIN, HOLDOUT} <= self._rows.keys():
            return
        for run_number in self._rows:
            if run_number <= 0:
                continue
            blocks, count = self._blocks[run_number], self._block_counts[run_number]
            drawn = [halves[count, draw][blocks - 1] for draw in range(1, DRAWS + 1)]
            for learner in LEARNERS[self._kind]:
                yield from self._compare(run_number, learner, drawn)

    def _compare(self, run_number: int, learner: str, drawn: list[np.ndarray]) -> Iterator[dict]:
        size = len(drawn[0]) // 2
        real, of_real = self._trained_on_real(learner, size)
        # More than chance, with 99.5 % confidence: a ratio to hardly any skill says nothing.
        error = np.std(real, ddof=1) / np.sqrt(DRAWS)
        has_signal = bool(np.mean(real) > stats.t.ppf(0.995, DRAWS - 1) * error)
        told = {
            "dataset": self._dataset,
            "run_number": run_number,
            "column_name": self._name,
            "measure": "R2" if self._kind == "number" else "2 AUC - 1",
            "learner": learner,
            "has_signal": has_signal,
        }
        for draw, skill in enumerate(real, 1):
            yield told | {
                **{"trained_on": "reference", "draw": draw},
                **{"rows_trained_on": size, "skill": skill},
            }
        if not has_signal:
            return
        for draw, is_drawn in enumerate(drawn, 1):
            skill, importances = self._train(
                learner, self._rows[run_number][is_drawn], draw, with_importances=draw == 1
            )
            agreement = _correlation(of_real, importances) if draw == 1 else None
            yield told | {
                **{"trained_on": "run", "draw": draw, "importance_agreement": agreement},
                **{"rows_trained_on": is_drawn.sum(), "skill": skill},
            }

    def _train_on_real(self, learner: str, size: int) -> tuple[list[float], np.ndarray]:
        """Skills of `size` holdout rows, others in each draw; importances of the first draw."""
        rows = self._rows[HOLDOUT]
        trained = [
            self._train(
                learner,
                rows[np.arange(draw * size, (draw + 1) * size) % len(rows)],
                draw,
                with_importances=draw == 1,
            )
            for draw in range(1, DRAWS + 1)
        ]
        return [skill for skill, _ in trained], trained[0][1]

    def _train(
        self, learner: str, rows: np.ndarray, draw: int, *, with_importances: bool
    ) -> tuple[float, np.ndarray]:
        """Skill on the train rows of a draw, and what each column loses of it when shuffled."""
        test = self._rows[TRAIN][draw - 1 :: DRAWS][:TEST_ROWS]
        return skill_and_importances(
            self._kind,
            learner,
            (rows[:, self._known], self._values(rows)),
            (test[:, self._known], self._values(test)),
            self._columns if with_importances else None,
        )

    def _values(self, rows: np.ndarray) -> np.ndarray:
        shown = rows[:, self._places]
        return shown[:, 0] if self._kind == "number" else shown.argmax(axis=1)
