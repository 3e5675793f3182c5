"""The Llama API, through its own client."""

import llama_api_client

from generators.llms import LLM
from generators.providers import Completion, Request
from generators.providers.access import api_key, limit, meaning
from generators.wire_formats import json_schema


class LlamaAPI:
    """The chat-completions endpoint of the Llama API, or of LLAMA_API_CLIENT_BASE_URL."""

    def __init__(self, llm: LLM) -> None:
        self._llm = llm
        self._client = llama_api_client.AsyncLlamaAPIClient(
            api_key=api_key(llm),
            base_url=llm.base_url,
            timeout=llm.timeout_seconds,
            max_retries=0,  # the scheduler asks again
        )

    async def complete(self, request: Request) -> Completion:
        """Ask once.

        Raises Unanswered where asking again may help, SynthcareError where it would not.
        """
        options = {}
        if request.wire_format == "json_constrained":
            schema = {"name": "rows", "schema": json_schema(request.contract)}
            options["response_format"] = {"type": "json_schema", "json_schema": schema}
        try:
            raw = await self._client.chat.completions.with_raw_response.create(
                model=self._llm.model,
                messages=request.prompt.messages(
                    rows=request.rows,
                    slice_text=request.slice_text,
                    instructions_role=self._llm.instructions_role,
                ),
                max_completion_tokens=request.max_tokens,
                extra_body=dict(self._llm.sampling),
                **options,
            )
            answer = await raw.parse()
            content = answer.completion_message.content
            tokens = {metric.metric: int(metric.value) for metric in answer.metrics or []}
            return Completion(
                text=content if isinstance(content, str) else content.text if content else "",
                finish_reason=answer.completion_message.stop_reason,
                input_tokens=tokens.get("num_prompt_tokens"),
                output_tokens=tokens.get("num_completion_tokens"),
                requests_limit=limit(raw.headers, "requests"),
                tokens_limit=limit(raw.headers, "tokens"),
            )
        except (
            llama_api_client.LlamaAPIClientError,
            ValueError,
            AttributeError,
            TypeError,
        ) as error:
            raise meaning(llama_api_client, error, self._llm, self._client.base_url) from error

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()
