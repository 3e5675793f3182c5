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
_ROWS, _OVERALL, _INTERVAL = len("10,000"), len("0.88 [0.78–0.98]"), len("[0.78–0.98]")
_LEAST_NAME = 9


def score_table(scores: Scores, width: int) -> Table:
    """The scorecard for a terminal of `width` columns (80 will do), best run first.

    Where a row does not fit on one line, it has two or three, and so have the headings.
    """
    overall, *others = shown_scores(scores.scorecard)
    headings = [score.short for score in others]
    lines = _lines(width, headings, [name(run) for run in scores.scorecard])
    between = " " if lines == 1 else "\n"

    def stacked(texts: Sequence[str]) -> Iterator[str]:
        for column in _columns(texts, lines):
            yield "\n".join(column)

    reference = scores.reference["reference"] if scores.reference else "no reference"
    table = _table(f"Scorecard against: {reference}", "rows", overall.short, *stacked(headings))
    for run in scores.scorecard:
        value, ends = number(run[overall.name], 2), interval(run, overall.name, 2)
        table.add_row(
            _shown(run),
            number(run["rows_accepted"], 0),
            escape(f"{value}{between}{ends}".strip()),
            *stacked([number(run[score.name], 2) for score in others]),
        )
    return table


def _lines(width: int, headings: Sequence[str], names: Sequence[str]) -> int:
    """On how many lines a row fits: on one only if each word of the names does as well."""
    longest = max((len(word) for text in names for word in text.split()), default=0)
    if _taken(headings, 1, _OVERALL) + longest <= width:
        return 1
    return 2 if _taken(headings, 2, _INTERVAL) + _LEAST_NAME <= width else 3


def _taken(headings: Sequence[str], lines: int, overall: int) -> int:
    """The width of all columns but the names, with a space before each."""
    columns = [*_columns(headings, lines)]
    taken = sum(max(len("0.88"), *map(len, column)) for column in columns)
    return _ROWS + overall + taken + len(columns) + 2


def _columns(texts: Sequence[str], lines: int) -> Iterator[list[str]]:
    """What is in one column on so many lines."""
    size = -(-len(texts) // lines)
    rows = [texts[start : start + size] for start in range(0, len(texts), size or 1)]
    for column in zip_longest(*rows, fillvalue=""):
        yield [text for text in column if text]


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
    table.add_column("run (prompt/ instr./ variety)", overflow="fold", min_width=_LEAST_NAME)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=" " not in heading)
    return table
