"""A loopback server that answers as odd endpoints do."""

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STREAM = "text/event-stream"


@dataclass(frozen=True)
class Reply:
    """One answer. `body` goes out piece by piece, each in a packet of its own.

    `is_cut`: the connection is lost behind it. `is_open`: it is kept silent and open for so many
    seconds before that. `is_unframed`: only the end of the connection ends the body.
    """

    body: Sequence[bytes]
    content_type: str | None = "application/json"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    is_cut: bool = False
    is_open: float = 0.0
    is_unframed: bool = False
    pause: float = 0.0005  # seconds behind each piece


def whole(body: object, **more: Any) -> Reply:
    """A body in JSON; text and bytes go out as they are."""
    if not isinstance(body, bytes):
        body = (body if isinstance(body, str) else json.dumps(body)).encode()
    return Reply([body], **more)


def stream(*events: object, end: str = "\n\n", is_done: bool = True, **more: Any) -> Reply:
    """A stream of events, each in a packet of its own."""
    texts = [event if isinstance(event, str) else f"data: {json.dumps(event)}" for event in events]
    pieces = [f"{text}{end}".encode() for text in [*texts, *(["data: [DONE]"] if is_done else [])]]
    return Reply(pieces, **{"content_type": STREAM, **more})


def answer(content: object = "", *, finish: str | None = "stop", **more: Any) -> dict[str, Any]:
    """A whole answer of OpenAI's; `more` are further keys of the message, or `usage`."""
    beside = {"usage": more.pop("usage")} if "usage" in more else {}
    message = {"role": "assistant", "content": content, **more}
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}], **beside}


def chunk(content: object = None, *, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk of a streamed answer of OpenAI's; `more` are further keys of its delta."""
    delta = ({} if content is None else {"content": content}) | more
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def llama_event(kind: str, text: str = "", **more: Any) -> dict[str, Any]:
    """A chunk of a streamed answer of Llama's."""
    return {"event": {"event_type": kind, "delta": {"type": "text", "text": text}, **more}}


def error(message: object, **more: Any) -> dict[str, Any]:
    """The body of an error."""
    return {"error": {"message": message, **more}}


class Endpoint(ThreadingHTTPServer):
    """The server. `requests` holds (path, headers, body) of all that came."""

    daemon_threads = True

    def __init__(self, replies: Sequence[Reply]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies = list(replies)
        self.requests: list[tuple[str, Mapping[str, str], dict[str, Any]]] = []
        self.connections = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, *_: object) -> None:
        pass  # a client that has gone


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, self.headers, body))
        replies = self.server.replies
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.content_type:
            self.send_header("Content-Type", reply.content_type)
        if not reply.is_unframed:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in reply.body:
            self._write(piece, reply)
            time.sleep(reply.pause)
        time.sleep(reply.is_open)
        self.close_connection = reply.is_cut or reply.is_unframed
        if not self.close_connection:
            self.wfile.write(b"0\r\n\r\n")

    def _write(self, piece: bytes, reply: Reply) -> None:
        if piece:
            self.wfile.write(piece if reply.is_unframed else b"%x\r\n%s\r\n" % (len(piece), piece))

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def endpoint(*replies: Reply) -> Iterator[Endpoint]:
    """Serve the replies, one a request and the last again and again, while the block lasts."""
    server = Endpoint(replies)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
