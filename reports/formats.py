"""Numbers and names as people read them, in the terminal and on the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NOT_KNOWN = "–"


@dataclass(frozen=True)
class Score:
    """A column of metrics.scorecard with an interval: more is better, 1 is as good as real rows."""

    key: str
    short: str
    label: str
    meaning: str


SCORES = (
    Score("overall", "overall", "Overall", "1 = as good as real rows"),
    Score("accept_rate", "valid", "Valid", "share of records that follow the contract"),
    Score("column_fidelity", "cols", "Columns", "1 = each is spread as in real rows"),
    Score("pair_fidelity", "pairs", "Pairs", "1 = each two go together as in real rows"),
    Score("missingness", "miss", "Missing", "1 = values are missing as often as in real rows"),
    Score("detection", "detect", "Detection", "1 = a classifier cannot tell them from real rows"),
    Score("diversity", "divers", "Diversity", "1 = as various as real rows"),
    Score("plausibility", "plaus", "Plausible", "share of records that pass every check"),
    Score("utility", "util", "Utility", "1 = trains models as well as real rows"),
    Score("privacy", "priv", "Privacy", "1 = copies no real row"),
)


def shown_scores(runs: Sequence[Mapping[str, Any]]) -> list[Score]:
    """Those of a dataset: without missing values where none of its columns may be missing."""
    has_missing = any(run["missingness"] is not None for run in runs)
    return [score for score in SCORES if has_missing or score.key != "missingness"]


@dataclass(frozen=True)
class Price:
    """A column of metrics.scorecard that says what a run took: less is better."""

    key: str
    label: str
    unit: str
    digits: int


PRICES = (
    Price("usd_per_1000_rows", "Cost", "USD per 1,000 rows", 2),
    Price("seconds_per_1000_rows", "Time", "seconds per 1,000 rows", 0),
    Price("tokens_per_row", "Tokens", "per row", 0),
)


def number(value: float | None, digits: int = 3) -> str:
    """A number for people: thousands separated, a dash where it is not known."""
    return NOT_KNOWN if value is None else f"{value:,.{digits}f}"


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


def words(column: str) -> str:
    """`length of stay days` for the column `length_of_stay_days`."""
    return column.replace("_", " ")
