"""Tables for the terminal: what runs will need, and what they took."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from generators.estimates import Estimate, total
from generators.runs import Run


def plan_table(estimates: Sequence[tuple[Run, Estimate]]) -> Table:
    """A row per run, and one for all of them."""
    table = _table("What is still to be asked for", ["rows", "requests", "tokens in", "out", "USD"])
    table.add_column("time", justify="right")
    for run, of_run in estimates:
        table.add_row(escape(run.label), *_estimate(of_run, is_batch=run.is_batch))
    table.add_section()
    table.add_row("all", *_estimate(total(estimates), is_batch=False))
    return table


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
    table.add_column("run (prompt/instructions)")
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
