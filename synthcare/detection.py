"""Whether classifiers tell the rows of a table from real ones: a classifier two-sample test."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from synthcare.chance import Z
from synthcare.learners import detectors
from synthcare.reference import Reference
from synthcare.trial import Score, Trial

FEWEST_ROWS = 20  # of either side
_FOLDS = 5


class Side(NamedTuple):
    """Rows that classifiers look at: what they see of them (rows, k).

    `groups` (rows,) are what copies of a row share, `units` (rows,) which rows resemble each other.
    """

    features: NDArray[np.floating]
    groups: NDArray
    units: NDArray


def detection(trial: Trial) -> Iterator[Score]:
    """2 (1 − AUC) of two classifiers that vote: 1 where they do no better than guess.

    Beside as many train rows; beside it, the AUC of as many holdout rows.
    """
    reference, table, halves = trial.reference, trial.table, trial.halves
    size = len(table.sample)
    is_shown = np.array(
        [not feature.column.sources <= trial.left_out for feature in reference.features], dtype=bool
    )
    found = auc(
        Side(
            reference.look_at(table, table.sample)[:, is_shown],
            table.hashes.twins[table.sample],
            halves.unit_of,
        ),
        _train_side(reference, size, is_shown),
    )
    yield Score("rows_judged", (), float(size))
    if found is None:
        yield Score(
            "detection", note=f"fewer than {FEWEST_ROWS} rows, or no column to tell them by"
        )
        return
    yield score_of("detection", (), *found)
    yield Score("auc", (), found[0])
    if not len(reference.holdout):
        return
    real = reference.once(
        ("auc", size, is_shown.tobytes()), lambda: _auc_of_holdout(reference, size, is_shown)
    )
    if real is not None:
        yield Score("reference_auc", (), real[0])


def score_of(name: str, subject: tuple[str, ...], area: float, error: float) -> Score:
    """2 (1 − AUC) and its 95 % interval, of an AUC and its standard error."""
    value, reach = 2 * (1 - area), 2 * Z * error
    return Score(name, subject, value, value - reach, value + reach)


def _auc_of_holdout(
    reference: Reference, size: int, is_shown: NDArray[np.bool_]
) -> tuple[float, float] | None:
    rows = reference.holdout.sample[:size]
    holdout = Side(
        reference.holdout_features[:size][:, is_shown],
        reference.holdout.hashes.twins[rows],
        np.arange(len(rows)),
    )
    return auc(holdout, _train_side(reference, len(rows), is_shown))


def _train_side(reference: Reference, size: int, is_shown: NDArray[np.bool_]) -> Side:
    rows = reference.train.sample[:size]
    twins = reference.train.hashes.twins[rows]
    features = reference.train_features[:size][:, is_shown]
    return Side(features, twins, np.arange(len(rows)))


def auc(table: Side, real: Side) -> tuple[float, float] | None:
    """The AUC and its standard error; None where there are too few rows, or nothing to see.

    DeLong's variance, over units; and as the folds share training rows, more of it by Nadeau and
    Bengio's (2003) correction for five folds, 1 / 5 + 1 / 4 instead of 1 / 5.
    """
    is_real = np.arange(len(table.features) + len(real.features)) >= len(table.features)
    found = placements(
        np.concatenate([table.features, real.features]),
        is_real,
        np.concatenate([table.groups, real.groups]),
    )
    is_judged = ~np.isnan(found)
    sides = [
        (found[is_meant & is_judged], side.units[is_judged[is_meant]])
        for side, is_meant in ((table, ~is_real), (real, is_real))
    ]
    if not all(len(placed) for placed, _ in sides):
        return None
    variance = sum(_variance(*side) for side in sides)
    return float(sides[0][0].mean()), float(np.sqrt(variance * (1 + _FOLDS / (_FOLDS - 1))))


def _variance(placed: NDArray[np.float64], units: NDArray) -> float:
    """Of the mean of the placements of one side, whose rows come in units."""
    _, places = np.unique(units, return_inverse=True)
    deviations = np.bincount(places, weights=placed - placed.mean())
    count = len(deviations)
    if count <= 1:
        return 0.0
    return float(count / (count - 1) * (deviations**2).sum() / len(placed) ** 2)


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
            for classifier in detectors()
        )
        written, true = looks[~is_real[test]], looks[is_real[test]]
        found[test & ~is_real] = _share_below(true, written)
        found[test & is_real] = 1 - _share_below(written, true)
    return found


def _share_below(others: NDArray[np.floating], values: NDArray[np.floating]) -> NDArray[np.float64]:
    """For each of `values` the share of `others` that are smaller; of ties, half."""
    others = np.sort(others)
    sides = (np.searchsorted(others, values, side=side) for side in ("left", "right"))
    return sum(sides) / (2 * len(others))


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
