"""Answers of Anthropic's API, and of Bedrock's, which has their shape."""

from collections.abc import Mapping
from typing import Any

from readers.exports.answer import Answer, Found, count, ending, message_text, word

_BESIDE_CONTENT = {"content", "id", "type", "role", "model", "usage", "stop_reason"}
_PARTS = ("text", "output_text", "thinking", "redacted_thinking", "reasoning", "tool_use")


def read_message(document: Mapping[str, Any]) -> Found | None:
    """A message of the Messages API, be it no more than its content."""
    is_message = document.get("type") == "message" or "stop_reason" in document
    is_whole = document.get("role") == "assistant" and is_message and "content" in document
    is_bare = set(document) <= _BESIDE_CONTENT and are_parts(document.get("content"))
    if not is_whole and not is_bare:
        return None
    usage = document.get("usage")
    cached = count(usage, "cache_read_input_tokens")
    answer = Answer(
        text=message_text(document),
        model=word(document, "model"),
        finish_reason=ending(document.get("stop_reason")),
        # Anthropic counts what was read from its cache, or written to it, beside the input.
        input_tokens=_sum(
            count(usage, "input_tokens"), cached, count(usage, "cache_creation_input_tokens")
        ),
        cached_tokens=cached,
        output_tokens=count(usage, "output_tokens"),
    )
    return Found("Anthropic messages", (answer,))


def are_parts(values: object) -> bool:
    """Whether a list is the content of a message: each of it is of a type that messages have."""
    kinds = [v.get("type") for v in values if isinstance(v, dict)] if _is_list(values) else []
    return bool(kinds) and len(kinds) == len(values) and all(kind in _PARTS for kind in kinds)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def read_converse(document: Mapping[str, Any]) -> Found | None:
    """An answer of Bedrock's Converse API."""
    output = document.get("output")
    message = output.get("message") if isinstance(output, dict) else None
    if not isinstance(message, dict) or message.get("role") != "assistant":
        return None
    usage = document.get("usage")
    answer = Answer(
        text=message_text(message),
        model=word(document, "modelId", "model"),
        finish_reason=ending(document.get("stopReason")),
        input_tokens=count(usage, "inputTokens"),
        cached_tokens=count(usage, "cacheReadInputTokens"),
        output_tokens=count(usage, "outputTokens"),
    )
    return Found("Bedrock answers", (answer,))


def _sum(first: int | None, *others: int | None) -> int | None:
    return None if first is None else first + sum(filter(None, others))
