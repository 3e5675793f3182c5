"""Sends the requests of one LLM: as many at once as its servers bear, as soon as limits allow."""

import asyncio
import heapq
import itertools
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

from generators.asking.llms import LLM
from generators.asking.runs import utc_now
from generators.asking.servers import Departure, Server
from generators.asking.work import CAP_REACHED, Work
from generators.costs.budget import Budget
from generators.landing.dispatches import LOST, REFUSED
from generators.providers import Completion, Provider, Request, Unanswered
from generators.variety.brief import Cell
from synthcare.errors import SynthcareError, some

_ATTEMPTS = 8
# Before the first answer, an address where nobody listens, or that answers something else, is more
# likely wrong than busy.
_ATTEMPTS_TO_REACH = 3
_FIRST_BACKOFF_SECONDS = 0.5
_LONGEST_BACKOFF_SECONDS = 60.0
_LONGEST_PAUSE_SECONDS = 900.0  # who waits longer for a provider should know of it
_TOLD_FROM_SECONDS = 10.0  # nobody waits longer without knowing for what
_SILENCE_TOLD_EVERY_SECONDS = 60.0
_BUDGET_POLL_SECONDS = 0.2  # other LLMs share the cap, and do not say when they settle


@dataclass(eq=False)
class _Sending:
    """A request on its way to an answer, over all its attempts."""

    work: Work
    request: Request
    attempts: int = 0
    usd_at_most: float = field(init=False)

    def __post_init__(self) -> None:
        self.usd_at_most = self.work.usd_at_most(self.request)


class Scheduler:
    """The requests of all runs of one LLM, those of earlier runs first.

    Each goes to the server with most room. One that nobody answers at is left out for a while, and
    one that refuses for good is left out for good, as long as there are others. `failure` is what
    made it stop for good, if anything did: then nothing more is sent, and what is under way is
    still received.
    """

    def __init__(
        self,
        llm: LLM,
        providers: Mapping[str | None, Provider],
        budget: Budget,
        group: asyncio.TaskGroup,
        told: Callable[[str], None],
    ) -> None:
        self.failure: SynthcareError | None = None
        self._told, self._wait_told_until, self._silence_told_until = told, 0.0, 0.0
        self._llm, self._budget, self._group = llm, budget, group
        self._servers: Sequence[Server] = [
            Server(llm, provider, name) for name, provider in providers.items()
        ]
        self._works: list[Work] = []
        self._again: list[tuple[float, int, _Sending]] = []  # a heap of (when, tie-break, what)
        self._tie_break = itertools.count()
        self._in_flight = 0
        self._has_answered = False
        self._random = random.Random(llm.name)  # noqa: S311 (jitter)
        self._changed = asyncio.Event()

    async def ask(self, work: Work, rows: int, cells: Mapping[Cell, int] | None = None) -> None:
        """Ask for `rows` rows of a run, or those of `cells`; return when all requests ended.

        That is when all were answered, when the cap allows no further one, or at a failure.
        """
        if self.failure:
            work.stop(str(self.failure), has_failed=True)
            return
        work.begin(rows, cells)
        self._works = sorted([*self._works, work], key=lambda work: work.order)
        self._changed.set()
        await work.ended.wait()
        self._works.remove(work)

    async def dispatch(self) -> None:
        """Send what may go, for as long as the task lives."""
        while True:
            self._changed.clear()
            delay = self._send_what_may_go()
            self._tell_of_silence()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(delay or _TOLD_FROM_SECONDS, _TOLD_FROM_SECONDS)):
                    await self._changed.wait()

    def _send_what_may_go(self) -> float | None:
        """Send; return the seconds until more may go by itself, None if only an event lets it."""
        while servers := [server for server in self._servers if server.room > 0]:
            sending, delay = self._next()
            if sending is None:
                return delay
            request = sending.request
            tokens = sending.work.tokens_about(request)
            server = min(servers, key=lambda server: (server.pace.delay(tokens), -server.room))
            if delay := server.pace.delay(tokens):
                self._put_back(sending, at=0.0)
                if len(self._servers) == 1 or not self._in_flight:
                    self._tell_of_wait(delay, "for its limits of requests and tokens a minute")
                return delay
            if not self._budget.reserve(sending.usd_at_most):
                if self._budget.is_waiting:
                    self._put_back(sending, at=0.0)
                    return _BUDGET_POLL_SECONDS
                sending.work.end_request()
                sending.work.stop(CAP_REACHED)
                continue
            departure = server.depart(tokens)
            asked = sending.work.asked(request, utc_now()) | {"server": server.name}
            sending.work.journal.dispatches.sent(request.number, sending.usd_at_most, asked)
            self._in_flight += 1
            self._group.create_task(self._send(sending, server, departure))
        now = time.monotonic()
        return min((s.back_at - now for s in self._servers if s.back_at > now), default=None)

    def _next(self) -> tuple[_Sending | None, float | None]:
        """What to send next, or the seconds until there is something."""
        now = time.monotonic()
        while self._again and self._again[0][0] <= now:
            sending = heapq.heappop(self._again)[2]
            if not sending.work.stopped_because:
                return sending, None
            sending.work.end_request()
        for work in self._works:
            if work.rows_left > 0:
                return _Sending(work, work.next_request()), None
        return None, self._again[0][0] - now if self._again else None

    def _put_back(self, sending: _Sending, at: float) -> None:
        heapq.heappush(self._again, (at, next(self._tie_break), sending))

    async def _send(self, sending: _Sending, server: Server, departure: Departure) -> None:
        requested_at = utc_now()
        sending.attempts += 1
        stream = sending.work.journal.streams.begin(sending.request.number)

        def heard(piece: str) -> None:
            server.heard_at = time.monotonic()
            stream.hear(piece)

        try:
            completion = await server.provider.complete(sending.request, heard)
        except asyncio.CancelledError:  # somebody stops the command
            stream.leave()
            raise
        except Unanswered as why:
            self._budget.settle(sending.usd_at_most, 0.0 if why.is_refused else sending.usd_at_most)
            sending.work.journal.dispatches.ended(
                sending.request.number, REFUSED if why.is_refused else LOST
            )
            sending.work.unanswered += not why.is_refused
            self._ask_again(sending, server, departure, why)
        except SynthcareError as error:
            self._budget.settle(sending.usd_at_most, 0.0)
            sending.work.journal.dispatches.ended(sending.request.number, REFUSED)
            self._lose(server, sending, error)
        else:
            was_left_out = server.is_left_out
            server.answered(departure, completion)
            if was_left_out and not server.is_left_out:
                self._told(f"{server.name} answers again")
            if not self._receive(sending, server, completion, requested_at):
                stream.leave()
        finally:
            stream.end()
            self._in_flight -= 1
            server.ended(departure)
            self._changed.set()

    def _receive(
        self, sending: _Sending, server: Server, completion: Completion, requested_at: datetime
    ) -> bool:
        """Whether the answer is in the journal; if not, its stream is left to the next session."""
        self._has_answered = True
        server.heard_at = time.monotonic()
        self._budget.settle(sending.usd_at_most, sending.work.usd(completion, sending.usd_at_most))
        is_kept = False
        try:
            sending.work.receive(sending.request, completion, requested_at, server=server.name)
            is_kept = True
        except SynthcareError as error:  # the disk is full
            self._fail(error)
        sending.work.end_request()
        return is_kept

    def _ask_again(
        self, sending: _Sending, server: Server, departure: Departure, why: Unanswered
    ) -> None:
        server.failed(departure, why)
        # A single server is not left out: each request waits for itself.
        rest = server.rests_after(departure, why) if len(self._servers) > 1 else None
        if rest:
            seconds = "a second" if rest <= 1 else f"{rest:.0f} seconds"
            self._told(f"{server.name} is left out for {seconds}: {why}")
        if len(self._servers) > 1 and (rest or why.is_overload or why.is_unreachable):
            sending.attempts -= 1  # it says something of the server, and nothing of the request
        if why.retry_after and why.retry_after > _LONGEST_PAUSE_SECONDS:
            self._lose(server, sending, SynthcareError(self._too_long(why)))
        elif (tried := self._tried(sending)) >= self._most_attempts(why):
            sending.work.end_request()
            said = f"{why} Tried {tried} times; run the same command again to go on."
            self._fail(SynthcareError(said))
        elif self.failure or sending.work.stopped_because:
            sending.work.end_request()
        elif any(other.room > 0 for other in self._servers if other is not server):
            self._put_back(sending, at=0.0)
        else:
            longest = min(
                _LONGEST_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2 ** (sending.attempts - 1)
            )
            # With jitter: those that failed together do not come back together.
            backoff = max(why.retry_after or 0.0, self._random.uniform(longest / 2, longest))
            self._tell_of_wait(backoff, f"to ask again: {why}")
            self._put_back(sending, at=time.monotonic() + backoff)

    def _too_long(self, why: Unanswered) -> str:
        minutes = f"{why.retry_after / 60:,.0f} minutes"
        return f"{self._llm.name} asks to wait for {minutes} ({why}). Run it again then."

    def _tried(self, sending: _Sending) -> int:
        """How often a request was sent, or all servers were left out and tried again."""
        return max(sending.attempts, min(server.rests for server in self._servers))

    def _most_attempts(self, why: Unanswered) -> int:
        is_out_of_reach = (why.is_unreachable or why.is_unreadable) and not self._has_answered
        return _ATTEMPTS_TO_REACH if is_out_of_reach else _ATTEMPTS

    def _lose(self, server: Server, sending: _Sending, error: SynthcareError) -> None:
        """Ask one server no more, and the others for what it was asked for; without any, fail."""
        others = [other for other in self._servers if other is not server]
        if not others or self.failure or sending.work.stopped_because:
            sending.work.end_request()
            if not others:
                self._fail(error)
            return
        if server in self._servers:
            self._told(f"{server.name} is asked no more: {error}")
        self._servers = others
        self._put_back(sending, at=0.0)

    def _tell_of_wait(self, seconds: float, for_what: str) -> None:
        """Tell of a long wait, once while it lasts."""
        until = time.monotonic() + seconds
        if seconds >= _TOLD_FROM_SECONDS and until > self._wait_told_until + _TOLD_FROM_SECONDS:
            self._wait_told_until = until
            self._told(f"{self._llm.name} waits {seconds:,.0f} seconds {for_what}")

    def _tell_of_silence(self) -> None:
        """Tell that requests bring nothing, of all servers or of those that do not talk.

        Once a minute at most, and not while a wait for limits or a rest is told.
        """
        asked = [server for server in self._servers if server.under_way]
        silent = [server for server in asked if server.silence() >= _TOLD_FROM_SECONDS]
        told_until = max(self._silence_told_until, self._wait_told_until)
        if not silent or time.monotonic() <= told_until:
            return
        self._silence_told_until = time.monotonic() + _SILENCE_TOLD_EVERY_SECONDS
        who = f"{self._llm.name} has said"
        if len(silent) < len(asked):
            who = f"{some([server.name for server in silent])} of {self._llm.name} said"
        seconds = min(server.silence() for server in silent)
        self._told(
            f"{who} nothing for {seconds:.0f} seconds; answers under way: "
            f"{sum(server.under_way for server in silent)}, given up after "
            f"{self._llm.timeout_seconds:,.0f} seconds"
        )

    def _fail(self, error: SynthcareError) -> None:
        self.failure = self.failure or error
        for _, _, waiting in self._again:
            waiting.work.end_request()
        self._again.clear()
        for work in self._works:
            work.stop(str(error), has_failed=True)


@asynccontextmanager
async def open_scheduler(
    llm: LLM,
    providers: Mapping[str | None, Provider],
    budget: Budget,
    told: Callable[[str], None],
) -> AsyncIterator[Scheduler]:
    """A scheduler that sends while the block lasts; `told` is what a person is told by.

    `providers` are those of each server, by its address, which nobody needs where there is one.
    """
    async with asyncio.TaskGroup() as group:
        scheduler = Scheduler(llm, providers, budget, group, told)
        dispatcher = group.create_task(scheduler.dispatch())
        yield scheduler
        dispatcher.cancel()
