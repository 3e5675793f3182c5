"""The leaderboard in the terminal."""

from rich import box
from rich.markup import escape
from rich.table import Table

from reports.formats import EXPENSES, interval, name, number, shown_scores
from reports.scores import Scores

_WIDE = 100  # columns of a terminal that has room for a score and its interval on one line


def score_table(scores: Scores, width: int) -> Table:
    """The scorecard for a terminal of `width` columns (80 will do), best run first."""
    between = " " if width >= _WIDE else "\n"
    shown = shown_scores(scores.scorecard)
    overall, *others = shown
    reference = scores.reference["reference"] if scores.reference else "no reference"
    table = _table(f"Scorecard against: {reference}", "rows", *[score.short for score in shown])
    for run in scores.scorecard:
        value, ends = number(run[overall.name], 2), interval(run, overall.name, 2)
        table.add_row(
            escape(name(run)),
            number(run["rows_accepted"], 0),
            escape(f"{value}{between}{ends}".strip()),
            *[number(run[score.name], 2) for score in others],
        )
    return table


def cost_table(scores: Scores) -> Table:
    """What the runs took, in the same order."""
    table = _table("What it took", *[f"{expense.label} ({expense.unit})" for expense in EXPENSES])
    for run in scores.scorecard:
        prices = [number(run[expense.key], expense.digits) for expense in EXPENSES]
        table.add_row(escape(name(run)), *prices)
    return table


def _table(title: str, *headings: str) -> Table:
    table = Table(
        title=escape(title),
        title_style="bold",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
    )
    table.add_column("run (prompt/ instr./ variety)", overflow="fold", min_width=9)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap="(" not in heading)
    return table
