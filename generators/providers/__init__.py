"""Clients of LLMs: each turns a request into the text that came back, and nothing else."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from generators.asking.llms import BASELINES, LLM, SERVED
from generators.asking.pace import Limit
from generators.home import Home
from generators.prompts import Prompt
from generators.variety.brief import Brief
from generators.variety.families import Parent
from synthcare.contracts.contract import Contract
from synthcare.errors import SynthcareError


def request_seed(run_seed: int, number: int) -> int:
    """A seed for each request of a run, from 0 to 2^31 - 1."""
    return (run_seed * 1_000_003 + number) % 2**31


Heard = Callable[[str], None]

PROVIDERS = ("openai", "llama", *SERVED, *BASELINES)


@dataclass(frozen=True)
class Request:
    """One request of a run, for `rows` rows after the `rows_before` of earlier requests.

    `brief` is what this request asks for beside what all of its run ask for, `max_tokens` the room
    for the answer. `prompt` is None for a baseline, which draws and is not asked. `parents` are
    what its rows are to belong to, if they belong to others.
    """

    number: int
    rows_before: int
    rows: int
    run_seed: int
    wire_format: str
    contract: Contract
    prompt: Prompt | None
    brief: Brief = field(default_factory=Brief)
    parents: tuple[Parent, ...] = ()
    drawn_columns: tuple[str, ...] = ()
    max_tokens: int = 0

    @property
    def seed(self) -> int:
        """A seed of its own for each request, from 0 to 2^31 - 1."""
        return request_seed(self.run_seed, self.number)

    @property
    def slice_text(self) -> str:
        """The part of the prompt that is this request's own."""
        return self.brief.text


@dataclass(frozen=True)
class Completion:
    """What came back. Tokens are None where the provider does not say.

    `finish_reason` is `stop`, `length`, `refusal`, `content_filter`, BROKEN, or what else the
    provider says. `output_tokens` include the `reasoning_tokens`. `requests_limit` and
    `tokens_limit` are what the headers said of the account's rate limits.
    """

    text: str
    finish_reason: str | None
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    requests_limit: Limit | None = None
    tokens_limit: Limit | None = None


class Unanswered(Exception):
    """No answer this time, but the same request may be sent again.

    `is_refused`: the provider said so itself, before it wrote anything, so that nothing is charged.
    `is_overload`: it said that it has too much to do. `retry_after`: seconds that it asked to wait.
    `is_unreachable`: nobody answered at all. `is_unreadable`: what came is no answer of the API.
    """

    def __init__(
        self,
        reason: str,
        *,
        is_refused: bool = False,
        is_overload: bool = False,
        is_unreachable: bool = False,
        is_unreadable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.is_refused = is_refused
        self.is_overload = is_overload
        self.is_unreachable = is_unreachable
        self.is_unreadable = is_unreadable
        self.retry_after = retry_after


class Provider(Protocol):
    """A client of one LLM."""

    async def complete(self, request: Request, heard: Heard) -> Completion:
        """Ask once; `heard` is told each piece of the text as it comes, where it is streamed.

        A stream that breaks after some text is an answer, whose finish reason is BROKEN. Raises
        Unanswered where asking again may help, SynthcareError where it would not.
        """
        ...


def check_provider(llm: LLM, *, is_batch: bool) -> None:
    """Raise SynthcareError where there is no such provider, or where it has no Batch API."""
    if llm.provider not in PROVIDERS:
        raise SynthcareError(
            f"llms.yml: '{llm.name}' has provider '{llm.provider}'. Use {', '.join(PROVIDERS)}."
        )
    if is_batch and llm.provider != "openai":
        raise SynthcareError(
            f"--batch is OpenAI's, and '{llm.name}' has provider '{llm.provider}'. Leave it out."
        )
    if is_batch and llm.base_urls:
        raise SynthcareError(f"--batch is for one server, and '{llm.name}' has base_urls.")


@asynccontextmanager
async def open_providers(
    llm: LLM, home: Home, contract: Contract
) -> AsyncIterator[dict[str | None, Provider]]:
    """The providers of `llm`, ready to be asked; what they started is stopped at the end.

    They are by their address where there are several; one alone has the name None. Clients are
    imported here, because each takes up to a second and a run needs one.
    """
    match llm.provider:
        case "openai" if llm.base_urls:
            from generators.providers.fleet import open_fleet

            async with open_fleet(llm) as providers:
                yield providers
        case "openai":
            from generators.providers.openai_api import OpenAICompatible

            async with aclosing(OpenAICompatible(llm)) as provider:
                yield {None: provider}
        case "llama":
            from generators.providers.llama_api import LlamaAPI

            async with aclosing(LlamaAPI(llm)) as provider:
                yield {None: provider}
        case "local" | "vllm" if llm.is_replicated:
            from generators.providers.replicas import open_replicas

            async with open_replicas(llm) as providers:
                yield providers
        case "local":
            from generators.providers.local import serve_locally
            from generators.providers.openai_api import OpenAICompatible

            with serve_locally(llm) as base_url:
                async with aclosing(OpenAICompatible(llm, local_base_url=base_url)) as provider:
                    yield {None: provider}
        case "vllm":
            from generators.providers.vllm import open_vllm

            async with open_vllm(llm) as provider:
                yield {None: provider}
        case "independent" | "holdout":
            from generators.providers.baselines import open_baseline

            yield {None: open_baseline(llm.provider, home, contract)}
