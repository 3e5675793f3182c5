"""How well models of real rows predict a column of a table, beside that of other real rows."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from synthcare.chance import FEWEST_GROUPS, half_width
from synthcare.groups import Group
from synthcare.learners import predictor
from synthcare.tables import Column
from synthcare.trial import Score, Trial
from synthcare.utility import FEWEST_ROWS, Floats, Target, said_of, targets_of

_FEWEST_OF_A_KIND = 10  # rows with a category, and without it, that say how well it is known


class Skill(NamedTuple):
    """How well rows are predicted, 0 as by a guess and 1 perfectly, and its standard error."""

    value: float
    error: float

    @property
    def is_beyond_chance(self) -> bool:
        """With 99.5 % confidence."""
        return self.value > scipy.stats.norm.isf(0.005) * self.error


@dataclass(frozen=True)
class Foretold:
    """What a model says of rows, by category or under None, and what is true of them (rows,).

    `units` (rows,) says which of them resemble each other.
    """

    said: Mapping[Hashable, Floats]
    truth: NDArray
    units: NDArray

    def part(self, rows: NDArray[np.bool_]) -> "Foretold":
        """Some of the rows."""
        said = {category: values[rows] for category, values in self.said.items()}
        return Foretold(said, self.truth[rows], self.units[rows])

    @property
    def is_enough(self) -> bool:
        """Whether there are rows, and units of them, to say how sure a skill is."""
        return len(self.truth) >= FEWEST_ROWS and self.unit_count >= FEWEST_GROUPS

    @cached_property
    def unit_count(self) -> int:
        """How many units the rows are of."""
        return len(np.unique(self.units))

    def categories(self) -> set[Hashable]:
        """Those that enough rows have, and enough have not; None stands for a number."""
        found, counts = np.unique(self.truth, return_counts=True)
        if None in self.said:
            others = len(self.truth) - counts.max(initial=0)
            return {None} if others >= _FEWEST_OF_A_KIND else set()
        is_told = np.minimum(counts, len(self.truth) - counts) >= _FEWEST_OF_A_KIND
        return {*found[is_told].tolist()} & {*self.said}

    def skill(self, categories: Sequence[Hashable]) -> Skill:
        """R², or 2 AUC − 1, the mean over categories.

        Its error is that of the sum over units of what each row adds to it: of an AUC, its
        placements among the other rows (Obuchowski, 1997).
        """
        parts = [
            _r_squared(self.said[None], self.truth)
            if category is None
            else _area(self.said[category], self.truth == category)
            for category in categories
        ]
        value = float(np.mean([part for part, _ in parts]))
        _, places = np.unique(self.units, return_inverse=True)
        added = np.bincount(places, weights=np.mean([added for _, added in parts], axis=0))
        count = len(added)
        return Skill(value, float(np.sqrt(count / max(1, count - 1) * (added**2).sum())))


class Predictability(NamedTuple):
    """The score of a target in a group, and the degrees of freedom of its interval."""

    group: Group
    target: Column
    score: Score
    freedom: int


def predictability(trial: Trial, groups: Sequence[Group]) -> Iterator[Predictability]:
    """How well a model of train rows predicts each target in each group of the table's rows.

    That is over how well it predicts the holdout rows of the group, where it does at all: a ratio
    to hardly any skill says nothing. The model is linear and has seen the whole sample of train
    rows, so that few rows show whether their target follows from the rest as in real ones.
    """
    reference, table = trial.reference, trial.table
    if not len(reference.holdout):
        return
    for target in targets_of(trial):
        train, holdout = target.side("train"), target.side("holdout")
        rows = target.labelled(table, reference.look_at(table, table.sample))
        if min(map(len, (train, holdout, rows))) < FEWEST_ROWS or len(np.unique(train.wanted)) <= 1:
            continue
        name = target.column.name
        model = reference.once(("model of train", name), partial(_model_of_train, target))
        real = reference.once(("holdout foretold", name), partial(_real_foretold, target, model))
        said = said_of(model, target.kind, rows.features[:, target.seen])
        mine = Foretold(said, rows.wanted, trial.halves.unit_of[rows.is_known])
        for group in groups:
            in_table = group.has(table)[table.sample][rows.is_known]
            in_real = group.has(reference.holdout)[reference.holdout.sample][holdout.is_known]
            sides = mine.part(in_table), real.part(in_real)
            score = compared(*sides)
            if score is not None:
                freedom = min(side.unit_count for side in sides) - 1
                yield Predictability(group, target.column, score, freedom)


def _model_of_train(target: Target) -> object:
    train = target.side("train")
    learner = predictor(target.kind, "linear", len(train))
    return learner.fit(train.features[:, target.seen], train.wanted)


def _real_foretold(target: Target, model: object) -> Foretold:
    rows, holdout = target.side("holdout"), target.reference.holdout
    said = said_of(model, target.kind, rows.features[:, target.seen])
    return Foretold(said, rows.wanted, holdout.units()[holdout.sample][rows.is_known])


def compared(mine: Foretold, real: Foretold) -> Score | None:
    """The ratio of both skills; None where real rows are not predicted, or rows are too few."""
    categories = sorted(mine.categories() & real.categories(), key=str)
    if not categories or not (mine.is_enough and real.is_enough):
        return None
    skill, real_skill = mine.skill(categories), real.skill(categories)
    if not real_skill.is_beyond_chance:
        return None
    value = skill.value / real_skill.value
    units = min(mine.unit_count, real.unit_count)
    # Of a ratio, by the delta method. Whether the upper end is below 1 is whether both skills
    # differ, for which the error of the real one counts in full.
    errors = (np.hypot(skill.error, of * real_skill.error) for of in (value, max(1.0, value)))
    below, above = (float(half_width(error, units)) / real_skill.value for error in errors)
    ends = (max(0.0, end) for end in (value, value - below, value + above))
    return Score("predictability", (), *ends)


def _area(said: Floats, is_so: NDArray[np.bool_]) -> tuple[float, Floats]:
    """2 AUC − 1, and what each row adds to it beyond the mean (rows,)."""
    ranks, count = scipy.stats.rankdata(said), is_so.sum()
    # The share of the other side that is on the right side of each row.
    placed = np.empty(len(said))
    placed[is_so] = (ranks[is_so] - scipy.stats.rankdata(said[is_so])) / (len(said) - count)
    placed[~is_so] = 1 - (ranks[~is_so] - scipy.stats.rankdata(said[~is_so])) / count
    area = placed[is_so].mean()
    counts = np.where(is_so, count, len(said) - count)
    return 2 * area - 1, 2 * (placed - area) / np.sqrt(counts * (counts - 1))


def _r_squared(said: Floats, truth: Floats) -> tuple[float, Floats]:
    """R², and what each row adds to it beyond the mean (rows,)."""
    squares, missed = (truth - truth.mean()) ** 2, (truth - said) ** 2
    value = 1 - missed.sum() / squares.sum()
    return value, ((1 - value) * squares - missed) / squares.sum()
