"""Lands raw LLM output that someone already has, each answer as a response of its own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from generators.asking.runs import run_id, utc_now
from generators.costs.prices import BATCH, STANDARD, load_price
from generators.home import Home
from generators.landing.journal import Journal, Response
from readers.encodings import decode
from readers.exports import Answer, Export, read_export
from synthcare.contracts.contract import Contract
from synthcare.errors import SynthcareError

_PLAIN = "plain text"


@dataclass(frozen=True)
class Imported:
    """What a file was taken for, the runs that its answers are in, and what to tell of it."""

    kind: str
    answers: int
    run_ids: list[str]
    notes: list[str]

    @property
    def size(self) -> str:
        """The number of answers, in words."""
        return f"{self.answers:,} answer{'' if self.answers == 1 else 's'}"


def import_file(
    home: Home,
    contract: Contract,
    path: Path,
    *,
    llm: str,
    prompt_level: str | None,
    instruction_level: str | None,
    encoding: str | None = None,
) -> Imported:
    """Journal the answers in `path`, word for word, as a run of each model that the file names.

    Plain text, and data as such, is one answer. What the file does not say stays null. A second
    import adds nothing. Raises SynthcareError where the file is missing, empty or no text.
    """
    try:
        decoded = decode(path.read_bytes(), encoding, name=str(path))
    except OSError as error:
        raise SynthcareError(f"{path} cannot be read: {error.strerror}.") from error
    if not decoded.text.strip():
        raise SynthcareError(f"{path} is empty.")
    export = read_export(decoded.text) or Export(_PLAIN, (Answer(decoded.text),))
    notes = [*filter(None, [decoded.note]), *export.notes]
    if not export.answers:
        raise SynthcareError(" ".join([f"{path} is {export.kind}: no LLM answers in it.", *notes]))
    by_model = _by_model(export.answers)
    runs = []
    for model, answers in by_model.items():
        run = {
            "dataset": contract.dataset,
            "llm": llm if len(by_model) == 1 else f"{llm} ({model or 'model not named'})",
            "provider": "import",
            **_priced(model, BATCH if export.is_batch else STANDARD),
            "prompt_level": prompt_level,
            "instruction_level": instruction_level,
            "started_at": utc_now(),
        }
        texts = [[answer.custom_id, answer.text] for answer in answers]
        names = [contract.dataset, run["llm"], prompt_level, instruction_level, "import"]
        run["run_id"] = run_id(names, [decoded.text] if export.kind == _PLAIN else [model, *texts])
        _journal(home, run, answers)
        runs.append(run["run_id"])
    return Imported(export.kind, len(export.answers), runs, notes)


def _by_model(answers: Sequence[Answer]) -> dict[str | None, list[Answer]]:
    """The answers of each model; those that name none belong to the only one that is named."""
    named = dict.fromkeys(answer.model for answer in answers if answer.model)
    only = next(iter(named)) if len(named) == 1 else None
    groups: dict[str | None, list[Answer]] = {}
    for answer in answers:
        groups.setdefault(answer.model or only, []).append(answer)
    return groups


def _priced(model: str | None, tier: str) -> dict[str, str | None]:
    """Model and tier of a run, the model by the name that it has in the price list, if any."""
    if model is None:
        return {"model": None, "price_tier": None}
    short = model.rsplit("/", 1)[-1]
    names = (model, short, re.sub(r"-20\d\d-?\d\d-?\d\d$", "", short))
    priced = next((name for name in names if load_price(name, tier)), model)
    return {"model": priced, "price_tier": tier}


def _journal(home: Home, run: dict, answers: Sequence[Answer]) -> None:
    with Journal(home.landing / run["run_id"], run) as journal:
        responses = (
            Response(
                response_id=f"{run['run_id']}-{number}",
                run_id=run["run_id"],
                request_number=number,
                rows_requested=None,
                slice_text=None,
                response_text=answer.text,
                finish_reason=answer.finish_reason,
                input_tokens=answer.input_tokens,
                cached_tokens=answer.cached_tokens,
                output_tokens=answer.output_tokens,
                requested_at=None,
                received_at=None,
                reasoning_tokens=answer.reasoning_tokens,
                custom_id=answer.custom_id,
            )
            for number, answer in enumerate(answers, start=1)
        )
        journal.extend(each for each in responses if each.request_number not in journal.answered)
