"""Nine prompts from one contract."""

from itertools import product

import pytest

from generators.contract import Contract
from generators.prompts import LEVELS, Prompt, render_prompt


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
