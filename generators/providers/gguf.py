"""What the head of a GGUF file says: how much memory its model takes."""

import glob
import mmap
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from synthcare.errors import SynthcareError

_VERSIONS = (2, 3)
_MOST_HEAD_BYTES = 64 * 2**20  # a vocabulary of 262,000 takes 15 MB; no honest head is larger
_MOST_NUMBERS_KEPT = 4096  # of an array: enough for one a layer
_PIECE_TOKENS = 512  # of a prompt, that llama.cpp reads at a time

_CACHED_NUMBER_BYTES = 2  # llama.cpp keeps keys and values as f16
_UNKNOWN_TOKEN_BYTES = 2**20  # where the head does not say: as if of 30 billion weights

# The types of values, as `struct` names them.
_NUMBERS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
_TEXT, _ARRAY = 8, 9

# Numbers, texts and short lists of numbers; of other arrays only the length is kept.
Values = Mapping[str, object]


@dataclass(frozen=True)
class Model:
    """A model and its memory: its weights, room to work, and each token that a slot holds.

    `context` is the most tokens that it was trained for, None where the file does not say.
    """

    path: Path
    weight_bytes: int
    work_bytes: int
    token_bytes: int
    context: int | None


class _Damaged(Exception):
    """The file says of itself what cannot be."""


def read_model(path: Path) -> Model:
    """Read the head of a GGUF file.

    Raises SynthcareError where the file is missing, no GGUF, or cut off.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise SynthcareError(
                    f"{path} is no GGUF file. Name one in `model_path` of llms.yml."
                )
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
                values, size = _read(_Head(whole)), len(whole)
    except OSError as error:
        raise SynthcareError(
            f"The model file {path} cannot be read: {error.strerror}. "
            "Name another in `model_path` of llms.yml."
        ) from error
    except (_Damaged, UnicodeDecodeError) as error:
        raise SynthcareError(
            f"The model file {path} is cut off or damaged. Download it again."
        ) from error
    prefix = f"{values.get('general.architecture')}."
    return Model(
        path,
        weight_bytes=size + _other_parts_bytes(path, values),
        work_bytes=4 * _PIECE_TOKENS * (_count(values, "tokenizer.ggml.tokens") or 0),
        token_bytes=_token_bytes(values, prefix),
        context=_count(values, f"{prefix}context_length"),
    )


class _Head:
    """Reads one value after the other, and nothing past the end."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data, self._end = data, min(len(data), _MOST_HEAD_BYTES)
        self.length = len(data)
        self.position = 4

    def numbers(self, code: str, count: int) -> list[int | float | bool]:
        begin = self.skip(struct.calcsize(code), count)
        return list(struct.unpack_from(f"<{count}{code}", self._data, begin))

    def number(self, code: str) -> int:
        return self.numbers(code, 1)[0]

    def text(self) -> str:
        begin = self.skip(1, self.number("Q"))
        return self._data[begin : self.position].decode()

    def skip(self, size: int, count: int) -> int:
        """Pass over `count` values of `size` bytes each; return where they begin."""
        begin = self.position
        if size * count > self._end - begin:
            raise _Damaged
        self.position += size * count
        return begin


def _read(head: _Head) -> Values:
    """The values in the head of a file that is as long as its tensors say."""
    if head.number("I") not in _VERSIONS:
        raise _Damaged
    tensors, count = head.numbers("Q", 2)
    values: dict[str, object] = {}
    for _ in range(count):
        name = head.text()
        values[name] = _value(head, head.number("I"))
    last = 0
    for _ in range(tensors):
        head.skip(1, head.number("Q"))  # its name
        head.skip(8, head.number("I"))  # its dimensions
        head.number("I")  # its type
        last = max(last, head.number("Q"))
    if head.position + last >= head.length:
        raise _Damaged
    return values


def _value(head: _Head, kind: int) -> object:
    if kind == _TEXT:
        return head.text()
    if kind in _NUMBERS:
        return head.number(_NUMBERS[kind])
    if kind != _ARRAY:
        raise _Damaged
    kind, count = head.number("I"), head.number("Q")
    if kind == _TEXT:
        for _ in range(count):
            head.skip(1, head.number("Q"))
        return count
    if kind not in _NUMBERS:
        raise _Damaged
    if count <= _MOST_NUMBERS_KEPT:
        return head.numbers(_NUMBERS[kind], count)
    head.skip(struct.calcsize(_NUMBERS[kind]), count)
    return count


def _count(values: Values, name: str) -> int | None:
    """A whole number above zero; None where there is none of this name."""
    value = values.get(name)
    return value if isinstance(value, int) and value > 0 else None


def _token_bytes(values: Values, prefix: str) -> int:
    """Bytes of the keys and values that each token leaves behind, in all layers together."""
    layers = _count(values, f"{prefix}block_count")
    width = _count(values, f"{prefix}embedding_length")
    heads = _each(values, f"{prefix}attention.head_count", layers)
    if not (layers and width and heads):
        return _UNKNOWN_TOKEN_BYTES
    kept, _ = _each(values, f"{prefix}attention.head_count_kv", layers) or heads
    usual = width // heads[1]
    sizes = [_count(values, f"{prefix}attention.{name}_length") for name in ("key", "value")]
    return _CACHED_NUMBER_BYTES * kept * sum(size or usual for size in sizes)


def _each(values: Values, name: str, layers: int | None) -> tuple[int, int] | None:
    """The sum and the largest of what the layers have, told once for all or one by one."""
    value = values.get(name)
    if isinstance(value, list):
        numbers = [number for number in value if isinstance(number, int) and number > 0]
        return (sum(numbers), max(numbers)) if numbers else None
    number = _count(values, name)
    return (number * (layers or 0), number) if number else None


def _other_parts_bytes(path: Path, values: Values) -> int:
    """Bytes of the files beside this one, where a model is split: NAME-00001-of-00003.gguf."""
    parts = _count(values, "split.count") or 1
    if parts == 1 or not (found := re.fullmatch(r"(.+)-\d{5}-of-(\d{5})\.gguf", path.name)):
        return 0
    beside = path.parent.glob(f"{glob.escape(found[1])}-*-of-{found[2]}.gguf")
    return sum(part.stat().st_size for part in beside if part != path)
