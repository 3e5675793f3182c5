"""Writes every page of a dataset."""

from pathlib import Path

from generators.home import Home
from reports.drift import write_drift_report
from reports.index import write_index
from reports.scores import Scores, read_rows
from synthcare.contracts.contract import Contract, datasets


def write_pages(home: Home, contract: Contract, scores: Scores) -> list[Path]:
    """Write one drift report per scored run, and the index; return their paths, the index first.

    The index of the first dataset is index.html; those of others have the names of the datasets.

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
    is_first = contract.dataset == datasets()[0]
    index = home.html / ("index.html" if is_first else f"{contract.dataset}.html")
    write_index(contract, scores, index, drift_reports=drift_reports)
    return [index, *drift_reports.values()]


def _name_of_page(contract: Contract, run_id: str) -> str:
    """Of a run's drift report: the run_id, which begins with the dataset where it has only one."""
    is_named = run_id.startswith(f"{contract.dataset}-")
    return f"{run_id}.html" if is_named else f"{contract.dataset}-{run_id}.html"
