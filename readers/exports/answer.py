"""An answer that a file holds, and the file as a whole, in words that are the same for all APIs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from readers.exports.parts import arguments, said, with_thought

_MOST_TOKENS = 2**40  # more than any answer has

_ENDINGS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "complete": "stop",
    "completed": "stop",
    "finished": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_context_window_exceeded": "length",
    "model_length": "length",
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "tool_use": "tool_calls",
}

FAILED = "error"  # the finish reason of a request that brought no answer


@dataclass(frozen=True)
class Answer:
    """One answer of an LLM, with what the file says of it.

    `finish_reason` is in OpenAI's words, FAILED where `error` says why there is no answer. Input
    tokens include the cached ones, output tokens those of reasoning.
    """

    text: str
    model: str | None = None
    finish_reason: str | None = None
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    custom_id: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Export:
    """A file of answers: what it is, as a person calls it, and what it holds.

    `notes` are lines on what is not among the answers. `is_batch`: they cost what a batch does.
    """

    kind: str
    answers: tuple[Answer, ...]
    notes: tuple[str, ...] = ()
    is_batch: bool = False


@dataclass(frozen=True)
class Found:
    """The answers of one document of a file.

    `left_out` are answers of other branches of a conversation. `is_weak`: the document might as
    well be a record, if others of its file are.
    """

    kind: str
    answers: tuple[Answer, ...]
    left_out: int = 0
    is_batch: bool = False
    is_weak: bool = False


def ending(reason: object) -> str | None:
    """A finish reason in OpenAI's words; as it is where they have none."""
    if not isinstance(reason, str) or not reason:
        return None
    plain = reason.lower().removeprefix("finish_reason_").removeprefix("finishreason.")
    return _ENDINGS.get(plain, plain)


def message_text(message: Mapping[str, Any]) -> str:
    """What a message in any API's shape says: thoughts, content, refusal, arguments of calls."""
    content = said(message.get("content"))
    thought = content.thought
    for key in ("reasoning_content", "reasoning", "thinking"):
        if not thought and isinstance(message.get(key), str):
            thought = message[key]
    calls = message.get("tool_calls")
    calls = calls if isinstance(calls, list) else [message.get("function_call")]
    texts = [content.text, said(message.get("refusal")).text, *map(arguments, calls)]
    return with_thought("\n".join(filter(None, texts)), thought)


def count(values: object, *names: str) -> int | None:
    """The first number of tokens among `values` that has one of these names."""
    for name in names:
        value = values.get(name) if isinstance(values, Mapping) else None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is int and 0 <= value < _MOST_TOKENS:
            return value
    return None


def word(values: Mapping[str, Any], *names: str) -> str | None:
    """The first text among `values` that has one of these names; numbers are texts too."""
    for name in names:
        value = values.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value):
            return str(value)
    return None


def reason(error: object) -> str:
    """Why a request failed, in one line."""
    while isinstance(error, Mapping):
        inner = error.get("message") or error.get("error") or error.get("code")
        error = inner or error.get("type") or "no reason given"
    return " ".join(str(error).split())[:200] or "no reason given"
