"""The Llama API, through its own client."""

import llama_api_client

from generators.llms import LLM
from generators.providers import Completion, Request
from generators.providers.access import RETRIES, api_key, refusal
from generators.wire_formats import json_schema, max_tokens


class LlamaAPI:
    """The chat-completions endpoint of the Llama API, or of LLAMA_API_CLIENT_BASE_URL."""

    def __init__(self, llm: LLM) -> None:
        self._llm = llm
        self._client = llama_api_client.AsyncLlamaAPIClient(
            api_key=api_key(llm), base_url=llm.base_url, max_retries=RETRIES
        )

    async def complete(self, request: Request) -> Completion:
        """Ask once. Raises SynthcareError for every answer that a retry does not mend."""
        constraint = {}
        if request.wire_format == "json_constrained":
            schema = {"name": "rows", "schema": json_schema(request.contract)}
            constraint["response_format"] = {"type": "json_schema", "json_schema": schema}
        try:
            answer = await self._client.chat.completions.create(
                model=self._llm.model,
                messages=request.prompt.messages(
                    rows=request.rows, instructions_role=self._llm.instructions_role
                ),
                max_completion_tokens=max_tokens(request.wire_format, request.rows),
                **constraint,
            )
        except llama_api_client.LlamaAPIClientError as error:
            raise refusal(llama_api_client, error, self._llm, self._client.base_url) from error
        content = answer.completion_message.content
        tokens = {metric.metric: int(metric.value) for metric in answer.metrics or []}
        return Completion(
            text=content if isinstance(content, str) else content.text if content else "",
            finish_reason=answer.completion_message.stop_reason,
            input_tokens=tokens.get("num_prompt_tokens"),
            output_tokens=tokens.get("num_completion_tokens"),
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()
