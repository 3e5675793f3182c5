"""What becomes of the answers of endpoints that keep to OpenAI's or Llama's API, more or less."""

import asyncio
import json
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import llama_api_client
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.asking.llms import LLM
from generators.asking.pace import Limit
from generators.landing.streams import BROKEN
from generators.prompts import Prompt
from generators.providers import Completion, Request, Unanswered
from generators.providers.answers import Answer, completion_of
from generators.providers.bodies import DONE, Body, Unreadable
from generators.providers.llama_api import LlamaAPI
from generators.providers.openai_api import OpenAICompatible
from synthcare.contracts.contract import Contract, load_contract
from synthcare.errors import SynthcareError
from tests.costs import cpu_seconds
from tests.loopback import serve
from tests.odd_endpoints import (
    Endpoint,
    Reply,
    answer,
    chunk,
    endpoint,
    error,
    llama_event,
    stream,
    whole,
)

KEY = "sk-test-1234567890abcdef"
CONTRACT = load_contract("admissions")
USAGE = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}
HM = "<think>\nHm\n</think>\n"  # what a part that only thinks becomes
UNICODE = "Zoë Łaß, 🩺 10 µg"


@dataclass(frozen=True)
class Asked:
    """What came of one request: an answer or an error, and the pieces that were heard."""

    completion: Completion | None
    why: Exception | None
    heard: Sequence[str]


def llm(server: Endpoint | None = None, **changes: Any) -> LLM:
    known = {
        "name": "o3",
        "provider": "openai",
        "model": "o3",
        "wire_format": "csv",
        "rows_per_request": 10,
        "concurrency": 1,
        "base_url": server.base_url if server else None,
        "timeout_seconds": 20.0,
    }
    return LLM(**(known | changes))


def request(wire_format: str = "csv", contract: Contract = CONTRACT) -> Request:
    return Request(
        number=1,
        rows_before=0,
        rows=10,
        run_seed=1,
        wire_format=wire_format,
        contract=contract,
        prompt=Prompt("Be brief.", "Rows, please."),
        max_tokens=1234,
    )


def ask(of: LLM, times: int = 1, wire_format: str = "csv") -> list[Asked]:
    """Ask `times` times, one after the other, through one client."""

    async def all_of_them() -> list[Asked]:
        provider = (LlamaAPI if of.provider == "llama" else OpenAICompatible)(of)
        try:
            return [await once(provider) for _ in range(times)]
        finally:
            await provider.aclose()

    async def once(provider: LlamaAPI | OpenAICompatible) -> Asked:
        heard: list[str] = []
        try:
            completion = await provider.complete(request(wire_format), heard.append)
        except (Unanswered, SynthcareError) as why:
            return Asked(None, why, heard)
        assert "".join(heard) == completion.text
        return Asked(completion, None, heard)

    return asyncio.run(all_of_them())


def asked(reply: Reply, **changes: Any) -> Asked:
    """What comes of one request that is answered with `reply`."""
    with endpoint(reply) as server:
        done = ask(llm(server, **changes))[0]
    assert len(server.requests) == 1
    return done


def answered(reply: Reply, **changes: Any) -> Completion:
    done = asked(reply, **changes)
    assert done.completion, done.why
    return done.completion


def unanswered(reply: Reply, **changes: Any) -> Unanswered:
    why = asked(reply, **changes).why
    assert isinstance(why, Unanswered), why
    assert "\n" not in str(why)
    return why


def refused(reply: Reply, **changes: Any) -> str:
    """The one line that a person is told."""
    why = asked(reply, **changes).why
    assert isinstance(why, SynthcareError), repr(why)
    assert "\n" not in str(why)
    return str(why)


# 1. Streams, and bodies that are none.


@pytest.mark.parametrize("provider", ["openai", "llama"])
@pytest.mark.parametrize("is_stream", [True, False])
def test_an_answer_is_the_same_streamed_and_whole(provider: str, is_stream: bool) -> None:
    with serve("a,b\n" * 40, key="none") as server:
        of = llm(server, provider=provider, stream=is_stream)
        done = ask(of)[0]
    assert done.completion == Completion(
        text="a,b\n" * 40,
        finish_reason="stop",
        input_tokens=1000,
        cached_tokens=600 if provider == "openai" else None,
        output_tokens=200,
    )
    assert len(done.heard) > 20 if is_stream else len(done.heard) == 1
    _, _, body = server.requests[0]
    assert body.get("stream") is (True if is_stream else None)
    wants_usage = {"include_usage": True} if is_stream and provider == "openai" else None
    assert body.get("stream_options") == wants_usage


def test_an_answer_is_heard_while_it_is_written() -> None:
    with serve("a,b\n" * 40, key="none", slowness=0.2) as server:
        times: list[float] = []

        async def once() -> None:
            provider = OpenAICompatible(llm(server))
            await provider.complete(request(), lambda _: times.append(time.monotonic()))
            await provider.aclose()

        asyncio.run(once())
    assert len(times) > 20
    assert times[-1] - times[0] > 0.3  # of the 0.5 s that it takes


def test_a_request_that_is_given_up_is_charged_as_far_as_it_was_written() -> None:
    with serve("a,b\n" * 40, key="none", slowness=1) as server:

        async def once() -> None:
            provider, begun = OpenAICompatible(llm(server)), asyncio.Event()
            asking = asyncio.create_task(provider.complete(request(), lambda _: begun.set()))
            await begun.wait()
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking
            await provider.aclose()

        asyncio.run(once())
        give_up = time.monotonic() + 10
        while server.in_flight and time.monotonic() < give_up:
            time.sleep(0.02)
        assert 0 < server.count["output_tokens"] < 150
        assert server.count["input_tokens"] == 1000


@pytest.mark.parametrize("provider", ["openai", "llama"])
@pytest.mark.parametrize(
    ("fault", "text", "rows", "tokens"),
    [
        ("broken stream", "a,b\n" * 20, 20, 100),
        ("broken", None, 40, 200),
        ("lost", None, 40, 200),
        ("dropped", None, 0, 0),
        ("cut", "a,b\n" * 26 + "a,", 26, 200),
    ],
)
def test_the_faults_of_a_stream_are_told_apart(
    provider: str, fault: str, text: str | None, rows: int, tokens: int
) -> None:
    with serve("a,b\n" * 40, key="none", faults=[fault]) as server:
        done = ask(llm(server, provider=provider))[0]
    if text is None:
        assert isinstance(done.why, Unanswered)
        assert not done.why.is_refused
    else:
        reason = "length" if fault == "cut" else BROKEN
        assert (done.completion.text, done.completion.finish_reason) == (text, reason)
    assert (server.count["rows_billed"], server.count["output_tokens"]) == (rows, tokens)


def test_a_connection_is_used_again() -> None:
    for reply in (stream(chunk("x", finish="stop")), whole(answer("x"))):
        with endpoint(reply) as server:
            done = ask(llm(server), times=3)
        assert [one.completion.text for one in done] == ["x"] * 3
        assert server.connections == 1


def test_the_limits_in_the_headers_are_read() -> None:
    headers = {"x-ratelimit-limit-requests": "500", "x-ratelimit-remaining-requests": "499"}
    for reply in (
        stream(chunk("x", finish="stop"), headers=headers),
        whole(answer("x"), headers=headers),
    ):
        completion = answered(reply)
        assert completion.requests_limit == Limit(per_minute=500, remaining=499)
        assert completion.tokens_limit is None


EVENTS = [
    chunk("", role="assistant"),
    chunk("a,"),
    chunk("b\n"),
    chunk(finish="stop"),
    {"choices": [], "usage": USAGE},
]


@pytest.mark.parametrize(
    "reply",
    [
        stream(*EVENTS),
        stream(*EVENTS, content_type="application/json"),
        stream(*EVENTS, content_type=None),
        stream(*EVENTS, end="\n"),
        stream(*EVENTS, end="\r\n\r\n"),
        stream(*EVENTS, is_done=False),
        stream(*EVENTS, is_done=False, end="\n", is_unframed=True),
        stream(": PROCESSING", ": PROCESSING", *EVENTS),
        stream("event: message\nid: 7", "retry: 10", *EVENTS),
        stream(*EVENTS[:2], "data:", ": alive", "data: null", *EVENTS[2:]),
        stream(*["data: " + json.dumps(e, indent=1).replace("\n", "\ndata: ") for e in EVENTS]),
        stream(*EVENTS, is_open=20),
        Reply([bytes([byte]) for byte in b"".join(stream(*EVENTS).body)]),
        Reply([b"".join(stream(*EVENTS).body)]),
        Reply([b"\xef\xbb\xbf\r\n", *stream(*EVENTS).body]),
        stream(*EVENTS[:-2], answer("a,b\n", usage=USAGE)),
        whole(answer("a,b\n", usage=USAGE), content_type="text/event-stream"),
        whole(answer("a,b\n", usage=USAGE), content_type="text/plain"),
        whole("\n\n   \n" + json.dumps(answer("a,b\n", usage=USAGE), indent=2)),
        whole([answer("a,b\n", usage=USAGE)]),
        whole(EVENTS),
    ],
)
@pytest.mark.parametrize("is_stream", [True, False])
def test_whatever_comes_back_is_read(reply: Reply, is_stream: bool) -> None:
    completion = answered(reply, stream=is_stream)
    assert completion == Completion("a,b\n", "stop", input_tokens=1000, output_tokens=200)


# 2. Content, refusals, filters.


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a,b", "a,b"),
        ([{"type": "text", "text": "a,"}, {"type": "text", "text": "b"}], "a,b"),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}, "a,b"], f"{HM}a,b"),
        ([{"type": "reasoning", "text": "Hm"}, {"type": "text", "text": "a,b"}], f"{HM}a,b"),
        ([{"type": "thinking", "thinking": "Hm"}], HM),
        ([{"text": "H", "thought": True}, {"text": "m", "thought": True}, {"text": "a"}], f"{HM}a"),
        ([["a", [{"text": {"value": ",b"}}]], None, 5, True, {"type": "image_url"}], "a,b5"),
        ({"type": "text", "text": "a,b"}, "a,b"),
        ({"rows": [{"Name": "Zoë"}]}, '{"rows": [{"Name": "Zoë"}]}'),
        (12, "12"),
        (None, ""),
        ([], ""),
    ],
)
def test_the_text_of_any_content_is_found(content: object, text: str) -> None:
    for reply in (
        whole(answer(content, reasoning_content="Let me think.")),
        stream(chunk(reasoning_content="Let me"), chunk(content), chunk(finish="stop")),
    ):
        completion = answered(reply)
        assert (completion.text, completion.finish_reason) == (text, "stop")


def test_a_refusal_is_the_answer() -> None:
    pieces = [chunk(refusal="I can"), chunk(refusal="not."), chunk(finish="stop")]
    for reply in (whole(answer(None, refusal="I cannot.")), stream(*pieces)):
        completion = answered(reply)
        assert (completion.text, completion.finish_reason) == ("I cannot.", "refusal")


@pytest.mark.parametrize("reason", ["content_filter", "length", "tool_calls"])
def test_the_finish_reason_is_what_the_endpoint_says(reason: str) -> None:
    for reply in (whole(answer("a", finish=reason)), stream(chunk("a"), chunk(finish=reason))):
        assert answered(reply).finish_reason == reason
    assert answered(whole(answer("a", finish=None))) == Completion("a", None)
    every = [chunk("a", finish="null"), chunk("b", finish="stop"), chunk("c", finish="length")]
    assert answered(stream(*every)) == Completion("abc", "length")


def test_a_prompt_that_is_filtered_is_an_answer_without_text() -> None:
    filtered = error("The prompt was filtered.", code="content_filter", param="prompt", status=400)
    for reply in (whole(filtered, status=400), whole(filtered), stream(filtered)):
        assert answered(reply) == Completion("", "content_filter")


# 3. Usage.


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (USAGE, (1000, None, 200, None)),
        (USAGE | {"prompt_tokens_details": {"cached_tokens": 600}}, (1000, 600, 200, None)),
        (USAGE | {"prompt_tokens_details": {"cached_tokens": None}}, (1000, 0, 200, None)),
        (USAGE | {"prompt_tokens_details": {"cached_tokens": -1}}, (1000, None, 200, None)),
        (USAGE | {"prompt_tokens_details": {"cached_tokens": 2000}}, (1000, None, 200, None)),
        (USAGE | {"prompt_cache_hit_tokens": 64}, (1000, 64, 200, None)),
        # What was thought: within what was written, beside it and said, beside it and not said.
        (USAGE | {"completion_tokens_details": {"reasoning_tokens": 50}}, (1000, None, 200, 50)),
        (
            USAGE | {"total_tokens": 1250, "completion_tokens_details": {"reasoning_tokens": 50}},
            (1000, None, 250, 50),
        ),
        (USAGE | {"total_tokens": 1250}, (1000, None, 250, 50)),
        (USAGE | {"total_tokens": 7}, (1000, None, 200, None)),
        ({"prompt_tokens": -1, "completion_tokens": 12.5}, (None, None, None, None)),
        ({"prompt_tokens": "1000", "completion_tokens": True}, (None, None, None, None)),
        ({"prompt_tokens": 1000.0, "completion_tokens": 1e300}, (1000, None, None, None)),
        (None, (None, None, None, None)),
        ("none", (None, None, None, None)),
        ({}, (None, None, None, None)),
    ],
)
def test_tokens_are_numbers_or_unknown(usage: object, tokens: tuple) -> None:
    last = {"choices": [], "usage": usage}
    for reply in (whole(answer("a", usage=usage)), stream(chunk("a", finish="stop"), last)):
        found = answered(reply)
        assert tokens == (
            found.input_tokens,
            found.cached_tokens,
            found.output_tokens,
            found.reasoning_tokens,
        )


# 4. Errors that HTTP calls 200.


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (error("No such deployment", code=404), "o3 answered 404: No such deployment."),
        (error("No such deployment", code="404"), "o3 answered 404: No such deployment."),
        (error("Bad luck", code="odd_error"), "o3 answered with an error: Bad luck."),
        ({"error": "Bad\nluck"}, "o3 answered with an error: Bad luck."),
        ({"object": "error", "message": "Bad luck", "code": 400}, "o3 answered 400: Bad luck."),
        ({"object": "error", "message": "Bad luck"}, "o3 answered with an error: Bad luck."),
        ({"title": "Bad luck", "status": 401}, "o3 answered 401: Bad luck."),
        ([error("Bad luck", code=400)], "o3 answered 400: Bad luck."),
        (
            error("Provider error", code=402, metadata={"raw": "No credit left"}),
            "o3 answered 402: Provider error: No credit left.",
        ),
        (error(f"Your key {KEY} has no funds"), "o3 answered with an error: Your key *** has no"),
    ],
)
def test_an_error_that_stays_is_shown_at_once(
    body: object, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("O3_KEY", KEY)
    for reply in (whole(body), stream(chunk("", role="assistant"), body)):
        assert refused(reply, api_key_env="O3_KEY").startswith(said)


@pytest.mark.parametrize(
    ("body", "is_overload"),
    [
        (error("Wait", code=429), True),
        (error("Wait", code="503"), True),
        (error("Wait", status=500), False),
        (error("Wait", code=409), False),
        (error("Wait", type="server_error", code=None), False),
        (error("Wait", type="overloaded_error"), True),
        ({"error": "Wait", "code": 529}, True),
        ({"choices": [{"finish_reason": "error", **error("Wait", code=502)}]}, False),
    ],
)
def test_an_error_that_passes_is_asked_again(body: object, is_overload: bool) -> None:
    for reply in (whole(body), stream(chunk("", role="assistant"), body), stream(body)):
        why = unanswered(reply)
        assert (why.is_refused, why.is_overload) == (True, is_overload)
        assert "Wait" in str(why)


def test_an_event_of_the_kind_error_is_one() -> None:
    failed = 'event: error\ndata: {"message": "Wait", "code": 503}'
    assert unanswered(stream(failed)).is_overload
    assert "Out of order" in refused(stream("event: error\ndata: Out of order"))
    assert answered(stream(chunk("a"), failed)) == Completion("a", BROKEN)


def test_an_error_after_thinking_may_be_charged() -> None:
    reply = stream(chunk(reasoning_content="Let me"), error("Wait", code=500))
    assert not unanswered(reply).is_refused


@pytest.mark.parametrize("code", [500, 400, None])
def test_an_error_behind_some_text_breaks_the_answer(code: int | None) -> None:
    reply = stream(chunk("a,b\na"), error("Wait", code=code))
    assert answered(reply) == Completion("a,b\na", BROKEN)


# 5. What is no answer at all.


@pytest.mark.parametrize(
    "reply",
    [
        whole("<!doctype html><title>Log in</title>", content_type="text/html"),
        whole("\n<html><body>It works!</body></html>"),
        whole("Log in first", content_type="text/html; charset=utf-8"),
    ],
)
def test_a_web_page_is_said_to_be_one(reply: Reply) -> None:
    said = "o3 answered with a web page. Check base_url of 'o3' in llms.yml."
    assert refused(reply) == said


@pytest.mark.parametrize(
    ("body", "beginning"),
    [
        ({"id": "1", "choices": []}, '{"id": "1", "choices": []}'),
        ({"hello": "x" * 500}, '{"hello": "' + "x" * 88 + "…"),
        (
            json.dumps(answer("a,b"))[:60],
            '{"choices": [{"index": 0, "message": {"role": "assistant',
        ),
        ("Not\nfound", "Not found"),
        ("<model> not found", "<model> not found"),
        ('"a,b"', '"a,b"'),
        ("null", "null"),
        ("[" * 50_000, "[" * 99 + "…"),
    ],
)
def test_what_cannot_be_read_is_asked_again(body: object, beginning: str) -> None:
    why = unanswered(whole(body))
    assert why.is_unreadable
    assert not why.is_refused
    assert str(why).startswith(f"o3 sent an answer that cannot be read: {beginning}")
    assert len(str(why)) <= len("o3 sent an answer that cannot be read: ") + 100


@pytest.mark.parametrize("reply", [whole(""), whole(" \n"), stream(is_done=False)])
def test_nothing_is_asked_again(reply: Reply) -> None:
    why = unanswered(reply)
    assert (why.is_unreadable, str(why)) == (True, "o3 sent an empty answer.")


@pytest.mark.parametrize(
    "reply", [stream(), stream("data: oops"), stream({"hello": 1}), stream('data: {"cho')]
)
def test_a_stream_without_an_answer_is_asked_again(reply: Reply) -> None:
    assert unanswered(reply).is_unreadable


@pytest.mark.parametrize(
    ("charset", "content_type"),
    [
        ("utf-8", "application/json"),
        ("utf-8", "application/json; charset=nonsense"),
        ("utf-8-sig", "application/json"),
        ("utf-16", "application/json"),
        ("utf-16", 'application/json; charset="UTF-16"'),
        ("cp1252", "application/json"),
        ("cp1252", "application/json; charset=utf-8"),
        ("cp1252", "application/json; charset=windows-1252"),
        ("iso-8859-1", "application/json; charset=ISO-8859-1"),
        ("cp437", "application/json; charset=cp437"),
    ],
)
def test_any_charset_is_decoded(charset: str, content_type: str) -> None:
    text = UNICODE if charset.startswith("utf") else "Zoë ß µg"
    body = json.dumps(answer(text), ensure_ascii=False).encode(charset)
    assert answered(whole(body, content_type=content_type)).text == text


@pytest.mark.parametrize("charset", ["utf-8", "cp1252"])
def test_any_charset_of_a_stream_is_decoded(charset: str) -> None:
    text = UNICODE if charset == "utf-8" else "Zoë ß µg"
    body = b"".join(
        b"data: " + json.dumps(event, ensure_ascii=False).encode(charset) + b"\n\n"
        for event in [*map(chunk, text), chunk(finish="stop")]
    )
    bytewise = Reply([bytes([byte]) for byte in body], content_type="text/event-stream")
    assert answered(bytewise).text == text


def test_halves_of_a_character_become_one() -> None:
    high, low = "\ud83e", "\ude7a"
    completion = answered(stream(chunk(f"10 {high}"), chunk(f"{low} a"), chunk(finish="stop")))
    assert completion.text == "10 🩺 a"
    assert answered(stream(chunk(high), chunk("a"), chunk(finish="stop"))).text == "\ufffda"
    assert answered(stream(chunk(f"a{high}"), chunk(finish="stop"))).text == "a\ufffd"


# 6. Connections that are lost.

HALF = [chunk("", role="assistant"), chunk("a,b\n"), chunk("a")]


@pytest.mark.parametrize(
    "reply",
    [
        stream(*HALF, is_done=False, is_cut=True),
        stream(*HALF, is_done=False, is_unframed=True),
        stream(*HALF, is_done=False),
        stream(*HALF, 'data: {"choices": [{"del', is_done=False),
        stream(*HALF, "data: oops", chunk("b")),
        stream(*HALF, {"choices": [], "usage": USAGE}, is_done=False, is_cut=True),
    ],
)
def test_a_stream_that_breaks_off_is_a_broken_answer(reply: Reply) -> None:
    assert answered(reply) == Completion("a,b\na", BROKEN)


def test_a_stream_that_breaks_off_before_any_text_is_asked_again() -> None:
    for more in ({"is_cut": True}, {"is_unframed": True}, {}):
        why = unanswered(stream(*HALF[:1], is_done=False, **more))
        assert (why.is_refused, str(why)) == (False, "o3 broke off its answer.")
    assert not unanswered(whole(json.dumps(answer("a"))[:30], is_cut=True)).is_refused
    why = unanswered(whole('{"error": {"mess', status=500, is_cut=True))
    assert str(why).startswith("o3 broke off its answer")


def test_a_text_that_came_to_its_end_is_whole() -> None:
    whole_text = stream(*HALF, chunk(finish="length"), is_done=False, is_cut=True)
    assert answered(whole_text) == Completion("a,b\na", "length")
    assert answered(stream(*HALF)) == Completion("a,b\na", None)


def test_a_stream_that_falls_silent_is_given_up() -> None:
    silent = stream(*HALF, is_done=False, is_open=3)
    assert answered(silent, timeout_seconds=1) == Completion("a,b\na", BROKEN)
    silent = stream(*HALF[:1], *[": alive"] * 30, is_done=False, pause=0.1)
    why = unanswered(silent, timeout_seconds=1)
    assert (why.is_refused, str(why)) == (False, "o3 did not answer in 1 seconds.")


def test_an_answer_may_take_longer_than_its_pieces() -> None:
    slow = stream(*[chunk("a")] * 12, chunk(finish="stop"), pause=0.1)
    assert answered(slow, timeout_seconds=1).text == "a" * 12


# 7. Limits.


@pytest.mark.parametrize(
    "body",
    [
        error("Rate limit reached on tokens per day (TPD): Limit 100000.", code="tokens"),
        error("Rate limit exceeded: free-models-per-day", code=429),
        error("You have reached your daily limit"),
        error("Quota exceeded", code=429, details=[{"quotaId": "RequestsPerDayPerProject"}]),
        [error("Limit of RPD reached", code=429)],
    ],
)
def test_a_limit_of_the_day_is_said_at_once(body: Any) -> None:
    for reply in (whole(body, status=429), whole(body), stream(body)):
        said = refused(reply)
        message = (body[0] if isinstance(body, list) else body)["error"]["message"].rstrip(".")
        assert said == (
            f"o3 has reached its limit of the day: {message}. Run the same command again tomorrow."
        )


def test_other_limits_pass_or_need_money() -> None:
    per_minute = error("Limit of 3 requests per min (RPM)", code="rate_limit_exceeded")
    why = unanswered(whole(per_minute, status=429, headers={"retry-after": "7"}))
    assert (why.is_refused, why.is_overload, why.retry_after) == (True, True, 7.0)
    assert str(why) == "o3 answered 429: Limit of 3 requests per min (RPM)."
    quota = whole(error("You exceeded your quota", code="insufficient_quota"), status=429)
    for provider in ("openai", "llama"):
        assert refused(quota, provider=provider) == "o3 answered 429: You exceeded your quota."


# 8. Parameters that are refused.

UNSUPPORTED = "Unsupported parameter: '{}' is not supported with this model."
INSTEAD = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."


@pytest.mark.parametrize(
    ("body", "changes", "change"),
    [
        (
            error(INSTEAD, param="max_tokens", code="unsupported_parameter"),
            {},
            "token_limit: max_completion_tokens",
        ),
        (error(INSTEAD), {}, "token_limit: max_completion_tokens"),
        (
            error("Use 'max_completion_tokens' instead of 'max_tokens'."),
            {},
            "token_limit: max_completion_tokens",
        ),
        (
            error("Unrecognized request argument supplied: max_completion_tokens"),
            {"token_limit": "max_completion_tokens"},
            "token_limit: max_tokens",
        ),
        (
            error("Unknown parameters: max_tokens, max_completion_tokens"),
            {},
            "token_limit: none",
        ),
        (error(UNSUPPORTED.format("seed")), {}, "seed: false"),
        (
            {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra"}]},
            {},
            "seed: false",
        ),
        (
            {"object": "error", "message": {"detail": [{"loc": ["body", "seed"], "msg": "No"}]}},
            {},
            "seed: false",
        ),
        (
            error("Only the default (1) value is supported.", param="temperature"),
            {"sampling": {"temperature": 0.5}},
            "sampling: {}",
        ),
        (
            error("property 'top_k' is unsupported"),
            {"sampling": {"temperature": 1, "top_k": 0, "top_p": 1}},
            "sampling: {temperature: 1, top_p: 1}",
        ),
        (
            error(
                "'messages[0].role' does not support 'developer' with this model.",
                param="messages[0].role",
            ),
            {"instructions_role": "developer"},
            "instructions_role: system",
        ),
        (
            error("unknown variant `developer`, expected one of `system`, `user`"),
            {"instructions_role": "developer"},
            "instructions_role: system",
        ),
        (error("System role not supported"), {}, "instructions_role: none"),
        (
            error("Developer instruction is not enabled for models/gemma-3-27b-it"),
            {},
            "instructions_role: none",
        ),
        (
            error("Conversation roles must alternate user/assistant/user/assistant/..."),
            {},
            "instructions_role: none",
        ),
        (
            error("Your organization must be verified to stream this model.", param="stream"),
            {},
            "stream: false",
        ),
        (error("Unrecognized argument: stream_options"), {}, "stream: false"),
        (
            error("'response_format' of type 'json_schema' is not supported"),
            {"wire_format": "json_constrained"},
            "wire_format: json",
        ),
        (
            error("json_schema is not available for this model"),
            {"wire_format": "json_constrained"},
            "wire_format: json",
        ),
        (
            error(UNSUPPORTED.format("grammar")),
            {"wire_format": "csv_constrained"},
            "wire_format: csv",
        ),
    ],
)
@pytest.mark.parametrize("status", [400, 422, 200])
def test_a_refused_parameter_names_the_key_to_change(
    body: dict[str, Any], changes: dict[str, Any], change: str, status: int
) -> None:
    if status == 200 and "error" not in body:
        body = {"error": body}
    with endpoint(whole(body, status=status)) as server:
        of = llm(server, **changes)
        said = str(ask(of, wire_format=of.wire_format)[0].why)
    assert said.startswith("o3: the model refuses ")
    assert said.endswith(f"). Set `{change}` for 'o3' in llms.yml.")
    assert "\n" not in said


def test_the_line_about_a_refused_parameter_is_this() -> None:
    assert refused(whole(error(INSTEAD, param="max_tokens"), status=400)) == (
        "o3: the model refuses max_tokens ('max_tokens' is not supported with this model. "
        "Use 'max_completion_tokens' instead). "
        "Set `token_limit: max_completion_tokens` for 'o3' in llms.yml."
    )
    said = refused(whole(error("No system role"), status=400), instructions_role="system")
    assert said.startswith("o3: the model refuses the role system (No system role). ")


@pytest.mark.parametrize(
    "message",
    [
        "max_tokens is too large: 20000. This model supports at most 16384 completion tokens",
        "`max_tokens` must be less than or equal to `8192`",
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
    ],
)
def test_an_answer_that_is_too_long_asks_for_fewer_rows(message: str) -> None:
    said = refused(whole(error(message, param="max_tokens"), status=400))
    assert said == (
        f"o3: so many rows do not fit ({message}). "
        "Set a smaller `rows_per_request` for 'o3' in llms.yml."
    )


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        ("The deployment is paused. Ask the developer of this service", {}),
        (UNSUPPORTED.format("seed"), {"seed": False}),
        (UNSUPPORTED.format("stream"), {"stream": False}),
        (UNSUPPORTED.format("temperature"), {}),
        (UNSUPPORTED.format("response_format"), {}),
        (UNSUPPORTED.format("max_tokens"), {"token_limit": "none"}),
        ("System role not supported", {"instructions_role": "none"}),
    ],
)
def test_what_was_not_sent_is_not_to_be_changed(message: str, changes: dict[str, Any]) -> None:
    said = refused(whole(error(message), status=400), **changes)
    assert said == f"o3 answered 400: {message.rstrip('.')}."


@pytest.mark.parametrize("provider", ["openai", "llama"])
def test_what_the_entry_says_is_sent(provider: str) -> None:
    def sent(**changes: Any) -> dict[str, Any]:
        with endpoint(whole(answer("a"))) as server:
            ask(llm(server, provider=provider, **changes))
        return server.requests[0][2]

    usual = "max_tokens" if provider == "openai" else "max_completion_tokens"
    for limit, name in ((None, usual), ("max_completion_tokens",) * 2, ("max_tokens",) * 2):
        body = sent(token_limit=limit)
        assert {key: body.get(key) for key in body if "max" in key} == {name: 1234}
    assert not [key for key in sent(token_limit="none") if "max" in key]  # noqa: S106
    assert "seed" not in sent(seed=False)
    if provider == "openai":
        assert sent()["seed"] == 1_000_004
    assert "stream" not in sent(stream=False)
    assert sent(sampling={"reasoning_effort": "low"})["reasoning_effort"] == "low"
    assert [one["role"] for one in sent(instructions_role="none")["messages"]] == ["user"]


# 9. Azure.


@pytest.mark.parametrize("is_stream", [True, False])
def test_azure_is_asked_as_it_wants(monkeypatch: pytest.MonkeyPatch, is_stream: bool) -> None:
    monkeypatch.setenv("AZURE_KEY", KEY)
    with endpoint(whole(answer("a"))) as server:
        root = server.base_url.removesuffix("/v1")
        of = llm(
            base_url=f"{root}/openai/deployments/my-gpt",
            api_version="2024-10-21",
            api_key_env="AZURE_KEY",
            stream=is_stream,
        )
        assert ask(of)[0].completion.text == "a"
    path, headers, _ = server.requests[0]
    assert path == "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21"
    assert headers["api-key"] == KEY
    assert headers["Authorization"] is None


def test_azure_needs_an_address() -> None:
    with pytest.raises(SynthcareError, match=r"Set base_url for it in llms.yml, like https://NAME"):
        OpenAICompatible(llm(api_version="2024-10-21"))


# 10. and 11. Keys, and errors with a status.


@pytest.mark.parametrize("provider", ["openai", "llama"])
def test_an_endpoint_without_a_key_is_asked_without_one(
    monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with endpoint(whole(answer("a"))) as server:
        assert ask(llm(server, provider=provider))[0].completion.text == "a"
    assert server.requests[0][1]["Authorization"] == "Bearer none"


def test_a_key_that_is_missing_or_odd_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("O3_KEY", raising=False)
    with pytest.raises(SynthcareError, match=r"o3 needs O3_KEY\. Set it, or use --llm smollm2"):
        OpenAICompatible(llm(api_key_env="O3_KEY"))
    monkeypatch.setenv("O3_KEY", "sk-…1")
    with pytest.raises(SynthcareError, match="O3_KEY holds a character that no key has"):
        OpenAICompatible(llm(api_key_env="O3_KEY"))


@pytest.mark.parametrize("provider", ["openai", "llama"])
@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "o3 refused the key in O3_KEY. Check that it is valid."),
        (403, "o3 refused the key in O3_KEY. Check that it is valid."),
        (404, "/v1 has no model 'o3'. Check model and base_url of 'o3' in llms.yml."),
        (402, "o3 answered 402: Bad luck."),
        (413, "o3 answered 413: Bad luck."),
    ],
)
def test_an_error_with_a_status_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, provider: str, status: int, said: str
) -> None:
    monkeypatch.setenv("O3_KEY", KEY)
    reply = whole(error("Bad luck"), status=status)
    assert refused(reply, provider=provider, api_key_env="O3_KEY").endswith(said)


def test_a_key_that_is_wanted_and_not_named_is_said() -> None:
    said = refused(whole(error("No key"), status=401))
    assert said == "o3 wants a key. Set api_key_env for 'o3' in llms.yml."


@pytest.mark.parametrize("provider", ["openai", "llama"])
@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_an_error_that_passes_is_told_apart(provider: str, status: int) -> None:
    why = unanswered(whole(error("Wait"), status=status), provider=provider)
    assert str(why) == f"o3 answered {status}: Wait."
    assert (why.is_refused, why.is_overload) == (True, status in (429, 503, 529))


def test_the_body_of_an_error_need_not_be_json() -> None:
    page = whole("<html><h1>502 Bad Gateway</h1></html>", status=502, content_type="text/html")
    assert str(unanswered(page)) == "o3 answered 502: a web page."
    assert str(unanswered(whole("busy\nnow", status=503))) == "o3 answered 503: busy now."
    assert str(unanswered(whole("", status=503))) == "o3 answered 503: Service Unavailable."


@pytest.mark.parametrize("provider", ["openai", "llama"])
def test_an_address_that_is_none_is_said(provider: str) -> None:
    why = ask(llm(provider=provider, base_url="http://127.0.0.1:9/v1"))[0].why
    assert isinstance(why, Unanswered)
    assert why.is_unreachable
    assert str(why).startswith("o3 cannot be reached at http://127.0.0.1:9/v1")
    with pytest.raises(SynthcareError, match="o3 has no usable address: Invalid port"):
        ask(llm(provider=provider, base_url="http://127.0.0.1:x/v1"))


@pytest.mark.parametrize("provider", ["openai", "llama"])
def test_an_address_that_takes_no_connection_is_not_waited_for(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a firewall drops packets: nothing was sent, however long an answer may take."""
    monkeypatch.setattr("generators.providers.access._SECONDS_TO_CONNECT", 0.5)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as stack:
        address = full.getsockname()
        for _ in range(3):  # nobody takes them out of the queue
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        url = f"http://127.0.0.1:{address[1]}/v1"
        why = ask(llm(provider=provider, base_url=url))[0].why
    assert isinstance(why, Unanswered)
    assert (why.is_unreachable, why.is_refused) == (True, True)
    assert str(why).startswith(f"o3 cannot be reached at {url}")


# Llama's shape, batches, and whatever else may come.


def test_llama_streams_events_of_its_own() -> None:
    metrics = [
        {"metric": "num_prompt_tokens", "value": 10.0},
        {"metric": "num_completion_tokens", "value": 5.0},
        {"metric": "num_total_tokens", "value": 17.0},
    ]
    events = [llama_event("start"), llama_event("progress", "a,"), llama_event("progress", "b")]
    ends = [llama_event("complete", stop_reason="length"), llama_event("metrics", metrics=metrics)]
    for provider in ("llama", "openai"):
        completion = answered(stream(*events, *ends, is_done=False), provider=provider)
        assert completion == Completion(
            "a,b", "length", input_tokens=10, output_tokens=7, reasoning_tokens=2
        )
        assert answered(stream(*events, is_done=False), provider=provider).finish_reason == BROKEN
        assert answered(stream(*EVENTS), provider=provider).text == "a,b\n"


def deep(depth: int) -> Any:
    content: Any = "a"
    for _ in range(depth):
        content = [{"type": "text", "text": content}]
    return content


@pytest.mark.parametrize(
    "content", [deep(300), [[[[["a"]]]], "b", *[None] * 9], {"text": deep(200)}]
)
def test_content_that_is_nested_too_deep_stops_nobody(content: object) -> None:
    for reply in (whole(answer(content)), stream(chunk(content), chunk(finish="stop"))):
        assert answered(reply).finish_reason == "stop"


def test_a_shape_that_nobody_thought_of_is_a_fault_of_its_llm() -> None:
    body = '{"error": ' + '{"message": ' * 600 + "1" + "}" * 601
    for reply in (whole(body), whole(body, status=400), stream(f"data: {body}")):
        assert unanswered(reply).is_unreadable
    assert unanswered(whole("[" * 900 + "]" * 900)).is_unreadable


def test_an_answer_of_a_batch_is_read_alike() -> None:
    parts = [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "a"}]
    assert completion_of(answer(parts)) == Completion(f"{HM}a", "stop")
    assert completion_of(answer(deep(300))) == Completion("", "stop")
    assert completion_of(answer("a", usage=USAGE)) == Completion(
        "a", "stop", input_tokens=1000, output_tokens=200
    )
    assert completion_of(answer(None, refusal="No.")) == Completion("No.", "refusal")
    for body in ({"choices": []}, error("Bad luck"), None, "a", [], {}):
        assert completion_of(body) == Completion("", BROKEN)


KEYS = st.sampled_from(
    [
        *("choices", "delta", "message", "content", "refusal", "finish_reason", "error", "code"),
        *("usage", "prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details"),
        *("event", "metrics", "metric", "value", "completion_message", "text", "type", "status"),
        *("detail", "loc", "metadata", "raw", "object"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4))
def test_no_json_is_too_odd(values: list[object]) -> None:
    heard: list[str] = []
    taken = Answer(heard.append)
    for value in [*values, DONE]:
        taken.take(value)
    completion = taken.completion()
    assert completion.text == "".join(heard)
    completion.text.encode()
    tokens = (completion.input_tokens, completion.cached_tokens, completion.output_tokens)
    assert all(count is None or count >= 0 for count in tokens)


@given(st.lists(st.binary(max_size=9) | st.sampled_from([b"data: ", b"\n", b"{}", b"<"])))
def test_no_bytes_are_too_odd(pieces: list[bytes]) -> None:
    body = Body("application/json")
    try:
        for piece in pieces:
            list(body.read(piece))
        list(body.end())
    except Unreadable:
        pass


def test_a_piece_costs_little() -> None:
    """One thread reads the streams of all requests; it took five times as long as its JSON."""
    document = json.dumps(chunk("a,") | {"id": "1", "object": "o"})
    event = b"data: " + document.encode() + b"\n\n"

    def read() -> str:
        taken, body = Answer(lambda _: None), Body("text/event-stream")
        for _ in range(10_000):
            for value in body.read(event):
                taken.take(value)
        return taken.completion().text

    def parse() -> None:
        for _ in range(10_000):
            json.loads(document)

    assert read() == "a," * 10_000
    assert cpu_seconds(read) < 20 * cpu_seconds(parse)


def test_the_clients_name_their_errors_alike() -> None:
    for name in ("APIError", "APIStatusError", "APITimeoutError", "APIConnectionError"):
        assert issubclass(getattr(openai, name), openai.OpenAIError)
        assert issubclass(getattr(llama_api_client, name), llama_api_client.LlamaAPIClientError)
