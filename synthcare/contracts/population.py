"""How the values of a table are spread, as `population` of a proposed contract says it."""

from collections.abc import Mapping
from typing import Any

import duckdb

_DECILES = [tenth / 10 for tenth in range(11)]


def describe_population(
    database: duckdb.DuckDBPyConnection,
    meta: Mapping[str, Any],
    *,
    text: str,
    value: str,
) -> dict[str, Any]:
    """Shares of categories, deciles of numbers and dates, and the share of missing values.

    `text` and `value` are SQL of the column in the table `rows`, as written and as typed. Shares
    have three digits and are not zero, so that a rare value looks like one in a thousand.
    """
    found: dict[str, Any] = {}
    if meta["kind"] == "categorical":
        counts = dict(
            database.execute(
                f"select lower({text}), count({text}) from rows group by all"  # noqa: S608
            ).fetchall()
        )
        accepted = meta["accepted_values"]
        found["shares"] = _shares(
            {
                v: counts.get(lower, 0)
                for v, lower in zip(accepted, _lower(database, accepted), strict=True)
            }
        )
    elif meta["kind"] != "identifier":
        (deciles,) = database.execute(
            f"select quantile_disc({value}, {_DECILES}) from rows"  # noqa: S608
        ).fetchone()
        convert = {"integer": int, "decimal": float}.get(meta["kind"], lambda day: day)
        found["deciles"] = [convert(decile) for decile in deciles]
    if meta.get("nullable"):
        rows, known = database.execute(
            f"select count(*), count({text}) from rows"  # noqa: S608
        ).fetchone()
        found["missing"] = _rounded((rows - known) / rows)
    return found


def _lower(database: duckdb.DuckDBPyConnection, texts: list[str]) -> list[str]:
    """DuckDB's lower case, which is not Python's for every letter."""
    ((lower,),) = database.execute(
        "select list_transform($texts, lambda text: lower(text))", {"texts": texts}
    ).fetchall()
    return lower


def _shares(counts: Mapping[str, int]) -> dict[str, float]:
    return {value: _rounded(count / sum(counts.values())) for value, count in counts.items()}


def _rounded(share: float) -> float:
    return max(0.001, round(share, 3))
