"""How much three columns say together beyond each two of them, against real rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from synthcare.chance import Z, margin, widening
from synthcare.halves import Halves
from synthcare.structure import NO_HOLDOUT
from synthcare.tables import Table
from synthcare.trial import Score, Trial
from synthcare.triples import FEWEST, MOST_COLUMNS, Scale, cells_of, confirmed, sure_triples

Floats = NDArray[np.float64]

NO_INTERACTION = "no interaction: so many real rows tell no three columns from what each two say"
NONE_SEARCHED = f"{NO_INTERACTION}; only the {MOST_COLUMNS} that are tied most were looked at"
TOO_FEW = "too few rows to tell what three columns say together from chance"
TOGETHER = "all together"

_ALARM = 0.005  # how often all together, and how often one of the triples may be called worse


def interactions(trial: Trial) -> Iterator[Score]:
    """The three columns that surely say less together than in real rows, or more; 1 if none do.

    At 0 the mean weight of a table's rows (see `triples`) is that of rows with its pairs and no
    interaction, at 1 that of rows with its pairs and the interaction of real ones. What surely says
    more than train rows do is as far below 1 as it is above these. All triples together, whose
    weights are added, are looked at as each of them is, and the note says what is the worst.
    """
    reference, table = trial.reference, trial.table
    columns = reference.train.columns
    if not len(reference.holdout):
        yield Score("interactions", note=NO_HOLDOUT)
        return
    triples = [
        triple
        for triple in sure_triples(reference)
        if any(not columns[place].sources <= trial.left_out for place in triple)
    ]
    real, (error, spread) = reference.once(
        ("interactions", *triples), lambda: confirmed(reference, triples)
    )
    if not real:
        is_all = len(columns) <= MOST_COLUMNS
        yield Score("interactions", note=NO_INTERACTION if is_all else NONE_SEARCHED)
        return
    rows = len(table)
    weights, scales, found = np.zeros(rows), [], []
    for known in real:
        cells = cells_of(reference, table, known.triple)
        mine, scale = known.of_rows(cells), known.scale(cells)
        weights += mine
        scales.append(scale)
        if scale.is_told(rows):
            names = tuple(columns[place].name for place in known.triple)
            found.append((_placed(names, mine, scale, table, trial.halves), scale))
    of_all = _added(scales, error, spread)
    if rows < FEWEST or not of_all.is_told(rows):
        yield Score("interactions", note=TOO_FEW)
        return
    together = _placed((), weights, of_all, table, trial.halves)
    yield _worst((together, of_all), found, trial.halves.blocks)
    yield replace(together, name="interactions_together")
    yield from (score for score, _ in found)


def _added(scales: Sequence[Scale], error: float, spread: float) -> Scale:
    """The scale of rows that weigh as much as in all triples."""
    at_0, length = sum(scale.at_0 for scale in scales), sum(scale.length for scale in scales)
    of_train = sum(scale.length * scale.most for scale in scales)
    return Scale(at_0, length, error, spread, of_train / length if length else 1.0)


def _placed(
    subject: tuple[str, ...], weights: Floats, scale: Scale, table: Table, halves: Halves
) -> Score:
    """The score of rows with these weights (rows,) on the scale."""
    value = float((weights.mean() - scale.at_0) / scale.length)
    in_blocks = np.bincount(halves.block_of, weights[table.sample], minlength=halves.blocks)
    of_halves = halves.is_drawn @ in_blocks / halves.sizes / scale.length
    width = float(margin(of_halves, halves.blocks)) * halves.shrink
    if np.isnan(width):
        return Score("interactions", subject, value)
    # Where 1 is says what is held out, which might have been others.
    width = float(np.hypot(width, Z * value * scale.error))
    return Score("interactions", subject, value, value - width, value + width)


def _worst(
    together: tuple[Score, Scale], found: Sequence[tuple[Score, Scale]], blocks: int
) -> Score:
    """What is most surely less than 1, a triple or all together; 1 where nothing is."""
    if together[0].high is None:
        return Score("interactions", note=TOO_FEW)
    looks = [_Look(*look, _ALARM / len(found), blocks) for look in found]
    looks.append(_Look(*together, _ALARM, blocks))
    worst = min(looks, key=lambda look: look.upper)
    if worst.upper >= 1:
        return Score("interactions", (), 1.0, min(1.0, *(look.lower for look in looks)), 1.0)
    *others, last = worst.score.subject or [TOGETHER]
    note = f"{', '.join(others)} and {last}" if others else last
    value = worst.shortfall
    return Score("interactions", (), value, value - worst.reach, worst.upper, note=note)


@dataclass(frozen=True)
class _Look:
    """A score that may be called worse than real rows by chance as often as `alarm` says."""

    score: Score
    scale: Scale
    alarm: float
    blocks: int

    @property
    def reach(self) -> float:
        """How far it may be off, had so many looks to be right together."""
        widen = widening(self.alarm, self.blocks - 1)
        return widen * (self.score.high - self.score.value)

    @property
    def shortfall(self) -> float:
        """The score; what surely says more than train rows do is as far below 1 as above these."""
        value, most = self.score.value, self.scale.most
        return 1 + most - value if value - self.reach > most else value

    @property
    def upper(self) -> float:
        """The most that it may be."""
        return self.shortfall + self.reach

    @property
    def lower(self) -> float:
        """The lower end of its interval, whether it says less than real rows or more."""
        return min(self.score.low, 1 + self.scale.most - self.score.high)
