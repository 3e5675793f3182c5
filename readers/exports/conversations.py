"""Conversations as lists of turns: fine-tuning files, ShareGPT, chat logs."""

from collections.abc import Mapping, Sequence
from typing import Any

from readers.exports.answer import Answer, Found, ending, message_text, word
from readers.exports.parts import said

_LISTS = ("messages", "conversations", "conversation", "contents", "items", "turns", "history")
_ROLES = ("role", "from", "sender", "author", "type")
_CONTENTS = ("content", "value", "parts", "text", "tool_calls", "function_call")
_LLM = {"assistant", "gpt", "model", "chatgpt", "claude", "bing", "bard", "bot", "ai"}
_LLM |= {"function_call"}
_OTHERS = {"user", "human", "system", "developer", "tool", "function", "observation"}
_OTHERS |= {"tool_response", "function_response", "ipython", "prompter"}

# What may stand beside the messages that are sent; what a chat keeps has a title, a time or an id.
_OF_REQUESTS = {"model", "system", "temperature", "top_p", "max_tokens", "max_completion_tokens"}
_OF_REQUESTS |= {"stream", "seed", "tools", "tool_choice", "response_format", "generationConfig"}
_HOLDERS = ("chat", "conversation", "thread", "session")


def read_conversation(document: Mapping[str, Any]) -> Found | None:
    """A document with a list of turns: each turn of the LLM is an answer."""
    held = (document[key] for key in _HOLDERS if isinstance(document.get(key), dict))
    return next(filter(None, map(_conversation, (document, *held))), None)


def _conversation(document: Mapping[str, Any]) -> Found | None:
    for key in _LISTS:
        turns = document.get(key)
        if isinstance(turns, list) and are_turns(turns):
            is_request = set(document) <= {key} | _OF_REQUESTS
            return of_turns(turns, model=word(document, "model"), is_request=is_request)
    return None


def are_turns(values: Sequence[object]) -> bool:
    """Whether a list is a conversation: each of it has a role that is known, and a content."""
    return bool(values) and all(isinstance(v, dict) and bool(_role(v)) for v in values)


def of_turns(
    turns: Sequence[dict[str, Any]], *, model: str | None = None, is_request: bool = False
) -> Found:
    """The answers among the turns of a conversation.

    Where the list `is_request` and the user has the last word, what stands before is the prompt's,
    examples included.
    """
    kind = "ShareGPT conversations" if any("from" in turn for turn in turns) else "messages"
    if is_request and _role(turns[-1]) not in _LLM:
        return Found(kind, ())
    answers = [
        Answer(
            text=_text(turn),
            model=word(turn, "model") or model,
            finish_reason=ending(turn.get("finish_reason") or turn.get("stop_reason")),
        )
        for turn in turns
        if _role(turn) in _LLM and turn.get("weight") != 0  # an example, in fine-tuning
    ]
    return Found(kind, tuple(answers))


def _role(turn: Mapping[str, Any]) -> str:
    """The role of a turn; empty where it is none."""
    turn = _message(turn)
    named = next((turn[key] for key in _ROLES if isinstance(turn.get(key), str)), "").lower()
    is_turn = named in _LLM | _OTHERS and any(key in turn for key in _CONTENTS)
    return named if is_turn else ""


def _message(turn: Mapping[str, Any]) -> Mapping[str, Any]:
    """A turn, or the message that LangChain keeps in it."""
    data = turn.get("data")
    return {"type": turn.get("type"), **data} if isinstance(data, dict) else turn


def _text(turn: Mapping[str, Any]) -> str:
    turn = _message(turn)
    for key in ("value", "parts", "text"):
        if key in turn and "content" not in turn:
            return said(turn[key]).together()
    return message_text(turn)
