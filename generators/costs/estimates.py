"""What runs will need, before anything is spent."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from generators.asking.llms import LLM
from generators.asking.runs import TIME, Run
from generators.asking.sizes import rows_per_request
from generators.costs.tokens import count_tokens
from generators.drawing.children import draw_counts
from generators.drawing.stand_in import stand_in_rows
from generators.variety import QUOTAS, make_brief
from generators.variety.families import MOST_PARENTS, Parent, family_brief, told_labels
from generators.variety.quotas import apportion, cell_shares

_SECONDS_TO_FIRST_TOKEN = 0.4
_PARENTS = 1_000  # drawn, to say how many rows each has


@dataclass(frozen=True)
class Estimate:
    """Of one run. `cost_usd` is None without a price, `seconds` for a batch and for a baseline."""

    rows: int
    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    seconds: float | None


def rows_of_table(run: Run, rows: int) -> int:
    """About how many rows a table has where its top table has `rows`."""
    if run.parent is None:
        return run.kept.rows if run.kept else rows
    sample = draw_counts(run.contract, run.seed, [str(parent) for parent in range(_PARENTS)])
    return round(rows_of_table(run.parent, rows) * sum(sample) / _PARENTS)


def estimate_run(run: Run, rows: int, prefer: str) -> Estimate:
    """What `rows` more rows need if all of them are accepted. A baseline needs nothing.

    `prefer` is COST or TIME, whatever the run itself prefers.
    """
    if run.prompt is None or not rows:
        return Estimate(rows, 0, 0, 0, None if run.prompt is None else 0.0, None)
    in_each = rows_per_request(run, rows, is_spread=prefer == TIME)
    requests = math.ceil(rows / in_each)
    input_tokens = requests * (run.prompt_tokens + count_tokens(_own_text(run, in_each)))
    # With the variety `none`, all requests ask for as many, also the last one.
    written = requests * in_each if run.is_uniform else rows
    output_tokens = round(written * run.tokens_per_row)
    return Estimate(
        rows=rows,
        requests=requests,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cost_usd=run.price.usd(input_tokens=input_tokens, output_tokens=output_tokens)
        if run.price
        else None,
        seconds=None if run.is_batch else _seconds(run.llm, requests, input_tokens, output_tokens),
    )


def _own_text(run: Run, rows: int) -> str:
    """What the first request asks for beside what all of them do."""
    cells = {}
    if run.parent is not None:
        return _families_text(run, rows)
    if run.variety == QUOTAS:
        cells = apportion(cell_shares(run.contract), rows)
    brief = make_brief(
        run.contract,
        run.variety,
        seed=run.seed,
        rows=rows,
        cells=cells,
        drawn_columns=run.drawn_columns,
    )
    return brief.text


def _families_text(run: Run, rows: int) -> str:
    """What a request for so many rows says of what they belong to, of drawn rows."""
    of = run.parent.contract
    told = told_labels(of)
    drawn = (dict(zip(of.labels, texts, strict=True)) for texts in stand_in_rows(of, rows))
    parents = [
        Parent(str(number), 1, {label: texts[label] for label in told})
        for number, texts in enumerate(drawn, 1)
    ]
    counts = draw_counts(run.contract, run.seed, [parent.record_id for parent in parents])
    places = [place for place, count in enumerate(itertools.accumulate(counts)) if count <= rows]
    chosen = [place for place in places if counts[place]][:MOST_PARENTS]
    asked = [parents[place] for place in chosen], [counts[place] for place in chosen]
    return family_brief(run.contract, *asked, of).text


def total(estimates: Sequence[tuple[Run, Estimate]]) -> Estimate:
    """All runs together. Runs of one LLM share its slots and limits, LLMs run side by side."""

    def add(name: str) -> int:
        return sum(getattr(estimate, name) for _, estimate in estimates)

    seconds = [
        _seconds(
            llm,
            sum(of_run.requests for run, of_run in estimates if run.llm == llm),
            sum(of_run.input_tokens for run, of_run in estimates if run.llm == llm),
            sum(of_run.output_tokens for run, of_run in estimates if run.llm == llm),
        )
        for llm in {run.llm for run, of_run in estimates if of_run.seconds is not None}
    ]
    costs = [of_run.cost_usd for run, of_run in estimates if run.prompt]
    return Estimate(
        rows=add("rows"),
        requests=add("requests"),
        input_tokens=add("input_tokens"),
        output_tokens=add("output_tokens"),
        cost_usd=None if None in costs else sum(costs),
        seconds=max(seconds, default=None),
    )


def _seconds(llm: LLM, requests: int, input_tokens: int, output_tokens: int) -> float:
    """Time for requests of equal length: in waves of `slots`, or as the limits let them go.

    A minute's worth of each limit may go out at once. Limits are of each server.
    """
    if not requests:
        return 0.0
    answer = _SECONDS_TO_FIRST_TOKEN + output_tokens / requests / llm.tokens_per_second
    limited = [
        60 * max(0.0, needed - llm.servers * per_minute) / (llm.servers * per_minute)
        for needed, per_minute in (
            (requests, llm.requests_per_minute),
            (input_tokens + 2 * output_tokens, llm.tokens_per_minute),  # with room for answers
        )
        if per_minute
    ]
    return max(math.ceil(requests / llm.slots) * answer, *limited, 0.0) + (
        answer if any(limited) else 0.0
    )
