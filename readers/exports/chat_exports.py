"""What people download from ChatGPT and Claude: all of their conversations in one file."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from readers.exports.answer import Answer, Found, ending, word
from readers.exports.parts import said, with_thought


def read_chatgpt(document: Mapping[str, Any]) -> Found | None:
    """A conversation of ChatGPT: a tree of messages, of which the branch that is shown counts."""
    mapping = document.get("mapping")
    if not isinstance(mapping, dict) or not any(_is_node(node) for node in mapping.values()):
        return None
    nodes = list(mapping.values())
    is_tree = any(isinstance(node, dict) and str(node.get("parent")) in mapping for node in nodes)
    shown = (_branch(mapping, document.get("current_node")) if is_tree else []) or nodes
    answers: list[Answer] = []
    thoughts: list[str] = []
    for message in (node["message"] for node in shown if _is_node(node)):
        if _role(message) != "assistant":
            thoughts = [] if _role(message) == "user" else thoughts
            continue
        text, thought = _said(message)
        thoughts.extend(filter(None, [thought]))
        if text.strip():
            answers.append(_answer(message, with_thought(text, "\n".join(thoughts))))
            thoughts = []
    everything = [node["message"] for node in nodes if _is_node(node)]
    spoken = [m for m in everything if _role(m) == "assistant" and _said(m)[0].strip()]
    return Found("a ChatGPT export", tuple(answers), left_out=len(spoken) - len(answers))


def _is_node(node: object) -> bool:
    message = node.get("message") if isinstance(node, dict) else None
    return isinstance(message, dict) and isinstance(message.get("author"), dict)


def _branch(mapping: Mapping[str, Any], node_id: object) -> list[Any]:
    """The nodes from the root to `node_id`; none where it is not in the tree."""
    nodes, seen = [], set()
    while isinstance(node_id, str) and node_id in mapping and node_id not in seen:
        seen.add(node_id)
        nodes.append(mapping[node_id])
        node_id = mapping[node_id].get("parent") if isinstance(mapping[node_id], dict) else None
    return nodes[::-1]


def _role(message: Mapping[str, Any]) -> object:
    return message["author"].get("role")


def _said(message: Mapping[str, Any]) -> tuple[str, str]:
    """Text and thoughts of a message of the LLM; what it sends to tools is neither."""
    content = message.get("content")
    if not isinstance(content, dict):
        return "", ""
    if content.get("content_type") in ("thoughts", "reasoning_recap"):
        thoughts = content.get("thoughts")
        thoughts = thoughts if isinstance(thoughts, list) else []
        parts = [t.get("content") or t.get("summary") for t in thoughts if isinstance(t, dict)]
        return "", "\n".join(str(part) for part in parts if part)
    text = said(content.get("parts") or content.get("text") or content.get("result")).text
    if message.get("channel") == "analysis":
        return "", text
    recipient = message.get("recipient") or "all"
    if recipient == "all":
        return text, ""
    return (_document(text), "") if str(recipient).startswith("canmore.create") else ("", "")


def _document(text: str) -> str:
    """The document that the LLM wrote on a canvas."""
    try:
        written = json.loads(text)
    except (ValueError, RecursionError):
        return text
    content = written.get("content") if isinstance(written, dict) else None
    return content if isinstance(content, str) else text


def _answer(message: Mapping[str, Any], text: str) -> Answer:
    metadata = message.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    details = metadata.get("finish_details")
    return Answer(
        text=text,
        model=word(metadata, "model_slug"),
        finish_reason=ending(details.get("type") if isinstance(details, dict) else None),
        custom_id=word(message, "id"),
    )


def read_claude(document: Mapping[str, Any]) -> Found | None:
    """A conversation of Claude's apps."""
    messages = document.get("chat_messages")
    if not isinstance(messages, list):
        return None
    return Found("a Claude export", tuple(_claude_answers(messages, word(document, "model"))))


def _claude_answers(messages: list[object], model: str | None) -> Iterator[Answer]:
    for message in messages:
        if isinstance(message, dict) and message.get("sender") == "assistant":
            content = said(message.get("content"))
            text = content.together() if content.text.strip() else said(message.get("text")).text
            yield Answer(text=text, model=model, custom_id=word(message, "uuid"))
