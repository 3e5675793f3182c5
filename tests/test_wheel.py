"""What a user has who installs the package without a checkout: `synthcare score`."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.copies import Copy
from tests.worlds import draw


@pytest.fixture(scope="module")
def synthcare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, installed from a wheel into an environment of its own.

    What it depends on is taken from this one, as nothing needs to be fetched twice.
    """
    folder = tmp_path_factory.mktemp("wheel")
    project = Copy(folder / "project").folder
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, project]
    subprocess.run(build, check=True, capture_output=True)
    venv.create(folder / "env", symlinks=True)
    python = folder / "env" / "bin" / "python"
    packages = Path(sysconfig.get_path("purelib"))
    own = next((folder / "env" / "lib").glob("python*")) / "site-packages"
    (wheel,) = folder.glob("*.whl")
    install = [*pip, "--python", python, "install", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True, capture_output=True)
    (own / "dependencies.pth").write_text(f"{packages}\n")
    return folder / "env" / "bin" / "synthcare"


def run(command: Path, *arguments: object, folder: Path) -> subprocess.CompletedProcess:
    """In an empty folder, with nothing of the project in the environment."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [command, *map(str, arguments)],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory, contract) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    for name, seed in (("real", 1), ("synthetic", 2)):
        rows = draw(contract, 400, seed=seed).set_axis(contract.labels, axis=1)
        rows.to_csv(folder / f"{name}.csv", index=False)
    return folder


def test_a_table_is_scored_without_a_checkout(
    synthcare: Path, tables: Path, tmp_path: Path
) -> None:
    """By an inferred contract, and by the one of a dataset, which the wheel has with it."""
    pair = (tables / "real.csv", tables / "synthetic.csv")
    for said in ([], ["--dataset", "admissions"]):
        done = run(
            synthcare, "score", *pair, *said, "--json", "--html", "card.html", folder=tmp_path
        )
        assert done.returncode == 0, done.stderr
        scores = {score["name"]: score["value"] for score in json.loads(done.stdout)["scores"]}
        assert scores["overall"] == pytest.approx(1, abs=0.15)
        assert scores["accept_rate"] == 1
    assert "</html>" in (tmp_path / "card.html").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["card.html"]


def test_what_needs_a_checkout_says_so(synthcare: Path, tmp_path: Path) -> None:
    done = run(synthcare, "run", "--llm", "independent", folder=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "checkout" in line
