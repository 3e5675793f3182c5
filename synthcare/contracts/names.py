"""Names of columns in SQL, made from the labels that people gave them."""

import re
import unicodedata
from collections.abc import Sequence

import duckdb

# Columns that the models of a dataset add to its own.
OURS = {
    *("record_id", "run_id", "response_id", "was_normalised", "row_number", "is_holdout"),
    *("normalised_columns", "reject_reasons", "landed_number", "record_text"),
    *("unit", "block", "dataset", "is_looked_at"),
    # of the records on their way to the mart
    *("drawn_rows", "drawn_values", "field_names", "field_values", "is_coded", "is_cut_off"),
    *("are_repeated", "quota_cell", "quota_cells", "row_key", "texts", "values_too_many"),
    *("dictated_values", "is_beyond_quota", "is_repeated"),
    # of what a row belongs to
    *("children_asked", "has_keys", "is_parent_accepted", "key_places", "parent"),
    *("parent_record_id", "parents", "parents_asked"),
    # of runs, beside which rows are coded
    *("blocks", "drawn_columns", "is_counted_whole", "is_drawn_by_response", "rows_accepted"),
    *("rows_counted", "share_looked_at", "share_of_rows", "share_of_units", "units"),
    "units_counted",
}
NAME = r"[a-z][a-z0-9_]*"


def sql_names(database: duckdb.DuckDBPyConnection, labels: Sequence[str]) -> list[str]:
    """SQL names: in snake_case, none of SQL's own words or of ours, none twice."""
    (reserved,) = database.execute(
        "select list(keyword_name) from duckdb_keywords() where keyword_category <> 'unreserved'"
    ).fetchone()
    found: list[str] = []
    for label in labels:
        name = snake_case(label) or "column"
        if name[0].isdigit():
            name = f"column_{name}"
        if name in reserved or name in OURS:
            name = f"{name}_value"
        base, number = name, 1
        while name in found:
            number += 1
            name = f"{base}_{number}"
        found.append(name)
    return found


def snake_case(label: str) -> str:
    """Letters and digits in lower case, words apart by `_`; empty where there are none."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", _without_accents(label))
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _without_accents(label: str) -> str:
    letters = unicodedata.normalize("NFKD", label.replace("ß", "ss"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
