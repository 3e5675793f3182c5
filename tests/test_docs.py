"""What the docs say is so: commands parse, links lead somewhere, every column is described."""

import json
import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from generators.commands.cli import main
from generators.warehouse.database import open_warehouse
from synthcare.contracts.contract import datasets, load_contract
from synthcare.project import PROJECT
from synthcare.registry import ALL
from tests.driver import DATASET, Flow, query

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
DOCS = "\n".join(page.read_text() for page in PAGES)
QUERIES = re.findall(r"\.sql\('''(.*?)'''\)\.show\(\)\"\n```\n```\n(.*?)\n```", DOCS, flags=re.S)


@pytest.mark.parametrize(
    "command", sorted({*re.findall(r"^\$ \.venv/bin/synthcare ([^#\n]+)", DOCS, flags=re.M)})
)
def test_commands_are_understood(command: str) -> None:
    # These stand for datasets of the reader's.
    own = r"--dataset (patients|clinic_\w+)\b"
    name, *arguments = shlex.split(re.sub(own, f"--dataset {DATASET}", command))
    understood = main.commands[name]
    if isinstance(understood, click.Group):
        name, *arguments = arguments
        understood = understood.commands[name]
    understood.make_context(name, arguments)


@pytest.mark.parametrize("target", sorted({*re.findall(r"^\$ make (\w+)", DOCS, flags=re.M)}))
def test_targets_of_make_are_there(target: str) -> None:
    assert re.search(rf"^{target}:", (PROJECT / "Makefile").read_text(), flags=re.M)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / link).exists(), link


def test_tables_are_in_the_warehouse(flow: Flow) -> None:
    # `patients` stands for a dataset of the reader's.
    tables = set(re.findall(r"`((?:raw|marts|metrics)\.\w+)`", DOCS)) - {"marts.patients"}
    assert len(tables) >= 6
    for table in tables:
        query(flow.home, f"from {table} limit 0")


@pytest.mark.parametrize("sql, answer", QUERIES)
def test_queries_answer_with_the_columns_shown(flow: Flow, sql: str, answer: str) -> None:
    with open_warehouse(flow.home) as warehouse:
        names = [name for name, *_ in warehouse.execute(sql).description]
    assert names == [cell.strip() for cell in answer.splitlines()[1].strip("│").split("│")]


def test_the_docs_have_queries() -> None:
    assert len(QUERIES) >= 5


def test_every_model_and_column_is_described(flow: Flow) -> None:
    """Columns of the contract have their description there, whichever model they pass through.

    Coded rows have it where those of all datasets are together, scores in the registry.
    """
    manifest = json.loads((flow.home.root / "target" / "manifest.json").read_text())
    nodes = [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed") and node["package_name"] == "synthcare"
    ]
    contracts = [load_contract(dataset) for dataset in datasets()]
    names = [c.name for contract in contracts for c in [*contract.columns, *contract.derived]]
    names += [name for contract in contracts for name in contract.key_columns]
    together = next(node for node in nodes if node["name"] == "int_coded_rows")
    elsewhere = {f"int_{dataset}_coded": {*together["columns"]} for dataset in datasets()}
    elsewhere["int_headline_scores"] = {f"{h.name}{e}" for h in ALL for e in ("", "_low", "_high")}
    missing = []
    for node in nodes:
        if not node["description"]:
            missing.append(node["name"])
        columns = query(
            flow.home,
            "select column_name from information_schema.columns"
            " where table_schema = $schema and table_name = $name",
            schema=node["schema"],
            name=node["name"],
        )
        assert columns, node["name"]
        described = {n for n, c in node["columns"].items() if c["description"]} | {*names}
        described |= elsewhere.get(node["name"], set())
        missing += [f"{node['name']}.{column}" for (column,) in columns if column not in described]
    assert missing == []


@pytest.mark.parametrize("dataset", datasets())
def test_every_key_of_a_contract_is_explained(dataset: str) -> None:
    explained = (PROJECT / "docs" / "contract.md").read_text()
    model = yaml.safe_load((PROJECT / "models" / "marts" / f"{dataset}.yml").read_text())["models"][
        0
    ]
    meta = model["config"]["meta"]
    keys = {key for key in meta if key != "reference"}
    keys |= {f"reference.{key}" for key in meta["reference"]}
    for column in model["columns"]:
        declared = column.get("config", {}).get("meta", {})
        keys |= set(declared)
        assert all(f"{key}: " in explained for key in declared.get("population", {}))
    assert len(keys) > 12
    assert {key for key in keys if f"`{key}`" not in explained} == set()
