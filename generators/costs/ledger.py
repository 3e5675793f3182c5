"""What runs took, read from marts.generation_runs."""

from collections.abc import Sequence
from typing import Any

from generators.home import Home
from generators.warehouse.database import open_warehouse


def read_ledger(home: Home, run_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the runs, in the order given and those of all their tables, each with a `label`."""
    with open_warehouse(home) as warehouse:
        result = warehouse.execute(
            """
            select
                generation_runs.*,
                concat_ws(
                    ' ',
                    llm,
                    nullif(concat_ws('/', prompt_level, instruction_level, variety), ''),
                    if(count(*) over (partition by run_id) > 1, '(' || dataset || ')', null)
                ) as label,

            from marts.generation_runs
            where list_contains($run_ids, run_id)
            order by list_position($run_ids, run_id), dataset
            """,
            {"run_ids": list(run_ids)},
        )
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
