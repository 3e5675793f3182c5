"""OpenAI's API, and everything that speaks it: vLLM, Ollama, Groq, the embedded server."""

from typing import Any

import openai

from generators.asking.llms import LLM
from generators.providers import Completion, Heard, Request
from generators.providers.access import api_key, patience, token_limit, usable_address
from generators.providers.asking import ask
from generators.wire_formats import is_grammar
from generators.wire_formats.grammar import csv_grammar
from generators.wire_formats.schema import json_schema
from synthcare.errors import SynthcareError

_SECONDS_FOR_MODELS = 5.0


class OpenAICompatible:
    """A chat-completions endpoint. `local_base_url` is that of an embedded server, and its key."""

    def __init__(
        self, llm: LLM, *, local_base_url: str | None = None, local_key: str | None = None
    ) -> None:
        self._llm = llm
        self._is_local = local_base_url is not None
        self._client = _client(llm, local_base_url, local_key)

    async def complete(self, request: Request, heard: Heard) -> Completion:
        """Ask once.

        Raises Unanswered where asking again may help, SynthcareError where it would not.
        """
        arguments = chat_completion(self._llm, request, is_local=self._is_local)
        if self._llm.stream:
            arguments |= {"stream": True, "stream_options": {"include_usage": True}}
        return await ask(openai, self._client, self._llm, arguments, heard)

    async def served_models(self) -> frozenset[str] | None:
        """What the server says that it serves; None where it does not say it soon."""
        try:
            page = await self._client.with_options(timeout=_SECONDS_FOR_MODELS).models.list()
            return frozenset(str(model.id) for model in page.data)
        except Exception:  # whatever it says in place of a list: it need not have one
            return None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()


def _client(llm: LLM, local_base_url: str | None, local_key: str | None) -> openai.AsyncOpenAI:
    options = {
        "api_key": local_key or api_key(llm),
        "base_url": local_base_url or llm.base_url,  # None: OPENAI_BASE_URL, or OpenAI's
        "timeout": patience(openai, llm),
        "max_retries": 0,  # the scheduler asks again
    }
    if local_base_url:
        # What this project serves is asked directly, whatever proxy the environment names.
        options["http_client"] = openai.DefaultAsyncHttpxClient(trust_env=False)
    if not llm.api_version:
        with usable_address(llm):
            return openai.AsyncOpenAI(**options)
    if not llm.base_url:
        raise SynthcareError(
            f"{llm.name} has an api_version, which is Azure's. Set base_url for it in llms.yml, "
            "like https://NAME.openai.azure.com/openai/deployments/DEPLOYMENT."
        )
    with usable_address(llm):
        return openai.AsyncAzureOpenAI(**options, api_version=llm.api_version)


def chat_completion(llm: LLM, request: Request, *, is_local: bool = False) -> dict[str, Any]:
    """Arguments of one chat completion."""
    arguments = {
        "model": llm.model,
        "messages": request.prompt.messages(
            rows=request.rows,
            slice_text=request.slice_text,
            instructions_role=llm.instructions_role,
        ),
        **({"seed": request.seed} if llm.seed else {}),
        # OpenAI's newer models refuse max_tokens; most compatible servers know nothing else.
        **token_limit(
            llm,
            request.max_tokens,
            usual="max_tokens" if llm.base_url or is_local else "max_completion_tokens",
        ),
    }
    beside = dict(llm.sampling)  # not all of it is known to the client
    if is_grammar(request.wire_format):
        # An extension of llama.cpp's server, which the embedded one is.
        beside["grammar"] = csv_grammar(
            request.contract,
            request.rows,
            request.brief,
            request.wire_format,
            request.drawn_columns,
        )
    elif request.wire_format == "json_constrained":
        rows = json_schema(request.contract, request.drawn_columns)
        schema = {"name": "rows", "strict": True, "schema": rows}
        arguments["response_format"] = {"type": "json_schema", "json_schema": schema}
    return arguments | {"extra_body": beside}
