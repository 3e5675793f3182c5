"""What llms.yml may say of an LLM: the rest is refused in one line that names it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from generators.asking.llms import LLM, load_llm
from synthcare.errors import SynthcareError
from synthcare.project import PROJECT

WHOLE = {"provider": "openai", "wire_format": "csv", "rows_per_request": 5, "concurrency": 2}


def loaded(folder: Path, text: str) -> LLM:
    """The entry x of an llms.yml with this text."""
    (folder / "llms.yml").write_text(text)
    return load_llm("x", folder)


def changed(folder: Path, **changes: Any) -> LLM:
    """An entry that is whole, with changes."""
    return loaded(folder, yaml.safe_dump({"x": WHOLE | changes}))


@pytest.mark.parametrize("name", yaml.safe_load((PROJECT / "llms.yml").read_text()))
def test_every_entry_of_the_project_can_be_loaded(name: str) -> None:
    assert load_llm(name).name == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x:", "has no keys with values"),
        ("x: openai", "has no keys with values"),
        ("x: {1: 2}", "has no keys with values"),
        ("x: {provider: openai, rows_per_request: 5, concurrency: 2}", "wire_format: Field requ"),
        ("x: {provider: openai, modle: y}", "modle: there is no such key; model may be meant\\."),
        ("x: {provider: openai, xyz: y}", "xyz: there is no such key\\."),
    ],
)
def test_an_entry_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SynthcareError, match=said):
        loaded(tmp_path, text)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("concurrency", 0),
        ("concurrency", -2),
        ("concurrency", "8"),
        ("concurrency", None),
        ("rows_per_request", 0),
        ("rows_per_request", "x"),
        ("rows_per_request", 10**12),
        ("model", ["x"]),
        ("model", ""),
        ("model_path", 5),
        ("model_path", {"a": 1}),
        ("model_path", "a\0b"),
        ("base_urls", "http://a"),
        ("base_urls", None),
        ("port", "80"),
        ("port", 8000.0),
        ("port", -1),
        ("port", 70000),
        ("tokens_per_second", 0),
        ("tokens_per_second", "x"),
        ("tokens_per_second", float("nan")),
        ("timeout_seconds", 0),
        ("requests_per_minute", 0),
        ("sampling", None),
        ("sampling", [1]),
        ("seed", "yes"),
        ("replicas", 0),
        ("replicas", "2"),
        ("replicas", True),
        ("replicas", 2.0),
        ("ray", 6379),
        ("serve_options", ["--enforce-eager"]),
        ("serve_options", {1: 2}),
    ],
)
def test_a_value_that_cannot_be_is_named(tmp_path: Path, key: str, value: object) -> None:
    with pytest.raises(SynthcareError, match=f"'x' cannot be so: {key}: ") as refused:
        changed(tmp_path, **{key: value})
    assert "\n" not in str(refused.value)


def test_no_date_goes_into_a_request(tmp_path: Path) -> None:
    with pytest.raises(SynthcareError, match="'x' cannot be so: sampling: "):
        loaded(tmp_path, yaml.safe_dump({"x": WHOLE}) + "  sampling: {a: {b: 2024-01-01}}")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"provider": "local", "base_url": "http://127.0.0.1:1/v1"}, "starts its server itself"),
        ({"provider": "local", "ray": "10.0.0.1"}, "ray of 'x' is 10.0.0.1. Say local, auto, or"),
        ({"provider": "local", "ray": "gpu:99999"}, "Say local, auto, or the address"),
        ({"provider": "local", "model_path": "~no-such-user/x.gguf"}, "in the home of nobody"),
        (
            {"provider": "vllm", "model": "m", "serve_options": {"a": "b\0"}},
            "no options of `vllm serve`",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(SynthcareError, match=said) as refused:
        changed(tmp_path, **changes)
    assert "\n" not in str(refused.value)
