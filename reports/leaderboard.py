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


def number(value: float | None, digits: int = 3) -> str:
    """A number for people: thousands separated, a dash where it is not known."""
    return NOT_KNOWN if value is None else f"{value:,.{digits}f}"


def interval(run: Row, score: str) -> str:
    """`[0.880, 0.941]`: the 95 % interval of a score, empty where there is none."""
    low, high = run[f"{score}_low"], run[f"{score}_high"]
    return "" if low is None else f"[{number(low)}, {number(high)}]"


def levels(run: Row) -> str:
    """`basic/improved`: levels of prompt and instructions; empty for a baseline."""
    return "/".join(filter(None, [run["prompt_level"], run["instruction_level"]]))


def terminal_table(scores: Scores) -> Table:
    """The scorecard as a table, best run first; cost and time are per 1,000 accepted rows."""
    reference = scores.reference["reference"] if scores.reference else "no reference"
    table = Table(title=f"Scorecard against: {reference}", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("run (prompt/instructions)")
    for heading in ("rows", "accepted", "column fidelity", "USD/1k", "seconds/1k", "tokens/row"):
        table.add_column(heading, justify="right", no_wrap=True)
    for run in scores.scorecard:
        accept_rate = run["accept_rate"]
        table.add_row(
            escape(f"{run['llm']} {levels(run)}".strip()),
            number(run["rows_accepted"], 0),
            NOT_KNOWN if accept_rate is None else f"{accept_rate:.0%}",
            escape(f"{number(run['column_fidelity'])} {interval(run, 'column_fidelity')}".strip()),
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
        number=number,
        interval=interval,
        levels=levels,
    )
    with new_file(path) as temporary:
        temporary.write_text(page)
