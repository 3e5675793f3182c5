"""Runs dbt in this process, quietly, and says in one line what went wrong."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from generators.home import Home
from synthcare.errors import SynthcareError
from synthcare.project import PROJECT

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest


# The project as dbt has parsed it: its files do not change while a command runs, and parsing them
# takes as long as building ten models.
_parsed: "Manifest | None" = None
_parsing = threading.Lock()


class TransformFailed(Exception):
    """A dbt model or test failed. That is a fault of the project's, so it exits with 1, not 2."""


def run_dbt(home: Home, *arguments: str) -> int:
    """Run a dbt command, e.g. `build`; return the number of nodes that passed.

    Raises TransformFailed with the nodes that failed and where dbt's own log is.
    """
    manifest = _parse(home)
    from dbt.cli.main import dbtRunner

    # What dbt compiles it writes over what it parsed, where a constraint refers to another model.
    results = _invoke(home, dbtRunner(manifest=manifest.deepcopy()), *arguments).results
    failed = [result for result in results if result.status in ("error", "fail")]
    if failed:
        for result in failed:
            _raise_if_locked(home, result.message or "")
        raise TransformFailed(
            f"dbt {arguments[0]} failed: "
            + "; ".join(f"{result.node.name}: {result.message}" for result in failed)
            + f". The log is {home.root / 'logs' / 'dbt.log'}."
        )
    return sum(result.status in ("success", "pass", "warn") for result in results)


def parse_ahead(home: Home) -> None:
    """Let dbt parse the project in a thread, while there is something else to wait for.

    What is wrong with the project is left to be said by `run_dbt`.
    """

    def parse() -> None:
        with suppress(TransformFailed, SynthcareError):
            _parse(home)

    # A daemon: whoever ends before it does not wait for it.
    threading.Thread(target=parse, daemon=True).start()


def _parse(home: Home) -> "Manifest":
    global _parsed  # noqa: PLW0603
    with _parsing:
        if _parsed is None:
            from dbt.cli.main import dbtRunner  # 1.5 s

            _parsed = _invoke(home, dbtRunner(), "parse")
        return _parsed


def _invoke(home: Home, runner: "dbtRunner", *arguments: str) -> Any:
    """The result of a dbt command on the project, with its files in the home folder."""
    options = ["--quiet", "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    if home.root != PROJECT:
        options += ["--target-path", str(home.root / "target")]
        options += ["--log-path", str(home.root / "logs")]
    if arguments[0] == "run":
        options += ["--no-write-json"]  # a second of each count; `build` writes what others read
    with _environment(SYNTHCARE_HOME=str(home.root)):
        outcome = runner.invoke([*arguments, *options])
    if outcome.exception:
        _raise_if_locked(home, str(outcome.exception))
        raise TransformFailed(f"dbt {arguments[0]} stopped: {outcome.exception}")
    return outcome.result


def _raise_if_locked(home: Home, message: str) -> None:
    if "Could not set lock" in message:
        raise SynthcareError(
            f"{home.warehouse} is locked by another process. Close it there and run this again; "
            "what was received is in the landing folder."
        )


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
