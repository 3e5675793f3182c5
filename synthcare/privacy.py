"""Whether rows are real ones, or near to those that a prompt may show."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from synthcare.chance import Tally
from synthcare.reference import Reference
from synthcare.trial import Score, Trial

_ROWS_AT_ONCE = 500  # in memory


def privacy(trial: Trial) -> Iterator[Score]:
    """The share of rows that are no copy of a real one, beyond what chance makes of real rows."""
    reference, table = trial.reference, trial.table
    if table.hashes is None:
        return
    groups = np.arange(len(table)) if table.groups is None else table.groups
    folded, exact, real_share = reference.once("copies of rows", lambda: _real_hashes(reference))
    is_copy = np.isin(table.hashes.folded, folded)
    copied = Tally.of_rows(is_copy, groups)
    ends = copied.interval
    if real_share < 1:
        value, high, low = (
            min(1.0, (1 - share) / (1 - real_share)) for share in (copied.share, *ends)
        )
        yield Score("privacy", (), value, low, high)
    else:
        yield Score("privacy", note="every real row has a twin: copies are nothing unusual")
    yield Score("copied_rows", (), float(np.isin(table.hashes.exact, exact).sum()))
    yield Score("copied_rows_any_case", (), float(is_copy.sum()))
    yield Score("copied_share", (), copied.share, *ends)
    yield Score("reference_copied_share", (), real_share)
    yield from _known_identifiers(trial)
    yield from _nearer(trial, groups)


def _real_hashes(reference: Reference) -> tuple[NDArray, NDArray, float]:
    """Of all real rows: hashes, folded and exact, and the share that has a twin."""
    sides = [side for side in (reference.train, reference.holdout) if len(side)]
    folded = np.concatenate([side.hashes.folded for side in sides])
    exact = np.concatenate([side.hashes.exact for side in sides])
    found, counts = np.unique(folded, return_counts=True)
    return found, np.unique(exact), float(counts[counts > 1].sum() / len(folded))


def _known_identifiers(trial: Trial) -> Iterator[Score]:
    """The share of identifiers that stand in the train half: of the table, and of holdout rows."""
    reference, table = trial.reference, trial.table
    train = reference.train.identifiers

    def known_share(side: dict[str, NDArray]) -> float | None:
        known = np.concatenate(
            [np.isin(values[values > 0], train[name]) for name, values in side.items()]
        )
        return float(known.mean()) if len(known) else None

    if not table.identifiers:
        return
    sampled = {name: values[table.sample] for name, values in table.identifiers.items()}
    yield Score("known_identifiers_share", (), known_share(sampled))
    if len(reference.holdout):
        share = reference.once("known", lambda: known_share(reference.holdout.identifiers))
        yield Score("reference_known_identifiers_share", (), share)


def _nearer(trial: Trial, groups: NDArray) -> Iterator[Score]:
    """The share of sampled rows whose nearest real row is in the train half; half of the ties.

    Both halves have as many rows, so that neither is nearer by its size.
    """
    reference, table = trial.reference, trial.table
    size = min(len(reference.train.sample), len(reference.holdout.sample))
    if not size or not reference.features:
        return
    rows = reference.look_at(table, table.sample)
    to_train = nearest_distances(rows, reference.train_features[:size])
    to_holdout = nearest_distances(rows, reference.holdout_features[:size])
    is_nearer = (to_train < to_holdout) + (to_train == to_holdout) / 2
    nearer = Tally.of_rows(is_nearer, groups[table.sample])
    yield Score("nearer_share", (), nearer.share, *nearer.interval)


def nearest_distances(
    rows: NDArray[np.floating], others: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Euclidean distance from each of `rows` (n, k) to the nearest of `others` (m, k), as (n,).

    The nearest is found by |a|² + |b|² − 2ab in blocks, which rounds; its distance is exact.
    """
    found = np.empty(len(rows))
    squares = (others**2).sum(axis=1)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        block = rows[start : start + _ROWS_AT_ONCE]
        closest = (squares - 2 * block @ others.T).argmin(axis=1)
        found[start : start + len(block)] = np.linalg.norm(
            block.astype(float) - others[closest], axis=1
        )
    return found
