"""Answers of OpenAI's APIs, and of everything that answers in their shapes."""

from collections.abc import Mapping
from typing import Any

from readers.exports.answer import Answer, Found, count, ending, message_text, said, word
from readers.exports.parts import arguments, with_thought

_OUTPUT_TYPES = ("message", "reasoning", "function_call", "custom_tool_call")


def read_chat_completion(document: Mapping[str, Any]) -> Found | None:
    """A chat completion or a completion: an answer for each of its choices."""
    choices = document.get("choices")
    if not isinstance(choices, list) or not choices:
        return None
    if not all(isinstance(choice, dict) and _is_choice(choice) for choice in choices):
        return None
    answers = []
    for choice in choices:
        # All choices share one prompt and one count, which must not be counted twice.
        usage = tokens(document.get("usage")) if not answers else {}
        message = choice.get("message")
        is_refused = isinstance(message, dict) and bool(message.get("refusal"))
        answers.append(
            Answer(
                text=message_text(message) if isinstance(message, dict) else str(choice["text"]),
                model=word(document, "model"),
                finish_reason="refusal" if is_refused else ending(choice.get("finish_reason")),
                **usage,
            )
        )
    return Found("OpenAI chat completions", tuple(answers))


def _is_choice(choice: Mapping[str, Any]) -> bool:
    message = choice.get("message")
    if isinstance(message, dict):
        return any(key in message for key in ("content", "tool_calls", "function_call", "refusal"))
    is_named = bool({"index", "finish_reason"} & set(choice)) or set(choice) == {"text"}
    return isinstance(choice.get("text"), str) and is_named


def read_response(document: Mapping[str, Any]) -> Found | None:
    """An answer of the Responses API."""
    output = document.get("output")
    if not isinstance(output, list) or not all(isinstance(item, dict) for item in output):
        return None
    if document.get("object") != "response" and not any(map(_is_output, output)):
        return None
    texts, thoughts, is_refused = [], [], False
    for item in output:
        if item.get("type") == "message":
            content = item.get("content")
            texts.append(said(content).text)
            parts = content if isinstance(content, list) else []
            is_refused |= any(isinstance(p, dict) and p.get("type") == "refusal" for p in parts)
        elif item.get("type") == "reasoning":
            thoughts.extend(said(item.get("content") or item.get("summary")))
        elif item.get("type") in _OUTPUT_TYPES:
            texts.append(arguments(item))
    why = document.get("incomplete_details")
    ended = ending(why.get("reason") if isinstance(why, dict) else document.get("status"))
    answer = Answer(
        text=with_thought("\n".join(filter(None, texts)), "\n".join(filter(None, thoughts))),
        model=word(document, "model"),
        finish_reason="refusal" if is_refused else ended,
        **tokens(document.get("usage")),
    )
    return Found("OpenAI responses", (answer,))


def _is_output(item: Mapping[str, Any]) -> bool:
    is_said = any(key in item for key in ("content", "summary", "arguments"))
    return item.get("type") in _OUTPUT_TYPES and is_said


def read_call(document: Mapping[str, Any]) -> Found | None:
    """A call of a tool or function without the message around it."""
    call = document.get("function") if document.get("type") == "function" else document
    calls = document.get("tool_calls") if set(document) <= {"tool_calls", "content"} else [call]
    if not isinstance(calls, list) or not calls or not all(map(_is_call, calls)):
        return None
    return Found("calls of a tool", (Answer("\n".join(map(arguments, calls))),))


def _is_call(call: object) -> bool:
    call = call.get("function", call) if isinstance(call, dict) else {}
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        return False
    given = call.get("arguments", call.get("input") if call.get("type") == "tool_use" else None)
    is_alone = set(call) <= {"name", "arguments", "input", "id", "type", "call_id", "index"}
    return is_alone and isinstance(given, str | dict)


def tokens(usage: object) -> dict[str, int | None]:
    """The tokens that a `usage` names, in either API's words."""
    usage = usage if isinstance(usage, Mapping) else {}
    read = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    written = usage.get("completion_tokens_details") or usage.get("output_tokens_details")
    return {
        "input_tokens": count(usage, "prompt_tokens", "input_tokens"),
        "cached_tokens": count(read, "cached_tokens"),
        "output_tokens": count(usage, "completion_tokens", "output_tokens"),
        "reasoning_tokens": count(written, "reasoning_tokens"),
    }
