"""A score of a table that belongs to several others: that of the worst relation."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from synthcare.families import Relation
from synthcare.trial import Score, Trial


def of_relations(
    trial: Trial, name: str, find: Callable[[Relation, frozenset[str]], Iterator[Score]]
) -> Iterator[Score]:
    """What `find` says of each relation, and the worst of them as the score of the table.

    `find` gets the columns of children that are left out, and yields the score of the relation
    under `name`, whose subject is the parent. Nothing where the table belongs to no other.
    """
    of_each = []
    for relation in trial.relations:
        for score in find(relation, trial.left_out):
            yield score
            if score.name == name and score.subject == (relation.parent,):
                of_each.append(score)
    if not of_each:
        return
    known = [score for score in of_each if score.value is not None]
    worst = min(known or of_each[:1], key=lambda score: score.value or 0.0)
    if len(of_each) > 1 and known:
        worst = replace(worst, note=f"the worst of {len(of_each)}: {worst.subject[0]}")
    yield replace(worst, subject=())
