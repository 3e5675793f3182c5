"""The pieces of a streamed answer as the document that comes where it is not streamed.

An answer without its end has the finish reason `broken`.
"""

from collections.abc import Mapping
from typing import Any

Document = Mapping[str, Any]


def _last(pieces: list[Document], key: str) -> Any:
    return next((piece[key] for piece in reversed(pieces) if piece.get(key)), None)


def join_openai(pieces: list[Document]) -> Document:
    """Chunks of a chat completion, or of a completion."""
    choices: dict[Any, dict[str, Any]] = {}
    for piece in pieces:
        for choice in piece["choices"]:
            if isinstance(choice, dict):
                index = choice.get("index") if isinstance(choice.get("index"), int) else 0
                _take_choice(choices.setdefault(index, {"finish_reason": "broken"}), choice)
    whole = [
        {
            "message": {
                "role": "assistant",
                "content": choice.get("content"),
                "reasoning_content": "".join(choice.get("thoughts", [])),
                "refusal": choice.get("refusal"),
                "tool_calls": [
                    {"function": {"arguments": "".join(call)}}
                    for call in choice.get("calls", {}).values()
                ],
            },
            "finish_reason": choice["finish_reason"],
        }
        for choice in choices.values()
    ]
    return {"choices": whole, "model": _last(pieces, "model"), "usage": _last(pieces, "usage")}


def _take_choice(whole: dict[str, Any], choice: Document) -> None:
    whole["finish_reason"] = choice.get("finish_reason") or whole["finish_reason"]
    delta = choice.get("delta")
    delta = delta if isinstance(delta, dict) else {"content": choice.get("text")}
    for key in ("content", "refusal"):
        if delta.get(key):
            whole.setdefault(key, []).append(delta[key])
    thought = delta.get("reasoning_content") or delta.get("reasoning")
    if isinstance(thought, str):
        whole.setdefault("thoughts", []).append(thought)
    calls = delta.get("tool_calls")
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("arguments"), str):
            place = str(call.get("index"))
            whole.setdefault("calls", {}).setdefault(place, []).append(function["arguments"])


def join_anthropic(pieces: list[Document]) -> Document:
    """Events of the Messages API."""
    message: dict[str, Any] = {"stop_reason": "broken"}
    usage: dict[str, Any] = {}
    blocks: dict[str, dict[str, Any]] = {}
    for piece in pieces:
        index, delta = str(piece.get("index")), piece.get("delta")
        delta = delta if isinstance(delta, dict) else {}
        match piece["type"]:
            case "message_start" if isinstance(piece.get("message"), dict):
                begun = piece["message"]
                message |= {key: begun[key] for key in ("id", "model") if key in begun}
                usage |= begun["usage"] if isinstance(begun.get("usage"), dict) else {}
            case "content_block_start" if isinstance(piece.get("content_block"), dict):
                blocks[index] = {"type": str(piece["content_block"].get("type")), "said": []}
            case "content_block_delta":
                block = blocks.setdefault(index, {"type": "text", "said": []})
                for key in ("text", "thinking", "partial_json"):
                    if isinstance(delta.get(key), str):
                        block["said"].append(delta[key])
            case "message_delta":
                message["stop_reason"] = delta.get("stop_reason") or message["stop_reason"]
                usage |= piece["usage"] if isinstance(piece.get("usage"), dict) else {}
    keys = {"thinking": "thinking", "tool_use": "input"}
    content = [
        {"type": block["type"], keys.get(block["type"], "text"): "".join(block["said"])}
        for block in blocks.values()
    ]
    whole = {"type": "message", "role": "assistant", "content": content, "usage": usage}
    return whole | message


def join_responses(pieces: list[Document]) -> Document:
    """Events of the Responses API; the last holds all of it, where it came."""
    response = _last(pieces, "response")
    if isinstance(response, dict) and response.get("output"):
        return {"object": "response", **response}
    texts = [p.get("delta") for p in pieces if p["type"] == "response.output_text.delta"]
    said = "".join(text for text in texts if isinstance(text, str))
    output = [{"type": "message", "role": "assistant", "content": said}]
    begun = response if isinstance(response, dict) else {}
    return {**begun, "object": "response", "status": "broken", "output": output}


def join_llama(pieces: list[Document]) -> Document:
    """Events of the Llama API."""
    events = [piece["event"] for piece in pieces]
    message = {
        "content": [event.get("delta") for event in events],
        "stop_reason": _last(events, "stop_reason") or "broken",
    }
    return {"completion_message": message, "metrics": _last(events, "metrics")}


def join_ollama(pieces: list[Document]) -> Document:
    """Lines of Ollama's endpoints."""
    last = pieces[-1]
    messages = [piece.get("message") for piece in pieces]
    if any(isinstance(message, dict) for message in messages):
        spoken = [message for message in messages if isinstance(message, dict)]
        calls = [m["tool_calls"] for m in spoken if isinstance(m.get("tool_calls"), list)]
        return {
            **last,
            "message": {
                "role": "assistant",
                "content": [message.get("content") for message in spoken],
                "thinking": _text(spoken, "thinking"),
                "tool_calls": [call for some in calls for call in some],
            },
        }
    return {**last, "response": _text(pieces, "response"), "thinking": _text(pieces, "thinking")}


def _text(pieces: list[Document], key: str) -> str:
    return "".join(piece[key] for piece in pieces if isinstance(piece.get(key), str))


def join_gemini(pieces: list[Document]) -> Document:
    """Chunks of `streamGenerateContent`."""
    whole: dict[Any, dict[str, Any]] = {}
    for piece in pieces:
        for candidate in piece["candidates"]:
            if not isinstance(candidate, dict):
                continue
            index = candidate.get("index") if isinstance(candidate.get("index"), int) else 0
            taken = whole.setdefault(index, {"content": {"parts": []}, "finishReason": "broken"})
            content = candidate.get("content")
            parts = content.get("parts") if isinstance(content, dict) else None
            taken["content"]["parts"].extend(parts if isinstance(parts, list) else [])
            taken["finishReason"] = candidate.get("finishReason") or taken["finishReason"]
    return {
        "candidates": list(whole.values()),
        "usageMetadata": _last(pieces, "usageMetadata"),
        "modelVersion": _last(pieces, "modelVersion"),
    }
