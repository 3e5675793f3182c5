"""Files of JSON lines that a killed process may have left with half a line at the end."""

import json
from collections.abc import Iterator
from io import BufferedRandom
from pathlib import Path
from typing import Any

from synthcare.errors import SynthcareError


def read_lines(path: Path, *keys: str) -> Iterator[dict[str, Any]]:
    """Entries of a file, without a last line that has no end.

    Raises SynthcareError, naming file and line, where one is no JSON object with these `keys`.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return  # being written, or torn: the next run of this plan cuts it off
            try:
                entry = json.loads(line)
            except ValueError as error:
                raise _corrupt(path, number) from error
            if not isinstance(entry, dict) or not all(key in entry for key in keys):
                raise _corrupt(path, number)
            yield entry


def cut_torn_line(file: BufferedRandom, path: Path) -> None:
    """Cut off what stands behind the last line end of `file`, which is open for appending."""
    file.truncate(path.read_bytes().rfind(b"\n") + 1)


def _corrupt(path: Path, number: int) -> SynthcareError:
    return SynthcareError(
        f"{path}, line {number}, is no entry of a journal. Mend or delete that line; "
        "nothing was loaded from the file."
    )
