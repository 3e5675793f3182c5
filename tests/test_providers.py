"""OpenAI's and Llama's clients against a stand-in that speaks their protocols."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from generators.asking.llms import load_llm
from generators.home import Home
from generators.prompts import Prompt
from generators.providers import Request, open_providers
from generators.warehouse.transform import run_dbt
from synthcare.contracts.contract import Contract
from synthcare.errors import SynthcareError
from tests.driver import cli, csv_row, query
from tests.loopback import StandIn, serve

KEY = "sk-test-1234567890abcdef"
ROWS = "\n".join(csv_row(age=str(age)) for age in range(20, 30))
NO_PRICE = {"gpt-4o": [], "llama-4-maverick": ["--no-price"]}
LLMS = {
    "gpt-4o": ("OPENAI_API_KEY", "OPENAI_BASE_URL"),
    "llama-4-maverick": ("LLAMA_API_KEY", "LLAMA_API_CLIENT_BASE_URL"),
}


@pytest.fixture(params=LLMS)
def llm(request: pytest.FixtureRequest) -> str:
    return request.param


def use(monkeypatch: pytest.MonkeyPatch, llm: str, server: StandIn, key: str = KEY) -> None:
    key_variable, url_variable = LLMS[llm]
    monkeypatch.setenv(key_variable, key)
    monkeypatch.setenv(url_variable, server.base_url)


def generate(llm: str, rows: int = 20) -> Result:
    arguments = ["--llm", llm, "--rows", rows, "--rows-per-request", 10, *NO_PRICE[llm]]
    return cli("generate", *arguments, "--json")


def test_rows_tokens_and_cost_are_what_the_api_said(
    home: Home, monkeypatch: pytest.MonkeyPatch, llm: str, contract: Contract
) -> None:
    with serve(ROWS, key=KEY) as server:
        use(monkeypatch, llm, server)
        done = generate(llm)
    assert done.exit_code == 0, done.output
    assert counts(done) == [(20, 20)]
    assert len(server.requests) == 2
    for path, _, body in server.requests:
        assert path == "/v1/chat/completions"
        role = "developer" if llm == "gpt-4o" else "system"
        assert [message["role"] for message in body["messages"]] == [role, "user"]
        assert body["messages"][1]["content"].endswith("Write 10 rows now.")
        # Twice what ten rows take; gpt-4o is asked for compact ones, and read all the same.
        most = 10 * (32 if llm == "gpt-4o" else 54)
        assert 2 * most < body["max_completion_tokens"] < 2 * most + 80
    ledger = "select input_tokens, cached_tokens, output_tokens from marts.generation_runs"
    cached = 1200 if llm == "gpt-4o" else None
    assert query(home, ledger) == [(2000, cached, 400)]
    costs = query(
        home, "select input_cost_usd, output_cost_usd, cost_usd from marts.generation_runs"
    )
    # gpt-4o-2024-08-06: $2.50, $1.25 cached and $10 per million; the Llama API has no price here.
    dollars = (0.0035, 0.004, 0.0075) if llm == "gpt-4o" else (None, None, None)
    assert costs == [dollars if llm != "gpt-4o" else tuple(map(pytest.approx, dollars))]


def test_all_nine_combinations_run_in_one_command(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(ROWS, key=KEY) as server:
        use(monkeypatch, "gpt-4o", server)
        done = cli(
            "generate", "--llm", "gpt-4o", "--prompt", "all", "--instructions", "all",
            "--rows", 10, "--rows-per-request", 10, "--json",
        )  # fmt: skip
    assert [run["accepted"] for run in json.loads(done.stdout)["runs"].values()] == [10] * 9
    levels = query(home, "select distinct prompt_level, instruction_level from raw.llm_runs")
    assert len(levels) == 9
    asked = {str(body["messages"]) for _, _, body in server.requests}
    assert len(asked) == len(server.requests) == 9


@pytest.mark.parametrize("llm", ["gpt-4o"])  # the scheduler's, whatever the client
def test_a_second_run_asks_for_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch, llm: str
) -> None:
    with serve(ROWS, key=KEY) as server:
        use(monkeypatch, llm, server)
        assert generate(llm).exit_code == 0
        assert generate(llm).exit_code == 0
        assert len(server.requests) == 2
        assert generate(llm, rows=30).exit_code == 0
        assert len(server.requests) == 3


@pytest.mark.parametrize("llm", ["gpt-4o"])
def test_rejected_rows_are_asked_for_again_and_then_given_up(
    home: Home, monkeypatch: pytest.MonkeyPatch, llm: str
) -> None:
    half = "\n".join(csv_row(age="200" if n % 2 else "20") for n in range(10))
    with serve(half, key=KEY) as server:
        use(monkeypatch, llm, server)
        done = generate(llm)
        assert query(home, "select count(*) from intermediate.int_record_outcomes") == [(40,)]
        assert counts(done) == [(40, 20)]
    with serve("Sorry, I cannot help with that.", key=KEY) as server:
        use(monkeypatch, llm, server)
        done = cli("generate", "--llm", llm, "--rows", 10, "--prompt", "basic", *NO_PRICE[llm])
        assert done.exit_code == 0
        assert "stopped at 0 accepted of 10 wanted" in done.output
        assert "the last round brought no accepted row" in done.output
        assert len(server.requests) == 2  # for ten rows, and at once for half as many
    run_dbt(home, "compile", "--select", "which_answers_hold_no_row")
    (analysis,) = (home.root / "target" / "compiled").rglob("which_answers_hold_no_row.sql")
    levels = ("gpt-4o", "basic", "improved", "slices")
    said = "Sorry, I cannot help with that."
    assert query(home, analysis.read_text()) == [(*levels, "stop", 2, 0, 0, said)]


def test_passing_faults_are_retried(home: Home, monkeypatch: pytest.MonkeyPatch, llm: str) -> None:
    with serve(ROWS, faults=[429, 500, 503], key=KEY) as server:
        use(monkeypatch, llm, server)
        assert generate(llm).exit_code == 0
        assert len(server.requests) == 5


def test_no_key_is_said_and_nothing_is_written(home: Home, llm: str) -> None:
    refused = generate(llm)
    assert refused.exit_code == 2
    assert f"{llm} needs {LLMS[llm][0]}. Set it, or use --llm smollm2" in refused.stderr


def test_a_wrong_key_is_said_once_and_kept_out_of_everything(
    home: Home, monkeypatch: pytest.MonkeyPatch, llm: str
) -> None:
    with serve(ROWS, key="another") as server:
        use(monkeypatch, llm, server)
        refused = generate(llm)
    assert refused.exit_code == 2
    assert f"refused the key in {LLMS[llm][0]}" in refused.stderr
    assert refused.stderr.count("refused the key") == 1
    # There is nothing to be counted: no table, and dbt has not run.
    assert "Per 1,000 accepted rows" not in refused.output
    assert refused.stdout == ""
    assert not (home.root / "target").exists()
    assert "Traceback" not in refused.output
    assert KEY not in refused.output
    assert not files_with(home.root, KEY)


def test_a_right_key_is_kept_out_of_everything(
    home: Home, monkeypatch: pytest.MonkeyPatch, llm: str
) -> None:
    with serve(ROWS, key=KEY) as server:
        use(monkeypatch, llm, server)
        done = generate(llm)
    assert KEY not in done.output
    assert files_with(home.root, "Asthma")
    assert not files_with(home.root, KEY)


def test_an_unknown_model_is_said(
    home: Home, monkeypatch: pytest.MonkeyPatch, llm: str, contract: Contract
) -> None:
    async def ask() -> None:
        unknown = replace(load_llm(llm), model="no-such-model")
        async with open_providers(unknown, home, contract) as providers:
            await providers[None].complete(
                Request(
                    number=1,
                    rows_before=0,
                    rows=1,
                    run_seed=1,
                    wire_format="json_constrained",
                    contract=contract,
                    prompt=Prompt("", ""),
                ),
                lambda _: None,
            )

    with serve(ROWS, key=KEY) as server:
        use(monkeypatch, llm, server)
        with pytest.raises(SynthcareError, match="has no model 'no-such-model'"):
            asyncio.run(ask())
    _, _, body = server.requests[0]
    assert "Blood Type" in str(body["response_format"]["json_schema"]["schema"])


def test_an_endpoint_that_is_not_there_is_said(
    home: Home, monkeypatch: pytest.MonkeyPatch, llm: str
) -> None:
    key_variable, url_variable = LLMS[llm]
    monkeypatch.setenv(key_variable, KEY)
    monkeypatch.setenv(url_variable, "http://127.0.0.1:9/v1")
    refused = generate(llm)
    assert refused.exit_code == 2
    assert f"{llm} cannot be reached at http://127.0.0.1:9/v1" in refused.stderr


def counts(done: Result) -> list[tuple[int, int]]:
    """Records found and accepted, of each run."""
    return [(run["found"], run["accepted"]) for run in json.loads(done.stdout)["runs"].values()]


def files_with(folder: Path, text: str) -> list[Path]:
    return [
        path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()
    ]
