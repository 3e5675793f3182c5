"""Servers of a model of one's own on a Ray cluster: one actor each, started again where it dies.

A node needs this project with the same packages, and the model file at the same path or vLLM.
Nothing else of the project knows of Ray.
"""

import asyncio
import logging
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing, suppress
from types import ModuleType
from typing import Any

from generators.asking.llms import LLM
from generators.providers import Completion, Heard, Request, Unanswered
from generators.providers.local import LOOPBACK, serve_locally
from generators.providers.openai_api import OpenAICompatible
from generators.providers.vllm import VLLM
from synthcare.errors import SynthcareError

LOCAL = "local"

_TOLD_EVERY_SECONDS = 10.0
_SECONDS_TO_REACH = 5.0
_SECONDS_TO_JOIN = 60.0
_LOOKED_EVERY_SECONDS = 0.1
# For a place in the cluster, and to load the model, which vLLM may have to fetch.
_SECONDS_TO_START = {"local": 900.0, "vllm": 7200.0}
_SECONDS_TO_RESTART = 30.0
_SECONDS_TO_CLOSE = 15.0
_MOST_RESTARTS = 20  # of a replica: one that always crashes takes time, and leaves a log each time
_CLOSING = "closing"  # of an actor's threads: the one that ends a server while another loads it
_OBJECT_STORE_BYTES = 100 * 2**20  # texts go over HTTP, and nothing else is handed about


@asynccontextmanager
async def open_replicas(llm: LLM) -> AsyncIterator[dict[str, "Replica"]]:
    """A provider of each replica, by its name; they are stopped at the end, Ray too if begun here.

    Raises SynthcareError where Ray is not installed or not to be reached, where the cluster has
    fewer cores than replicas, or where the model cannot be served.
    """
    ray = _ray(llm)
    if ray.is_initialized():
        raise SynthcareError(
            f"Ray runs in this process already, and '{llm.name}' starts it itself. Ask it from "
            "another one."
        )
    async with AsyncExitStack() as stack:
        stack.callback(ray.shutdown)
        await _told_of(_join(ray, llm), f"{llm.name} waits for Ray at {llm.ray or LOCAL}")
        options = resources(llm, ray.nodes())
        groups = {_CLOSING: 1}
        actor = ray.remote(
            max_restarts=_MOST_RESTARTS,
            scheduling_strategy="SPREAD",
            concurrency_groups=groups,
            **options,
        )(_Serving)
        key = secrets.token_urlsafe()
        fleet: dict[str, Replica] = {}
        for number in range(1, llm.replicas + 1):
            # One after the other: each looks at the memory that is free.
            name = f"replica {number}"
            fleet[name] = Replica(llm, key, actor.remote(llm, key, options["num_cpus"]))
            stack.push_async_callback(fleet[name].aclose)
            waits = (
                f"{llm.name} waits for {name}, which needs a node with {options['num_cpus']} free "
                "cores and time to load the model"
            )
            await _told_of(fleet[name].find(_SECONDS_TO_START[llm.provider]), waits)
        yield fleet


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

            is_local = self._llm.ray in (None, LOCAL)
            host = LOOPBACK if is_local else ray.util.get_node_ip_address()
            self._address = self._serve(host)
        return self._address

    def _serve(self, host: str) -> str:
        if self._llm.provider != "vllm":
            return self._server.enter_context(
                serve_locally(self._llm, host=host, key=self._key, cores=self._cores)
            )
        server = self._server.enter_context(closing(VLLM(self._llm, host=host, key=self._key)))
        try:
            server.wait()
        except SynthcareError:
            server.close()
            raise
        threading.Thread(target=_end_with, args=(server,), daemon=True).start()
        return server.base_url

    def close(self) -> None:
        """End the server, and what it started."""
        self._server.close()


def _end_with(server: VLLM) -> None:
    """End this actor with its server: Ray starts it again, as it does where all of it dies."""
    server.wait_for_end()
    if server.ended():  # its log is kept
        server.close()  # what it started may still have the GPU
        os._exit(1)


class Replica:
    """A provider: asks the server of an actor, at another address when the actor began again."""

    def __init__(self, llm: LLM, key: str, actor: Any) -> None:
        self._llm, self._key, self._actor = llm, key, actor
        self._client: OpenAICompatible | None = None
        self._clients: dict[str, OpenAICompatible] = {}
        self._finding = asyncio.Lock()

    async def complete(self, request: Request, heard: Heard) -> Completion:
        """Ask once. Raises as other providers do."""
        client = await self._found()
        try:
            return await client.complete(request, heard)
        except Unanswered as why:
            if not why.is_overload and self._client is client:
                self._client = None  # it may be at another address now
            raise

    async def find(self, seconds: float) -> None:
        """Ask the actor where its server is, which it starts if it has none.

        Raises SynthcareError where there is none after so many seconds, or it says why not.
        """
        url = await self._asked(seconds)
        if url not in self._clients:
            self._clients[url] = OpenAICompatible(
                self._llm, local_base_url=url, local_key=self._key
            )
        self._client = self._clients[url]

    async def _found(self) -> OpenAICompatible:
        async with self._finding:
            if self._client is None:
                try:
                    await self.find(_SECONDS_TO_RESTART)
                except SynthcareError as error:
                    raise Unanswered(str(error), is_refused=True, is_unreachable=True) from error
            return self._client

    async def _asked(self, seconds: float) -> str:
        from ray.exceptions import ActorUnavailableError, RayError, RayTaskError

        try:
            async with asyncio.timeout(seconds):
                return await self._actor.address.remote()
        except RayTaskError as error:
            why = error.cause
            known = isinstance(why, SynthcareError)
            raise SynthcareError(
                str(why) if known else self._not_started(f"{type(why).__name__}: {why}")
            ) from error
        except TimeoutError as error:
            raise SynthcareError(
                f"Ray has not started a replica of '{self._llm.name}' in {seconds:.0f} seconds: it "
                "may still load its model, or other work may have the cores (`ray status`)."
            ) from error
        except ActorUnavailableError as error:
            raise SynthcareError(
                f"A replica of '{self._llm.name}' has ended, and Ray starts it again."
            ) from error
        except RayError as error:
            raise SynthcareError(self._not_started(str(error))) from error

    def _not_started(self, why: str) -> str:
        line = why.strip().partition("\n")[0].rstrip(".")
        return (
            f"A replica of '{self._llm.name}' did not start: {line}. Each node needs this project "
            "with the same packages, the model, and memory for it."
        )

    async def aclose(self) -> None:
        """Stop the server and the actor; close what asked it."""
        import ray
        from ray.exceptions import RayError

        try:
            # Ray kills an actor, and would leave what its server started.
            with suppress(TimeoutError, RayError):
                async with asyncio.timeout(_SECONDS_TO_CLOSE):
                    await self._actor.close.options(concurrency_group=_CLOSING).remote()
            ray.kill(self._actor)
        finally:
            for client in self._clients.values():
                await client.aclose()


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


async def _join(ray: ModuleType, llm: LLM) -> None:
    """Connect in time: where something else than Ray answers, Ray would try without end."""
    failed: list[SynthcareError] = []

    def connect() -> None:
        try:
            _connect(ray, llm)
        except SynthcareError as error:
            failed.append(error)

    # A daemon: nobody waits for it at the end.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    give_up = time.monotonic() + _SECONDS_TO_JOIN
    while thread.is_alive():
        if time.monotonic() > give_up:
            raise SynthcareError(
                f"What answers at {llm.ray or LOCAL} is no Ray cluster, or a busy one: it was not "
                f"joined in {_SECONDS_TO_JOIN:.0f} seconds. Check `ray` of '{llm.name}' in "
                "llms.yml: it is the port of `ray start --head`, 6379 unless you chose another."
            )
        await asyncio.sleep(_LOOKED_EVERY_SECONDS)
    if failed:
        raise failed[0]


def _connect(ray: ModuleType, llm: LLM) -> None:
    """Join the cluster that llms.yml names, or start one on this machine."""
    address = llm.ray or LOCAL
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
            f"Ray cannot be used at {address}: "
            f"{why[0].rstrip('.') if why else type(error).__name__}. Check `ray` of '{llm.name}' "
            "in llms.yml, and that the cluster runs."
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


def resources(llm: LLM, nodes: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Cores and GPUs of a replica on these nodes, as Ray lists them, as many as all can have.

    That is as many GPUs each as it is spread over, or none where there are none. Raises
    SynthcareError where there are not enough cores, or GPUs for some replicas of vLLM: all would
    take the same ones.
    """
    there = [node["Resources"] for node in nodes if node["Alive"]]
    cores = [int(node.get("CPU", 0)) for node in there]
    gpus = [int(node.get("GPU", 0)) for node in there]
    needs_gpus = llm.provider == "vllm" and sum(gpus) > 0
    if needs_gpus and sum(gpu // llm.gpus for gpu in gpus) < llm.replicas:
        each, less = "one", "`replicas`"
        if llm.gpus > 1:
            each, less = f"{llm.gpus} of one node", "`replicas` or the `…-parallel-size`"
        raise SynthcareError(
            f"'{llm.name}' has {llm.replicas} replicas, and the Ray cluster has {sum(gpus)} GPUs: "
            f"each needs {each}. Make {less} less in llms.yml, or add nodes."
        )
    for taken in (llm.gpus,) if needs_gpus else (llm.gpus, 0):
        for count in range(max(cores, default=0), 0, -1):
            places = [core // count for core in cores]
            if taken:
                places = map(min, places, (gpu // taken for gpu in gpus))
            if sum(places) >= llm.replicas:
                return {"num_cpus": count, "num_gpus": taken}
    if needs_gpus:
        cores = [core for core, gpu in zip(cores, gpus, strict=True) if gpu >= llm.gpus]
    raise SynthcareError(
        f"'{llm.name}' has {llm.replicas} replicas, and the Ray cluster has {sum(cores)} cores"
        f"{' on nodes with GPUs for it' if needs_gpus else ''}: each needs one. Make "
        "`replicas` less in llms.yml, or add nodes."
    )


async def _told_of(waiting: Coroutine[Any, Any, None], what: str) -> None:
    """Wait, and say for what while it takes long."""
    task = asyncio.ensure_future(waiting)
    try:
        while not (await asyncio.wait([task], timeout=_TOLD_EVERY_SECONDS))[0]:
            print(what, file=sys.stderr)
        task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
