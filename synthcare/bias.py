"""Gaps between groups of people: how often a target has a value in one, and in all others."""

from collections.abc import Iterator, Sequence

import numpy as np
import scipy

from synthcare.chance import Tally, Z
from synthcare.groups import Group, tally
from synthcare.tables import Column, Table
from synthcare.trial import Score, Trial

ADDED, LOST = "bias added", "bias lost"

Gap = tuple[float, float, float]


def gaps_looked_at(trial: Trial, groups: Sequence[Group]) -> int:
    """How many gaps `rates` compares with real ones, over all groups."""
    return sum(len(target.values) for group in groups for _, target in _targets(trial, group))


def _targets(trial: Trial, group: Group) -> Iterator[tuple[int, Column]]:
    """Targets that are categories: not what the group is a value of, nor what was handed over."""
    for place, target in enumerate(trial.reference.train.columns):
        is_own = target.sources & group.column.sources
        is_drawn = target.sources <= trial.left_out
        if target.is_target and not target.is_number and not is_own and not is_drawn:
            yield place, target


def rates(trial: Trial, group: Group, looks: int) -> Iterator[Score]:
    """The rate of each value of a target in the group, and its gap to the rate among others.

    Of categories. The subject is column, target, the code of its value, and group; the note is the
    value. `subgroup_bias` is the gap less that of real rows: added where it is larger than theirs
    or the other way round, lost where it is smaller, and no note where it may be chance, `looks`
    gaps being looked at.
    """
    z = float(scipy.stats.norm.isf(0.025 / max(1, looks)))
    for place, target in _targets(trial, group):
        for code, value in enumerate(target.values, 1):
            subject = (group.column.name, target.name, str(code), group.name)
            gaps = []
            for prefix, table in (("", trial.table), ("real_", trial.reference.train)):
                inside, others = _sides(table, group, place, code)
                if inside is None or others is None:
                    continue
                rate, gap = f"{prefix}subgroup_rate", f"{prefix}subgroup_gap"
                yield Score(rate, subject, inside.share, *inside.interval, note=value)
                gaps.append(_difference(inside, others, z))
                yield Score(gap, subject, *_difference(inside, others, Z), note=value)
            if len(gaps) > 1:
                change = gaps[0][0] - gaps[1][0]
                yield Score("subgroup_bias", subject, change, note=verdict(*gaps))


def _sides(table: Table, group: Group, place: int, code: int) -> tuple[Tally | None, Tally | None]:
    """Whose target has the code, in the group and in all others; None where there is no row."""
    is_known = table.codes[:, place] > 0
    is_member = group.has(table)
    is_other = (table.codes[:, group.place] > 0) & ~is_member
    hits = table.codes[:, place] == code
    inside, others = (
        tally(table, hits, rows & is_known) if (rows & is_known).any() else None
        for rows in (is_member, is_other)
    )
    return inside, others


def _difference(one: Tally, other: Tally, z: float) -> Gap:
    """Of two shares, with the ends of its interval by Newcombe's method 10 (1998)."""
    (low, high), (other_low, other_high) = one.ends(z), other.ends(z)
    value = one.share - other.share
    below = np.hypot(one.share - low, other_high - other.share)
    above = np.hypot(high - one.share, other.share - other_low)
    return value, float(value - below), float(value + above)


def verdict(gap: Gap, real: Gap) -> str | None:
    """Whether a gap differs from that of real rows, and how; None where it may be chance.

    Added is a gap that is there beyond chance, and is larger than theirs or the other way round.
    """
    (value, low, high), (real_value, real_low, real_high) = gap, real
    change = value - real_value
    reach = np.hypot(value - low, real_high - real_value)
    if change < 0:
        reach = np.hypot(high - value, real_value - real_low)
    if abs(change) <= reach:
        return None
    is_there = low > 0 or high < 0
    is_more = abs(value) > abs(real_value) or value * real_value < 0
    return ADDED if is_there and is_more else LOST
