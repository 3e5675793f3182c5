"""What LLMs wrote in the field, and what must come of it, imported and built as a user does."""

import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from generators.home import Home
from generators.landing.imports import import_file
from generators.landing.loading import land
from generators.warehouse.transform import run_dbt
from synthcare.contracts.contract import load_contract
from tests.driver import DATASET, query

CASES = Path(os.environ.get("SYNTHCARE_TEST_CASES", "/nowhere")) / "texts"
CONTRACT = load_contract(DATASET)

pytestmark = pytest.mark.skipif(
    not CASES.is_dir(), reason="SYNTHCARE_TEST_CASES is no folder of cases"
)


def _rows(name: str) -> list[dict[str, str]]:
    with (CASES / name).open(newline="") as file:
        return [*csv.DictReader(file)]


EXPECTED = _rows("expected.csv") if CASES.is_dir() else []


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, ...]]]:
    """The accepted rows of each case, as texts; all are imported and built at once."""
    home = Home(tmp_path_factory.mktemp("cases"))
    runs = {}
    for case in EXPECTED:
        name = case["file"]
        imported = import_file(
            home, CONTRACT, CASES / name, llm=name, prompt_level=None, instruction_level=None
        )
        runs |= dict.fromkeys(imported.run_ids, name)
    land(home)
    run_dbt(home, "run", "--select", f"+{DATASET}")
    found: dict[str, list[tuple[str, ...]]] = {case["file"]: [] for case in EXPECTED}
    columns = ", ".join(f"cast({column.name} as varchar)" for column in CONTRACT.columns)
    for run_id, *values in query(
        home, f"select run_id, {columns} from marts.{DATASET} order by record_id"
    ):
        found[runs[run_id]].append(tuple(values))
    return found


@pytest.mark.parametrize("case", EXPECTED, ids=lambda case: case["file"])
def test_a_case_gives_its_rows_and_no_others(
    case: dict[str, str], accepted: dict[str, list[tuple[str, ...]]]
) -> None:
    rows = accepted[case["file"]]
    assert len(rows) == int(case["rows_accepted"]), case["why"]
    if case["must_equal_truth"] == "yes":
        true = Counter(
            tuple(
                f"{float(row[column.label]):.2f}" if column.kind == "decimal" else row[column.label]
                for column in CONTRACT.columns
            )
            for row in _rows("truth.csv")
        )
        assert not Counter(rows) - true, case["why"]
