"""OpenAI's API, and everything that speaks it: vLLM, Ollama, Groq, the embedded server."""

from typing import Any

import openai

from generators.llms import LLM
from generators.providers import Completion, Request, Unanswered
from generators.providers.access import api_key, limit, meaning
from generators.wire_formats import csv_grammar, json_schema


class OpenAICompatible:
    """A chat-completions endpoint. `local_base_url` is that of the embedded server."""

    def __init__(self, llm: LLM, *, local_base_url: str | None = None) -> None:
        self._llm = llm
        self._is_local = local_base_url is not None
        self._client = openai.AsyncOpenAI(
            api_key="none" if self._is_local else api_key(llm),
            base_url=local_base_url or llm.base_url,  # None: OPENAI_BASE_URL, or OpenAI's
            timeout=llm.timeout_seconds,
            max_retries=0,  # the scheduler asks again
        )

    async def complete(self, request: Request) -> Completion:
        """Ask once.

        Raises Unanswered where asking again may help, SynthcareError where it would not.
        """
        try:
            raw = await self._client.chat.completions.with_raw_response.create(
                **chat_completion(self._llm, request, is_local=self._is_local)
            )
            answer = raw.parse()
            if not answer.choices:
                raise Unanswered(f"{self._llm.name} answered without any choice.")
            return completion(
                answer,
                requests_limit=limit(raw.headers, "requests"),
                tokens_limit=limit(raw.headers, "tokens"),
            )
        except (openai.OpenAIError, ValueError, AttributeError, TypeError) as error:
            raise meaning(openai, error, self._llm, self._client.base_url) from error

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()


def chat_completion(llm: LLM, request: Request, *, is_local: bool = False) -> dict[str, Any]:
    """Arguments of one chat completion."""
    arguments = {
        "model": llm.model,
        "messages": request.prompt.messages(
            rows=request.rows,
            slice_text=request.slice_text,
            instructions_role=llm.instructions_role,
        ),
        "seed": request.seed,
        # OpenAI's newer models refuse max_tokens; most compatible servers know nothing else.
        "max_tokens" if llm.base_url or is_local else "max_completion_tokens": request.max_tokens,
    }
    beside = dict(llm.sampling)  # not all of it is known to the client
    match request.wire_format:
        case "csv_constrained":
            # An extension of llama.cpp's server, which the embedded one is.
            beside["grammar"] = csv_grammar(request.contract, request.rows, request.part)
        case "json_constrained":
            schema = {"name": "rows", "strict": True, "schema": json_schema(request.contract)}
            arguments["response_format"] = {"type": "json_schema", "json_schema": schema}
    return arguments | {"extra_body": beside}


def completion(answer: openai.types.chat.ChatCompletion, **limits: Any) -> Completion:
    """What an answer of the API holds; `limits` are those of its headers."""
    usage = answer.usage
    details = usage.prompt_tokens_details if usage else None
    return Completion(
        text=answer.choices[0].message.content or "",
        finish_reason=answer.choices[0].finish_reason,
        input_tokens=usage.prompt_tokens if usage else None,
        cached_tokens=(details.cached_tokens or 0) if details else None,
        output_tokens=usage.completion_tokens if usage else None,
        **limits,
    )
