"""Whether addresses of servers and options of vLLM can be what llms.yml says."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

HIGHEST_PORT = 65_535

# An option of `vllm serve`, by its long name.
_OPTION = r"[a-z][a-z0-9.]+(?:-[a-z0-9.]+)*"

# Those that are not to be chosen: this project says where it can be asked. A file (config) may say
# any of them.
_NOT_TO_BE_CHOSEN = (
    "host",
    "port",
    "uds",
    "api-key",
    "served-model-name",
    "headless",
    "grpc",
    "config",
)

# In which ways vLLM spreads a model over GPUs.
SPREADS = ("tensor-parallel-size", "pipeline-parallel-size", "data-parallel-size")

# Options of `vllm serve` for room and speed, which say nothing of what is written.
ROOM = (
    *SPREADS,
    "gpu-memory-utilization",
    "max-num-seqs",
    "max-num-batched-tokens",
    "kv-cache-memory-bytes",
    "swap-space",
    "cpu-offload-gb",
    "enforce-eager",
    "enable-prefix-caching",
    "enable-expert-parallel",
    "distributed-executor-backend",
    "download-dir",
)


def shown_address(url: str) -> str:
    """An address without a user's name, a password or a query, which may be a secret."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl().rstrip("/")


def fault_of_option(name: str, value: Any) -> str:
    """Why it is no option of `vllm serve` with a value that may be chosen; empty if it is one."""
    shown = repr(name.partition("=")[0])  # and not a value, which may be a secret
    plain = name.removeprefix("--").replace("_", "-").lower()
    if plain in _NOT_TO_BE_CHOSEN or plain.startswith("ssl-"):
        return f"{shown} is not to be chosen: this project says where the server listens"
    if re.fullmatch(_OPTION, name) is None:
        is_near = re.fullmatch(_OPTION, plain) is not None
        return f"{shown} is written {plain}" if is_near else f"{shown} is no name of one"
    if not isinstance(value, str | int | float | bool | Mapping) or "\0" in str(value):
        return f"{shown} has no value that it can have"
    if name in SPREADS and (type(value) is not int or value < 1):
        return f"{shown} has to be a whole number of GPUs, 1 or more"
    return ""


def faults_of_addresses(urls: Sequence[str]) -> Iterator[str]:
    """What is wrong with each of `base_urls`."""
    if not urls:
        yield "it is empty"
    seen = set()
    for place, url in enumerate(urls, start=1):
        try:
            parts = urlsplit(url)
            is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
            is_address = is_address and parts.port != 0
        except ValueError:  # of its port, too
            is_address = False
        if not is_address:
            yield f"number {place} is none"  # not what it is: it may hold a password
        elif shown_address(url) in seen:
            yield f"{shown_address(url)} is there twice"
        else:
            seen.add(shown_address(url))


def has_port(address: str) -> bool:
    found = re.fullmatch(r"(?:ray://)?[^/\s]+:([0-9]{1,5})", address)
    return found is not None and 0 < int(found[1]) <= HIGHEST_PORT
