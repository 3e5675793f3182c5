"""The LLMs that llms.yml names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from urllib.parse import urlsplit

from generators.wire_formats import check_wire_format
from synthcare.errors import SynthcareError
from synthcare.files import read_yaml
from synthcare.project import PROJECT

BASELINES = ("independent", "holdout")

# Providers whose servers this project starts.
SERVED = ("local", "vllm")

# Options of `vllm serve` that are not to be chosen: this project says where it can be asked.
_WHERE_IT_LISTENS = ("host", "port", "uds", "api-key", "served-model-name", "headless", "grpc")

# The provider of rows that somebody brought.
KEPT = "kept"


@dataclass(frozen=True)
class LLM:
    """How to reach an LLM and how to ask it; llms.yml explains each key.

    `model` is None for a baseline. `concurrency` is the most requests at once. Limits are those of
    the account, None where there are none or the provider's headers say them. Where there are
    several `base_urls` or `replicas`, which serve the same model, both are of each. `ray` is the
    cluster that starts replicas, `serve_options` are what vLLM is started with. `tokens_per_second`
    is what one answer is written at; only the plan's estimate of the time uses it. `sampling` goes
    into every request as it is, `reasoning_tokens` are room beside that of the rows.
    """

    name: str
    provider: str
    wire_format: str
    rows_per_request: int
    concurrency: int
    model: str | None = None
    base_url: str | None = None
    base_urls: Sequence[str] = field(default=(), hash=False)
    api_key_env: str | None = None
    api_version: str | None = None
    model_path: str | None = None
    instructions_role: str = "system"
    token_limit: str | None = None
    seed: bool = True
    stream: bool = True
    reasoning_tokens: int = 0
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_second: float = 80.0
    timeout_seconds: float = 600.0
    sampling: Mapping[str, float] = field(default_factory=dict, hash=False)
    port: int = 0
    replicas: int = 1
    ray: str | None = None
    serve_options: Mapping[str, object] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        check_wire_format(
            self.name,
            self.provider,
            self.wire_format,
            has_base_url=bool(self.base_url or self.base_urls),
        )
        self._check_base_urls()
        self._check_replicas()
        self._check_vllm()

    def _check_base_urls(self) -> None:
        urls = self.base_urls
        if urls == ():
            return
        is_list = isinstance(urls, list | tuple) and urls and all(map(_is_address, urls))
        if not is_list or len({shown_address(url) for url in urls}) < len(urls):
            raise SynthcareError(
                f"llms.yml: base_urls of '{self.name}' is no list of addresses, each once, such as "
                "http://gpu-1:8000/v1."
            )
        if self.base_url or self.api_version or self.provider != "openai":
            raise SynthcareError(
                f"llms.yml: '{self.name}' has base_urls, which go with provider openai only, and "
                "neither with base_url nor with api_version."
            )

    def _check_replicas(self) -> None:
        if not self.is_replicated:
            return
        is_count = isinstance(self.replicas, int) and self.replicas >= 1
        if not is_count or not isinstance(self.ray, str | None):
            raise SynthcareError(
                f"llms.yml: replicas of '{self.name}' is no number from 1 on, or ray is neither "
                "`local` nor an address."
            )
        if self.provider not in SERVED or self.port:
            raise SynthcareError(
                f"llms.yml: '{self.name}' has replicas or ray, which go with providers local and "
                "vllm only, and not with port. Servers that run already are named in base_urls."
            )

    def _check_vllm(self) -> None:
        options = self.serve_options
        if not isinstance(options, Mapping) or not all(map(_is_option, options.items())):
            raise SynthcareError(
                f"llms.yml: serve_options of '{self.name}' are no options of `vllm serve` with "
                "their values, such as {max-model-len: 8192, enforce-eager: true}. Where and for "
                "whom it listens is not to be said there."
            )
        if options and self.provider != "vllm":
            raise SynthcareError(
                f"llms.yml: '{self.name}' has serve_options, which go with provider vllm only."
            )
        if self.provider == "vllm" and (not self.model or self.base_url or self.api_version):
            raise SynthcareError(
                f"llms.yml: '{self.name}' has provider vllm, which needs a `model` and starts its "
                "server itself. One that runs already is provider openai with a base_url."
            )

    @property
    def is_replicated(self) -> bool:
        """Whether Ray starts its servers."""
        return self.replicas != 1 or self.ray is not None

    @property
    def is_baseline(self) -> bool:
        return self.provider in BASELINES

    @property
    def servers(self) -> int:
        """How many servers there are."""
        return max(self.replicas, len(self.base_urls))

    @property
    def slots(self) -> int:
        """The most requests at once, over all servers."""
        return self.concurrency * self.servers

    @property
    def has_no_limit(self) -> bool:
        """Whether nothing says how long an answer may be."""
        return self.token_limit == "none"  # noqa: S105 (no password)

    def changed(self, **values: object) -> "LLM":
        """The same LLM with other values; those that are None stay as they are."""
        return replace(self, **{key: value for key, value in values.items() if value is not None})


def shown_address(url: str) -> str:
    """An address without a user's name, a password or a query, which may be a secret."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl().rstrip("/")


def _is_option(option: tuple[object, object]) -> bool:
    """Whether it is one of `vllm serve`, with a value, and none of where it is to be asked."""
    name, value = option
    return (
        isinstance(name, str)
        and re.fullmatch(r"[a-z][a-z0-9.-]*", name) is not None
        and name not in _WHERE_IT_LISTENS
        and not name.startswith("ssl-")
        and isinstance(value, str | int | float | bool | Mapping)
    )


def _is_address(url: object) -> bool:
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        return False
    return parts is not None and parts.scheme in ("http", "https") and bool(parts.netloc)


def load_llm(name: str, project: Path = PROJECT) -> LLM:
    """The entry `name` of llms.yml.

    Raises SynthcareError where there is no such entry, or where it is incomplete.
    """
    path = project / "llms.yml"
    entries = read_yaml(path)
    if name not in entries:
        raise SynthcareError(
            f"There is no LLM '{name}'. Use one of: {', '.join(entries)}; or add it to {path}."
        )
    unknown = set(entries[name]) - {known.name for known in fields(LLM)}
    if unknown:
        raise SynthcareError(f"{path}: '{name}' has unknown keys: {', '.join(sorted(unknown))}.")
    try:
        return LLM(name=name, **entries[name])
    except TypeError as error:
        raise SynthcareError(f"{path}: '{name}' is incomplete: {error}.") from error
