"""Whether groups of people are as well served by a table as by as many real rows of theirs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from synthcare.bias import gaps_looked_at, rates
from synthcare.chance import widening
from synthcare.fidelity import columns_alike
from synthcare.groups import Group, groups_of, tally
from synthcare.halves import Halves
from synthcare.predictability import predictability
from synthcare.reference import Reference
from synthcare.structure import Ties, are_separate
from synthcare.tables import Table
from synthcare.trial import Score, Trial
from synthcare.utility import DRAWS, skills_of_groups

# Scores of groups, under `subgroup_` and these names.
OF_GROUPS = (
    "representation",
    "column_fidelity",
    "target_fidelity",
    "structure",
    "utility",
    "predictability",
)

FEWEST_ROWS = 20  # of a group, in the table and in either real half

TOO_FEW = f"fewer than {FEWEST_ROWS} rows"
TOO_FEW_REAL = f"fewer than {FEWEST_ROWS} real rows"

NOTHING_WITHIN = f"no group has {FEWEST_ROWS} rows in the table and in real ones"

# Degrees of freedom of the intervals: of shares, which have more, and of half-samples.
_BLOCKS = 23


@dataclass(frozen=True)
class _Look:
    """A score of a group, which is 1 in as many real rows; what it says, in words."""

    group: Group
    score: Score
    what: str
    freedom: int = _BLOCKS

    def upper(self, looks: int) -> float:
        """The upper end of its interval, had so many looks to be right together."""
        widen = widening(0.025 / looks, self.freedom)
        return self.score.value + widen * (self.score.high - self.score.value)


def subgroups(trial: Trial) -> Iterator[Score]:
    """The worst score of a group of people, where it is worse than chance; 1 where none is.

    Of each group: its share of the rows against that of real ones, and within it how columns and
    targets are spread, how targets are tied to other columns, how well models of the table predict
    its real rows, and models of real rows those of the table. Beside them the rates of targets.
    """
    groups = [*groups_of(trial.reference.train, trial.left_out)]
    if trial.lost_groups:
        yield Score("subgroups", note=f"the table lacks {', '.join(trial.lost_groups)}")
        return
    if not groups:
        return
    gaps = gaps_looked_at(trial, groups)
    looks: list[_Look] = []
    looked_into = []
    for group in groups:
        yield from _shares(trial, group)
        looks += _representation(trial, group)
        of_group, note = _trial_of(trial, group)
        if of_group is None:
            yield Score("subgroup", group.subject, note=note)
            continue
        looked_into.append(group)
        looks += _within(of_group, group)
        yield from rates(trial, group, gaps)
    looks += _utility(trial, groups)
    looks += _predictability(trial, looked_into)
    for look in looks:
        yield replace(look.score, name=f"subgroup_{look.score.name}", subject=_subject(look))
    yield _worst([look for look in looks if look.score.high is not None])


def _subject(look: _Look) -> tuple[str, ...]:
    """Column, target where it is about one, and group."""
    column, name = look.group.subject
    return (column, *look.score.subject, name)


def _worst(looks: Sequence[_Look]) -> Score:
    """The score that is most surely below 1, however many are looked at."""
    if not looks:
        return Score("subgroups", note=NOTHING_WITHIN)
    # As many looks as these would find something by chance.
    worst = min(looks, key=lambda look: look.upper(len(looks)))
    if worst.upper(len(looks)) >= 1:
        if all(look.score.name == "representation" for look in looks):
            return Score("subgroups", note=NOTHING_WITHIN)
        low = min(look.score.low for look in looks)
        return Score("subgroups", (), 1.0, max(0.0, low), 1.0)
    ends = (
        min(1.0, max(0.0, end)) for end in (worst.score.value, worst.score.low, worst.score.high)
    )
    column, name = worst.group.subject
    return Score("subgroups", (), *ends, note=f"{column} {name}: {worst.what}")


def _shares(trial: Trial, group: Group) -> Iterator[Score]:
    """Which share of the rows is of the group, here and in real rows."""
    for name, table in (
        ("subgroup_share", trial.table),
        ("real_subgroup_share", trial.reference.train),
    ):
        members = tally(table, group.has(table))
        yield Score(name, group.subject, members.share, *members.interval)


def _representation(trial: Trial, group: Group) -> Iterator[_Look]:
    """The group's share of the rows over that of real rows; too large is no harm."""
    tables = (trial.table, trial.reference.train)
    share, real = (tally(table, group.has(table)) for table in tables)
    (low, high), (real_low, real_high) = share.interval, real.interval
    value = share.share / real.share
    # Both ends of the ratio as far as both shares may err together.
    ends = min(value, low / real_high), max(value, high / max(real_low, 1e-12))
    score = Score("representation", (), *(min(1.0, end) for end in (value, *ends)))
    what = f"{share.share:.1%} of the rows, where real rows are {real.share:.1%}"
    yield _Look(group, score, what)


def _trial_of(trial: Trial, group: Group) -> tuple[Trial | None, str | None]:
    """The rows of a group beside the real ones of it; why not, where they are too few."""
    reference = trial.reference.once(
        ("group", group.subject), lambda: _reference_of(trial.reference, group)
    )
    if min(len(reference.train), len(reference.holdout)) < FEWEST_ROWS:
        return None, TOO_FEW_REAL
    table, is_in = _of_group(trial.table, group)
    halves = trial.halves
    inside = Halves(halves.block_of[is_in], halves.is_drawn, halves.unit_of[is_in], halves.shrink)
    if len(table) < FEWEST_ROWS or (inside.sizes == 0).any():
        return None, TOO_FEW
    left_out = trial.left_out | group.column.sources
    return Trial(reference, table, inside, left_out), None


def _reference_of(reference: Reference, group: Group) -> Reference:
    halves = (reference.train, reference.holdout)
    return Reference(*(_of_group(half, group)[0] for half in halves))


def _of_group(table: Table, group: Group) -> tuple[Table, NDArray[np.bool_]]:
    """The rows of a group, and which of the sample they are."""
    is_member = group.has(table)
    place_of_row = np.cumsum(is_member) - 1
    is_in = is_member[table.sample]
    members = table.take(np.flatnonzero(is_member))
    return replace(members, sample=place_of_row[table.sample[is_in]]), is_in


def _within(trial: Trial, group: Group) -> Iterator[_Look]:
    """How columns and targets are spread in a group, and what ties the targets to the others."""
    columns = trial.reference.train.columns
    freedom = trial.halves.blocks - 1
    # Halves say how much the group's rows vary; its real ones, which may be fewer, vary as well.
    widen = float(np.sqrt(1 + len(trial.table) / len(trial.reference.train)))
    targets = [column.name for column in columns if column.is_target]
    for score in columns_alike(trial):
        if score.value is not None:
            score = _widened(score, widen)  # noqa: PLW2901
            if not score.subject:
                what = "its columns are not spread as in real rows"
                yield _Look(group, score, what, freedom)
            elif score.subject[0] in targets:
                what = f"{score.subject[0]} is not spread as in real rows"
                yield _Look(group, replace(score, name="target_fidelity"), what, freedom)
    for place, column in enumerate(columns):
        pairs = [
            tuple(sorted((place, other)))
            for other in range(len(columns))
            if other not in (place, group.place)
            and are_separate(trial.table, place, other)
            and not column.sources | columns[other].sources <= trial.left_out
        ]
        if column.is_target and place != group.place and pairs:
            score = Ties(trial, pairs).score((column.name,))
            what = f"{column.name} is not tied to other columns as in real rows"
            if score.value is not None:
                yield _Look(group, score, what, freedom)


def _widened(score: Score, widen: float) -> Score:
    if score.high is None:
        return score
    ends = (score.value + widen * (end - score.value) for end in (score.low, score.high))
    return replace(score, **dict(zip(("low", "high"), ends, strict=True)))


def _utility(trial: Trial, groups: Sequence[Group]) -> Iterator[_Look]:
    """How well models of the table predict each group's real rows, against models of real rows."""
    members = {group.subject: group.has(trial.reference.train) for group in groups}
    by_subject = {group.subject: group for group in groups}
    for subject, target, score in skills_of_groups(trial, members):
        group = by_subject[subject]
        if not group.column.sources & target.sources:
            what = f"models of the table predict {target.name} of its real rows less well"
            yield _Look(group, replace(score, subject=(target.name,)), what, DRAWS - 1)


def _predictability(trial: Trial, groups: Sequence[Group]) -> Iterator[_Look]:
    """How well models of real rows predict each group's rows in the table, against real ones."""
    for group, target, score, freedom in predictability(trial, groups):
        if not group.column.sources & target.sources:
            what = f"models of real rows predict {target.name} of its rows less well"
            yield _Look(group, replace(score, subject=(target.name,)), what, freedom)
