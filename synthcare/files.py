"""Reading and writing files: new ones appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from synthcare.errors import SynthcareError

# The parser in C reads a contract in 5 ms, the one in Python in 50.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A path to write to, that becomes `path` when the block ends well, and vanishes otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise SynthcareError where `path` cannot be written, as on a disk that is full."""
    try:
        yield
    except OSError as error:
        raise SynthcareError(f"{path} cannot be written: {error.strerror}.") from error


def read_yaml(path: Path) -> Any:
    """What a YAML file holds. Raises OSError or yaml.YAMLError."""
    return yaml.load(path.read_text(), Loader=_LOADER)  # noqa: S506 (a safe loader)
