"""What the reports show, read from the warehouse."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from generators.home import Home
from generators.warehouse.database import open_warehouse
from synthcare.contracts.contract import Contract, load_contract
from synthcare.contracts.relations import ancestors
from synthcare.registry import RELATIONAL

Row = dict[str, Any]

# Of a table in a drift report: Evidently holds all of them in memory.
MOST_ROWS = 100_000


@dataclass(frozen=True)
class Scores:
    """What dbt found of one dataset: rows of the models of these names, nulls as None.

    `relations` are scores of how it belongs to others, and these to what they belong to: child,
    parent, score_name, value and interval.
    `reference` is the row of raw.reference_files, None before anything was landed.
    """

    scorecard: list[Row]
    comparison: list[Row]
    column_fidelity: list[Row]
    pair_fidelity: list[Row]
    distributions: list[Row]
    diversity: list[Row]
    column_diversity: list[Row]
    privacy: list[Row]
    privacy_risks: list[Row]
    subgroups: list[Row]
    subgroup_rates: list[Row]
    reject_reasons: list[Row]
    unread_answers: list[Row]
    relations: list[Row]
    reference: Row | None


def read_scores(home: Home, contract: Contract) -> Scores:
    """The scores of a dataset, best run first, and those that leak after all others."""
    with open_warehouse(home) as warehouse:

        def read(query: str, **bound: list[str]) -> list[Row]:
            """Rows of a query in which `$dataset` is bound, or what is given instead."""
            result = warehouse.execute(query, bound or {"dataset": contract.dataset})
            names = [column[0] for column in result.description]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

        return Scores(
            scorecard=read(
                """
                select * from metrics.scorecard
                where dataset = $dataset
                order by
                    leaks is not null, overall desc nulls last, accept_rate desc, llm, run_id
                """
            ),
            comparison=read(
                """
                select run_id, other_run_id, score_name, verdict from metrics.comparison
                where dataset = $dataset
                """
            ),
            column_fidelity=read("select * from metrics.column_fidelity where dataset = $dataset"),
            pair_fidelity=read(
                """
                select run_id, column_1, column_2, score from metrics.pair_fidelity
                where dataset = $dataset and isfinite(score)
                """
            ),
            distributions=read(
                """
                select * from metrics.distributions
                where dataset = $dataset
                order by run_id, column_name, bar_number
                """
            ),
            diversity=read("select * from metrics.diversity where dataset = $dataset"),
            column_diversity=read(
                """
                select * from metrics.column_diversity
                where dataset = $dataset and part = 'identifiers'
                order by run_id, column_name
                """
            ),
            privacy=read("select * from metrics.privacy where dataset = $dataset"),
            privacy_risks=read(
                """
                select * from metrics.privacy_risks
                where dataset = $dataset
                order by run_id, excess desc, risk
                """
            ),
            subgroups=read(
                """
                select * from metrics.subgroups
                where dataset = $dataset
                order by run_id, column_name, group_name, measure, target
                """
            ),
            subgroup_rates=read(
                """
                select * from metrics.subgroup_rates
                where dataset = $dataset and verdict is not null
                order by run_id, column_name, group_name, target, target_value
                """
            ),
            reject_reasons=read(
                """
                select * from metrics.reject_reasons
                where dataset = $dataset
                order by run_id, records desc, reject_reason
                """
            ),
            unread_answers=read(
                "select * from metrics.unread_answers where dataset = $dataset order by run_id"
            ),
            relations=read(
                """
                select
                    run_id, dataset as child, subject as parent, score_name, value,
                    low as value_low, high as value_high, note,
                from metrics.scores
                where
                    list_contains($related, dataset)
                    and list_contains($related, subject)
                    and list_contains($relational, score_name)
                """,
                related=[table.dataset for table in ancestors(contract, load_contract)],
                relational=[headline.name for headline in RELATIONAL],
            ),
            reference=next(
                iter(read("select * from raw.reference_files where dataset = $dataset")), None
            ),
        )


def read_rows(home: Home, contract: Contract, run_id: str | None) -> pd.DataFrame:
    """Scored columns of a run's accepted rows, or of the train half of the reference if None.

    At most `MOST_ROWS` of them, the same ones each time. Derived columns are there; dates are days
    since 1970-01-01, because drift tests take numbers; identifiers are left out.
    """
    columns = [
        f"datediff('day', date '1970-01-01', {column.name}) as {column.name}"
        if column.kind == "date"
        else f"cast({column.name} as double) as {column.name}"
        if column.kind == "decimal"
        else column.name
        for column in contract.columns
        if column.kind != "identifier"
    ]
    columns += [f"{derived.sql} as {derived.name}" for derived in contract.derived]
    source, condition, row = (
        (f"staging.stg_reference_{contract.dataset}", "not is_holdout", "row_number")
        if run_id is None
        else (f"marts.{contract.dataset}", "run_id = $run_id", "record_id")
    )
    with open_warehouse(home) as warehouse:
        return warehouse.execute(
            f"select {', '.join(columns)} from {source} where {condition}"  # noqa: S608
            f" order by md5_number_lower(cast({row} as varchar)), {row} limit $most",
            {"most": MOST_ROWS} | ({"run_id": run_id} if run_id else {}),
        ).df()
