"""What the body of an error says, whatever status it comes with."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

# What some write in place of a status, in an error that HTTP calls 200.
_NAMED_STATUS = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "resource_exhausted": 429,
    "server_error": 500,
    "internal_server_error": 500,
    "internal": 500,
    "unavailable": 503,
    "service_unavailable": 503,
    "overloaded": 503,
    "overloaded_error": 529,
}


@dataclass(frozen=True)
class Fault:
    """What an endpoint said in place of an answer.

    `status` is that of HTTP or the one that the body names, None where there is neither. `codes`
    are its words for the kind of error. `everything` is all it said, to look for words in.
    """

    message: str
    status: int | None
    codes: tuple[str, ...]
    param: str
    everything: str

    @property
    def is_filter(self) -> bool:
        """Whether a filter stopped the answer: Azure says so in an error."""
        return "content_filter" in self.codes


def fault_in(body: object, status: int | None = None) -> Fault:
    """The error that a body holds; `status` is that of HTTP, unless it was OK."""
    while isinstance(body, list) and len(body) == 1:
        body = body[0]  # Gemini
    whole = body if isinstance(body, Mapping) else {}
    error = whole.get("error") or body
    kind = error if isinstance(error, Mapping) else {}
    status = status or named_status(kind) or named_status(whole)
    return Fault(
        message=_said(error) or _said(whole) or _phrase(status),
        status=status,
        codes=tuple(str(kind.get(key)).lower() for key in ("code", "type", "status")),
        param=str(kind.get("param") or ""),
        everything=json.dumps(body, default=str),
    )


def _said(error: object) -> str:
    """The message of an error, however deep it is: some nest it, some send a list."""
    match error:
        case str():
            return error
        case list():
            return "; ".join(filter(None, map(_said, error)))
        case Mapping():
            inner = ("message", "msg", "detail", "errors", "title")
            said = next(filter(None, (_said(error.get(key)) for key in inner)), "")
            if isinstance(place := error.get("loc"), list):  # FastAPI: where in the request
                said = f"{'.'.join(map(str, place))}: {said}"
            if isinstance(more := error.get("metadata"), Mapping) and more.get("raw"):
                said = f"{said}: {more['raw']}"  # OpenRouter: what its own provider said
            return said
    return ""


def named_status(error: Mapping[str, object]) -> int | None:
    words = [str(error.get(key)).lower() for key in ("code", "status", "status_code", "type")]
    for word in words:
        if re.fullmatch("[45][0-9]{2}", word):
            return int(word)
    return next((_NAMED_STATUS[word] for word in words if word in _NAMED_STATUS), None)


def _phrase(status: int | None) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "no message"
