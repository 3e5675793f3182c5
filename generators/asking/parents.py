"""The accepted rows that others are to belong to, and how many each is to have."""

from collections.abc import Sequence

import duckdb

from generators.asking.runs import Run
from generators.drawing.children import draw_counts
from generators.drawing.draws import as_text
from generators.home import Home
from generators.variety.families import Parent, told_labels
from generators.warehouse.database import open_warehouse


def parents_of(home: Home, run: Run) -> list[Parent]:
    """The accepted rows of the table that those of `run` belong to, in the order of their requests.

    How many rows each is to have is drawn as the contract says, by the seed of the run and the
    record. Real families have as many as they have, and are asked for once: what is rejected of
    them would be again. Raises SynthcareError where the contract does not say how many.
    """
    of, key = run.parent.contract, run.contract.foreign_keys[0]
    told = [column for column in of.columns if column.label in told_labels(of)]
    values = [column.name for column in told]
    chosen = ", ".join(["record_id", *values, *key.to_columns])
    with open_warehouse(home) as warehouse:
        found = warehouse.execute(
            f"""
            select {chosen}
            from intermediate.int_{of.dataset}_cast
            where run_id = $run_id and len(reject_reasons) = 0
            order by
                cast(split_part(record_id, '-', -2) as integer),
                cast(split_part(record_id, '-', -1) as integer)
            """,  # noqa: S608 (names come from the contract)
            {"run_id": run.run_id},
        ).fetchall()
        keys = [row[1 + len(values) :] for row in found]
        if run.has_keys:
            asked = _asked(warehouse, run)
            real = _real_counts(warehouse, run, keys)
            counts = [
                0 if row[0] in asked else count for row, count in zip(found, real, strict=True)
            ]
        else:
            counts = draw_counts(run.contract, run.seed, [row[0] for row in found])
    return [
        Parent(
            row[0],
            count,
            {c.label: as_text(c, value) for c, value in zip(told, row[1:], strict=False)},
            dict(zip(key.to_columns, own, strict=True)),
        )
        for row, own, count in zip(found, keys, counts, strict=True)
    ]


def _asked(warehouse: duckdb.DuckDBPyConnection, run: Run) -> set[str]:
    """Records that a request has named as parents."""
    found = warehouse.execute(
        """
        select distinct unnest(json_extract_string(parents, '$.*.record_id'))
        from raw.llm_responses
        where run_id = $run_id and dataset = $dataset
        """,
        {"run_id": run.run_id, "dataset": run.contract.dataset},
    ).fetchall()
    return {record_id for (record_id,) in found}


def _real_counts(
    warehouse: duckdb.DuckDBPyConnection, run: Run, keys: Sequence[Sequence[str]]
) -> list[int]:
    """How many rows of the reference belong to each key."""
    names = ", ".join(run.contract.foreign_keys[0].columns)
    counted = warehouse.execute(
        f"""
        select {names}, count(*) from staging.stg_reference_{run.contract.dataset}
        group by {names}
        """  # noqa: S608 (names come from the contract)
    ).fetchall()
    known = {tuple(row[:-1]): row[-1] for row in counted}
    return [known.get(tuple(key), 0) for key in keys]
