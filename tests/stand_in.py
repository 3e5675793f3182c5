"""A loopback stand-in for the OpenAI and Llama APIs: real HTTP, so no client is mocked."""

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class StandIn(ThreadingHTTPServer):
    """Answers every chat completion with `text`, after the `faults` (status codes) are used up.

    `requests` holds (path, headers, body) of all that came. A wrong key is refused as by the APIs.
    """

    daemon_threads = True

    def __init__(self, text: str, faults: list[int], key: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.text, self.faults, self.key = text, deque(faults), key
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: StandIn

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, dict(self.headers), body))
        if self.headers["Authorization"] != f"Bearer {self.server.key}":
            self._answer(401, {"error": {"message": "Incorrect API key provided"}})
        elif body["model"] == "no-such-model":
            self._answer(404, {"error": {"message": "The model does not exist"}})
        elif self.server.faults:
            self._answer(self.server.faults.popleft(), {"error": {"message": "try again"}})
        elif "OpenAI" in self.headers["User-Agent"]:
            self._answer(200, _openai_completion(self.server.text))
        else:
            self._answer(200, _llama_completion(self.server.text))

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if status == 429:
            self.send_header("Retry-After", "0.1")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


def _openai_completion(text: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "stand-in",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": {
            "prompt_tokens": 1000,
            "completion_tokens": 200,
            "total_tokens": 1200,
            "prompt_tokens_details": {"cached_tokens": 600},
        },
    }


def _llama_completion(text: str) -> dict[str, Any]:
    return {
        "id": "1",
        "completion_message": {
            "role": "assistant",
            "stop_reason": "stop",
            "content": {"type": "text", "text": text},
        },
        "metrics": [
            {"metric": "num_prompt_tokens", "value": 1000, "unit": "tokens"},
            {"metric": "num_completion_tokens", "value": 200, "unit": "tokens"},
        ],
    }


@contextmanager
def serve(text: str, *, faults: list[int] | None = None, key: str) -> Iterator[StandIn]:
    """Run a stand-in on a free loopback port while the block lasts."""
    server = StandIn(text, faults or [], key)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
