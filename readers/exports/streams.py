"""Streams that someone saved: the pieces of an answer are put together to what came in whole."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from readers.exports.joins import (
    Document,
    join_anthropic,
    join_gemini,
    join_llama,
    join_ollama,
    join_openai,
    join_responses,
)

_ANTHROPIC = {"message_start", "content_block_start", "content_block_delta", "content_block_stop"}
_ANTHROPIC |= {"message_delta", "message_stop", "ping"}
_RESPONSE_ENDS = ("response.completed", "response.incomplete", "response.failed")
_ENDS_WHOLE = ("Gemini", "Ollama")  # their last piece looks like an answer that came in whole


class _Piece(NamedTuple):
    """Of which API and answer a document is a piece, and whether that begins or ends with it."""

    api: str
    name: str
    begins: bool
    ends: bool


@dataclass
class _Stream:
    api: str
    pieces: list[Document] = field(default_factory=list)
    is_ended: bool = False


def joined(documents: Iterable[object], *, is_stream: bool) -> list[object]:
    """`documents` with the pieces of each streamed answer put together, in the order they began."""
    documents = list(documents)
    may_be_gemini = is_stream or any(_gemini_ends(document) for document in documents)
    result: list[object] = []
    under_way: dict[tuple[str, str], _Stream] = {}
    for document in documents:
        piece = _piece(document, is_stream=is_stream, may_be_gemini=may_be_gemini)
        stream = under_way.get((piece.api, piece.name)) if piece else None
        if stream and stream.is_ended and (piece.begins or piece.api in _ENDS_WHOLE):
            stream = None
        if piece is None or (stream is None and piece.ends and piece.api in _ENDS_WHOLE):
            result.append(document)
            continue
        if stream is None:
            stream = under_way[piece.api, piece.name] = _Stream(piece.api)
            result.append(stream)
        stream.pieces.append(document)
        stream.is_ended = stream.is_ended or piece.ends
    return [_JOIN[i.api](i.pieces) if isinstance(i, _Stream) else i for i in result]


def _piece(document: object, *, is_stream: bool, may_be_gemini: bool) -> _Piece | None:
    if not isinstance(document, dict):
        return None
    if isinstance(document.get("choices"), list):
        return _openai_piece(document, is_stream=is_stream)
    if isinstance(document.get("candidates"), list):
        ends = _gemini_ends(document)
        name = str(document.get("responseId") or "")
        return _Piece("Gemini", name, not ends, ends) if may_be_gemini else None
    if isinstance(document.get("done"), bool) and isinstance(document.get("model"), str):
        return _Piece("Ollama", document["model"], not document["done"], document["done"])
    return _event(document)


def _openai_piece(document: Document, *, is_stream: bool) -> _Piece | None:
    choices = document["choices"]
    first = choices[0] if choices and isinstance(choices[0], dict) else {}
    is_piece = "delta" in first or str(document.get("object")).endswith(".chunk")
    if not is_piece and (not is_stream or "message" in first):
        return None
    name, delta = str(document.get("id") or ""), first.get("delta")
    begins = not name and isinstance(delta, dict) and "role" in delta
    return _Piece("OpenAI", name, begins, bool(first.get("finish_reason")))


def _event(document: Document) -> _Piece | None:
    kind, event = document.get("type"), document.get("event")
    if isinstance(kind, str) and kind in _ANTHROPIC:
        return _Piece("Anthropic", "", kind == "message_start", kind == "message_stop")
    if isinstance(kind, str) and kind.startswith("response."):
        return _Piece("Responses", "", kind == "response.created", kind in _RESPONSE_ENDS)
    if isinstance(event, dict) and isinstance(event.get("event_type"), str):
        return _Piece("Llama", "", event["event_type"] == "start", event["event_type"] == "metrics")
    return None


def _gemini_ends(document: object) -> bool:
    candidates = document.get("candidates") if isinstance(document, dict) else None
    candidates = candidates if isinstance(candidates, list) else []
    return any(isinstance(c, dict) and bool(c.get("finishReason")) for c in candidates)


_JOIN: dict[str, Callable[[list[Document]], Document]] = {
    "OpenAI": join_openai,
    "Anthropic": join_anthropic,
    "Responses": join_responses,
    "Llama": join_llama,
    "Ollama": join_ollama,
    "Gemini": join_gemini,
}
