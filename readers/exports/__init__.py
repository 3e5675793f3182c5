"""Files that hold answers of LLMs, as APIs, chats and this project write them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from readers.exports.answer import FAILED, Answer, Export, Found
from readers.exports.anthropic import are_parts, read_converse, read_message
from readers.exports.batches import read_batch_line, read_holder
from readers.exports.chat_exports import read_chatgpt, read_claude
from readers.exports.conversations import are_turns, of_turns, read_conversation
from readers.exports.documents import read_documents
from readers.exports.gemini import read_candidates, read_saved_prompt
from readers.exports.llama import read_completion_message, read_ollama, read_server
from readers.exports.openai import read_call, read_chat_completion, read_response
from readers.exports.pairs import read_journalled, read_pair
from readers.exports.streams import joined

__all__ = ["FAILED", "Answer", "Export", "read_export"]

# Answers of an API before what may hold them: a log has the messages of the request beside them.
_ANSWERS: tuple[Callable[[Mapping[str, Any]], Found | None], ...] = (
    read_chat_completion,
    read_response,
    read_message,
    read_candidates,
    read_completion_message,
    read_ollama,
    read_converse,
    read_server,
    read_call,
)
_CONVERSATIONS = (read_chatgpt, read_claude, read_saved_prompt, read_pair, read_conversation)

# One of these stands in every document that holds an answer; a million records are looked at once.
_TELLING = frozenset(
    [
        *(
            "choices",
            "output",
            "content",
            "candidates",
            "completion_message",
            "message",
            "response",
        ),
        *("text", "generation", "generated_text", "completion", "tool_calls", "function", "input"),
        *("arguments", "custom_id", "key", "recordId", "error", "body", "result", "modelOutput"),
        *("raw_response", "request", "response_text", "mapping", "chat_messages", "chunkedPrompt"),
        *("messages", "conversations", "conversation", "contents", "items", "turns", "history"),
        *("chat", "thread", "session", "role", "from", "sender", "author", "prompt", "instruction"),
        *("type", "event", "promptFeedback", "user", "question", "query"),
    ]
)


def read_export(text: str) -> Export | None:
    """What a file is and the answers that it holds; None where it is itself one answer.

    Only the structure decides, never the name of one column: a table of data stays what it is.
    """
    documents = read_documents(text.removeprefix("\ufeff"))
    if not documents.values or not _may_hold_answers(documents.values):
        return None
    values = joined(documents.values, is_stream=documents.is_stream)
    if are_parts(values):
        values = [{"content": values}]
    if are_turns(values) and not any(map(_read_answer, values)):  # type: ignore[arg-type]
        return _export([of_turns(values)], others=0, damaged=documents.damaged)  # type: ignore[arg-type]
    found = [_read(value) for value in values]
    if not any(found) and len(values) == 1 and (inner := _only_list(values[0])):
        found = [of_turns(inner)] if are_turns(inner) else [_read(value) for value in inner]
        found = found if all(found) and not any(f.is_weak for f in found if f) else []
    known = [each for each in found if each]
    others = len(found) - len(known)
    is_weak = any(each.is_weak for each in known)
    if not known or (others if is_weak else others + documents.damaged > len(known)):
        return None
    return _export(known, others=others, damaged=documents.damaged)


def _may_hold_answers(values: Sequence[object]) -> bool:
    telling = sum(isinstance(v, dict) and not _TELLING.isdisjoint(v) for v in values)
    return len(values) == 1 or 2 * telling >= len(values)


def _read(document: object) -> Found | None:
    if not isinstance(document, dict):
        return None
    try:
        found = read_batch_line(document, _read_answer) or _read_answer(document)
        found = found or read_journalled(document) or read_holder(document, _read_answer)
        conversations = (read(document) for read in _CONVERSATIONS)
        return found or next(filter(None, conversations), None)
    except RecursionError:
        return None  # nested deeper than any API's


def _read_answer(document: Mapping[str, Any]) -> Found | None:
    return next(filter(None, (read(document) for read in _ANSWERS)), None)


def _only_list(value: object) -> list[Any] | None:
    """The list of documents in a wrapper that holds one list, as pages of an API do."""
    lists = [v for v in value.values() if isinstance(v, list) and v] if _is_dict(value) else []
    return lists[0] if len(lists) == 1 and all(map(_is_dict, lists[0])) else None


def _is_dict(value: object) -> bool:
    return isinstance(value, dict)


def _export(found: Sequence[Found], *, others: int, damaged: int) -> Export:
    answers = tuple(_as_unicode(answer) for each in found for answer in each.answers)
    errors = [answer.error for answer in answers if answer.finish_reason == FAILED]
    told = {
        "skipped damaged lines": damaged,
        "skipped documents without an answer": others,
        "left out answers of other branches": sum(each.left_out for each in found),
        "requests that failed and have no answer": len(errors),
    }
    notes = [f"{what}: {number:,}" for what, number in told.items() if number]
    if errors:
        notes[-1] += f", mostly: {Counter(errors).most_common(1)[0][0]}"
    (kind, _), *_ = Counter(each.kind for each in found).most_common(1)
    return Export(kind, answers, tuple(notes), is_batch=any(each.is_batch for each in found))


def _as_unicode(answer: Answer) -> Answer:
    """The answer with U+FFFD for halves of surrogate pairs, which JSON can write and UTF-8 not."""
    changed = {}
    for name in (each.name for each in fields(answer)):
        value = getattr(answer, name)
        if isinstance(value, str) and not value.isascii():
            changed[name] = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return replace(answer, **changed)
