"""Fixtures: a home folder of its own for each test, and one that the whole flow has filled."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from generators.home import Home
from synthcare.contracts.contract import Contract, load_contract
from synthcare.project import PROJECT
from tests.driver import DATASET, ENTITIES, HANDLER, HOSTILE, Flow, cli, csv_row

# No test depends on how fast the machine is, or how much else it does.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

# Fixtures that take long to set up.
SHARED = {"flow", "world", "kaggle", "scored", "brought", "changed", "built", "stays"}
SHARED |= {"built_tables", "scored_once", "shared", "written_families", "built_clinics"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share a warehouse in one parallel process: each process fills its own."""
    for item in items:
        for shared in SHARED.intersection(item.fixturenames):
            item.add_marker(pytest.mark.xdist_group(shared))


@pytest.fixture(scope="session")
def contract() -> Contract:
    return load_contract(DATASET)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty home folder, which the environment names."""
    monkeypatch.setenv("SYNTHCARE_HOME", str(tmp_path / "home"))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "LLAMA_API_KEY", "LLAMA_API_CLIENT_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return Home.from_environment()


@contextmanager
def on_one_core() -> Iterator[None]:
    """Lets the embedded LLM have one thread.

    On a machine that others use too, two threads wait for each other longer than they compute.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@pytest.fixture(scope="session")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    """Reference, the embedded LLM, two imports, both baselines, dbt build and all reports, once."""
    folder = tmp_path_factory.mktemp("flow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNTHCARE_HOME", str(folder))
        if real := os.environ.get("SYNTHCARE_TEST_REFERENCE"):
            assert cli("reference", "--csv", real).exit_code == 0
        with on_one_core():
            generated = cli(
                "generate", "--llm", "smollm2", "--rows", 2, "--rows-per-request", 1,
                "--concurrency", 2,
            )  # fmt: skip
        assert generated.exit_code == 0, generated.output
        imports = []
        transcript = Path(
            os.environ.get("SYNTHCARE_TEST_TRANSCRIPTS") or PROJECT / "tests/data/transcript.txt"
        )
        hostile = folder / "hostile.txt"
        hostile.write_text(
            "\n".join(
                csv_row(name=HOSTILE, doctor=HANDLER, hospital=ENTITIES, age=str(20 + number))
                for number in range(40)
            )
            + "\n"
            + csv_row(gender=HOSTILE)
        )
        for path, llm in ((transcript, "gpt-4o"), (hostile, HOSTILE)):
            imported = cli(
                "import", path, "--llm", llm, "--prompt", "basic", "--instructions", "basic",
                "--json",
            )  # fmt: skip
            assert imported.exit_code == 0, imported.output
            imports.append(json.loads(imported.stdout)["run_id"])
        run = cli("run", "--llm", "independent", "--llm", "holdout", "--rows", 500, "--json")
        assert run.exit_code == 0, run.output
        yield Flow(Home(folder), json.loads(run.stdout), *imports)
