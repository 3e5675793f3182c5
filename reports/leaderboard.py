"""The leaderboard: a table in the terminal, and the page reports/html/index.html."""

from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich import box
from rich.table import Table

from generators.contract import Contract
from generators.journal import new_file
from reports.scores import Scores

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
    return NOT_KNOWN if value is None or pd.isna(value) else f"{value:,.{digits}f}"


def interval(row: pd.Series, score: str) -> str:
    """`0.912 [0.880, 0.941]`: a score and its 95 % interval, where there is one."""
    text = number(row[score])
    if pd.isna(row[f"{score}_low"]):
        return text
    return f"{text} [{number(row[f'{score}_low'])}, {number(row[f'{score}_high'])}]"


def levels(row: pd.Series) -> str:
    """`basic/improved`: levels of prompt and instructions; a dash for a baseline."""
    known = [row[name] for name in ("prompt_level", "instruction_level") if pd.notna(row[name])]
    return "/".join(known) or NOT_KNOWN


def terminal_table(scores: Scores) -> Table:
    """The scorecard as a table, best run first; cost and time are per 1,000 accepted rows."""
    reference = scores.reference["reference"].iloc[0] if len(scores.reference) else "no reference"
    table = Table(title=f"Scorecard against: {reference}", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("run (prompt/instructions)")
    for heading in ("rows", "accepted", "column fidelity", "USD/1k", "seconds/1k", "tokens/row"):
        table.add_column(heading, justify="right", no_wrap=True)
    for _, row in scores.scorecard.iterrows():
        table.add_row(
            f"{row['llm']} {levels(row)}".removesuffix(f" {NOT_KNOWN}"),
            number(row["rows_accepted"], 0),
            NOT_KNOWN if pd.isna(row["accept_rate"]) else f"{row['accept_rate']:.0%}",
            interval(row, "column_fidelity"),
            number(row["usd_per_1000_rows"], 2),
            number(row["seconds_per_1000_rows"], 0),
            number(row["tokens_per_row"], 0),
        )
    return table


def write_index(contract: Contract, scores: Scores, path: Path) -> None:
    """Write the page. Run pages that lie beside it are linked."""
    names = [column.name for column in contract.columns if column.kind != "identifier"]
    names += [derived.name for derived in contract.derived]
    fidelity = scores.column_fidelity.set_index(["run_id", "column_name"]).to_dict("index")
    page = _TEMPLATES.get_template("index.html.j2").render(
        contract=contract,
        runs=[row for _, row in scores.scorecard.iterrows()],
        column_names=names,
        fidelity=fidelity,
        reject_reasons=[row for _, row in scores.reject_reasons.iterrows()],
        reference=next((row for _, row in scores.reference.iterrows()), None),
        has_drift_report=lambda run_id: (path.parent / f"{run_id}.html").exists(),
        number=number,
        interval=interval,
        levels=levels,
    )
    with new_file(path) as temporary:
        temporary.write_text(page)
