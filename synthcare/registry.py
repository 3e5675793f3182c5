"""Every headline score: in this order it is computed, shown and explained."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from synthcare.cardinality import cardinality, key_integrity
from synthcare.detection import detection
from synthcare.diversity import diversity
from synthcare.family_detection import family_detection
from synthcare.fidelity import column_fidelity, missingness, pair_fidelity
from synthcare.interactions import interactions
from synthcare.kinship import child_order, parent_structure, siblings
from synthcare.learners import in_one_thread
from synthcare.plausibility import accept_rate, plausibility
from synthcare.privacy import privacy
from synthcare.structure import structure
from synthcare.subgroups import subgroups
from synthcare.trial import Score, Trial
from synthcare.utility import utility


@dataclass(frozen=True)
class Headline:
    """A score with an interval: more is better, 1 is as good as real rows.

    `find` yields the score under `name`, without a subject, and what stands beside it. It is asked
    for a table and a reference only, unless it is `of_records`, which need be neither accepted nor
    compared, or `of_relations`, which bring their own. `is_in_overall` says whether it is a part of
    the overall score, `stands_in_for` of which part it takes the place where that is not known,
    `is_optional` that it is not shown where no table has it.
    """

    name: str
    short: str
    title: str
    meaning: str
    find: Callable[[Trial], Iterator[Score]]
    is_in_overall: bool = False
    stands_in_for: str | None = None
    of_records: bool = False
    of_relations: bool = False
    is_optional: bool = False


# Of tables that belong to others.
RELATIONAL = (
    Headline(
        "key_integrity", "keys", "Keys", "share of rows with the key that they need",
        key_integrity, of_relations=True, is_optional=True,
    ),
    Headline(
        "cardinality", "counts", "Children per parent", "1 = as many as in real families",
        cardinality, of_relations=True, is_optional=True,
    ),
    Headline(
        "parent_structure", "lineage", "Parent and child",
        "1 = as tied as in real families, 0 = as to anybody's parents",
        parent_structure, of_relations=True, is_optional=True,
    ),
    Headline(
        "siblings", "sibs", "Siblings", "1 = as alike as in real families, 0 = as any children",
        siblings, of_relations=True, is_optional=True,
    ),
    Headline(
        "child_order", "order", "Order", "1 = in time as in real families, 0 = in any order",
        child_order, of_relations=True, is_optional=True,
    ),
    Headline(
        "family_detection", "family", "Families",
        "1 = a classifier cannot tell them from real families",
        family_detection, of_relations=True, is_optional=True,
    ),
)  # fmt: skip

HEADLINES = (
    Headline(
        "accept_rate", "valid", "Valid", "share of records that follow the contract",
        accept_rate, is_in_overall=True, of_records=True,
    ),
    Headline(
        "column_fidelity", "cols", "Columns", "1 = each is spread as in real rows",
        column_fidelity, is_in_overall=True,
    ),
    Headline(
        "pair_fidelity", "pairs", "Pairs", "1 = each two go together as in real rows",
        pair_fidelity, stands_in_for="structure",
    ),
    Headline(
        "structure", "struct", "Structure", "1 = as tied as real columns, 0 = not at all",
        structure, is_in_overall=True,
    ),
    Headline(
        "interactions", "trios", "Interactions",
        "1 = each three go together as in real rows, 0 = by pairs only",
        interactions, is_optional=True,
    ),
    Headline(
        "missingness", "miss", "Missing", "1 = values are missing as often as in real rows",
        missingness, is_optional=True,
    ),
    Headline(
        "detection", "detect", "Detection", "1 = a classifier cannot tell them from real rows",
        detection, is_in_overall=True,
    ),
    Headline(
        "diversity", "divers", "Diversity", "1 = as various as real rows",
        diversity, is_in_overall=True,
    ),
    Headline(
        "plausibility", "plaus", "Plausible", "share of records that pass every check",
        plausibility, of_records=True,
    ),
    Headline("utility", "util", "Utility", "1 = trains models as well as real rows", utility),
    Headline(
        "subgroups", "groups", "Subgroups", "1 = serves each group as well as real rows",
        subgroups, is_optional=True,
    ),
    Headline("privacy", "priv", "Privacy", "1 = no nearer to real rows than chance", privacy),
)  # fmt: skip

OVERALL = Headline(
    "overall", "overall", "Overall", "1 = as good as real rows", lambda trial: iter(())
)

ALL = (OVERALL, *HEADLINES, *RELATIONAL)

# Near 0 a geometric mean is so steep that the noise of one part would decide it.
_LEAST = 0.1


def scores_of(trial: Trial, headlines: Collection[Headline] = HEADLINES) -> list[Score]:
    """Every score of a table, and the overall one where all of its parts are known."""
    found = []
    with in_one_thread():
        for headline in headlines:
            if trial.table is not None or headline.of_records or headline.of_relations:
                found += headline.find(trial)
    known = {s.name: s for s in found if not s.subject and s.value is not None}
    instead = {h.stands_in_for: h.name for h in HEADLINES if h.stands_in_for}
    asked = [headline.name for headline in HEADLINES if headline.is_in_overall]
    names = [name if name in known else instead.get(name, name) for name in asked]
    if missing := [name for name in names if name not in known]:
        return [*found, Score(OVERALL.name, note=f"without {', '.join(missing)}")]
    noted = [f"{name} for {part}" for name, part in zip(names, asked, strict=True) if name != part]
    return [*found, overall([known[name] for name in names], ", ".join(noted) or None)]


def overall(parts: Collection[Score], note: str | None = None) -> Score:
    """The geometric mean, in which no part counts for less than 0.1: none makes up for another.

    Its ends are the means of theirs, as if all erred together, which is the widest they can be.
    """
    ends = {}
    for end in ("value", "low", "high"):
        product = 1.0
        for part in parts:
            known = getattr(part, end)
            product = None if known is None or product is None else product * max(_LEAST, known)
        ends[end] = None if product is None else product ** (1 / len(parts))
    return Score(OVERALL.name, (), **ends, note=note)
