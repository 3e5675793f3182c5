"""The contract is the only place: a value or a column added there is everywhere, unedited."""

import json

import pytest

from tests.copies import Copy
from tests.driver import DATASET, csv_row

CONTRACT = f"models/marts/{DATASET}.yml"
NEW_COLUMN = """\
      - name: smoker
        description: Whether the patient smokes.
        data_type: varchar
        config:
          meta:
            label: Smoker
            kind: categorical
            accepted_values: ["Yes", "No"]

"""
ASK = """
import json
from synthcare.contracts.contract import load_contract
from generators.prompts import render_prompt
from generators.variety.brief import Brief
from generators.wire_formats.grammar import csv_grammar
from generators.wire_formats.schema import json_schema
from reports.drift import data_definition

contract = load_contract("admissions")
prompts = [
    render_prompt(contract, prompt_level="improved", instruction_level="basic", wire_format=name)
    for name in ("csv", "csv_compact")
]
print(json.dumps([
    "".join(prompt.developer_message + prompt.user_message for prompt in prompts),
    csv_grammar(contract, 1, Brief(), "csv"),
    csv_grammar(contract, 1, Brief(), "csv_compact"),
    json.dumps(json_schema(contract)),
    data_definition(contract).categorical_columns,
]))
"""


class Changed(Copy):
    """A copy with another contract."""

    def score(self, rows: str) -> list[dict]:
        (self.folder / "rows.txt").write_text(rows)
        self.synthcare("reference")
        self.synthcare("import", "rows.txt", "--llm", "somebody")
        return self.synthcare("report")["scorecard"]

    def type_rows_by_the_old_contract(self) -> None:
        (self.folder / "old.txt").write_text(csv_row(gender="Non-binary") + ",Yes")
        self.synthcare("import", "old.txt", "--llm", "earlier")
        select = ["--select", f"+{DATASET}", "--profiles-dir", "."]
        done = self.python("-m", "dbt.cli.main", "run", *select)
        assert done.returncode == 0, done.stdout

    def dbt_test_fails_after(self, statement: str) -> bool:
        code = f"import duckdb; duckdb.connect('warehouse.duckdb').execute({statement!r})"
        assert self.python("-c", code).returncode == 0
        done = self.python("-m", "dbt.cli.main", "test", "--select", DATASET, "--profiles-dir", ".")
        assert "follows_contract" in done.stdout
        return done.returncode == 1


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Changed:
    copy = Changed(tmp_path_factory.mktemp("copy") / "project")
    copy.type_rows_by_the_old_contract()
    copy.change(CONTRACT, "[Male, Female]", "[Male, Female, Non-binary]")
    end_of_columns = "  # The other models of the dataset."
    copy.change(CONTRACT, end_of_columns, NEW_COLUMN + end_of_columns)
    # The unit tests write out rows of the contract as it was; what follows is about the flow.
    text = (copy.folder / CONTRACT).read_text()
    start, end = text.index("unit_tests:"), text.index("sources:")
    (copy.folder / CONTRACT).write_text(text[:start] + text[end:])
    return copy


def test_prompt_grammar_and_reports_follow(changed: Changed) -> None:
    done = changed.python("-c", ASK)
    assert done.returncode == 0, done.stderr
    prompt, grammar, compact, schema, categories = json.loads(done.stdout)
    assert "One of: Male, Female, Non-binary." in prompt
    assert "- Smoker: Whether the patient smokes. One of: Yes, No." in prompt
    assert "Test Results,Smoker." in prompt
    assert "Gender: M Male, F Female, N Non-binary\n" in prompt
    assert "Smoker: Y Yes, N No\n" in prompt
    assert '"Male" | "Female" | "Non-binary"' in grammar
    assert '::= "Yes" | "No"' in grammar
    assert "[MFN] " in compact
    assert " [YN]" in compact
    assert '"Smoker": {"type": "string", "enum": ["Yes", "No"]}' in schema
    assert "smoker" in categories


def test_typing_scores_and_tests_follow(changed: Changed) -> None:
    rows = [
        csv_row(gender="Non-binary") + ",yes",
        csv_row() + ",No",
        csv_row() + ",sometimes",
        csv_row(),
    ]
    run = {run["llm"]: run for run in changed.score("\n".join(rows))}
    assert run["somebody"]["rows_accepted"] == 2
    assert run["somebody"]["accept_rate"] == 0.5
    # It was rejected by the old contract, for its gender and for a value too many.
    assert run["earlier"]["accept_rate"] == 1.0
    ask = (
        "import duckdb; w = duckdb.connect('warehouse.duckdb');"
        "print(w.execute('select gender, smoker from marts.admissions order by all desc')"
        ".fetchall(), w.execute('select reject_reasons from marts.admissions_rejected"
        " order by record_id').fetchall(), w.execute(\"select column_name from"
        " metrics.column_fidelity where column_name = 'smoker'\").fetchall())"
    )
    assert changed.python("-c", ask).stdout.strip() == (
        "[('Non-binary', 'Yes'), ('Non-binary', 'Yes'), ('Male', 'No')] "
        "[(['smoker.not_allowed'],), (['too_few_values', 'smoker.missing'],)]"
        " [('smoker',), ('smoker',)]"
    )
    assert not changed.dbt_test_fails_after("select 1")
    assert changed.dbt_test_fails_after(
        f"update intermediate.int_{DATASET}_cast set smoker = 'sometimes'"
    )
