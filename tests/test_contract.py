"""The contract that Python reads is the one that dbt reads."""

import json
from pathlib import Path

import pytest
import yaml

from synthcare.contracts.contract import datasets, load_contract
from synthcare.errors import SynthcareError
from synthcare.project import PROJECT
from tests.driver import DATASET, Flow


@pytest.mark.parametrize("dataset", datasets())
def test_python_and_dbt_read_the_same_contract(dataset: str, flow: Flow) -> None:
    contract = load_contract(dataset)
    manifest = json.loads((flow.home.root / "target" / "manifest.json").read_text())
    model = manifest["nodes"][f"model.synthcare.{dataset}"]
    in_dbt = {
        name: column["config"]["meta"]
        for name, column in model["columns"].items()
        if "kind" in column["config"]["meta"]
    }
    assert [column.name for column in contract.columns] == list(in_dbt)
    for column in contract.columns:
        meta = in_dbt[column.name]
        assert column.label == meta["label"]
        assert column.kind == meta["kind"]
        assert list(column.accepted_values) == meta.get("accepted_values", [])
        assert column.is_nullable == meta.get("nullable", False)
        for bound, value in ((column.minimum, meta.get("min")), (column.maximum, meta.get("max"))):
            assert str(bound) == str(value)
        assert json.loads(json.dumps(column.population, default=str)) == meta.get("population", {})
    declared = model["config"]["meta"]
    assert [
        {"name": rule.name, "holds": rule.holds, "sentence": rule.sentence}
        for rule in contract.rules
    ] == declared.get("rules", [])
    assert [(d.name, d.sql, d.kind) for d in contract.derived] == [
        (d["name"], d["sql"], d.get("kind", "integer")) for d in declared.get("derived", [])
    ]
    assert contract.reference.group == declared["reference"].get("group")
    assert list(contract.quotas) == declared["quotas"]


def test_every_contract_is_listed_as_a_dataset() -> None:
    with_contract = [
        path.stem
        for path in (PROJECT / "models" / "marts").glob("*.yml")
        if "accepted_values" in path.read_text() and not path.stem.startswith("_")
    ]
    listed = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]["datasets"]
    assert sorted(with_contract) == sorted(listed)


def test_an_unknown_dataset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        SynthcareError, match=f"no dataset 'nope'. Use one of: {', '.join(datasets())}"
    ):
        load_contract("nope")


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("kind: date", "kind: day", "kind 'day' of date_of_admission is none of"),
        ("- name: gender", "- name: _gender", "'_gender' cannot be the name of a column: use a-z"),
        ("- name: gender", "- name: run_id", "'run_id' cannot be the name of a column"),
        ("record: hospital admission", "", "KeyError: 'record'"),
        ("models:", "models: [", "ParserError"),
        ("            max: 120\n", "", "age, which is integer, needs 'max'"),
        ("accepted_values: [Male, Female]", "", "gender, which is categorical, needs 'accepted_"),
        ("population: {faker: company}", "", "hospital, which is identifier, needs 'population'"),
        ("{faker: company}", "{min: 1}", "hospital, which is identifier, needs 'faker' in its"),
        ("[Male, Female]", "[Male, No]", "gender has the value False: put quotes around 'Yes'"),
        ("[Male, Female]", "[Male, null]", "gender has the value None"),
        (
            "{Male: 0.5, Fem",
            "{Mail: 0.5, Fem",
            "gender has shares of ['Mail']: not accepted_values",
        ),
        ("{Male: 0.5, Fem", "{Male: -1, Fem", "shares of gender must be positive numbers"),
        ("{Male: 0.5, Female: 0.5}", "[0.5, 0.5]", "shares of gender must name its values"),
        ("18-34: 0.25", "young: 0.25", "shares of age need bands such as 18-34, and not 'young'"),
        ("18-34: 0.25", "18: 0.25", "shares of age need bands such as 18-34, and not 18"),
        ("35-51: 0.25", "34-51: 0.25", "bands of age overlap"),
        ("35-51: 0.25", "51-35: 0.25", "bands of age must lie within its min and max"),
        ("69-85: 0.25", "69-121: 0.25", "bands of age must lie within its min and max"),
        (
            "days_after: date_of_admission",
            "days_after: age",
            "days_after of discharge_date needs a",
        ),
        (
            "population: {min: 2019-05-08, max: 2024-05-07}",
            "population: {days_after: discharge_date, min: 1, max: 30}",
            "days_after of date_of_admission needs a date that stands before it",
        ),
        *(
            (
                "shares: {Male: 0.5, Female: 0.5}",
                f"given: {given}\n              shares: {{Male: 1}}",
                "given of gender needs a categorical column that stands before it",
            )
            for given in ("nothing", "medication", "age")  # unknown, behind it, not categorical
        ),
        (
            "              shares:\n                Arthritis: 0.168",
            "              given: gender\n              shares:\n                Male: {Asthma: 1}",
            "medical_condition has no shares given ['Female']",
        ),
        (
            "              shares:\n                Arthritis: 0.168",
            "              given: gender\n              shares:\n"
            "                Male: {Asthma: 1}\n                Female: 1",
            "shares of medical_condition must name its values, each with its share",
        ),
    ],
)
def test_a_broken_contract_is_named(tmp_path: Path, was: str, becomes: str, said: str) -> None:
    (tmp_path / "dbt_project.yml").write_text((PROJECT / "dbt_project.yml").read_text())
    path = tmp_path / "models" / "marts" / f"{DATASET}.yml"
    path.parent.mkdir(parents=True)
    text = (PROJECT / "models" / "marts" / f"{DATASET}.yml").read_text()
    assert was in text
    path.write_text(text.replace(was, becomes))
    with pytest.raises(SynthcareError) as caught:
        load_contract(DATASET, tmp_path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
