"""The head of a GGUF file: what a model is, and how much memory it takes.

Only as much is read as an honest file has: one that claims more is refused.
"""

import mmap
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from generators.errors import SynthcareError

_VERSIONS = (2, 3)
_MOST_HEAD_BYTES = 64 * 2**20  # the largest vocabularies take 15 MB
_MOST_NUMBERS_KEPT = 4096  # of an array: one a layer, but not one a token
_BYTES_OF_NUMBER = 2  # llama.cpp caches keys and values as f16
_UNKNOWN_BYTES_PER_TOKEN = 2**20  # more than a model of 30 billion parameters takes

# Types of values by their numbers, as `struct` calls them.
_NUMBERS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
_STRING, _ARRAY = 8, 9

Value = int | float | bool | str | list[int | float | bool]


class _NoGGUF(Exception):
    """Why a file is no GGUF that can be served."""


@dataclass(frozen=True)
class Model:
    """What memory a model needs: its weights, and each token of context."""

    path: Path
    weight_bytes: int
    bytes_per_token: int
    work_bytes: int
    trained_context: int | None


def read_model(path: Path) -> Model:
    """Read the head of a GGUF file.

    Raises SynthcareError where it is missing, no GGUF, or cut off.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise _NoGGUF("is no GGUF file")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as head:
                reader = _Reader(head[:_MOST_HEAD_BYTES] if size > _MOST_HEAD_BYTES else head)
                ...
    except OSError as error:
        raise SynthcareError(f"{path}: {error.strerror}") from error
