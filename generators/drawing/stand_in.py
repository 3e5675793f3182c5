"""A table to take the real one's place, made from the population that the contract describes."""

from functools import cache

import numpy as np

from generators.drawing.draws import as_text, draw, lawful
from synthcare.contracts.contract import Column, Contract
from synthcare.errors import SynthcareError

_SEED = 20240507
_SAMPLE = 20  # texts that show what a generator of Faker's writes
_ROUNDS = 20  # after which rules that hardly any drawn row keeps are given up


def stand_in_rows(contract: Contract, size: int, *, has_gaps: bool = True) -> list[tuple[str, ...]]:
    """`size` rows of the stand-in as texts, in the order of the contract; every rule holds.

    A missing value is empty; without `has_gaps` nothing is missing. Raises SynthcareError where
    hardly any row of the population keeps the contract's rules.
    """
    random = np.random.default_rng(_SEED)
    identifiers = [column for column in contract.columns if column.kind == "identifier"]
    kinds = tuple(column.population["faker"] for column in identifiers)
    texts = dict(zip((column.name for column in identifiers), _texts(kinds, size), strict=True))
    drawn: dict[str, list] = {c.name: [] for c in contract.columns if c.kind != "identifier"}
    for _ in range(_ROUNDS):
        missing = size - len(next(iter(drawn.values()), texts and range(size)))
        if missing <= 0:
            break
        rows = lawful(contract, draw(contract, missing, random, has_gaps=has_gaps))
        for name, values in rows.items():
            drawn[name] += values
    else:
        raise SynthcareError(
            f"The rules of {contract.dataset} and its populations do not go together: hardly any "
            "row drawn from them keeps every rule. Mend either in its contract."
        )
    for column in contract.columns:
        if column.name in drawn:
            texts[column.name] = [as_text(column, value) for value in drawn[column.name]]
    return list(zip(*(texts[column.name] for column in contract.columns), strict=True))


def is_code(column: Column) -> bool:
    """Whether an identifier is a code of digits, as a postcode is, and no name."""
    ((*texts,),) = _texts((column.population["faker"],), _SAMPLE)
    return not any(text[:1].isalpha() for text in texts)


@cache
def _texts(kinds: tuple[str, ...], size: int) -> list[list[str]]:
    """`size` texts of each of Faker's generators, which takes seconds for 10,000 rows."""
    from faker import Faker  # half a second

    names = Faker("en_US")
    names.seed_instance(_SEED)
    unknown = [kind for kind in kinds if not hasattr(names, kind)]
    if unknown:
        raise SynthcareError(f"Faker has no generator '{unknown[0]}', which a population names.")
    return [[getattr(names, kind)() for _ in range(size)] for kind in kinds]
