"""Departures from independence, and the scale on which a table that has them is placed.

What ties two values is the departure of their joint share from the product of their shares,
p(x, y) − p(x) p(y). The distance of a table is half the sum of |its departures − real ones|. On its
scale 1 is the mean distance of as much that is real and held out, and 0 that of what is not tied.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from synthcare.chance import Z, margin
from synthcare.trial import Score

Floats = NDArray[np.float64]

BEYOND_CHANCE = 5.0  # standard deviations
CELLS_AT_ONCE = 4_000_000  # in memory
FEWEST = 4  # rows, or families, that have a place on the scale

# Tables that are drawn of as many rows, of real ones and of untied ones; rows of all together, and
# of one.
_MOST_DRAWS, _DRAWN_ROWS, _MOST_ROWS = 40, 200_000, 50_000
_FEWEST_DRAWS = 4
_FEWEST_FOR_SPREAD = 30
TOLD_APART = 3.0  # standard deviations between both, below which there is no score


def departures(counts: NDArray, sizes: tuple[int, int]) -> Floats:
    """Of tables whose rows by cell are counts (tables, cells), as (tables, values, others)."""
    joint = counts.reshape(-1, *sizes) / counts.sum(axis=1)[:, None, None]
    return joint - joint.sum(axis=2)[:, :, None] * joint.sum(axis=1)[:, None, :]


def distances_from(found: Floats, real: Floats | None) -> Floats:
    """Of departures (tables, values, others) from real ones (values, others), as (tables,).

    From no departure at all where these are None. `found` is overwritten.
    """
    if real is not None:
        found -= real
    return np.abs(found).sum(axis=(1, 2)) / 2


class Scale(NamedTuple):
    """Distances (draws, pairs) of drawn tables: of real rows, and of untied ones.

    `other_real` are of real tables as well, and vary as much as tables of other real rows would.
    """

    real: Floats
    independent: Floats
    other_real: Floats


def draws_of(rows: int, fewest: int = _FEWEST_DRAWS, most: int = _MOST_DRAWS) -> int:
    """How many tables of so many rows are drawn."""
    return int(np.clip(_DRAWN_ROWS // rows, fewest, most))


def drawn_scale(
    size: int,
    train_size: int,
    held_out: int,
    of_real: Callable[[int], Floats],
    of_independent: Callable[[int], Floats],
    most: int = _MOST_ROWS,
) -> Scale:
    """The scale of a table of `size` rows, or of families, from such draws of as many as there are.

    The functions get a number of rows and return distances (draws, pairs) from train, which has
    `train_size`; `held_out` are those that real ones are drawn from. No draw is of more than
    `most`.
    """
    rows = min(size, held_out, most)
    # Draws of nearly all that are held out are nearly the same; of half of them they differ.
    fewer = min(rows, max(1, held_out // 2))

    def scaled(rows: int) -> Floats:
        # Of more rows than are held out, perfect ones vary less.
        noise = (1 / size + 1 / train_size) / (1 / rows + 1 / train_size)
        return of_real(rows) * np.sqrt(noise)

    real = scaled(rows)
    independent = of_independent(min(size, most))
    other_real = real if fewer == rows else scaled(fewer)
    # Drawn without replacement, they share rows.
    unshared = 1 - min(fewer, held_out - 1) / held_out
    return Scale(real, independent, other_real / np.sqrt(unshared))


@dataclass(frozen=True)
class Measured:
    """Distances of a table and its halves, and the ends of the scale at their sizes.

    `distances`, `real` and `independent` are (pairs, 1 + halves), the table first; `whole` and
    `half` are what was drawn at its size and at half of it. The halves are of so many `blocks`, and
    the spread of their scores is multiplied with `shrink`. `of_held_out` is the size of the table
    in those that are held out, 1 at most.
    """

    distances: Floats
    real: Floats
    independent: Floats
    whole: Scale
    half: Scale
    blocks: int
    shrink: float
    of_held_out: float

    @classmethod
    def of(
        cls,
        distances: Floats,
        whole: Scale,
        half: Scale,
        sizes: NDArray,
        blocks: int,
        shrink: float,
        held_out: int,
    ) -> "Measured":
        """Of distances (pairs, 1 + halves) of the table and its halves of `sizes` (1 + halves,)."""
        real, independent = (
            _by_size(*both, sizes) for both in zip(whole[:2], half[:2], strict=True)
        )
        of_held_out = min(1.0, sizes[0] / held_out)
        return cls(distances, real, independent, whole, half, blocks, shrink, of_held_out)

    @classmethod
    def together(cls, parts: Sequence["Measured"]) -> "Measured":
        """Of the pairs of all parts, of one table and its halves, and of as many draws."""
        whole, half = (
            Scale(*(np.concatenate(of, axis=1) for of in zip(*scales, strict=True)))
            for scales in ([p.whole for p in parts], [p.half for p in parts])
        )
        distances, real, independent = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("distances", "real", "independent")
        )
        blocks, of_held_out = (
            min(part.blocks for part in parts),
            max(part.of_held_out for part in parts),
        )
        return cls(distances, real, independent, whole, half, blocks, parts[0].shrink, of_held_out)

    def score(self, name: str, subject: tuple[str, ...], places: list[int], too_few: str) -> Score:
        """The score over the pairs at these places; `too_few` is why chance leaves none."""
        distances, real, independent = (
            of[places].sum(axis=0) for of in (self.distances, self.real, self.independent)
        )
        spread = self.whole.other_real[:, places].sum(axis=1).std(ddof=1)
        if independent[0] - real[0] <= TOLD_APART * spread:
            return Score(name, subject, note=too_few)
        scores = 1 - (distances - real) / (independent - real)
        width = float(margin(scores[1:], self.blocks) * self.shrink)
        width *= self._narrowing(places)
        # What is held out might have been others: the fewer, the less is known of what they reach.
        of_real = Z * spread * np.sqrt(self.of_held_out) / (independent[0] - real[0])
        width = float(np.hypot(width, of_real))
        value, floor = float(scores[0]), float(real[0])
        if np.isnan(width):
            return Score(name, subject, value, floor=floor)
        return Score(name, subject, value, value - width, value + width, floor)

    def _narrowing(self, places: list[int]) -> float:
        """How much less a score of all rows varies than scores of halves, 1 at most.

        Halves of a mean vary as much as the mean, being half without replacement. But the scale of
        halves is shorter for their noise: by how much says the spread of real rows at both sizes.
        Of long tables few are drawn, which say nothing of a spread, and noise is small.
        """
        if min(len(self.whole.real), len(self.half.real)) < _FEWEST_FOR_SPREAD:
            return 1.0
        spreads = []
        for scale in (self.whole, self.half):
            real, independent, other = (
                of[:, places].sum(axis=1)
                for of in (scale.real, scale.independent, scale.other_real)
            )
            spreads.append(other.std(ddof=1) / (independent.mean() - real.mean()))
        whole, half = spreads
        return float(np.clip(np.sqrt(2) * whole / half, 0.5, 1)) if half > 0 else 1.0


def _by_size(whole: Floats, half: Floats, sizes: NDArray) -> Floats:
    """Mean distances (pairs, 1 + halves) at the sizes of a table and its halves.

    Halves are not all of one size; distances between those of both sizes go by 1/√size.
    """
    of_whole, of_half = whole.mean(axis=0), half.mean(axis=0)
    roots = 1 / np.sqrt(sizes)
    ends = 1 / np.sqrt([sizes[0], sizes[0] // 2])
    towards_half = (roots - ends[0]) / (ends[1] - ends[0])
    return of_whole[:, None] + np.outer(of_half - of_whole, towards_half)
