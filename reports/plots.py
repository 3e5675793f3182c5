"""Where the points of a plot are: in shares of its width and height, which the template draws."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.formats import number

_TICKS = 5


@dataclass(frozen=True)
class Axis:
    """A scale from `low` to `high`, in powers of ten if it `is_log`."""

    label: str
    low: float
    high: float
    ticks: tuple[float, ...]
    is_log: bool = False

    def place(self, value: float) -> float:
        """0 at the low end and 1 at the high end; values outside are put there."""
        low, high = self.low, self.high
        if self.is_log:
            low, high, value = math.log10(low), math.log10(high), math.log10(max(value, low))
        return min(1.0, max(0.0, (value - low) / (high - low)))

    def text(self, tick: float) -> str:
        """The tick with as many digits as its neighbours need."""
        step = tick if self.is_log else self.ticks[1] - self.ticks[0]
        return number(tick, max(0, -math.floor(math.log10(step))))


@dataclass(frozen=True)
class Point:
    """One run: its number in the leaderboard, its LLM's colour, and its interval if it has one."""

    x: float
    y: float
    number: int
    colour: int
    title: str
    y_low: float | None = None
    y_high: float | None = None


@dataclass(frozen=True)
class Line:
    """A horizontal line that says what something else reaches."""

    y: float
    label: str


@dataclass(frozen=True)
class Plot:
    title: str
    x: Axis
    y: Axis
    points: tuple[Point, ...]
    lines: tuple[Line, ...] = ()


def axis(label: str, values: Sequence[float], *, starts_at_zero: bool = True) -> Axis:
    """An axis with round ticks around `values`; in powers of ten where they differ by more."""
    low, high = min(values), max(values)
    if low > 0 and high / low > 10:  # noqa: PLR2004 (a linear axis would show the small as zero)
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = tuple(10.0**power for power in powers)
        return Axis(label, ticks[0], ticks[-1], ticks, is_log=True)
    low = 0.0 if starts_at_zero else low
    step = _round_step((high - low) or abs(high) or 1.0)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    ticks = tuple(round(place * step, 10) for place in range(first, last + 1))
    return Axis(label, ticks[0], ticks[-1], ticks)


def _round_step(span: float) -> float:
    """1, 2 or 5 times a power of ten, so that about five fit into `span`."""
    power = 10.0 ** math.floor(math.log10(span / _TICKS))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= span / _TICKS)
