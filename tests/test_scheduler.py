"""The scheduler and its journal against a stand-in that limits, fails, cuts off and bills."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from generators.asking.engine import open_asker
from generators.asking.llms import load_llm
from generators.asking.runs import COST, TIME, Run, plan_run
from generators.asking.sizes import Sizes
from generators.asking.work import CAP_REACHED, Work
from generators.costs.budget import Budget
from generators.costs.prices import BATCH, STANDARD, load_price
from generators.home import Home
from generators.landing.journal import Journal
from generators.providers import Completion
from generators.variety import NONE, SLICES
from generators.wire_formats import max_tokens
from synthcare.contracts.contract import Contract
from tests.loopback import StandIn, serve

KEY = "sk-test"
MODEL = "gpt-4o-2024-08-06"


@dataclass
class Asked:
    """What one session of asking left behind.

    `received` is how many rows each answer was taken to hold, `told` what a person was told.
    """

    work: Work
    budget: Budget
    responses: list[dict[str, Any]]
    received: list[int]
    told: list[str]


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generators.asking.scheduler._FIRST_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr("generators.asking.batches._FIRST_POLL_SECONDS", 0.05)


@contextmanager
def openai(monkeypatch: pytest.MonkeyPatch, **behaviour: Any) -> Iterator[StandIn]:
    """A stand-in that gpt-4o is asked at."""
    with serve(key=KEY, **behaviour) as server:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        yield server


def plan(
    contract: Contract,
    *,
    is_batch: bool = False,
    variety: str = SLICES,
    prefer: str = COST,
    **changes: Any,
) -> Run:
    return plan_run(
        contract,
        load_llm("gpt-4o").changed(**changes),
        prompt_level="improved",
        instruction_level="basic",
        variety=variety,
        prefer=prefer,
        seed=1,
        price_tier=BATCH if is_batch else STANDARD,
    )


def ask(
    home: Home,
    run: Run,
    *rounds: int,
    max_usd: float | None = None,
    is_until_told: bool = False,
) -> Asked:
    """One session: ask for the rows of each round; perhaps only until a person is told of it."""
    received: list[int] = []
    told: list[str] = []

    async def session() -> None:
        async with open_asker(home, run, budget, told.append) as asker:
            for rows in rounds:
                await asker(work, rows)

    async def until_told() -> None:
        asking = asyncio.create_task(session())
        while not told:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)  # in which nothing is told again
        asking.cancel()
        await asyncio.wait([asking])

    with Journal(home.landing / run.run_id, run.as_row()) as journal:
        work = Work(run, journal, 0, lambda _, rows: received.append(rows))
        budget = Budget(max_usd, spent=work.spent().at_most)
        asyncio.run(asyncio.wait_for(until_told() if is_until_told else session(), 120))
    return Asked(work, budget, lines(home, run, "responses"), received, told)


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


def rows_asked(server: StandIn) -> list[int]:
    """The rows of each request, in the order in which they came."""
    return [
        int(body["messages"][-1]["content"].split("Write ")[-1].split()[0])
        for path, _, body in server.requests
        if path.endswith("completions")
    ]


def fill_rooms(monkeypatch: pytest.MonkeyPatch, server: StandIn) -> None:
    """Let an answer with the fault `cut` be as long as its room."""
    answer = server.answer

    def filled(body: dict[str, Any], fault: int | str | None) -> tuple[str, str, int, int]:
        text, finish, prompt, written = answer(body, fault)
        return text, finish, prompt, body["max_completion_tokens"] if fault == "cut" else written

    monkeypatch.setattr(server, "answer", filled)


def test_every_request_has_a_slice_of_its_own(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openai(monkeypatch) as server:
        asked = ask(home, plan(contract, rows_per_request=5), 102)
    messages = [body["messages"] for _, _, body in server.requests]
    assert len({message[0]["content"] for message in messages}) == 1
    assert len({message[1]["content"] for message in messages}) == len(messages) == 21
    assert sorted(rows_asked(server)) == [2] + 20 * [5]
    slices = [response["slice_text"] for response in asked.responses]
    assert all(one in str(messages) for one in slices)
    assert len({one.split("Each Name ")[1] for one in slices}) == 21  # letters of the first one
    limited = [one.split(". Each ")[0].removeprefix("In every row: ").split("; ") for one in slices]
    assert {len(columns) for columns in limited} == {3}
    for column in contract.columns:
        assert column.label in " ".join(slices)
    assert {"Gender Male", "Gender Female"} <= {one for columns in limited for one in columns}
    prefix = messages[0][1]["content"].split("In every row")[0]
    assert all(message[1]["content"].startswith(prefix) for message in messages)


def test_faults_of_all_kinds_lose_nothing_and_cost_nothing_twice(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = (429, 500, 503, 408, 409, "dropped", "cut", "prose")
    with openai(monkeypatch, fault_rate=0.3, random_faults=faults, retry_after=0.01) as server:
        asked = ask(home, plan(contract, rows_per_request=5), 300)
    assert asked.work.stopped_because is None
    assert sum(asked.received) == 300  # what was cut off, or prose, was asked for again
    cut = [one for one in asked.responses if one["finish_reason"] == "length"]
    whole = sum(response["response_text"].count("\n") for response in asked.responses)
    assert 300 - len(cut) <= whole <= 300
    assert 300 < sum(response["rows_requested"] for response in asked.responses) <= 450
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
    assert server.count["answers"] == 12  # of which one was not read to its end
    assert asked.work.unanswered == 2
    ended = [line["ended"] for line in lines(home, run, "requests") if "ended" in line]
    assert sorted(ended) == ["lost", "lost", "refused"]
    assert billed(server) < asked.budget.spent < 2 * billed(server)
    with Journal(home.landing / run.run_id, run.as_row()) as journal:
        assert journal.spent(run.price).at_most == pytest.approx(asked.budget.spent)
        assert journal.spent(run.price).known == pytest.approx(usd(asked.responses))
        assert journal.killed == journal.saved == 0
    # Nor need the next session come to say it.
    assert asked.work.spent().at_most == pytest.approx(asked.budget.spent)


def test_an_answer_that_breaks_off_is_kept_and_the_rest_asked_for_at_once(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = plan(contract, rows_per_request=20, concurrency=1)
    with openai(monkeypatch, faults=["broken stream"]) as server:
        asked = ask(home, run, 40, max_usd=1)
    broken, *others = asked.responses
    assert broken["finish_reason"] == "broken"
    assert broken["input_tokens"] is broken["output_tokens"] is None
    whole = broken["response_text"].count("\n")
    assert 8 <= whole <= 11
    assert sum(rows_asked(server)) - 40 in (20 - whole, 20 - whole - 1)
    assert asked.work.endings == {"broken": 1, "stop": len(others)}
    assert asked.work.unanswered == 0
    # It may have cost as much as its room allows.
    reserved = lines(home, run, "requests")[0]["usd_at_most"]
    spent = asked.work.spent()
    assert spent.known == pytest.approx(usd(others))
    assert spent.at_most == pytest.approx(usd(others) + reserved)
    assert asked.budget.spent == pytest.approx(spent.at_most)
    assert spent.known < billed(server) < spent.at_most
    assert not list((home.landing / run.run_id).glob("streams/*"))


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


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_long_wait_is_told_at_once_and_once(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch, concurrency: int
) -> None:
    run = plan(contract, rows_per_request=5, concurrency=concurrency)
    with openai(monkeypatch, faults=8 * [429], retry_after=60) as server:
        asked = ask(home, run, 100, is_until_told=True)
    assert asked.told == ["gpt-4o waits 60 seconds to ask again: gpt-4o answered 429: try again."]
    assert len(server.requests) == concurrency


def test_a_short_wait_is_not_told(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openai(monkeypatch, faults=[429, 500, "lost"], retry_after=0.2):
        asked = ask(home, plan(contract, rows_per_request=5), 50)
    assert asked.told == []


def test_a_wait_for_limits_of_our_own_is_told(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openai(monkeypatch) as server:
        asked = ask(home, plan(contract, requests_per_minute=1), 100, is_until_told=True)
    said = "gpt-4o waits 60 seconds for its limits of requests and tokens a minute"
    assert asked.told == [said]
    assert len(server.requests) == 1


def test_a_long_silence_is_told(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generators.asking.scheduler._TOLD_FROM_SECONDS", 0.2)
    with openai(monkeypatch, faults=["hang", "hang"]):
        asked = ask(home, plan(contract, rows_per_request=5), 10, is_until_told=True)
    (said,) = asked.told
    assert re.fullmatch(
        r"gpt-4o has said nothing for \d seconds; answers under way: 2, given up after 600 seconds",
        said,
    )


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
    assert most < asked.work.usd_at_most(asked.work.request(1, 50, {})) < 1.2 * most


def test_a_provider_that_asks_for_a_long_wait_is_not_waited_for(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openai(monkeypatch, faults=[429], retry_after=7200) as server:
        asked = ask(home, plan(contract), 50)
    assert len(server.requests) == 1
    assert "gpt-4o asks to wait for 120 minutes" in asked.work.stopped_because


def test_after_an_answer_that_filled_its_room_fewer_rows_are_asked_for(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openai(monkeypatch, faults=["cut"]) as server:
        fill_rooms(monkeypatch, server)
        asked = ask(home, plan(contract, rows_per_request=20, concurrency=1), 100)
    # Half as many; and more again, because the next answers take less than half of their room.
    assert rows_asked(server)[:5] == [20, 10, 15, 20, 20]
    rooms = [body["max_completion_tokens"] for _, _, body in server.requests]
    assert rooms[1:5] == pytest.approx([rooms[0]] * 4, abs=64)
    assert [response["finish_reason"] for response in asked.responses][:2] == ["length", "stop"]
    assert sum(asked.received) == 100


def test_an_answer_that_was_cut_off_elsewhere_changes_no_size(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openai(monkeypatch, faults=["cut"]) as server:
        asked = ask(home, plan(contract, rows_per_request=20, concurrency=1), 100)
    missing = 20 - asked.received[0]
    assert 5 <= missing <= 8
    assert rows_asked(server) == 5 * [20] + [missing]  # which are asked for at once


@pytest.mark.parametrize("is_batch", [False, True])
def test_no_more_than_half_of_a_round_is_asked_for_again_before_dbt_has_counted(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch, is_batch: bool
) -> None:
    run = plan(contract, rows_per_request=5, is_batch=is_batch)
    with openai(monkeypatch, text="Certainly! Which rows do you want?") as server:
        asked = ask(home, run, 100)
    assert rows_asked(server) == 30 * [5]
    assert asked.received == 30 * [0]
    assert asked.work.stopped_because is None


def test_later_rounds_are_spread_over_the_slots(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openai(monkeypatch) as server:
        ask(home, plan(contract, concurrency=4), 200, 80, 30, 7)
    assert rows_asked(server) == 4 * [50] + 4 * [20] + 3 * [10] + [7]


def test_where_time_is_preferred_the_first_round_is_spread_too(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openai(monkeypatch) as server:
        ask(home, plan(contract, concurrency=10, prefer=TIME), 300)
    assert rows_asked(server) == 10 * [30]


def test_without_variety_all_requests_are_alike(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openai(monkeypatch, faults=["cut"]) as server:
        asked = ask(home, plan(contract, concurrency=1, variety=NONE), 120, 3)
    # 50 beyond what is wanted hold what the first answer lacked; the second round is one more.
    assert rows_asked(server) == 4 * [50]
    assert len({json.dumps(body["messages"]) for _, _, body in server.requests}) == 1
    assert {response["slice_text"] for response in asked.responses} == {None}


def answer(finish_reason: str, output_tokens: int | None, text: str = "") -> Completion:
    return Completion(text=text, finish_reason=finish_reason, output_tokens=output_tokens)


def test_sizes_shrink_where_the_room_was_filled_and_grow_back(contract: Contract) -> None:
    run = plan(contract)
    sizes = Sizes(run)
    sizes.begin(1_000)
    room = max_tokens(run.tokens_per_row, 50)
    assert (sizes.rows(1_000), sizes.rows(7), sizes.room(50)) == (50, 7, room)
    sizes.learn(50, room, answer("length", int(0.89 * room)))  # cut off by something else
    sizes.learn(50, room, answer("content_filter", room))
    assert sizes.rows(1_000) == 50
    sizes.learn(50, room, answer("length", int(0.9 * room) + 1))
    assert sizes.rows(1_000) == 25
    assert sizes.room(25) == pytest.approx(room, abs=64)
    # Others that were under way with as many rows, and say the same.
    sizes.learn(50, room, answer("length", room))
    assert sizes.rows(1_000) == 25
    sizes.learn(25, room, answer("length", room))
    assert sizes.rows(1_000) == 12
    assert sizes.room(12) == pytest.approx(room, abs=2 * run.tokens_per_row + 64)
    sizes.learn(12, room, answer("stop", room // 2 + 1))  # as long as they are, they stay so few
    assert sizes.rows(1_000) == 12
    for rows in (18, 27, 41, 50, 50):
        sizes.learn(12, room, answer("stop", room // 2 - 1))
        assert sizes.rows(1_000) == rows
    assert sizes.room(50) == room


def test_sizes_never_go_below_one_row(contract: Contract) -> None:
    sizes = Sizes(plan(contract, rows_per_request=3))
    sizes.begin(10)
    for rows in (3, 1, 1):
        sizes.learn(rows, sizes.room(rows), answer("length", sizes.room(rows)))
        assert sizes.rows(10) == 1


def test_sizes_count_for_themselves_what_a_provider_does_not_say(contract: Contract) -> None:
    sizes = Sizes(plan(contract))
    sizes.begin(1_000)
    sizes.learn(50, 1_000, answer("length", None, "one two three"))
    assert sizes.rows(1_000) == 50
    sizes.learn(50, 1_000, answer("length", None, "one " * 950))
    assert sizes.rows(1_000) == 25


def test_room_to_think_is_beside_that_of_the_rows(contract: Contract) -> None:
    run = plan(contract, reasoning_tokens=8_000)
    sizes = Sizes(run)
    sizes.begin(1_000)
    room = sizes.room(50)
    assert room == max_tokens(run.tokens_per_row, 50) + 8_000
    sizes.learn(50, room, answer("length", room))
    assert sizes.rows(1_000) == 25
    assert sizes.room(25) == pytest.approx(room, abs=64)
    # An answer that thinks takes more than half of what the rows have; one that does not, less.
    sizes.learn(25, room, answer("stop", 3_000))
    assert sizes.rows(1_000) == 25
    sizes.learn(25, room, answer("stop", 1_000))
    assert sizes.rows(1_000) == 38


def test_sizes_of_a_refill_are_spread_but_those_without_variety(contract: Contract) -> None:
    for variety, prefer, expected in (
        (SLICES, COST, (50, 25, 10, 50)),
        (SLICES, TIME, (50, 25, 10, 50)),
        (NONE, COST, (50, 50, 50, 50)),
        (NONE, TIME, (50, 50, 50, 50)),
    ):
        sizes = Sizes(plan(contract, variety=variety, prefer=prefer, concurrency=4))
        found = []
        for rows in (1_000, 100, 40, 4_000):
            sizes.begin(rows)
            sizes.begin(rows)  # as where the cap is looked at before
            found.append(sizes.take(rows))
        assert tuple(found) == expected
    # With time preferred, without variety too, and for all rounds alike.
    sizes = Sizes(plan(contract, variety=NONE, prefer=TIME, concurrency=4))
    sizes.begin(60)
    assert [sizes.take(60), sizes.take(4)] == [15, 15]
    sizes.begin(1_000)
    assert sizes.take(1_000) == 15


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
    with openai(monkeypatch, tokens_per_minute=38_000, slowness=0.01) as server:
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
        asked.work.begin(2000)
        # But for the words of its slice, the next request is the one that was too much.
        assert max_usd - 1.03 * asked.work.usd_of_next() < spent <= max_usd
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
            assert journal.killed == 2
            assert journal.dispatches.unsettled.usd_at_most == pytest.approx(0.02)
        asked = ask(home, run, 10, max_usd=5)
    assert asked.work.journal.killed == 0  # it was told once
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


def test_odd_lines_of_a_batch_lose_only_themselves(
    home: Home, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "a\u2028b"}]
    body = {"choices": [{"message": {"content": parts}, "finish_reason": "stop"}]}
    said = {"custom_id": "1-50", "response": {"status_code": 200, "body": body}}
    odd = (
        *('{"custom_id": "1-5', "[]", "5", '{"custom_id": null}', '{"custom_id": "first"}'),
        '{"custom_id": "2-50", "response": "late"}',
        '{"custom_id": "99-50", "response": {"status_code": 200, "body": null}}',
        json.dumps(said, ensure_ascii=False),
    )
    with openai(monkeypatch, batch_lines=odd):
        asked = ask(home, plan(contract, is_batch=True), 100)
    texts = {line["request_number"]: line["response_text"] for line in asked.responses}
    assert texts[1] == "<think>\nHm\n</think>\na\u2028b"
    assert set(texts) <= {1, 2, 3, 4}
    assert texts[2].count("\n") >= 49
    assert "that cannot be read: 5" in asked.told[0]


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
        assert asked.budget.spent == pytest.approx(asked.work.spent().at_most)
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
