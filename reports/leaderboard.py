"""The leaderboard in the terminal."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from rich import box
from rich.markup import escape
from rich.table import Table

from reports.formats import EXPENSES, NOT_KNOWN, interval, name, number, shown_scores, worst
from reports.scores import Row, Scores
from reports.unread import visible

_HOLDOUT = "holdout"  # provider of the baseline that is real rows
# Widths of what each row has: its rows, and the overall score with its interval.
_ROWS, _OVERALL = len("10,000"), len("0.88 [0.78–0.98]")


def score_table(scores: Scores, width: int) -> Table:
    """The scorecard for a terminal of `width` columns (80 will do), best run first.

    Where a row does not fit on one line, it has two, and so have the headings.
    """
    overall, *others = shown_scores(scores.scorecard)
    is_wide = _fits(width, [score.short for score in others], [name(r) for r in scores.scorecard])
    half = len(others) if is_wide else -(-len(others) // 2)
    between = " " if is_wide else "\n"

    def stacked(texts: Sequence[str]) -> Iterator[str]:
        for pair in zip_longest(texts[:half], texts[half:], fillvalue=""):
            yield "\n".join(filter(None, pair))

    reference = scores.reference["reference"] if scores.reference else "no reference"
    headings = ["rows", overall.short, *stacked([score.short for score in others])]
    table = _table(f"Scorecard against: {reference}", *headings)
    for run in scores.scorecard:
        value, ends = number(run[overall.name], 2), interval(run, overall.name, 2)
        table.add_row(
            _shown(run),
            number(run["rows_accepted"], 0),
            escape(f"{value}{between}{ends}".strip()),
            *stacked([number(run[score.name], 2) for score in others]),
        )
    return table


def _fits(width: int, headings: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a row fits on one line, and each word of the names as well."""
    taken = _ROWS + _OVERALL + sum(max(len("0.88"), len(text)) for text in headings)
    taken += len(headings) + 2  # a space before each column
    longest = max((len(word) for text in names for word in text.split()), default=0)
    return taken + longest <= width


def cost_table(scores: Scores) -> Table:
    """What the runs took, in the same order."""
    table = _table("What it took", *[f"{expense.label} ({expense.unit})" for expense in EXPENSES])
    for run in scores.scorecard:
        prices = [number(run[expense.key], expense.digits) for expense in EXPENSES]
        table.add_row(_shown(run), *prices)
    return table


def worst_table(scores: Scores) -> Table:
    """The worst column and pair of each run: a mean over many hides one that is off."""
    table = _table("The worst of each run", "column", "pair of columns")
    for run in scores.scorecard:
        parts = [worst(run, score) for score in ("column_fidelity", "pair_fidelity")]
        if any(parts):
            table.add_row(_shown(run), *[escape(part) or NOT_KNOWN for part in parts])
    return table


def leak_lines(scores: Scores) -> Iterator[str]:
    """A line for each run that leaks, which a terminal may print, but not as markup."""
    for run in scores.scorecard:
        if run["leaks"]:
            yield f"{visible(name(run))} leaks: {visible(run['leaks'])}"


def _shown(run: Row) -> str:
    """The run's name, and that it leaks; `real rows` for those of the reference."""
    shown = escape(visible(name(run)))
    if run["provider"] == _HOLDOUT:
        return f"real rows ({shown})"
    return f"{shown} [bold red]leaks[/]" if run["leaks"] else shown


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
        table.add_column(heading, justify="right", no_wrap=" " not in heading)
    return table
