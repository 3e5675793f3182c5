"""vLLM: a program that is installed beside this project, and serves a model on a GPU."""

import asyncio
import ctypes
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from generators.asking.llms import LLM
from generators.providers.local import LOOPBACK
from generators.providers.openai_api import OpenAICompatible
from synthcare.errors import SynthcareError

_TOLD_EVERY_SECONDS = 10.0
_LOOKED_EVERY_SECONDS = 0.2
_SECONDS_TO_ANSWER = 5.0
_SECONDS_TO_STOP = 9.0
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux


@asynccontextmanager
async def open_vllm(llm: LLM) -> AsyncIterator[OpenAICompatible]:
    """A client of a server on this machine, which is stopped at the end. Raises as VLLM does."""
    key = secrets.token_urlsafe()
    with closing(VLLM(llm, key=key)) as server:
        await asyncio.to_thread(server.wait)
        client = OpenAICompatible(llm, local_base_url=server.base_url, local_key=key)
        async with aclosing(client):
            yield client


class VLLM:
    """A server with the model of `llm`, from its start to `close`. It answers who has `key`.

    Raises SynthcareError where vLLM is not installed on this machine.
    """

    def __init__(self, llm: LLM, *, key: str, host: str = LOOPBACK) -> None:
        program = shutil.which("vllm")
        if program is None:
            raise SynthcareError(
                f"'{llm.name}' is served by vLLM, and {socket.gethostname()} has no program "
                "`vllm`. Install it there, in an environment of its own that is in PATH; or name "
                "servers that run already in base_urls of llms.yml, with provider openai."
            )
        self._llm, self._host, self._port = llm, host, llm.port or _free_port(host)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (`close` closes it)
        self._process = subprocess.Popen(  # noqa: S603 (llms.yml is the user's own)
            [program, "serve", *self._arguments()],
            # On the command line, all users of the machine could read it.
            env={**os.environ, "VLLM_API_KEY": key},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that Ctrl-C is ours, and `close` finds its processes
            preexec_fn=_die_with_parent,  # noqa: PLW1509 (it takes no lock)
        )

    def _arguments(self) -> list[str]:
        """Ours come last, as they count then."""
        llm = self._llm
        path = Path(llm.model_path).expanduser() if llm.model_path else None
        options = [
            f"--{name}" if value is True else f"--{name}={value}"
            for name, value in llm.serve_options.items()
        ]
        ours = {"served-model-name": llm.model, "host": self._host, "port": self._port}
        return [str(path or llm.model), *options, *(f"--{key}={ours[key]}" for key in ours)]

    @property
    def base_url(self) -> str:
        return f"http://{self._host}:{self._port}/v1"

    def wait(self) -> None:
        """Return once it answers, and say that it is waited for while it loads the model.

        Raises SynthcareError where it ends before.
        """
        began = told = time.monotonic()
        while not self._is_up():
            if self._process.poll() is not None:
                raise SynthcareError(
                    f"vLLM did not start with {self._llm.model}: {self._reason()}. Check `model`, "
                    f"`model_path` and `serve_options` of '{self._llm.name}' in llms.yml."
                )
            now = time.monotonic()
            if now - told >= _TOLD_EVERY_SECONDS:
                told = now
                print(
                    f"{self._llm.name}: vLLM loads {self._llm.model} ({now - began:.0f} seconds)",
                    file=sys.stderr,
                )
            time.sleep(_LOOKED_EVERY_SECONDS)

    def wait_for_end(self) -> None:
        """Return once the process has ended, by itself or by `close`."""
        self._process.wait()

    def close(self) -> None:
        """End the server and what it started."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_STOP)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()

    def _is_up(self) -> bool:
        connection = HTTPConnection(self._host, self._port, timeout=_SECONDS_TO_ANSWER)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200  # noqa: PLR2004 (OK)
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _reason(self) -> str:
        """What its log calls an error first: what comes later follows from it."""
        self._log.seek(0)
        log = self._log.read().decode(errors="replace")
        found = re.search(r"\b\w*(?:Error|Exception|error): .*\S", log)
        line = " ".join(found[0].split()) if found else f"exit code {self._process.returncode}"
        return line[:300].rstrip(".")


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """Runs in the new process: that a killed actor of Ray leaves no server on its GPU."""
    if _LIBC is not None:
        _LIBC.prctl(_SET_DEATH_SIGNAL, signal.SIGTERM)
