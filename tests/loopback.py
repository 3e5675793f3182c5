"""A loopback stand-in for the OpenAI and Llama APIs: real HTTP, so no client is mocked.

It answers in the time of a latency model, keeps rate limits, makes faults and bills what it wrote.
"""

import json
import math
import random
import re
import sys
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from generators.costs.tokens import count_tokens
from generators.drawing.stand_in import stand_in_rows
from synthcare.contracts.contract import load_contract
from tests.obedient import write_answer

# Faults by name, beside status codes: `dropped` before an answer was written, `lost` behind it (and
# so billed), `hang` until the client gives up, `cut` by the token limit, `prose` instead of rows,
# a first row that is `too old` for the contract, `broken` JSON around the answer, `quota` used up,
# a `broken stream`, of which half of the text comes.
FAULTS = (429, 500, 503, 408, "dropped", "cut", "prose")

_STATUS = {"quota": 429}


@dataclass
class Behaviour:
    """How the stand-in answers.

    `text` is every answer; without it, each is as many fresh rows of the contract as were asked
    for. `faults` come first, one a request; then a share of `fault_rate` of all requests has one of
    `random_faults`. An answer takes 0.4 s and 1 s for 80 tokens, times `slowness`. Limits are a
    minute's worth, counted with the prompt and max_tokens when a request comes in. `batch_lines`
    stand before the answers of a batch; `models` are what it says that it serves. Rows are of the
    one of `datasets` whose labels the developer message names.
    """

    datasets: tuple[str, ...] = ("admissions",)
    text: str | None = None
    faults: list[int | str] = field(default_factory=list)
    fault_rate: float = 0.0
    random_faults: tuple[int | str, ...] = FAULTS
    slowness: float = 0.0
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    retry_after: float = 0.1
    batch_seconds: float = 0.0
    batch_status: str = "completed"
    batch_lines: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


class StandIn(ThreadingHTTPServer):
    """The server. `requests` holds (path, headers, body) of all that came, `count` what it did.

    A wrong key and an unknown model are refused as by the APIs.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, behaviour: Behaviour, key: str, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.behaviour, self.key, self.key_of_batches = behaviour, key, key
        self.faults = deque(behaviour.faults)
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.arrived: list[float] = []  # when, in seconds
        self.count: Counter[str] = Counter()
        self.in_flight = 0
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.lock = threading.Lock()
        self._random = random.Random(1)  # noqa: S311
        self._limits = {
            kind: _Limit(per_minute)
            for kind, per_minute in (
                ("requests", behaviour.requests_per_minute),
                ("tokens", behaviour.tokens_per_minute),
            )
            if per_minute
        }
        contracts = map(load_contract, behaviour.datasets)
        self.known = {contract: stand_in_rows(contract, 10_000) for contract in contracts}
        self._next_row = 0
        self._began = time.monotonic()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, *_: object) -> None:
        pass  # a client that was killed

    def fault(self) -> int | str | None:
        """The fault of the next request, if it has one."""
        with self.lock:
            if self.faults:
                return self.faults.popleft()
            if self._random.random() < self.behaviour.fault_rate:
                return self._random.choice(self.behaviour.random_faults)
        return None

    def admit(self, tokens: int) -> tuple[dict[str, str], float | None]:
        """Headers of the limits, and the seconds to wait where the request is over one of them."""
        with self.lock:
            amounts = {"requests": 1, "tokens": tokens}
            wait = max(
                (limit.wait(amounts[kind]) for kind, limit in self._limits.items()), default=0.0
            )
            headers = {}
            if self.count["let_in"] == 0:
                self._began = time.monotonic()
            self.count["let_in"] += not wait
            for kind, limit in self._limits.items():
                if not wait:
                    limit.level -= amounts[kind]
                    self.count[f"{kind}_let_in"] += amounts[kind]
                    self.count["last_let_in_at"] = time.monotonic() - self._began
                headers[f"x-ratelimit-limit-{kind}"] = f"{limit.per_minute:.0f}"
                headers[f"x-ratelimit-remaining-{kind}"] = f"{max(0, limit.level):.0f}"
            return headers, wait or None

    def answer(self, body: dict[str, Any], fault: int | str | None) -> tuple[str, str, int, int]:
        """Text, finish reason, and tokens of prompt and text; whoever sends it bills them."""
        user = body["messages"][-1]["content"]
        text, finish = self.behaviour.text, "stop"
        if text is None:
            wanted = int(re.findall(r"Write (\d+) rows", user)[-1])
            with self.lock:
                first, self._next_row = self._next_row, self._next_row + wanted
            asked = body["messages"][0]["content"]
            contract = next(
                (one for one in self.known if all(label in asked for label in one.labels)),
                next(iter(self.known)),
            )
            of_contract = self.known[contract]
            rows = [of_contract[n % len(of_contract)] for n in range(first, first + wanted)]
            text = write_answer(contract, rows, body["messages"])
        if fault == "prose":
            text = "Certainly! Here is what you asked for, but I cannot write it."
        if fault == "too old":
            text = text.replace(f",{text.split(',')[1]},", ",200,", 1)
        if fault == "cut":
            text, finish = text[: len(text) * 2 // 3], "length"
        if self.behaviour.text is None:
            prompt = sum(count_tokens(message["content"]) for message in body["messages"])
            written = count_tokens(text)
        else:
            prompt, written = 1000, 200
        return text, finish, prompt, written

    def bill(self, *, prompt: int = 0, written: int, rows: int, answers: int = 0) -> None:
        """Charge for what was written, or for a piece of it."""
        with self.lock:
            self.count["answers"] += answers
            self.count["input_tokens"] += prompt
            self.count["output_tokens"] += written
            self.count["rows_billed"] += rows


class _Limit:
    def __init__(self, per_minute: float) -> None:
        self.per_minute = self.level = per_minute
        self._filled_at = time.monotonic()

    def wait(self, amount: float) -> float:
        now = time.monotonic()
        gained = (now - self._filled_at) * self.per_minute / 60
        self.level = min(self.per_minute, self.level + gained)
        self._filled_at = now
        return max(0.0, (amount - self.level) / (self.per_minute / 60))


class _Handler(BaseHTTPRequestHandler):
    server: StandIn
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self._is_refused():
            return
        if self.path == "/v1/files":
            self._keep_file(content)
            return
        body = json.loads(content)
        with self.server.lock:
            self.server.requests.append((self.path, dict(self.headers), body))
            self.server.arrived.append(time.monotonic())
        if self.path == "/v1/batches":
            self._begin_batch(body)
        elif body["model"] == "no-such-model":
            self._send(404, {"error": {"message": "The model does not exist"}})
        else:
            with self.server.lock:
                self.server.in_flight += 1
                most = max(self.server.count["most_in_flight"], self.server.in_flight)
                self.server.count["most_in_flight"] = most
            try:
                self._complete(body)
            finally:
                with self.server.lock:
                    self.server.in_flight -= 1

    def do_GET(self) -> None:
        if self.path == "/stats":
            with self.server.lock:
                stats = dict(self.server.count) | {
                    "in_flight": self.server.in_flight,
                    "requests": len(self.server.requests),
                }
            self._send(200, stats)
        elif self._is_refused():
            return
        elif self.path == "/v1/models" and (models := self.server.behaviour.models):
            self._send(200, {"object": "list", "data": [{"id": model} for model in models]})
        elif match := re.fullmatch(r"/v1/files/([^/]+)/content", self.path):
            self._send_bytes(200, self.server.files[match[1]], "application/jsonl")
        elif match := re.fullmatch(r"/v1/batches/([^/?]+)", self.path):
            self._send(200, self._batch(self.server.batches[match[1]]))
        elif self.path.startswith("/v1/batches"):
            listed = [self._batch(batch) for batch in self.server.batches.values()]
            self._send(200, {"object": "list", "data": listed[::-1], "has_more": False})
        else:
            self._send(404, {"error": {"message": "no such path"}})

    def _is_refused(self) -> bool:
        is_poll = self.path.startswith("/v1/batches/")
        key = self.server.key_of_batches if is_poll else self.server.key
        if self.headers["Authorization"] == f"Bearer {key}":
            return False
        self._send(401, {"error": {"message": "Incorrect API key provided"}})
        return True

    def _complete(self, body: dict[str, Any]) -> None:
        """Chat completions of both APIs."""
        server, behaviour = self.server, self.server.behaviour
        fault = server.fault()
        prompt = sum(len(message["content"]) // 4 for message in body["messages"])
        room = body.get("max_completion_tokens") or body.get("max_tokens") or 0
        headers, wait = server.admit(prompt + room)
        if wait:
            server.count["over_limit"] += 1
            self._send(429, {"error": {"message": "slow down"}}, headers | _retry_after(wait))
        elif isinstance(fault, int) or fault == "quota":
            status = _STATUS.get(fault, fault)
            code = {"code": "insufficient_quota"} if fault == "quota" else {}
            self._send(
                status,
                {"error": {"message": "try again", **code}},
                headers | _retry_after(behaviour.retry_after),
            )
        elif fault == "dropped":
            self.close_connection = True
        elif fault == "hang":
            time.sleep(30)
            self.close_connection = True
        elif body.get("stream"):
            self._stream(body, fault, headers)
        else:
            text, finish, input_tokens, output_tokens = server.answer(body, fault)
            server.bill(
                answers=1,
                prompt=input_tokens,
                written=output_tokens,
                rows=_rows(text, finish),
            )
            if behaviour.slowness:
                time.sleep(behaviour.slowness * (0.4 + output_tokens / 80))
            if fault in ("lost", "broken stream"):
                self.close_connection = True
                return
            shape = openai_completion if self._is_openai else _llama_completion
            answer = json.dumps(shape(text, finish, input_tokens, output_tokens)).encode()
            if fault == "broken":
                answer = answer[: len(answer) // 2]
            self._send_bytes(200, answer, "application/json", headers)

    @property
    def _is_openai(self) -> bool:
        return "OpenAI" in self.headers["User-Agent"]

    def _stream(
        self, body: dict[str, Any], fault: int | str | None, headers: dict[str, str]
    ) -> None:
        """An answer as server-sent events: billed piece by piece, and only as far as it gets."""
        slowness = self.server.behaviour.slowness
        text, finish, prompt, written = self.server.answer(body, fault)
        has_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        shape = _openai_events if self._is_openai else _llama_events
        first, last = shape(finish, prompt, written, has_usage=has_usage)
        time.sleep(slowness * 0.4)
        self.server.bill(answers=1, prompt=prompt, written=0, rows=0)
        if fault in ("lost", "broken"):
            time.sleep(slowness * written / 80)
            self.server.bill(written=written, rows=_rows(text, finish))
        if fault == "lost":
            self.close_connection = True
            return
        try:
            self._begin_stream(headers)
            if fault == "broken":
                self._write_chunk(first[: len(first) // 2])
            else:
                is_half = fault == "broken stream"
                self._write_chunk(first)
                upto = len(text) // 2 if is_half else len(text)
                self._write_text(text, finish, written, upto)
                if is_half:
                    self.close_connection = True
                    return
                self._write_chunk(last)
            self._write_chunk(b"")
        except OSError:  # the client has gone
            self.close_connection = True

    def _write_text(self, text: str, finish: str, written: int, upto: int) -> None:
        """Write the first `upto` characters in events of 4 tokens, at most 50 packets a second."""
        slowness = self.server.behaviour.slowness
        shape = _openai_piece if self._is_openai else _llama_piece
        size = max(1, 4 * len(text) // max(written, 1))
        packet = size * math.ceil(0.02 * 80 / 4 / slowness) if slowness else len(text)
        tokens = rows = 0
        for begin in range(0, upto, max(packet, 1)):
            end = min(begin + packet, upto)
            pieces = [text[at : min(at + size, end)] for at in range(begin, end, size)]
            more = written * end // len(text) - tokens
            more_rows = _rows(text[:end], finish if end == len(text) else None) - rows
            time.sleep(slowness * more / 80)
            self.server.bill(written=more, rows=more_rows)
            self._write_chunk(b"".join(_event(shape(piece)) for piece in pieces))
            tokens, rows = tokens + more, rows + more_rows

    def _begin_stream(self, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _write_chunk(self, content: bytes) -> None:
        """A chunk of the transfer encoding; an empty one is its end."""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))

    def _keep_file(self, content: bytes) -> None:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        parts = message_from_bytes(head + content).get_payload()
        uploaded = next(part for part in parts if part.get_filename())
        file_id = f"file-{uuid.uuid4().hex}"
        self.server.files[file_id] = uploaded.get_payload(decode=True)
        self._send(200, _file(file_id, len(content)))

    def _begin_batch(self, body: dict[str, Any]) -> None:
        batch_id = f"batch_{uuid.uuid4().hex}"
        self.server.batches[batch_id] = body | {"id": batch_id, "created_at": time.time()}
        self._send(200, self._batch(self.server.batches[batch_id]))

    def _batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """A batch as it is now; it is worked off when its time has come."""
        behaviour = self.server.behaviour
        is_over = time.time() >= batch["created_at"] + behaviour.batch_seconds
        with self.server.lock:
            is_first = is_over and "status" not in batch
            if is_first:
                batch["status"] = behaviour.batch_status
        if is_first and behaviour.batch_status != "failed":
            self._work_off(batch)
        return {
            "id": batch["id"],
            "object": "batch",
            "endpoint": batch["endpoint"],
            "input_file_id": batch["input_file_id"],
            "completion_window": batch["completion_window"],
            "status": batch.get("status", "in_progress"),
            "created_at": int(batch["created_at"]),
            "completed_at": int(time.time()) if is_over else None,
            "output_file_id": batch.get("output_file_id"),
            "error_file_id": batch.get("error_file_id"),
            "metadata": batch.get("metadata"),
            "errors": {"object": "list", "data": [{"message": "the file is no good"}]}
            if batch.get("status") == "failed"
            else None,
        }

    def _work_off(self, batch: dict[str, Any]) -> None:
        answered, failed = [], []
        for line in self.server.files[batch["input_file_id"]].splitlines():
            request = json.loads(line)
            fault = self.server.fault()
            self.server.requests.append((request["url"], {}, request["body"]))
            if isinstance(fault, int):
                body, status = {"error": {"message": "try again"}}, fault
            else:
                answer = self.server.answer(request["body"], fault)
                text, finish, prompt, written = answer
                self.server.bill(
                    answers=1, prompt=prompt, written=written, rows=_rows(text, finish)
                )
                body, status = openai_completion(*answer), 200
            (answered if status == 200 else failed).append(
                {
                    "id": "r",
                    "custom_id": request["custom_id"],
                    "response": {"status_code": status, "request_id": "q", "body": body},
                    "error": None,
                }
            )
        for name, lines in (("output_file_id", answered), ("error_file_id", failed)):
            if lines:
                batch[name] = f"file-{uuid.uuid4().hex}"
                odd = self.server.behaviour.batch_lines if name == "output_file_id" else ()
                text = "\n".join([*odd, *map(json.dumps, reversed(lines))]) + "\n"
                self.server.files[batch[name]] = text.encode()

    def _send(
        self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        self._send_bytes(status, json.dumps(body).encode(), "application/json", headers)

    def _send_bytes(
        self, status: int, content: bytes, kind: str, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def _retry_after(seconds: float) -> dict[str, str]:
    return {"Retry-After": f"{seconds:.2f}"}


def _file(file_id: str, size: int) -> dict[str, Any]:
    return {
        "id": file_id,
        "object": "file",
        "bytes": size,
        "created_at": 0,
        "filename": "requests.jsonl",
        "purpose": "batch",
        "status": "processed",
    }


def openai_completion(text: str, finish: str, prompt: int, written: int) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "stand-in",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": written,
            "total_tokens": prompt + written,
            # OpenAI caches prompts from 1,024 tokens on.
            "prompt_tokens_details": {"cached_tokens": 600 if prompt == 1000 else 0},
        },
    }


def _llama_completion(text: str, finish: str, prompt: int, written: int) -> dict[str, Any]:
    return {
        "id": "1",
        "completion_message": {
            "role": "assistant",
            "stop_reason": finish,
            "content": {"type": "text", "text": text},
        },
        "metrics": [
            {"metric": "num_prompt_tokens", "value": prompt, "unit": "tokens"},
            {"metric": "num_completion_tokens", "value": written, "unit": "tokens"},
        ],
    }


def _event(chunk: dict[str, Any] | str) -> bytes:
    return f"data: {chunk if isinstance(chunk, str) else json.dumps(chunk)}\n\n".encode()


def _openai_chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "stand-in",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def _openai_piece(text: str) -> dict[str, Any]:
    return _openai_chunk({"content": text})


def _openai_events(
    finish: str, prompt: int, written: int, *, has_usage: bool
) -> tuple[bytes, bytes]:
    """What comes before and behind the pieces of the text."""
    first = _event(_openai_chunk({"role": "assistant", "content": ""}))
    last = _event(_openai_chunk({}, finish))
    if has_usage:
        usage = openai_completion("", finish, prompt, written)["usage"]
        last += _event(_openai_chunk({}) | {"choices": [], "usage": usage})
    return first, last + _event("[DONE]")


def _llama_chunk(kind: str, text: str = "", **more: Any) -> dict[str, Any]:
    event = {"event_type": kind, "delta": {"type": "text", "text": text}, **more}
    return {"id": "1", "event": event}


def _llama_piece(text: str) -> dict[str, Any]:
    return _llama_chunk("progress", text)


def _llama_events(
    finish: str, prompt: int, written: int, *, has_usage: bool
) -> tuple[bytes, bytes]:
    """What comes before and behind the pieces of the text; the usage comes without being asked."""
    metrics = _llama_completion("", finish, prompt, written)["metrics"]
    last = _event(_llama_chunk("complete", stop_reason=finish))
    return _event(_llama_chunk("start")), last + _event(_llama_chunk("metrics", metrics=metrics))


def _rows(text: str, finish: str | None) -> int:
    """Whole rows in a text; a last line without an end is one only where the text has stopped."""
    return text.count("\n") + (finish == "stop" and bool(text) and not text.endswith("\n"))


@contextmanager
def serve(
    text: str | None = None, *, key: str, port: int = 0, **behaviour: Any
) -> Iterator[StandIn]:
    """Run a stand-in on a loopback port (0: any that is free) while the block lasts."""
    server = StandIn(Behaviour(text=text, **behaviour), key, port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    # In a process of its own, for benchmarks: behaviour as JSON, the address on the first line.
    with serve(**json.loads(sys.argv[1])) as stand_in:
        print(stand_in.base_url, flush=True)
        sys.stdin.read()
