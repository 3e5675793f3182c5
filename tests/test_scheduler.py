"""The scheduler and its journal against a stand-in that limits, fails, cuts off and bills."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from generators.budget import Budget
from generators.contract import Contract
from generators.engine import open_asker
from generators.home import Home
from generators.journal import Journal
from generators.llms import load_llm
from generators.prices import BATCH, STANDARD, load_price
from generators.runs import Run, plan_run
from generators.work import CAP_REACHED, Work
from tests.stand_in import StandIn, serve

KEY = "sk-test"
MODEL = "gpt-4o-2024-08-06"


@dataclass
class Asked:
    """What one session of asking left behind."""

    work: Work
    budget: Budget
    responses: list[dict[str, Any]]


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generators.scheduler._FIRST_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr("generators.batches._FIRST_POLL_SECONDS", 0.05)


@contextmanager
def openai(monkeypatch: pytest.MonkeyPatch, **behaviour: Any) -> Iterator[StandIn]:
    """A stand-in that gpt-4o is asked at."""
    with serve(key=KEY, **behaviour) as server:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        yield server


def plan(contract: Contract, *, is_batch: bool = False, **changes: Any) -> Run:
    return plan_run(
        contract,
        load_llm("gpt-4o").changed(**changes),
        prompt_level="improved",
        instruction_level="basic",
        seed=1,
        reference_sha256="",
        price_tier=BATCH if is_batch else STANDARD,
    )


def ask(home: Home, run: Run, rows: int, max_usd: float | None = None) -> Asked:
    """One session: ask for rows, as often as it takes to end."""

    async def session() -> None:
        async with open_asker(home, run, budget) as asker:
            await asker(work, rows)

    with Journal(home.landing / run.run_id, run.as_row()) as journal:
        work = Work(run, journal, 0, lambda *_: None)
        budget = Budget(max_usd, spent=work.usd_before())
        asyncio.run(session())
    return Asked(work, budget, lines(home, run, "responses"))


def lines(home: Home, run: Run, name: str) -> list[dict[str, Any]]:
    path = home.landing / run.run_id / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def billed(server: StandIn, tier: str = STANDARD) -> float:
    """What the stand-in wrote, at OpenAI's price."""
    return load_price(MODEL, tier).usd(
        input_tokens=server.count["input_tokens"], output_tokens=server.count["output_tokens"]
    )


def usd(responses: list[dict[str, Any]], tier: str = STANDARD) -> float:
    return load_price(MODEL, tier).usd(
        input_tokens=sum(response["input_tokens"] for response in responses),
        output_tokens=sum(response["output_tokens"] for response in responses),
    )


def rows_asked(body: dict[str, Any]) -> int:
    return int(body["messages"][-1]["content"].split("Write ")[-1].split()[0])


def test_every_request_has_a_slice_of_its_own(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openai(monkeypatch) as server:
        asked = ask(home, plan(contract, rows_per_request=5), 102)
    messages = [body["messages"] for _, _, body in server.requests]
    assert len({message[0]["content"] for message in messages}) == 1
    assert len({message[1]["content"] for message in messages}) == len(messages) == 21
    assert sorted(rows_asked(body) for _, _, body in server.requests) == [2] + 20 * [5]
    slices = [response["slice_text"] for response in asked.responses]
    assert all(one in str(messages) for one in slices)
    assert len({one.split(".")[0] for one in slices}) == 21  # letters of the first identifier
    for column in contract.columns:
        assert column.label in slices[0]
    first_genders = {gender for one in slices for gender in ("Male", "Female") if gender in one}
    assert first_genders == {"Male", "Female"}
    prefix = messages[0][1]["content"].split("Each Name")[0]
    assert all(message[1]["content"].startswith(prefix) for message in messages)


def test_faults_of_all_kinds_lose_nothing_and_cost_nothing_twice(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = (429, 500, 503, 408, 409, "dropped", "cut", "prose")
    with openai(monkeypatch, fault_rate=0.3, random_faults=faults, retry_after=0.01) as server:
        asked = ask(home, plan(contract, rows_per_request=5), 300)
    assert asked.work.stopped_because is None
    assert sum(response["rows_requested"] for response in asked.responses) == 300
    assert len({response["request_number"] for response in asked.responses}) == len(asked.responses)
    assert len(asked.responses) == server.count["answers"]
    assert len(server.requests) > len(asked.responses)
    assert usd(asked.responses) == pytest.approx(billed(server))


def test_answers_that_were_lost_are_reported_and_count_against_the_cap(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = plan(contract, rows_per_request=5)
    with openai(monkeypatch, faults=["lost", "broken", 500]) as server:
        asked = ask(home, run, 50, max_usd=1)
    assert len(asked.responses) == 10
    assert server.count["answers"] == 12
    assert asked.work.unanswered == 2
    ended = [line["ended"] for line in lines(home, run, "requests") if "ended" in line]
    assert sorted(ended) == ["lost", "lost", "refused"]
    assert billed(server) < asked.budget.spent < 2 * billed(server)
    with Journal(home.landing / run.run_id, run.as_row()) as journal:
        assert journal.usd(run.price) == pytest.approx(asked.budget.spent)
        assert journal.dispatches.killed == 0


@pytest.mark.parametrize("fault", [400, 403, 404, 422, "quota"])
def test_what_no_retry_mends_is_sent_once(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch, fault: int | str
) -> None:
    with openai(monkeypatch, faults=[fault]) as server:
        asked = ask(home, plan(contract, concurrency=1), 500)
    assert len(server.requests) == 1
    assert asked.work.has_failed
    assert "gpt-4o" in asked.work.stopped_because or "has no model" in asked.work.stopped_because
    assert asked.budget.spent == 0


def test_what_is_under_way_at_a_failure_is_still_received(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openai(monkeypatch, faults=["cut", 400], slowness=0.1) as server:
        asked = ask(home, plan(contract, rows_per_request=5, concurrency=4), 500)
    assert asked.work.has_failed
    assert len(asked.responses) == server.count["answers"] >= 1


def test_a_provider_that_never_recovers_is_given_up(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openai(monkeypatch, fault_rate=1.0, random_faults=(500,)) as server:
        asked = ask(home, plan(contract, rows_per_request=5), 5)
    assert len(server.requests) == 8
    assert "Tried 8 times; run the same command again" in asked.work.stopped_because


def test_a_provider_that_asks_to_wait_hears_of_no_other_request_meanwhile(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openai(monkeypatch, faults=[429], retry_after=0.5) as server:
        ask(home, plan(contract, rows_per_request=5, concurrency=1), 15)
    assert len(server.arrived) == 4
    assert server.arrived[1] - server.arrived[0] >= 0.49


def test_the_reserve_covers_the_prompt_and_all_the_room(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = plan(contract)
    with openai(monkeypatch) as server:
        asked = ask(home, run, 50, max_usd=1)
    ((_, _, body),) = server.requests
    most = run.price.usd(
        input_tokens=server.count["input_tokens"], output_tokens=body["max_completion_tokens"]
    )
    assert most < asked.work.usd_at_most(asked.work.request(1, 50)) < 1.2 * most


def test_a_provider_that_asks_for_a_long_wait_is_not_waited_for(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openai(monkeypatch, faults=[429], retry_after=7200) as server:
        asked = ask(home, plan(contract), 50)
    assert len(server.requests) == 1
    assert "gpt-4o asks to wait for 120 minutes" in asked.work.stopped_because


def test_after_an_answer_that_was_cut_off_fewer_rows_are_asked_for(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openai(monkeypatch, faults=["cut"]) as server:
        asked = ask(home, plan(contract, rows_per_request=20, concurrency=1), 100)
    assert [rows_asked(body) for _, _, body in server.requests] == [20] + 8 * [10]
    rooms = [body["max_completion_tokens"] for _, _, body in server.requests]
    assert rooms[1] == pytest.approx(rooms[0], abs=64)  # for half as many rows
    assert [response["finish_reason"] for response in asked.responses][:2] == ["length", "stop"]


def test_a_limit_that_only_the_provider_knows_is_kept(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openai(monkeypatch, requests_per_minute=1200) as server:
        asked = ask(home, plan(contract, rows_per_request=1, concurrency=16), 1250)
    assert len(asked.responses) == server.count["answers"] == 1250
    assert server.count["over_limit"] <= 0.01 * len(server.requests)


def test_a_refusal_for_a_limit_is_waited_out(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All requests go at once, before the first answer can tell of the limit."""
    with openai(monkeypatch, tokens_per_minute=57_000, slowness=0.01) as server:
        asked = ask(home, plan(contract, rows_per_request=50, concurrency=64), 500)
    assert server.count["over_limit"] > 0
    assert len(asked.responses) == server.count["answers"] == 10


@pytest.mark.parametrize("max_usd", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("is_batch", [False, True])
def test_the_cap_is_never_exceeded(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch, max_usd: float, is_batch: bool
) -> None:
    run = plan(contract, rows_per_request=10, is_batch=is_batch)
    with openai(monkeypatch, fault_rate=0.1, random_faults=("cut", "prose", 500)) as server:
        asked = ask(home, run, 2000, max_usd=max_usd)
        assert asked.work.stopped_because == CAP_REACHED
        spent = billed(server, run.price_tier)
        assert max_usd - asked.work.usd_of_one(2000) < spent <= max_usd
        assert asked.budget.spent == pytest.approx(spent)
        # The cap holds for all sessions together.
        again = ask(home, run, 2000, max_usd=max_usd)
        assert again.work.stopped_because == CAP_REACHED
        assert billed(server, run.price_tier) <= max_usd


def test_a_kill_is_told_with_what_it_may_have_cost(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = plan(contract, rows_per_request=10)
    with openai(monkeypatch):
        ask(home, run, 50)
        path = home.landing / run.run_id / "requests.jsonl"
        # Three more were sent; of the last, half a line was written, so it was not.
        whole = path.read_text()
        sent = [json.dumps({"request_number": n, "usd_at_most": 0.01}) for n in (6, 7, 8)]
        path.write_text(whole + "\n".join(sent)[:-5])
        with Journal(home.landing / run.run_id, run.as_row()) as journal:
            assert journal.dispatches.killed == 2
            assert journal.dispatches.unsettled.usd_at_most == pytest.approx(0.02)
        asked = ask(home, run, 10, max_usd=5)
    assert asked.work.journal.dispatches.killed == 0  # it was told once
    assert [response["request_number"] for response in asked.responses][-1] == 8
    assert asked.budget.spent == pytest.approx(usd(asked.responses) + 0.02)


def test_a_batch_brings_what_single_requests_bring_at_half_the_price(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    single, batch = plan(contract), plan(contract, is_batch=True)
    assert single.run_id != batch.run_id
    with openai(monkeypatch):
        at_once = ask(home, single, 500)
    with openai(monkeypatch, batch_seconds=0.2) as server:
        later = ask(home, batch, 500)
    assert len(server.batches) == 1
    assert later.work.stopped_because is None
    key = "request_number"
    pairs = zip(
        sorted(at_once.responses, key=lambda one: one[key]),
        sorted(later.responses, key=lambda one: one[key]),
        strict=True,
    )
    for one, other in pairs:
        assert one["slice_text"] == other["slice_text"]
        assert one["rows_requested"] == other["rows_requested"] == 50
    spent = billed(server, BATCH)
    assert spent == pytest.approx(billed(server) / 2)
    assert later.budget.spent == pytest.approx(spent)
    assert later.budget.reserved == pytest.approx(0)


@pytest.mark.parametrize("lost", ["its id", "its answers", "its end"])
def test_a_batch_is_picked_up_after_a_kill_and_not_submitted_again(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    run = plan(contract, is_batch=True)
    with openai(monkeypatch) as server:
        done = ask(home, run, 500)
        folder = home.landing / run.run_id
        kept = (folder / "batches.jsonl").read_text().splitlines(keepends=True)
        (folder / "batches.jsonl").write_text("".join(kept[: 1 if lost == "its id" else 2]))
        if lost != "its end":  # killed while it wrote them
            answers = (folder / "responses.jsonl").read_text().splitlines(keepends=True)
            (folder / "responses.jsonl").write_text("".join(answers[:3]))
        again = ask(home, run, 350 if lost != "its end" else 0, max_usd=1)
    assert len(server.batches) == 1
    assert server.count["answers"] == 10
    assert sorted(response["response_id"] for response in again.responses) == sorted(
        response["response_id"] for response in done.responses
    )
    assert again.budget.spent == pytest.approx(billed(server, BATCH))
    assert lines(home, run, "batches")[-1]["status"] == "completed"


def test_a_batch_that_never_reached_the_provider_is_forgotten(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = plan(contract, is_batch=True)
    with openai(monkeypatch) as server:
        ask(home, run, 100)
        server.batches.clear()
        path = home.landing / run.run_id / "batches.jsonl"
        begun = json.loads(path.read_text().splitlines()[0]) | {"token": "another"}
        path.write_text(path.read_text() + json.dumps(begun) + "\n")
        again = ask(home, run, 100)
    assert again.work.stopped_because is None
    assert len(again.responses) == 4
    ended = [line["status"] for line in lines(home, run, "batches") if line["status"]]
    assert ended == ["completed", "never submitted", "completed"]


def test_a_batch_that_cannot_be_asked_after_holds_no_reserve(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the other LLMs under the same cap would wait for it for ever."""
    run = plan(contract, is_batch=True)
    with openai(monkeypatch) as server:
        monkeypatch.setattr(server, "key_of_batches", "another")
        asked = ask(home, run, 100, max_usd=1)
        assert "refused the key in OPENAI_API_KEY" in asked.work.stopped_because
        assert asked.budget.reserved == pytest.approx(0)
        assert asked.budget.spent == pytest.approx(asked.work.usd_before())
        monkeypatch.setattr(server, "key_of_batches", KEY)
        again = ask(home, run, 100, max_usd=1)
    assert len(server.batches) == 1
    assert again.budget.spent == pytest.approx(billed(server, BATCH))


def test_an_expired_batch_brings_what_it_has(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = [500, 500]
    with openai(monkeypatch, batch_status="expired", faults=faults) as server:
        asked = ask(home, plan(contract, is_batch=True), 500)
    assert asked.work.stopped_because is None
    assert len(asked.responses) == server.count["answers"] == 8


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ({"batch_status": "failed"}, "has failed: the file is no good"),
        ({"fault_rate": 1.0, "random_faults": (400,)}, "has completed: try again"),
    ],
)
def test_a_batch_that_brings_nothing_says_why(
    home: Home,
    contract: Contract,
    monkeypatch: pytest.MonkeyPatch,
    behaviour: dict[str, Any],
    said: str,
) -> None:
    run = plan(contract, is_batch=True)
    with openai(monkeypatch, **behaviour):
        asked = ask(home, run, 500, max_usd=1)
    assert asked.work.has_failed
    assert said in asked.work.stopped_because
    assert asked.budget.spent == asked.budget.reserved == 0


def test_the_key_is_in_no_file(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "sk-secret-0123456789"
    with serve(key=key, faults=[500, "broken"]) as server:
        monkeypatch.setenv("OPENAI_API_KEY", key)
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        for is_batch in (False, True):
            ask(home, plan(contract, is_batch=is_batch), 100)
    files = [path for path in Path(home.root).rglob("*") if path.is_file()]
    assert len(files) == 8
    assert not [path for path in files if key.encode() in path.read_bytes()]
