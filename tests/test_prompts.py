"""Nine prompts from one contract."""

from dataclasses import replace
from itertools import product

import pytest

from generators.prompts import LEVELS, Prompt, render_prompt
from generators.variety import draw_slice
from synthcare.contracts.contract import Contract, load_contract


@pytest.fixture(params=["csv", "csv_compact"])
def prompts(contract: Contract, request: pytest.FixtureRequest) -> dict[tuple[str, str], Prompt]:
    return {
        (prompt, instructions): render_prompt(
            contract, prompt_level=prompt, instruction_level=instructions, wire_format=request.param
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
    assert "spread evenly from 101 to 500" not in improved
    assert "18-34" not in improved
    assert improved in advanced
    assert "- Room Number: spread evenly from 101 to 500." in advanced
    assert "- Age: 18-34 25 %, 35-51 25 %, 52-68 25 %, 69-85 25 %." in advanced
    assert "- Blood Type: each value is equally frequent." in advanced
    assert "- Name: nearly every row has another one." in advanced
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


def test_a_slice_asks_for_a_missing_value_as_often_as_it_is_missing() -> None:
    contract = load_contract("encounters")
    briefs = [draw_slice(contract, seed=seed, rows=1) for seed in range(1_000)]
    texts = [brief.text for brief in briefs]
    for column in contract.columns:
        limited = [brief for brief in briefs if column.name in brief.rows[0]]
        missing = sum(f"{column.label} missing" in text for text in texts)
        assert missing <= len(limited)
        if not column.is_nullable:
            assert missing == 0
        if column.name == "a1c_result":  # 83.3 % of the population
            assert 0.75 < missing / len(limited) < 0.9


def test_a_compact_answer_is_told_its_codes() -> None:
    for dataset, said in (
        (
            "admissions",
            [
                "Codes,Name,Age,Date of Admission,Doctor,Hospital,Billing Amount,Room Number,"
                "Discharge Date.",
                "these 9 values in this order",
                "Codes is one word of 7 characters, one for each of these, in this order:\n"
                "Gender: M Male, F Female\nBlood Type: A A+, B A-, C B+,",
                "Write Discharge Date as the number of days after Date of Admission.\n"
                "Write other dates as YYYYMMDD",
            ],
        ),
        (
            "encounters",
            [
                "A1Cresult: A Norm, B >7, C >8, - missing",
                "insulin: N No, S Steady, U Up, D Down\n",
                "Write dates as YYYYMMDD",
            ],
        ),
    ):
        prompt = render_prompt(
            load_contract(dataset),
            prompt_level="basic",
            instruction_level="basic",
            wire_format="csv_compact_constrained",
        )
        for words in said:
            assert words in prompt.developer_message


def test_what_is_handed_over_is_not_asked_for(contract: Contract) -> None:
    for level in LEVELS:
        for wire_format, named in (("csv", "Row,Name,Gender"), ("json", "Row, Name, Gender")):
            prompt = render_prompt(
                contract,
                prompt_level=level,
                instruction_level=level,
                wire_format=wire_format,
                drawn_columns=("age", "medical_condition"),
            )
            assert named in prompt.developer_message
            assert "- Age:" not in prompt.user_message
            assert "Medical Condition" not in prompt.user_message


def test_shares_that_depend_on_another_column_are_said(contract: Contract) -> None:
    shares = {"Male": {"Aspirin": 0.25, "Lipitor": 0.75}, "Female": {"Penicillin": 1.0}}
    depends = replace(
        contract.column("medication"), population={"given": "gender", "shares": shares}
    )
    columns = tuple(depends if c.name == "medication" else c for c in contract.columns)
    prompt = render_prompt(
        replace(contract, columns=columns),
        prompt_level="advanced",
        instruction_level="basic",
        wire_format="csv",
    )
    assert (
        "- Medication, by Gender:\n  - Male: Aspirin 25 %, Lipitor 75 %.\n"
        "  - Female: Penicillin 100 %.\n"
    ) in prompt.user_message
