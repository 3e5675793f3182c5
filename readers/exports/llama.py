"""Answers of the Llama API, of Ollama, and of servers that have a shape of their own."""

from collections.abc import Mapping
from typing import Any

from readers.exports.answer import Answer, Found, count, ending, message_text, word
from readers.exports.openai import tokens
from readers.exports.parts import with_thought


def read_completion_message(document: Mapping[str, Any]) -> Found | None:
    """An answer of the Llama API."""
    message = document.get("completion_message")
    if not isinstance(message, dict):
        return None
    metrics = document.get("metrics")
    named = [m for m in metrics if isinstance(m, dict)] if isinstance(metrics, list) else []
    values = {str(metric.get("metric")): metric.get("value") for metric in named}
    answer = Answer(
        text=message_text(message),
        model=word(document, "model"),
        finish_reason=ending(message.get("stop_reason")),
        input_tokens=count(values, "num_prompt_tokens"),
        output_tokens=count(values, "num_completion_tokens"),
    )
    return Found("Llama API answers", (answer,))


def read_ollama(document: Mapping[str, Any]) -> Found | None:
    """An answer of Ollama's /api/chat or /api/generate."""
    if not isinstance(document.get("done"), bool) or not isinstance(document.get("model"), str):
        return None
    message, response = document.get("message"), document.get("response")
    if isinstance(message, dict):
        text = message_text(message)
    elif isinstance(response, str):
        thought = document.get("thinking")
        text = with_thought(response, thought if isinstance(thought, str) else "")
    else:
        return None
    answer = Answer(
        text=text,
        model=document["model"],
        finish_reason=ending(document.get("done_reason")) if document["done"] else "broken",
        input_tokens=count(document, "prompt_eval_count"),
        output_tokens=count(document, "eval_count"),
    )
    return Found("Ollama answers", (answer,))


def read_server(document: Mapping[str, Any]) -> Found | None:
    """An answer of a server with a shape of its own: llama.cpp's, Text Generation Inference, …"""
    message = document.get("message")
    if isinstance(message, dict) and message.get("role") == "assistant" and "content" in message:
        text, kind = message_text(message), "chat completions"
    elif (key := _text_key(document)) is not None:
        text, kind = document[key], "completions"
    else:
        return None
    used = tokens(document.get("usage"))
    used["input_tokens"] = used["input_tokens"] or count(document, *_READ)
    used["output_tokens"] = used["output_tokens"] or count(document, *_WRITTEN)
    reason = document.get("finish_reason") or document.get("stop_reason")
    answer = Answer(text=text, model=word(document, "model"), finish_reason=ending(reason), **used)
    return Found(kind, (answer,))


_READ = ("tokens_evaluated", "prompt_token_count")
_WRITTEN = ("tokens_predicted", "generation_token_count")

# Where the text is, and what stands beside it in no table of data.
_TEXTS = (
    ("content", "tokens_predicted"),  # llama.cpp
    ("generation", "generation_token_count"),  # Llama at Bedrock
    ("completion", "stop_reason"),  # Anthropic's first API
    ("text", "generation_id"),  # Cohere's first API
    ("generated_text", "details"),  # Text Generation Inference
)


def _text_key(document: Mapping[str, Any]) -> str | None:
    if set(document) == {"generated_text"} and isinstance(document["generated_text"], str):
        return "generated_text"
    pairs = ((key, beside) for key, beside in _TEXTS if key in document and beside in document)
    return next((key for key, _ in pairs if isinstance(document[key], str)), None)
