"""The LLMs that llms.yml names."""

from collections.abc import Mapping, Sequence
from dataclasses import field, fields, replace
from difflib import get_close_matches
from math import prod
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, ValidationError
from pydantic.dataclasses import dataclass

from generators.asking.own_servers import (
    HIGHEST_PORT,
    ROOM,
    SPREADS,
    fault_of_option,
    faults_of_addresses,
    has_port,
)
from generators.wire_formats import check_wire_format
from synthcare.errors import SynthcareError
from synthcare.files import read_yaml
from synthcare.project import PROJECT

BASELINES = ("independent", "holdout")

# Providers whose servers this project starts.
SERVED = ("local", "vllm")

# Where Ray starts replicas, beside the address of a cluster: here, or on the cluster that this
# machine belongs to.
_CLUSTERS = ("local", "auto")

# The provider of rows that somebody brought.
KEPT = "kept"

_Text = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00-\x1f\x7f]*$")]
_Count = Annotated[int, Field(ge=1)]
_Positive = Annotated[float, Field(gt=0)]
_MOST_ROWS = 10_000  # in one answer, far beyond what any LLM writes


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid", allow_inf_nan=False))
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
    provider: _Text
    wire_format: _Text
    rows_per_request: Annotated[int, Field(ge=1, le=_MOST_ROWS)]
    concurrency: _Count
    model: _Text | None = None
    base_url: _Text | None = None
    base_urls: Sequence[str] = field(default=(), hash=False)
    api_key_env: _Text | None = None
    api_version: _Text | None = None
    model_path: _Text | None = None
    instructions_role: _Text = "system"
    token_limit: _Text | None = None
    seed: bool = True
    stream: bool = True
    reasoning_tokens: Annotated[int, Field(ge=0)] = 0
    requests_per_minute: _Count | None = None
    tokens_per_minute: _Count | None = None
    tokens_per_second: _Positive = 80.0
    timeout_seconds: _Positive = 600.0
    sampling: Mapping[str, JsonValue] = field(default_factory=dict, hash=False)
    port: Annotated[int, Field(ge=0, le=HIGHEST_PORT)] = 0
    replicas: _Count = 1
    ray: _Text | None = None
    serve_options: Mapping[str, JsonValue] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        check_wire_format(
            self.name,
            self.provider,
            self.wire_format,
            has_base_url=bool(self.base_url or self.base_urls),
        )
        self._check_base_urls()
        self._check_served()
        self._check_vllm()

    def _check_base_urls(self) -> None:
        urls = self.base_urls
        if urls == ():
            return
        if faults := list(faults_of_addresses(urls)):
            raise SynthcareError(
                f"llms.yml: base_urls of '{self.name}' is no list of addresses, each once, such as "
                f"http://gpu-1:8000/v1: {'; '.join(faults)}."
            )
        if self.provider != "openai":
            raise SynthcareError(
                f"llms.yml: '{self.name}' has base_urls, which go with provider openai only."
            )
        if self.base_url or self.api_version:
            other = "base_url" if self.base_url else "api_version"
            raise SynthcareError(
                f"llms.yml: '{self.name}' has base_urls and {other}, which do not go together. "
                "Leave one of them out."
            )

    def _check_served(self) -> None:
        if self.is_replicated and (self.provider not in SERVED or self.port):
            raise SynthcareError(
                f"llms.yml: '{self.name}' has replicas or ray, which go with providers local and "
                "vllm only, and not with port. Servers that run already are named in base_urls."
            )
        if self.provider in SERVED and (self.base_url or self.api_version):
            raise SynthcareError(
                f"llms.yml: '{self.name}' has provider {self.provider}, which starts its server "
                "itself. One that runs already is provider openai with a base_url."
            )
        if self.ray not in (None, *_CLUSTERS) and not has_port(self.ray):
            raise SynthcareError(
                f"llms.yml: ray of '{self.name}' is {self.ray}. Say local, auto, or the "
                "address of a cluster with its port, such as 10.0.0.1:6379."
            )
        try:
            Path(self.model_path or "").expanduser()
        except RuntimeError as error:
            raise SynthcareError(
                f"llms.yml: model_path of '{self.name}' is in the home of nobody that is known "
                f"here: {self.model_path}."
            ) from error

    def _check_vllm(self) -> None:
        options = self.serve_options
        if faults := list(filter(None, map(fault_of_option, options, options.values()))):
            raise SynthcareError(
                f"llms.yml: serve_options of '{self.name}' are no options of `vllm serve` with "
                "their values, such as {max-model-len: 8192, enforce-eager: true}: "
                f"{'; '.join(faults)}."
            )
        if options and self.provider != "vllm":
            raise SynthcareError(
                f"llms.yml: '{self.name}' has serve_options, which go with provider vllm only."
            )
        if self.provider == "vllm" and not self.model:
            raise SynthcareError(
                f"llms.yml: '{self.name}' has provider vllm, which needs a `model`."
            )

    @property
    def is_replicated(self) -> bool:
        """Whether Ray starts its servers."""
        return self.replicas != 1 or self.ray is not None

    @property
    def is_served_here(self) -> bool:
        """Whether this project starts its servers."""
        return self.provider in SERVED

    @property
    def is_baseline(self) -> bool:
        return self.provider in BASELINES

    @property
    def servers(self) -> int:
        """How many servers there are."""
        return max(self.replicas, len(self.base_urls))

    @property
    def gpus(self) -> int:
        """How many GPUs a server is spread over, where it has any."""
        return prod(self.serve_options.get(name, 1) for name in SPREADS)

    @property
    def writing_options(self) -> dict[str, JsonValue]:
        """The `serve_options` that may change what is written, by name."""
        options = sorted(self.serve_options.items())
        return {name: value for name, value in options if name.removeprefix("no-") not in ROOM}

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


def _fault_of_key(key: str, kind: str, said: str) -> str:
    """What is wrong with a key of an entry, as pydantic says it."""
    if kind != "unexpected_keyword_argument":
        return f"{key}: {said}"
    keys = [known.name for known in fields(LLM) if known.name != "name"]
    near = get_close_matches(key, keys, n=1)
    return f"{key}: there is no such key{f'; {near[0]} may be meant' if near else ''}"


def load_llm(name: str, project: Path = PROJECT) -> LLM:
    """The entry `name` of llms.yml.

    Raises SynthcareError where there is no such entry, or where it says what cannot be.
    """
    path = project / "llms.yml"
    entries = read_yaml(path)
    if name not in entries:
        raise SynthcareError(
            f"There is no LLM '{name}'. Use one of: {', '.join(entries)}; or add it to {path}."
        )
    entry = entries[name]
    if not isinstance(entry, Mapping) or not all(isinstance(key, str) for key in entry):
        raise SynthcareError(f"{path}: '{name}' has no keys with values, such as provider: openai.")
    try:
        return LLM(**{**entry, "name": name})
    except ValidationError as error:
        wrong = dict.fromkeys(
            _fault_of_key(str(fault["loc"][0]), fault["type"], fault["msg"])
            for fault in error.errors()
        )
        raise SynthcareError(f"{path}: '{name}' cannot be so: {'; '.join(wrong)}.") from error
