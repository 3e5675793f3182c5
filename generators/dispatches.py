"""What was sent of a run and how it ended, so that a kill cannot hide what may have been paid."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from generators.jsonl import cut_torn_line, read_lines

# How a sent request ended, if not with an answer: refused by the provider, and so free of charge;
# lost on the way, or in flight when the process was killed, and so perhaps paid.
REFUSED = "refused"
LOST = "lost"
KILLED = "killed"


@dataclass(frozen=True)
class Unsettled:
    """Requests that got no answer but may have been paid, and the most that they can have cost."""

    requests: int
    usd_at_most: float


class Dispatches:
    """The file `requests.jsonl` of a run: a line for each request sent, and one if it failed.

    Lines are handed to the operating system and not waited for, because a kill takes nothing from
    it. `killed` are the requests that were in flight when an earlier process ended, `unsettled`
    those and the lost ones of all sessions; `usd_at_most` is by number of request.
    """

    def __init__(self, path: Path, answered: set[int]) -> None:
        self._file = path.open("a+b")
        cut_torn_line(self._file, path)
        self.usd_at_most: dict[int, float] = {}
        under_way: set[int] = set()
        perhaps_paid: list[int] = []
        for line in read_lines(path, "request_number"):
            number = line["request_number"]
            if "ended" not in line:
                self.usd_at_most[number] = line.get("usd_at_most") or 0.0
                under_way.add(number)
                continue
            under_way.discard(number)
            if line["ended"] != REFUSED:
                perhaps_paid.append(number)
        killed = sorted(under_way - answered)
        for number in killed:
            self.ended(number, KILLED)
        perhaps_paid += killed
        self.killed = len(killed)
        self.last_request_number = max(self.usd_at_most, default=0)
        self.unsettled = Unsettled(
            len(perhaps_paid), sum(self.usd_at_most.get(number, 0.0) for number in perhaps_paid)
        )

    def sent(self, request_number: int, usd_at_most: float) -> None:
        """Note that a request goes out now."""
        self._write({"request_number": request_number, "usd_at_most": usd_at_most})

    def ended(self, request_number: int, how: str) -> None:
        """Note that it ended without an answer: REFUSED, LOST or KILLED."""
        self._write({"request_number": request_number, "ended": how})

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, line: dict[str, object]) -> None:
        os.write(self._file.fileno(), json.dumps(line).encode() + b"\n")
