"""The journal of a run: every response as one JSON line, on disk before it counts as received."""

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from generators.errors import SynthcareError
from generators.files import new_file

RUN_FILE = "run.json"
RESPONSES_FILE = "responses.jsonl"


@dataclass(frozen=True)
class Response:
    """One answer, as received. Times are UTC; tokens are None where the provider did not say."""

    response_id: str
    run_id: str
    request_number: int
    rows_requested: int | None
    response_text: str
    finish_reason: str | None
    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    requested_at: datetime | None
    received_at: datetime | None


class Journal:
    """The folder `landing/<run_id>`, opened by one process at a time.

    Opening cuts off a last line that a killed process left half-written. Raises SynthcareError
    where another process writes the run, or where a line in the middle of the file is no JSON.
    """

    def __init__(self, folder: Path, run: dict[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / RUN_FILE).exists():
            _write_atomically(folder / RUN_FILE, json.dumps(run, default=_as_json, indent=1))
        self._path = folder / RESPONSES_FILE
        self._file = self._path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise SynthcareError(
                f"Another process is writing {folder}. Wait for it, or stop it."
            ) from error
        self._cut_torn_line()
        entries = list(read_responses(self._path))
        self.last_request_number = max((entry["request_number"] for entry in entries), default=0)
        self.rows_requested = sum(entry["rows_requested"] or 0 for entry in entries)

    def append(self, response: Response) -> None:
        """Write one response and return when it is on disk."""
        line = json.dumps(asdict(response), default=_as_json)
        self._file.write(line.encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _cut_torn_line(self) -> None:
        text = self._path.read_bytes()
        self._file.truncate(text.rfind(b"\n") + 1)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()


def read_responses(path: Path) -> Iterator[dict[str, Any]]:
    """Entries of a journal. Raises SynthcareError, naming file and line, where one is no JSON."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return  # being written, or torn: the next run of this plan cuts it off
            try:
                yield json.loads(line)
            except ValueError as error:
                raise SynthcareError(
                    f"{path}, line {number}, is no JSON. Mend or delete that line; "
                    "nothing was loaded from the file."
                ) from error


def read_run(folder: Path) -> dict[str, Any]:
    """What run.json in `folder` says. Raises SynthcareError where it cannot be read."""
    try:
        return json.loads((folder / RUN_FILE).read_text())
    except ValueError as error:
        raise SynthcareError(
            f"{folder / RUN_FILE} is no JSON. Mend it, or move {folder} away."
        ) from error


def _write_atomically(path: Path, text: str) -> None:
    with new_file(path) as temporary, temporary.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _as_json(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} cannot be journalled")
