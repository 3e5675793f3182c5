"""What is left to ask of one run, cut into requests, and what its answers cost."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from generators.journal import Journal, Response
from generators.prompts.slices import draw_slice
from generators.providers import Completion, Request, request_seed
from generators.runs import Run, utc_now
from generators.wire_formats import max_tokens

CAP_REACHED = "the spend cap allows no further request"

# Tokens that a chat template may put around the messages, beside those of the text.
_TEMPLATE_TOKENS = 64


class Work:
    """One run while it is generated. Runs with a smaller `order` go first."""

    def __init__(
        self, run: Run, journal: Journal, order: int, received: Callable[[Run, int], None]
    ) -> None:
        self.run, self.journal, self.order = run, journal, order
        self.rows_left = 0
        self.stopped_because: str | None = None
        self.has_failed = False
        self.unanswered = 0  # requests of this session that got no answer, but may be charged
        self.ended = asyncio.Event()
        self._received = received
        self._under_way = 0
        self._number = journal.last_request_number
        self._rows_before = journal.rows_requested
        self._rows_per_request = run.llm.rows_per_request
        self._tokens_per_row = run.tokens_per_row

    def begin(self, rows: int) -> None:
        """Set `rows` rows to be asked for."""
        self.rows_left = rows
        self.ended.clear()

    def stop(self, because: str, *, has_failed: bool = False) -> None:
        """Ask for no more; what is under way is still received."""
        self.stopped_because = self.stopped_because or because
        self.has_failed = self.has_failed or has_failed
        self.rows_left = 0
        self._check_ended()

    def next_request(self) -> Request:
        """The next request, which is then under way until `end_request`."""
        self.journal.begin()
        rows = min(self.rows_left, self._rows_per_request)
        self._number += 1
        request = self.request(self._number, rows)
        self.rows_left -= rows
        self._rows_before += rows
        self._under_way += 1
        return request

    def request(self, number: int, rows: int) -> Request:
        """The request of this number: the same in every session, but for the room it has."""
        run, part = self.run, None
        if run.prompt:
            part = draw_slice(run.contract, seed=request_seed(run.seed, number))
        return Request(
            number=number,
            rows_before=self._rows_before,
            rows=rows,
            run_seed=run.seed,
            wire_format=run.llm.wire_format,
            contract=run.contract,
            prompt=run.prompt,
            part=part,
            max_tokens=max_tokens(self._tokens_per_row, rows),
        )

    def receive(
        self,
        request: Request,
        completion: Completion,
        requested_at: datetime,
        received_at: datetime | None = None,
    ) -> None:
        """Journal an answer that was received now. Raises SynthcareError where it cannot."""
        self.journal.append(
            Response(
                response_id=f"{self.run.run_id}-{request.number}",
                run_id=self.run.run_id,
                request_number=request.number,
                rows_requested=request.rows,
                slice_text=request.slice_text or None,
                # Half of a surrogate pair has no UTF-8, and so no place in a warehouse.
                response_text=completion.text.encode(errors="replace").decode(),
                finish_reason=completion.finish_reason,
                input_tokens=completion.input_tokens,
                cached_tokens=completion.cached_tokens,
                output_tokens=completion.output_tokens,
                requested_at=requested_at,
                received_at=received_at or utc_now(),
            )
        )
        if completion.finish_reason == "length":
            self._ask_for_fewer(request)
        self._received(self.run, request.rows)

    def end_request(self) -> None:
        """Note that a request is no longer under way: it was received, or given up."""
        self._under_way -= 1
        self._check_ended()

    def tokens_about(self, request: Request) -> int:
        """Tokens that a rate limit counts for a request: its prompt and the room for its answer."""
        return self.run.prompt_tokens + len(request.slice_text) // 3 + request.max_tokens

    def usd_at_most(self, request: Request) -> float:
        """The most that a request can cost; 0 where the model has no price.

        No tokenizer makes more tokens of a text than it has bytes, and the provider cuts the answer
        off at the room it was given.
        """
        if self.run.price is None:
            return 0.0
        prompt_bytes = self.run.prompt_bytes + len(request.slice_text.encode())
        return self.run.price.usd(
            input_tokens=prompt_bytes + _TEMPLATE_TOKENS, output_tokens=request.max_tokens
        )

    def usd(self, completion: Completion, usd_at_most: float) -> float:
        """What an answer cost, or may have cost at most where the provider did not say."""
        if self.run.price is None:
            return 0.0
        if completion.input_tokens is None or completion.output_tokens is None:
            return usd_at_most
        return self.run.price.usd(
            input_tokens=completion.input_tokens,
            cached_tokens=completion.cached_tokens or 0,
            output_tokens=completion.output_tokens,
        )

    def usd_of_one(self, rows: int) -> float:
        """The most that the next request can cost if `rows` rows are missing."""
        rows = min(rows, self._rows_per_request)
        return self.usd_at_most(self.request(self._number + 1, rows))

    def usd_before(self) -> float:
        """What the run has cost in earlier sessions, with all that may have been charged."""
        return self.journal.usd(self.run.price)

    def _ask_for_fewer(self, request: Request) -> None:
        """Half as many rows in the same room, if that was not done already."""
        fewer = max(1, request.rows // 2)
        if fewer < self._rows_per_request:
            self._tokens_per_row *= request.rows / fewer
            self._rows_per_request = fewer

    def _check_ended(self) -> None:
        if self.rows_left <= 0 and self._under_way == 0:
            self.ended.set()
