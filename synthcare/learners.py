"""The models of scikit-learn that scores train; it is imported where they are asked for."""

from contextlib import AbstractContextManager
from typing import Any

from threadpoolctl import threadpool_limits

LEARNERS = ("boosting", "linear")

# From so many rows on, scikit-learn's own size of trees predicts better than small ones.
_ROWS_FOR_LARGE_TREES = 5_000


def in_one_thread() -> AbstractContextManager:
    """Keeps models in one thread: they are small, and threads wait longer than they work."""
    # The limits are of the libraries that are loaded by now.
    import sklearn.ensemble
    import sklearn.linear_model  # noqa: F401

    return threadpool_limits(limits=1)


def predictor(kind: str, learner: str, rows: int) -> Any:
    """An unfitted model of LEARNERS that predicts a "category" or a "number" from so many rows."""
    from sklearn import ensemble, linear_model

    size = {"max_iter": 50, "max_leaf_nodes": 8} if rows < _ROWS_FOR_LARGE_TREES else {}
    trees = size | {"early_stopping": False}
    match kind, learner:
        case "category", "boosting":
            return ensemble.HistGradientBoostingClassifier(**trees)
        case "number", "boosting":
            return ensemble.HistGradientBoostingRegressor(**trees)
        case "category", "linear":
            return linear_model.LogisticRegression(max_iter=500)
        case "number", "linear":
            return linear_model.Ridge()
    raise KeyError((kind, learner))


def detectors() -> list[Any]:
    """Unfitted classifiers that tell written rows from real ones: one sees bends, one sums."""
    from sklearn import ensemble, linear_model

    return [
        ensemble.HistGradientBoostingClassifier(
            max_iter=50, max_leaf_nodes=8, early_stopping=False, random_state=0
        ),
        linear_model.LogisticRegression(max_iter=500),
    ]
