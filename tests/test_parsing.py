"""Every record an LLM wrote is found and read as a person reads it."""

import json
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from generators.drawing.stand_in import stand_in_rows
from synthcare.contracts.contract import load_contract
from synthcare.project import PROJECT
from tests.driver import DATASET, csv_row
from tests.parser import Parser, new_parser
from tests.writers import COLUMNS, FORMATS, LABELS, Row, responses

CONTRACT = load_contract(DATASET)
AWKWARD = yaml.safe_load((PROJECT / "tests/data/awkward_responses.yml").read_text())


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Parser:
    return new_parser(tmp_path_factory.mktemp("parser"))


@pytest.fixture(scope="module")
def read(parser: Parser) -> dict[str, list[dict[str, Any]]]:
    """Records of each awkward response, by its name; all are parsed at once."""
    return dict(zip([r["name"] for r in AWKWARD], parser.read(AWKWARD), strict=True))


def test_there_are_enough_awkward_responses() -> None:
    assert len({response["name"] for response in AWKWARD}) == len(AWKWARD) >= 60


@pytest.mark.parametrize("response", AWKWARD, ids=lambda response: response["name"])
def test_an_awkward_response_is_read_as_a_person_reads_it(
    response: dict[str, Any], read: dict[str, list[dict[str, Any]]]
) -> None:
    found = read[response["name"]]
    values = [{k: v for k, v in record.items() if k != "reject_reasons"} for record in found]
    assert values == [_as_typed(record) for record in response["records"]]
    cut_off = [record for record in found if record["reject_reasons"] == ["cut_off"]]
    assert len(cut_off) == response.get("cut_off", 0)
    for reason in response.get("reasons", []):
        assert all(reason in record["reject_reasons"] for record in found)


def _as_typed(record: dict[str, Any]) -> dict[str, Any]:
    return {
        name: Decimal(f"{value:.2f}") if name == "billing_amount" else value
        for name, value in record.items()
        if value is not None
    }


def _typed(row: Row) -> dict[str, Any]:
    """A row of texts as the contract types it."""
    types = {"integer": int, "decimal": Decimal, "date": date.fromisoformat}
    return {column.name: types.get(column.kind, str)(row[column.label]) for column in COLUMNS}


@settings(max_examples=20, deadline=None, derandomize=True, phases=[Phase.generate])
@given(drawn=st.lists(responses(), min_size=25, max_size=25))
def test_rows_in_every_format_are_read_back(
    parser: Parser, drawn: list[tuple[str, list[Row], str]]
) -> None:
    read = parser.read([{"text": text} for _, _, text in drawn])
    for (name, rows, text), records in zip(drawn, read, strict=True):
        values = [
            {column: value for column, value in record.items() if column != "reject_reasons"}
            for record in records
        ]
        assert values == [_typed(row) for row in rows], f"{name}:\n{text}"
        reasons = {reason for record in records for reason in record["reject_reasons"]}
        # Names of random signs may look like a placeholder, or as if a mark stood there.
        marks = {
            "placeholder",
            "unclear_mark",
            "name.unclear_mark",
            "doctor.unclear_mark",
            "hospital.unclear_mark",
        }
        assert reasons <= {"discharge_before_admission", *marks}, f"{name}:\n{text}"


@pytest.mark.parametrize("name", ["json indented", "json in an object", "csv", "markdown table"])
def test_a_text_cut_off_anywhere_gives_its_first_records(parser: Parser, name: str) -> None:
    """Whole records are read as in the whole text, and nothing that was cut off is accepted."""
    rows = [dict(zip(LABELS, row, strict=True)) for row in stand_in_rows(CONTRACT, 3)]
    text = FORMATS[name](rows)
    prefixes = [text[:end] for end in range(len(text))]
    read = parser.read([{"text": prefix, "finish_reason": "length"} for prefix in prefixes])
    expected = [_typed(row) for row in rows]
    most = 0
    for prefix, records in zip(prefixes, read, strict=True):
        accepted = [record for record in records if not record.pop("reject_reasons")]
        assert accepted == expected[: len(accepted)], prefix
        assert len(accepted) >= most, prefix
        most = len(accepted)
    assert most >= 2


def test_no_text_makes_the_build_fail(parser: Parser) -> None:
    """Random bytes, alone and within a good answer, which still gives what it holds."""
    random = Random(7)  # noqa: S311
    row = dict(zip(LABELS, stand_in_rows(CONTRACT, 1)[0], strict=True))
    texts = []
    for name in FORMATS:
        for _ in range(12):
            noise = random.randbytes(random.randint(1, 60)).decode("latin-1")
            marks = "".join(random.choices("{}[]\"',:;|\\/\n`*\0\x1e\x1f\u202e", k=30))
            texts += [noise, marks, FORMATS[name]([row]) + noise + marks]
            answer = FORMATS[name]([row])
            place = random.randrange(len(answer))
            texts.append(answer[:place] + marks + answer[place:])
    read = parser.read([{"text": text} for text in texts])
    assert len(read) == len(texts)
    assert sum(bool(records) for records in read) > len(texts) / 4


def test_a_unit_that_is_not_the_contracts_is_seen(parser: Parser) -> None:
    """In the name of a column, and beside the value."""
    row = dict(zip(LABELS, csv_row().split(","), strict=True))
    named = {"Age (months)" if name == "Age" else name: value for name, value in row.items()}
    own = {"Age (years)" if name == "Age" else name: value for name, value in row.items()}
    beside = row | {"Age": {"value": 40, "unit": "months"}}
    known = row | {"Age": {"value": 40, "unit": "years"}}
    texts = [json.dumps([each]) for each in (named, own, beside, known, row | {"Age": "(40"})]
    found = parser.read([{"text": text} for text in texts])
    assert [record["reject_reasons"] for (record,) in found] == [
        ["age.other_unit"],
        [],
        ["age.unparseable"],
        [],
        ["age.unparseable"],
    ]
