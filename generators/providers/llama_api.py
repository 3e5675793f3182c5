"""The Llama API, through its own client."""

import llama_api_client

from generators.asking.llms import LLM
from generators.providers import Completion, Heard, Request
from generators.providers.access import api_key, patience, token_limit, usable_address
from generators.providers.asking import ask
from generators.wire_formats.schema import json_schema


class LlamaAPI:
    """The chat-completions endpoint of the Llama API, or of LLAMA_API_CLIENT_BASE_URL."""

    def __init__(self, llm: LLM) -> None:
        self._llm = llm
        options = {
            "api_key": api_key(llm),
            "base_url": llm.base_url,
            "timeout": patience(llama_api_client, llm),
            "max_retries": 0,  # the scheduler asks again
        }
        with usable_address(llm):
            self._client = llama_api_client.AsyncLlamaAPIClient(**options)

    async def complete(self, request: Request, heard: Heard) -> Completion:
        """Ask once.

        Raises Unanswered where asking again may help, SynthcareError where it would not.
        """
        room = token_limit(self._llm, request.max_tokens, usual="max_completion_tokens")
        options = {"stream": True} if self._llm.stream else {}
        if request.wire_format == "json_constrained":
            rows = json_schema(request.contract, request.drawn_columns)
            schema = {"name": "rows", "schema": rows}
            options["response_format"] = {"type": "json_schema", "json_schema": schema}
        arguments = {
            "model": self._llm.model,
            "messages": request.prompt.messages(
                rows=request.rows,
                slice_text=request.slice_text,
                instructions_role=self._llm.instructions_role,
            ),
            "extra_body": room | dict(self._llm.sampling),  # not all of it is known to the client
        }
        return await ask(llama_api_client, self._client, self._llm, arguments | options, heard)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()
