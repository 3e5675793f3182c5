"""What `synthcare privacy` shows: the risks of a run, and its rows beside the nearest real ones."""

from collections.abc import Iterator
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from generators.commands.nearest_rows import Nearest, Pair, Row
from reports.formats import NOT_KNOWN, interval, number
from reports.unread import visible
from synthcare.contracts.contract import Contract

NOT_TO_BE_SHARED = "This shows real rows. It is for whoever holds the data: share nothing of it."


def show(console: Console, contract: Contract, run: Row, found: Nearest) -> None:
    """Print the risks in words, then each pair side by side."""
    console.print(NOT_TO_BE_SHARED, style="bold red")
    known = f"{number(run['privacy'], 2)} {interval(run, 'privacy', 2)}".strip()
    why = run["exposure"] if run["privacy"] is not None else run["not_known_because"]
    shown = f"{visible(run['run_id'])}: privacy {known}" + (f", {why}" if why else "")
    console.print(shown, markup=False)
    if run["leaks"]:
        console.print(f"leaks: {run['leaks']}", style="bold red", markup=False)
    for line in _risk_lines(found):
        console.print(line, markup=False)
    accepted = run["rows_accepted"]
    of_all = f", of {accepted:,} in all" if found.rows < accepted else ""
    console.print(
        f"{len(found.pairs):,} of the {found.rows:,} rows that were looked at{of_all}, the nearest "
        "to real ones first; ≠ marks values that differ:"
    )
    for place, pair in enumerate(found.pairs, start=1):
        console.print(_pair_table(contract, pair, place))


def _risk_lines(found: Nearest) -> Iterator[str]:
    if found.risks:
        yield "what is looked for, and how far it is beyond chance (0 = not at all, 1 = always):"
    for risk in found.risks:
        yield f"  {number(risk['excess'], 2):>5} {interval(risk, 'excess', 2)} {risk['in_words']}"


def _pair_table(contract: Contract, pair: Pair, place: int) -> Table:
    """Both rows side by side, a line for each column, with ≠ where values count as different."""
    table = Table(
        title=escape(
            f"{place}. {len(pair.differing)} of {len(contract.columns)} values differ: record "
            f"{visible(pair.record_id)} and row_number {pair.real_row} of the reference "
            f"({pair.half})"
        ),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
    )
    for heading in ("column", "", "synthetic row", "nearest real row"):
        table.add_column(heading, overflow="fold")
    for column in contract.columns:
        differs = column.name in pair.differing
        values = (pair.synthetic[column.name], pair.real[column.name])
        table.add_row(
            escape(column.label),
            "≠" if differs else "",
            *map(_shown, values),
            style="bold" if differs else "",
        )
    return table


def as_dict(run: Row, found: Nearest) -> dict[str, Any]:
    """All of it, ready for JSON."""
    return {
        **{key: run[key] for key in ("run_id", "dataset", "privacy", "leaks", "exposure")},
        "rows_accepted": run["rows_accepted"],
        "rows_looked_at": found.rows,
        "risks": found.risks,
        "pairs": [vars(pair) | {"differing": sorted(pair.differing)} for pair in found.pairs],
    }


def _shown(value: object) -> str:
    """A value that the terminal takes neither for markup nor for a command."""
    return NOT_KNOWN if value is None else escape(visible(str(value)))
