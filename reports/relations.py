"""How the tables of runs belong together: as a diagram, in numbers, and in links between pages."""

from dataclasses import dataclass

from reports.diagram import Diagram, Tie, diagram_of
from reports.scores import Row, Scores
from synthcare.contracts.contract import Contract, datasets, load_contract
from synthcare.contracts.relations import ancestors
from synthcare.registry import RELATIONAL, Headline


@dataclass(frozen=True)
class Relations:
    """What the page of a table that belongs to others shows of that.

    The arrows of the diagram have the scores of `run`; `cells` are those of each run by parent and
    name.
    """

    diagram: Diagram
    run: Row | None
    parents: tuple[str, ...]
    scores: tuple[Headline, ...]
    cells: dict[tuple[str, str, str], Row]


def relations_of(contract: Contract, scores: Scores, leader: Row | None) -> Relations | None:
    """None for a table that belongs to no other; arrows of the best run where none leads."""
    if not contract.foreign_keys:
        return None
    of_runs = {row["run_id"] for row in scores.relations if row["value"] is not None}
    run = leader or next((run for run in scores.scorecard if run["run_id"] in of_runs), None)
    tables = ancestors(contract, load_contract)
    values = {
        (row["child"], row["parent"], row["score_name"]): row["value"]
        for row in scores.relations
        if run and row["run_id"] == run["run_id"]
    }
    ties = [
        Tie(table.dataset, key.to, score.title, values.get((table.dataset, key.to, score.name)))
        for table in tables
        for key in table.foreign_keys
        for score in RELATIONAL
    ]
    return Relations(
        diagram_of([table.dataset for table in tables], ties),
        run,
        tuple(dict.fromkeys(key.to for key in contract.foreign_keys)),
        RELATIONAL,
        {
            (row["run_id"], row["parent"], row["score_name"]): row
            for row in scores.relations
            if row["child"] == contract.dataset
        },
    )


def children_of(contract: Contract) -> list[Contract]:
    """Tables that belong to this one."""
    others = (load_contract(dataset) for dataset in datasets())
    return [
        other for other in others if any(key.to == contract.dataset for key in other.foreign_keys)
    ]


def related_to(contract: Contract) -> list[Contract]:
    """All tables that a reader of its page can come to by links, and not itself."""
    found = {contract.dataset: contract}
    waiting = [contract]
    while waiting:
        table = waiting.pop()
        parents = [load_contract(key.to) for key in table.foreign_keys]
        new = [other for other in (*parents, *children_of(table)) if other.dataset not in found]
        found |= {other.dataset: other for other in new}
        waiting += new
    return [other for name, other in found.items() if name != contract.dataset]


def name_of_index(dataset: str) -> str:
    """The file of a dataset's page: index.html for the first one."""
    return "index.html" if dataset == datasets()[0] else f"{dataset}.html"
