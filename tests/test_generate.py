"""Plans, caps, kills and grids, as a user meets them on the command line."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from generators.home import Home
from synthcare.project import PROJECT
from tests.driver import cli, query
from tests.loopback import StandIn, serve

KEY = "sk-test"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    with serve(key=KEY) as stand_in:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", stand_in.base_url)
        yield stand_in


def test_a_plan_says_what_will_be_needed_and_asks_for_nothing(home: Home, server: StandIn) -> None:
    grid = ["--llm", "gpt-4o", "--llm", "holdout", "--prompt", "all", "--instructions", "all"]
    planned = cli("plan", *grid, "--rows", 200, "--json")
    assert planned.exit_code == 0, planned.output
    assert server.requests == []
    assert not home.landing.exists()
    plan = json.loads(planned.stdout)
    assert len(plan["runs"]) == 10
    assert plan["total"]["requests"] == 9 * 4
    assert plan["total"]["seconds"] > 0
    one = ["--llm", "gpt-4o", "--prompt", "improved", "--instructions", "basic"]
    assert cli("generate", *one, "--rows", 200).exit_code == 0
    run_id, cell = next(item for item in plan["runs"].items() if "improved-basic" in item[0])
    tokens = query(
        home,
        "select responses, input_tokens, output_tokens, cost_usd from marts.generation_runs"
        f" where run_id = '{run_id}'",
    )
    planned_cell = (
        cell["requests"],
        pytest.approx(cell["input_tokens"], rel=0.05),
        pytest.approx(cell["output_tokens"], rel=0.05),
        pytest.approx(cell["cost_usd"], rel=0.05),
    )
    assert tokens == [planned_cell]
    # What is there already is not planned again.
    again = cli("plan", *one, "--rows", 250, "--json")
    assert json.loads(again.stdout)["total"]["requests"] == 1
    shown = cli("plan", *grid, "--rows", 200, "--max-usd", "0.7").stdout
    cost, time = shown.split("What is still to be asked for, with --prefer ")[1:]
    assert cost.startswith("cost\n")
    assert time.startswith("time\n")
    advanced = r"gpt-4o advanced/basic/slices +200"
    assert re.search(advanced + r" +4 +4,\d\d\d +6,4\d\d +0.07 +20 s", cost)
    assert re.search(advanced + r" +20 +2\d,\d\d\d +6,4\d\d +0.12 +4 s", time)
    # It is said of what would reach it.
    assert "--max-usd 0.7 will be reached before the rows are" not in cost
    assert "--max-usd 0.7 will be reached before the rows are" in time


def test_a_plan_says_what_time_costs(home: Home, server: StandIn) -> None:
    one = ["--llm", "gpt-4o", "--rows", 200, "--json"]
    plans = {prefer: json.loads(cli("plan", *one, "--prefer", prefer).stdout)
             for prefer in ("cost", "time")}  # fmt: skip
    requests = {
        prefer: {of: plan["prefer"][of]["total"]["requests"] for of in ("cost", "time")}
        for prefer, plan in plans.items()
    }
    assert requests == {"cost": {"cost": 4, "time": 20}, "time": {"cost": 4, "time": 20}}
    for prefer, plan in plans.items():
        (run,) = plan["runs"].values()
        assert run == plan["total"] == plan["prefer"][prefer]["total"]
        assert plan["runs"] == plan["prefer"][prefer]["runs"]
    done = cli("generate", *one, "--prefer", "time")
    assert done.exit_code == 0, done.output
    assert list(json.loads(done.stdout)["runs"]) == list(plans["time"]["runs"])
    assert len(server.requests) == 20


@pytest.mark.parametrize("capped", [[], ["--max-usd", "5"]])
def test_a_cap_changes_nothing_else(home: Home, server: StandIn, capped: list[str]) -> None:
    assert cli("generate", "--llm", "gpt-4o", "--rows", 200, *capped).exit_code == 0
    assert len(server.requests) == 4


def test_the_ledger_splits_the_cost_as_the_provider_billed_it(home: Home, server: StandIn) -> None:
    for batch in ([], ["--batch"]):
        before = dict(server.count)
        done = cli("generate", "--llm", "gpt-4o", "--rows", 100, "--json", *batch)
        assert done.exit_code == 0, done.output
        (run,) = json.loads(done.stdout)["ledger"]
        share = 0.5 if batch else 1
        written = server.count["output_tokens"] - before.get("output_tokens", 0)
        read = server.count["input_tokens"] - before.get("input_tokens", 0)
        assert run["output_usd_per_1000_rows"] == pytest.approx(10 * share * written * 10 / 1e6)
        assert run["input_usd_per_1000_rows"] == pytest.approx(10 * share * read * 2.5 / 1e6)
        assert run["usd_per_1000_rows"] == pytest.approx(
            run["input_usd_per_1000_rows"] + run["output_usd_per_1000_rows"]
        )
        assert run["tokens_per_row"] == pytest.approx((written + read) / 100)
        assert run["price_tier"] == ("batch" if batch else "standard")


def test_a_model_without_a_price_costs_null_and_only_on_request(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    llama = ["generate", "--llm", "llama-4-maverick", "--rows", 10]
    refused = cli(*llama)
    assert refused.exit_code == 2
    assert "llms_prices" not in refused.stderr
    assert "seeds/llm_prices.csv has no standard price of Llama-4" in refused.stderr
    capped = cli(*llama, "--no-price", "--max-usd", 1)
    assert capped.exit_code == 2
    assert "--max-usd cannot be kept: llama-4-maverick has no price" in capped.stderr
    with serve(key=KEY) as server:
        monkeypatch.setenv("LLAMA_API_KEY", KEY)
        monkeypatch.setenv("LLAMA_API_CLIENT_BASE_URL", server.base_url)
        done = cli(*llama, "--no-price", "--json")
    (run,) = json.loads(done.stdout)["ledger"]
    assert run["rows_accepted"] == 10
    assert run["output_tokens"] > 0
    assert run["cost_usd"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--max-usd", "0.001"], "--max-usd 0.001 is too little: one request of gpt-4o"),
        (["--max-usd", "0"], "0.0 is not in the range x>0"),
        (
            ["--llm", "smollm2", "--batch"],
            "--batch is OpenAI's, and 'smollm2' has provider 'local'",
        ),
        (["--llm", "llama-4-maverick", "--batch"], "'llama-4-maverick' has provider 'llama'"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_sent(
    home: Home, server: StandIn, arguments: list[str], said: str
) -> None:
    refused = cli("generate", "--llm", "gpt-4o", "--rows", 10, *arguments)
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert "Traceback" not in refused.output
    assert server.requests == []
    assert not list(home.landing.glob("*"))


def test_the_cap_ends_a_run_and_says_so(home: Home, server: StandIn) -> None:
    capped = ["generate", "--llm", "gpt-4o", "--rows", 2000, "--rows-per-request", 10]
    done = cli(*capped, "--max-usd", "0.2", "--json")
    assert done.exit_code == 0, done.output
    (run,) = json.loads(done.stdout)["runs"].values()
    assert run["stopped_because"] == "the spend cap allows no further request"
    ((spent, accepted),) = query(home, "select cost_usd, rows_accepted from marts.generation_runs")
    assert 0.18 < spent <= 0.2
    assert 200 < accepted < 2000


def test_a_few_rejected_rows_are_no_reason_to_give_up(home: Home, server: StandIn) -> None:
    """The first answer holds no accepted row, but too few rows to judge by."""
    server.faults.append("too old")
    done = cli("generate", "--llm", "gpt-4o", "--rows", 1, "--format", "csv", "--json")
    (run,) = json.loads(done.stdout)["runs"].values()
    assert run["stopped_because"] is None
    assert run["accepted"] >= 1
    assert len(server.requests) > 1


def test_one_llm_that_fails_does_not_stop_the_others(
    home: Home, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "wrong")
    grid = ["--llm", "gpt-4o", "--llm", "independent", "--llm", "holdout", "--prompt", "all"]
    done = cli("generate", *grid, "--rows", 1500)
    assert done.exit_code == 2
    assert done.stderr.count("Error: gpt-4o refused the key in OPENAI_API_KEY") == 1
    assert "gpt-4o basic/improved/slices: stopped at 0 accepted of 1500" in done.stdout
    assert re.search(r"independent +1,500 +1,500", done.stdout)
    assert re.search(r"holdout +1,500 +1,500", done.stdout)


def test_a_corrupt_line_is_named_and_nothing_is_sent(home: Home, server: StandIn) -> None:
    generate = ["generate", "--llm", "gpt-4o", "--rows", 10]
    assert cli(*generate).exit_code == 0
    (folder,) = home.landing.iterdir()
    for name in ("responses", "requests", "batches"):
        path = folder / f"{name}.jsonl"
        kept = path.read_bytes()
        path.write_bytes(b"{}\n" + kept)
        refused = cli(*generate)
        assert refused.exit_code == 2
        assert f"{name}.jsonl, line 1, is no entry of a journal" in refused.stderr
        assert path.read_bytes() == b"{}\n" + kept
        path.write_bytes(kept)
    assert cli(*generate).exit_code == 0
    assert len(server.requests) == 1


def test_kill_9_loses_no_more_than_half_a_row_of_each_answer(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["generate", "--llm", "gpt-4o", "--rows", "600", "--rows-per-request", "5"]
    command += ["--concurrency", "8"]
    with serve(key=KEY, slowness=0.2) as server:
        environment = os.environ | {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.base_url}
        said = []
        for _ in range(2):
            before = server.count["rows_billed"]
            process = subprocess.Popen(
                [sys.executable, "-m", "generators", *command],
                cwd=PROJECT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            # Eight at once are five rows each: that is amid the second eight.
            wait_for(lambda least=before + 60: server.count["rows_billed"] >= least, process)
            process.send_signal(signal.SIGKILL)
            said.append(process.communicate()[0])
            assert process.returncode == -signal.SIGKILL
        wait_for(lambda: server.in_flight == 0)
        journalled = answers_of(home)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        done = cli(*command)
        said.append(done.output)
    assert done.exit_code == 0, done.output
    after = answers_of(home)
    assert [one for one in after if one in journalled] == journalled  # none lost
    # What had come of the answers in flight is kept: all rows but for what was on its way.
    killed = sum(in_flight(one) for one in said)
    kept = [one for one in after if one["finish_reason"] == "broken"]
    assert len(kept) == sum(map(kept_of, said))
    assert 0 < len(kept) <= killed <= 2 * 8
    assert server.count["answers"] - len(after) <= killed - len(kept)
    rows = [row for one in after for row in one["response_text"].splitlines(keepends=True)]
    whole = [row for row in rows if row.endswith("\n")]
    # Lost is the rest of those answers at most, of five rows each; how much depends on the machine.
    rest = 5 * killed - sum(one["response_text"].count("\n") for one in kept)
    assert 0 <= server.count["rows_billed"] - len(whole) <= rest < 5 * killed
    assert len(set(whole)) == len(whole)  # none paid twice
    ((accepted,),) = query(home, "select rows_accepted from marts.generation_runs")
    assert accepted == len(whole)
    # Halves of rows count as rejected, so some more are asked for than are missing.
    assert 600 <= accepted <= 680


def test_what_a_killed_process_had_heard_is_not_asked_for_again(
    home: Home, server: StandIn
) -> None:
    command = ["generate", "--llm", "gpt-4o", "--rows-per-request", "10", "--rows"]
    assert cli(*command, 10).exit_code == 0
    (folder,) = home.landing.iterdir()
    (first,) = answers_of(home)
    sent = (folder / "requests.jsonl").read_text()
    run_id = first["run_id"]
    again = json.loads(sent) | {"request_number": 2, "response_id": f"{run_id}-2"}
    (folder / "requests.jsonl").write_text(sent + json.dumps(again) + "\n")
    (folder / "streams").mkdir()
    rows = first["response_text"].splitlines(keepends=True)
    (folder / "streams" / "2.txt").write_text("".join(rows[:6]) + rows[6][:30])
    done = cli(*command, 20, "--json")
    assert done.exit_code == 0, done.output
    assert (
        "gpt-4o improved/improved/slices: requests in flight when an earlier process ended: 1; of 1"
        " what had come is kept, they may have been paid and are asked again"
    ) in done.stderr
    (run,) = json.loads(done.stdout)["runs"].values()
    assert run["accepted"] >= 20
    assert run["usd_possibly_lost"] == pytest.approx(again["usd_at_most"])
    assert query(
        home,
        "select response_id, finish_reason, rows_requested, rows_accepted, records_cut_off"
        " from marts.response_audit order by all",
    )[:2] == [(f"{run_id}-1", "stop", 10, 10, 0), (f"{run_id}-2", "broken", 10, 6, 1)]
    # Four are missing; the row that was cut off says nothing of how many will be accepted.
    assert rows_asked(server) == [10, 4]


def rows_asked(server: StandIn) -> list[int]:
    said = [body["messages"][-1]["content"] for _, _, body in server.requests]
    return [int(re.findall(r"Write (\d+) rows now", one)[-1]) for one in said]


def in_flight(said: str) -> int:
    return sum(map(int, re.findall(r"in flight when an earlier process ended: (\d+)", said)))


def kept_of(said: str) -> int:
    return sum(map(int, re.findall(r"of (\d+) what had come is kept", said)))


def answers_of(home: Home) -> list[dict[str, Any]]:
    (journal,) = home.landing.glob("*/responses.jsonl")
    whole = [line for line in journal.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [json.loads(line) for line in whole]


def wait_for(holds: object, process: subprocess.Popen | None = None) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
