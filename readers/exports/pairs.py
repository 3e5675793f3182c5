"""Pairs of a prompt and its answer, and answers that this project journalled."""

from collections.abc import Mapping
from typing import Any

from readers.exports.answer import Answer, Found, count, word
from readers.exports.conversations import are_turns, of_turns
from readers.exports.parts import said

# Of two names each, that are together in no table of data.
_PAIRS = (
    ("prompt", "completion"),
    ("prompt", "response"),
    ("prompt", "output"),
    ("prompt", "chosen"),
    ("messages", "completion"),
    ("messages", "response"),
    ("messages", "output"),
    ("request", "response"),
    ("instruction", "output"),
    ("instruction", "response"),
    ("instruction", "completion"),
    ("user", "assistant"),
    ("prompt", "answer"),
    ("prompt", "outputs"),
    ("prompt", "generated_text"),
    ("question", "answer"),
    ("question", "response"),
    ("query", "answer"),
    ("query", "response"),
)
_BESIDE = {"input", "context", "system", "history", "rejected", "id", "custom_id", "model", "text"}
_BESIDE |= {"source", "metadata", "category", "score", "usage", "finish_reason", "created"}
_BESIDE |= {"request_id", "prompt_token_ids", "finished"}


def read_pair(document: Mapping[str, Any]) -> Found | None:
    """A prompt with its completion, an instruction with its output: no other column is there."""
    for prompt, answer in _PAIRS:
        if not (prompt in document and answer in document):
            continue
        if not set(document) <= _BESIDE | {prompt, answer}:
            return None
        written = document[answer]
        if isinstance(written, list) and are_turns(written):
            texts = [turn.text for turn in of_turns(written).answers]
        elif isinstance(written, list) and all(_is_text(part) for part in written):
            texts = [part["text"] for part in written]  # several answers to one prompt
        else:
            texts = [said(written).together()]
        if isinstance(document[prompt], str):
            texts = [text.removeprefix(document[prompt]) for text in texts]  # echoed
        model, custom_id = word(document, "model"), word(document, "custom_id", "id")
        answers = tuple(Answer(text=text, model=model, custom_id=custom_id) for text in texts)
        return Found(f"pairs of {prompt} and {answer}", answers, is_weak=True)
    return None


def _is_text(part: object) -> bool:
    return isinstance(part, dict) and isinstance(part.get("text"), str) and "type" not in part


def read_journalled(document: Mapping[str, Any]) -> Found | None:
    """A line of responses.jsonl, as this project journals it."""
    keys = ("response_id", "run_id", "request_number", "response_text")
    if not all(key in document for key in keys):
        return None
    answer = Answer(
        text=said(document["response_text"]).text,
        finish_reason=word(document, "finish_reason"),
        custom_id=word(document, "custom_id") or word(document, "response_id"),
        **{
            name: count(document, name)
            for name in ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
        },
    )
    return Found("a journal of responses", (answer,))
