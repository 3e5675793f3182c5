"""vLLM, started by this project: its program is stood in for, as it needs a GPU."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import openai
import pytest

from generators.asking.llms import LLM
from generators.asking.runs import Run, plan_run
from generators.home import Home
from generators.providers.replicas import resources
from generators.providers.vllm import VLLM
from synthcare.contracts.contract import Contract
from synthcare.errors import SynthcareError
from synthcare.project import PROJECT
from tests.driver import cli
from tests.fleets import actors, ask, processes, rows_in, servers_of, with_ray
from tests.loopback import serve

# What the program in its place wants to be started with.
OPTIONS = {
    "max-model-len": 8192,
    "enforce-eager": True,
    "enable-prefix-caching": False,
    "hf-overrides": {"a": 1},
}
KEY = "a key"
# They count processes, so that there is one test at a time.
pytestmark = pytest.mark.xdist_group("ray")


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of weights, and the program in PATH."""
    programs, folder = tmp_path / "bin", tmp_path / "weights"
    programs.mkdir()
    folder.mkdir()
    program = programs / "vllm"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.vllm_stand_in "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(PROJECT), *sys.path]))
    return folder


def llm_of(weights: Path, **changes: Any) -> LLM:
    return LLM(
        **{
            "name": "mine",
            "provider": "vllm",
            "model": "Mine-7B",
            "model_path": str(weights),
            "wire_format": "csv",
            "rows_per_request": 5,
            "concurrency": 2,
            "serve_options": OPTIONS,
            **changes,
        }
    )


def plan(contract: Contract, llm: LLM) -> Run:
    return plan_run(contract, llm, prompt_level="basic", instruction_level="basic", seed=1)


def servers() -> set[int]:
    return processes(b"tests.vllm_stand_in")


def programs() -> set[int]:
    """The servers and their engines."""
    return servers() | processes(b"engine core")


def is_gone(pid: int) -> bool:
    """Whether a process ends soon."""
    give_up = time.monotonic() + 30
    while pid in programs() and time.monotonic() < give_up:
        time.sleep(0.05)
    return pid not in programs()


def test_it_serves_while_a_run_asks_it(home: Home, contract: Contract, weights: Path) -> None:
    before = programs()
    work, responses, _ = ask(home, plan(contract, llm_of(weights)), 20)
    assert work.stopped_because is None
    assert rows_in(responses) >= 20
    assert all(is_gone(pid) for pid in programs() - before)


def test_only_who_has_the_key_is_answered(weights: Path) -> None:
    with closing(VLLM(llm_of(weights), key=KEY)) as server:
        server.wait()
        assert server.base_url.startswith("http://127.0.0.1:")
        found = openai.OpenAI(base_url=server.base_url, api_key=KEY).models.list().data
        assert [model.id for model in found] == ["Mine-7B"]
        with pytest.raises(openai.AuthenticationError):
            openai.OpenAI(base_url=server.base_url, api_key="another").models.list()
        line = Path(f"/proc/{max(servers())}/cmdline").read_bytes()
        assert KEY.encode() not in line


def test_the_end_of_its_process_is_noticed(weights: Path) -> None:
    before = programs()
    with closing(VLLM(llm_of(weights), key=KEY)) as server:
        server.wait()
        (pid,) = servers() - before
        ended = threading.Thread(target=server.wait_for_end)
        ended.start()
        os.kill(pid, signal.SIGKILL)
        ended.join(timeout=30)
        assert not ended.is_alive()
        assert "has ended: by SIGKILL, as a system does that runs out of memory. Check" in str(
            server.ended()
        )
        assert programs() - before  # the engine
    assert all(is_gone(pid) for pid in programs() - before)


STARTED = """
import sys, time
from tests.test_vllm import KEY, VLLM, llm_of
server = VLLM(llm_of(sys.argv[1]), key=KEY)
server.wait()
print("it is up", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("is_stubborn", [False, True])
def test_it_ends_with_who_started_it(
    weights: Path, monkeypatch: pytest.MonkeyPatch, is_stubborn: bool
) -> None:
    if is_stubborn:
        monkeypatch.setenv("STUBBORN", "1")
    before = programs()
    parent = subprocess.Popen(
        [sys.executable, "-c", STARTED, str(weights)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout.readline() == "it is up\n"
    started = programs() - before
    assert len(started) == 2
    parent.kill()
    parent.communicate()
    assert all(is_gone(pid) for pid in started)


def refusal(home: Home, contract: Contract, llm: LLM) -> str:
    with pytest.raises(SynthcareError) as told:
        ask(home, plan(contract, llm), 10)
    return str(told.value)


def test_why_it_does_not_start_is_said(home: Home, contract: Contract, weights: Path) -> None:
    missing = llm_of(weights, model="no/such-model", model_path=None)
    said = refusal(home, contract, missing)
    assert said.startswith(
        "vLLM with no/such-model has ended: OSError: no/such-model is not a local folder. "
        "Check `model`, `model_path`, `port` and `serve_options` of 'mine' in llms.yml. Its log is "
    )
    log = Path(said.rpartition("Its log is ")[2].rstrip("."))
    assert "Engine core initialization failed" in log.read_text()
    log.unlink()
    unknown = llm_of(weights, serve_options={"no-such-option": 1})
    assert "error: unrecognized arguments: --no-such-option=1" in refusal(home, contract, unknown)
    long = llm_of(weights, serve_options=OPTIONS | {"max-model-len": 10**9})
    assert "validation error for ModelConfig Value error, it reads 8192 tokens" in refusal(
        home, contract, long
    )


def test_options_that_no_command_line_holds_are_named(
    home: Home, contract: Contract, weights: Path
) -> None:
    options = {f"option-{number}": "x" * 100_000 for number in range(100)}
    said = refusal(home, contract, llm_of(weights, serve_options=options))
    assert "Argument list too long" in said
    assert said.endswith(". Shorten `serve_options` of 'mine' in llms.yml.")


def test_the_log_that_was_named_stays_for_who_gives_up_waiting(
    weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("generators.providers.vllm._TOLD_EVERY_SECONDS", 0.1)
    (weights.parent / "bin" / "vllm").write_text("#!/bin/sh\necho 3 of 40 GB\nexec sleep 60\n")
    server = VLLM(llm_of(weights), key=KEY)
    threading.Timer(1, server.close).start()
    server.wait()
    log = Path(re.search(r"its log is ([^)]*)\)", capsys.readouterr().err)[1])
    assert log.read_text() == "3 of 40 GB\n"
    log.unlink()


def test_no_secret_of_its_log_is_said(
    home: Home, contract: Contract, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_hunter2hunter2")
    said = refusal(home, contract, llm_of(weights))
    assert said.startswith("vLLM with Mine-7B has ended: ValueError: … and … will not do]0;x. ")


def test_what_it_answers_is_said_while_it_is_waited_for(
    weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("generators.providers.vllm._TOLD_EVERY_SECONDS", 0.1)
    with closing(VLLM(llm_of(weights), key=KEY)) as server:
        server.wait()
        server._key = "another"  # as if its own were not accepted
        threading.Timer(1.5, server.close).start()
        server.wait()
    server._log.unlink()
    assert "; /v1/models answers HTTP 401" in capsys.readouterr().err


def test_weights_that_are_not_there_are_not_looked_for_elsewhere(
    home: Home, contract: Contract, weights: Path
) -> None:
    said = refusal(home, contract, llm_of(weights, model_path="owner/weights"))
    assert said.startswith(f"{Path('owner/weights').resolve()} is not there on ")


class Keyless(BaseHTTPRequestHandler):
    """Answers everybody."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def keyless(port: int) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", port), Keyless) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def test_a_port_that_is_taken_is_named(weights: Path) -> None:
    with serve(key="another") as other:
        taken = llm_of(weights, port=other.server_port)
        with pytest.raises(SynthcareError, match=f"Port {other.server_port} is in use"):
            VLLM(taken, key=KEY)


@pytest.mark.parametrize("come", [keyless, partial(serve, key="another")])
def test_a_server_that_came_while_ours_began_is_not_ours(weights: Path, come: Callable) -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (
        closing(VLLM(llm_of(weights, port=port), key=KEY)) as server,
        come(port=port),
        pytest.raises(SynthcareError, match="Address already in use"),
    ):
        server.wait()


def test_a_server_that_ends_in_the_middle_is_told_with_its_log(
    home: Home, contract: Contract, weights: Path
) -> None:
    before = programs()
    run = plan(contract, llm_of(weights))
    journal = home.landing / run.run_id / "responses.jsonl"

    def kill() -> None:
        while not (journal.exists() and journal.read_text()):
            time.sleep(0.05)
        os.kill(min(servers() - before), signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    work, _, _ = ask(home, run, 20_000)
    assert work.stopped_because.startswith(
        "vLLM with Mine-7B has ended: by SIGKILL, as a system does that runs out of memory. Check"
    )
    assert all(is_gone(pid) for pid in programs() - before)


def test_what_it_is_started_with_is_part_of_the_run(contract: Contract, weights: Path) -> None:
    ids = {
        plan(contract, llm_of(weights, **changes)).run_id
        for changes in (
            {},
            {"concurrency": 4},
            {"serve_options": OPTIONS | {"max-num-seqs": 8, "tensor-parallel-size": 2}},
            {"serve_options": dict(reversed(OPTIONS.items()))},
            {"serve_options": {"quantization": "fp8"}},
            {"model_path": "/other"},
        )
    }
    assert len(ids) == 3


def test_a_machine_without_the_program_is_named(
    home: Home, contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = refusal(home, contract, llm_of(tmp_path))
    assert said.startswith("'mine' is served by vLLM, and ")
    assert " has no program `vllm`. Install it there" in said


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"model": None}, "needs a `model`"),
        ({"base_url": "http://127.0.0.1:8000/v1"}, "starts its server itself"),
        ({"wire_format": "csv_constrained"}, "its API takes no grammar"),
        ({"api_version": "2024-10-21"}, "starts its server itself"),
        (
            {"serve_options": {"--enforce-eager": True}},
            "'--enforce-eager' is written enforce-eager",
        ),
        ({"serve_options": {"--api-key=sk-secret": True}}, "'--api-key' is no name of one\\.$"),
        ({"serve_options": {"--host": "gpu-1"}}, "'--host' is not to be chosen"),
        ({"serve_options": {"config": "x.yaml"}}, "'config' is not to be chosen"),
        ({"serve_options": {"-tp": 2}}, "'-tp' is no name of one"),
        ({"serve_options": {"max-model-len": None}}, "'max-model-len' has no value"),
        ({"serve_options": {"lora-modules": ["a=b"]}}, "no options of `vllm serve`"),
        ({"serve_options": {"api-key": "x"}}, "'api-key' is not to be chosen"),
        ({"serve_options": {"ssl-keyfile": "x"}}, "'ssl-keyfile' is not to be chosen"),
        ({"provider": "openai"}, "go with provider vllm only"),
        ({"replicas": 2, "port": 8000}, "not with port"),
    ],
)
def test_what_it_cannot_go_with_is_refused(
    tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(SynthcareError, match=why):
        llm_of(tmp_path, **changes)


def test_fewer_gpus_than_replicas_are_refused(weights: Path) -> None:
    nodes = [{"Alive": True, "Resources": {"CPU": 8, "GPU": 2}}]
    assert resources(llm_of(weights, replicas=2), nodes) == {"num_cpus": 4, "num_gpus": 1}
    with pytest.raises(SynthcareError, match="3 replicas, and the Ray cluster has 2 GPUs"):
        resources(llm_of(weights, replicas=3), nodes)


def test_a_replica_has_as_many_gpus_as_it_is_spread_over(weights: Path) -> None:
    spread = OPTIONS | {"tensor-parallel-size": 2, "pipeline-parallel-size": 2}
    large = llm_of(weights, serve_options=spread, replicas=2)
    nodes = [{"Alive": True, "Resources": {"CPU": 8, "GPU": gpus}} for gpus in (4, 5)]
    assert resources(large, nodes) == {"num_cpus": 8, "num_gpus": 4}
    with pytest.raises(SynthcareError, match="has 9 GPUs: each needs 4 of one node"):
        resources(replace(large, replicas=3), nodes)
    assert resources(large, [*nodes, {"Alive": True, "Resources": {"CPU": 64}}])["num_gpus"] == 4
    apart = [node | {"Resources": {"CPU": 1, "GPU": 8}} for node in nodes[:1]]
    with pytest.raises(SynthcareError, match="has 1 cores on nodes with GPUs for it"):
        resources(large, [*apart, {"Alive": True, "Resources": {"CPU": 64}}])
    with pytest.raises(SynthcareError, match="'tensor-parallel-size' has to be a whole number"):
        llm_of(weights, serve_options={"tensor-parallel-size": "2"})


def test_two_on_one_machine_are_refused_before_anything_is_asked(
    home: Home, monkeypatch: pytest.MonkeyPatch, weights: Path
) -> None:
    monkeypatch.setattr(
        "generators.commands.workflow.load_llm", lambda name: llm_of(weights, name=name)
    )
    refused = cli("generate", "--llm", "b", "--llm", "a", "--rows", 5)
    assert refused.exit_code == 2
    said = " ".join(refused.stderr.split())
    assert "a and b are served by vLLM, which takes a whole GPU for each." in said
    assert not home.landing.exists()


@with_ray
def test_ray_starts_one_again_that_is_killed(home: Home, contract: Contract, weights: Path) -> None:
    run = plan(contract, llm_of(weights, replicas=2))
    journal = home.landing / run.run_id / "responses.jsonl"
    before, killed = programs(), []

    def kill() -> None:
        while not (journal.exists() and journal.read_text()):
            time.sleep(0.05)
        killed.append(min(servers() - before))
        os.kill(killed[0], signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    work, responses, told = ask(home, run, 4000, seconds=300)
    assert killed
    assert work.stopped_because is None
    assert set(servers_of(responses)) == {"replica 1", "replica 2"}
    (name,) = {line.split(" is left out")[0] for line in told if " is left out" in line}
    assert f"{name} answers again" in told
    assert all(is_gone(pid) for pid in programs() - before)
    assert actors() == set()
