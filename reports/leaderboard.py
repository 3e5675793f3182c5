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

# Columns of metrics.scorecard that have an interval, and what people call them; `overall` first.
SCORES = {
    "accept_rate": "valid",
    "column_fidelity": "columns",
    "pair_fidelity": "pairs",
    "detection": "detection",
    "diversity": "diversity",
    "plausibility": "plausible",
    "utility": "utility",
    "privacy": "privacy",
}


def number(value: float | None, digits: int = 3) -> str:
    """A number for people: thousands separated, a dash where it is not known."""
    return NOT_KNOWN if value is None else f"{value:,.{digits}f}"


def interval(run: Row, score: str, digits: int = 3) -> str:
    """`[0.880, 0.941]`: the 95 % interval of a score, empty where there is none."""
    low, high = run[f"{score}_low"], run[f"{score}_high"]
    return "" if low is None else f"[{number(low, digits)}, {number(high, digits)}]"


def levels(run: Row) -> str:
    """`basic/improved`: levels of prompt and instructions; empty for a baseline."""
    return "/".join(filter(None, [run["prompt_level"], run["instruction_level"]]))


def name(run: Row) -> str:
    """`gpt-4o basic/improved`."""
    return f"{run['llm']} {levels(run)}".strip()


def score_table(scores: Scores) -> Table:
    """The scorecard as a table for the terminal, best run first."""
    reference = scores.reference["reference"] if scores.reference else "no reference"
    table = Table(title=f"Scorecard against: {reference}", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("run (prompt/instructions)")
    table.add_column("rows", justify="right", no_wrap=True)
    for heading in ("overall", *SCORES.values()):
        table.add_column(heading, justify="right", no_wrap=True)
    for run in scores.scorecard:
        overall = f"{number(run['overall'], 2)} {interval(run, 'overall', 2)}".strip()
        table.add_row(
            escape(name(run)),
            number(run["rows_accepted"], 0),
            escape(overall),
            *[number(run[score], 2) for score in SCORES],
        )
    return table


def cost_table(scores: Scores) -> Table:
    """What the runs took, per 1,000 accepted rows, in the same order."""
    table = Table(title="Per 1,000 accepted rows", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("run (prompt/instructions)")
    for heading in ("USD", "seconds", "tokens per row"):
        table.add_column(heading, justify="right", no_wrap=True)
    for run in scores.scorecard:
        table.add_row(
            escape(name(run)),
            number(run["usd_per_1000_rows"], 2),
            number(run["seconds_per_1000_rows"], 0),
            number(run["tokens_per_row"], 0),
        )
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
