"""A picture of tables that belong together: parents left of their children."""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.formats import number

_BOX, _GAP = (170, 44), (190, 28)  # width and height
_LETTERS = 20  # that fit into a box


@dataclass(frozen=True)
class Tie:
    """A score of how children belong to their parents, None where it is not known."""

    child: str
    parent: str
    title: str
    value: float | None


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


def diagram_of(tables: Sequence[str], ties: Sequence[Tie]) -> Diagram:
    """Where all stands: a column of boxes for top tables, one for their children, and so on.

    Each of `tables` comes after those that it belongs to.
    """
    parents: dict[str, list[str]] = {name: [] for name in tables}
    for tie in ties:
        if tie.parent not in parents[tie.child]:
            parents[tie.child].append(tie.parent)
    depths: dict[str, int] = {}
    for name in tables:
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
            _worst([tie for tie in ties if (tie.child, tie.parent) == (child, parent)]),
        )
        for child, of_child in parents.items()
        for parent in of_child
    ]
    width = max(box.x for box in boxes.values()) + _BOX[0] + 1
    height = max(box.y for box in boxes.values()) + _BOX[1] + 1
    return Diagram([*boxes.values()], arrows, width, height)


def _worst(ties: Sequence[Tie]) -> str:
    known = [(tie.value, tie.title) for tie in ties if tie.value is not None]
    if not known:
        return "not known"
    value, title = min(known)
    return f"{title} {number(value, 2)}"
