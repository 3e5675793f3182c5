"""OpenAI's API, and everything that speaks it: vLLM, Ollama, Groq, the embedded server."""

from typing import Any

import openai

from generators.errors import SynthcareError
from generators.llms import LLM
from generators.providers import Completion, Request
from generators.providers.access import RETRIES, api_key, refusal
from generators.wire_formats import csv_grammar, json_schema, max_tokens


class OpenAICompatible:
    """A chat-completions endpoint. `local_base_url` is that of the embedded server."""

    def __init__(self, llm: LLM, *, local_base_url: str | None = None) -> None:
        self._llm = llm
        self._is_local = local_base_url is not None
        self._client = openai.AsyncOpenAI(
            api_key="none" if self._is_local else api_key(llm),
            base_url=local_base_url or llm.base_url,  # None: OPENAI_BASE_URL, or OpenAI's
            max_retries=RETRIES,
        )

    async def complete(self, request: Request) -> Completion:
        """Ask once. Raises SynthcareError for every answer that a retry does not mend."""
        try:
            answer = await self._client.chat.completions.create(
                model=self._llm.model,
                messages=request.prompt.messages(
                    rows=request.rows, instructions_role=self._llm.instructions_role
                ),
                seed=request.seed,
                **self._limits(request),
                **self._constraint(request),
            )
        except openai.OpenAIError as error:
            raise refusal(openai, error, self._llm, self._client.base_url) from error
        if not answer.choices:
            raise SynthcareError(f"{self._llm.name} answered without any choice.")
        usage = answer.usage
        details = usage.prompt_tokens_details if usage else None
        return Completion(
            text=answer.choices[0].message.content or "",
            finish_reason=answer.choices[0].finish_reason,
            input_tokens=usage.prompt_tokens if usage else None,
            cached_tokens=(details.cached_tokens or 0) if details else None,
            output_tokens=usage.completion_tokens if usage else None,
        )

    def _limits(self, request: Request) -> dict[str, int]:
        limit = max_tokens(request.wire_format, request.rows)
        # OpenAI's newer models refuse max_tokens; most compatible servers know nothing else.
        is_openai = self._llm.base_url is None and not self._is_local
        return {"max_completion_tokens" if is_openai else "max_tokens": limit}

    def _constraint(self, request: Request) -> dict[str, Any]:
        match request.wire_format:
            case "csv_constrained":
                # An extension of llama.cpp's server, which the embedded one is.
                grammar = csv_grammar(request.contract, request.rows)
                return {"extra_body": {"grammar": grammar}}
            case "json_constrained":
                schema = json_schema(request.contract)
                named = {"name": "rows", "strict": True, "schema": schema}
                return {"response_format": {"type": "json_schema", "json_schema": named}}
        return {}

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()
