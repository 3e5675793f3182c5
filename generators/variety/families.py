"""Requests for rows that belong to others, such as the stays of patients that are named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from generators.variety.brief import KEY, Brief, Cell
from generators.variety.quotas import as_table
from synthcare.contracts.contract import Contract

# How many rows each is to have, beside its key.
_ROWS = "Rows"

# Of one request, however few rows each has: an LLM loses count of more.
MOST_PARENTS = 50


@dataclass(frozen=True)
class Parent:
    """An accepted row that others are to belong to, and how many: `children`.

    `texts` are its values by label, without those that name somebody; `keys` its key by column.
    """

    record_id: str
    children: int
    texts: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)


def cell_of(record_id: str) -> Cell:
    """The rows that belong to a record, as they are counted."""
    return (("record_id", record_id),)


def told_labels(contract: Contract) -> list[str]:
    """Labels of the columns that a request tells of a parent: all but names, numbers and the like.

    What belongs to somebody does not depend on a name, and the row may be of a real person.
    """
    return [column.label for column in contract.columns if column.kind != "identifier"]


def family_brief(
    contract: Contract, parents: Sequence[Parent], counts: Sequence[int], of: Contract
) -> Brief:
    """The brief of a request for so many rows of each of the `parents`, rows `of` a table.

    Each has a short key of its own in the request, from 1.
    """
    keys = [str(number) for number, _ in enumerate(parents, 1)]
    lines = [
        [key, str(count), *parent.texts.values()]
        for key, parent, count in zip(keys, parents, counts, strict=True)
    ]
    labels = [KEY, _ROWS, *told_labels(of)]
    order = ", in the order in which they happened" if contract.ordered_by else ""
    return Brief(
        text=(
            f"Each row belongs to one of these, each a {of.record}, and begins with its {KEY}. "
            f"Write for each, one after the other, as many rows as {_ROWS} says{order}:"
            f"\n\n{as_table(labels, lines)}\n\n"
        ),
        keys=tuple(key for key, count in zip(keys, counts, strict=True) for _ in range(count)),
        cells={
            cell_of(parent.record_id): count for parent, count in zip(parents, counts, strict=True)
        },
        parents={
            key: {"record_id": parent.record_id, "children": count}
            for key, parent, count in zip(keys, parents, counts, strict=True)
        },
    )
