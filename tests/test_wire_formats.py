"""Grammars admit exactly what the contract allows."""

import json
import re
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.contract import Column, Contract
from generators.prompts.slices import Slice
from generators.tokens import tokens_per_row
from generators.wire_formats import (
    WIRE_FORMATS,
    _integers,
    _value,
    csv_grammar,
    json_schema,
    max_tokens,
    write_rows,
)
from tests.driver import csv_row

ANYWHERE = Slice({}, {})


def as_regex(gbnf: str, rules: dict[str, str] | None = None) -> str:
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


def row_pattern(contract: Contract, rows: int, within: Slice = ANYWHERE) -> re.Pattern[str]:
    rules = dict(
        re.split(r" ::= ", rule, maxsplit=1)
        for rule in re.split(r"\n(?=\w+ ::=)", csv_grammar(contract, rows, within))
    )
    return re.compile(as_regex(rules["root"], rules))


@pytest.mark.parametrize(
    ("low", "high"), [(0, 0), (0, 9), (0, 120), (7, 7), (18, 85), (101, 500), (99, 1001), (-12, 5)]
)
def test_integers_are_exactly_the_range(low: int, high: int) -> None:
    pattern = re.compile(as_regex(_integers(low, high)))
    admitted = {number for number in range(-1100, 1200) if pattern.fullmatch(str(number))}
    assert admitted == set(range(low, high + 1))
    assert not pattern.fullmatch("007")


@given(st.integers(-3000, 3000), st.integers(0, 3000), st.integers(-7000, 7000))
def test_integers_of_any_range(low: int, length: int, number: int) -> None:
    pattern = re.compile(as_regex(_integers(low, low + length)))
    assert bool(pattern.fullmatch(str(number))) == (low <= number <= low + length)


def test_the_grammar_admits_valid_rows_and_nothing_else(contract: Contract) -> None:
    pattern = row_pattern(contract, 2)
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


def test_every_day_but_29_february_can_be_written(contract: Contract) -> None:
    pattern = row_pattern(contract, 1)
    days = [date(2020, 1, 1) + timedelta(n) for n in range(366)]
    refused = [
        day
        for day in days
        if not pattern.fullmatch(csv_row(date_of_admission=day.isoformat()) + "\n")
    ]
    assert refused == [date(2020, 2, 29)]


def test_the_schema_is_strict(contract: Contract) -> None:
    row = json_schema(contract)["properties"]["rows"]["items"]
    assert row["required"] == list(row["properties"]) == list(contract.labels)
    assert row["additionalProperties"] is False
    assert row["properties"]["Room Number"] == {"type": "integer", "minimum": 101, "maximum": 500}


@pytest.mark.parametrize(
    ("low", "high", "decimals"),
    [(0, 0.2, 2), (0.05, 0.16, 3), (1.5, 3.25, 2), (-1.2, 0.7, 1), (-5, -0.5, 1), (7, 7, 2)],
)
def test_decimals_are_exactly_the_range(low: float, high: float, decimals: int) -> None:
    column = Column("x", "X", "decimal", minimum=low, maximum=high, decimals=decimals)
    pattern = re.compile(as_regex(_value(column)))
    scale = 10**decimals
    numbers = [f"{n / scale:.{decimals}f}" for n in range(-8 * scale, 8 * scale) if n]
    numbers.append(f"{0:.{decimals}f}")
    admitted = {number for number in numbers if pattern.fullmatch(number)}
    assert admitted == {number for number in numbers if low <= float(number) <= high}
    assert not pattern.fullmatch(f"{low:.{decimals + 1}f}")


def test_what_may_be_missing_may_be_left_empty(contract: Contract) -> None:
    columns = (
        Column("a", "A", "categorical", accepted_values=("x", "y"), is_nullable=True),
        Column("b", "B", "integer", minimum=1, maximum=2),
        Column("c", "C", "identifier", is_nullable=True),
    )
    with_gaps = replace(contract, columns=columns, rules=(), derived=())
    for within in (ANYWHERE, Slice({"c": ["K"]}, {})):
        pattern = row_pattern(with_gaps, 1, within)
        assert pattern.fullmatch("x,1,Kim Ode\n")
        assert pattern.fullmatch(",1,\n")
        assert not pattern.fullmatch(",,\n")
    row = json_schema(with_gaps)["properties"]["rows"]["items"]["properties"]
    assert row["A"] == {"type": ["string", "null"], "enum": ["x", "y", None]}
    assert row["B"] == {"type": "integer", "minimum": 1, "maximum": 2}
    assert row["C"] == {"type": ["string", "null"]}
    assert json.loads(write_rows(with_gaps, [("", "1", None)], "json")) == {
        "rows": [{"A": None, "B": 1, "C": None}]
    }


def test_the_grammar_keeps_to_the_initials_of_a_slice(contract: Contract) -> None:
    pattern = row_pattern(contract, 3, Slice({"name": ["K", "Z"]}, {}))
    rows = [csv_row(name=name) + "\n" for name in ("Kim Ode", "Zoe Li", "Ken Ray")]
    assert pattern.fullmatch("".join(rows))
    assert not pattern.fullmatch("".join(reversed(rows[:2])) + rows[2])


def test_an_answer_has_room_for_twice_its_rows(contract: Contract) -> None:
    per_row = {name: tokens_per_row(contract, name) for name in WIRE_FORMATS}
    assert 45 < per_row["csv"] == per_row["csv_constrained"] < 60
    assert 90 < per_row["json"] == per_row["json_constrained"] < 110
    assert max_tokens(53, 50) == 2 * 50 * 53 + 64
    assert all(max_tokens(0.1, a) <= max_tokens(0.1, b) for a, b in pairwise(range(1, 5)))


def test_a_quote_in_a_value_does_not_break_the_grammar(contract: Contract) -> None:
    column = Column(
        name="note", label="Note", kind="categorical", accepted_values=('5" cut', "back\\slash")
    )
    with_quote = Contract(
        dataset="x",
        record="x",
        columns=(column,),
        rules=(),
        derived=(),
        reference=contract.reference,
    )
    assert row_pattern(with_quote, 2).fullmatch('"5"" cut"\nback\\slash\n')
