"""Grammars admit exactly what the contract allows."""

import csv
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.asking.llms import load_llm
from generators.costs.tokens import tokens_per_row
from generators.drawing.stand_in import stand_in_rows
from generators.variety import draw_slice
from generators.variety.brief import Brief, Limits
from generators.wire_formats import (
    WIRE_FORMATS,
    check_wire_format,
    count_rows,
    max_tokens,
    write_rows,
)
from generators.wire_formats.grammar import csv_grammar
from generators.wire_formats.layout import codes
from generators.wire_formats.schema import json_schema
from synthcare.contracts.contract import Column, Contract, load_contract
from synthcare.errors import SynthcareError
from tests.driver import csv_row

CSV, COMPACT = "csv", "csv_compact"


def as_regex(gbnf: str, rules: dict[str, str]) -> str:
    """The regular expression of a GBNF rule that uses no recursion."""
    pattern = ""
    for token in re.findall(r'"(?:[^"\\]|\\.)*"|\[[^]]*\]|\{[^}]*\}|[()|?]|\w+', gbnf):
        if token.startswith('"'):
            pattern += f"(?:{re.escape(json.loads(token))})"
        elif token[0] in "[{()|?":
            pattern += token
        else:
            pattern += f"(?:{as_regex(rules[token], rules)})"
    return pattern


def answers(
    contract: Contract,
    rows: int,
    brief: Brief | None = None,
    wire_format: str = CSV,
    drawn: tuple[str, ...] = (),
) -> re.Pattern[str]:
    """All that the grammar admits."""
    grammar = csv_grammar(contract, rows, brief or Brief(), wire_format, drawn)
    rules = dict(
        re.split(r" ::= ", rule, maxsplit=1) for rule in re.split(r"\n(?=\w+ ::=)", grammar)
    )
    return re.compile(as_regex(rules["root"], rules))


def of_columns(contract: Contract, *columns: Column) -> Contract:
    return replace(contract, columns=columns, rules=(), derived=(), quotas=())


def values(contract: Contract, column: Column, wire_format: str = CSV) -> re.Pattern[str]:
    """What the grammar admits as the only line of a table of one column."""
    return answers(of_columns(contract, column), 1, wire_format=wire_format)


def admitted(pattern: re.Pattern[str], texts: Iterable[str]) -> list[str]:
    return [text for text in texts if pattern.fullmatch(f"{text}\n")]


@pytest.mark.parametrize(
    ("low", "high"), [(0, 0), (0, 9), (0, 120), (7, 7), (18, 85), (101, 500), (99, 1001), (-12, 5)]
)
def test_integers_are_exactly_the_range(contract: Contract, low: int, high: int) -> None:
    pattern = values(contract, Column("x", "X", "integer", minimum=low, maximum=high))
    assert admitted(pattern, map(str, range(-1100, 1200))) == [*map(str, range(low, high + 1))]
    assert not admitted(pattern, ["007", ""])


@given(st.integers(-3000, 3000), st.integers(0, 3000), st.integers(-7000, 7000))
def test_integers_of_any_range(contract: Contract, low: int, length: int, number: int) -> None:
    column = Column("x", "X", "integer", minimum=low, maximum=low + length)
    found = admitted(values(contract, column), [str(number)])
    assert bool(found) == (low <= number <= low + length)


def test_the_grammar_admits_valid_rows_and_nothing_else(contract: Contract) -> None:
    pattern = answers(contract, 2)
    good = csv_row() + "\n"
    assert pattern.fullmatch(good * 2)
    assert not pattern.fullmatch(good)
    assert pattern.fullmatch(good + csv_row(billing_amount="-4999.99") + "\n")
    for column, value in [
        ("gender", "Other"),
        ("gender", "male"),
        ("age", "121"),
        ("room_number", "100"),
        ("billing_amount", "100000.50"),
        ("billing_amount", "-5000.50"),
        ("date_of_admission", "2023-02-30"),
        ("discharge_date", "2026-01-01"),
        ("name", 'Ann "X" Lee'),
    ]:
        assert not pattern.fullmatch(good + csv_row(**{column: value}) + "\n"), column


def test_the_compact_grammar_admits_valid_rows_and_nothing_else(contract: Contract) -> None:
    pattern = answers(contract, 2, wire_format=COMPACT)
    good = "MAAACAN,Ann Lee,40,20230105,Bo Li,Kim Clinic,120.50,101,4\n"
    assert pattern.fullmatch(good * 2)
    assert not pattern.fullmatch(good)
    for was, becomes in [
        ("MAAACAN", "MAAACA"),
        ("MAAACAN", "MAAACANN"),
        ("MAAACAN", "XAAACAN"),
        ("MAAACAN", "mAAACAN"),
        ("MAAACAN", "MAAACA-"),
        (",40,", ",121,"),
        ("20230105", "20230229"),
        ("20230105", "2023-01-05"),
        ("20230105", "20250101"),
        (",4\n", ",-1\n"),
        (",4\n", ",04\n"),
        (",4\n", ",20230109\n"),
        (",4\n", ",2557\n"),  # behind the last day even if they began on the first
    ]:
        assert not pattern.fullmatch(good + good.replace(was, becomes)), becomes


@pytest.mark.parametrize("dataset", ["admissions", "encounters"])
@pytest.mark.parametrize("wire_format", [CSV, COMPACT])
def test_the_grammar_admits_the_rows_that_we_write(dataset: str, wire_format: str) -> None:
    contract = load_contract(dataset)
    plain = re.compile("[A-Z][a-z]{1,8} [A-Z][a-z]{1,8}")
    rows = [
        [
            "Kim Ode" if column.kind == "identifier" and not plain.fullmatch(text) else text
            for column, text in zip(contract.columns, row, strict=True)
        ]
        for row in stand_in_rows(contract, 60)
    ]
    pattern = answers(contract, 20, wire_format=wire_format)
    for first in range(0, 60, 20):
        assert pattern.fullmatch(write_rows(contract, rows[first : first + 20], wire_format))


@pytest.mark.parametrize(("wire_format", "form"), [(CSV, "%Y-%m-%d"), (COMPACT, "%Y%m%d")])
def test_every_day_of_the_range_can_be_written_and_no_other(
    contract: Contract, wire_format: str, form: str
) -> None:
    column = contract.column("date_of_admission")  # from 2019-01-01 to 2024-12-31
    days = [date(2018, 12, 1) + timedelta(n) for n in range(2300)]
    texts = [day.strftime(form) for day in days]
    found = admitted(values(contract, column, wire_format), texts)
    assert (found[0], found[-1]) == (
        date(2019, 1, 1).strftime(form),
        f"{date(2024, 12, 31):{form}}",
    )
    assert len(found) == 2192  # six years, two of them leap years
    leap = [date(year, 3, 1) - timedelta(1) for year in (2020, 2024)]
    assert {f"{day:{form}}" for day in leap} <= set(found)
    no_days = ["2019-02-29", "2023-02-29", "2020-02-30", "2020-04-31", "2020-13-01", "2020-00-10"]
    no_days += ["2020-01-00", "2020-01-32", "2020-1-1"]
    if wire_format == COMPACT:
        no_days = [text.replace("-", "") for text in no_days]
    assert not admitted(values(contract, column, wire_format), no_days)


@given(st.dates(date(1890, 1, 1), date(2110, 1, 1)), st.integers(0, 900), st.integers(-40, 940))
def test_dates_of_any_range(contract: Contract, first: date, length: int, place: int) -> None:
    last = first + timedelta(length)
    column = Column("x", "X", "date", minimum=first, maximum=last)
    day = first + timedelta(place)
    assert bool(admitted(values(contract, column), [day.isoformat()])) == (first <= day <= last)
    for end in (first, last):
        assert admitted(values(contract, column), [end.isoformat()])


def test_the_schema_is_strict(contract: Contract) -> None:
    row = json_schema(contract)["properties"]["rows"]["items"]
    assert row["required"] == list(row["properties"]) == list(contract.labels)
    assert row["additionalProperties"] is False
    assert row["properties"]["Room Number"] == {"type": "integer", "minimum": 101, "maximum": 500}


@pytest.mark.parametrize(
    ("low", "high", "decimals"),
    [(0, 0.2, 2), (0.05, 0.16, 3), (1.5, 3.25, 2), (-1.2, 0.7, 1), (-5, -0.5, 1), (7, 7, 2)],
)
def test_decimals_are_exactly_the_range(
    contract: Contract, low: float, high: float, decimals: int
) -> None:
    column = Column("x", "X", "decimal", minimum=low, maximum=high, decimals=decimals)
    pattern = values(contract, column)
    scale = 10**decimals
    numbers = [f"{n / scale:.{decimals}f}" for n in range(-8 * scale, 8 * scale) if n]
    numbers.append(f"{0:.{decimals}f}")
    within = [number for number in numbers if low <= float(number) <= high]
    assert admitted(pattern, numbers) == within
    assert not admitted(pattern, [f"{low:.{decimals + 1}f}"])


def test_what_may_be_missing_may_be_left_empty(contract: Contract) -> None:
    columns = (
        Column("a", "A", "categorical", accepted_values=("x", "y"), is_nullable=True),
        Column("b", "B", "integer", minimum=1, maximum=2),
        Column("c", "C", "identifier", is_nullable=True),
    )
    with_gaps = of_columns(contract, *columns)
    for brief in (Brief(), Brief(initials={"c": ["K"]})):
        pattern = answers(with_gaps, 1, brief)
        assert pattern.fullmatch("x,1,Kim Ode\n")
        assert pattern.fullmatch(",1,\n")
        assert not pattern.fullmatch(",,\n")
        compact = answers(with_gaps, 1, brief, COMPACT)
        assert compact.fullmatch("X,Kim Ode\n") is None
        assert compact.fullmatch("X,1,Kim Ode\n")
        assert compact.fullmatch("-,1,\n")
        assert not compact.fullmatch(",1,\n")
    row = json_schema(with_gaps)["properties"]["rows"]["items"]["properties"]
    assert row["A"] == {"type": ["string", "null"], "enum": ["x", "y", None]}
    assert row["B"] == {"type": "integer", "minimum": 1, "maximum": 2}
    assert row["C"] == {"type": ["string", "null"]}
    assert write_rows(with_gaps, [("", "1", None)], COMPACT) == "-,1,\n"
    assert json.loads(write_rows(with_gaps, [("", "1", None)], "json")) == {
        "rows": [{"A": None, "B": 1, "C": None}]
    }


def test_the_grammar_keeps_to_the_initials_of_a_slice(contract: Contract) -> None:
    pattern = answers(contract, 3, Brief(initials={"name": ["K", "Z"]}))
    rows = [csv_row(name=name) + "\n" for name in ("Kim Ode", "Zoe Li", "Ken Ray")]
    assert pattern.fullmatch("".join(rows))
    assert not pattern.fullmatch("".join(reversed(rows[:2])) + rows[2])


def test_the_grammar_keeps_each_row_to_its_limits(contract: Contract) -> None:
    brief = Brief(
        rows=(
            {"age": Limits(low=18, high=34), "gender": Limits(values=("Male",))},
            {"age": Limits(low=69, high=85), "discharge_date": Limits(low=0, high=3)},
        )
    )
    young, old = csv_row(age="18", gender="Male"), csv_row(age="85", gender="Female")
    plain = answers(contract, 2, brief)
    assert plain.fullmatch(f"{young}\n{old}\n")
    assert not plain.fullmatch(f"{old}\n{young}\n")
    assert not plain.fullmatch(f"{csv_row(age='35')}\n{old}\n")
    assert not plain.fullmatch(f"{csv_row(age='18', gender='Female')}\n{old}\n")
    compact = answers(contract, 2, brief, COMPACT)
    rest = "20230105,Bo Li,Kim Clinic,120.50,101"
    assert compact.fullmatch(f"MAAACAN,Ann Lee,34,{rest},300\nFAAACAN,Ann Lee,69,{rest},3\n")
    assert not compact.fullmatch(f"FAAACAN,Ann Lee,34,{rest},300\nFAAACAN,Ann Lee,69,{rest},3\n")
    assert not compact.fullmatch(f"MAAACAN,Ann Lee,34,{rest},300\nFAAACAN,Ann Lee,69,{rest},4\n")


def test_what_a_brief_wants_missing_is_left_empty() -> None:
    contract = load_contract("encounters")
    column = contract.column("a1c_result")
    assert column.is_nullable
    brief = Brief(rows=({column.name: Limits()},))
    alone = of_columns(contract, column, contract.column("age"))
    row = stand_in_rows(alone, 1, has_gaps=False)[0]
    assert answers(alone, 1, brief).fullmatch(f",{row[1]}\n")
    assert not answers(alone, 1, brief).fullmatch(",".join(row) + "\n")


@pytest.mark.parametrize("dataset", ["admissions", "encounters"])
def test_the_grammar_of_a_slice_admits_a_part_of_the_population(dataset: str) -> None:
    contract = load_contract(dataset)
    rows = stand_in_rows(contract, 2000)
    for seed in range(15):
        brief = draw_slice(contract, seed=seed, rows=1)
        pattern = answers(contract, 1, brief, COMPACT)
        named = [
            [
                f"{brief.initials[column.name][0]}im Ode" if column.kind == "identifier" else text
                for column, text in zip(contract.columns, row, strict=True)
            ]
            for row in rows
        ]
        found = sum(bool(pattern.fullmatch(write_rows(contract, [row], COMPACT))) for row in named)
        assert 0 < found < len(rows) / 2, brief.text


def test_values_that_are_handed_over_are_not_written_again(contract: Contract) -> None:
    drawn = ("age", "gender", "medical_condition", "date_of_admission", "discharge_date")
    row = tuple(csv_row().split(","))
    assert write_rows(contract, [row, row], CSV, drawn) == (
        "1,Ann Lee,A+,Bo Li,Kim Clinic,Aetna,120.50,101,Urgent,Aspirin,Normal\n"
        "2,Ann Lee,A+,Bo Li,Kim Clinic,Aetna,120.50,101,Urgent,Aspirin,Normal\n"
    )
    compact = "1,AACAN,Ann Lee,Bo Li,Kim Clinic,120.50,101\n"
    assert write_rows(contract, [row], COMPACT, drawn) == compact
    assert json.loads(write_rows(contract, [row], "json", drawn))["rows"] == [
        {
            "Row": 1,
            "Name": "Ann Lee",
            "Blood Type": "A+",
            "Doctor": "Bo Li",
            "Hospital": "Kim Clinic",
            "Insurance Provider": "Aetna",
            "Billing Amount": 120.5,
            "Room Number": 101,
            "Admission Type": "Urgent",
            "Medication": "Aspirin",
            "Test Results": "Normal",
        }
    ]
    pattern = answers(contract, 2, wire_format=COMPACT, drawn=drawn)
    assert pattern.fullmatch(compact + compact.replace("1,", "2,", 1))
    assert not pattern.fullmatch(compact + compact)
    schema = json_schema(contract, drawn)["properties"]["rows"]["items"]
    assert schema["required"][:3] == ["Row", "Name", "Blood Type"]
    assert schema["properties"]["Row"] == {"type": "integer"}
    assert "Age" not in schema["properties"]


def test_a_compact_line_has_codes_and_days(contract: Contract) -> None:
    rows = [
        csv_row(gender="Female", blood_type="O-", test_results="Inconclusive"),
        csv_row(date_of_admission="2024-02-28", discharge_date="2024-03-01", name='"Lee, Ann"'),
    ]
    texts = list(csv.reader(rows))
    assert write_rows(contract, texts, COMPACT) == (
        "FHBACAI,Ann Lee,40,20230105,Bo Li,Kim Clinic,120.50,101,4\n"
        'MABACAN,"Lee, Ann",40,20240228,Bo Li,Kim Clinic,120.50,101,2\n'
    )


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        (("Male", "Female"), "MF"),
        (("male", "female"), "MF"),
        (("Asthma", "Arthritis", "Cancer"), "ABC"),
        ((">7", "<7"), "AB"),
        (("B", "A"), "BA"),  # each is its own code
        (("A", "AB", "Ö"), "ABC"),  # A is its own code, no other value could be taken for one
        (("B", "BA", "A"), ""),  # by order, A would be the code of B
        (("only",), ""),
        (tuple(f"value {n}" for n in range(36)), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
        (tuple(f"value {n}" for n in range(37)), ""),
    ],
)
def test_codes_are_initials_or_letters_in_order(accepted: tuple[str, ...], expected: str) -> None:
    found = codes(Column("x", "X", "categorical", accepted_values=accepted))
    assert "".join(found) == expected
    assert tuple(found.values()) == (accepted if expected else ())


@pytest.mark.parametrize("wire_format", WIRE_FORMATS)
@pytest.mark.parametrize("drawn", [(), ("age", "gender")])
def test_whole_rows_of_a_text_are_counted(
    contract: Contract, wire_format: str, drawn: tuple[str, ...]
) -> None:
    text = write_rows(contract, stand_in_rows(contract, 7), wire_format, drawn)
    assert count_rows(contract, text, wire_format, drawn) == 7
    assert count_rows(contract, text[: len(text) // 2], wire_format, drawn) in (3, 4)
    assert count_rows(contract, "Certainly! Here is what you want.", wire_format, drawn) == 0
    assert count_rows(contract, "", wire_format, drawn) == 0


@pytest.mark.parametrize(
    ("llm", "wire_format", "said"),
    [
        ("gpt-4o", "xml", "gpt-4o: there is no wire format 'xml'. Use one of: csv, csv_compact, "),
        (
            "gpt-4o",
            "csv_compact_constrained",
            "gpt-4o: its API takes no grammar, so 'csv_compact_constrained' cannot be asked for. "
            "Use 'csv_compact' or json_constrained.",
        ),
        ("llama-4-maverick", "csv_constrained", "Use 'csv' or json_constrained."),
        ("holdout", "csv_constrained", "Use 'csv' or json_constrained."),
    ],
)
def test_a_format_that_cannot_be_had_is_refused(llm: str, wire_format: str, said: str) -> None:
    with pytest.raises(SynthcareError) as caught:
        load_llm(llm).changed(wire_format=wire_format)
    assert said in str(caught.value)


def test_a_grammar_is_for_servers_that_take_one() -> None:
    for provider, has_base_url in (("local", False), ("openai", True)):
        check_wire_format("x", provider, "csv_constrained", has_base_url=has_base_url)
    for provider in ("openai", "llama"):
        check_wire_format("x", provider, "json_constrained", has_base_url=False)


def test_an_answer_has_room_for_twice_its_rows(contract: Contract) -> None:
    per_row = {name: tokens_per_row(contract, name) for name in WIRE_FORMATS}
    assert 45 < per_row["csv"] == per_row["csv_constrained"] < 60
    assert 30 < per_row["csv_compact"] == per_row["csv_compact_constrained"] < 42
    assert 90 < per_row["json"] == per_row["json_constrained"] < 110
    assert max_tokens(53, 50) == 2 * 50 * 53 + 64
    assert all(max_tokens(0.1, a) <= max_tokens(0.1, b) for a, b in pairwise(range(1, 5)))


def test_a_quote_in_a_value_does_not_break_the_grammar(contract: Contract) -> None:
    column = Column(
        name="note", label="Note", kind="categorical", accepted_values=('5" cut', "back\\slash")
    )
    assert answers(of_columns(contract, column), 2).fullmatch('"5"" cut"\nback\\slash\n')
