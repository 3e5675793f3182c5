"""What a request asks for beside the others: it can be fulfilled, and adds up to the population."""

import json
import random
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.drawing.draws import pool
from generators.home import Home
from generators.scaffold import scaffold
from generators.variety import make_brief
from generators.variety.brief import Brief, Cell, Limits
from generators.variety.quotas import (
    apportion,
    cell_shares,
    check_drawn_columns,
    quota_brief,
)
from generators.variety.slices import draw_slice
from synthcare.contracts.contract import Column, Contract, Rule, load_contract
from synthcare.contracts.infer import infer
from synthcare.errors import SynthcareError
from synthcare.project import PROJECT
from tests.driver import cli, query
from tests.loopback import serve

SEEDS = 10_000
ROWS = 7  # of a request
CONTRACTS = ("admissions", "encounters", "visits")

# Columns that stand in a rule together, by contract; the dates of `visits` are in order.
RULED = {
    "admissions": [{"date_of_admission", "discharge_date"}],
    "encounters": [{"discharge_disposition", "readmitted"}],
    "visits": [{"came", "went"}, {"came", "seen"}, {"went", "seen"}],
}

Values = Mapping[str, str]  # of some columns, as a row has them: empty is missing, `+3` days later


def table_of_visits(size: int) -> pd.DataFrame:
    """A column of each kind with gaps, three dates in order, a rare category and a long number."""
    draw = np.random.default_rng(3)
    came = np.datetime64("2021-03-01") + draw.integers(0, 700, size)
    went = came + draw.integers(0, 25, size)
    seen = went + draw.integers(1, 90, size)
    table = pd.DataFrame(
        {
            "File": [f"file {number}" for number in range(size)],
            "Ward": draw.choice(["North, old", "South", "West"], size, p=[0.5, 0.3, 0.2]),
            "Severity": np.where(draw.random(size) < 0.01, "fatal", draw.choice(["a", "b"], size)),
            "Came": np.datetime_as_string(came),
            "Score": np.char.mod("%.3f", draw.normal(0, 2, size)),
            "Went": np.datetime_as_string(went),
            # each twice: as wide numbers of which none repeats they would be keys
            "Cells": draw.integers(4_000_000_000, 9_000_000_000, size)[: size // 2].repeat(2),
            "Seen": np.datetime_as_string(seen),
            "Coughs": draw.integers(0, 2, size),
        }
    ).astype(str)
    for column, share in (("Ward", 0.2), ("Score", 0.3), ("Seen", 0.25), ("Coughs", 0.1)):
        table.loc[draw.random(size) < share, column] = ""
    return table


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Contract]:
    """Both contracts of the project, and one that was inferred from a made table."""
    folder = tmp_path_factory.mktemp("visits")
    shutil.copytree(PROJECT / "models", folder / "models")
    shutil.copy(PROJECT / "dbt_project.yml", folder)
    table = folder / "visits.csv"
    table_of_visits(900).to_csv(table, index=False)
    scaffold({"visits": (table, infer(table))}, folder)
    contract = load_contract("visits", folder)
    kinds = [column.kind for column in contract.columns]
    assert kinds == [
        *("identifier", "categorical", "categorical", "date", "decimal", "date", "integer"),
        *("date", "categorical"),
    ]
    assert [column.name for column in contract.columns if column.is_nullable] == [
        *("ward", "score", "seen", "coughs")
    ]
    return {"visits": contract} | {name: load_contract(name) for name in CONTRACTS[:2]}


@pytest.fixture(scope="module")
def slices(contracts: dict[str, Contract]) -> Callable[[str], list[Brief]]:
    """Slices of 10,000 seeds of the contract with this name."""

    @cache
    def drawn(name: str) -> list[Brief]:
        return [draw_slice(contracts[name], seed=seed, rows=ROWS) for seed in range(SEEDS)]

    return drawn


# ---------- whether a row that is asked for can be written, found out in SQL


def completed(contract: Contract, wanted: Sequence[Values]) -> list[bool]:
    """Whether some row has these values, keeps every rule and follows the contract.

    All other values are those of a row of the population.
    """
    found = np.zeros(len(wanted), dtype=bool)
    for rows in (20, None):  # nearly always one of the first will do
        left = [number for number, is_found in enumerate(found) if not is_found]
        if left:
            found[left] = _completed(contract, [wanted[number] for number in left], rows)
    return found.tolist()


def _completed(contract: Contract, wanted: Sequence[Values], rows: int | None) -> list[bool]:
    columns = [column for column in contract.columns if column.kind != "identifier"]
    people = pd.DataFrame(
        {name: [written(v) for v in values[:rows]] for name, values in pool(contract).items()},
        dtype=object,
    )
    asked = pd.DataFrame(wanted, columns=[column.name for column in columns], dtype=object)
    asked = asked.where(asked.notna(), None).assign(number=range(len(wanted)))
    with duckdb.connect() as database:
        database.register("people", people)
        database.register("asked", asked)
        found = database.execute(
            f"""
            with chosen as (
                select number, {", ".join(map(_chosen, columns))} from asked cross join people
            ),
            typed as (select number, {", ".join(map(_typed, columns))} from chosen)
            select bool_or({" and ".join(map(_holds, [*columns, *contract.rules]))}) from typed
            group by number order by number
            """
        ).fetchall()
    return [is_found for (is_found,) in found]


def _chosen(column: Column) -> str:
    return f'coalesce(asked."{column.name}", people."{column.name}") as "{column.name}_text"'


def _typed(column: Column) -> str:
    name = column.name
    kinds = {"integer": "bigint", "decimal": "double", "date": "date"}
    value = f"cast(nullif(\"{name}_text\", '') as {kinds.get(column.kind, 'varchar')})"
    if earlier := column.population.get("days_after"):
        days = f'cast("{earlier}" as date) + cast(substr("{name}_text", 2) as integer)'
        # A gap where a number of days was asked for fulfils nothing.
        value = (
            f"case when starts_with(\"{name}_text\", '+') "
            f"then coalesce({days}, date '0001-01-01') else {value} end"
        )
    return f'{value} as "{name}"'


def _holds(of: Column | Rule) -> str:
    if isinstance(of, Rule):
        return f"(({of.holds}) is not false)"
    known = "true"
    if of.kind == "categorical":
        values = ", ".join("'" + value.replace("'", "''") + "'" for value in of.accepted_values)
        known = f'"{of.name}" in ({values})'
    elif of.minimum is not None:
        low, high = (
            f"date '{end}'" if of.kind == "date" else str(end) for end in (of.minimum, of.maximum)
        )
        known = f'"{of.name}" between {low} and {high}'
    return f"coalesce({known}, {'true' if of.is_nullable else 'false'})"


def written(value: Any) -> str:
    return "" if value is None else str(value)


def in_days(column: Column, limits: Limits) -> bool:
    return column.kind == "date" and type(limits.low) is int


def ends(column: Column, limits: Limits) -> list[str]:
    """The lowest value, one in the middle, and the highest."""
    if limits.values:
        values = limits.values
        return [values[0], values[len(values) // 2], values[-1]]
    if limits.low is None:
        return [""] * 3
    low, high = limits.low, limits.high
    middle = low + (high - low) // 2
    if in_days(column, limits):
        return [f"+{days}" for days in (low, middle, high)]
    return [written(value) for value in (low, middle, high)]


# ---------- slices


@pytest.mark.parametrize("name", CONTRACTS)
def test_what_a_slice_allows_is_in_the_contract(
    contracts: dict[str, Contract], slices: Callable, name: str
) -> None:
    contract = contracts[name]
    for brief in slices(name):
        assert len(brief.rows) == ROWS
        assert len({id(limits) for limits in brief.rows}) == 1
        assert len(brief.limits(0)) == 3
        for column_name, limits in brief.limits(0).items():
            column = contract.column(column_name)
            if limits.values:
                assert set(limits.values) < set(column.accepted_values)
                assert (limits.low, limits.high) == (None, None)
            elif limits.low is None:
                assert limits.high is None
                assert column.is_nullable
            elif in_days(column, limits):
                assert 0 <= limits.low <= limits.high
            else:
                assert column.minimum <= limits.low <= limits.high <= column.maximum


@pytest.mark.parametrize("name", CONTRACTS)
def test_rows_of_a_slice_can_be_written(
    contracts: dict[str, Contract], slices: Callable, name: str
) -> None:
    """With all low ends, all high ones and what is between; each value alone, too."""
    contract = contracts[name]
    for end in range(3):
        wanted = [
            {
                column: ends(contract.column(column), limits)[end]
                for column, limits in brief.limits(0).items()
            }
            for brief in slices(name)
        ]
        assert all(completed(contract, wanted))
    alone = {
        (column, value)
        for brief in slices(name)
        for column, limits in brief.limits(0).items()
        for value in (*limits.values, *ends(contract.column(column), limits))
    }
    wanted = [{column: value} for column, value in sorted(alone)]
    lawful = completed(contract, wanted)
    assert [value for value, is_lawful in zip(wanted, lawful, strict=True) if not is_lawful] == []


def test_a_row_that_breaks_a_rule_is_not_taken_for_one_that_can_be_written(
    contracts: dict[str, Contract],
) -> None:
    """What the tests above rest on."""
    admissions, visits = contracts["admissions"], contracts["visits"]
    assert completed(
        admissions,
        [
            {"discharge_date": "2019-01-01"},
            {"discharge_date": "+3", "age": "120"},
            {"discharge_date": "+9999"},
            {"age": "121"},
            {"age": ""},
            {"gender": "Other"},
        ],
    ) == [False, True, False, False, False, False]
    assert completed(contracts["encounters"], [{"race": ""}, {"insulin": ""}]) == [True, False]
    assert completed(
        contracts["encounters"],
        [
            {"discharge_disposition": "Expired", "readmitted": answer}
            for answer in ("NO", "<30", ">30")
        ],
    ) == [True, False, False]
    latest = str(visits.column("came").maximum)
    assert completed(visits, [{"came": latest}, {"came": latest, "seen": "2021-06-01"}]) == [
        *(True, False)
    ]


@pytest.mark.parametrize("name", CONTRACTS)
def test_no_two_limited_columns_stand_in_one_rule(slices: Callable, name: str) -> None:
    limited = Counter()
    for brief in slices(name):
        columns = set(brief.limits(0))
        assert not any(len(columns & ruled) > 1 for ruled in RULED[name])
        limited.update(columns)
    assert all(limited[column] > 100 for ruled in RULED[name] for column in ruled)


@pytest.mark.parametrize("name", CONTRACTS)
def test_slices_of_different_seeds_differ(
    contracts: dict[str, Contract], slices: Callable, name: str
) -> None:
    drawn = slices(name)
    assert draw_slice(contracts[name], seed=5, rows=ROWS) == drawn[5]
    assert len({brief.text for brief in drawn[:1000]}) > 950
    # No column and no part of it is left out.
    assert {column for brief in drawn for column in brief.limits(0)} == {
        column.name for column in contracts[name].columns if column.kind != "identifier"
    }
    for column in contracts[name].columns:
        of_column = [b.limits(0)[column.name] for b in drawn if column.name in b.limits(0)]
        shares = column.population.get("shares") or dict.fromkeys(column.accepted_values, 1)
        frequent = {value for value in column.accepted_values if shares[value] >= 0.005}
        assert {value for limits in of_column for value in limits.values} >= frequent
        may_lack = any(limits == Limits() for limits in of_column)
        assert may_lack <= column.is_nullable
        assert may_lack or column.population.get("missing", 0) < 0.005


# How frequent values are in the contracts, and in the made table.
SHARES = [
    ("admissions", "age", {"18-34": 0.25, "35-51": 0.25, "52-68": 0.25, "69-85": 0.25}),
    ("admissions", "gender", {"Male": 0.5, "Female": 0.5}),
    ("encounters", "gender", {"Female": 0.537, "Male": 0.462, "": 0.001}),
    ("visits", "coughs", {"0": 0.45, "1": 0.45, "": 0.1}),
]


@pytest.mark.parametrize(("name", "column", "shares"), SHARES)
def test_values_are_as_frequent_as_in_the_population(
    slices: Callable, name: str, column: str, shares: dict[str, float]
) -> None:
    draw = random.Random(1)  # noqa: S311
    counts = Counter(
        value_in(brief.limits(0)[column], draw, bands=shares)
        for brief in slices(name)
        if column in brief.limits(0)
    )
    assert counts.total() > 1000
    assert set(counts) <= set(shares)
    for value, share in shares.items():
        assert counts[value] / counts.total() == pytest.approx(share, abs=0.03)


def value_in(limits: Limits, draw: random.Random, bands: Iterable[str]) -> str:
    """A value within the limits, or its band."""
    if limits.low is None:
        return draw.choice(limits.values or [""])
    number = draw.randint(limits.low, limits.high)
    return next(
        band for band in bands if int(band.split("-")[0]) <= number <= int(band.split("-")[1])
    )


@pytest.mark.parametrize("name", CONTRACTS)
def test_the_text_says_the_limits_and_nothing_else(
    contracts: dict[str, Contract], slices: Callable, name: str
) -> None:
    contract = contracts[name]
    for brief in slices(name):
        said, *initials = re.findall(r"(?:In every row: (?=\S)|Each ).*?\.(?= Each |$)", brief.text)
        conditions = said.removeprefix("In every row: ").removesuffix(".").split("; ")
        assert {name: limits for name, limits in (read(contract, c) for c in conditions)} == {
            column: Limits(tuple(limits.values), written(limits.low), written(limits.high))
            for column, limits in brief.limits(0).items()
        }
        assert initials == [
            f"Each {contract.column(column).label} begins with one of the letters "
            f"{', '.join(letters)}."
            for column, letters in brief.initials.items()
        ]
        assert all(len(set(letters)) == 8 for letters in brief.initials.values())


def read(contract: Contract, condition: str) -> tuple[str, Limits]:
    """A condition such as `Age from 18 to 34`, as a person reads it; the ends are texts."""
    column = max(
        (c for c in contract.columns if condition.startswith(f"{c.label} ")),
        key=lambda c: len(c.label),
    )
    rest = condition.removeprefix(f"{column.label} ")
    if rest == "missing":
        return column.name, Limits((), "", "")
    if column.kind == "categorical":
        values = [v for v in column.accepted_values if v in re.split(r" or |, (?!old)", rest)]
        assert ", ".join(values).replace(" or ", ", ") == rest.replace(" or ", ", ")
        return column.name, Limits(tuple(values), "", "")
    if days := re.fullmatch(r"(\d+)(?: to (\d+))? (days?) after (.+)", rest):
        assert days[4] == contract.column(column.population["days_after"]).label
        assert (days[3] == "day") == (days[0].startswith("1 day "))
        return column.name, Limits((), days[1], days[2] or days[1])
    if both := re.fullmatch(r"from (\S+) to (\S+)", rest):
        assert both[1] != both[2]
        low, high = both.groups()
    else:
        low = high = rest
    if column.kind == "decimal":
        assert len(low.split(".")[1]) == len(high.split(".")[1]) == column.decimals
        return column.name, Limits((), written(float(low)), written(float(high)))
    return column.name, Limits((), low, high)


@pytest.mark.parametrize(
    ("column", "limits", "said", "dictated"),
    [
        ("gender", Limits(("Male",)), "Gender Male", "Male"),
        ("gender", Limits(("Male", "Female")), "Gender Male or Female", None),
        ("admission_type", Limits(("A", "B", "C")), "Admission Type A, B or C", None),
        ("age", Limits(low=18, high=34), "Age from 18 to 34", None),
        ("age", Limits(low=0, high=0), "Age 0", "0"),
        ("age", Limits(), "Age missing", ""),
        (
            "billing_amount",
            Limits(low=-3.5, high=1000.0),
            "Billing Amount from -3.50 to 1000.00",
            None,
        ),
        (
            "date_of_admission",
            Limits(low=date(2020, 2, 29), high=date(2020, 2, 29)),
            "Date of Admission 2020-02-29",
            "2020-02-29",
        ),
        (
            "discharge_date",
            Limits(low=0, high=6),
            "Discharge Date 0 to 6 days after Date of Admission",
            None,
        ),
        (
            "discharge_date",
            Limits(low=1, high=1),
            "Discharge Date 1 day after Date of Admission",
            None,
        ),
    ],
)
def test_limits_in_words(
    contract: Contract, column: str, limits: Limits, said: str, dictated: str | None
) -> None:
    """How many days one stays gives no date away."""
    assert limits.text(contract, contract.column(column)) == said
    assert limits.single(contract.column(column)) == dictated
    given_away = Brief(rows=({column: limits},) * 4).dictated(contract)
    assert given_away == ({} if dictated is None else {column: {dictated: 4}})


@pytest.mark.parametrize("name", CONTRACTS)
def test_only_single_values_are_given_away(
    contracts: dict[str, Contract], slices: Callable, name: str
) -> None:
    contract = contracts[name]
    kinds = Counter()
    for brief in slices(name):
        single = {}
        for column, limits in brief.limits(0).items():
            values = set(ends(contract.column(column), limits))
            if len(values) == 1 and not in_days(contract.column(column), limits):
                value = values.pop()
                if contract.column(column).kind == "decimal" and value:
                    value = f"{float(value):.{contract.column(column).decimals}f}"
                single[column] = {value: ROWS}
        assert brief.dictated(contract) == single
        row = brief.as_row(contract)
        assert row["dictated_values"] == (single or None)
        assert (row["slice_text"], row["quota_cells"], row["drawn_values"]) == (
            *(brief.text, None, None),
        )
        kinds.update(single.keys())
    assert kinds.total() > 1000


def test_a_contract_of_names_alone_has_slices_of_initials(contract: Contract) -> None:
    names = replace(contract, columns=contract.columns[:1], rules=(), derived=(), quotas=())
    brief = draw_slice(names, seed=1, rows=3)
    assert brief.rows == ()
    assert brief.text.startswith("Each Name begins with one of the letters ")


# ---------- quotas


def test_shares_of_the_admissions_are_products(contract: Contract) -> None:
    shares = cell_shares(contract)
    conditions = {
        "Arthritis": 0.168,
        "Asthma": 0.165,
        "Cancer": 0.166,
        "Diabetes": 0.168,
        "Hypertension": 0.167,
        "Obesity": 0.166,
    }
    expected = {
        (("age", age), ("gender", gender), ("medical_condition", condition)): 0.125 * share
        for age in ("18-34", "35-51", "52-68", "69-85")
        for gender in ("Male", "Female")
        for condition, share in conditions.items()
    }
    assert shares == pytest.approx(expected)
    assert sum(shares.values()) == pytest.approx(1)


def test_what_may_be_missing_has_cells_of_its_own(contracts: dict[str, Contract]) -> None:
    shares = cell_shares(contracts["encounters"])
    assert len(shares) == 3 * 10
    assert sum(shares.values()) == pytest.approx(1)
    oldest = {
        cell[0][1]: share for cell, share in shares.items() if dict(cell)["age"] == "[90-100)"
    }
    assert oldest == pytest.approx(
        {"Female": 0.027 * 0.999 * 0.538, "Male": 0.027 * 0.999 * 0.462, "": 0.027 * 0.001}
    )


def letters(name: str, values: str, **more: Any) -> Column:
    return Column(name, name.upper(), "categorical", accepted_values=tuple(values), **more)


def number(name: str, low: int, high: int, **more: Any) -> Column:
    return Column(name, name.upper(), "integer", minimum=low, maximum=high, **more)


@pytest.fixture
def made(contract: Contract) -> Contract:
    """b depends on a, and the number c on b; a may be missing, and no x goes with q."""
    of_b = {"x": {"p": 0.5, "q": 0.5}, "y": {"p": 1}, "z": {"q": 1}}
    of_c = {"p": {"-9--1": 2, "0-9": 3}, "q": {"10-99": 1}}
    spread = {"shares": {"x": 3, "y": 1}, "missing": 0.2}
    columns = (
        letters("a", "xyz", population=spread, is_nullable=True),
        letters("b", "pq", population={"given": "a", "shares": of_b}),
        number("c", -9, 99, population={"given": "b", "shares": of_c}),
        Column("d", "D", "date", minimum=date(2020, 1, 1), maximum=date(2020, 1, 31)),
    )
    rule = Rule("x_with_q", "not (a = 'x' and b = 'q')", "No x goes with q.")
    return replace(
        contract, dataset="made", columns=columns, rules=(rule,), derived=(), quotas=("a", "b")
    )


def test_shares_may_depend_on_another_column(made: Contract) -> None:
    """Of a missing value of a, the shares of b are those over all of a's."""
    lawless = replace(made, rules=())
    assert cell_shares(lawless) == pytest.approx(
        {
            (("a", "x"), ("b", "p")): 0.8 * 0.75 * 0.5,
            (("a", "x"), ("b", "q")): 0.8 * 0.75 * 0.5,
            (("a", "y"), ("b", "p")): 0.8 * 0.25,
            (("a", ""), ("b", "p")): 0.2 * (0.75 * 0.5 + 0.25),
            (("a", ""), ("b", "q")): 0.2 * 0.75 * 0.5,
        }
    )
    of_bands = replace(lawless, quotas=("b", "c"))
    p = 0.75 * 0.5 + 0.25
    assert cell_shares(of_bands) == pytest.approx(
        {
            (("b", "p"), ("c", "-9--1")): p * 0.4,
            (("b", "p"), ("c", "0-9")): p * 0.6,
            (("b", "q"), ("c", "10-99")): 1 - p,
        }
    )


def test_a_cell_that_breaks_a_rule_gets_none(made: Contract) -> None:
    """The others share what it would have had."""
    impossible = 0.8 * 0.75 * 0.5
    assert cell_shares(made) == pytest.approx(
        {
            (("a", "x"), ("b", "p")): 0.8 * 0.75 * 0.5 / (1 - impossible),
            (("a", "y"), ("b", "p")): 0.8 * 0.25 / (1 - impossible),
            (("a", ""), ("b", "p")): 0.2 * (0.75 * 0.5 + 0.25) / (1 - impossible),
            (("a", ""), ("b", "q")): 0.2 * 0.75 * 0.5 / (1 - impossible),
        }
    )
    never = replace(made, rules=(Rule("never", "a is null and b = 'z'", "Never."),))
    with pytest.raises(SynthcareError, match="the rules allow none of the quotas' cells"):
        cell_shares(never)


A, B, C = ((("x", letter),) for letter in "abc")


@pytest.mark.parametrize(
    ("shares", "rows", "counts"),
    [
        ({A: 0.5, B: 0.3, C: 0.2}, 7, {A: 4, B: 2, C: 1}),  # 3.5, 2.1, 1.4
        ({A: 0.5, B: 0.3, C: 0.2}, 8, {A: 4, B: 2, C: 2}),  # 4.0, 2.4, 1.6
        ({A: 0.5, B: 0.5}, 1, {A: 1}),  # of equal parts the first
        ({A: 0.999, B: 0.001}, 10, {A: 10}),
        ({A: 1.0}, 0, {}),
    ],
)
def test_rows_are_apportioned_by_largest_remainders(
    shares: dict[Cell, float], rows: int, counts: dict[Cell, int]
) -> None:
    assert apportion(shares, rows) == counts


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=60), st.integers(0, 5000))
def test_each_cell_is_within_one_row_of_its_part(parts: list[float], rows: int) -> None:
    shares = {(("x", str(place)),): part / sum(parts) for place, part in enumerate(parts)}
    counts = apportion(shares, rows)
    assert sum(counts.values()) == rows
    assert all(abs(counts[cell] - share * rows) < 1 for cell, share in shares.items())


def test_quotas_of_many_totals_are_met(contracts: dict[str, Contract]) -> None:
    for contract in contracts.values():
        if not contract.quotas:
            continue
        shares = cell_shares(contract)
        for rows in [*range(200), 999, 10_000]:
            counts = apportion(shares, rows)
            assert sum(counts.values()) == rows
            assert all(abs(counts[cell] - share * rows) < 1 for cell, share in shares.items())


def with_quotas(contracts: dict[str, Contract]) -> list[Contract]:
    visits = contracts["visits"]
    return [
        contracts["admissions"],
        contracts["encounters"],
        replace(visits, quotas=("ward", "severity", "coughs")),
        replace(contracts["encounters"], quotas=("discharge_disposition", "readmitted")),
    ]


def test_every_cell_that_is_asked_for_can_be_written(contracts: dict[str, Contract]) -> None:
    for contract in with_quotas(contracts):
        cells = dict.fromkeys(cell_shares(contract), 2)
        brief = quota_brief(contract, cells, seed=1, drawn_columns=())
        assert len(brief.rows) == 2 * len(cells)
        wanted = [
            {name: ends(contract.column(name), of)[end] for name, of in limits.items()}
            for limits in brief.rows
            for end in range(3)
        ]
        assert all(completed(contract, wanted))
        # Row by row those of the cells, in their order.
        in_order = [dict(cell) for cell in cells for _ in range(2)]
        assert [{n: label(of) for n, of in limits.items()} for limits in brief.rows] == in_order


def label(limits: Limits) -> str:
    if limits.low is not None:
        return f"{limits.low}-{limits.high}"
    return limits.values[0] if limits.values else ""


def test_no_death_with_a_return_is_asked_for(contracts: dict[str, Contract]) -> None:
    contract = replace(contracts["encounters"], quotas=("discharge_disposition", "readmitted"))
    cells = [dict(cell) for cell in cell_shares(contract)]
    assert {c["readmitted"] for c in cells if c["discharge_disposition"] == "Expired"} == {"NO"}
    assert len(cells) == 11 * 3 - 2


def test_quotas_in_words(contracts: dict[str, Contract]) -> None:
    def cell(age: str, gender: str) -> Cell:
        return (("age", age), ("gender", gender))

    admissions = replace(contracts["admissions"], quotas=("age", "gender"))
    cells = {cell("18-34", "Male"): 2, cell("69-85", "Female"): 1}
    brief = quota_brief(admissions, cells, seed=1, drawn_columns=())
    assert brief.text.endswith(
        " Write exactly these rows, in this order: 2 with Age from 18 to 34, Gender Male; "
        "1 with Age from 69 to 85, Gender Female."
    )
    row = brief.as_row(admissions)
    assert row["dictated_values"] == {"gender": {"Male": 2, "Female": 1}}
    assert row["quota_cells"] == {
        "columns": ["age", "gender"],
        "cells": [
            {"labels": ["18-34", "Male"], "rows": 2},
            {"labels": ["69-85", "Female"], "rows": 1},
        ],
    }
    assert row["drawn_values"] is None
    missing = {(("gender", ""), ("age", "[0-10)")): 1}
    brief = quota_brief(contracts["encounters"], missing, seed=1, drawn_columns=())
    assert brief.text == (
        "Write exactly these rows, in this order: 1 with gender missing, age [0-10)."
    )
    assert brief.dictated(contracts["encounters"]) == {"gender": {"": 1}, "age": {"[0-10)": 1}}


# Columns to be drawn beside those of the quotas.
DRAWN = [
    ("admissions", ["date_of_admission", "discharge_date", "billing_amount"]),
    ("admissions", ["date_of_admission"]),
    ("encounters", ["discharge_disposition", "readmitted", "payer_code", "days_in_hospital"]),
    ("encounters", ["discharge_disposition"]),
    ("visits", ["came", "went", "seen", "score", "cells"]),
]


@pytest.mark.parametrize(("name", "columns"), DRAWN)
def test_drawn_rows_keep_every_rule_and_their_cell(
    contracts: dict[str, Contract], name: str, columns: list[str]
) -> None:
    contract = contracts[name]
    if name == "visits":
        contract = replace(contract, quotas=("ward", "coughs"))
    drawn_columns = check_drawn_columns(contract, columns)
    assert set(drawn_columns) == {*columns, *contract.quotas}
    cells = dict.fromkeys(cell_shares(contract), 5)
    in_order = [dict(cell) for cell in cells for _ in range(5)]
    values = defaultdict(set)
    for seed in range(10):
        brief = quota_brief(contract, cells, seed=seed, drawn_columns=drawn_columns)
        assert brief.rows == ()
        assert all(tuple(row) == drawn_columns for row in brief.drawn)
        assert all(completed(contract, brief.drawn))
        for row, cell in zip(brief.drawn, in_order, strict=True):
            assert {name: band(contract, name, row[name]) for name in cell} == cell
            for column in drawn_columns:
                values[column].add(row[column])
        expected = {c: Counter(row[c] for row in brief.drawn) for c in drawn_columns}
        assert brief.dictated(contract) == expected
        assert brief.as_row(contract)["drawn_values"]["1"] == brief.drawn[0]
        assert len(brief.as_row(contract)["drawn_values"]) == len(in_order)
        table = brief.text.split("\n\n")[1].split("\n")
        assert table[0] == ", ".join(["Row", *(contract.column(c).label for c in drawn_columns)])
        assert table[-1] == ", ".join([str(len(in_order)), *brief.drawn[-1].values()])
    # A later session says the same of the request.
    again = quota_brief(contract, cells, seed=9, drawn_columns=drawn_columns)
    assert again == brief
    assert all(len(values[column]) > 2 for column in columns)
    for column in columns:
        assert ("" in values[column]) == contract.column(column).is_nullable


def band(contract: Contract, name: str, text: str) -> str:
    if contract.column(name).kind != "integer":
        return text
    bands = contract.column(name).population["shares"]
    return next(b for b in bands if int(b.split("-")[0]) <= int(text) <= int(b.split("-")[1]))


def test_drawn_values_are_spread_as_in_the_population(contract: Contract) -> None:
    """Ages evenly within their band, stays of 1 to 30 days."""
    cells = apportion(cell_shares(contract), 4_000)
    columns = check_drawn_columns(contract, ["date_of_admission", "discharge_date", "blood_type"])
    drawn = quota_brief(contract, cells, seed=1, drawn_columns=columns).drawn
    assert {int(row["age"]) for row in drawn} == set(range(18, 86))
    assert np.mean([int(row["age"]) for row in drawn]) == pytest.approx(51.5, abs=1)
    stays = [
        date.fromisoformat(row["discharge_date"]) - date.fromisoformat(row["date_of_admission"])
        for row in drawn
    ]
    assert (min(stays), max(stays)) == (timedelta(days=1), timedelta(days=30))
    of_type = Counter(row["blood_type"] for row in drawn)
    assert min(of_type.values()) > 4_000 / 8 * 0.8
    assert len(of_type) == 8


@pytest.mark.xfail(strict=True, reason="it is drawn as missing, and each such row is rejected")
def test_what_depends_on_a_missing_value_is_drawn_all_the_same(made: Contract) -> None:
    """It is missing itself only where it may be."""
    contract = replace(made, quotas=("a",))
    cells = {(("a", ""),): 40}
    drawn = quota_brief(contract, cells, seed=1, drawn_columns=("a", "b", "c")).drawn
    assert {row["a"] for row in drawn} == {""}
    assert {row["b"] for row in drawn} == {"p", "q"}


# ---------- none


def test_without_variety_every_request_has_the_same_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contract: Contract
) -> None:
    """Also the last one, and where an answer lacks rows."""
    monkeypatch.setenv("SYNTHCARE_HOME", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    with serve(key="sk-test", faults=["prose"]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        done = cli("generate", "--llm", "gpt-4o", "--variety", "none", "--rows", 120, "--json")
    assert done.exit_code == 0, done.output
    bodies = [body for _, _, body in server.requests]
    assert len(bodies) >= 4
    seeds = [body.pop("seed") for body in bodies]
    assert len(set(seeds)) == len(seeds)
    assert len({json.dumps(body, sort_keys=True) for body in bodies}) == 1
    (run,) = json.loads(done.stdout)["ledger"]
    assert run["rows_accepted"] >= 120
    assert run["steered_share"] == 0
    asked = query(
        Home(tmp_path),
        "select distinct slice_text, dictated_values, quota_cells, drawn_values"
        " from raw.llm_responses",
    )
    assert asked == [(None, None, None, None)]
    nothing = make_brief(contract, "none", seed=1, rows=9, cells={}, drawn_columns=())
    assert nothing == Brief()
