"""Whether classifiers tell the rows of a table from real ones: a classifier two-sample test."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

FEWEST_ROWS = 20  # of either side
_FOLDS = 5


def placements(
    features: NDArray[np.floating], is_real: NDArray[np.bool_], groups: Sequence[object]
) -> NDArray[np.float64]:
    """For each row the share of the other side's rows that look less synthetic than it does.

    `features` (rows, k) are what classifiers see, `groups` (rows,) what copies of a row share. The
    share is of rows in the same fold, and for a real row of those that look more synthetic. The
    mean over either side is the AUC. NaN where a side has fewer than FEWEST_ROWS rows, or there is
    nothing to see, and in a fold that one side is not in.
    """
    found = np.full(len(features), np.nan)
    if not features.shape[1] or min(is_real.sum(), (~is_real).sum()) < FEWEST_ROWS:
        return found
    folds = folds_of(np.asarray(groups), is_real)
    for fold in range(_FOLDS):
        test = folds == fold
        if min(len(np.unique(is_real[part])) for part in (test, ~test)) <= 1:
            continue  # all rows of one side, or of both, are copies of real rows of other folds
        looks = sum(
            classifier.fit(features[~test], ~is_real[~test]).predict_proba(features[test])[:, 1]
            for classifier in (
                HistGradientBoostingClassifier(max_iter=50, max_leaf_nodes=8),
                LogisticRegression(max_iter=500),
            )
        )
        written, true = looks[~is_real[test]], looks[is_real[test]]
        wins = (written[:, None] > true) + (written[:, None] == true) / 2
        found[test & ~is_real] = wins.mean(axis=1)
        found[test & is_real] = wins.mean(axis=0)
    return found


def folds_of(groups: NDArray, is_real: NDArray[np.bool_]) -> NDArray[np.int64]:
    """A fold for each row, as many rows of either side in each.

    Copies of a real row share its fold, or a classifier would know them again. Other rows that a
    table repeats do not: they may be known again, because real rows do not repeat.
    """
    real_groups = dict.fromkeys(groups[is_real])
    fold_of_group = {group: number % _FOLDS for number, group in enumerate(real_groups)}
    return np.array(
        [fold_of_group.get(group, number % _FOLDS) for number, group in enumerate(groups)]
    )
