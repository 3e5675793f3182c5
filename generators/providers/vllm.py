"""vLLM: a program that is installed beside this project, and serves a model on a GPU."""

import asyncio
import errno
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
from collections.abc import AsyncIterator, Iterator, Mapping
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
_FEWEST_LETTERS_OF_A_SECRET = 8

# Ends a process group when whoever holds the other end of its standard input is gone, without a
# word, even by kill -9. It runs apart: Ray ends all that an actor has started, but not what those
# have.
_WATCH = """
exec 3<&0
(
    read -r _ <&3 && exit
    kill -TERM "-$1" && sleep "$2" && kill -KILL "-$1"
) >/dev/null 2>&1 &
"""
# Of vLLM's log: what is no error, though it may name one.
_NO_ERROR = re.compile(r"^(?:\([^)]*\) *)?(?:DEBUG|INFO|WARNING)\b.*$", re.MULTILINE)
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD")


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
    there, or `llm.port` is taken. When this process is gone, whyever, the server and what it
    started are ended too.
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
            )
        except OSError as error:
            self._log.unlink()
            remedy = (
                f"Shorten `serve_options` of '{llm.name}' in llms.yml."
                if error.errno == errno.E2BIG
                else "Install vLLM again."
            )
            raise SynthcareError(f"{program} cannot be run: {error}. {remedy}") from error
        finally:
            os.close(log)
        self._heard: tuple[int | None, int | None] = (None, None)
        self._watch: int | None = None
        try:
            self._watch = self._watched()
        except BaseException:
            self.close()
            raise

    def _watched(self) -> int:
        """What to write to, or leave open: who watches ends the group when it is closed."""
        theirs, ours = os.pipe()
        try:
            subprocess.run(  # noqa: S603
                ["/bin/sh", "-c", _WATCH, "sh", str(self._process.pid), f"{_SECONDS_TO_STOP:g}"],
                stdin=theirs,
                start_new_session=True,
                check=True,
            )
        finally:
            os.close(theirs)
        return ours

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

        Raises SynthcareError where it ends before. Whoever gives up waiting finds its log.
        """
        began = told = time.monotonic()
        while not self._closed.wait(_LOOKED_EVERY_SECONDS):
            if ended := self.ended():
                raise ended
            if self._is_up():
                self._is_log_kept = False
                return
            now = time.monotonic()
            if now - told >= _TOLD_EVERY_SECONDS:
                told, self._is_log_kept = now, True
                print(
                    f"{self._llm.name}: vLLM loads {self._llm.model} ({now - began:.0f} seconds; "
                    f"its log is {self._log}){self._answering()}",
                    file=sys.stderr,
                )

    def _answering(self) -> str:
        """What is wrong with its answers, where it gives any."""
        without, with_it = self._heard
        if with_it is None:
            return ""
        if with_it == without == HTTPStatus.OK:
            return "; it answers without a key too, so that it is not the one started here"
        return f"; /v1/models answers HTTP {with_it}"

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
            self._let_go()
            if not self._is_log_kept:
                self._log.unlink(missing_ok=True)

    def _let_go(self) -> None:
        """Tell who watches that there is nothing left to end."""
        watch, self._watch = self._watch, None  # two threads may close at once
        if watch is not None:
            with suppress(BrokenPipeError):
                os.write(watch, b"\n")
            os.close(watch)

    def _send(self, number: signal.Signals) -> None:
        """To all of its processes, whose group outlives the first of them."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _is_up(self) -> bool:
        """Whether it answers, and no other server there: only ours knows the key and wants it."""
        with_key = {"Authorization": f"Bearer {self._key}"}
        self._heard = self._asked({}), self._asked(with_key)
        return self._heard == (HTTPStatus.UNAUTHORIZED, HTTPStatus.OK)

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
        log = _NO_ERROR.sub("", self._log.read_text(errors="replace"))
        found = re.search(r"\b\w*(?:Error|Exception|error): (?:.*validation error.*\n)?.*\S", log)
        if found is None:
            return _ending(self._process.returncode)
        line = self._without_secrets(" ".join(found[0].split()))
        return "".join(filter(str.isprintable, line))[:300].rstrip(".")

    def _without_secrets(self, line: str) -> str:
        """Without its key, and what the environment calls one: libraries print what they got."""
        said = [value for name, value in os.environ.items() if _SECRET.search(name)]
        for secret in (self._key, *said):
            if len(secret) >= _FEWEST_LETTERS_OF_A_SECRET:
                line = line.replace(secret, "…")
        return line


def _ending(code: int) -> str:
    """How a process ended, by its exit code: what is below 0 is a signal."""
    if code >= 0:
        return f"exit code {code}"
    if code == -signal.SIGKILL:
        return "by SIGKILL, as a system does that runs out of memory"
    return f"by signal {-code} ({signal.strsignal(-code)})"


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]
