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
    logic_hash, reached = _logic(session), 0
    if dbt.is_incremental:
        reached = _reached(session, logic_hash)
    if reached == 0:
        session.execute(
            "insert or replace into raw.llm_readers values ($1, $2, 0)", [_MODEL, logic_hash]
        )
        if dbt.is_incremental:
            session.execute(f"delete from {dbt.this}")  # noqa: S608
    unread = dbt.ref("stg_llm_irregular_responses").filter(f"landed_number > {reached}")
    return pa.RecordBatchReader.from_batches(SCHEMA, _readings(unread))


def _logic(session) -> str:
    """A hash of what reads, and of what chooses the responses: columns of contracts are in it."""
    ((above,),) = session.execute(
        """
        select string_agg(logic_hash, ' ' order by model) from raw.llm_readers
        where model in ('stg_llm_json_records', 'stg_llm_csv_records')
        """
    ).fetchall()
    return hashlib.md5(f"{version()} {above}".encode(), usedforsecurity=False).hexdigest()


def _reached(session, logic_hash: str) -> int:
    """The number of the last response that was read by this logic; 0 where none was."""
    found = session.execute(
        "select landed_number from raw.llm_readers where model = $1 and logic_hash = $2",
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
