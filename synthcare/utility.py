"""How well models trained on one table predict a column of another."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score, roc_auc_score

Floats = NDArray[np.floating]

# From so many rows on, scikit-learn's own size of trees predicts better than small ones.
_ROWS_FOR_LARGE_TREES = 5_000


def _trees(rows: int) -> dict[str, Any]:
    size = {"max_iter": 50, "max_leaf_nodes": 8} if rows < _ROWS_FOR_LARGE_TREES else {}
    return size | {"early_stopping": False}


# For a category or a number to predict: models by name, each by the number of rows to train on.
LEARNERS = {
    "category": {
        "boosting": lambda rows: HistGradientBoostingClassifier(**_trees(rows)),
        "linear": lambda rows: LogisticRegression(max_iter=500),
    },
    "number": {
        "boosting": lambda rows: HistGradientBoostingRegressor(**_trees(rows)),
        "linear": lambda rows: Ridge(),
    },
}


def skill_and_importances(
    kind: str,
    learner: str,
    train: tuple[Floats, NDArray],
    test: tuple[Floats, NDArray],
    columns: NDArray | None = None,
) -> tuple[float, Floats]:
    """The skill of a model of LEARNERS[kind], and what each column loses of it when shuffled.

    `train` and `test` are features (rows, k) and what is to be predicted (rows,); `columns` (k,)
    says which column each feature shows, and without it there are no importances. Skill is 0 for a
    guess and 1 for a perfect prediction; it is 0 where there is nothing to learn.
    """
    (known, wanted), (asked, truth) = train, test
    names = np.unique(columns) if columns is not None else np.empty(0)
    if len(np.unique(wanted)) <= 1:
        return 0.0, np.zeros(len(names))
    fitted = LEARNERS[kind][learner](len(known)).fit(known, wanted)
    reached = _skill(fitted, kind, asked, truth)
    random = np.random.default_rng(0)
    losses = []
    for name in names:
        shuffled = asked.copy()
        mine = columns == name
        shuffled[:, mine] = random.permutation(asked[:, mine])
        losses.append(reached - _skill(fitted, kind, shuffled, truth))
    return reached, np.array(losses)


def _skill(fitted: Any, kind: str, known: Floats, truth: NDArray) -> float:
    """R², or 2 AUC − 1, the mean over categories."""
    if kind == "number":
        return r2_score(truth, fitted.predict(known))
    chances = dict(zip(fitted.classes_, fitted.predict_proba(known).T, strict=True))
    never = np.zeros(len(truth))
    aucs = [
        roc_auc_score(truth == category, chances.get(category, never))
        for category in np.unique(truth)
    ]
    return 2 * float(np.mean(aucs)) - 1 if len(aucs) > 1 else 0.0
