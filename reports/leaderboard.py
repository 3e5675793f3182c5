"""The leaderboard: a table in the terminal, and the page reports/html/index.html."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich import box
from rich.markup import escape
from rich.table import Table

from generators.contract import Contract
from generators.files import new_file
from generators.reference import STAND_IN
from reports.scores import Row, Scores

# Text from an LLM may stand in any value, so everything is escaped.
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)

NOT_KNOWN = "–"
_WIDE = 100  # columns of a terminal that has room for a score and its interval on one line

# Columns of metrics.scorecard that have an interval, and what people call them; `overall` first.
SCORES = {
    "accept_rate": "valid",
    "column_fidelity": "cols",
    "pair_fidelity": "pairs",
    "detection": "detect",
    "diversity": "divers",
    "plausibility": "plaus",
    "utility": "util",
    "privacy": "priv",
}


def number(value: float | None, digits: int = 3) -> str:
    """A number for people: thousands separated, a dash where it is not known."""
    return NOT_KNOWN if value is None else f"{value:,.{digits}f}"


def interval(run: Row, score: str, digits: int = 3) -> str:
    """`[0.880–0.941]`: the 95 % interval of a score, empty where there is none."""
    low, high = run[f"{score}_low"], run[f"{score}_high"]
    return "" if low is None else f"[{number(low, digits)}–{number(high, digits)}]"


def levels(run: Row) -> str:
    """`basic/improved`: levels of prompt and instructions; empty for a baseline."""
    return "/".join(filter(None, [run["prompt_level"], run["instruction_level"]]))


def name(run: Row) -> str:
    """`gpt-4o basic/improved`."""
    return f"{run['llm']} {levels(run)}".strip()


def score_table(scores: Scores, width: int) -> Table:
    """The scorecard as a table for a terminal of `width` columns (80 will do), best run first."""
    between = " " if width >= _WIDE else "\n"
    reference = scores.reference["reference"] if scores.reference else "no reference"
    table = _table(f"Scorecard against: {reference}", "rows", "overall", *SCORES.values())
    for run in scores.scorecard:
        table.add_row(
            escape(name(run)),
            number(run["rows_accepted"], 0),
            escape(f"{number(run['overall'], 2)}{between}{interval(run, 'overall', 2)}".strip()),
            *[number(run[score], 2) for score in SCORES],
        )
    return table


def cost_table(scores: Scores) -> Table:
    """What the runs took, per 1,000 accepted rows, in the same order."""
    table = _table("Per 1,000 accepted rows", "USD", "seconds", "tokens per row")
    for run in scores.scorecard:
        table.add_row(
            escape(name(run)),
            number(run["usd_per_1000_rows"], 2),
            number(run["seconds_per_1000_rows"], 0),
            number(run["tokens_per_row"], 0),
        )
    return table


def _table(title: str, *headings: str) -> Table:
    table = Table(
        title=title,
        title_style="bold",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
    )
    table.add_column("run (prompt/ instructions)", overflow="fold", min_width=12)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def write_index(
    contract: Contract, scores: Scores, path: Path, *, drift_reports: dict[str, Path]
) -> None:
    """Write the page. `drift_reports` are the pages beside it, by run_id."""
    names = [column.name for column in contract.columns if column.kind != "identifier"]
    names += [derived.name for derived in contract.derived]
    page = _TEMPLATES.get_template("index.html.j2").render(
        contract=contract,
        scores=scores,
        STAND_IN=STAND_IN,
        column_names=names,
        fidelity={(cell["run_id"], cell["column_name"]): cell for cell in scores.column_fidelity},
        drift_reports=drift_reports,
        SCORES=SCORES,
        number=number,
        interval=interval,
        levels=levels,
    )
    with new_file(path) as temporary:
        temporary.write_text(page)
