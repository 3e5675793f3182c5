"""Every record an LLM wrote is found and read as a person reads it."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from generators.home import PROJECT
from tests.parser import Parser, new_parser

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
