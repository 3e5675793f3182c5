"""What a person is told at the end: refusals, empty answers, money that may be lost."""

import json
from pathlib import Path

import pytest

from generators.home import Home
from tests.driver import cli, csv_row, query
from tests.odd_endpoints import Reply, answer, chunk, endpoint, error, stream, whole

USAGE = {"prompt_tokens": 500, "completion_tokens": 300, "total_tokens": 800}
THINKING = USAGE | {"completion_tokens_details": {"reasoning_tokens": 300}}
ROWS = "".join(csv_row(name=f"Ann {name}") + "\n" for name in ("Lee", "May", "Ode"))


def generate(patch: pytest.MonkeyPatch, *replies: Reply, rows: int = 3, options: tuple = ()):
    """`synthcare generate` where these replies come, and how many requests went out."""
    with endpoint(*replies) as server:
        patch.setenv("OPENAI_API_KEY", "sk-test")
        patch.setenv("OPENAI_BASE_URL", server.base_url)
        arguments = ["--llm", "gpt-4o", "--rows", rows, "--variety", "none", "--format", "csv"]
        done = cli("generate", *arguments, "--rows-per-request", rows, *options)
        return done, len(server.requests)


def test_a_model_that_only_thinks_is_told_with_the_key_that_gives_it_room(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, requests = generate(
        monkeypatch, whole(answer("", finish="length", usage=THINKING)), options=("--json",)
    )
    assert done.exit_code == 2
    assert requests == 1
    assert "Raise `reasoning_tokens` of 'gpt-4o' in llms.yml." in done.stderr
    # It is paid, and so in the ledger.
    ((output, reasoning, cost),) = query(
        home, "select output_tokens, reasoning_tokens, cost_usd from marts.generation_runs"
    )
    assert (output, reasoning) == (300, 300)
    assert cost == pytest.approx(500 * 2.5e-6 + 300 * 10e-6)


def test_refusals_and_filtered_answers_are_counted_and_shown(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = whole(answer(None, refusal="I cannot, write, medical records.", usage=USAGE))
    filtered = whole(error("held back", code="content_filter"), status=400)
    good = whole(answer(ROWS, usage=USAGE))
    options = ("--rows", 6)
    done, _ = generate(monkeypatch, refusal, filtered, good, options=options)
    assert done.exit_code == 0, done.output
    label = "gpt-4o improved/improved/none"
    assert f"{label}: 1 of 4 answers were refusals" in done.output
    assert f"{label}: 1 of 4 answers were held back by a content filter" in done.output
    unread = f"{label}: 2 of 4 answers held no record: 1 refused, 1 filtered"
    assert f'{unread}, such as "I cannot, write, medical records."' in done.output
    audit = query(
        home,
        "select finish_reason, is_refused, is_filtered, records_found from marts.response_audit"
        " order by finish_reason",
    )
    assert audit == [
        ("content_filter", False, True, 0),
        ("refusal", True, False, 0),
        ("stop", False, False, 3),
        ("stop", False, False, 3),
    ]


def test_a_stream_that_breaks_leaves_its_whole_rows_and_what_it_may_have_cost(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = ROWS + csv_row()[:30]
    broken = stream(*[chunk(half[at : at + 9]) for at in range(0, len(half), 9)], is_done=False,
                    is_cut=True)  # fmt: skip
    rest = whole(answer(csv_row(name="Bo Rae"), usage=USAGE))
    done, requests = generate(monkeypatch, broken, rest, rows=4, options=("--json",))
    assert done.exit_code == 0, done.output
    assert requests == 2
    ((found, accepted),) = query(
        home, "select records_found, rows_accepted from marts.generation_runs"
    )
    assert (found, accepted) == (5, 4)  # the row that was cut off is rejected
    (run,) = json.loads(done.stdout)["runs"].values()
    known = 500 * 2.5e-6 + 300 * 10e-6
    assert run["usd_known"] == pytest.approx(known)
    assert run["usd_possibly_lost"] == pytest.approx(run["usd_at_most"] - known)
    assert run["usd_possibly_lost"] > 0
    assert "broke off; their whole rows are kept" in done.stderr
    assert "possibly lost with answers that did not come, or not whole" in done.stderr
    assert not list(Path(home.landing).rglob("streams"))


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (whole(error("Incorrect API key"), status=401), "refused the key in OPENAI_API_KEY"),
        (whole("<!doctype html><title>Hi</title>"), "Check base_url of 'gpt-4o' in llms.yml."),
        (whole(error("no such region")), "no such region"),
        (whole(error("Limit reached for requests per day"), status=429), "limit of the day"),
        (whole(b"\x00\xff not an answer"), "an answer that cannot be read"),
        (whole(error("seed is not supported", param="seed"), status=400), "`seed: false`"),
    ],
)
def test_an_endpoint_that_cannot_be_asked_is_told_in_one_line_and_no_table(
    home: Home, monkeypatch: pytest.MonkeyPatch, reply: Reply, said: str
) -> None:
    done, requests = generate(monkeypatch, reply)
    assert done.exit_code == 2
    assert requests <= 3  # an answer that cannot be read is asked for again
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "accepted" not in done.output
    assert not home.warehouse.exists() or not query(home, "from raw.llm_responses")


def test_a_failed_llm_does_not_hide_what_another_was_paid_for(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with endpoint(whole(answer(ROWS, usage=USAGE))) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("LLAMA_API_KEY", "key")
        monkeypatch.setenv("LLAMA_API_CLIENT_BASE_URL", "http://127.0.0.1:9")
        done = cli(
            "generate", "--llm", "llama-4-maverick", "--llm", "gpt-4o", "--rows", 3, "--no-price",
            "--variety", "none", "--format", "csv", "--rows-per-request", 3,
        )  # fmt: skip
    assert done.exit_code == 2, done.output
    assert "llama-4-maverick cannot be reached at http://127.0.0.1:9" in done.stderr
    assert query(home, "select rows_accepted from marts.generation_runs where llm = 'gpt-4o'") == [
        (3,)
    ]


@pytest.mark.parametrize("is_stream", [True, False])
def test_an_answer_in_parts_is_read_and_an_odd_one_stops_only_its_llm(
    home: Home, monkeypatch: pytest.MonkeyPatch, is_stream: bool
) -> None:
    draft = {"type": "thinking", "thinking": [{"type": "text", "text": "Draft Person,20?"}]}
    text = {"type": "text", "text": ROWS}
    said = (
        stream(chunk([draft]), chunk([text]), chunk(finish="stop"), {"usage": USAGE})
        if is_stream
        else whole(answer([draft, text], usage=USAGE))
    )
    odd = whole('{"error": ' + '{"message": ' * 600 + "1" + "}" * 601)
    with endpoint(said) as server, endpoint(odd) as other:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("LLAMA_API_KEY", "key")
        monkeypatch.setenv("LLAMA_API_CLIENT_BASE_URL", other.base_url)
        done = cli(
            "generate", "--llm", "llama-4-maverick", "--llm", "gpt-4o", "--rows", 3, "--no-price",
            "--variety", "none", "--format", "csv", "--rows-per-request", 3,
        )  # fmt: skip
    assert done.exit_code == 2
    assert "Traceback" not in done.output
    assert "llama-4-maverick sent an answer of a shape that cannot be read" in done.stderr
    texts = query(home, "select distinct response_text from raw.llm_responses")
    assert texts == [(f"<think>\nDraft Person,20?\n</think>\n{ROWS}",)]
