"""What work costs, as a ratio of other work in the same process, whatever the machine."""

import time
from collections.abc import Callable
from typing import TypeVar

Input = TypeVar("Input")
TIMES_LONGER = 8
_SHORTEST = 0.01  # seconds; what takes less is all overhead


def best_of_three(
    work: Callable[[], object], clock: Callable[[], float] = time.perf_counter
) -> float:
    """Seconds of `work` by that clock: the least of three, as others share the machine."""
    taken = []
    for _ in range(3):
        began = clock()
        work()
        taken.append(clock() - began)
    return min(taken)


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this thread for `work`."""
    return best_of_three(work, time.thread_time)


def assert_linear(work: Callable[[Input], object], short: Input, long: Input) -> None:
    """Input that is TIMES_LONGER as long costs so many times as much, not the square of it."""
    few, many = cpu_seconds(lambda: work(short)), cpu_seconds(lambda: work(long))
    assert many < max(few, _SHORTEST) * TIMES_LONGER * 3
