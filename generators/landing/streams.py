"""What answers have said so far, so that a kill loses no more than half a row of each."""

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from synthcare.files import writing

# How an answer ended whose stream broke off: at the provider's, on its way, or by a kill here.
BROKEN = "broken"


@dataclass(frozen=True)
class Heard:
    """What a request had been answered when its process was killed, and when it was last heard."""

    text: str
    at: datetime


class Stream:
    """The file of one answer under way, written as its text comes and removed at its end.

    It is handed to the operating system and not waited for, because a kill takes nothing from it.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, -1

    def hear(self, piece: str) -> None:
        """Add a piece of text."""
        with writing(self._path):
            if self._file < 0:
                self._path.parent.mkdir(exist_ok=True)
                self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.write(self._file, piece.encode(errors="replace"))

    def end(self) -> None:
        """Remove the file: what it holds is journalled, or of no use."""
        if self._file >= 0:
            self.leave()
            self._path.unlink(missing_ok=True)

    def leave(self) -> None:
        """Leave the file to the next session, as a kill does."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class Streams:
    """The folder of a run's answers under way, a file for each number of a request."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, request_number: int) -> Stream:
        """The stream of the answer to a request."""
        return Stream(self._folder / f"{request_number}.txt")

    def left(self) -> dict[int, Heard]:
        """What a killed process left, by number of the request."""
        found = {}
        for path in self._folder.glob("*.txt"):
            at = datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None)
            found[int(path.stem)] = Heard(path.read_bytes().decode(errors="replace"), at)
        return found

    def clear(self) -> None:
        """Remove what was left."""
        for path in self._folder.glob("*.txt"):
            path.unlink()
        self.close()

    def close(self) -> None:
        """Remove the folder, where nothing is left in it."""
        with suppress(OSError):
            self._folder.rmdir()
