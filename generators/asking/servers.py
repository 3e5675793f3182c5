"""One server of an LLM: how much it bears at once, and whether it can be asked now."""

import time
from dataclasses import dataclass
from typing import Any

from generators.asking.llms import LLM
from generators.asking.pace import Pace
from generators.landing.streams import BROKEN
from generators.providers import Completion, Provider, Unanswered

# In a row: one alone may be of the request, and an overload passes.
_FAULTS_TO_REST, _OVERLOADS_TO_REST = 3, 8
_FIRST_REST_SECONDS, _LONGEST_REST_SECONDS = 1.0, 60.0


@dataclass(frozen=True)
class Departure:
    """A request that goes out: when, and what its answer is to be compared with."""

    at: float
    marks: Any


class Server:
    """What is known of one server: its limits, its load, and since when it has not answered.

    `name` is its address, None where the LLM has no other. Of the requests that are `under_way`,
    those `in_flight` were sent since it last rested. It is left out until `back_at`, and was so
    `rests` times in a row. After an overload it is asked for a quarter less at once, then for
    one more with every answer.
    """

    def __init__(self, llm: LLM, provider: Provider, name: str | None) -> None:
        self.name, self.provider = name, provider
        self.in_flight = self.under_way = 0
        self.heard_at = time.monotonic()
        self.pace = Pace(llm.requests_per_minute, llm.tokens_per_minute)
        self.back_at = 0.0
        self._most = llm.concurrency
        self._allowed = float(llm.concurrency)
        self._lowered_at = self._rested_at = 0.0
        self._faults = self._overloads = 0
        self.rests = 0

    @property
    def room(self) -> int:
        """How many requests may go out to it now; 0 while it rests."""
        return 0 if time.monotonic() < self.back_at else int(self._allowed) - self.in_flight

    @property
    def is_left_out(self) -> bool:
        """Whether it has not answered since it was sent to rest."""
        return self.rests > 0

    def silence(self) -> float:
        """Seconds in which it has said nothing; 0 where nobody waits for it."""
        return time.monotonic() - self.heard_at if self.under_way else 0.0

    def depart(self, tokens: int) -> Departure:
        """Count a request of so many tokens that goes out now."""
        if not self.under_way:
            self.heard_at = time.monotonic()
        self.in_flight += 1
        self.under_way += 1
        return Departure(time.monotonic(), self.pace.take(tokens))

    def ended(self, departure: Departure) -> None:
        """Note that a request is no longer under way; of those before a rest none is counted."""
        self.under_way -= 1
        self.in_flight -= departure.at > self._rested_at

    def answered(self, departure: Departure, completion: Completion) -> None:
        """Learn from an answer; one that broke off does not say that a server is back."""
        self.pace.learn(
            departure.marks, requests=completion.requests_limit, tokens=completion.tokens_limit
        )
        is_well = completion.finish_reason != BROKEN or not self.is_left_out
        if not is_well or departure.at <= self._rested_at:
            return
        self._faults = self._overloads = self.rests = 0
        self._allowed = min(self._allowed + 1, self._most)

    def failed(self, departure: Departure, why: Unanswered) -> None:
        """Learn from a request that brought no answer."""
        if why.retry_after:
            self.pace.pause(why.retry_after)
        if why.is_overload and departure.at > self._lowered_at:
            # Once for all that were under way together.
            self._allowed, self._lowered_at = max(1.0, self._allowed * 0.75), time.monotonic()

    def rests_after(self, departure: Departure, why: Unanswered) -> float | None:
        """The seconds for which it is left out from now on, if it is; each time twice as long.

        That is where nobody answered there, or not once for several requests. Then it is tried with
        a single one, whatever it may still have under way.
        """
        if departure.at <= self._rested_at:
            return None
        self._overloads += why.is_overload
        self._faults += not why.is_overload
        is_tired = self._faults >= _FAULTS_TO_REST or self._overloads >= _OVERLOADS_TO_REST
        if not (why.is_unreachable or is_tired):
            return None
        rest = min(_LONGEST_REST_SECONDS, _FIRST_REST_SECONDS * 2**self.rests)
        self.rests += 1
        self._rested_at = time.monotonic()
        self.back_at = self._rested_at + rest
        self._allowed, self.in_flight = 1.0, 0
        return rest
