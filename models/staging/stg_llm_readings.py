"""What readers/answers finds in the responses that are neither flat JSON nor plain CSV."""

import json
import logging

import pandas as pd

from readers.answers import Expected, Reading, read_answer, version

# `string` keeps None, where `str` would make it the word.
COLUMNS = {
    "response_id": "string",
    "taken_for": "string",
    "unexplained_share": "float64",
    "begins": "string",
    "rest": "string",
    "records": "string",
    "logic_hash": "string",
}


def model(dbt, session) -> pd.DataFrame:
    """One row per response, with its records as JSON.

    A response that the same code has read already, for the same fields, is not read again.
    """
    dbt.config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key="response_id",
        on_schema_change="sync_all_columns",
    )
    code = version()
    asked = dbt.ref("stg_llm_irregular_responses")
    known = {}
    if dbt.is_incremental:
        known = dict(session.sql(f"select response_id, logic_hash from {dbt.this}").fetchall())  # noqa: S608
    rows = []
    for response_id, text, is_truncated, labels, fields, expected_hash in asked.fetchall():
        logic_hash = f"{code}-{expected_hash}"
        if known.get(response_id) != logic_hash:
            expected = Expected(tuple(labels), tuple(map(tuple, fields)))
            reading = _read(text or "", expected, is_truncated=is_truncated)
            begins = None if reading.records else _beginning(reading.text)
            rows.append(
                [
                    response_id,
                    reading.taken_for,
                    reading.unexplained,
                    begins,
                    _beginning(reading.rest) or None,
                    _records(reading),
                    logic_hash,
                ]
            )
    return pd.DataFrame(rows, columns=[*COLUMNS]).astype(COLUMNS)


def _read(text: str, expected: Expected, *, is_truncated: bool) -> Reading:
    """The reading of an answer, or that it failed: no text may end the build."""
    try:
        return read_answer(text, expected, is_truncated=is_truncated)
    except Exception:  # a fault of the reader, which raises nothing
        logging.exception("An answer could not be read; it is counted as one without a record.")
        return Reading("error", text, [], 1.0, text)


def _beginning(text: str) -> str:
    """On one line."""
    return " ".join(text[:200].split())[:80]


def _records(reading: Reading) -> str:
    return json.dumps(
        [
            {
                "text": reading.text[record.start : record.end],
                "names": record.names,
                "values": record.values,
                "is_cut_off": record.is_cut_off,
                "doubt": record.doubt,
            }
            for record in reading.records
        ]
    )
