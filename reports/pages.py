"""Writes every page of a dataset."""

from pathlib import Path

from generators.home import Home
from reports.drift import write_drift_report
from reports.index import write_index
from reports.relations import name_of_index, related_to
from reports.scores import Scores, read_rows, read_scores
from synthcare.contracts.contract import Contract


def write_pages(home: Home, contract: Contract, scores: Scores) -> list[Path]:
    """Write one drift report per scored run, and the index; return their paths, the index first.

    The index of the first dataset is index.html; those of others have the names of the datasets.
    The indexes of tables that belong together link to each other, and are all written.

    A run without accepted rows, or without a reference to compare with, has no drift report.
    """
    drift_reports = {}
    scored = [run["run_id"] for run in scores.scorecard if run["column_fidelity"] is not None]
    reference = read_rows(home, contract, None) if scored else None
    for run_id in scored:
        path = home.html / _name_of_page(contract, run_id)
        write_drift_report(
            contract,
            synthetic=read_rows(home, contract, run_id),
            reference=reference,
            path=path,
        )
        drift_reports[run_id] = path
    index = home.html / name_of_index(contract.dataset)
    write_index(contract, scores, index, drift_reports=drift_reports)
    related = [_write_related(home, other) for other in related_to(contract)]
    return [index, *drift_reports.values(), *related]


def _write_related(home: Home, contract: Contract) -> Path:
    """Write an index with the drift reports that are there already; return its path."""
    scores = read_scores(home, contract)
    reports = {
        run["run_id"]: home.html / _name_of_page(contract, run["run_id"])
        for run in scores.scorecard
    }
    there = {run_id: path for run_id, path in reports.items() if path.exists()}
    path = home.html / name_of_index(contract.dataset)
    write_index(contract, scores, path, drift_reports=there)
    return path


def _name_of_page(contract: Contract, run_id: str) -> str:
    """Of a run's drift report: the run_id, which begins with the dataset where it has only one."""
    is_named = run_id.startswith(f"{contract.dataset}-")
    return f"{run_id}.html" if is_named else f"{contract.dataset}-{run_id}.html"
