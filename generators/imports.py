"""Lands raw LLM output that someone already has, as one response of a run of its own."""

from pathlib import Path

from generators.contract import Contract
from generators.errors import SynthcareError
from generators.home import Home
from generators.journal import Journal, Response
from generators.runs import run_id, utc_now


def import_file(
    home: Home,
    contract: Contract,
    path: Path,
    *,
    llm: str,
    prompt_level: str | None,
    instruction_level: str | None,
) -> str:
    """Journal the text of `path`, word for word; return the run_id. A second import adds nothing.

    Tokens and times are not known, so cost and speed stay null. Raises SynthcareError where the
    file is missing, empty or no text.
    """
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise SynthcareError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SynthcareError(f"{path} is no text in UTF-8: {error}.") from error
    if not text.strip():
        raise SynthcareError(f"{path} is empty.")
    levels = [prompt_level, instruction_level]
    imported = run_id([contract.dataset, llm, *levels, "import"], [text])
    run = {
        "run_id": imported,
        "dataset": contract.dataset,
        "llm": llm,
        "provider": "import",
        "model": None,
        "prompt_level": prompt_level,
        "instruction_level": instruction_level,
        "started_at": utc_now(),
    }
    with Journal(home.landing / imported, run) as journal:
        if journal.last_request_number == 0:
            journal.append(
                Response(
                    response_id=f"{imported}-1",
                    run_id=imported,
                    request_number=1,
                    rows_requested=None,
                    slice_text=None,
                    response_text=text,
                    finish_reason=None,
                    input_tokens=None,
                    cached_tokens=None,
                    output_tokens=None,
                    requested_at=None,
                    received_at=None,
                )
            )
    return imported
