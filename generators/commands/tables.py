"""Tables for the terminal: what runs will need, and what they took."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from generators.asking.engine import Outcome
from generators.asking.runs import Run
from generators.costs.estimates import Estimate, total
from generators.landing.streams import BROKEN

_ENDINGS = {
    "refusal": "were refusals",
    "content_filter": "were held back by a content filter",
    "length": "were cut off at the end of their room",
    BROKEN: "broke off; their whole rows are kept",
}


def plan_table(estimates: Sequence[tuple[Run, Estimate]], prefer: str) -> Table:
    """A row per run, and one for all of them, as they are with one of `--prefer`."""
    title = f"What is still to be asked for, with --prefer {prefer}"
    table = _table(title, ["rows", "requests", "tokens in", "out", "USD"])
    table.add_column("time", justify="right")
    for run, of_run in estimates:
        table.add_row(escape(run.label), *_estimate(of_run, is_batch=run.is_batch))
    table.add_section()
    table.add_row("all", *_estimate(total(estimates), is_batch=False))
    return table


def outcome_lines(run: Run, outcome: Outcome) -> Iterator[str]:
    """What a person should know of how a run ended, a line for each fact."""
    if outcome.stopped_because:
        why = "" if outcome.has_failed else f": {outcome.stopped_because}"
        yield (
            f"{run.label}: stopped at {outcome.counts.accepted} accepted of {outcome.wanted} wanted"
            f" ({outcome.counts.found} records found){why}"
        )
    if run.kept and outcome.counts.accepted < run.kept.rows:
        yield (
            f"{run.label}: {outcome.counts.accepted:,} of {run.kept.rows:,} rows are kept; "
            "metrics.reject_reasons says why others are not"
        )
    answers = sum(outcome.endings.values())
    for how, in_words in _ENDINGS.items():
        if count := outcome.endings.get(how):
            yield f"{run.label}: {count} of {answers} answers {in_words}"
    yield from money_lines(run, outcome)


def money_lines(run: Run, outcome: Outcome) -> Iterator[str]:
    """What may have been billed beyond what is known, if anything."""
    lost = outcome.spent.at_most - outcome.spent.known
    if lost > 0:
        yield (
            f"{run.label}: billed ${outcome.spent.at_most:.2f} at most: "
            f"${outcome.spent.known:.2f} known, ${lost:.2f} possibly lost with answers that "
            "did not come, or not whole; the ledger has what is known"
        )
    elif outcome.unanswered:
        yield (
            f"{run.label}: requests that got no answer, and were sent again: "
            f"{outcome.unanswered}; the provider may charge for them"
        )


def ledger_table(runs: Sequence[Mapping[str, Any]]) -> Table:
    """A row per run of marts.generation_runs: costs and times are per 1,000 accepted rows."""
    columns = ["accepted", "found", "responses", "tokens/row"]
    table = _table("Per 1,000 accepted rows", [*columns, "USD in", "USD out", "USD", "minutes"])
    for run in runs:
        seconds = run["seconds_per_1000_rows"]
        table.add_row(
            escape(run["label"]),
            f"{run['rows_accepted']:,}",
            f"{run['records_found']:,}",
            f"{run['responses']:,}",
            _number(run["tokens_per_row"], ",.0f"),
            _number(run["input_usd_per_1000_rows"], ".3f"),
            _number(run["output_usd_per_1000_rows"], ".3f"),
            _number(run["usd_per_1000_rows"], ".3f"),
            _number(seconds / 60 if seconds is not None else None, ",.1f"),
        )
    return table


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="", pad_edge=False
    )
    table.add_column("run (prompt/instructions/variety)")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _estimate(of_run: Estimate, *, is_batch: bool) -> list[str]:
    return [
        f"{of_run.rows:,}",
        f"{of_run.requests:,}",
        f"{of_run.input_tokens:,}",
        f"{of_run.output_tokens:,}",
        _number(of_run.cost_usd, ".2f"),
        "up to a day" if is_batch else _time(of_run.seconds),
    ]


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"  # noqa: PLR2004


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else f"{value:{form}}"
