"""How an endpoint is reached: the key, the address, the limits that its headers tell."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from generators.asking.llms import LLM
from generators.asking.pace import Limit
from generators.providers.bodies import is_page
from synthcare.errors import SynthcareError

_SECONDS_TO_CONNECT = 10.0  # nobody who is there takes longer, however long an answer takes


def api_key(llm: LLM) -> str:
    """The key of `llm`, from the environment; "none" where it needs none.

    Raises SynthcareError where it is not set, or cannot be sent.
    """
    if not llm.api_key_env:
        return "none"
    key = _key(llm)
    if not key:
        raise SynthcareError(
            f"{llm.name} needs {llm.api_key_env}. Set it, or use --llm smollm2, which needs none."
        )
    if not (key.isascii() and key.isprintable()):
        raise SynthcareError(f"{llm.api_key_env} holds a character that no key has. Copy it again.")
    return key


def _key(llm: LLM) -> str:
    return os.environ.get(llm.api_key_env or "", "").strip()


def quoted(llm: LLM, text: str, most: int = 300) -> str:
    """What an endpoint said, for a message: on one line, not too long, and without the key."""
    if is_page(text):
        return "a web page"
    if key := _key(llm):
        text = text.replace(key, "***")
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= most else line[: most - 1] + "…"


@contextmanager
def usable_address(llm: LLM) -> Iterator[None]:
    """Around the making of a client: raises SynthcareError where base_url is no address."""
    try:
        yield
    except Exception as error:  # the two clients are built on different libraries
        raise SynthcareError(
            f"{llm.name} has no usable address: {error}. Check base_url."
        ) from error


def patience(api: ModuleType, llm: LLM) -> Any:
    """How long the client of the module `api` waits: for a connection, and for each answer."""
    return api.Timeout(llm.timeout_seconds, connect=min(_SECONDS_TO_CONNECT, llm.timeout_seconds))


def token_limit(llm: LLM, tokens: int, *, usual: str) -> dict[str, int]:
    """The parameter that limits an answer to `tokens`, by the name that the endpoint knows."""
    name = llm.token_limit or usual
    return {} if name == "none" else {name: tokens}


def limit(headers: Mapping[str, str], kind: str) -> Limit | None:
    """What the headers say of the limit on `kind` (`requests` or `tokens`) a minute."""
    try:
        return Limit(
            per_minute=float(headers[f"x-ratelimit-limit-{kind}"]),
            remaining=float(headers[f"x-ratelimit-remaining-{kind}"]),
        )
    except (KeyError, ValueError):
        return None
