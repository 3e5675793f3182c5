"""Nine prompts from one contract."""

from dataclasses import replace
from itertools import product

import pytest

from generators.contract import Contract, load_contract
from generators.prompts import LEVELS, Prompt, render_prompt
from generators.prompts.slices import draw_slice


@pytest.fixture
def prompts(contract: Contract) -> dict[tuple[str, str], Prompt]:
    return {
        (prompt, instructions): render_prompt(
            contract, prompt_level=prompt, instruction_level=instructions, wire_format="csv"
        )
        for prompt, instructions in product(LEVELS, LEVELS)
    }


def test_nine_combinations_differ(prompts: dict[tuple[str, str], Prompt]) -> None:
    assert len(set(prompts.values())) == 9


def test_each_level_says_more(prompts: dict[tuple[str, str], Prompt], contract: Contract) -> None:
    basic, improved, advanced = (prompts[level, "basic"].user_message for level in LEVELS)
    for label in contract.labels:
        assert label in basic
    assert "Hypertension" not in basic
    assert "Hypertension" in improved
    assert "from 101 to 500" in improved
    assert contract.rules[0].sentence in improved
    assert "spread evenly from 18 to 85" not in improved
    assert improved in advanced
    assert "spread evenly from 18 to 85" in advanced
    assert "1 to 30 days after Date of Admission" in advanced
    assert "edge cases" in advanced


def test_the_answer_is_described_alike_at_all_levels(
    prompts: dict[tuple[str, str], Prompt],
) -> None:
    described = {prompt.developer_message.split("\n\n")[-1] for prompt in prompts.values()}
    assert len(described) == 1
    assert "CSV rows only" in described.pop()


def test_what_differs_between_requests_comes_last(contract: Contract) -> None:
    prompt = render_prompt(
        contract, prompt_level="improved", instruction_level="improved", wire_format="json"
    )
    few, many = (
        prompt.messages(rows=rows, slice_text="Of Bo.", instructions_role="developer")
        for rows in (3, 20)
    )
    assert [message["role"] for message in few] == ["developer", "user"]
    assert few[0] == many[0]
    assert few[1]["content"] == f"{prompt.user_message}\n\nOf Bo. Write 3 rows now."
    assert many[1]["content"] == f"{prompt.user_message}\n\nOf Bo. Write 20 rows now."


def test_what_may_be_missing_is_said() -> None:
    contract = load_contract("encounters")
    prompts = {
        (level, wire_format): render_prompt(
            contract, prompt_level=level, instruction_level=level, wire_format=wire_format
        )
        for level in LEVELS
        for wire_format in ("csv", "json")
    }
    for level in LEVELS:
        assert "missing empty" in prompts[level, "csv"].developer_message
        assert "Write null for a value that is missing" in prompts[level, "json"].developer_message
        assert "no value empty" not in prompts[level, "csv"].developer_message
        assert "nothing empty" not in prompts[level, "csv"].developer_message
    improved, advanced = (prompts[level, "csv"].user_message for level in LEVELS[1:])
    assert "One of: Norm, >7, >8. May be missing." in improved
    assert "Whole number from 1 to 132.\n" in improved
    assert "Missing in 83.3 % of the rows." not in improved
    assert "- A1Cresult: Norm 29.3 %, >7 22.4 %, >8 48.3 %. Missing in 83.3 % of the" in advanced
    assert "values at every tenth of the rows are 1, 1, 2, 2, 3, 4, 4, 5, 7, 9, 14." in advanced
    assert "equally frequent" not in advanced
    assert "names" not in advanced


def test_nothing_is_said_of_rules_where_there_are_none(contract: Contract) -> None:
    without = replace(contract, rules=())
    prompt = render_prompt(
        without, prompt_level="improved", instruction_level="basic", wire_format="csv"
    )
    assert "Rules" not in prompt.user_message


def test_the_first_row_of_a_slice_now_and_then_lacks_what_may_be_missing() -> None:
    contract = load_contract("encounters")
    rows = [draw_slice(contract, seed=seed).first_row for seed in range(1_000)]
    missing = {
        column.is_nullable: sum(row[column.label] == "missing" for row in rows)
        for column in contract.columns
    }
    assert missing[False] == 0
    assert 60 < missing[True] < 140
