"""Several servers behind one LLM: shared out, left out where they fail, tried again."""

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from generators.asking.llms import LLM, load_llm
from generators.asking.runs import Run, plan_run
from generators.home import Home
from generators.landing.loading import land
from synthcare.contracts.contract import Contract
from synthcare.errors import SynthcareError
from synthcare.project import PROJECT
from tests.driver import query
from tests.fleets import ask, rows_in, servers_of
from tests.loopback import StandIn, serve

KEY = "sk-test"
NOBODY = "http://127.0.0.1:9/v1"  # the port of discard, where nobody listens


@pytest.fixture(autouse=True)
def quick(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:  # home takes keys away
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr("generators.asking.scheduler._FIRST_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr("generators.asking.servers._FIRST_REST_SECONDS", 0.2)


def llm_of(urls: Sequence[str], **changes: Any) -> LLM:
    """gpt-4o behind several addresses, which are its own here and no option of the command."""
    return replace(load_llm("gpt-4o"), base_urls=tuple(urls), **changes)


def plan(contract: Contract, urls: Sequence[str], **changes: Any) -> Run:
    return plan_run(
        contract,
        llm_of(urls, rows_per_request=5, **changes),
        prompt_level="basic",
        instruction_level="basic",
        seed=1,
    )


@contextmanager
def serving(number: int, **behaviour: Any) -> Iterator[list[StandIn]]:
    with ExitStack() as stack:
        yield [stack.enter_context(serve(key=KEY, **behaviour)) for _ in range(number)]


def test_requests_are_shared_out_and_the_journal_says_who_answered(
    home: Home, contract: Contract
) -> None:
    with serving(3, slowness=0.1) as servers:
        urls = [server.base_url for server in servers]
        work, responses, told = ask(home, plan(contract, urls, concurrency=2), 120)
    assert rows_in(responses) == 120
    assert servers_of(responses) == {s.base_url: s.count["answers"] for s in servers}
    assert min(servers_of(responses).values()) >= 5
    assert [server.count["most_in_flight"] for server in servers] == [2, 2, 2]
    assert told == []
    assert work.stopped_because is None
    land(home)
    found = query(home, "select server, count(*) from raw.llm_responses group by all")
    assert dict(found) == servers_of(responses)


def test_an_entry_of_llms_yml_names_several_servers(tmp_path: Path) -> None:
    entry = {
        **{"provider": "openai", "model": "m", "wire_format": "csv_constrained"},
        **{"rows_per_request": 5, "concurrency": 3, "base_urls": ["http://a/v1", "http://b/v1"]},
    }
    (tmp_path / "llms.yml").write_text(json.dumps({"fleet": entry}))
    llm = load_llm("fleet", tmp_path)
    assert llm.slots == 6
    assert {llm: "known"}[load_llm("fleet", tmp_path)]


def test_a_server_that_is_killed_loses_no_row_and_is_left_out(
    home: Home, contract: Contract
) -> None:
    with ExitStack() as stack:
        there = [stack.enter_context(in_a_process(slowness=0.2)) for _ in range(3)]
        urls = [url for url, _ in there]
        threading.Timer(1.0, there[0][1].kill).start()
        work, responses, told = ask(home, plan(contract, urls, concurrency=4), 150)
    broken = [one for one in responses if one["finish_reason"] == "broken"]
    assert rows_in(responses) >= 150
    assert work.stopped_because is None
    assert len({one["request_number"] for one in responses}) == len(responses)
    assert len(broken) + work.unanswered <= 4  # what was in flight there, and no more
    assert f"{urls[0]} is left out for" in told[0]
    assert not any(f"{url} is left out" in line for url in urls[1:] for line in told)


def test_a_server_that_was_down_is_tried_again(home: Home, contract: Contract) -> None:
    with serving(1, slowness=0.2) as (up,), ExitStack() as stack:
        url = free_address()
        later = threading.Timer(1.0, lambda: stack.enter_context(serve_at(url, slowness=0.2)))
        later.start()
        _, responses, told = ask(home, plan(contract, [up.base_url, url], concurrency=2), 300)
        later.join()
    assert rows_in(responses) == 300
    assert servers_of(responses)[url] > 5
    why = f"gpt-4o cannot be reached at {url}. Check base_url."
    assert re.fullmatch(rf"{url} is left out for (a second|\d seconds): {re.escape(why)}", told[0])
    assert told[-1] == f"{url} answers again"


def test_the_silence_of_one_server_is_told_while_others_talk(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generators.asking.scheduler._TOLD_FROM_SECONDS", 0.5)
    with serving(1, slowness=0.1) as (well,), serving(1, faults=["hang"] * 9) as (mute,):
        urls = [well.base_url, mute.base_url]
        run = plan(contract, urls, concurrency=2, timeout_seconds=3)
        _, responses, told = ask(home, run, 100)
    assert rows_in(responses) >= 100
    said = (
        rf"{mute.base_url} of gpt-4o said nothing for \d seconds; answers under way: \d, given up "
    )
    assert re.match(said, told[0])


def test_a_server_that_fails_at_each_request_is_left_out(home: Home, contract: Contract) -> None:
    with serving(1, slowness=0.1) as (well,), serving(1, fault_rate=1, random_faults=(500,)) as bad:
        urls = [well.base_url, bad[0].base_url]
        work, responses, told = ask(home, plan(contract, urls, concurrency=2), 200)
    assert work.stopped_because is None
    assert rows_in(responses) == 200
    assert servers_of(responses) == {well.base_url: 40}
    assert 3 <= len(bad[0].requests) <= 12
    assert f"{urls[1]} is left out for" in told[0]


def test_a_server_that_is_overloaded_is_asked_for_less_and_not_left_out(
    home: Home, contract: Contract
) -> None:
    with serving(2, fault_rate=0.2, random_faults=(429,), retry_after=0.01) as servers:
        urls = [server.base_url for server in servers]
        work, responses, told = ask(home, plan(contract, urls, concurrency=4), 200)
    assert rows_in(responses) == 200
    assert work.stopped_because is None
    assert told == []


def test_a_server_that_refuses_the_key_is_asked_no_more(home: Home, contract: Contract) -> None:
    with serving(1, slowness=0.1) as (well,), serve(key="sk-other") as other:
        urls = [other.base_url, well.base_url]
        work, responses, told = ask(home, plan(contract, urls, concurrency=2), 100)
    assert rows_in(responses) == 100
    assert work.stopped_because is None
    assert told == [
        f"{other.base_url} is asked no more: gpt-4o refused the key in OPENAI_API_KEY. Check that "
        "it is valid."
    ]


def test_where_all_refuse_it_fails_as_one_does(home: Home, contract: Contract) -> None:
    with serve(key="sk-other") as one, serve(key="sk-other") as other:
        work, responses, _ = ask(home, plan(contract, [one.base_url, other.base_url]), 100)
    assert responses == []
    assert work.has_failed
    assert work.stopped_because.startswith("gpt-4o refused the key in OPENAI_API_KEY.")


def test_where_nobody_listens_it_fails_soon(home: Home, contract: Contract) -> None:
    urls = [NOBODY, NOBODY.replace("9", "19")]
    work, _, _ = ask(home, plan(contract, urls), 100)
    assert work.has_failed
    assert "Tried 3 times; run the same command again to go on." in work.stopped_because


def test_servers_of_different_models_are_refused(home: Home, contract: Contract) -> None:
    with (
        serve(key=KEY, models=("gpt-4o-2024-08-06",)) as one,
        serve(key=KEY, models=("b",)) as two,
        pytest.raises(SynthcareError) as raised,
    ):
        ask(home, plan(contract, [one.base_url, two.base_url]), 5)
    assert str(raised.value) == (
        f"The servers of 'gpt-4o' serve different models: {one.base_url} gpt-4o-2024-08-06; "
        f"{two.base_url} b. Name in base_urls of llms.yml those that serve gpt-4o-2024-08-06."
    )


@pytest.mark.parametrize(
    "models",
    [
        # All have it, beside others; a name of llama.cpp's own; one does not say.
        (("gpt-4o-2024-08-06", "a"), ("b", "gpt-4o-2024-08-06")),
        (("model.gguf",), ("model.gguf",)),
        (("a",), ()),
    ],
)
def test_servers_of_one_model_are_asked(
    home: Home, contract: Contract, models: tuple[tuple[str, ...], ...]
) -> None:
    with serve(key=KEY, models=models[0]) as one, serve(key=KEY, models=models[1]) as two:
        _, responses, _ = ask(home, plan(contract, [one.base_url, two.base_url]), 20)
    assert rows_in(responses) == 20


def test_a_server_that_is_down_is_no_hindrance_to_a_slow_one(
    home: Home, contract: Contract
) -> None:
    with serving(1, slowness=2) as (slow,):
        run = plan(contract, [slow.base_url, NOBODY], concurrency=1)
        work, responses, _ = ask(home, run, 15)
    assert work.stopped_because is None
    assert rows_in(responses) == 15


def test_a_server_that_is_always_overloaded_is_no_hindrance(home: Home, contract: Contract) -> None:
    with (
        serving(1, slowness=0.1) as (well,),
        serving(1, fault_rate=1, random_faults=(503,), retry_after=0) as (sick,),
    ):
        run = plan(contract, [sick.base_url, well.base_url], concurrency=2)
        work, responses, told = ask(home, run, 80)
    assert work.stopped_because is None
    assert rows_in(responses) == 80
    assert f"{sick.base_url} is left out for a second: gpt-4o answered 503" in told[0]


def test_no_secret_of_an_address_is_written_down(home: Home, contract: Contract) -> None:
    with serving(1, slowness=0.1) as (well,):
        # A password in an address is sent in place of the key, which the second one then refuses.
        secret = [url.replace("//", "//user:hunter2@") for url in (well.base_url, NOBODY)]
        urls = [well.base_url.replace("127.0.0.1", "localhost"), *secret]
        _, responses, told = ask(home, plan(contract, urls, concurrency=1), 15)
    assert rows_in(responses) == 15
    assert "hunter2" not in json.dumps(responses) + str(told)
    assert f"{well.base_url} is asked no more" in str(told)
    assert f"{NOBODY} is left out" in str(told)
    for path in home.landing.rglob("*.jsonl"):
        assert "hunter2" not in path.read_text()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"base_urls": []}, "is no list of addresses"),
        ({"base_urls": ["http://a", "http://a/"]}, "is no list of addresses, each once"),
        ({"base_urls": ["http://a?x=1", "http://a?x=2"]}, "is no list of addresses, each once"),
        (
            {"base_urls": ["http://a", "gpu-1:8000/v1"]},
            "http://gpu-1:8000/v1: number 2 is none",
        ),
        ({"base_urls": ["http://gpu-1:800O/v1"]}, "number 1 is none"),
        ({"base_urls": ["htp://me:pass@gpu-1?key=k"]}, r"v1: number 1 is none\.$"),
        ({"base_urls": ["http://[127.0.0.1/v1"]}, "is no list of addresses"),
        ({"base_urls": ["http://a"], "base_url": "http://b"}, "base_urls and base_url, which"),
        ({"base_urls": ["http://a"], "api_version": "1"}, "base_urls and api_version, which"),
        ({"base_urls": ["http://a"], "provider": "llama"}, "go with provider openai only"),
    ],
)
def test_an_entry_that_contradicts_itself_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SynthcareError, match=said):
        replace(load_llm("gpt-4o"), **changes)


def free_address() -> str:
    with serve(key=KEY) as server:
        return server.base_url


@contextmanager
def serve_at(url: str, **behaviour: Any) -> Iterator[StandIn]:
    with serve(key=KEY, port=urlsplit(url).port, **behaviour) as server:
        yield server


@contextmanager
def in_a_process(**behaviour: Any) -> Iterator[tuple[str, subprocess.Popen]]:
    """The address of a stand-in that can be killed, and its process."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.loopback", json.dumps(behaviour | {"key": KEY})],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process.stdout.readline().strip(), process
        process.send_signal(signal.SIGKILL)
