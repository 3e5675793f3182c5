"""Files of JSON lines that a killed process may have left with half a line at the end."""

import json
import os
from collections.abc import Iterator
from io import BufferedRandom
from pathlib import Path
from typing import Any

from synthcare.errors import SynthcareError

_BLOCK_BYTES = 2**16


def read_lines(path: Path, *keys: str) -> Iterator[dict[str, Any]]:
    """Entries of a file, without a last line that has no end.

    Raises SynthcareError, naming file and line, where one is no JSON object with these `keys`.
    """
    for entry, _ in read_sized_lines(path, *keys):
        yield entry


def read_sized_lines(
    path: Path, *keys: str, start: int = 0
) -> Iterator[tuple[dict[str, Any], int]]:
    """The same from byte `start` on, each with the bytes of its line."""
    with path.open("rb") as file:
        file.seek(start)
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return  # being written, or torn: the next run of this plan cuts it off
            try:
                entry = json.loads(line)
            except ValueError as error:
                raise _corrupt(path, start, number) from error
            if not isinstance(entry, dict) or not all(key in entry for key in keys):
                raise _corrupt(path, start, number)
            yield entry, len(line)


def end_of_lines(path: Path) -> int:
    """Bytes of a file up to the end of its last whole line."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - _BLOCK_BYTES)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0


def cut_torn_line(file: BufferedRandom, path: Path) -> None:
    """Cut off what stands behind the last line end of `file`, which is open for appending."""
    file.truncate(end_of_lines(path))


def _corrupt(path: Path, start: int, number: int) -> SynthcareError:
    with path.open("rb") as file:
        blocks = iter(lambda: file.read(min(_BLOCK_BYTES, start - file.tell())), b"")
        number += sum(block.count(b"\n") for block in blocks)
    return SynthcareError(
        f"{path}, line {number}, is no entry of a journal. Mend or delete that line; "
        "nothing new was loaded from the file."
    )
