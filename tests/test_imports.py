"""Files of answers: each is read as what it is, and each answer lands as a response."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.home import Home
from readers.exports import Answer, Export, read_export
from tests.costs import TIMES_LONGER, assert_linear
from tests.driver import cli, csv_row, query

ROWS = "Name,Age\nMara Quist,45\n"
DRAFT = "Perhaps Draft Person, 20?"
THOUGHT = f"<think>\n{DRAFT}\n</think>\n"
CASES = os.environ.get("SYNTHCARE_TEST_CASES")


def lines(*documents: object) -> str:
    return "".join(json.dumps(document) + "\n" for document in documents)


def stream(*documents: object) -> str:
    return "".join(f"data: {json.dumps(document)}\n\n" for document in documents)


def export(text: str) -> Export:
    found = read_export(text)
    assert found is not None
    return found


def chat(content: object, **message: Any) -> dict[str, Any]:
    """A chat completion, as OpenAI writes it."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": "gpt-4o-2024-08-06",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, "refusal": None, **message},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 90,
            "completion_tokens": 40,
            "total_tokens": 130,
            "prompt_tokens_details": {"cached_tokens": 10},
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
    }


CHAT_KIND = "OpenAI chat completions"
CHAT = Answer(
    text=ROWS,
    model="gpt-4o-2024-08-06",
    finish_reason="stop",
    input_tokens=90,
    cached_tokens=10,
    output_tokens=40,
    reasoning_tokens=5,
)
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "incomplete",
    "incomplete_details": {"reason": "max_output_tokens"},
    "model": "gpt-6-luna",
    "instructions": "Write rows.",
    "output": [
        {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": DRAFT}]},
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": ROWS, "annotations": []}],
        },
    ],
    "usage": {
        "input_tokens": 90,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 40,
        "output_tokens_details": {"reasoning_tokens": 30},
    },
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-5-5",
    "content": [
        {"type": "thinking", "thinking": DRAFT, "signature": "c2lnbmVk"},
        {"type": "redacted_thinking", "data": "c2VjcmV0"},
        {"type": "text", "text": ROWS},
    ],
    "stop_reason": "max_tokens",
    "usage": {
        "input_tokens": 50,
        "cache_read_input_tokens": 30,
        "cache_creation_input_tokens": 10,
        "output_tokens": 40,
    },
}
GEMINI = {
    "candidates": [
        {
            "content": {
                "role": "model",
                "parts": [{"text": DRAFT, "thought": True}, {"text": ROWS}],
            },
            "finishReason": "MAX_TOKENS",
            "index": 0,
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 90,
        "candidatesTokenCount": 40,
        "thoughtsTokenCount": 20,
        "totalTokenCount": 150,
    },
    "modelVersion": "gemini-3.8-flash",
}
LLAMA = {
    "completion_message": {
        "role": "assistant",
        "content": {"type": "text", "text": ROWS},
        "stop_reason": "stop",
    },
    "metrics": [
        {"metric": "num_prompt_tokens", "value": 90, "unit": "tokens"},
        {"metric": "num_completion_tokens", "value": 40, "unit": "tokens"},
    ],
}
OLLAMA = {
    "model": "llama3.1:8b",
    "created_at": "2026-01-01T00:00:00Z",
    "message": {"role": "assistant", "content": ROWS, "thinking": DRAFT},
    "done_reason": "length",
    "done": True,
    "prompt_eval_count": 90,
    "eval_count": 40,
}
GENERATED = {
    "model": "llama3.1:8b",
    "created_at": "2026-01-01T00:00:00Z",
    "response": ROWS,
    "done": True,
    "done_reason": "stop",
    "context": [1, 2],
}
CONVERSE = {
    "output": {
        "message": {
            "role": "assistant",
            "content": [{"reasoningContent": {"reasoningText": {"text": DRAFT}}}, {"text": ROWS}],
        }
    },
    "stopReason": "end_turn",
    "usage": {"inputTokens": 90, "outputTokens": 40, "totalTokens": 130},
}
LUNA = Answer(THOUGHT + ROWS, "gpt-6-luna", "length", 90, 0, 40, 30)
HAIKU = Answer(THOUGHT + ROWS, "claude-haiku-5-5", "length", 90, 30, 40)
FLASH = Answer(THOUGHT + ROWS, "gemini-3.8-flash", "length", 90, None, 60, 20)
LLAMA_8B = Answer(THOUGHT + ROWS, "llama3.1:8b", "length", 90, None, 40)


@pytest.mark.parametrize(
    ("document", "kind", "answer"),
    [
        (chat(ROWS), "OpenAI chat completions", CHAT),
        (RESPONSE, "OpenAI responses", LUNA),
        (MESSAGE, "Anthropic messages", HAIKU),
        (GEMINI, "Gemini answers", FLASH),
        (LLAMA, "Llama API answers", Answer(ROWS, None, "stop", 90, None, 40)),
        (OLLAMA, "Ollama answers", LLAMA_8B),
        (GENERATED, "Ollama answers", Answer(ROWS, "llama3.1:8b", "stop")),
        (CONVERSE, "Bedrock answers", Answer(THOUGHT + ROWS, None, "stop", 90, None, 40)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_answer_of_each_api(document: dict, kind: str, answer: Answer) -> None:
    assert export(json.dumps(document)) == Export(kind, (answer,))
    assert export(json.dumps(document, indent=2)) == Export(kind, (answer,))
    assert export(json.dumps([document] * 3)) == Export(kind, (answer,) * 3)
    assert export(lines(document, document)) == Export(kind, (answer,) * 2)
    printed = json.dumps(document, indent=1) + "\n" + json.dumps(document, indent=1)
    assert export(printed) == Export(kind, (answer,) * 2)


def test_each_choice_is_an_answer_and_tokens_count_once() -> None:
    document = chat(ROWS)
    document["choices"].append({"index": 1, "message": {"content": "b"}, "finish_reason": "length"})
    first, second = export(json.dumps(document)).answers
    assert first == CHAT
    assert second == Answer("b", CHAT.model, "length")


def test_a_refusal_is_an_answer() -> None:
    (answer,) = export(json.dumps(chat(None, refusal="I cannot."))).answers
    assert (answer.text, answer.finish_reason) == ("I cannot.", "refusal")


def test_a_blocked_prompt_is_an_answer_without_text() -> None:
    (answer,) = export(json.dumps({"promptFeedback": {"blockReason": "SAFETY"}})).answers
    assert (answer.text, answer.finish_reason) == ("", "content_filter")


CALL = {"name": "emit_rows", "arguments": '{"rows": []}'}


@pytest.mark.parametrize(
    "document",
    [
        chat(None, tool_calls=[{"id": "c1", "type": "function", "function": CALL}]),
        chat(None, function_call=CALL),
        {**RESPONSE, "output": [{"type": "function_call", "call_id": "c1", **CALL}]},
        {**MESSAGE, "content": [{"type": "tool_use", "id": "t1", "input": {"rows": []}}]},
        {**OLLAMA, "message": {"tool_calls": [{"function": {"arguments": {"rows": []}}}]}},
        {"candidates": [{"content": {"parts": [{"functionCall": {"args": {"rows": []}}}]}}]},
        CALL,
        {"tool_calls": [{"id": "c1", "type": "function", "function": CALL}]},
        {"type": "function", "function": CALL},
        {"type": "tool_use", "id": "t1", "name": "emit_rows", "input": {"rows": []}},
    ],
)  # fmt: skip
def test_arguments_of_a_call_are_the_answer(document: dict) -> None:
    (answer,) = export(json.dumps(document)).answers
    assert answer.text == '{"rows": []}'


def test_a_call_stands_on_a_line_of_its_own() -> None:
    content = [{"type": "text", "text": "Here:"}, {"type": "tool_use", "input": {"rows": []}}]
    (answer,) = export(json.dumps({**MESSAGE, "content": content})).answers
    assert answer.text == 'Here:\n{"rows": []}'


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_reasoning_beside_the_content_is_kept_and_marked(key: str) -> None:
    (answer,) = export(json.dumps(chat(ROWS, **{key: DRAFT}))).answers
    assert answer.text == THOUGHT + ROWS


# Batches.


def batched(custom_id: str, body: object, status: int = 200, error: object = None) -> dict:
    response = {"status_code": status, "request_id": "q", "body": body}
    return {"id": "batch_req_1", "custom_id": custom_id, "response": response, "error": error}


def test_an_output_file_of_openai() -> None:
    expired = {"code": "batch_expired", "message": "This request could not be executed in time."}
    found = export(
        lines(
            batched("r1", chat(ROWS)),
            batched("r2", RESPONSE),
            batched("r3", {"error": {"message": "Too long", "code": "context"}}, 400),
            {"id": "b", "custom_id": "r4", "response": None, "error": expired},
        )
    )
    assert (found.kind, found.is_batch) == ("OpenAI batch output", True)
    assert [answer.custom_id for answer in found.answers] == ["r1", "r2", "r3", "r4"]
    assert [answer.text for answer in found.answers] == [ROWS, THOUGHT + ROWS, "", ""]
    assert [answer.finish_reason for answer in found.answers[2:]] == ["error", "error"]
    assert [answer.error for answer in found.answers[2:]] == ["Too long", expired["message"]]
    assert found.notes == ("requests that failed and have no answer: 2, mostly: Too long",)


def test_results_of_anthropic() -> None:
    found = export(
        lines(
            {"custom_id": "r1", "result": {"type": "succeeded", "message": MESSAGE}},
            {
                "custom_id": "r2",
                "result": {
                    "type": "errored",
                    "error": {"type": "error", "error": {"type": "x", "message": "Bad"}},
                },
            },
            {"custom_id": "r3", "result": {"type": "expired"}},
        )
    )
    assert found.kind == "Anthropic batch results"
    assert [answer.text for answer in found.answers] == [THOUGHT + ROWS, "", ""]
    assert [answer.error for answer in found.answers] == [None, "Bad", "expired"]


def test_output_of_a_batch_of_gemini() -> None:
    asked = {"contents": [{"role": "user", "parts": [{"text": "Write rows like Ann,1"}]}]}
    found = export(
        lines(
            {"key": "r1", "response": GEMINI},
            {"key": "r2", "error": {"code": 13, "message": "Internal"}},
        )
    )
    assert found.kind == "Gemini batch output"
    assert [(a.custom_id, a.text) for a in found.answers] == [("r1", FLASH.text), ("r2", "")]
    (answer,) = export(lines({"status": "", "request": asked, "response": GEMINI})).answers
    assert answer == FLASH


def test_requests_of_a_batch_have_no_answers() -> None:
    messages = [{"role": "assistant", "content": "An example"}, {"role": "user", "content": "Go"}]
    body = {"model": "gpt-4o", "messages": messages}
    found = export(
        lines({"custom_id": "r1", "method": "POST", "url": "/v1/chat/completions", "body": body})
    )
    assert found.answers == ()


# Streams.


def chunk(delta: dict, finish: str | None = None, **more: Any) -> dict:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-4o-2024-08-06"}
    return {**base, "choices": choices, **more}


def test_a_stream_of_openai_is_one_answer() -> None:
    pieces = [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Name,Age\n"}),
        chunk({"content": "Mara Quist,45\n"}),
        chunk({}, "stop"),
        {**chunk({}), "choices": [], "usage": chat("")["usage"]},
    ]
    expected = Export("OpenAI chat completions", (CHAT,))
    assert export(stream(*pieces) + "data: [DONE]\n\n") == expected
    assert export(lines(*pieces)) == expected
    (cut,) = export(stream(*pieces[:3])).answers
    assert (cut.text, cut.finish_reason) == (ROWS, "broken")


def test_two_streams_are_two_answers() -> None:
    one = [chunk({"role": "assistant", "content": "a"}, id=None), chunk({}, "stop", id=None)]
    two = [chunk({"content": "b"}, id="2"), chunk({}, "stop", id="2")]
    found = export(stream(*one, *one, *two))
    assert [answer.text for answer in found.answers] == ["a", "a", "b"]


def test_a_stream_of_anthropic_is_one_answer() -> None:
    begun = {**MESSAGE, "content": [], "stop_reason": None}
    begun["usage"] = {**MESSAGE["usage"], "output_tokens": 1}
    events = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}},
        {"type": "content_block_delta", "index": 0, "delta": {"thinking": DRAFT}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": ROWS}},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "max_tokens"},
            "usage": {"output_tokens": 40},
        },
        {"type": "message_stop"},
    ]  # fmt: skip
    text = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)
    assert export(text) == Export("Anthropic messages", (HAIKU,))


def test_a_stream_of_responses_is_one_answer() -> None:
    delta = {"type": "response.output_text.delta", "delta": ROWS}
    done = {"type": "response.incomplete", "response": RESPONSE}
    begun = {"type": "response.created", "response": {"model": "gpt-6-luna", "output": []}}
    assert export(stream(begun, delta, done)) == Export("OpenAI responses", (LUNA,))
    (cut,) = export(stream(begun, delta)).answers
    assert (cut.text, cut.model, cut.finish_reason) == (ROWS, "gpt-6-luna", "broken")


def test_chunks_of_ollama_and_gemini_are_one_answer() -> None:
    pieces = [
        {**OLLAMA, "message": {"role": "assistant", "content": part, "thinking": thought}}
        for part, thought in (("", DRAFT), ("Name,Age\n", ""), ("Mara Quist,45\n", ""))
    ]
    for piece in pieces[:2]:
        piece["done"] = False
    assert export(lines(*pieces, *pieces)).answers == (LLAMA_8B, LLAMA_8B)
    content = GEMINI["candidates"][0]["content"]["parts"]
    first = {"candidates": [{"content": {"role": "model", "parts": [content[0]]}, "index": 0}]}
    last = {
        **GEMINI,
        "candidates": [{**GEMINI["candidates"][0], "content": {"parts": content[1:]}}],
    }
    assert export(json.dumps([first, last])).answers == (FLASH,)
    assert export(stream(first, last)).answers == (FLASH,)
    generated = [{**GENERATED, "response": part, "done": part != "a"} for part in ("a", "b")]
    assert [answer.text for answer in export(lines(*generated)).answers] == ["ab"]


def test_a_stream_of_llama_is_one_answer() -> None:
    def event(kind: str, text: str, **more: Any) -> dict:
        return {"event": {"event_type": kind, "delta": {"type": "text", "text": text}, **more}}

    found = export(
        stream(
            event("start", "Name,Age\n"),
            event("progress", "Mara Quist,45\n"),
            event("complete", "", stop_reason="stop"),
            event("metrics", "", metrics=LLAMA["metrics"]),
        )
    )
    assert found.answers == (Answer(ROWS, None, "stop", 90, None, 40),)


# Conversations.

THINKING = MESSAGE["content"]
USER, SYSTEM = {"role": "user", "content": "Write Ann,1"}, {"role": "system", "content": "Bo,2"}
SAID = {"role": "assistant", "content": ROWS}
THOUGHTS = {"content_type": "thoughts", "thoughts": [{"summary": "x", "content": DRAFT}]}
NODES = {
    "root": {"id": "root", "message": None, "parent": None, "children": ["s"]},
    **{
        name: {
            "id": name,
            "parent": parent,
            "message": {
                "id": name,
                "author": {"role": role},
                "content": content,
                "recipient": recipient,
                "metadata": {"model_slug": "gpt-4o"} if role == "assistant" else {},
            },
        }
        for name, parent, role, content, recipient in [
            ("s", "root", "system", {"content_type": "text", "parts": [""]}, "all"),
            ("u", "s", "user", {"content_type": "text", "parts": ["Write Ann,1"]}, "all"),
            ("first", "u", "assistant", {"content_type": "text", "parts": ["a first try"]}, "all"),
            ("t", "u", "assistant", THOUGHTS, "all"),
            ("code", "t", "assistant", {"content_type": "code", "text": "print(1)"}, "python"),
            ("tool", "code", "tool", {"content_type": "execution_output", "text": "1"}, "all"),
            ("a", "tool", "assistant", {"content_type": "text", "parts": [ROWS]}, "all"),
        ]
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("document", "kind", "text"),
    [
        ({"messages": [SYSTEM, USER, SAID]}, "messages", ROWS),
        ([SYSTEM, USER, SAID], "messages", ROWS),
        (
            {"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": ROWS}]},
            "ShareGPT conversations",
            ROWS,
        ),
        (
            {"title": "Rows", "mapping": NODES, "current_node": "a", "create_time": 1.0},
            "a ChatGPT export",
            THOUGHT + ROWS,
        ),
        (
            {
                "uuid": "1",
                "name": "Rows",
                "chat_messages": [
                    {"uuid": "m1", "sender": "human", "text": "x", "content": []},
                    {"uuid": "m2", "sender": "assistant", "text": "?", "content": THINKING},
                ],
            },
            "a Claude export",
            THOUGHT + ROWS,
        ),
        (
            {
                "runSettings": {"model": "models/gemini-3.8-flash"},
                "chunkedPrompt": {
                    "chunks": [
                        {"text": "x", "role": "user"},
                        {"text": DRAFT, "role": "model", "isThought": True},
                        {"text": ROWS, "role": "model", "finishReason": "STOP"},
                    ]
                },
            },
            "an AI Studio prompt",
            THOUGHT + ROWS,
        ),
        ({"prompt": "x", "completion": ROWS}, "pairs of prompt and completion", ROWS),
        (
            {"instruction": "x", "input": "", "output": ROWS},
            "pairs of instruction and output",
            ROWS,
        ),
        ({"question": DRAFT, "answer": ROWS}, "pairs of question and answer", ROWS),
        (
            {"prompt": DRAFT, "outputs": [{"text": ROWS, "finish_reason": "stop"}]},
            "pairs of prompt and outputs",
            ROWS,
        ),
        (
            {"prompt": DRAFT, "generated_text": DRAFT + ROWS},
            "pairs of prompt and generated_text",
            ROWS,
        ),
        (
            [
                {"type": "human", "data": {"content": DRAFT}},
                {"type": "ai", "data": {"content": ROWS}},
            ],
            "messages",
            ROWS,
        ),
        ({"request": {"messages": [USER]}, "response": chat(ROWS)}, CHAT_KIND, ROWS),
        ({"object": "list", "data": [chat(ROWS)]}, CHAT_KIND, ROWS),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_only_turns_of_the_llm_are_answers(document: object, kind: str, text: str) -> None:
    found = export(json.dumps(document))
    assert found.kind == kind
    assert [answer.text for answer in found.answers] == [text]


LIST = [{"object": "thread.message", **SAID}, {"object": "thread.message", **USER}]


@pytest.mark.parametrize(
    "document",
    [
        {"content": THINKING[2:]},
        THINKING[2:],
        {"object": "list", "data": LIST, "has_more": False},
        {"title": "Rows", "chat": {"id": "1", "messages": [USER, SAID]}},
        {"title": "Rows", "messages": [USER, SAID, USER]},
        {"id": "1", "input": {"messages": [USER]}, "output": SAID},
        {"messages": [USER], "response": ROWS},
        {"generated_text": ROWS},
        {"model": "claude-haiku-5-5", "content": THINKING[2:], "usage": {}},
        {"output": [{"type": "message", "content": [{"type": "output_text", "text": ROWS}]}]},
        {"choices": [{"text": ROWS}]},
        {"message": SAID},
        [{"mapping": {"1": {"message": {"author": USER, "content": {"parts": ["Ann,1"]}}},
                      "2": {"message": {"author": SAID, "content": {"parts": [ROWS]}}}},
          "current_node": "2"}],
        {"user": "Write rows", "assistant": ROWS},
        {"content": ROWS, "tokens_predicted": 9, "generation_settings": {}},
        {"generation": ROWS, "prompt_token_count": 9, "generation_token_count": 9},
        {"type": "completion", "completion": ROWS, "stop_reason": "stop_sequence"},
    ],
)  # fmt: skip
def test_less_common_shapes(document: object) -> None:
    assert [answer.text for answer in export(json.dumps(document)).answers] == [ROWS]


def test_other_branches_of_a_conversation_are_told() -> None:
    found = export(json.dumps([{"mapping": NODES, "current_node": "a"}]))
    assert found.notes == ("left out answers of other branches: 1",)
    assert found.answers[0].model == "gpt-4o"


def test_examples_of_a_prompt_are_no_answers() -> None:
    assert export(lines({"messages": [SYSTEM, SAID, USER]})).answers == ()
    weighed = {"messages": [USER, {**SAID, "weight": 0}, USER, {**SAID, "content": "b"}]}
    assert [answer.text for answer in export(lines(weighed)).answers] == ["b"]


# Damage, and data.


def test_a_damaged_line_loses_only_itself() -> None:
    text = lines(batched("r1", chat(ROWS)), batched("r2", chat(ROWS)))
    for damaged in (
        f'{{"id": "b0", "cust\n\n{text}',
        f'\r\n{text}\n{{"id": "b3", "response": {{"bo',
    ):
        found = export(damaged)
        assert [answer.custom_id for answer in found.answers] == ["r1", "r2"]
        assert found.notes == ("skipped damaged lines: 1",)


def test_a_list_that_was_cut_keeps_what_is_whole() -> None:
    found = export(json.dumps([chat(ROWS), chat(ROWS), chat(ROWS)], indent=1)[:-300])
    assert found.answers == (CHAT, CHAT)
    assert found.notes == ("skipped damaged lines: 1",)


RECORD = {"Name": "Mara Quist", "Age": 45}


@pytest.mark.parametrize(
    "text",
    [
        ROWS,
        "",
        "{}",
        "[]",
        "null",
        "data: a,b",
        json.dumps(RECORD),
        json.dumps([RECORD, RECORD]),
        json.dumps({"rows": [RECORD]}),
        json.dumps(json.dumps([RECORD])),
        lines(RECORD, RECORD),
        json.dumps([["Name", "Age"], ["Mara Quist", 45]]),
        json.dumps({"columns": ["Name"], "data": [["Mara Quist"]]}),
        *(
            lines(RECORD | {column: value})
            for column in ("text", "message", "content", "response", "output", "completion", "role")
            for value in ("Normal", {"value": "Normal"}, [{"value": 1}])
        ),
        lines(RECORD | {"prompt": "x", "response": "y"}),
        lines(RECORD | {"question": "x", "answer": "y"}),
        json.dumps([{"type": "human", "data": {"Name": "Ann"}}]),
        lines({"instruction": "Take one", "dose": 5, "output": "urine"}),
        json.dumps({"type": "report", "text": "Normal"}),
        lines({"name": "Ann", "arguments": "none", "age": 4}),
        json.dumps({"name": "Ann", "function": "kidney"}),
        json.dumps([{"type": "text", "Name": "Ann"}, {"type": "urgent", "Name": "Bo"}]),
        lines({"role": "Doctor", "content": "x"}, {"role": "Nurse", "content": "y"}),
        json.dumps({"choices": [RECORD], "candidates": [RECORD], "messages": [RECORD]}),
        "Here is one: " + json.dumps(chat(ROWS)),
        "Here are rows:\n" + lines(RECORD) + "and a message\n" + lines({"role": "user"}),
        "[" * 10_000,
        '{"a":' * 10_000 + "1" + "}" * 10_000,
        '{"choices": ' + "9" * 5000 + "}",
    ],
)
def test_data_is_no_export(text: str) -> None:
    assert read_export(text) is None


@pytest.mark.parametrize(
    "written",
    [
        lambda n: lines(*[batched(str(i), chat(ROWS)) for i in range(n // 20)]),
        lambda n: stream(*[chunk({"content": "a,"})] * (n // 5)),
        lambda n: lines(*[RECORD] * n),
        lambda n: "{" * n,
        lambda n: ",\n" * n,
        lambda n: "[" + "{},\n" * n,
        lambda n: '"' + "\\" * n,
        lambda n: "[\n" * n,
        lambda n: "{\n" * n,
    ],
    ids=["batch", "stream", "records", "braces", "commas", "objects", "slashes", "open", "opened"],
)
def test_a_large_file_is_read_in_linear_time(written: Callable[[int], str]) -> None:
    assert_linear(read_export, written(12_500), written(12_500 * TIMES_LONGER))


KEYS = st.sampled_from(
    [
        *(
            "choices",
            "message",
            "content",
            "role",
            "delta",
            "output",
            "type",
            "candidates",
            "parts",
        ),
        *("text", "response", "body", "error", "custom_id", "result", "conversations", "messages"),
        *(
            "from",
            "value",
            "mapping",
            "author",
            "chat_messages",
            "sender",
            "done",
            "model",
            "event",
        ),
        *("event_type", "chunkedPrompt", "chunks", "prompt", "completion", "key", "usage"),
    ]
)
WORDS = st.sampled_from(
    ["assistant", "gpt", "message", "reasoning", "message_start", "content_block_delta", "text"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=15,
)


@pytest.mark.parametrize(
    "document",
    [
        {"object": "response", "output": [{"type": {"a": 1}}]},
        {"choices": [{"message": {"content": {"type": ["a"], "text": 5}}}]},
        {"messages": [{"role": ["user"], "content": 1}]},
        {"mapping": {"a": {"message": {"author": {}, "content": [], "metadata": 5}}}},
        {"candidates": [{"content": {"parts": {"text": {}}}, "finishReason": 5}]},
    ],
)
def test_types_that_nobody_expects(document: dict) -> None:
    read_export(json.dumps(document))
    read_export(stream({"type": "response.output_text.delta"}, document))


@pytest.mark.parametrize("key", ["function", "chat", "response", "content", "parts", "error"])
def test_nesting_stops_nothing(key: str) -> None:
    deep: Any = "a"
    for _ in range(700):
        deep = {key: deep}
    for document in (deep, batched("r1", deep), chat([deep]), chat(None, tool_calls=[deep])):
        read_export(json.dumps([document, chat(ROWS)]))


@given(st.lists(JSON, max_size=4), st.booleans())
def test_no_json_is_too_odd(documents: list[object], is_stream: bool) -> None:
    text = stream(*documents) if is_stream else lines(*documents)
    for found in (read_export(text), read_export(json.dumps(documents))):
        for answer in found.answers if found else ():
            answer.text.encode()


# The command.


def test_each_answer_of_a_file_lands_once(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "output.jsonl"
    path.write_text(
        lines(batched("r1", chat(csv_row())), batched("r2", chat("half of \ud83d an emoji")))
        + lines(batched("r\ud83d3", {"error": {"message": "Too long"}}, 400))
    )
    for landed in (3, 0):
        imported = cli("import", path, "--llm", "gpt-4o", "--json")
        summary = json.loads(imported.stdout)
        assert (summary["landed"], summary["answers"]) == (landed, 3)
        assert "read output.jsonl as OpenAI batch output: 3 answers" in imported.stderr
        assert "requests that failed and have no answer: 1, " in imported.stderr
    answers = query(
        home,
        "select custom_id, response_text, finish_reason, input_tokens, cached_tokens,"
        " output_tokens, reasoning_tokens from raw.llm_responses order by request_number",
    )
    assert answers == [
        ("r1", csv_row(), "stop", 90, 10, 40, 5),
        ("r2", "half of \ufffd an emoji", "stop", 90, 10, 40, 5),
        ("r\ufffd3", "", "error", None, None, None, None),
    ]
    runs = query(home, "select llm, provider, model, price_tier from raw.llm_runs")
    assert runs == [("gpt-4o", "import", "gpt-4o-2024-08-06", "batch")]


def test_each_model_of_a_file_is_a_run(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    path.write_text(json.dumps([chat("a"), {**chat("b"), "model": "models/gpt-6-luna"}, chat("c")]))
    summary = json.loads(cli("import", path, "--llm", "mixed", "--json").stdout)
    assert len(summary["run_ids"]) == 2
    runs = query(
        home,
        "select llm, model, price_tier, string_agg(response_text, '' order by request_number)"
        " from raw.llm_runs join raw.llm_responses using (run_id) group by all order by model",
    )
    assert runs == [
        ("mixed (gpt-4o-2024-08-06)", "gpt-4o-2024-08-06", "standard", "ac"),
        ("mixed (models/gpt-6-luna)", "gpt-6-luna", "standard", "b"),
    ]


def test_an_import_of_plain_text_keeps_its_run(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "answer.txt"
    path.write_text(ROWS)
    summary = json.loads(cli("import", path, "--llm", "x", "--prompt", "basic", "--json").stdout)
    assert summary["run_id"] == "admissions-x-basic-import-68cdb76a"
    assert summary["kind"] == "plain text"


def test_an_encoding_is_said_and_can_be_named(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "answer.txt"
    path.write_bytes("Tomáš Dvořák,45".encode("cp1250"))
    assert "was read as Windows-1252" in cli("import", path, "--llm", "x").stdout
    assert cli("import", path, "--llm", "y", "--encoding", "cp1250").exit_code == 0
    texts = query(home, "select response_text from raw.llm_responses order by run_id")
    assert texts[1] == ("Tomáš Dvořák,45",)
    refused = cli("import", path, "--llm", "x", "--encoding", "klingon")
    assert (refused.exit_code, "no encoding 'klingon'" in refused.stderr) == (2, True)


def test_a_file_without_answers_is_refused(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text(lines({"custom_id": "1", "body": {"messages": [USER]}}))
    refused = cli("import", path, "--llm", "x")
    assert refused.exit_code == 2
    assert "requests.jsonl is batch requests, which have no answers" in refused.stderr
    assert not home.landing.exists()


# The cases that were collected.


@pytest.mark.skipif(not CASES, reason="SYNTHCARE_TEST_CASES names no folder")
@pytest.mark.parametrize(
    ("file", "kind", "answers"),
    [
        ("35-tool-call.txt", "OpenAI chat completions", 1),
        ("37-batch-output-csv.jsonl", "OpenAI batch output", 2),
        ("39-sharegpt.json", "ShareGPT conversations", 1),
        ("77-gemini-thought-parts.json", "Gemini answers", 1),
    ],
)
def test_a_case_is_read(file: str, kind: str, answers: int) -> None:
    text = (Path(CASES) / "texts" / file).read_text()
    found = export(text)
    assert (found.kind, len(found.answers)) == (kind, answers)
    names = [
        name for name in ("Mara Quist", "Wei Lang") if any(name in a.text for a in found.answers)
    ]
    assert names == ["Mara Quist", "Wei Lang"]
    for answer in found.answers:
        assert "Draft Person" not in answer.text.rpartition("</think>")[2]


@pytest.mark.skipif(not CASES, reason="SYNTHCARE_TEST_CASES names no folder")
def test_a_case_that_is_data_is_one_answer() -> None:
    text = (Path(CASES) / "texts" / "a8-lone-surrogate.json").read_text()
    assert read_export(text) is None
