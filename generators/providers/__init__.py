"""Clients of LLMs: each turns a request into the text that came back, and nothing else."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from generators.contract import Contract
from generators.errors import SynthcareError
from generators.home import Home
from generators.llms import LLM
from generators.prompts import Prompt


@dataclass(frozen=True)
class Request:
    """One request of a run, for `rows` rows after the `rows_before` of earlier requests.

    `prompt` is None for a baseline, which draws and is not asked.
    """

    number: int
    rows_before: int
    rows: int
    run_seed: int
    wire_format: str
    contract: Contract
    prompt: Prompt | None

    @property
    def seed(self) -> int:
        """A seed of its own for each request, from 0 to 2^31 - 1."""
        return (self.run_seed * 1_000_003 + self.number) % 2**31


@dataclass(frozen=True)
class Completion:
    """What came back. Tokens are None where the provider does not say."""

    text: str
    finish_reason: str | None
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None


class Provider(Protocol):
    """A client of one LLM."""

    async def complete(self, request: Request) -> Completion:
        """Ask once. Raises SynthcareError where asking again would not help."""
        ...


@asynccontextmanager
async def open_provider(llm: LLM, home: Home, contract: Contract) -> AsyncIterator[Provider]:
    """The provider of `llm`, ready to be asked; what it started is stopped at the end.

    Clients are imported here, because each takes up to a second and a run needs one.
    """
    match llm.provider:
        case "openai":
            from generators.providers.openai_api import OpenAICompatible

            async with aclosing(OpenAICompatible(llm)) as provider:
                yield provider
        case "llama":
            from generators.providers.llama_api import LlamaAPI

            async with aclosing(LlamaAPI(llm)) as provider:
                yield provider
        case "local":
            from generators.providers.local import serve_locally
            from generators.providers.openai_api import OpenAICompatible

            with serve_locally(llm) as base_url:
                async with aclosing(OpenAICompatible(llm, local_base_url=base_url)) as provider:
                    yield provider
        case "independent" | "holdout":
            from generators.providers.baselines import open_baseline

            yield open_baseline(llm.provider, home, contract)
        case unknown:
            raise SynthcareError(
                f"llms.yml: '{llm.name}' has provider '{unknown}'. "
                "Use openai, llama, local, independent or holdout."
            )
