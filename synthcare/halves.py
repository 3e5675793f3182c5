"""Half-samples: what a score would have been with other rows."""

import hashlib
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from synthcare.chance import FEWEST_GROUPS

_FEWEST_BLOCKS = 4


@dataclass(frozen=True)
class Halves:
    """Halves of a sample of a table, without replacement.

    `block_of` (sampled,) is the block of each row of the sample, from 0, and `unit_of` (sampled,)
    says which rows are drawn together; `is_drawn` (halves, blocks) says which blocks are in which
    half. `shrink` is what the spread of the halves is multiplied with, because the table has more
    rows than the sample.
    """

    block_of: NDArray[np.intp]
    is_drawn: NDArray[np.bool_]
    unit_of: NDArray
    shrink: float = 1.0

    @property
    def blocks(self) -> int:
        """How many blocks the sample was shuffled into."""
        return self.is_drawn.shape[1]

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Rows of each half."""
        return self.is_drawn @ np.bincount(self.block_of, minlength=self.blocks)

    def by_block(self, values: NDArray) -> tuple[NDArray, NDArray[np.int64]]:
        """The distinct values, and how many rows of each block have each, as (blocks, values).

        `values` (sampled,) are those of the rows of the sample.
        """
        present, places = np.unique(values, return_inverse=True)
        counts = np.zeros((self.blocks, len(present)), dtype=np.int64)
        np.add.at(counts, (self.block_of, places), 1)
        return present, counts

    def shares(self, cells: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The distinct cells, and their shares of the rows of each half, as (halves, cells).

        `cells` (sampled,) are those of the rows of the sample.
        """
        present, counts = self.by_block(cells)
        return present, self.is_drawn.astype(float) @ counts / self.sizes[:, None]


@cache
def draws(blocks: int, halves: int, seed: int) -> NDArray[np.bool_]:
    """Which of `blocks` are in which half, as (halves, blocks); none where there are too few.

    By a hash of the seed: runs with as many blocks share their draws.
    """
    if blocks < _FEWEST_BLOCKS:
        return np.zeros((0, blocks), dtype=bool)
    is_drawn = np.zeros((halves, blocks), dtype=bool)
    for half in range(halves):
        texts = (f"{seed}|{half + 1}|{block + 1}" for block in range(blocks))
        hashes = [hashlib.md5(text.encode(), usedforsecurity=False).digest()[8:] for text in texts]
        order = np.argsort(np.array([int.from_bytes(h, "little") for h in hashes], dtype=np.uint64))
        is_drawn[half, order[: blocks // 2]] = True
    return is_drawn


def sampled(
    units: NDArray[np.int64], rows: int, blocks: int, halves: int, seed: int
) -> tuple[NDArray[np.intp], Halves]:
    """A sample of about `rows` rows of a table, shuffled, and its half-samples.

    `units` (rows of the table,) says which rows belong together: they are drawn together, or each
    by itself where there are too few of them.
    """
    if not len(units):
        none = np.empty(0, dtype=np.intp)
        return none, Halves(none, draws(0, halves, seed), none)
    random = np.random.default_rng(seed)
    if len(np.unique(units)) < FEWEST_GROUPS:
        units = np.arange(len(units))
    _, units, sizes = np.unique(units, return_inverse=True, return_counts=True)
    blocks = min(blocks, len(sizes))
    place_of_unit = random.permutation(len(sizes))
    before = np.zeros(len(sizes), dtype=np.int64)
    order = np.argsort(place_of_unit)
    # Of a large unit some rows are enough.
    most = max(1, rows // blocks)
    before[order] = np.cumsum(np.minimum(sizes, most)[order]) - np.minimum(sizes, most)[order]
    is_in = (before < rows) | (place_of_unit < blocks)
    shuffled = random.permutation(len(units))
    shuffled = shuffled[is_in[units[shuffled]]]
    sample = shuffled[rank_within(units[shuffled]) < most]
    chosen = units[sample]
    return sample, Halves(
        place_of_unit[chosen] % blocks,
        draws(blocks, halves, seed),
        chosen,
        shrink=float((is_in.sum() / len(sizes)) ** 0.5),
    )


def rank_within(units: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each row (rows,), how many of its unit come before it; units are numbers from 0."""
    order = np.argsort(units, kind="stable")
    in_order = units[order]
    starts = np.flatnonzero(np.diff(in_order, prepend=-1))
    ranks = np.arange(len(units)) - np.repeat(starts, np.diff(starts, append=len(units)))
    found = np.empty(len(units), dtype=np.int64)
    found[order] = ranks
    return found
