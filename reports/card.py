"""Scores of one table, or of several together: as a page, in a notebook, in the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from markupsafe import escape as escape_html
from rich import box
from rich.markup import escape
from rich.table import Table

from reports.diagram import Tie, diagram_of
from reports.formats import number, words
from synthcare.files import new_file, writing

if TYPE_CHECKING:
    from synthcare import Scorecard
    from synthcare.related import Scorecards

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
    return _write(
        path, title="How good is the synthetic table?", cards=[(None, card)], related=None
    )


def write_cards(cards: "Scorecards", path: Path) -> Path:
    """Write one page for all tables; return its path."""
    ties = [
        Tie(row.child, row.parent, row.title, None if pd.isna(row.value) else row.value)
        for row in cards.relations.itertuples()
    ]
    return _write(
        path,
        title="How good are the synthetic tables?",
        cards=[*cards.tables.items()],
        related=cards,
        diagram=diagram_of([*cards.tables], ties),
    )


def card_table(card: "Scorecard") -> str:
    """The headline scores as an HTML table, for a notebook."""
    return _render("card_table.html.j2", card=card, scores=_scores(card))


def cards_table(cards: "Scorecards") -> str:
    """The headline scores of each table, and of how they belong together, for a notebook."""
    tables = (f"<h4>{escape_html(name)}</h4>{card_table(x)}" for name, x in cards.tables.items())
    return "".join([*tables, _render("relations_table.html.j2", related=cards)])


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


def terminal_relations(cards: "Scorecards") -> Table:
    """How tables belong together, for a terminal."""
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    for heading, justify in (
        *(("tables", "left"), ("score", "left"), ("value", "right"), ("95 % interval", "right")),
        *(("real families", "right"), ("meaning", "left")),
    ):
        table.add_column(heading, justify=justify)
    shown_last = None
    for row in cards.relations.itertuples():
        tables = f"{row.child} to {row.parent}"
        table.add_row(
            escape(tables) if tables != shown_last else "",
            row.title,
            shown(row.value),
            escape(between(row.low, row.high)),
            shown(row.real),
            escape(_with_note(row.value, row.meaning, row.note)),
        )
        shown_last = tables
    return table


def shown(value: float | None, digits: int = 2) -> str:
    """A number for people, a dash where it is not known."""
    return number(None if pd.isna(value) else value, digits)


def between(low: float | None, high: float | None) -> str:
    """`[0.88–0.94]`, empty where there is no interval."""
    return "" if pd.isna(low) or pd.isna(high) else f"[{shown(low)}–{shown(high)}]"


def _said(card: "Scorecard", name: str, meaning: str, note: str | None) -> str:
    """What a score means, or why there is none; of a mean, the worst that is in it."""
    worst = {"column_fidelity": card.worst_column, "pair_fidelity": card.worst_pair}.get(name)
    if worst:
        *parts, value = worst.values()
        note = f"worst: {' and '.join(map(words, parts))} {shown(value)}"
    return _with_note(card.value(name), meaning, note)


def _with_note(value: float | None, meaning: str, note: str | None) -> str:
    """What a score means and is of, or why there is none."""
    if not note:
        return meaning
    return note if pd.isna(value) else f"{meaning}; {note}"


def _write(path: Path, **what: Any) -> Path:
    with writing(path), new_file(path) as temporary:
        temporary.write_text(_render("card.html.j2", **what))
    return path


def _scores(card: "Scorecard") -> list[dict[str, Any]]:
    return card.scores.to_dict("records")


def _render(template: str, **what: Any) -> str:
    return _TEMPLATES.get_template(template).render(
        **what,
        scores_of=_scores,
        columns_of=lambda card: card.columns.to_dict("records"),
        pairs_of=lambda card: card.pairs.nsmallest(_MOST_PAIRS, "pair_fidelity").to_dict("records"),
        groups_of=lambda card: card.groups.nsmallest(_MOST_GROUPS, "high").to_dict("records"),
        style=Markup((_FOLDER / "page.css").read_text()),  # noqa: S704 (our own file)
        said=lambda card, score: _said(card, score["name"], score["meaning"], score["note"]),
        with_note=_with_note,
        shown=shown,
        between=between,
        number=number,
        words=words,
        is_known=pd.notna,
    )
