"""Answers of Gemini's API, and saved prompts of AI Studio."""

from collections.abc import Mapping
from typing import Any

from readers.exports.answer import Answer, Found, count, ending, word
from readers.exports.parts import said


def read_candidates(document: Mapping[str, Any]) -> Found | None:
    """A `generateContent` response: an answer for each of its candidates."""
    is_blocked = isinstance(document.get("promptFeedback"), dict)
    candidates = document.get("candidates", [] if is_blocked else None)
    usage = document.get("usageMetadata", document.get("usage_metadata"))
    if not isinstance(candidates, list) or not all(isinstance(c, dict) for c in candidates):
        return None
    if not candidates or not any(map(_is_candidate, candidates)):
        if not is_blocked or not document["promptFeedback"].get("blockReason"):
            return None
        candidates = [{"finishReason": "SAFETY"}]
    read = count(usage, "promptTokenCount", "prompt_token_count")
    thought = count(usage, "thoughtsTokenCount", "thoughts_token_count")
    written = count(usage, "candidatesTokenCount", "candidates_token_count")
    answers = []
    for candidate in candidates:
        content = candidate.get("content")
        known = not answers  # all candidates share one count
        answers.append(
            Answer(
                text=said(content.get("parts") if isinstance(content, dict) else None).together(),
                model=word(document, "modelVersion", "model_version", "model"),
                finish_reason=ending(candidate.get("finishReason", candidate.get("finish_reason"))),
                input_tokens=read if known else None,
                cached_tokens=count(usage, "cachedContentTokenCount") if known else None,
                # Gemini counts thoughts beside the candidates.
                output_tokens=written + (thought or 0) if known and written is not None else None,
                reasoning_tokens=thought if known else None,
            )
        )
    return Found("Gemini answers", tuple(answers))


def _is_candidate(candidate: Mapping[str, Any]) -> bool:
    content = candidate.get("content")
    is_said = isinstance(content, dict) and ("parts" in content or content.get("role") == "model")
    return is_said or "finishReason" in candidate or "finish_reason" in candidate


def read_saved_prompt(document: Mapping[str, Any]) -> Found | None:
    """A prompt that AI Studio saved: each turn of the model, thoughts and all, is an answer."""
    prompt = document.get("chunkedPrompt")
    chunks = prompt.get("chunks") if isinstance(prompt, dict) else None
    if not isinstance(chunks, list):
        return None
    settings = document.get("runSettings")
    model = word(settings, "model") if isinstance(settings, dict) else None
    turns: list[list[dict]] = []
    is_model = False
    for chunk in chunks:
        was_model, is_model = is_model, isinstance(chunk, dict) and chunk.get("role") == "model"
        if is_model:
            if not was_model or turns[-1][-1].get("finishReason"):
                turns.append([])
            turns[-1].append(chunk)
    answers = [
        Answer(
            text=said(
                [chunk if "text" in chunk else chunk.get("parts") for chunk in turn]
            ).together(),
            model=model.removeprefix("models/") if model else None,
            finish_reason=ending(turn[-1].get("finishReason")),
            output_tokens=_sum([count(chunk, "tokenCount") for chunk in turn]),
        )
        for turn in turns
    ]
    return Found("an AI Studio prompt", tuple(answers))


def _sum(counts: list[int | None]) -> int | None:
    return None if None in counts else sum(counts)  # type: ignore[arg-type]
