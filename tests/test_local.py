"""Weights of one's own: what is no model is told, what fits is served, and nothing spins."""

import asyncio
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from generators.contract import Contract
from generators.errors import SynthcareError
from generators.llms import LLM, load_llm
from generators.providers import Request
from generators.providers.gguf import read_model
from generators.providers.local import _model_file, fitting_slots, parameters, serve_locally
from generators.providers.openai_api import OpenAICompatible
from generators.runs import plan_run
from generators.variety import make_brief
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


def test_a_file_of_ones_own_is_served(
    tmp_path: Path, llm: LLM, packaged: Path, contract: Contract
) -> None:
    path = tmp_path / "mine.gguf"
    path.symlink_to(packaged)
    mine = replace(llm, model_path=str(path), concurrency=1)
    run = plan_run(
        contract, mine, prompt_level="basic", instruction_level="basic", seed=1, reference_sha256=""
    )
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
