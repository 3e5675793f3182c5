"""Keys that lead to a parent, and how many children parents have."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from synthcare.chance import margin
from synthcare.departures import FEWEST
from synthcare.families import Family, Places, RealFamilies, Relation
from synthcare.trial import Score, Trial
from synthcare.worst import of_relations

Floats = NDArray[np.float64]

NO_ROWS = "there is no row that needs a key"
NO_REAL_CHILDREN = "in the real tables, no child has a parent"
TOO_FEW = f"fewer than {FEWEST} parents"

_BROKEN = {
    "with_parent_share": "children belong to no parent",
    "own_key_share": "parents have no key of their own",
}
_DRAWS = 200  # of two samples of real parents, for the distance between them
_CELLS_AT_ONCE = 4_000_000


def key_integrity(trial: Trial) -> Iterator[Score]:
    """The share of rows that have the key they need: of children or of parents, the smaller one.

    Beside it both shares: of children the key of a parent, of parents a key of their own.
    """
    yield from of_relations(trial, "key_integrity", _key_integrity)


def _key_integrity(relation: Relation, left_out: frozenset[str]) -> Iterator[Score]:
    subject, keys = (relation.parent,), relation.keys
    tallies = {} if keys is None else {"with_parent": keys.children, "own_key": keys.parents}
    shares = [
        Score(f"{name}_share", subject, tally.share, *tally.interval)
        for name, tally in tallies.items()
        if tally is not None
    ]
    yield from shares
    if keys is not None:
        yield Score("children_without_key", subject, float(keys.without))
    # Parents alone say nothing of whether anything leads to them.
    if keys is None or keys.children is None or not shares:
        yield Score("key_integrity", subject, note=NO_ROWS)
        return
    worst = min(shares, key=lambda share: share.value)
    tally = tallies[worst.name.removesuffix("_share")]
    rows, hits = int(tally.sizes.sum()), int(tally.hits.sum())
    note = f"{rows - hits:,} of {rows:,} {_BROKEN[worst.name]}" if hits < rows else None
    yield Score("key_integrity", subject, worst.value, worst.low, worst.high, note=note)


def cardinality(trial: Trial) -> Iterator[Score]:
    """How like the real one the distribution of the number of children is.

    1 − Kolmogorov–Smirnov distance, over that of as many real parents. Beside it the distance, the
    mean number, and the share of parents without any.
    """
    yield from of_relations(trial, "cardinality", _cardinality)


def _cardinality(relation: Relation, left_out: frozenset[str]) -> Iterator[Score]:
    subject, real, table = (relation.parent,), relation.real, relation.table
    if len(table.parents):
        yield from _described("", subject, table)
    if not len(real.train.listed.places):
        yield Score("cardinality", subject, note=NO_REAL_CHILDREN)
        return
    yield from _described("reference_", subject, real.train)
    tops = len(np.unique(table.top_of))
    if tops < FEWEST:
        yield Score("cardinality", subject, note=TOO_FEW)
        return
    distance = kolmogorov_smirnov(table.sizes, real.train.sizes)
    yield Score("cardinality_distance", subject, distance)
    in_halves, tops_of_halves = _distances_of_halves(relation)
    expected = np.array([expected_distance(real, size) for size in (tops, *tops_of_halves)])
    scores = (1 - np.array([distance, *in_halves])) / (1 - expected)
    width = float(margin(scores[1:], relation.halves.blocks) * relation.halves.shrink)
    value, floor = float(scores[0]), float(expected[0])
    ends = (None, None) if np.isnan(width) else (value - width, value + width)
    yield Score("cardinality", subject, value, *ends, floor)


def _described(prefix: str, subject: tuple[str, ...], family: Family) -> Iterator[Score]:
    yield Score(f"{prefix}children_per_parent", subject, float(family.sizes.mean()))
    yield Score(f"{prefix}childless_share", subject, float((family.sizes == 0).mean()))


def kolmogorov_smirnov(sizes: NDArray[np.integer], real_sizes: NDArray[np.integer]) -> float:
    """The largest gap between the distribution functions of two samples of whole numbers."""
    known = np.unique(np.concatenate([sizes, real_sizes]))
    steps = [
        np.searchsorted(np.sort(side), known, side="right") / len(side)
        for side in (sizes, real_sizes)
    ]
    return float(np.abs(steps[0] - steps[1]).max())


def _distances_of_halves(relation: Relation) -> tuple[Floats, NDArray[np.int64]]:
    """Of each half, and how many top parents it is of, both (halves,)."""
    table, halves, real_sizes = relation.table, relation.halves, relation.real.train.sizes
    if not len(halves.is_drawn):
        return np.empty(0), np.empty(0, dtype=np.int64)
    present, shares = halves.shares(table.sizes[relation.sample])
    known = np.union1d(present, real_sizes)
    steps = np.zeros((len(shares), len(known)))
    steps[:, np.searchsorted(known, present)] = shares
    real = np.searchsorted(np.sort(real_sizes), known, side="right") / len(real_sizes)
    distances = np.abs(steps.cumsum(axis=1) - real).max(axis=1)
    _, first = np.unique(table.top_of[relation.sample], return_index=True)
    tops = halves.is_drawn @ np.bincount(halves.block_of[first], minlength=halves.blocks)
    return distances, np.maximum(tops, 1)


def expected_distance(real: RealFamilies, tops: int) -> float:
    """The mean Kolmogorov–Smirnov distance of as many real top parents from the train half.

    Both are drawn from the train half with replacement. The closed form for continuous numbers is
    too large for a few whole ones, and there is none where parents come in families of their own.
    """
    return real.once(("cardinality", tops), lambda: _expected_distance(real, tops))


def _expected_distance(real: RealFamilies, tops: int) -> float:
    profiles, copies = real.once("profiles", lambda: _profiles(real.train))
    random = np.random.default_rng(0)
    shares = copies / copies.sum()
    step = max(1, _CELLS_AT_ONCE // len(profiles))
    found = []
    for start in range(0, _DRAWS, step):
        draws = min(step, _DRAWS - start)
        both = [
            random.multinomial(size, shares, size=draws) @ profiles
            for size in (tops, int(copies.sum()))
        ]
        steps = [counts.cumsum(axis=1) / counts.sum(axis=1)[:, None] for counts in both]
        found.append(np.abs(steps[0] - steps[1]).max(axis=1))
    return float(np.concatenate(found).mean())


def _profiles(train: Family) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Parents by their number of children, of each kind of top parent, and how many are of it.

    As (kinds, numbers) and (kinds,).
    """
    known, number = np.unique(train.sizes, return_inverse=True)
    tops: Places = train.top_of
    if len(np.unique(tops)) == len(tops):
        return np.eye(len(known), dtype=np.int64), np.bincount(number)
    counts = np.zeros((int(tops.max()) + 1, len(known)), dtype=np.int64)
    np.add.at(counts, (tops, number), 1)
    return np.unique(counts, axis=0, return_counts=True)
