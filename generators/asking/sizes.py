"""How many rows a request asks for: as many as the run prefers and an answer has room for."""

import math

from generators.asking.runs import TIME, Run
from generators.costs.tokens import count_tokens
from generators.providers import Completion
from generators.wire_formats import max_tokens

FEWEST_ROWS = 10  # of a request, where many are to be sent at once: each pays for its prompt again
_FILLED = 0.9  # share of its room from which an answer is taken to have been cut off by it
_GROWTH = 1.5


class Sizes:
    """The rows a request of one run, and the room for them.

    They shrink only where an answer really filled its room, and grow back with answers that took
    less than half of it. With the variety `none` all requests ask for as many, or their prompts
    would differ.
    """

    def __init__(self, run: Run, most_rows: int | None = None) -> None:
        self._run = run
        self._most = min(run.llm.rows_per_request, most_rows or run.llm.rows_per_request)
        self._fit = self._most
        self._wanted = self._most
        self._is_same = run.is_uniform
        self._has_asked = False

    def begin(self, rows: int) -> None:
        """Set `rows` rows to be asked for: those of a refill are spread over the slots."""
        if not (self._has_asked and self._is_same):
            is_spread = self._run.prefer == TIME or self._has_asked
            self._wanted = rows_per_request(self._run, rows, is_spread=is_spread)

    def take(self, left: int) -> int:
        """Rows of the next request, which is made now."""
        self._has_asked = True
        return self.rows(left)

    def rows(self, left: int) -> int:
        """Rows of the next request where `left` are still to be asked for."""
        most = min(self._wanted, self._fit)
        return most if self._is_same else min(left, most)

    def room(self, rows: int) -> int:
        """Tokens that an answer of `rows` rows may have, its reasoning included.

        Where fewer rows are asked for than once filled their room, they have the room of those.
        """
        per_row = self._run.tokens_per_row * self._most / self._fit
        return max_tokens(per_row, rows) + self._run.llm.reasoning_tokens

    def learn(self, rows: int, room: int, completion: Completion) -> None:
        """Adopt what an answer to a request of `rows` rows shows."""
        reasoning = self._run.llm.reasoning_tokens
        written = completion.output_tokens
        if written is None:
            written = count_tokens(completion.text)
        if completion.finish_reason == "length" and written >= _FILLED * room:
            self._fit = min(self._fit, max(1, rows // 2))
        elif (
            completion.finish_reason == "stop"
            and written - (completion.reasoning_tokens or 0) < (room - reasoning) / 2
        ):
            self._fit = min(self._most, math.ceil(self._fit * _GROWTH))


def rows_per_request(run: Run, rows: int, *, is_spread: bool) -> int:
    """Rows of each of the requests for `rows` rows; spread, they fill the slots of the LLM."""
    if not is_spread:
        return run.llm.rows_per_request
    in_each = max(FEWEST_ROWS, math.ceil(rows / run.llm.slots))
    return min(run.llm.rows_per_request, in_each)
