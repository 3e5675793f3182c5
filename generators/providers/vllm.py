"""vLLM: a program that is installed beside this project, and serves a model on a GPU."""

import asyncio
import ctypes
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from generators.asking.llms import LLM
from generators.providers import Completion, Heard, Request, Unanswered
from generators.providers.local import LOOPBACK, check_port
from generators.providers.openai_api import OpenAICompatible
from synthcare.errors import SynthcareError

_TOLD_EVERY_SECONDS = 10.0
_LOOKED_EVERY_SECONDS = 0.2
_SECONDS_TO_ANSWER = 5.0
_SECONDS_TO_STOP = 9.0
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux
_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


@asynccontextmanager
async def open_vllm(llm: LLM) -> AsyncIterator["OneServer"]:
    """A provider of a server on this machine, which is stopped at the end. Raises as VLLM does."""
    key = secrets.token_urlsafe()
    with closing(VLLM(llm, key=key)) as server:
        await asyncio.to_thread(server.wait)
        client = OpenAICompatible(llm, local_base_url=server.base_url, local_key=key)
        async with aclosing(client):
            yield OneServer(server, client)


class OneServer:
    """A provider: asks a server that nobody starts again."""

    def __init__(self, server: "VLLM", client: OpenAICompatible) -> None:
        self._server, self._client = server, client

    async def complete(self, request: Request, heard: Heard) -> Completion:
        """Ask once. Raises as other providers do, and SynthcareError once the server has ended."""
        try:
            return await self._client.complete(request, heard)
        except Unanswered as why:
            if ended := self._server.ended():
                raise ended from why
            raise


class VLLM:
    """A server with the model of `llm`, from its start to `close`. It answers who has `key`.

    Raises SynthcareError where vLLM is not installed on this machine, where a `model_path` is not
    there, or `llm.port` is taken. To be made in a thread that lives as long as the server, because
    Linux ends it with that.
    """

    def __init__(self, llm: LLM, *, key: str, host: str = LOOPBACK) -> None:
        program = shutil.which("vllm")
        if program is None:
            raise SynthcareError(
                f"'{llm.name}' is served by vLLM, and {socket.gethostname()} has no program "
                "`vllm`. Install it there, in an environment of its own, and link its program into "
                "a folder of PATH; or name servers that run already in base_urls of llms.yml, with "
                "provider openai."
            )
        check_port(llm)
        self._llm, self._host, self._port = llm, host, llm.port or _free_port(host)
        self._key = key
        self._closed = threading.Event()
        arguments = [program, "serve", *self._arguments()]
        log, path = tempfile.mkstemp(prefix="vllm-", suffix=".log")
        self._log, self._is_log_kept = Path(path), False
        try:
            self._process = subprocess.Popen(  # noqa: S603 (llms.yml is the user's own)
                arguments,
                # On the command line, all users of the machine could read the key.
                env={"VLLM_NO_USAGE_STATS": "1", **os.environ, "VLLM_API_KEY": key},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that Ctrl-C is ours, and `close` finds its processes
                preexec_fn=_dying_with(os.getpid()),  # noqa: PLW1509 (it takes no lock)
            )
        except OSError as error:
            self._log.unlink()
            raise SynthcareError(
                f"{program} cannot be run: {error}. Install vLLM again."
            ) from error
        finally:
            os.close(log)

    def _arguments(self) -> Iterator[str]:
        """Ours come last, as they count then."""
        llm = self._llm
        path = Path(llm.model_path).expanduser().resolve() if llm.model_path else None
        if path and not path.exists():  # or vLLM would look for it at Hugging Face
            raise SynthcareError(
                f"{path} is not there on {socket.gethostname()}. Check `model_path` of "
                f"'{llm.name}' in llms.yml."
            )
        yield str(path or llm.model)
        yield "--disable-uvicorn-access-log"  # a line for each request
        for name, value in llm.serve_options.items():
            if isinstance(value, bool):
                yield f"--{name}" if value else f"--no-{name}"
            else:
                yield f"--{name}={json.dumps(value) if isinstance(value, Mapping) else value}"
        yield f"--served-model-name={llm.model}"
        yield f"--host={self._host}"
        yield f"--port={self._port}"

    @property
    def base_url(self) -> str:
        return f"http://{self._host}:{self._port}/v1"

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed.is_set()

    def wait(self) -> None:
        """Return once it answers, or is closed; says that it is waited for while it loads.

        Raises SynthcareError where it ends before.
        """
        began = told = time.monotonic()
        while not self._closed.wait(_LOOKED_EVERY_SECONDS):
            if ended := self.ended():
                raise ended
            if self._is_up():
                return
            now = time.monotonic()
            if now - told >= _TOLD_EVERY_SECONDS:
                told = now
                print(
                    f"{self._llm.name}: vLLM loads {self._llm.model} ({now - began:.0f} seconds; "
                    f"its log is {self._log})",
                    file=sys.stderr,
                )

    def ended(self) -> SynthcareError | None:
        """What to say of a process that has ended by itself; its log is kept then."""
        if self._process.poll() is None or self.is_closed:
            return None
        self._is_log_kept = True
        return SynthcareError(
            f"vLLM with {self._llm.model} has ended: {self._reason()}. Check `model`, "
            f"`model_path`, `port` and `serve_options` of '{self._llm.name}' in llms.yml. Its log "
            f"is {self._log}."
        )

    def wait_for_end(self) -> None:
        """Return once the process has ended, by itself or by `close`."""
        self._process.wait()

    def close(self) -> None:
        """End the server and what it started."""
        self._closed.set()
        try:
            self._send(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_SECONDS_TO_STOP)
        finally:  # whoever presses Ctrl-C once more does not want to leave it behind
            self._send(signal.SIGKILL)
            self._process.wait(_SECONDS_TO_STOP)
            if not self._is_log_kept:
                self._log.unlink(missing_ok=True)

    def _send(self, number: signal.Signals) -> None:
        """To all of its processes, whose group outlives the first of them."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _is_up(self) -> bool:
        """Whether it answers, and no other server there: only ours knows the key and wants it."""
        with_key = {"Authorization": f"Bearer {self._key}"}
        without, with_it = self._asked({}), self._asked(with_key)
        return without == HTTPStatus.UNAUTHORIZED and with_it == HTTPStatus.OK

    def _asked(self, headers: Mapping[str, str]) -> int | None:
        """The status of /v1/models; None where nobody answers."""
        connection = HTTPConnection(self._host, self._port, timeout=_SECONDS_TO_ANSWER)
        try:
            connection.request("GET", "/v1/models", headers=dict(headers))
            return connection.getresponse().status
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()

    def _reason(self) -> str:
        """What its log calls an error first, as what comes later follows from it.

        Of an option that will not do, the line below says it.
        """
        log = self._log.read_text(errors="replace")
        found = re.search(r"\b\w*(?:Error|Exception|error): (?:.*validation error.*\n)?.*\S", log)
        line = " ".join(found[0].split()) if found else f"exit code {self._process.returncode}"
        return line[:300].rstrip(".")


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def _dying_with(parent: int) -> Callable[[], None]:
    """What the new process does first, that a killed actor of Ray leaves no server on its GPU."""

    def begin() -> None:
        if _PRCTL is not None:
            _PRCTL(_SET_DEATH_SIGNAL, signal.SIGTERM)
            if os.getppid() != parent:  # it was killed before
                os._exit(1)

    return begin
