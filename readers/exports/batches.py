"""Lines of batch files, and other documents that hold an answer among what was asked."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from readers.exports.answer import FAILED, Answer, Found, reason, word
from readers.exports.conversations import are_turns, of_turns

Read = Callable[[Mapping[str, Any]], Found | None]

_HOLDERS = ("response", "body", "result", "output", "modelOutput", "raw_response", "completion")
_ASKED = ("body", "params", "request", "modelInput")


def read_batch_line(document: Mapping[str, Any], read: Read) -> Found | None:
    """A line of a batch's output, its errors or its input; `read` knows the answer in it."""
    if "custom_id" in document and isinstance(result := document.get("result"), dict):
        return _anthropic(document, result, read)
    if "custom_id" in document and ("response" in document or "error" in document):
        return _openai(document, read)
    if _is_gemini(document):
        return _gemini(document, read)
    if "recordId" in document and ("modelOutput" in document or "error" in document):
        return _line("Bedrock batch output", document, document.get("modelOutput"), read)
    is_asked = any(isinstance(document.get(key), dict) for key in _ASKED)
    if is_asked and any(key in document for key in ("custom_id", "key", "recordId")):
        return Found("batch requests, which have no answers", (), is_batch=True)
    return None


def read_holder(document: Mapping[str, Any], read: Read) -> Found | None:
    """A document such as a log has, with an answer among other things."""
    for key in _HOLDERS:
        held = document.get(key)
        if isinstance(held, dict) and (found := read(held) or _message(held)):
            custom_id = word(document, "custom_id", "key", "id")
            answers = tuple(replace(a, custom_id=a.custom_id or custom_id) for a in found.answers)
            return replace(found, answers=answers)
    return None


def _message(held: Mapping[str, Any]) -> Found | None:
    is_said = held.get("role") == "assistant" and are_turns([held])
    return of_turns([dict(held)]) if is_said else None


def _openai(document: Mapping[str, Any], read: Read) -> Found:
    response = document.get("response")
    response = response if isinstance(response, dict) else {}
    body = response.get("body")
    is_ok = response.get("status_code", HTTPStatus.OK) == HTTPStatus.OK
    error = document.get("error") or (isinstance(body, dict) and body.get("error")) or None
    if error or not is_ok:
        said = error or body or f"status {response.get('status_code')}"
        return _failed("OpenAI batch errors", document, said)
    return _line("OpenAI batch output", document, body or response, read)


def _anthropic(document: Mapping[str, Any], result: Mapping[str, Any], read: Read) -> Found:
    if isinstance(message := result.get("message"), dict):
        return _line("Anthropic batch results", document, message, read)
    said = result.get("error") or result.get("type")
    return _failed("Anthropic batch results", document, said)


def _is_gemini(document: Mapping[str, Any]) -> bool:
    response = document.get("response")
    is_answer = isinstance(response, dict) and "candidates" in response
    error = document.get("error", document.get("status"))
    has_failed = bool(error) and not response
    return is_answer or (has_failed and ("key" in document or "request" in document))


def _gemini(document: Mapping[str, Any], read: Read) -> Found:
    metadata = document.get("metadata")
    held = document if "key" in document or not isinstance(metadata, dict) else metadata
    if not document.get("response"):
        said = document.get("error") or document.get("status")
        return _failed("Gemini batch output", held, said)
    return _line("Gemini batch output", held, document["response"], read)


def _line(kind: str, document: Mapping[str, Any], body: object, read: Read) -> Found:
    found = read(body) if isinstance(body, dict) else None
    if found is None:
        said = document.get("error") or "an answer of a shape that is not known"
        return _failed(kind, document, said)
    custom_id = _id(document)
    answers = tuple(replace(answer, custom_id=custom_id) for answer in found.answers)
    return Found(kind, answers, is_batch=True)


def _failed(kind: str, document: Mapping[str, Any], error: object) -> Found:
    failed = Answer("", finish_reason=FAILED, custom_id=_id(document), error=reason(error))
    return Found(kind, (failed,), is_batch=True)


def _id(document: Mapping[str, Any]) -> str | None:
    return word(document, "custom_id", "key", "recordId")
