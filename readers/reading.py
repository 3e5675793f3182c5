"""What is made of the texts of one column."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """How a column is read.

    `sql` is its value as one text for each value, None where texts stay as they are. `note` is to
    be told. `unit` was left out of each value. `stays_text` is of what looks like numbers or dates
    and must not be taken for them. `kind` is what was recognised: number, date, time or text.
    """

    kind: str = "text"
    sql: str | None = None
    note: str | None = None
    unit: str | None = None
    stays_text: bool = False
