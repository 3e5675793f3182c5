"""Headline scores side by side, whichever there are."""

from typing import Any

from synthcare.registry import ALL


def model(dbt, session) -> Any:
    """One row per run and dataset, and for each score its value and both ends of its interval."""
    ends = {"": "value", "_low": "low", "_high": "high"}
    columns = [
        f"max({end}) filter (where score_name = '{headline.name}') as {headline.name}{suffix}"
        for headline in ALL
        for suffix, end in ends.items()
    ]
    scores = dbt.ref("scores").filter("subject is null")
    return scores.aggregate(", ".join(["run_id", "dataset", *columns]))
