"""What was sent of a run and how it ended, so that a kill cannot hide what may have been paid."""

import json
import os
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generators.landing.jsonl import cut_torn_line, read_lines
from synthcare.files import writing

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
    it. `under_way` are the lines of requests that were in flight when an earlier process ended, by
    number. `usd_at_most` is by number too, for those whose cost no answer has told.
    """

    def __init__(
        self, path: Path, answered: Container[int], without_tokens: Container[int]
    ) -> None:
        self._path, self._file = path, path.open("a+b")
        cut_torn_line(self._file, path)
        self.usd_at_most: dict[int, float] = {}
        self.under_way: dict[int, dict[str, Any]] = {}
        self.last_request_number = 0
        self._perhaps_paid = [
            line["request_number"]
            for line in read_lines(path, "request_number")
            if line.get("ended", REFUSED) != REFUSED
        ]
        self._lost = set(self._perhaps_paid)
        for line in read_lines(path, "request_number"):
            number = line["request_number"]
            if "ended" in line:
                self.under_way.pop(number, None)
                continue
            self.last_request_number = max(self.last_request_number, number)
            if number not in answered:
                self.under_way[number] = line
            if number not in answered or number in without_tokens or number in self._lost:
                self.usd_at_most[number] = line.get("usd_at_most") or 0.0

    @property
    def unsettled(self) -> Unsettled:
        """The lost and killed ones of all sessions."""
        usd = sum(self.usd_at_most.get(number, 0.0) for number in self._perhaps_paid)
        return Unsettled(len(self._perhaps_paid), usd)

    def sent(self, request_number: int, usd_at_most: float, asked: dict[str, Any]) -> None:
        """Note that a request goes out now; `asked` is what its response's line will say of it."""
        self.usd_at_most[request_number] = usd_at_most
        self._write({"request_number": request_number, "usd_at_most": usd_at_most} | asked)

    def ended(self, request_number: int, how: str) -> None:
        """Note that it ended without an answer: REFUSED, LOST or KILLED."""
        if how != REFUSED:
            self._perhaps_paid.append(request_number)
            self._lost.add(request_number)
        self._write({"request_number": request_number, "ended": how})

    def told(self, request_number: int) -> None:
        """Forget what a request can have cost at most: its answer says what it has."""
        if request_number not in self._lost:
            self.usd_at_most.pop(request_number, None)

    def give_up(self) -> int:
        """Note that those under way were killed; return how many they are."""
        killed = sorted(self.under_way)
        for number in killed:
            self.ended(number, KILLED)
        self.under_way.clear()
        return len(killed)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, line: dict[str, object]) -> None:
        with writing(self._path):
            os.write(self._file.fileno(), json.dumps(line, default=str).encode() + b"\n")
