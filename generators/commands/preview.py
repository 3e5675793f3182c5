"""What a run asks and what it is answered, before anything larger is asked for."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from generators.asking.runs import Run
from generators.home import Home
from generators.providers import request_seed
from generators.variety import QUOTAS, make_brief
from generators.variety.quotas import apportion, cell_shares
from generators.warehouse.database import open_warehouse

PREVIEWED_ROWS = 3


def first_request(home: Home, run: Run) -> str:
    """Both messages of the first request of a run, as they were sent."""
    with open_warehouse(home) as warehouse:
        found = warehouse.execute(
            """
            select rows_requested, slice_text from raw.llm_responses
            where run_id = $run_id and dataset = $dataset
            order by request_number
            limit 1
            """,
            {"run_id": run.run_id, "dataset": run.contract.dataset},
        ).fetchone()
    return _shown(run, *found) if found else f"{run.label}: no row was to be asked for"


def messages_shown(run: Run, rows: int) -> str:
    """Both messages of the first request for `rows` rows, as they are sent."""
    cells = apportion(cell_shares(run.contract), rows) if run.variety == QUOTAS else {}
    brief = make_brief(
        run.contract,
        run.variety,
        seed=request_seed(run.seed, 1),
        rows=rows,
        cells=cells,
        drawn_columns=run.drawn_columns,
    )
    return _shown(run, rows, brief.text)


def _shown(run: Run, rows: int, slice_text: str) -> str:
    messages = run.prompt.messages(
        rows=rows, slice_text=slice_text, instructions_role=run.llm.instructions_role
    )
    shown = [f"[bold]{escape(run.label)}[/bold]"]
    for message in messages:
        shown.append(f"[bold]{message['role']}:[/bold]\n{escape(message['content'])}")
    return "\n\n".join(shown) + "\n"


def read_records(home: Home, run: Run, rows: int) -> list[dict[str, Any]]:
    """The first records of a run: their values, and the reasons where they were rejected."""
    names = ", ".join(f'"{column.name}"' for column in run.contract.columns)
    with open_warehouse(home) as warehouse:
        result = warehouse.execute(
            f"""
            select {names}, array_to_string(reject_reasons, ', ') as rejected
            from intermediate.int_{run.contract.dataset}_cast
            where run_id = $run_id
            order by len(reject_reasons) > 0, record_id
            limit $rows
            """,  # noqa: S608 (names come from the contract)
            {"run_id": run.run_id, "rows": rows},
        )
        columns = [column[0] for column in result.description]
        return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]


def records_table(run: Run, records: Sequence[dict[str, Any]]) -> Table:
    """A line for each column, because rows are wider than a terminal."""
    table = Table(box=box.SIMPLE_HEAD, title=escape(run.label), title_justify="left")
    table.add_column("column")
    for number, _ in enumerate(records, start=1):
        table.add_column(f"row {number}", overflow="fold")
    labels = {column.name: column.label for column in run.contract.columns}
    for name in [*labels, "rejected"]:
        values = ["" if record[name] is None else str(record[name]) for record in records]
        if name in labels or any(values):
            table.add_row(escape(labels.get(name, name)), *map(escape, values))
    return table
