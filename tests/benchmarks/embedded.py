"""How fast the embedded LLM writes: with its grammar, without, and beside a busy process."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from generators.asking.llms import load_llm
from generators.prompts import render_prompt
from generators.providers.local import serve_locally
from generators.variety import make_brief
from generators.wire_formats.grammar import csv_grammar
from synthcare.contracts.contract import load_contract
from tests.benchmarks.page import table

_TURNS = 2
_TOKENS = 120  # of each answer, where it is cut off


def grammar_speed() -> str:
    """Tokens a second that all slots write together, from the first request to the last answer.

    The same server and prompts in turns: without a grammar (and without an end), with it, and with
    it beside a process that keeps one core busy.
    """
    contract, llm = load_contract("admissions"), load_llm("smollm2")
    prompt = render_prompt(
        contract,
        prompt_level="improved",
        instruction_level="improved",
        wire_format=llm.wire_format,
    )
    totals: dict[str, list[float]] = {name: [0.0, 0.0] for name in _PARTS}
    with serve_locally(llm) as base_url:
        for turn in range(_TURNS + 1):  # the first one reads the prompts
            for name, more in _PARTS.items():
                bodies = []
                for slot in range(llm.concurrency):
                    brief = make_brief(
                        contract, "slices", seed=slot, rows=4, cells={}, drawn_columns=()
                    )
                    body = {
                        "messages": prompt.messages(
                            rows=4, slice_text=brief.text, instructions_role="system"
                        ),
                        "seed": turn,
                        "id_slot": slot,
                        "max_tokens": _TOKENS if turn else 1,
                        **llm.sampling,
                    }
                    bodies.append(body | more(contract, brief, llm.wire_format))
                with _busy(is_busy=name.endswith("busy process")):
                    written, seconds = asyncio.run(_ask_all(base_url, bodies))
                if turn:
                    totals[name][0] += written
                    totals[name][1] += seconds
    speeds = {name: written / seconds for name, (written, seconds) in totals.items()}
    free, alone, _ = speeds.values()
    bases = {name: (free, alone)[name.endswith("busy process")] for name in speeds}
    lines = [[name, f"{speed:.0f}", f"{speed / bases[name]:.2f}"] for name, speed in speeds.items()]
    return table(["SmolLM2", "tokens a second", "ratio to the line above"], lines)


_PARTS = {
    "without a grammar": lambda *_: {"ignore_eos": True},
    "with the grammar": lambda contract, brief, wire: {
        "grammar": csv_grammar(contract, 4, brief, wire)
    },
    "with it, beside a busy process": lambda contract, brief, wire: {
        "grammar": csv_grammar(contract, 4, brief, wire)
    },
}


async def _ask_all(base_url: str, bodies: list[dict[str, Any]]) -> tuple[int, float]:
    """Tokens written and seconds, all at once."""
    async with httpx.AsyncClient(timeout=600) as client:
        began = time.monotonic()
        answers = await asyncio.gather(
            *(client.post(f"{base_url}/chat/completions", json=body) for body in bodies)
        )
        seconds = time.monotonic() - began
    return sum(answer.json()["usage"]["completion_tokens"] for answer in answers), seconds


@contextmanager
def _busy(*, is_busy: bool) -> Iterator[None]:
    if not is_busy:
        yield
        return
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()
