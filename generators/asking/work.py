"""What is left to ask of one run, cut into requests, and what its answers cost."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

from generators.asking.runs import Run, utc_now
from generators.asking.sizes import Sizes
from generators.landing.journal import Journal, Response, Spent
from generators.providers import Completion, Request, request_seed
from generators.variety import make_brief
from generators.variety.brief import Cell
from generators.variety.families import MOST_PARENTS, Parent, family_brief
from generators.wire_formats import count_rows

CAP_REACHED = "the spend cap allows no further request"

# Tokens that a chat template may put around the messages, beside those of the text.
_TEMPLATE_TOKENS = 64

# Of the rows that a round asks for, how many are asked for again before dbt has counted.
_MOST_REFILLED = 0.5


class Work:
    """One run while it is generated. Runs with a smaller `order` go first.

    A request asks for `most_rows` at most, where that is given, and for as many as fit. `parents`
    are what its rows are to belong to, by cell, once they are known.

    `endings` counts how the answers of this session ended, `unanswered` its requests that got none
    but may be charged.
    """

    def __init__(
        self,
        run: Run,
        journal: Journal,
        order: int,
        received: Callable[[Run, int], None],
        *,
        most_rows: int | None = None,
    ) -> None:
        self.run, self.journal, self.order = run, journal, order
        self.parents: Mapping[Cell, Parent] = {}
        self.rows_left = 0
        self.stopped_because: str | None = None
        self.has_failed = False
        self.unanswered = 0
        self.endings: Counter[str | None] = Counter()
        self.ended = asyncio.Event()
        self._received = received
        self._under_way = 0
        self._number = journal.last_request_number
        self._rows_before = journal.rows_requested
        self._sizes = Sizes(run, most_rows)
        self._cells: Counter[Cell] = Counter()
        self._may_refill = 0
        self._is_preview = most_rows is not None

    def begin(self, rows: int, cells: Mapping[Cell, int] | None = None) -> None:
        """Set `rows` rows to be asked for, or those of the `cells` of quotas or parents."""
        self._cells = Counter(cells or {})
        self.rows_left = rows
        self._may_refill = 0 if self._is_preview else int(rows * _MOST_REFILLED)
        self._sizes.begin(rows)
        self.ended.clear()

    def keep(self) -> None:
        """Journal the rows that somebody keeps, once, as an answer that nobody was asked for."""
        kept = self.run.kept
        if kept is None or self.journal.answered:
            return
        unknown = dict.fromkeys(("input_tokens", "cached_tokens", "output_tokens"))
        self.journal.append(
            Response(
                response_id=f"{self.run.folder}-1",
                run_id=self.run.run_id,
                request_number=1,
                rows_requested=kept.rows,
                slice_text=None,
                response_text=kept.text,
                finish_reason="stop",
                requested_at=None,
                received_at=None,
                **unknown,
            )
        )
        self.journal.rows_requested += kept.rows

    def stop(self, because: str, *, has_failed: bool = False) -> None:
        """Ask for no more; what is under way is still received."""
        self.stopped_because = self.stopped_because or because
        self.has_failed = self.has_failed or has_failed
        self.rows_left = 0
        self._check_ended()

    def next_request(self) -> Request:
        """The next request, which is then under way until `end_request`."""
        self.journal.begin()
        cells = self._first_cells(most := self._sizes.take(self.rows_left))
        for cell, count in cells.items():
            self._cells[cell] -= count
            if not self._cells[cell]:
                del self._cells[cell]
        rows = sum(cells.values()) or most
        self._number += 1
        request = self.request(self._number, rows, cells)
        self.rows_left -= rows
        self._rows_before += rows
        self._under_way += 1
        return request

    def request(self, number: int, rows: int, cells: Mapping[Cell, int]) -> Request:
        """The request of this number: the same in every session, but for the room it has."""
        run = self.run
        # Of a batch of an earlier session, a parent may not be accepted any more.
        known = (self.parents.get(c) or Parent(c[0][1], count) for c, count in cells.items())
        parents = [*known] if run.parent else []
        if run.parent:
            counts = [*cells.values()]
            brief = family_brief(run.contract, parents, counts, run.parent.contract)
        else:
            brief = make_brief(
                run.contract,
                run.variety,
                seed=request_seed(run.seed, number),
                rows=rows,
                cells=cells,
                drawn_columns=run.drawn_columns,
            )
        return Request(
            number=number,
            rows_before=self._rows_before,
            rows=rows,
            run_seed=run.seed,
            wire_format=run.llm.wire_format,
            contract=run.contract,
            prompt=run.prompt,
            brief=brief,
            parents=tuple(parents),
            drawn_columns=run.drawn_columns,
            max_tokens=self._sizes.room(rows),
        )

    def asked(self, request: Request, requested_at: datetime) -> dict[str, object]:
        """What the line of a response says of its request."""
        return {
            "response_id": f"{self.run.folder}-{request.number}",
            "run_id": self.run.run_id,
            "request_number": request.number,
            "rows_requested": request.rows,
            "requested_at": requested_at.isoformat(),
        } | request.brief.as_row(request.contract)

    def receive(
        self,
        request: Request,
        completion: Completion,
        requested_at: datetime,
        received_at: datetime | None = None,
        server: str | None = None,
    ) -> None:
        """Journal an answer that was received now. Raises SynthcareError where it cannot.

        `server` is the address that answered, where the LLM has several.
        """
        asked = self.asked(request, requested_at) | {"requested_at": requested_at}
        # Half of a surrogate pair has no UTF-8, and so no place in a warehouse.
        text = completion.text.encode(errors="replace").decode()
        self.journal.append(
            Response(
                **asked,
                response_text=text,
                finish_reason=completion.finish_reason,
                input_tokens=completion.input_tokens,
                cached_tokens=completion.cached_tokens,
                output_tokens=completion.output_tokens,
                reasoning_tokens=completion.reasoning_tokens,
                received_at=received_at or utc_now(),
                server=server,
            )
        )
        self.endings[completion.finish_reason] += 1
        self._sizes.learn(request.rows, request.max_tokens, completion)
        _, _, said = text.rpartition("</think>")  # what it thought is no row
        is_empty = completion.finish_reason == "length" and not said.strip()
        if is_empty and not self.endings["stop"]:
            self.stop(self._said_nothing(request), has_failed=True)
        found = count_rows(request.contract, said, request.wire_format, request.drawn_columns)
        self._refill(request.rows - found)
        self._received(self.run, min(found, request.rows))

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

    def usd_of_next(self) -> float:
        """The most that the next request can cost."""
        cells = self._first_cells(most := self._sizes.rows(self.rows_left))
        rows = sum(cells.values()) or most
        return self.usd_at_most(self.request(self._number + 1, rows, cells))

    def spent(self) -> Spent:
        """What the run has cost in all sessions; see `Journal.spent`."""
        return self.journal.spent(self.run.price)

    def _first_cells(self, rows: int) -> dict[Cell, int]:
        """The first cells that are still to be asked for, of `rows` rows together.

        Rows of one parent are asked for together where they fit into a request, because they
        belong together.
        """
        found: dict[Cell, int] = {}
        for cell, count in self._cells.items():
            are_full = count > rows or len(found) == MOST_PARENTS
            if rows <= 0 or (self.run.parent and found and are_full):
                break
            # Real families stay whole.
            found[cell] = count if self.run.has_keys and self.run.parent else min(rows, count)
            rows -= found[cell]
        return found

    def _refill(self, missing: int) -> None:
        """Ask at once for the rows that an answer lacks, instead of in a round of their own.

        Not where dbt must say first which rows are missing.
        """
        if self.run.prompt is None or self.run.is_by_cells or self.stopped_because:
            return
        again = max(0, min(missing, self._may_refill))
        self._may_refill -= again
        self.rows_left += again

    def _said_nothing(self, request: Request) -> str:
        return (
            f"{self.run.llm.name} used up the {request.max_tokens} tokens of an answer and wrote "
            "no row: it thinks first. Raise `reasoning_tokens` of "
            f"'{self.run.llm.name}' in llms.yml."
        )

    def _check_ended(self) -> None:
        if self.rows_left <= 0 and self._under_way == 0:
            self.ended.set()
