"""What readers/answers finds in the responses that are neither flat JSON nor plain CSV."""

import hashlib
import json
import logging
from collections.abc import Iterator

import pyarrow as pa

from readers.answers import Expected, Reading, read_answer, version

SCHEMA = pa.schema(
    [
        ("response_id", pa.string()),
        ("landed_number", pa.int64()),
        ("taken_for", pa.string()),
        ("unexplained_share", pa.float64()),
        ("begins", pa.string()),
        ("rest", pa.string()),
        ("records", pa.string()),
    ]
)
_MODEL = "stg_llm_readings"
# Responses in memory at once.
_BATCH = 2_000


def model(dbt, session) -> pa.RecordBatchReader:
    """One row per response, with its records as JSON.

    A response that the same code has read already, for the same columns, is not read again.
    """
    dbt.config(materialized="incremental", on_schema_change="sync_all_columns")
    # As macros/incremental.sql does for SQL.
    above, readable = _inputs(session)
    logic_hash = hashlib.md5(f"{version()} {above}".encode(), usedforsecurity=False).hexdigest()
    reached = _reached(session, logic_hash) if dbt.is_incremental else 0
    if reached == 0:
        session.execute(
            "insert or replace into raw.llm_readers values ($1, $2, 0, 0)", [_MODEL, logic_hash]
        )
        if dbt.is_incremental:
            session.execute(f"delete from {dbt.this}")  # noqa: S608
    irregular = dbt.ref("stg_llm_irregular_responses")
    unread = irregular.filter(f"landed_number > {reached} and landed_number <= {readable}")
    return pa.RecordBatchReader.from_batches(SCHEMA, _readings(unread))


def _inputs(session) -> tuple[str, int]:
    """By which logic SQL has read, the columns of contracts among it, and up to which number."""
    return session.execute(
        """
        select
            coalesce(string_agg(logic_hash, ' ' order by model), ''),
            if(count(*) = 2, min(landed_number), 0),

        from raw.llm_readers
        where model in ('stg_llm_json_records', 'stg_llm_csv_records')
        """
    ).fetchall()[0]


def _reached(session, logic_hash: str) -> int:
    """The number of the last response that was read by this logic; 0 where none was."""
    found = session.execute(
        """
        select landed_number from raw.llm_readers
        where
            model = $1
            and logic_hash = $2
            and response_count = (
                select count(*) from raw.llm_responses
                where landed_number <= llm_readers.landed_number
            )
        """,
        [_MODEL, logic_hash],
    ).fetchall()
    return found[0][0] if found else 0


def _readings(unread) -> Iterator[pa.RecordBatch]:
    for batch in unread.to_arrow_reader(_BATCH):
        yield pa.RecordBatch.from_pylist([_reading(**row) for row in batch.to_pylist()], SCHEMA)


def _reading(response_id, landed_number, response_text, is_truncated, labels, fields) -> dict:
    expected = Expected(tuple(labels), tuple(map(tuple, fields)))
    reading = _read(response_text or "", expected, is_truncated=is_truncated)
    return {
        "response_id": response_id,
        "landed_number": landed_number,
        "taken_for": reading.taken_for,
        "unexplained_share": reading.unexplained,
        "begins": None if reading.records else _beginning(reading.text),
        "rest": _beginning(reading.rest) or None,
        "records": _records(reading),
    }


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
