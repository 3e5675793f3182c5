"""What is sent and what is answered, seen before anything larger is asked for."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from click.testing import Result

from generators.home import Home
from synthcare.contracts.contract import load_contract
from tests.driver import DATASET, cli, csv_row, query
from tests.loopback import StandIn, serve

KEY = "sk-test"

pytestmark = pytest.mark.xdist_group("preview")

Messages = list[dict[str, str]]


@dataclass(frozen=True)
class Previewed:
    """A home in which one run of each variety was previewed, by one command."""

    home: Home
    server: StandIn
    said: Result
    bodies: list[dict[str, Any]]

    def messages(self, sign: str) -> Messages:
        """The messages of the only request with `sign` in its last one."""
        (found,) = (
            body["messages"] for body in self.bodies if sign in body["messages"][-1]["content"]
        )
        return found

    @property
    def runs(self) -> dict[str, dict[str, Any]]:
        """What the summary says of each run, by variety."""
        runs = json.loads(self.said.stdout)["runs"]
        return {run_id.split("-")[-2]: run for run_id, run in runs.items()}


ASKED = ["--llm", "gpt-4o", "--variety", "all", "--draw", "billing_amount", "--json"]


@pytest.fixture(scope="module")
def previewed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Previewed]:
    home = Home(tmp_path_factory.mktemp("preview"))
    with pytest.MonkeyPatch.context() as patch, serve(key=KEY) as server:
        patch.setenv("SYNTHCARE_HOME", str(home.root))
        patch.setenv("OPENAI_API_KEY", KEY)
        patch.setenv("OPENAI_BASE_URL", server.base_url)
        said = cli("preview", *ASKED)
        assert said.exit_code == 0, said.output
        yield Previewed(home, server, said, [body for _, _, body in server.requests])


def shown(messages: Messages) -> str:
    """Messages as they are printed."""
    return "\n\n".join(f"{message['role']}:\n{message['content']}" for message in messages)


SIGNS = {
    "none": "- The Discharge Date is on or after the Date of Admission.\n\nWrite 3 rows now.",
    "slices": "In every row: ",
    "quotas": "These values are given.",
}


@pytest.mark.parametrize("variety", SIGNS)
def test_messages_are_shown_word_for_word(previewed: Previewed, variety: str) -> None:
    messages = previewed.messages(SIGNS[variety])
    assert [message["role"] for message in messages] == ["developer", "user"]
    assert messages[-1]["content"].endswith("Write 3 rows now.")
    label = f"gpt-4o improved/improved/{variety}"
    assert f"{label}\n\n{shown(messages)}\n\n" in previewed.said.stderr


def test_each_run_is_asked_once_and_shows_three_rows(previewed: Previewed) -> None:
    assert len(previewed.bodies) == 3
    assert previewed.runs.keys() == {"none", "slices", "quotas"}
    labels = [column.label for column in load_contract(DATASET).columns]
    names = [column.name for column in load_contract(DATASET).columns]
    for run in previewed.runs.values():
        assert run["stopped_because"] is None
        assert len(run["records"]) == 3
        for record in run["records"]:
            assert list(record) == [*names, "rejected"]
            assert record["rejected"] == ""
            assert all(str(value) in previewed.said.stderr for value in record.values())
    table = previewed.said.stderr.split("gpt-4o improved/improved/slices")[-1]
    lines = [line[2:23].strip() for line in table.splitlines() if line.startswith("  ")]
    assert [line for line in lines if line][:16] == ["column", *labels]


def test_the_rows_are_those_that_were_answered(previewed: Previewed) -> None:
    rows = query(
        previewed.home,
        "select run_id, name, cast(age as varchar), cast(billing_amount as varchar)"
        " from intermediate.int_admissions_cast order by record_id",
    )
    for run_id, run in json.loads(previewed.said.stdout)["runs"].items():
        answered = [row[1:] for row in rows if row[0] == run_id]
        records = [(r["name"], str(r["age"]), str(r["billing_amount"])) for r in run["records"]]
        assert records == answered[:3]
    table = previewed.messages(SIGNS["quotas"])[-1]["content"].split("\n\n")[-2]
    handed = [line.split(", ") for line in table.splitlines()[1:]]
    records = previewed.runs["quotas"]["records"]
    assert [[str(n), str(r["age"]), r["gender"], r["medical_condition"], str(r["billing_amount"])]
            for n, r in enumerate(records, start=1)] == handed  # fmt: skip


def test_runs_go_on_from_their_preview(previewed: Previewed) -> None:
    """What was answered counts, and is not asked for again."""
    before = len(previewed.server.requests)
    billed = previewed.server.count["rows_billed"]
    kept = query(previewed.home, "select record_id from intermediate.int_admissions_cast")
    done = cli("generate", *ASKED, "--rows", 12)
    assert done.exit_code == 0, done.output
    asked = [body["messages"][-1]["content"] for _, _, body in previewed.server.requests[before:]]
    # Without variety every request asks for as many as fit.
    assert sorted(text.rsplit("Write ", 1)[-1] for text in asked) == [
        *("50 rows now.", "9 rows now.", "9 rows now.")
    ]
    assert previewed.server.count["rows_billed"] == billed + 50 + 9 + 9
    ledger = {run["variety"]: run for run in json.loads(done.stdout)["ledger"]}
    accepted = {name: (run["responses"], run["rows_accepted"]) for name, run in ledger.items()}
    assert accepted == {"none": (2, 53), "slices": (2, 12), "quotas": (2, 12)}
    assert set(kept) <= set(query(previewed.home, "select record_id from marts.admissions"))
    again = cli("preview", *ASKED)
    assert again.exit_code == 0
    assert len(previewed.server.requests) == before + 3
    assert shown(previewed.messages(SIGNS["slices"])) in again.stderr
    cost = json.loads(again.stdout)["runs"]
    assert sum(run["usd_known"] for run in cost.values()) == pytest.approx(
        sum(run["cost_usd"] for run in ledger.values())
    )


def test_what_is_rejected_is_shown_with_its_reasons(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On stdout without --json; signs that mean something to a terminal are shown as they are."""
    contract = replace(load_contract(DATASET), record="stay :pill: [bold]x[/bold] \\[y] [/]")
    monkeypatch.setattr("generators.commands.cli.load_contract", lambda _: contract)
    rows = [
        csv_row(),
        csv_row(age="200", name="Ann [red]B :x:C"),
        csv_row(discharge_date="2023-01-04"),
    ]
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serve("\n".join(rows), key=KEY) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        done = cli("preview", "--llm", "gpt-4o", "--format", "csv", "--max-usd", 1)
    assert done.exit_code == 0, done.output
    assert shown(server.requests[0][2]["messages"]) in done.stdout
    assert "stay :pill: [bold]x[/bold] \\[y] [/]" in done.stdout
    assert "Ann [red]B :x:C" in done.stdout
    (reasons,) = (line for line in done.stdout.splitlines() if line.startswith("  rejected"))
    assert reasons.split()[1:] == ["age.out_of_range", "discharge_before_admission"]
    assert "stopped at 1 accepted of 3" in done.stdout
    assert done.stdout.endswith("next: the same with `run` instead of `preview`, and --rows\n")


def test_a_preview_asks_once_whatever_is_answered(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serve(key=KEY, faults=["prose"]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        done = cli("preview", "--llm", "gpt-4o", "--json")
    assert done.exit_code == 0, done.output
    assert len(server.requests) == 1
    (run,) = json.loads(done.stdout)["runs"].values()
    assert (run["found"], run["records"]) == (0, [])


def test_a_baseline_has_nothing_to_preview(previewed: Previewed) -> None:
    refused = cli("preview", "--llm", "holdout")
    assert refused.exit_code == 2
    assert refused.stderr == (
        "Error: A baseline has no messages. Preview an --llm that is asked.\n"
    )
