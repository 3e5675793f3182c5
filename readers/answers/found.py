"""What is looked for in an answer, and what is found there."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

MOST_LETTERS = 100  # of a name; what is longer is a sentence


def plain_name(name: str) -> str:
    """A name without letter case, units in brackets, spaces and punctuation."""
    if len(name) > MOST_LETTERS:
        return ""
    without_unit = re.sub(r"(?<=\S)\s*[(\[][^)\]]*[)\]]\W*$", "", name)
    return re.sub(r"[\W_]+", "", without_unit.lower())


@dataclass(frozen=True)
class Expected:
    """The labels of a contract, and the fields of a line that was asked for, in their order.

    A field holds one column or, in a compact line, several; `fields` has the labels of each.
    """

    labels: tuple[str, ...]
    fields: tuple[tuple[str, ...], ...]

    @property
    def width(self) -> int:
        """How many values a line has."""
        return len(self.fields)

    @cached_property
    def _by_plain_name(self) -> dict[str, str]:
        names = [*self.labels, *(label for labels in self.fields for label in labels)]
        return {plain_name(name): name for name in names}

    def label(self, name: str) -> str | None:
        """The label that `name` means, if any."""
        return self._by_plain_name.get(plain_name(name))

    def count(self, names: Iterable[str]) -> int:
        """How many labels stand among `names`."""
        return len({label for name in names if (label := self.label(name))})

    def is_header(self, values: Sequence[str]) -> bool:
        """Whether values are names of columns: half of those that are expected, at least."""
        return 2 * self.count(values) >= self.width


@dataclass(frozen=True)
class Record:
    """One record, between two places of the answer.

    `names` is None where values stand in the order that was asked for. `doubt` says why a person
    would not take the record as it is: a reason for its rejection, or None.
    """

    start: int
    end: int
    values: tuple[str | None, ...]
    names: tuple[str, ...] | None = None
    is_cut_off: bool = False
    doubt: str | None = None

    def doubted(self, doubt: str) -> "Record":
        """The same record with a doubt, where it has none yet."""
        return self if self.doubt else replace(self, doubt=doubt)


@dataclass(frozen=True)
class Found:
    """Records of one format in an answer, and the places of what belongs to them: headers, frames.

    `text` is the text that the places are in, None where it is the answer itself.
    """

    format: str
    records: list[Record] = field(default_factory=list)
    frames: list[tuple[int, int]] = field(default_factory=list)
    text: str | None = None
