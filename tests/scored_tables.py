"""Builds many tables of one's own in one copy of the project: `python -m tests.scored_tables`.

Every table is inferred, landed, typed and answered by both baselines, whose rows are judged. Only
some are scored, because that would take minutes for all.
"""

import asyncio
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
from rich.console import Console

from generators.asking.runs import Run, utc_now
from generators.commands.workflow import Workflow
from generators.home import Home
from generators.landing import reference
from generators.landing.journal import Journal, Response
from generators.landing.loading import land
from generators.providers import Request, baselines
from generators.scaffold import scaffold
from generators.warehouse import transform
from generators.warehouse.database import open_warehouse
from generators.warehouse.transform import run_dbt
from synthcare.contracts.contract import load_contract
from synthcare.contracts.infer import infer
from synthcare.project import PROJECT

BASELINES = ("independent", "holdout")
TYPED_ONLY = "_typed_only"  # ends the names of tables that no baseline answers for


def build(files: Mapping[str, str], scored: Sequence[str], rows: int) -> None:
    """Build the tables in `files`, by name of their dataset, in the project of this process."""
    home = Home.from_environment()
    for name, file in files.items():
        scaffold({name: (Path(file), infer(Path(file)))})
    flows = [Workflow(home, load_contract(name), Console(quiet=True)) for name in files]
    declare(files)
    with one_connection(home):
        for flow in flows:
            flow.land_reference(csv_path=Path(files[flow.contract.dataset]))
    run_dbt(home, "run", "--select", *(f"stg_reference_{name}" for name in files))
    answered = [flow for flow in flows if not flow.contract.dataset.endswith(TYPED_ONLY)]
    with one_connection(home):
        for flow in answered:
            runs = flow.plan(
                llms=BASELINES, prompt="improved", instructions="improved", variety="slices", seed=1
            )
            for run in runs:
                answer(home, run, rows)
    land(home)
    casts = [f"int_{flow.contract.dataset}_cast" for flow in answered]
    run_dbt(home, "run", "--select", "stg_llm_*", "seeds", *casts)
    declare(scored)
    # What has been typed is not typed again, and not every record has its outcome.
    run_dbt(
        home, "build", "--select", "+path:models/metrics", *(f"{name}_rejected" for name in scored),
        "--exclude", "staging", "int_*_cast", "resource_type:unit_test", "test_type:generic",
        "assert_every_*",
    )  # fmt: skip


def answer(home: Home, run: Run, rows: int) -> None:
    """Journal one answer of a baseline, as `generate` does."""
    request = Request(
        number=1,
        rows_before=0,
        rows=rows,
        run_seed=run.seed,
        wire_format=run.llm.wire_format,
        contract=run.contract,
        prompt=None,
    )
    baseline = baselines.open_baseline(run.llm.name, home, run.contract)
    completion = asyncio.run(baseline.complete(request, lambda text: None))
    response = Response(
        response_id=f"{run.run_id}-1",
        run_id=run.run_id,
        request_number=1,
        rows_requested=rows,
        slice_text=None,
        response_text=completion.text,
        finish_reason=completion.finish_reason,
        input_tokens=None,
        cached_tokens=None,
        output_tokens=None,
        requested_at=utc_now(),
        received_at=utc_now(),
    )
    with Journal(home.landing / run.run_id, run.as_row()) as journal:
        journal.begin()
        journal.append(response)


@contextmanager
def one_connection(home: Home) -> Iterator[None]:
    """Opens the warehouse once, for all tables: each opening looks for the tables of them all."""

    @contextmanager
    def opened(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
        yield warehouse

    with open_warehouse(home) as warehouse:
        reference.open_warehouse = baselines.open_warehouse = opened
        try:
            yield
        finally:
            reference.open_warehouse = baselines.open_warehouse = open_warehouse


def declare(names: Iterable[str]) -> None:
    """Make these the datasets of dbt_project.yml, and let dbt parse it again."""
    path = PROJECT / "dbt_project.yml"
    before, _, after = path.read_text().partition("\n  datasets: [")
    path.write_text(f"{before}\n  datasets: [{', '.join(names)}]{after[after.index(']') + 1 :]}")
    transform._parsed = None  # a process of its own would have nothing


if __name__ == "__main__":
    build(**json.loads(sys.argv[1]))
