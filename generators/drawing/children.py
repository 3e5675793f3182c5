"""How many rows each parent has, drawn as the contract of its children says."""

import hashlib
from collections.abc import Sequence

import numpy as np

from generators.drawing.draws import draw_column
from synthcare.contracts.contract import Contract
from synthcare.errors import SynthcareError


def draw_counts(contract: Contract, seed: int, parents: Sequence[str]) -> list[int]:
    """A number for each of the `parents`, the same whichever others there are.

    Raises SynthcareError where the contract does not say how many rows a parent has.
    """
    check_counts(contract)
    counts = contract.counts
    none = counts.population.get("none", 0.0)
    found = []
    for parent in parents:
        digest = hashlib.sha256(f"{seed}|{parent}".encode()).digest()
        random = np.random.default_rng(int.from_bytes(digest[:8]))
        is_without = random.random() < none
        found.append(0 if is_without else draw_column(counts, {}, random, 1)[0])
    return found


def check_counts(contract: Contract) -> None:
    """Raise SynthcareError where the contract does not say how many rows a parent has."""
    if contract.counts is None:
        raise SynthcareError(
            f"{contract.dataset} does not say how many of its rows belong to one of "
            f"{contract.foreign_keys[0].to}. Add `children: {{counts: …}}` under meta in "
            f"models/marts/{contract.dataset}.yml: docs/contract.md shows how."
        )
