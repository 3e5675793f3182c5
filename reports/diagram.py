"""A picture of tables that belong together: parents left of their children."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.formats import number

if TYPE_CHECKING:
    from synthcare.related import Scorecards

_BOX, _GAP = (170, 44), (190, 28)  # width and height
_LETTERS = 20  # that fit into a box


@dataclass(frozen=True)
class Box:
    """A table, with its upper left corner."""

    name: str
    label: str
    x: float
    y: float


@dataclass(frozen=True)
class Arrow:
    """From a parent to a child; `label` is the worst score between both, and its name."""

    start: tuple[float, float]
    end: tuple[float, float]
    label: str


@dataclass(frozen=True)
class Diagram:
    """Boxes and arrows in units of a picture of `width` by `height`."""

    boxes: list[Box]
    arrows: list[Arrow]
    width: float
    height: float
    box_width: float = _BOX[0]
    box_height: float = _BOX[1]


def diagram_of(cards: "Scorecards") -> Diagram:
    """Where all stands: a column of boxes for top tables, one for their children, and so on."""
    parents: dict[str, list[str]] = {name: [] for name in cards.tables}
    for row in cards.relations.itertuples():
        if row.parent not in parents[row.child]:
            parents[row.child].append(row.parent)
    depths: dict[str, int] = {}
    for name in cards.tables:  # parents first
        depths[name] = 1 + max((depths[parent] for parent in parents[name]), default=-1)
    boxes = {}
    for name, depth in depths.items():
        above = sum(depths[other] == depth for other in boxes)
        label = name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
        boxes[name] = Box(
            name, label, 1 + depth * (_BOX[0] + _GAP[0]), 1 + above * (_BOX[1] + _GAP[1])
        )
    arrows = [
        Arrow(
            (boxes[parent].x + _BOX[0], boxes[parent].y + _BOX[1] / 2),
            (boxes[child].x, boxes[child].y + _BOX[1] / 2),
            _worst(cards, child, parent),
        )
        for child, of_child in parents.items()
        for parent in of_child
    ]
    width = max(box.x for box in boxes.values()) + _BOX[0] + 1
    height = max(box.y for box in boxes.values()) + _BOX[1] + 1
    return Diagram([*boxes.values()], arrows, width, height)


def _worst(cards: "Scorecards", child: str, parent: str) -> str:
    rows = cards.relations
    known = rows[(rows["child"] == child) & (rows["parent"] == parent)].dropna(subset=["value"])
    if known.empty:
        return "not known"
    row = known.loc[known["value"].idxmin()]
    return f"{row['title']} {number(row['value'], 2)}"
