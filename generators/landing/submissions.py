"""The batches of a run: what was submitted, under which id, and how it ended."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from generators.landing.jsonl import cut_torn_line, read_lines
from generators.variety.brief import Cell


@dataclass(frozen=True)
class Submission:
    """Requests `request_number` to `last_request_number`, submitted together as one batch.

    The batch carries `token`, by which it is found again where `batch_id` is not known. `cells` are
    what each request asked for, by its number: pairs of a cell (of quotas, or of a parent's rows)
    and how many rows of it.
    """

    request_number: int
    last_request_number: int
    token: str
    usd_at_most: float
    batch_id: str | None = None
    status: str | None = None
    cells: Mapping[str, Sequence[tuple[Cell, int]]] = field(default_factory=dict)

    @property
    def numbers(self) -> range:
        """The numbers of its requests."""
        return range(self.request_number, self.last_request_number + 1)

    def cells_of(self, request_number: int) -> dict[Cell, int]:
        """How many rows of each cell a request asked for."""
        pairs = self.cells.get(str(request_number), [])
        return {tuple(map(tuple, cell)): count for cell, count in pairs}


class Submissions:
    """The file `batches.jsonl` of a run: the last line about a submission holds, fsync for each."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+b")
        cut_torn_line(self._file, path)
        names = [known.name for known in fields(Submission)]
        self._by_token = {
            line["token"]: Submission(**{name: line[name] for name in names if name in line})
            for line in read_lines(path, "token", "request_number")
        }

    @property
    def last_request_number(self) -> int:
        return max((one.last_request_number for one in self._by_token.values()), default=0)

    def under_way(self) -> list[Submission]:
        """Those that have not ended."""
        return [one for one in self._by_token.values() if one.status is None]

    def begun(self, submission: Submission) -> None:
        """Note that a batch is about to be submitted."""
        self._write(submission)

    def known_as(self, submission: Submission, batch_id: str) -> Submission:
        """Note the id of the batch."""
        known = replace(submission, batch_id=batch_id)
        self._write(known)
        return known

    def ended(self, submission: Submission, status: str) -> None:
        """Note how the batch ended, when its answers are journalled."""
        self._write(replace(submission, status=status))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, submission: Submission) -> None:
        self._by_token[submission.token] = submission
        self._file.write(json.dumps(asdict(submission)).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
