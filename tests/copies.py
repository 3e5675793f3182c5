"""Copies of the project, to be changed by a test and run as projects of their own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from synthcare.project import PROJECT


class Copy:
    """A copy in `folder`, with nothing landed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        everywhere = shutil.ignore_patterns("__pycache__", ".*_cache", ".hypothesis", "*.egg-info")
        # Folders of the package generators have names such as landing, too.
        written = {".git", ".venv", "build", "target", "logs", "landing", "warehouse.duckdb"}

        def ignored(path: str, names: list[str]) -> set[str]:
            at_the_top = written if Path(path) == PROJECT else set()
            return everywhere(path, names) | at_the_top.intersection(names)

        shutil.copytree(PROJECT, folder, ignore=ignored)

    def change(self, file: str, was: str, becomes: str) -> None:
        path = self.folder / file
        text = path.read_text()
        assert was in text
        path.write_text(text.replace(was, becomes, 1))

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if k != "SYNTHCARE_HOME"}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment | {"PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )

    def synthcare(self, *arguments: str) -> dict:
        done = self.python("-m", "generators", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
