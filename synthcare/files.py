"""Reading and writing files: new ones appear whole or not at all."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
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
        for left in (temporary, temporary.with_name(f"{temporary.name}.wal")):  # of DuckDB
            left.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to write files to, that becomes `path` when the block ends well, and else vanishes.

    Where there is a folder already, the files are moved there, and others in it stay. What a killed
    process left of the same folder goes.
    """
    path = path.absolute()
    is_there = path.is_dir()
    place = path if is_there else path.parent
    place.mkdir(parents=True, exist_ok=True)
    temporary = place / f".{path.name}.{os.getpid()}"
    for left in place.glob(f".{escape(path.name)}.*"):
        if not _runs(left.suffix[1:]):
            shutil.rmtree(left, ignore_errors=True)
    try:
        temporary.mkdir()
        yield temporary
        if is_there:
            _move(temporary, path)
        else:
            temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _runs(process: str) -> bool:
    """Whether there may be a process of this number; what no number is is none of ours."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, PermissionError):
        return True
    return True


def _move(source: Path, folder: Path) -> None:
    """Move all files, or none where a folder stands in the place of one."""
    files = [*source.iterdir()]
    for file in files:
        if (folder / file.name).is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    for file in files:
        file.replace(folder / file.name)


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
