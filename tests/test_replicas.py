"""Replicas of a model of one's own, which Ray starts: SmolLM2, on one machine."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generators.asking.llms import LLM, load_llm
from generators.asking.runs import Run, plan_run
from generators.home import Home
from generators.providers.replicas import resources
from synthcare.contracts.contract import Contract
from synthcare.errors import SynthcareError
from synthcare.project import PROJECT
from tests.driver import cli
from tests.fleets import HAS_RAY, actors, ask, rows_in, servers_of, with_ray
from tests.loopback import serve

# A cluster takes all cores, so that there is one at a time.
pytestmark = pytest.mark.xdist_group("ray")


def llm_of(**changes: Any) -> LLM:
    return replace(load_llm("smollm2"), **{"replicas": 2, "concurrency": 2, **changes})


def plan(contract: Contract, **changes: Any) -> Run:
    return plan_run(
        contract, llm_of(**changes), prompt_level="basic", instruction_level="basic", seed=1
    )


@with_ray
def test_replicas_share_the_requests(home: Home, contract: Contract) -> None:
    work, responses, told = ask(home, plan(contract), 20)
    assert work.stopped_because is None
    assert rows_in(responses) >= 20
    assert set(servers_of(responses)) == {"replica 1", "replica 2"}
    assert [line for line in told if "said nothing" not in line] == []  # it may be slow
    assert actors() == set()


@with_ray
def test_a_replica_that_is_killed_comes_back(home: Home, contract: Contract) -> None:
    killed: list[int] = []
    run = plan(contract)
    journal = home.landing / run.run_id / "responses.jsonl"

    def kill() -> None:
        while not (journal.exists() and journal.read_text()):
            time.sleep(0.1)
        killed.append(min(actors()))
        os.kill(killed[0], signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    work, responses, told = ask(home, run, 60, seconds=400)
    assert killed
    assert work.stopped_because is None
    broken = [one for one in responses if one["finish_reason"] == "broken"]
    assert rows_in(responses) >= 60 - len(broken)  # whose last line may have no end
    assert len({one["request_number"] for one in responses}) == len(responses)
    assert len(broken) + work.unanswered <= 2  # what was in flight there
    (name,) = {line.split(" is left out")[0] for line in told if " is left out" in line}
    assert f"{name} answers again" in told


@pytest.fixture
def two_nodes() -> Iterator[str]:
    """The address of a cluster of two nodes with one core each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    yield cluster.address
    cluster.shutdown()


@with_ray
def test_nodes_of_a_cluster_have_a_replica_each(
    home: Home, contract: Contract, request: pytest.FixtureRequest
) -> None:
    address = request.getfixturevalue("two_nodes")
    work, responses, _ = ask(home, plan(contract, ray=address), 20)
    assert work.stopped_because is None
    # A replica takes a core, and neither node has two.
    assert set(servers_of(responses)) == {"replica 1", "replica 2"}


def refusal(home: Home, run: Run) -> str:
    with pytest.raises(SynthcareError) as told:
        ask(home, run, 10)
    return str(told.value)


@with_ray
def test_more_replicas_than_cores_are_refused(home: Home, contract: Contract) -> None:
    cores = os.cpu_count() or 1
    assert refusal(home, plan(contract, replicas=cores + 1)) == (
        f"'smollm2' has {cores + 1} replicas, and the Ray cluster has {cores} cores: each needs "
        "one. Make `replicas` less in llms.yml, or add nodes."
    )


@with_ray
def test_a_cluster_that_is_not_there_is_named(home: Home, contract: Contract) -> None:
    said = refusal(home, plan(contract, ray="127.0.0.1:9"))
    assert said.startswith("There is no Ray cluster at 127.0.0.1:9. Start one with")


JOINED = """
import asyncio, sys
from generators.providers import replicas
from synthcare.errors import SynthcareError
from tests.test_replicas import llm_of
async def join():
    async with replicas.open_replicas(llm_of(ray=sys.argv[1])):
        print("joined")
replicas._SECONDS_TO_JOIN = 3.0
try:
    asyncio.run(join())
except SynthcareError as error:
    print(error)
"""


@with_ray
def test_what_is_no_cluster_is_not_waited_for_without_end() -> None:
    with serve(key="any") as other:
        address = f"127.0.0.1:{other.server_port}"
        done = subprocess.run(
            [sys.executable, "-c", JOINED, address],
            check=True,
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.stdout.startswith(f"What answers at {address} is no Ray cluster, or a busy one: ")
    assert "not joined in 3 seconds. Check `ray` of 'smollm2'" in done.stdout


@with_ray
def test_a_model_that_will_not_do_is_said_once(
    home: Home, contract: Contract, tmp_path: Path
) -> None:
    path = tmp_path / "no.gguf"
    path.write_text("GGUF")
    said = refusal(home, plan(contract, model_path=str(path)))
    assert "no.gguf" in said
    assert "\n" not in said


@pytest.mark.skipif(HAS_RAY, reason="Ray is installed")
def test_without_ray_a_line_says_how_to_get_it(home: Home, contract: Contract) -> None:
    assert refusal(home, plan(contract)) == (
        "'smollm2' has replicas, which Ray starts, and Ray is not installed. Run "
        "`make setup-ray`, or take `replicas` and `ray` out of llms.yml."
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"provider": "openai", "wire_format": "csv"}, "providers local and vllm only"),
        ({"port": 8080}, "not with port"),
    ],
)
def test_what_replicas_cannot_go_with_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(SynthcareError, match=why):
        llm_of(**changes)


def node(cores: float, gpus: float = 0) -> dict[str, Any]:
    return {"Alive": True, "Resources": {"CPU": cores, **({"GPU": gpus} if gpus else {})}}


@pytest.mark.parametrize(
    ("replicas", "nodes", "cores", "gpus"),
    [
        (1, [node(8)], 8, 0),
        (3, [node(8)], 2, 0),
        (3, [node(3), node(3)], 1, 0),  # a node with two has no place for another one
        (2, [node(2), node(6)], 3, 0),
        (2, [node(8, 1), node(8, 1)], 8, 1),
        (3, [node(8, 2)], 2, 0),  # two GPUs are not for three
        (2, [node(8, 2), node(16)], 4, 1),  # where the GPUs are
        (2, [node(4), {**node(90), "Alive": False}], 2, 0),
    ],
)
def test_replicas_have_what_all_of_them_can_have(
    replicas: int, nodes: list[dict[str, Any]], cores: int, gpus: int
) -> None:
    found = resources(llm_of(replicas=replicas), nodes)
    assert found == {"num_cpus": cores, "num_gpus": gpus}


def test_each_example_of_llms_yml_can_be_used(tmp_path: Path) -> None:
    text = (PROJECT / "llms.yml").read_text()
    examples = re.findall(r"(?m)^#   [a-z][a-z-]+:\n(?:#     .*\n)+", text)
    for example in examples:
        path = tmp_path / "llms.yml"
        path.write_text(re.sub(r"(?m)^#   ", "", example))
        assert load_llm(example.split(":")[0].strip("# "), tmp_path).concurrency
    assert len(examples) == 6


def test_two_llms_with_replicas_are_refused_before_anything_is_asked(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "generators.commands.workflow.load_llm", lambda name: replace(llm_of(), name=name)
    )
    refused = cli("generate", "--llm", "b", "--llm", "a", "--rows", 5)
    assert refused.exit_code == 2
    assert "a and b have replicas, and a command can use Ray for one LLM." in " ".join(
        refused.stderr.split()
    )
    assert not home.landing.exists()
    assert cli("plan", "--llm", "a", "--llm", "a", "--rows", 5).exit_code == 0


def test_slots_are_those_of_all_replicas() -> None:
    assert llm_of(replicas=3).slots == 6
    assert llm_of(replicas=1).slots == 2
