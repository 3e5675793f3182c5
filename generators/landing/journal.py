"""The journal of a run: every response as one JSON line, on disk before it counts as received."""

import fcntl
import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from generators.costs.prices import Price
from generators.landing.dispatches import Dispatches
from generators.landing.jsonl import cut_torn_line, read_lines
from generators.landing.numbers import Numbers
from generators.landing.streams import BROKEN, Streams
from generators.landing.submissions import Submissions
from synthcare.errors import SynthcareError
from synthcare.files import new_file, writing

RUN_FILE = "run.json"
_RUN_KEYS = ("run_id", "dataset")
RESPONSES_FILE = "responses.jsonl"
REQUESTS_FILE = "requests.jsonl"
BATCHES_FILE = "batches.jsonl"
STREAMS_FOLDER = "streams"

_MOST_REQUESTS = 2**31  # as the warehouse holds their numbers
_TOKENS = ("input_tokens", "cached_tokens", "output_tokens")
_KEYS = ("request_number", "rows_requested", *_TOKENS)


@dataclass(frozen=True)
class Response:
    """One answer, as received. Times are UTC; tokens are None where the provider did not say.

    `custom_id` is what a file that was imported calls it, `server` the address that answered where
    the LLM has several.

    What the request asked for is in `slice_text`, in words, and in the values that it gave away,
    its quotas, the values that it handed over and the parents that it named; see
    `generators.variety.brief.Brief.as_row`.
    """

    response_id: str
    run_id: str
    request_number: int
    rows_requested: int | None
    slice_text: str | None
    response_text: str
    finish_reason: str | None
    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    requested_at: datetime | None
    received_at: datetime | None
    reasoning_tokens: int | None = None
    dictated_values: dict[str, Any] | None = None
    quota_cells: dict[str, Any] | None = None
    drawn_values: dict[str, Any] | None = None
    parents: dict[str, Any] | None = None
    custom_id: str | None = None
    server: str | None = None


@dataclass(frozen=True)
class Spent:
    """USD that answers have cost, as far as is known, and the most that all of it can have been."""

    known: float
    at_most: float


class Journal:
    """The folder `landing/<run_id>`, opened by one process at a time.

    Opening cuts off a last line that a killed process left half-written. Raises SynthcareError
    where another process writes the run, or where a line in the middle of the file is no JSON.
    `dispatches` and `submissions` are the requests and batches that were sent, answered or not,
    `streams` what answers under way have said. What a killed process had heard is journalled as an
    answer that was cut off: `saved` is how many, `killed` how many requests had brought nothing. A
    journal in which nothing was begun leaves no folder.
    """

    def __init__(self, folder: Path, run: dict[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._run = folder, run
        path = folder / RESPONSES_FILE
        self._file = path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise SynthcareError(
                f"Another process is writing {folder}. Wait for it, or stop it."
            ) from error
        self._path = path
        try:
            self._read(path)
        except SynthcareError:
            self._file.close()
            raise

    def _read(self, path: Path) -> None:
        cut_torn_line(self._file, path)
        self.answered, self.rows_requested = Numbers(), 0
        self._tokens = Counter(dict.fromkeys(_TOKENS, 0))
        self._without_tokens: set[int] = set()
        for entry in read_lines(path, *_KEYS):
            if not _is_number(entry["request_number"]):
                raise SynthcareError(
                    f"{path} has an entry of request {entry['request_number']!r}, which is no "
                    "number. Mend or delete that line."
                )
            self.rows_requested += entry["rows_requested"] or 0
            self._count(entry)
        self.dispatches = Dispatches(
            self._folder / REQUESTS_FILE, self.answered, self._without_tokens
        )
        self.submissions = Submissions(self._folder / BATCHES_FILE)
        self.streams = Streams(self._folder / STREAMS_FOLDER)
        self.saved = self._save_streams()
        self.killed = self.dispatches.give_up()
        self.last_request_number = max(
            self.answered.last,
            self.dispatches.last_request_number,
            self.submissions.last_request_number,
        )

    def _count(self, entry: dict[str, Any]) -> None:
        """Count an answer, and what it has cost if it says so."""
        number = entry["request_number"]
        self.answered.add(number)
        if entry["input_tokens"] is None or entry["output_tokens"] is None:
            self._without_tokens.add(number)
        else:
            self._tokens.update({name: entry[name] or 0 for name in _TOKENS})

    def _save_streams(self) -> int:
        """Journal what a killed process had heard; return the number of answers."""
        saved = 0
        for number, heard in self.streams.left().items():
            asked = self.dispatches.under_way.get(number)
            if asked is None or not heard.text.strip():
                continue
            unknown = dict.fromkeys(("input_tokens", "cached_tokens", "output_tokens"))
            row = {key: value for key, value in asked.items() if key != "usd_at_most"}
            row |= {"response_text": heard.text, "finish_reason": BROKEN} | unknown
            row |= {"requested_at": datetime.fromisoformat(asked["requested_at"])}
            self.append(Response(**row, received_at=max(heard.at, row["requested_at"])))
            self.dispatches.under_way.pop(number)
            self.rows_requested += asked["rows_requested"]
            saved += 1
        self.streams.clear()
        return saved

    def begin(self) -> None:
        """Write down what the run is, if it is not: now something is about to be sent."""
        if not (self._folder / RUN_FILE).exists():
            run = json.dumps(self._run, default=_as_json, indent=1)
            with writing(self._folder / RUN_FILE):
                _write_atomically(self._folder / RUN_FILE, run)

    def append(self, response: Response) -> None:
        """Write one response and return when it is on disk.

        Raises SynthcareError where it cannot be written.
        """
        self.extend([response])

    def extend(self, responses: Iterable[Response]) -> None:
        """Write responses that are all there already, and wait once for the disk."""
        self.begin()
        with writing(self._path):
            for response in responses:
                text = _as_unicode(response.response_text)
                entry = asdict(response) | {"response_text": text}
                self._file.write(json.dumps(entry, default=_as_json).encode() + b"\n")
                self._count(entry)
                if response.request_number not in self._without_tokens:
                    self.dispatches.told(response.request_number)
            self._file.flush()
            os.fsync(self._file.fileno())

    def spent(self, price: Price | None) -> Spent:
        """What the run has cost until now.

        Unanswered requests, and answers whose tokens the provider did not say, count among the most
        with what they can have cost.
        """
        if price is None:
            return Spent(0.0, 0.0)
        known, unknown = price.usd(**self._tokens), self.dispatches.unsettled.usd_at_most
        unknown += sum(batch.usd_at_most for batch in self.submissions.under_way())
        unknown += sum(self.dispatches.usd_at_most.get(n, 0.0) for n in self._without_tokens)
        return Spent(known, known + unknown)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.dispatches.close()
        self.submissions.close()
        self.streams.close()
        if not (self._folder / RUN_FILE).exists():
            for path in self._folder.iterdir():
                path.unlink()
            self._folder.rmdir()
        self._file.close()


def read_run(folder: Path) -> dict[str, Any]:
    """What run.json in `folder` says. Raises SynthcareError where it cannot be read."""
    try:
        run = json.loads((folder / RUN_FILE).read_text())
    except ValueError as error:
        raise SynthcareError(
            f"{folder / RUN_FILE} is no JSON. Mend it, or move {folder} away."
        ) from error
    if not isinstance(run, dict) or not all(isinstance(run.get(key), str) for key in _RUN_KEYS):
        raise SynthcareError(
            f"{folder / RUN_FILE} does not say {' and '.join(_RUN_KEYS)} of a run. Mend it, or "
            f"move {folder} away."
        )
    return run


def _is_number(value: object) -> bool:
    return isinstance(value, int) and 0 <= value < _MOST_REQUESTS


def _write_atomically(path: Path, text: str) -> None:
    with new_file(path) as temporary, temporary.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _as_unicode(text: str) -> str:
    """The text with U+FFFD for halves of surrogate pairs, which no file can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _as_json(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} cannot be journalled")
