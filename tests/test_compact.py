"""Compact lines carry the same values as plain ones, in fewer tokens."""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.asking.llms import load_llm
from generators.asking.runs import Run, plan_run, utc_now
from generators.costs.tokens import tokens_per_row
from generators.drawing.stand_in import stand_in_rows
from generators.landing.journal import Journal, Response
from generators.scaffold import scaffold
from generators.variety.brief import Brief, Limits
from generators.wire_formats import write_rows
from generators.wire_formats.grammar import csv_grammar
from generators.wire_formats.layout import codes
from synthcare.contracts.contract import Contract, load_contract
from synthcare.contracts.infer import infer
from tests.copies import Copy
from tests.driver import csv_row

pytestmark = pytest.mark.xdist_group("compact")

ANYTHING = Brief()

Rows = Sequence[Sequence[str]]

# Categories of the dataset `coded`, and the codes that they have.
CATEGORIES = {
    "initials": (["yes", "no", "maybe"], "YNM"),
    "clashing": (["Apple", "Avocado", "Banana"], "ABC"),
    "swapped": (["C", "A", "B"], "CAB"),
    "letters": (["A", "B", "BB"], "ABC"),
    "misleading": (["b", "a", "ab"], ""),  # for B is the code of a
    "accents": (["Élan", "Zeal"], "AB"),
    "signs": (["<7", ">7", "North, old", '5" cut', "it's"], "ABCDE"),
    "numbers": (["0", "1", "2"], "ABC"),
    "more": ([f"v{n}" for n in range(28)], "ABCDEFGHIJKLMNOPQRSTUVWXYZ01"),
    "most": ([f"w{n}" for n in range(36)], "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
    "too_many": ([f"x{n}" for n in range(37)], ""),
    "digits": ([str(n) for n in range(30)], ""),  # for 0 is the code of 26
    "one": (["only"], ""),
}
GAPS = {"Clashing": 5, "Most": 7, "Went": 9, "Seen": 4, "Score": 3, "Note": 6}  # every so many rows
DRAWN = {
    "admissions": ("age", "gender", "medical_condition", "date_of_admission"),
    "encounters": ("race", "gender", "age", "lab_procedures", "discharge_disposition"),
    # One category is left to be written.
    "coded": (*(name for name in CATEGORIES if name != "most"), "came"),
}


def coded_rows(size: int) -> Rows:
    """Rows of the dataset `coded`; every value of every category is among the first 40."""
    draw = io.StringIO()
    writer = csv.writer(draw)
    for n in range(size):
        came = date(2023, 1, 1) + timedelta(days=7 * n % 300)
        went = came + timedelta(days=n % 31)
        writer.writerow(
            [
                f"note, no. {n}",
                *(values[n % len(values)] for values, _ in CATEGORIES.values()),
                came,
                f"{(n - 7) * 1.375:.3f}",
                went,
                9_000_000_000 + n,
                went + timedelta(days=n % 11),
            ]
        )
    rows = list(csv.reader(io.StringIO(draw.getvalue())))
    for label, every in GAPS.items():
        for row in rows[::every]:
            row[CODED_LABELS.index(label)] = ""
    return rows


CODED_LABELS = [
    *("Note", *(name.capitalize() for name in CATEGORIES)),
    *("Came", "Score", "Went", "Cells", "Seen"),
]


@dataclass(frozen=True)
class Landed:
    """What dbt made of runs in a copy of the project, and the contracts there."""

    folder: Path
    contracts: dict[str, Contract]
    texts: dict[str, str]

    def query(self, sql: str) -> list[tuple]:
        with duckdb.connect(self.folder / "warehouse.duckdb", read_only=True) as warehouse:
            return warehouse.execute(sql).fetchall()

    def records(self, name: str) -> list[dict[str, Any]]:
        """The records of a response, in order: values as texts, and what was said of them."""
        contract = self.contracts[name.split(maxsplit=1)[0]]
        columns = [column.name for column in contract.columns]
        rows = self.query(
            f"""
            select {", ".join(columns)}, normalised_columns, reject_reasons
            from intermediate.int_{contract.dataset}_cast
            where run_id = '{name}'
            order by cast(split_part(record_id, '-', -1) as integer)
            """
        )
        names = [*columns, "normalised", "reasons"]
        return [dict(zip(names, row, strict=True)) for row in rows]


# As it was asked for, and as LLMs write instead.
GOOD = "MABACAN,Ann Lee,40,20230105,Bo Li,Kim Clinic,120.50,101,4"
WRITTEN = {
    "admissions lines": "\n".join(
        [
            GOOD,
            GOOD.replace("MABACAN", "mabacan"),
            GOOD.replace("MABACAN", "MABACANX"),
            GOOD.replace("MABACAN", "MABACA"),
            GOOD.replace("MABACAN", "XABACAN"),
            GOOD.replace("MABACAN", "MIBACAN"),
            GOOD.replace("MABACAN", "M-BACAN"),
            GOOD.removesuffix("4") + "0",
            GOOD.removesuffix("4") + "-1",
            GOOD.removesuffix("4") + "4.5",
            GOOD.removesuffix("4") + "four",
            GOOD.removesuffix("4") + "99999",
            GOOD.removesuffix("4") + "100000",
            GOOD.removesuffix("4"),
            GOOD.replace("20230105", "20241231").removesuffix("4") + "365",
            GOOD.replace("20230105", "20241231").removesuffix("4") + "366",
            GOOD.replace("20230105", "20230230"),
            GOOD.removesuffix("4") + "2023-01-09",
            GOOD.removesuffix("4") + "20230104",
            csv_row(name="Plain Row"),
            csv_row(name="Plain Row", gender="F", age="40 years"),
            GOOD + ",9",
            GOOD.replace(",101", ""),
        ]
    ),
    "admissions header": "Codes,Name,Age,Date of Admission,Doctor,Hospital,Billing Amount,"
    f"Room Number,Discharge Date\n{GOOD}\n",
    "admissions prose": f"Here are the rows; one | each:\n\n```csv\n{GOOD}\n{GOOD}\n```\n",
    "admissions answered-in-json": write_rows(
        load_contract("admissions"), [csv_row().split(",")], "json"
    ),
    "admissions cut": f"{GOOD}\n{GOOD[:30]}",
    "encounters header": "Codes,time_in_hospital,num_lab_procedures,num_procedures,num_medications,"
    "number_inpatient,number_diagnoses\nCFFAARHEABUA,3,40,1,12,0,9\n",
    "encounters prose": "Here is the row; one each:\n\nCFFAARHEABUA,3,40,1,12,0,9\n",
}


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Landed:
    """A copy of the project with the dataset `coded`, with one response in each of many runs."""
    copy = Copy(tmp_path_factory.mktemp("compact") / "project")
    table = copy.folder / "coded.csv"
    with table.open("w") as file:
        csv.writer(file).writerows([CODED_LABELS, *coded_rows(80)])
    scaffold({"coded": (table, infer(table))}, copy.folder)
    declare_categories(copy.folder / "models" / "marts" / "coded.yml")
    contracts = {
        name: load_contract(name, copy.folder) for name in ("admissions", "encounters", "coded")
    }
    texts = dict(WRITTEN)
    for name, contract in contracts.items():
        for drawn in ((), DRAWN[name]):
            for wire_format in ("csv", "csv_compact", "json"):
                run_id = " ".join([name, wire_format, "drawn" if drawn else ""]).strip()
                texts[run_id] = write_rows(contract, rows_of(contract), wire_format, drawn)
    for name in ("admissions", "encounters"):
        texts[f"{name} grammar"] = "".join(lines_of(pattern_of(contracts[name])))
    for run_id, text in texts.items():
        journal(copy.folder, contracts[run_id.split()[0]], run_id, text)
    done = copy.python("-c", LAND)
    assert done.returncode == 0, done.stdout + done.stderr
    return Landed(copy.folder, contracts, texts)


def pattern_of(
    contract: Contract,
    rows: int = 1,
    brief: Brief = ANYTHING,
    drawn: Sequence[str] = (),
) -> re.Pattern[str]:
    """What the grammar of compact lines admits."""
    grammar = csv_grammar(contract, rows, brief, "csv_compact_constrained", drawn)
    rules = dict(rule.split(" ::= ", 1) for rule in grammar.split("\n"))
    return re.compile(as_regex(rules["root"], rules))


def as_regex(rule: str, rules: dict[str, str]) -> str:
    """A rule of GBNF that uses no recursion, as a regular expression."""

    def translated(token: re.Match[str]) -> str:
        if token["text"]:
            return f"(?:{re.escape(json.loads(token['text']))})"
        return f"(?:{as_regex(rules[token['name']], rules)})" if token["name"] else token["sign"]

    tokens = r'(?P<text>"(?:[^"\\]|\\.)*")|(?P<sign>\[[^]]*\]|\{[^}]*\}|[()|?])|(?P<name>\w+)| +'
    return re.sub(tokens, lambda token: translated(token) if token[0].strip() else "", rule)


def lines_of(pattern: re.Pattern[str]) -> list[str]:
    """Some hundred lines that the pattern admits."""
    found: list[str] = []

    @settings(max_examples=300, derandomize=True, database=None, deadline=None)
    @given(st.from_regex(pattern, fullmatch=True))
    def note(line: str) -> None:
        found.append(line)

    note()
    return found


LAND = """
from generators.home import Home
from generators.landing.loading import land
from generators.warehouse.transform import run_dbt

home = Home.from_environment()
land(home)
marts = [f"+{name}{end}" for name in ("admissions", "encounters", "coded")
         for end in ("", "_rejected")]
run_dbt(home, "run", "--select", *marts)
"""


def declare_categories(path: Path) -> None:
    """The values in our order, which says what their codes are; and more than are inferred."""
    contract = yaml.safe_load(path.read_text())
    for column in contract["models"][0]["columns"]:
        if column["name"] in CATEGORIES:
            values, _ = CATEGORIES[column["name"]]
            meta = column["config"]["meta"]
            more = {key: meta[key] for key in ("label", "nullable") if key in meta}
            population = {"shares": dict.fromkeys(values, 1)}
            more |= {"population": population | ({"missing": 0.2} if "nullable" in more else {})}
            column["data_type"] = "varchar"
            column["config"]["meta"] = {"kind": "categorical", "accepted_values": values} | more
    path.write_text(yaml.safe_dump(contract, sort_keys=False, allow_unicode=True))


def rows_of(contract: Contract) -> Rows:
    return coded_rows(80) if contract.dataset == "coded" else stand_in_rows(contract, 300)


def journal(folder: Path, contract: Contract, run_id: str, text: str) -> None:
    """Journal a run that was answered so; where values are drawn, those of its rows were."""
    drawn = DRAWN[contract.dataset] if "drawn" in run_id else ()
    wire_format = next((f for f in ("csv_compact", "csv", "json") if f in run_id.split()), None)
    run = planned(contract, wire_format or "csv_compact", drawn)
    handed = {
        str(number): {
            column.name: value
            for column, value in zip(contract.columns, row, strict=True)
            if column.name in drawn
        }
        for number, row in enumerate(rows_of(contract), start=1)
    }
    with Journal(folder / "landing" / run_id, run.as_row() | {"run_id": run_id}) as of_run:
        of_run.append(
            Response(
                response_id=f"{run_id}-1",
                run_id=run_id,
                request_number=1,
                rows_requested=1,
                slice_text=None,
                response_text=text,
                finish_reason="length" if "cut" in run_id else "stop",
                input_tokens=1,
                cached_tokens=0,
                output_tokens=1,
                requested_at=utc_now(),
                received_at=utc_now(),
                drawn_values=handed if drawn else None,
            )
        )


def planned(contract: Contract, wire_format: str, drawn: Sequence[str]) -> Run:
    run = plan_run(
        contract,
        load_llm("gpt-4o").changed(wire_format=wire_format),
        prompt_level="improved",
        instruction_level="improved",
        variety="none",
        seed=1,
    )
    return replace(run, drawn_columns=tuple(drawn))  # which need not be those of a quota


# ---------- the same values as in plain lines


@pytest.mark.parametrize("drawn", ["", " drawn"])
@pytest.mark.parametrize("wire_format", ["csv", "csv_compact", "json"])
@pytest.mark.parametrize("name", ["admissions", "encounters", "coded"])
def test_values_are_those_that_were_written(
    landed: Landed, name: str, wire_format: str, drawn: str
) -> None:
    contract = landed.contracts[name]
    records = landed.records(f"{name} {wire_format}{drawn}")
    names = [column.name for column in contract.columns]
    found = [["" if r[n] is None else str(r[n]) for n in names] for r in records]
    assert found == [list(row) for row in rows_of(contract)]
    assert {(*r["normalised"], *r["reasons"]) for r in records} == {()}
    (marts,) = landed.query(
        f"""
        select count(*), bool_or(was_normalised) from marts.{name}
        where run_id = '{name} {wire_format}{drawn}'
        """
    )
    assert marts == (len(found), False)


def test_what_came_is_kept_as_it_came(landed: Landed) -> None:
    """In the journal, in raw and beside the reasons."""
    raw = dict(landed.query("select run_id, response_text from raw.llm_responses"))
    assert raw == landed.texts
    for run_id, text in landed.texts.items():
        (line,) = (landed.folder / "landing" / run_id / "responses.jsonl").read_text().splitlines()
        assert json.loads(line)["response_text"] == text
    lines = landed.texts["admissions lines"].split("\n")
    rejected = landed.query(
        """
        select cast(split_part(record_id, '-', -1) as integer), record_text
        from marts.admissions_rejected where run_id = 'admissions lines'
        """
    )
    assert len(rejected) > 10
    assert all(lines[place - 1] == text for place, text in rejected)


# ---------- the codes


@pytest.mark.parametrize("name", CATEGORIES)
def test_codes_are_initials_or_letters_in_order(landed: Landed, name: str) -> None:
    """That the macro has the same ones, the values above show."""
    values, expected = CATEGORIES[name]
    found = codes(landed.contracts["coded"].column(name))
    assert list(found.items()) == list(zip(expected, values, strict=False))[: len(expected)]


def test_a_row_of_admissions_is_a_word_of_codes_and_the_rest(contract: Contract) -> None:
    assert write_rows(contract, [csv_row().split(",")], "csv_compact") == f"{GOOD}\n"
    assert write_rows(contract, [csv_row().split(",")] * 2, "csv_compact", DRAWN["admissions"]) == (
        "1,AACAN,Ann Lee,Bo Li,Kim Clinic,120.50,101,4\n"
        "2,AACAN,Ann Lee,Bo Li,Kim Clinic,120.50,101,4\n"
    )


def test_a_row_of_admissions_takes_34_tokens(contract: Contract) -> None:
    assert tokens_per_row(contract, "csv_compact") <= 34
    assert tokens_per_row(contract, "csv") > 1.4 * tokens_per_row(contract, "csv_compact")


# ---------- what LLMs make of it


def test_a_line_is_typed_or_rejected_with_its_reasons(landed: Landed) -> None:
    records = landed.records("admissions lines")
    counts = {"extra_values", "too_few_values"}  # what is shifted has more reasons than that
    assert [r["reasons"][:1] if counts & {*r["reasons"]} else r["reasons"] for r in records] == [
        [],
        [],
        ["extra_values"],
        ["too_few_values"],
        ["gender.not_allowed"],
        ["blood_type.not_allowed"],
        ["blood_type.missing"],
        [],
        ["discharge_date.unparseable"],
        ["discharge_date.unparseable"],
        ["discharge_date.unparseable"],
        ["discharge_date.out_of_range"],
        ["discharge_date.unparseable"],
        ["discharge_date.missing"],
        [],
        ["discharge_date.out_of_range"],
        ["date_of_admission.unparseable", "discharge_date.unparseable"],
        [],
        ["discharge_before_admission"],
        [],
        [],
        ["too_few_values"],
        ["too_few_values"],
    ]


def test_an_answer_in_plain_csv_is_read_as_such(landed: Landed) -> None:
    plain, rewritten = (r for r in landed.records("admissions lines") if r["name"] == "Plain Row")
    values = [str(plain[column.name]) for column in landed.contracts["admissions"].columns]
    assert ",".join(values) == csv_row(name="Plain Row")
    assert plain["normalised"] == []
    assert rewritten["normalised"] == ["age", "gender"]
    assert (rewritten["gender"], rewritten["age"]) == ("Female", 40)


@pytest.mark.parametrize(
    ("run", "rows"),
    [
        ("admissions header", 1),
        ("admissions prose", 2),
        ("admissions answered-in-json", 1),
        ("encounters header", 1),
        ("encounters prose", 1),
    ],
)
def test_rows_are_found_whatever_is_around_them(landed: Landed, run: str, rows: int) -> None:
    records = landed.records(run)
    assert [record["reasons"] for record in records] == [[]] * rows
    assert {record["gender"] for record in records} == {"Male" if "adm" in run else "Female"}


def test_a_line_that_was_cut_off_is_rejected_for_that(landed: Landed) -> None:
    assert [r["reasons"] for r in landed.records("admissions cut")] == [[], ["cut_off"]]


# ---------- the grammar


def in_words(rows: Rows, contract: Contract) -> list[list[str]]:
    """Rows with such names as the grammar has."""
    are_names = [column.kind == "identifier" for column in contract.columns]
    return [
        [
            "Ann Lee" if is_name and text else text
            for is_name, text in zip(are_names, row, strict=True)
        ]
        for row in rows
    ]


@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize("name", ["admissions", "encounters", "coded"])
def test_the_grammar_admits_rows_of_the_contract(landed: Landed, name: str, drawn: bool) -> None:
    contract = landed.contracts[name]
    columns = DRAWN[name] if drawn else ()
    # Days cannot be counted from a date that is missing: the grammar has no such end.
    rows = [row for row in rows_of(contract) if name != "coded" or row[-3] or not row[-1]][:60]
    pattern = pattern_of(contract, len(rows), drawn=columns)
    answer = write_rows(contract, in_words(rows, contract), "csv_compact", columns)
    assert pattern.fullmatch(answer)
    assert not pattern.fullmatch(answer[: answer.rstrip().rindex("\n") + 1])  # a row too few
    assert not pattern.fullmatch(answer + answer.splitlines(keepends=True)[-1])


def admitted(pattern: re.Pattern[str], form: str, values: Iterable[object]) -> list[object]:
    """Those of the values with which the line `form` is admitted."""
    return [value for value in values if pattern.fullmatch(form.format(value) + "\n")]


def test_each_code_stands_in_its_place(contract: Contract) -> None:
    pattern = pattern_of(contract)
    word, rest = GOOD.split(",", 1)
    signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-+,"
    found = [
        "".join(admitted(pattern, f"{word[:place]}{{}}{word[place + 1 :]},{rest}", signs))
        for place in range(len(word))
    ]
    assert found == ["FM", "ABCDEFGH", "ABCDEF", "ABCMU", "ABC", "ABCDE", "AIN"]
    assert admitted(pattern, f"{{}},{rest}", [word, word[:-1], f"{word}N", ""]) == [word]


def test_what_may_be_missing_has_a_code_of_its_own(landed: Landed) -> None:
    contract = landed.contracts["encounters"]
    line = "CFFAARHEABUA,3,40,1,12,0,9"
    pattern = pattern_of(contract)
    coded = [column for column in contract.columns if column.kind == "categorical"]
    may_lack = [
        column.name
        for place, column in enumerate(coded)
        if pattern.fullmatch(f"{line[:place]}-{line[place + 1 :]}\n")
    ]
    assert pattern.fullmatch(f"{line}\n")
    assert may_lack == [
        *("race", "gender", "admission_type", "discharge_disposition", "admission_source"),
        *("payer_code", "medical_specialty", "primary_diagnosis", "a1c_result"),
    ]
    assert not pattern.fullmatch("CFFAARHEABUA,,40,1,12,0,9\n")


def test_numbers_and_dates_are_exactly_those_of_the_contract(contract: Contract) -> None:
    pattern = pattern_of(contract)
    age, room = GOOD.replace(",40,", ",{},"), GOOD.replace(",101,", ",{},")
    assert admitted(pattern, age, range(-20, 200)) == list(range(121))
    assert admitted(pattern, room, range(600)) == list(range(101, 501))
    days = [date(2018, 12, 1) + timedelta(days=n) for n in range(2400)]
    dates = admitted(pattern, GOOD.replace("20230105", "{:%Y%m%d}"), days)
    assert dates == [day for day in days if 2019 <= day.year <= 2024]
    odd = ["2023-01-05", "20230230", "20231301", "20230100", "2023105", "", "050123"]
    assert admitted(pattern, GOOD.replace("20230105", "{}"), odd) == []
    amounts = ["-5000.00", "100000.00", "0.05", "-5000.01", "100000.01", "5", "5.5", "05.00", ""]
    assert admitted(pattern, GOOD.replace("120.50", "{}"), amounts) == amounts[:3]


def test_no_discharge_is_before_its_admission(contract: Contract) -> None:
    """By construction: no number of days is below zero, and no date can stand there."""
    pattern = pattern_of(contract)
    form = GOOD.removesuffix("4") + "{}"
    most = (date(2025, 12, 31) - date(2024, 12, 31)).days  # so that no discharge is too late
    assert admitted(pattern, form, range(-3000, 9000)) == list(range(most + 1))
    assert admitted(pattern, form, ["", "20230109", "2023-01-09", "007", "4.0", "+4", "-0"]) == []
    drawn = pattern_of(contract, drawn=DRAWN["admissions"])
    form = "1,AACAN,Ann Lee,Bo Li,Kim Clinic,120.50,101,{}"
    assert admitted(drawn, form, range(-3000, 9000)) == list(range(most + 1))


def test_lines_of_the_grammar_are_accepted(landed: Landed) -> None:
    """But for rules between columns, which it does not know."""
    for name, allowed in (
        ("admissions", set()),
        ("encounters", {"readmitted_after_death"}),
    ):
        records = landed.records(f"{name} grammar")
        assert len(records) == landed.texts[f"{name} grammar"].count("\n") >= 100
        reasons = {reason for record in records for reason in record["reasons"]}
        assert reasons <= allowed
        assert sum(not record["reasons"] for record in records) > len(records) / 3


def test_a_line_keeps_to_its_limits(landed: Landed) -> None:
    """Each row to its own; an identifier to the letters, in turn."""
    limits = {
        "gender": Limits(("Female",)),
        "blood_type": Limits(("A-", "O-")),
        "age": Limits(low=18, high=34),
        "date_of_admission": Limits(low=date(2023, 1, 5), high=date(2023, 1, 9)),
        "discharge_date": Limits(low=3, high=12),
    }
    brief = Brief(initials={"doctor": ["B", "K"]}, rows=({}, limits))
    pattern = pattern_of(landed.contracts["admissions"], 2, brief)
    form = f"{GOOD}\n{{}}"
    good = "FBBACAN,Ann Lee,34,20230109,Ken Li,Kim Clinic,120.50,101,12"
    for line in (good, good.replace("FB", "FH"), good.replace(",12", ",3")):
        assert admitted(pattern, form, [line])
    for line in (
        good.replace("FB", "MB"),
        good.replace("FB", "FA"),
        good.replace(",34,", ",35,"),
        good.replace("20230109", "20230110"),
        good.replace("Ken", "Ben"),
        good.removesuffix("12") + "13",
        good.removesuffix("12") + "2",
    ):
        assert not admitted(pattern, form, [line])
    lacking = Brief(rows=({"race": Limits(), "payer_code": Limits(("MC", "SP"))},))
    pattern = pattern_of(landed.contracts["encounters"], 1, lacking)
    assert admitted(pattern, "{}AARHEABUA,3,40,1,12,0,9", ["-FF", "CFF", "FF"]) == ["-FF"]
    assert admitted(pattern, "-FFAAR{}EABUA,3,40,1,12,0,9", "ABCDEFGHIJKLMNOPQR-") == ["H", "O"]
