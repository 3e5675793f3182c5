"""Evidently's report of one run against the reference."""

import hashlib
import os
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from synthcare.contracts.contract import Contract
from synthcare.files import new_file

if TYPE_CHECKING:
    from evidently import DataDefinition

# Each test is named, because Evidently's defaults change at 1,000 rows of reference.
_CATEGORICAL_TEST = "jensenshannon"
_NUMERICAL_TEST = "wasserstein"
_THRESHOLD = 0.1  # Evidently's own for both distances


def data_definition(contract: Contract) -> "DataDefinition":
    """Evidently's view of the columns that `reports.scores.read_rows` gives."""
    from evidently import DataDefinition

    scored = [*contract.columns, *contract.derived]
    return DataDefinition(
        categorical_columns=[c.name for c in scored if c.kind == "categorical"],
        numerical_columns=[c.name for c in scored if c.kind in ("integer", "decimal", "date")],
    )


def write_drift_report(
    contract: Contract, *, synthetic: pd.DataFrame, reference: pd.DataFrame, path: Path
) -> None:
    """Write one self-contained page: drift of every scored column, and summaries of both sides.

    `synthetic` and `reference` are as `reports.scores.read_rows` gives them, one row at least. A
    page that was made from the same rows by the same code is left as it is.
    """
    mark = _mark(contract, synthetic, reference)
    if path.exists() and path.read_bytes().endswith(mark):
        return
    os.environ["DO_NOT_TRACK"] = "1"
    from evidently import Dataset, Report
    from evidently.presets import DataDriftPreset, DataSummaryPreset

    definition = data_definition(contract)
    report = Report(
        [
            DataDriftPreset(
                cat_method=_CATEGORICAL_TEST,
                cat_threshold=_THRESHOLD,
                num_method=_NUMERICAL_TEST,
                num_threshold=_THRESHOLD,
            ),
            DataSummaryPreset(),
        ]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own divisions by the spread of a constant column
        snapshot = report.run(
            Dataset.from_pandas(synthetic, data_definition=definition),
            Dataset.from_pandas(reference, data_definition=definition),
        )
        with new_file(path) as temporary:
            snapshot.save_html(str(temporary))
            with temporary.open("ab") as file:
                file.write(mark)


def _mark(contract: Contract, *tables: pd.DataFrame) -> bytes:
    """The last line of a page: a hash of the rows, in any order, and of what draws them."""
    state = hashlib.sha256(Path(__file__).read_bytes())
    state.update(version("evidently").encode())
    state.update(repr([contract.columns, contract.derived]).encode())
    for table in tables:
        rows = pd.util.hash_pandas_object(table, index=False).to_numpy()
        state.update(f"{len(rows)} {rows.sum()}".encode())
    return f"\n<!-- made from {state.hexdigest()} -->\n".encode()
