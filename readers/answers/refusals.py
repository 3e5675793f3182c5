"""Tells prose in which an LLM refuses from other prose."""

import re

_BEGINNING = 300  # characters in which a refusal says that it is one
_CANNOT = re.compile(
    r"\b(?:"
    r"(?:i|we) (?:can(?:not|['’]?t| not)|won['’]?t|will not|must decline|have to decline)"
    r"|(?:i|we)(?: am| are|['’]m|['’]re) (?:not able|unable|sorry,? but)"
    r"|(?:not |un)able to (?:help|assist|provide|generate|create|fulfil)"
    r"|do(?: not|n['’]t) feel comfortable"
    r"|against my (?:guidelines|policy|programming)|as an ai\b"
    r"|leider (?:kann|darf)|ich kann (?:das |dir |ihnen )?nicht|no puedo|je ne peux pas|désolé"
    r")",
    re.I,
)


def is_refusal(prose: str) -> bool:
    """Whether an answer without a record says in its beginning that it will not write any."""
    return _CANNOT.search(prose[:_BEGINNING]) is not None
