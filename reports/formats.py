"""Numbers and names as people read them, in the terminal and on the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthcare.registry import ALL, Headline

NOT_KNOWN = "–"

# Of scores that are means: the columns of metrics.scorecard that hold the worst of its parts.
_WORST = {"column_fidelity": "worst_column", "pair_fidelity": "worst_pair"}


def shown_scores(runs: Sequence[Mapping[str, Any]]) -> list[Headline]:
    """Those of a dataset, in order: without what none of its runs can have."""
    return [
        headline
        for headline in ALL
        if not headline.is_optional or any(run[headline.name] is not None for run in runs)
    ]


@dataclass(frozen=True)
class Expense:
    """A column of metrics.scorecard that says what a run took: less is better."""

    key: str
    label: str
    unit: str
    digits: int


EXPENSES = (
    Expense("usd_per_1000_rows", "Cost", "USD per 1,000 rows", 2),
    Expense("seconds_per_1000_rows", "Time", "seconds per 1,000 rows", 0),
    Expense("tokens_per_row", "Tokens", "per row", 0),
)


def number(value: float | None, digits: int = 3) -> str:
    """A number for people: thousands separated, a dash where it is not known."""
    # Without the addition, what is rounded to zero from below would be -0.00.
    return NOT_KNOWN if value is None else f"{round(float(value), digits) + 0.0:,.{digits}f}"


def percent(share: float | None, digits: int = 0) -> str:
    """`98 %` for a share of 0.98."""
    return NOT_KNOWN if share is None else f"{100 * share:,.{digits}f} %"


def interval(run: Mapping[str, Any], score: str, digits: int = 3) -> str:
    """`[0.880–0.941]`: the 95 % interval of a score, empty where there is none."""
    low, high = run[f"{score}_low"], run[f"{score}_high"]
    return "" if low is None else f"[{number(low, digits)}–{number(high, digits)}]"


def levels(run: Mapping[str, Any]) -> str:
    """`basic/improved/slices`: prompt, instructions, variety; empty for a baseline."""
    known = [run["prompt_level"], run["instruction_level"], run["variety"]]
    return "/".join(filter(None, known))


def name(run: Mapping[str, Any]) -> str:
    """`gpt-4o basic/improved/slices`."""
    return f"{run['llm']} {levels(run)}".strip()


def worst(run: Mapping[str, Any], score: str, digits: int = 2) -> str:
    """`length of stay days 0.43`: the worst part of a score that is a mean, else nothing."""
    part = _WORST.get(score)
    if part is None or run[part] is None:
        return ""
    return f"{words(run[part])} {number(run[f'{part}_fidelity'], digits)}"


def words(column: str) -> str:
    """`length of stay days` for the column `length_of_stay_days`."""
    return column.replace("_", " ")
