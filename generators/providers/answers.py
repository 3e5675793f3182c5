"""What an endpoint answered, in the shapes of OpenAI's API and of Llama's."""

from collections.abc import Mapping
from typing import Any

from generators.landing.streams import BROKEN
from generators.providers import Completion, Heard
from generators.providers.bodies import DONE
from generators.providers.faults import Fault, fault_in, named_status
from readers.exports.parts import pieces, with_thought

# What reading JSON raises where it has a shape that nobody thought of.
ODD_SHAPE = (AttributeError, LookupError, RecursionError, TypeError, ValueError)

_MOST_TOKENS = 2**40  # more than any answer has


class Answer:
    """An answer of OpenAI's or Llama's shape, taken in whole or piece by piece.

    `heard` is told each piece of the text. Parts that only think stand before it, marked as such.
    `fault` is an error that came in its place or after some of it.
    """

    def __init__(self, heard: Heard) -> None:
        self.fault: Fault | None = None
        self.has_choice = self.has_thought = self.is_done = False
        self.finish_reason: str | None = None
        self._heard = heard
        self._pieces: list[str] = []
        self._thoughts: list[str] = []  # that no text has followed yet
        self._half = ""  # of a surrogate pair, whose other half is in the next piece
        self._is_refusal = False
        self._usage: Mapping[str, Any] = {}

    @property
    def has_text(self) -> bool:
        return bool(self._pieces)

    @property
    def is_whole(self) -> bool:
        """Whether all of it is here, except for the usage perhaps."""
        return self.has_choice and not self.fault and bool(self.finish_reason or self.is_done)

    def take(self, body: object) -> None:
        """Take in a whole answer, a chunk of one, or DONE."""
        if isinstance(body, list):
            for part in body:
                self.take(part)
        elif body == DONE:
            self.is_done = True
        elif isinstance(body, dict):
            self._usage = _usage(body) or self._usage
            choices = body.get("choices")
            choice = choices[0] if isinstance(choices, list) and choices else _llama_choice(body)
            if not self.is_whole and (fault := _fault(body, choice)):
                self.fault = self.fault or fault
            if isinstance(choice, dict):
                self._take_choice(choice)

    def completion(self, **limits: Any) -> Completion:
        """What has come; BROKEN where that is not all. `limits` are those of the headers."""
        if self._half:
            self._half = ""
            self._say("\ufffd")
        self._say("")  # thoughts, where nothing else was said
        text = "".join(self._pieces)
        if self.fault and self.fault.is_filter:
            return Completion(text, "content_filter", **limits)
        if not self.is_whole:
            return Completion(text, BROKEN, **limits)
        reason = "refusal" if self._is_refusal else self.finish_reason
        return Completion(text, reason, **_tokens(self._usage), **limits)

    def _take_choice(self, choice: Mapping[str, Any]) -> None:
        self.has_choice = True
        if choice.get("finish_reason") not in (None, "", "null"):
            self.finish_reason = str(choice["finish_reason"])
        said = choice.get("delta")
        if said is None and not self._pieces:
            said = choice.get("message")  # some repeat all of it behind the last piece
        if not isinstance(said, dict):
            return
        if content := said.get("content"):
            self._take_content(content)
        if refusal := said.get("refusal"):
            self._is_refusal = True
            self._take_content(refusal)
        self.has_thought |= bool(said.get("reasoning_content") or said.get("reasoning"))

    def _take_content(self, content: object) -> None:
        if isinstance(content, str):
            self._say(content)
            return
        for piece in pieces(content):
            if piece.is_thought:
                self.has_thought = True
                self._thoughts.append(piece.text)
            else:
                self._say(piece.text)

    def _say(self, piece: str) -> None:
        if self._thoughts:
            piece, self._thoughts = with_thought(piece, "".join(self._thoughts)), []
        if self._half or not piece.isascii():
            piece, self._half = self._half + piece, ""
            if "\ud800" <= piece[-1] <= "\udbff":
                piece, self._half = piece[:-1], piece[-1]
            piece = piece.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if piece:
            self._pieces.append(piece)
            self._heard(piece)


def _fault(body: Mapping[str, Any], choice: object) -> Fault | None:
    if body.get("error") or body.get("object") == "error":
        return fault_in(body)
    if isinstance(choice, dict):
        return fault_in(choice) if choice.get("error") else None
    return fault_in(body) if named_status(body) else None


def _llama_choice(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """An answer of the Llama API, or a chunk of one, as a choice of OpenAI's."""
    if isinstance(event := body.get("event"), dict):
        return {
            "delta": {"content": event.get("delta")},
            "finish_reason": event.get("stop_reason"),
        }
    if isinstance(message := body.get("completion_message"), dict):
        return {"message": message, "finish_reason": message.get("stop_reason")}
    return None


def _usage(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The tokens that a body names, by OpenAI's names."""
    if isinstance(usage := body.get("usage"), dict):
        return usage
    event = body.get("event")
    metrics = (event if isinstance(event, dict) else body).get("metrics")
    if not isinstance(metrics, list):
        return None
    named = [metric for metric in metrics if isinstance(metric, dict)]
    values = {str(metric.get("metric")): metric.get("value") for metric in named}
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    return {name: values.get(f"num_{name}") for name in names}


def _tokens(usage: Mapping[str, Any]) -> dict[str, int | None]:
    """The tokens of an answer, as a Completion has them."""
    read, written = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    thought = _count(usage.get("completion_tokens_details"), "reasoning_tokens")
    total = _count(usage, "total_tokens")
    if read is not None and written is not None:
        # Some leave what was thought out of what was written.
        beside = max(0, (total or 0) - read - written)
        if not beside and (thought or 0) > written:
            beside = thought
        written += beside
        thought = max(thought or 0, beside) if beside else thought
    return {
        "input_tokens": read,
        "cached_tokens": _cached(usage, read),
        "output_tokens": written,
        "reasoning_tokens": thought,
    }


def _cached(usage: Mapping[str, Any], read: int | None) -> int | None:
    """The tokens of the prompt that came from a cache: 0 where that is looked at and not named."""
    details = usage.get("prompt_tokens_details")
    if not isinstance(details, Mapping):
        return _count(usage, "prompt_cache_hit_tokens")  # DeepSeek
    cached = 0 if details.get("cached_tokens") is None else _count(details, "cached_tokens")
    return None if cached and read is not None and cached > read else cached


def _count(usage: object, name: str) -> int | None:
    """A number of tokens, None where it is none."""
    value = usage.get(name) if isinstance(usage, Mapping) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value < _MOST_TOKENS else None


def completion_of(body: object) -> Completion:
    """What a whole answer in JSON holds; one that holds none is BROKEN, without text."""
    answer = Answer(lambda _: None)
    try:
        answer.take(body)
        answer.take(DONE)
    except ODD_SHAPE:
        pass  # what was read of it counts
    return answer.completion()
