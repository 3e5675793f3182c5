"""Weights of one's own: what is no model is told, what fits is served, and nothing spins."""

import asyncio
import os
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from generators.asking.llms import LLM, load_llm
from generators.asking.runs import plan_run
from generators.providers import Request
from generators.providers.gguf import read_model
from generators.providers.local import _model_file, fitting_slots, parameters, serve_locally
from generators.providers.memory import _room_in_groups, free_bytes
from generators.providers.openai_api import OpenAICompatible
from generators.variety import make_brief
from synthcare.contracts.contract import Contract
from synthcare.errors import SynthcareError
from tests.conftest import on_one_core

GB = 2**30


@pytest.fixture
def llm() -> LLM:
    return load_llm("smollm2")


@pytest.fixture
def packaged(llm: LLM) -> Path:
    return _model_file(llm)


def test_threads_sleep_while_they_wait(llm: LLM, packaged: Path) -> None:
    served = parameters(llm, read_model(packaged), 3)
    assert served.cpuparams.poll == served.cpuparams_batch.poll == 0
    assert served.n_parallel == 3
    assert served.n_ctx == 3 * 3072


@pytest.mark.skipif(sys.platform != "linux", reason="built on OpenMP there only")
def test_the_threads_of_openmp_do_not_spin_either() -> None:
    code = """
from generators.asking.llms import load_llm
from generators.providers.local import _model_file, parameters
from generators.providers.gguf import read_model
llm = load_llm("smollm2")
parameters(llm, read_model(_model_file(llm)), 1)
"""
    told = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"OMP_DISPLAY_ENV": "verbose"},
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    assert "GOMP_SPINCOUNT = '0'" in told


def test_no_memory_is_taken_that_was_not_counted(llm: LLM, packaged: Path) -> None:
    assert parameters(llm, read_model(packaged), 1).cache_ram_mib == 0


def test_a_slot_has_room_for_the_rows_and_the_reasoning(llm: LLM, packaged: Path) -> None:
    model = read_model(packaged)
    assert parameters(replace(llm, rows_per_request=20), model, 1).n_ctx == 2048 + 20 * 128
    thinking = replace(llm, reasoning_tokens=1000)
    assert parameters(thinking, model, 1).n_ctx == 3072 + 1000


def test_a_control_group_around_the_process_limits_the_memory(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("0::/outer/inner\n")
    group = tmp_path / "outer"
    group.mkdir()
    (group / "memory.max").write_text("5000\n")
    (group / "memory.current").write_text("4000\n")
    (group / "memory.stat").write_text("anon 3000\ninactive_file 500\n")
    (group / "inner").mkdir()
    (group / "inner" / "memory.max").write_text("max\n")
    assert _room_in_groups(tmp_path, own) == [1500]


def test_the_tightest_limit_is_the_memory_that_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generators.providers.memory._room_in_groups", lambda: [10 * GB, 1000])
    assert free_bytes() == 1000


def test_the_memory_that_a_model_takes_is_read_from_its_head(packaged: Path) -> None:
    model = read_model(packaged)
    # 30 layers of 3 heads of 64 numbers, keys and values, two bytes each
    assert model.token_bytes == 30 * 3 * 64 * 2 * 2
    assert model.weight_bytes == packaged.stat().st_size
    assert model.context == 8192


def test_slots_shrink_until_they_fit(llm: LLM, packaged: Path) -> None:
    model = replace(read_model(packaged), weight_bytes=0, work_bytes=0)
    slot = 3072 * model.token_bytes
    assert fitting_slots(llm, model, 100 * GB) == llm.concurrency
    assert fitting_slots(llm, model, GB + 2 * slot) == 2
    assert fitting_slots(llm, model, GB + slot) == 1
    with pytest.raises(SynthcareError):
        fitting_slots(llm, model, GB + slot - 1)
    with pytest.raises(SynthcareError, match=r"needs 9.1 GB of memory, and 4.0 GB are free"):
        fitting_slots(llm, replace(model, weight_bytes=8 * GB), 4 * GB)


def test_a_model_for_few_tokens_gets_no_more_and_one_for_too_few_is_refused(
    llm: LLM, packaged: Path
) -> None:
    short = replace(read_model(packaged), context=2048)
    assert parameters(llm, short, 2).n_ctx == 2 * 2048
    with pytest.raises(SynthcareError, match="reads 512 tokens at most"):
        fitting_slots(llm, replace(short, context=512), 100 * GB)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"just some text that is no model", "is no GGUF file. Name one in `model_path`"),
        (b"GGUF" + struct.pack("<I", 99), "is cut off or damaged"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1, 2**60), "is cut off or damaged"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 1, 1, 2**62) + b"name", "is cut off or damaged"),
        (None, "cannot be read: No such file"),
        ("cut off", "is cut off or damaged. Download it again."),
    ],
)
def test_what_is_no_model_is_told(
    tmp_path: Path, llm: LLM, packaged: Path, content: bytes | str | None, said: str
) -> None:
    path = tmp_path / "model.gguf"
    if content == "cut off":
        with packaged.open("rb") as whole:
            path.write_bytes(whole.read(10_000_000))
    elif content is not None:
        path.write_bytes(content)
    with (
        pytest.raises(SynthcareError, match=said),
        serve_locally(replace(llm, model_path=str(path))),
    ):
        pass


def head(**values: int) -> bytes:
    """A GGUF without tensors whose head says these numbers of the architecture `x`."""
    text = {"general.architecture": "x"}
    pairs = [
        (name, 8, struct.pack("<Q", len(value)) + value.encode()) for name, value in text.items()
    ]
    pairs += [
        (f"x.{n.replace('__', '.')}", 4, struct.pack("<I", value)) for n, value in values.items()
    ]
    body = b"".join(
        struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", kind) + value
        for name, kind, value in pairs
    )
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + body + b"data"


@pytest.mark.parametrize("heads", [32, 0])
def test_a_head_that_claims_what_no_memory_holds_is_told(
    tmp_path: Path, llm: LLM, heads: int
) -> None:
    path = tmp_path / "huge.gguf"
    path.write_bytes(
        head(block_count=2**32 - 1, embedding_length=4096, attention__head_count=heads)
    )
    with (
        pytest.raises(
            SynthcareError, match=r"huge.gguf needs .* GB of memory, and 2.0 GB are free"
        ),
    ):
        fitting_slots(llm, read_model(path), 2 * GB)


def test_the_parts_of_a_split_model_are_counted_together(tmp_path: Path) -> None:
    first, second = (tmp_path / f"big-0000{part}-of-00002.gguf" for part in (1, 2))
    first.write_bytes(
        head().replace(b"\x01" + bytes(7), b"\x02" + bytes(7), 1)[:-4]
        + struct.pack("<Q", 11)
        + b"split.count"
        + struct.pack("<IH", 2, 2)
        + b"data"
    )
    second.write_bytes(bytes(1000))
    assert read_model(first).weight_bytes == first.stat().st_size + 1000


def test_why_a_server_does_not_start_is_told_on_one_line(
    tmp_path: Path, llm: LLM, packaged: Path
) -> None:
    path = tmp_path / "unknown.gguf"
    path.write_bytes(packaged.read_bytes().replace(b"llama", b"lluma", 1))
    with pytest.raises(SynthcareError) as told, serve_locally(replace(llm, model_path=str(path))):
        pass
    assert str(told.value) == (
        "smollm2 did not start with unknown.gguf: unknown model architecture: 'lluma'. "
        "Name another file in `model_path` of llms.yml."
    )


def test_a_file_of_ones_own_is_served(
    tmp_path: Path, llm: LLM, packaged: Path, contract: Contract
) -> None:
    path = tmp_path / "mine.gguf"
    path.symlink_to(packaged)
    mine = replace(llm, model_path=str(path), concurrency=1)
    run = plan_run(contract, mine, prompt_level="basic", instruction_level="basic", seed=1)
    request = Request(
        number=1,
        rows_before=0,
        rows=1,
        run_seed=1,
        wire_format=mine.wire_format,
        contract=contract,
        prompt=run.prompt,
        brief=make_brief(contract, "slices", seed=1, rows=1, cells={}, drawn_columns=()),
        max_tokens=200,
    )
    heard: list[str] = []

    async def ask(base_url: str):
        provider = OpenAICompatible(mine, local_base_url=base_url)
        try:
            return await provider.complete(request, heard.append)
        finally:
            await provider.aclose()

    with on_one_core(), serve_locally(mine) as base_url:
        completion = asyncio.run(ask(base_url))
    assert completion.finish_reason == "stop"
    assert completion.text == "".join(heard)
    assert completion.text.count(",") == 8
    assert completion.output_tokens > 20
