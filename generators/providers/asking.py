"""One request and its answer, read as it comes; the same for the clients of all APIs."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing
from http import HTTPStatus
from types import ModuleType
from typing import Any

from generators.asking.llms import LLM
from generators.providers import Completion, Heard, Unanswered
from generators.providers.access import limit, quoted
from generators.providers.answers import ODD_SHAPE, Answer
from generators.providers.bodies import Body, Unreadable
from generators.providers.faults import fault_in
from generators.providers.remedies import judged, meaning, silent
from synthcare.errors import SynthcareError

# Seconds in which usage, or the end of the body, comes behind the end of the text.
_SECONDS_FOR_USAGE, _SECONDS_FOR_THE_END = 10.0, 0.5
_LONGEST_REST_SECONDS = 0.1


async def ask(
    api: ModuleType, client: Any, llm: LLM, arguments: Mapping[str, Any], heard: Heard
) -> Completion:
    """Ask once through `client`, which is one of the module `api`.

    Its own readers are not used: they make objects of each piece, and know one shape of answer.
    Raises Unanswered where asking again may help, SynthcareError where it would not. A shape that
    nobody thought of is a fault of this LLM alone, and no reason to stop others.
    """
    try:
        return await _ask(api, client, llm, arguments, heard)
    except ODD_SHAPE as error:
        raise _odd(llm, error) from error


async def _ask(
    api: ModuleType, client: Any, llm: LLM, arguments: Mapping[str, Any], heard: Heard
) -> Completion:
    sent = {**arguments, **arguments.get("extra_body", {})}
    answer = Answer(heard)
    async with AsyncExitStack() as stack:
        create = client.chat.completions.with_streaming_response.create
        try:
            response = await stack.enter_async_context(create(**arguments))
        except api.APIStatusError as error:
            if error.status_code == HTTPStatus.BAD_REQUEST and fault_in(error.body).is_filter:
                return Completion("", "content_filter")
            raise meaning(api, error, llm, client.base_url, sent) from error
        except Exception as error:
            raise meaning(api, error, llm, client.base_url, sent) from error
        nothing = await _read(response, answer, llm)
        headers = response.headers
    if answer.fault and not answer.has_text and not answer.fault.is_filter:
        why = judged(answer.fault, llm, sent=sent, headers=headers)
        if isinstance(why, Unanswered) and answer.has_thought:
            why.is_refused = False
        raise why
    if not (answer.is_whole or answer.has_text or answer.fault):
        raise nothing
    return answer.completion(
        requests_limit=limit(headers, "requests"), tokens_limit=limit(headers, "tokens")
    )


async def _read(response: Any, answer: Answer, llm: LLM) -> Unanswered | SynthcareError:
    """Read a body into `answer`; return what it means if that did not fill it."""
    body = Body(response.headers.get("content-type", ""))
    clock = asyncio.get_running_loop().time
    try:
        # Not for the whole answer, but for each piece: signs of life alone do not count.
        async with asyncio.timeout(llm.timeout_seconds) as deadline:
            async with aclosing(_pieces(response)) as pieces:
                async for piece in pieces:
                    for value in body.read(piece):
                        answer.take(value)
                        deadline.reschedule(clock() + _patience(answer, llm))
        for value in body.end():
            answer.take(value)
    except TimeoutError:
        return silent(llm)
    except _Lost as error:
        timed_out = "Timeout" in type(error.__cause__).__name__
        return silent(llm) if timed_out else Unanswered(f"{llm.name} broke off its answer.")
    except Unreadable as error:
        return _unreadable(llm, error.text, is_page=error.is_page)
    except ODD_SHAPE as error:
        return _odd(llm, error)
    if answer.has_choice:
        return Unanswered(f"{llm.name} broke off its answer.")
    return _unreadable(llm, body.beginning.decode(errors="replace"))


class _Lost(Exception):
    """The connection ended before the body did."""


async def _pieces(response: Any) -> AsyncIterator[bytes]:
    """The body as it comes, with a rest behind each read of the network.

    A stream is 20 packets a second and more, and to read one costs as much as to read several.
    """
    loop = asyncio.get_running_loop()
    began, has_turned = loop.time(), False

    def turn() -> None:
        nonlocal has_turned
        has_turned = True

    try:
        async for piece in response.iter_bytes():
            yield piece
            if has_turned:  # what was read before comes without a turn of the loop
                await asyncio.sleep(min(_LONGEST_REST_SECONDS, 0.02 * (loop.time() - began)))
            has_turned = False
            loop.call_soon(turn)
    except Exception as error:  # the two clients are built on different libraries
        raise _Lost from error


def _patience(answer: Answer, llm: LLM) -> float:
    """Seconds to wait for the next piece."""
    if answer.is_done:
        return _SECONDS_FOR_THE_END
    return min(_SECONDS_FOR_USAGE, llm.timeout_seconds) if answer.is_whole else llm.timeout_seconds


def _odd(llm: LLM, error: Exception) -> Unanswered:
    return Unanswered(
        f"{llm.name} sent an answer of a shape that cannot be read ({type(error).__name__}). Check "
        f"base_url of '{llm.name}' in llms.yml.",
        is_unreadable=True,
    )


def _unreadable(llm: LLM, text: str, *, is_page: bool = False) -> Unanswered | SynthcareError:
    if is_page:
        return SynthcareError(
            f"{llm.name} answered with a web page. Check base_url of '{llm.name}' in llms.yml."
        )
    if not text.strip():
        return Unanswered(f"{llm.name} sent an empty answer.", is_unreadable=True)
    return Unanswered(
        f"{llm.name} sent an answer that cannot be read: {quoted(llm, text, most=100)}",
        is_unreadable=True,
    )
