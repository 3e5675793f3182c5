"""Tokens of a text, counted offline with the vocabulary of GPT-4o (o200k)."""

from functools import cache

from generators.drawing.stand_in import stand_in_rows
from generators.wire_formats import write_rows
from synthcare.contracts.contract import Contract

_SAMPLE_ROWS = 100


def count_tokens(text: str) -> int:
    """Tokens of `text` in o200k; an estimate for models with another vocabulary."""
    return len(_encoding().encode(text, disallowed_special=()))


@cache
def tokens_per_row(
    contract: Contract, wire_format: str, drawn_columns: tuple[str, ...] = ()
) -> float:
    """Mean o200k tokens of a row without a gap, over 100 rows of the contract's stand-in."""
    rows = stand_in_rows(contract, _SAMPLE_ROWS, has_gaps=False)
    return count_tokens(write_rows(contract, rows, wire_format, drawn_columns)) / _SAMPLE_ROWS


@cache
def _encoding():
    import bpe_openai  # half a second

    return bpe_openai.get_encoding("o200k_base")
