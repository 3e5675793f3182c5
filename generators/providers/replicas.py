"""Servers of a model of one's own on a Ray cluster: one actor each, started again where it dies.

A node needs this project with the same packages, and the model file at the same path. Nothing else
of the project knows of Ray.
"""

import asyncio
import logging
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from types import ModuleType
from typing import Any

from generators.asking.llms import LLM
from generators.providers import Completion, Heard, Request, Unanswered
from generators.providers.local import serve_locally
from generators.providers.openai_api import OpenAICompatible
from synthcare.errors import SynthcareError

LOCAL = "local"

_TOLD_EVERY_SECONDS = 10.0
_SECONDS_TO_REACH = 5.0
_SECONDS_FOR_ADDRESS = 30.0
_OBJECT_STORE_BYTES = 100 * 2**20  # texts go over HTTP, and nothing else is handed about


@asynccontextmanager
async def open_replicas(llm: LLM) -> AsyncIterator[dict[str, "Replica"]]:
    """A provider of each replica, by its name; they are stopped at the end, Ray too if begun here.

    Raises SynthcareError where Ray is not installed or not to be reached, where the cluster has
    fewer cores than replicas, or where the model cannot be served.
    """
    ray = _ray(llm)
    await _told_of(asyncio.to_thread(_connect, ray, llm), f"{llm.name} waits for Ray")
    try:
        options = _resources(llm, ray.nodes())
        actor = ray.remote(max_restarts=-1, scheduling_strategy="SPREAD", **options)(_Serving)
        key = secrets.token_urlsafe()
        fleet = {
            f"replica {number}": Replica(llm, key, actor.remote(llm, key, int(options["num_cpus"])))
            for number in range(1, llm.replicas + 1)
        }
        try:
            for name, replica in fleet.items():
                # One after the other: each looks at the memory that is free.
                await _told_of(replica.find(), f"{llm.name} waits for {name}")
            yield fleet
        finally:
            for replica in fleet.values():
                await replica.aclose()
    finally:
        ray.shutdown()


class _Serving:
    """The actor: serves the model on its node."""

    def __init__(self, llm: LLM, key: str, cores: int) -> None:
        self._llm, self._key, self._cores = llm, key, cores
        self._server = ExitStack()
        self._address: str | None = None

    def address(self) -> str:
        """The base URL of the server, which is started when it is first asked for."""
        if self._address is None:
            import ray

            host = "127.0.0.1" if self._llm.ray in (None, LOCAL) else ray.util.get_node_ip_address()
            self._address = self._server.enter_context(
                serve_locally(self._llm, host=host, key=self._key, cores=self._cores)
            )
        return self._address


class Replica:
    """A provider: asks the server of an actor, at another address when the actor began again."""

    def __init__(self, llm: LLM, key: str, actor: Any) -> None:
        self._llm, self._key, self._actor = llm, key, actor
        self._client: OpenAICompatible | None = None
        self._finding = asyncio.Lock()

    async def complete(self, request: Request, heard: Heard) -> Completion:
        """Ask once. Raises as other providers do."""
        client = await self._found()
        try:
            return await client.complete(request, heard)
        except Unanswered as why:
            if why.is_unreachable and self._client is client:
                self._client = None
                await client.aclose()
            raise

    async def find(self) -> None:
        """Ask the actor where its server is, however long it takes to start it."""
        url = await self._asked()
        self._client = OpenAICompatible(self._llm, local_base_url=url, local_key=self._key)

    async def _found(self) -> OpenAICompatible:
        async with self._finding:
            if self._client is None:
                try:
                    async with asyncio.timeout(_SECONDS_FOR_ADDRESS):
                        await self.find()
                except (TimeoutError, _Gone) as error:
                    raise Unanswered(
                        f"A replica of {self._llm.name} is being started again.",
                        is_refused=True,
                        is_unreachable=True,
                    ) from error
            return self._client

    async def _asked(self) -> str:
        from ray.exceptions import RayActorError, RayTaskError

        try:
            return await self._actor.address.remote()
        except RayTaskError as error:
            if isinstance(error.cause, SynthcareError):
                raise SynthcareError(str(error.cause)) from error
            raise
        except RayActorError as error:
            raise _Gone from error

    async def aclose(self) -> None:
        """Stop the actor, and with it the server."""
        import ray

        ray.kill(self._actor)
        if self._client:
            await self._client.aclose()


class _Gone(Exception):
    """The actor has died, and is started again by Ray."""


def _ray(llm: LLM) -> ModuleType:
    # Before it is imported: it would tell its makers of each use.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise SynthcareError(
            f"'{llm.name}' has replicas, which Ray starts, and Ray is not installed. Run "
            "`make setup-ray`, or take `replicas` and `ray` out of llms.yml."
        ) from error
    return ray


def _connect(ray: ModuleType, llm: LLM) -> None:
    """Join the cluster that llms.yml names, or start one on this machine."""
    address = llm.ray or LOCAL
    if ray.is_initialized():
        raise SynthcareError("One LLM with replicas can be asked at a time. Leave out the others.")
    _check_reachable(address)
    options = {"object_store_memory": _OBJECT_STORE_BYTES} if address == LOCAL else {}
    try:
        ray.init(
            address=address,
            include_dashboard=False if address == LOCAL else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **options,
        )
    except (Exception, SystemExit) as error:
        why = str(error).strip().splitlines()
        raise SynthcareError(
            f"Ray cannot be used at {address}: {why[0] if why else type(error).__name__}. Check "
            f"`ray` of '{llm.name}' in llms.yml, and that the cluster runs."
        ) from error


def _check_reachable(address: str) -> None:
    """Ray itself would try for two minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=_SECONDS_TO_REACH).close()
    except (OSError, ValueError, OverflowError) as error:
        raise SynthcareError(
            f"There is no Ray cluster at {address}. Start one with `ray start --head`, or write "
            "`ray: local` in llms.yml, which starts one on this machine."
        ) from error


def _resources(llm: LLM, nodes: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Cores of a replica, as many as all of them can have, and its share of the GPUs."""
    there = [node["Resources"] for node in nodes if node["Alive"]]
    cores = [int(resources.get("CPU", 0)) for resources in there]
    gpus = sum(resources.get("GPU", 0) for resources in there)
    for count in range(max(cores, default=0), 0, -1):
        if sum(core // count for core in cores) >= llm.replicas:
            return {"num_cpus": count, "num_gpus": min(1, gpus / llm.replicas)}
    raise SynthcareError(
        f"'{llm.name}' has {llm.replicas} replicas, and the Ray cluster has {sum(cores)} cores: "
        "each needs one. Make `replicas` less in llms.yml, or add nodes."
    )


async def _told_of(waiting: Any, what: str) -> None:
    """Wait, and say for what while it takes long."""
    task = asyncio.ensure_future(waiting)
    while not (await asyncio.wait([task], timeout=_TOLD_EVERY_SECONDS))[0]:
        print(what, file=sys.stderr)
    with suppress(asyncio.CancelledError):
        await task
