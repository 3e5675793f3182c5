"""Real families, altered: each alteration is worse than real by a score that is made to see it.

Three repeats; `python -m tests.benchmarks.relations` makes twenty.
"""

from collections.abc import Callable

import pytest

from tests import families
from tests.benchmarks.relations import REAL, cells, repeated

PARENTS, REPEATS = 1_000, 3

needs_nafld = pytest.mark.skipif(not families.NAFLD, reason="SYNTHCARE_TEST_NAFLD names no folder")
needs_encounters = pytest.mark.skipif(
    not families.ENCOUNTERS, reason="SYNTHCARE_TEST_ENCOUNTERS names no file"
)

# What is bound to see what was done.
SEEN_BY = {
    "given to other parents": {"parent_structure"},
    "shuffled among families": {"siblings", "family_detection"},
    "attached at random": {"cardinality", "siblings", "family_detection"},
    "two or three each": {"cardinality", "family_detection"},
    "shuffled in families": {"child_order"},
    "reversed in families": {"child_order"},
}


@pytest.mark.parametrize(
    "population",
    [
        pytest.param(families.nafld, marks=needs_nafld),
        pytest.param(families.encounters, marks=needs_encounters),
    ],
)
def test_every_alteration_is_found(population: Callable[[], families.Population]) -> None:
    found = cells(repeated(population(), PARENTS, REPEATS))
    assert found.keys() == {REAL, *SEEN_BY}
    for what, scores in SEEN_BY.items():
        for score in scores:
            assert found[what][score].worse == 1, (what, score)
    for score, cell in found[REAL].items():
        if score != "any":
            assert cell.worse == 0, score
            assert cell.mean == pytest.approx(1, abs=0.15), score
    # What an alteration leaves alone is as it was.
    assert found["given to other parents"]["siblings"] == found[REAL]["siblings"]
    assert found["shuffled among families"]["cardinality"] == found[REAL]["cardinality"]
    assert found["shuffled in families"]["siblings"] == found[REAL]["siblings"]
