"""Rate limits: requests and tokens a minute, as llms.yml and the provider's headers say."""

import time
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]

# Share of a bucket that is left in it: what the provider counts comes back some seconds late, and
# where it counts a little more than we do, the difference must not become a refusal.
_RESERVE = 0.02
_SHORTEST_WAIT = 0.001  # seconds, far below what a provider can tell apart


@dataclass(frozen=True)
class Limit:
    """What a provider said of a limit when it let a request in: a minute's worth, what is left."""

    per_minute: float
    remaining: float


@dataclass(frozen=True)
class _Mark:
    """What a bucket held when a request went out, to compare with what the provider says of it."""

    level: float
    corrected: float


class Bucket:
    """Fills evenly up to a minute's worth, as providers count; without a limit it is never empty.

    It is kept level with the provider's own: each answer says what was left there when its request
    came in, and the difference to what was thought here is made up for once.
    """

    def __init__(self, per_minute: float | None, clock: Clock) -> None:
        self._clock = clock
        self._most = per_minute  # no more than llms.yml allows, whatever the provider says
        self._per_minute = per_minute
        self._level = per_minute or 0.0
        self._filled_at = clock()
        self._corrected = 0.0

    def delay(self, amount: float) -> float:
        """Seconds until `amount` may be taken."""
        if self._per_minute is None:
            return 0.0
        self._fill()
        reserve = _RESERVE * self._per_minute
        # Never more than a full bucket, or a single large request would wait for ever.
        needed = min(amount + reserve, self._per_minute)
        wait = (needed - self._level) / (self._per_minute / 60)
        return wait if wait > _SHORTEST_WAIT else 0.0

    def take(self, amount: float) -> _Mark:
        """Take `amount` out; return what to hand to `learn` with the answer."""
        self._fill()
        self._level -= amount
        return _Mark(self._level, self._corrected)

    def learn(self, mark: _Mark, limit: Limit) -> None:
        """Adopt what the provider said of its own bucket when the request of `mark` came in."""
        if limit.per_minute <= 0:
            return
        self._fill()
        missing = limit.remaining - mark.level - (self._corrected - mark.corrected)
        self._level += missing
        self._corrected += missing
        self._per_minute = min(limit.per_minute, self._most or limit.per_minute)

    def _fill(self) -> None:
        now = self._clock()
        if self._per_minute is not None:
            filled = self._level + (now - self._filled_at) * self._per_minute / 60
            self._level = min(filled, self._per_minute)
        self._filled_at = now


class Pace:
    """Says when the next request to one LLM may go out."""

    def __init__(
        self,
        requests_per_minute: float | None,
        tokens_per_minute: float | None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._clock = clock
        self._requests = Bucket(requests_per_minute, clock)
        self._tokens = Bucket(tokens_per_minute, clock)
        self._paused_until = 0.0

    def delay(self, tokens: int) -> float:
        """Seconds until a request of `tokens` tokens (prompt and room for the answer) may go."""
        pause = self._paused_until - self._clock()
        return max(pause, self._requests.delay(1), self._tokens.delay(tokens))

    def take(self, tokens: int) -> tuple[_Mark, _Mark]:
        """Count a request that goes out now; return what to hand to `learn` with its answer."""
        return self._requests.take(1), self._tokens.take(tokens)

    def learn(
        self, marks: tuple[_Mark, _Mark], *, requests: Limit | None, tokens: Limit | None
    ) -> None:
        """Adopt what the headers of an answer said."""
        if requests:
            self._requests.learn(marks[0], requests)
        if tokens:
            self._tokens.learn(marks[1], tokens)

    def pause(self, seconds: float) -> None:
        """Send nothing for so long: the provider asked for it."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)
