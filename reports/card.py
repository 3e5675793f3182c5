"""The scores of one table: as a page, in a notebook, in the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from rich import box
from rich.markup import escape
from rich.table import Table

from reports.formats import number, words
from synthcare.files import new_file, writing

if TYPE_CHECKING:
    from synthcare import Scorecard

_FOLDER = Path(__file__).parent / "templates"

# Names of columns and notes come from files of other people, so everything is escaped.
_TEMPLATES = Environment(
    loader=FileSystemLoader(_FOLDER),
    undefined=StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
_MOST_PAIRS, _MOST_GROUPS = 20, 20  # on the page: the worst


def write_card(card: "Scorecard", path: Path) -> Path:
    """Write the page; return its path."""
    with writing(path), new_file(path) as temporary:
        temporary.write_text(_render("card.html.j2", card))
    return path


def card_table(card: "Scorecard") -> str:
    """The headline scores as an HTML table, for a notebook."""
    return _render("card_table.html.j2", card)


def terminal_table(card: "Scorecard") -> Table:
    """The headline scores for a terminal."""
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    for heading, justify in (
        *(("score", "left"), ("value", "right"), ("95 % interval", "right")),
        *(("real rows", "right"), ("meaning", "left")),
    ):
        table.add_column(heading, justify=justify)
    for score in card.scores.itertuples():
        table.add_row(
            score.title,
            shown(score.value),
            escape(between(score.low, score.high)),
            shown(score.real),
            escape(_said(card, score.name, score.meaning, score.note)),
        )
    return table


def shown(value: float | None, digits: int = 2) -> str:
    """A number for people, a dash where it is not known."""
    return number(None if pd.isna(value) else value, digits)


def between(low: float | None, high: float | None) -> str:
    """`[0.88–0.94]`, empty where there is no interval."""
    return "" if pd.isna(low) or pd.isna(high) else f"[{shown(low)}–{shown(high)}]"


def _said(card: "Scorecard", name: str, meaning: str, note: str | None) -> str:
    """What a score means, or why there is none; of a mean, the worst that is in it."""
    if note and card.value(name) is None:
        return note
    worst = {"column_fidelity": card.worst_column, "pair_fidelity": card.worst_pair}.get(name)
    if worst:
        *parts, value = worst.values()
        note = f"worst: {' and '.join(map(words, parts))} {shown(value)}"
    return f"{meaning}; {note}" if note else meaning


def _render(template: str, card: "Scorecard") -> str:
    return _TEMPLATES.get_template(template).render(
        card=card,
        scores=card.scores.to_dict("records"),
        columns=card.columns.to_dict("records"),
        pairs=card.pairs.nsmallest(_MOST_PAIRS, "pair_fidelity").to_dict("records"),
        groups=card.groups.nsmallest(_MOST_GROUPS, "high").to_dict("records"),
        style=Markup((_FOLDER / "page.css").read_text()),  # noqa: S704 (our own file)
        said=lambda score: _said(card, score["name"], score["meaning"], score["note"]),
        shown=shown,
        between=between,
        number=number,
        words=words,
        is_known=pd.notna,
    )
