"""What ties families: 1 for real ones, 0 where nothing does, by hand and in a made population."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from synthcare.bonds import NUMBER, bonds_of_order, bonds_of_siblings, bonds_to_parents
from synthcare.cardinality import cardinality, expected_distance
from synthcare.families import ORPHAN, Family, RealFamilies
from synthcare.family_detection import family_detection, summed_up
from synthcare.kinship import NO_ORDER, NOT_TIED, child_order, parent_structure, siblings
from synthcare.learners import in_one_thread
from synthcare.tables import Column, Table
from synthcare.trial import Score, Trial
from tests import families
from tests.families import trial_of
from tests.lineages import lineages

REAL = RealFamilies(lineages(3_000, 1), lineages(3_000, 2))
SEEDS = range(5)

Find = Callable[[Trial], Iterator[Score]]


def told(find: Find, trial: Trial) -> dict[tuple[str, ...], Score]:
    """Of the table under (), and of columns by their names."""
    with in_one_thread():
        name = find.__name__
        return {s.subject[1:] if s.subject else (): s for s in find(trial) if s.name == name}


def mean(find: Find, alter: families.Alter, size: int) -> float:
    return float(
        np.mean(
            [
                told(find, trial_of(REAL, alter(lineages(size, seed), rng(seed))))[()].value
                for seed in SEEDS
            ]
        )
    )


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


# ------------------------------------------------------------ departures by hand


def by_hand(parents: str, children: list[str]) -> Family:
    """Of each parent its letter, and those of its children in order."""
    of_child = np.repeat(np.arange(len(children)), [len(of) for of in children])
    letters = "".join(children)
    tables = [
        Table(
            (Column(name, 3, values=("a", "b")),),
            np.array([[1 + "ab".index(letter)] for letter in text]),
        )
        for name, text in (("one", parents), ("other", letters))
    ]
    return Family(*tables, of_child, None, np.arange(len(of_child), dtype=float))


def departures(bond, family: Family) -> np.ndarray:
    """Of the only pair, but for missing values."""
    (found,) = bond.departures_of(family, bond.parents(family))
    return found


def test_each_family_weighs_the_same_on_the_joined_rows() -> None:
    """Parent a has a child a, parent b nine children b: shares of a half each, departures 1/4."""
    of = by_hand("ab", ["a", "b" * 9])
    found = departures(bonds_to_parents(of, [0])[0], of)
    assert found[1:, 1:] == pytest.approx(np.array([[0.25, -0.25], [-0.25, 0.25]]))


def test_numbers_of_children_are_tied_to_parents() -> None:
    of = by_hand("aabb", ["", "", "ab", "ba"])
    bond = bonds_to_parents(of, [0])[1]
    found = departures(bond, of)
    assert bond.labels == (("one", NUMBER),)
    assert np.abs(found).max() == pytest.approx(0.25)


def test_siblings_are_pairs_in_either_order() -> None:
    """Families aa and ab: shares of aa 1/2, ab and ba 1/4; of a 3/4."""
    of = by_hand("ab", ["aa", "ab"])
    found = departures(bonds_of_siblings(of, [0])[0], of)
    expected = [[1 / 2 - 9 / 16, 1 / 4 - 3 / 16], [1 / 4 - 3 / 16, 0 - 1 / 16]]
    assert found[1:, 1:] == pytest.approx(np.array(expected))


def test_order_departs_from_all_orders_of_the_same_children() -> None:
    """Of aab: aa and ab follow, and of all pairs a third each is aa, ab and ba."""
    of = by_hand("a", ["aab"])
    follows, ends = bonds_of_order(of, [0])
    assert departures(follows, of)[1:, 1:] == pytest.approx(np.array([[1, 1], [-2, 0]]) / 6)
    # The first is an a, which two thirds are; the last is a b.
    assert departures(ends, of)[:, 1:] == pytest.approx(np.array([[1, -1], [-2, 2]]) / 3)


def test_children_in_any_order_have_no_departure_on_average() -> None:
    of = by_hand("a" * 6, ["aab", "aba", "baa"] * 2)
    for bond in bonds_of_order(of, [0]):
        assert departures(bond, of) == pytest.approx(0, abs=1e-12)


# ------------------------------------------------------------ in a made population


@pytest.mark.parametrize("find", [parent_structure, siblings, child_order])
def test_real_families_score_one(find: Find) -> None:
    assert mean(find, families.as_they_are, 1_000) == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize(
    "find, alter",
    [
        (parent_structure, families.given_to_other_parents),
        (siblings, families.shuffled_among_families),
        (siblings, families.attached_at_random),
        (child_order, families.shuffled_in_families),
    ],
)
def test_what_is_not_tied_scores_zero(find: Find, alter: families.Alter) -> None:
    assert mean(find, alter, 1_000) == pytest.approx(0, abs=0.1)


def test_the_wrong_way_round_scores_below_zero() -> None:
    assert mean(child_order, families.reversed_in_families, 1_000) < -0.3


@pytest.mark.parametrize("find", [siblings, child_order])
def test_what_other_parents_have_is_as_alike_and_in_order(find: Find) -> None:
    assert mean(find, families.given_to_other_parents, 1_000) == pytest.approx(1, abs=0.06)


def test_half_tied_families_score_in_between() -> None:
    for find in (parent_structure, siblings):
        found = [
            told(find, trial_of(REAL, lineages(1_000, seed, share=0.5)))[()].value for seed in SEEDS
        ]
        assert 0.4 < np.mean(found) < 0.8


def test_more_families_than_are_held_out_score_one_as_well() -> None:
    real = RealFamilies(REAL.train, lineages(400, 9))
    found = [told(siblings, trial_of(real, lineages(2_000, seed)))[()].value for seed in SEEDS]
    assert np.mean(found) == pytest.approx(1, abs=0.15)


def test_intervals_hold_what_real_families_reach() -> None:
    for find in (parent_structure, siblings, cardinality):
        found = [told(find, trial_of(REAL, lineages(300, seed)))[()] for seed in range(12)]
        assert sum(score.low <= 1 <= score.high for score in found) >= 10
        assert all(0 < score.high - score.low < 1.5 for score in found)


def test_only_what_is_tied_has_a_score_of_its_own() -> None:
    trial = trial_of(REAL, lineages(1_000, 1))
    pairs = set(told(parent_structure, trial)) - {()}
    tied = {(one, other) for one in ("grade", "age") for other in ("event", "level", NUMBER)}
    assert pairs == tied
    assert set(told(siblings, trial)) - {()} == {("event",), ("level",)}


def test_columns_that_were_handed_over_or_make_the_order_are_left_out() -> None:
    table = lineages(600, 1)
    without = trial_of(REAL, table, left_out=frozenset({"event", "level"}))
    assert told(siblings, without)[()] == Score("siblings", note=NOT_TIED["siblings"])
    ordered = trial_of(REAL, table, ordered_by=frozenset({"event", "level"}))
    assert told(child_order, ordered)[()].note == NOT_TIED["child_order"]
    assert told(siblings, ordered)[()].value is not None


def test_where_real_families_are_not_tied_nothing_is_told() -> None:
    real = RealFamilies(lineages(1_500, 1, share=0.0), lineages(1_500, 2, share=0.0))
    trial = trial_of(real, lineages(500, 3))
    for find in (parent_structure, siblings, child_order):
        name = find.__name__
        assert told(find, trial) == {(): Score(name, note=NOT_TIED[name])}


def test_without_an_order_nothing_is_told_of_it() -> None:
    table = replace(lineages(500, 3), order=None)
    assert told(child_order, trial_of(REAL, table))[()] == Score("child_order", note=NO_ORDER)


# ------------------------------------------------------------ top parents


def without_tops(real: RealFamilies) -> RealFamilies:
    return RealFamilies(replace(real.train, tops=None), replace(real.holdout, tops=None))


def test_floors_and_intervals_are_wider_where_parents_come_by_top_parent() -> None:
    """Twenty parents of each top parent are much alike: they are drawn together."""
    real = RealFamilies(lineages(3_000, 1, tops=150), lineages(3_000, 2, tops=150))
    table = lineages(600, 3, tops=30)
    by_top = told(parent_structure, trial_of(real, table))[()]
    apart = trial_of(without_tops(real), replace(table, tops=None))
    by_itself = told(parent_structure, apart)[()]
    assert by_top.floor > 1.04 * by_itself.floor
    assert by_top.high - by_top.low > 1.2 * (by_itself.high - by_itself.low)


def copies(seed: int, families_of_one: int, share: float = 1.0) -> Family:
    """Each of some parents, with children and all, again and again; all copies of one top."""
    places = np.repeat(np.arange(1_200 // families_of_one), families_of_one)
    return replace(families.take(lineages(1_200, seed, share=share), places), tops=places)


def test_what_all_of_one_top_parent_share_ties_nothing() -> None:
    real = RealFamilies(copies(1, 20, share=0.0), copies(2, 20, share=0.0))
    table = copies(3, 20, share=0.0)
    for find in (parent_structure, siblings):
        assert told(find, trial_of(real, table))[()].note == NOT_TIED[find.__name__]
        by_itself = trial_of(without_tops(real), replace(table, tops=None))
        assert told(find, by_itself)[()].note != NOT_TIED[find.__name__]


def test_the_floor_of_numbers_is_by_top_parents() -> None:
    """Where all parents of one have as many children, it counts once."""
    alike = np.repeat(lineages(200, 1).sizes, 10)
    parent_of = np.repeat(np.arange(2_000), alike)
    base = lineages(2_000, 1)
    children = base.children.take(np.arange(len(parent_of)) % len(base.children))
    train = Family(base.parents, children, parent_of, np.arange(2_000) // 10)
    by_top = expected_distance(RealFamilies(train, train), 200)
    by_itself = expected_distance(RealFamilies(replace(train, tops=None), train), 200)
    assert by_top > 1.2 * by_itself


def test_folds_keep_families_of_one_top_parent_together() -> None:
    """Where classifiers may know copies again, real families are told from real ones."""
    real, table = RealFamilies(copies(1, 10), copies(2, 10)), copies(3, 10)
    by_top = told(family_detection, trial_of(real, table))[()]
    by_itself = told(family_detection, trial_of(without_tops(real), replace(table, tops=None)))[()]
    assert by_top.low < 1 < by_top.high
    assert by_itself.high < 0.5


# ------------------------------------------------------------ parents with what sums up children


def test_children_are_summed_up() -> None:
    of = by_hand("abb", ["aab", "", "b"])
    numbers = {"level": np.array([1.0, np.nan, 4, 2])}
    columns = (*of.children.columns, Column("level", 11, "decimal", is_nullable=True))
    codes = np.column_stack([of.children.codes, [1, 0, 4, 2]])
    rows = summed_up(replace(of, children=Table(columns, codes, numbers)), np.array([2, 0, 1]))
    assert [column.name for column in rows.columns][:2] == ["one", "number of children (children)"]
    found = {name.removesuffix(" (children)"): v.tolist() for name, v in rows.numbers.items()}
    assert found["number of children"] == [1, 3, 0]
    assert found["share of other 1"] == [0, pytest.approx(2 / 3), 0]
    assert found["different other"] == [1, 2, 0]
    for what, values in {"mean": 2.5, "least": 1, "largest": 4, "spread of": 1.5}.items():
        assert found[f"{what} level"][:2] == [0.0 if what == "spread of" else 2, values]
        assert np.isnan(found[f"{what} level"][2])


def test_classifiers_tell_shuffled_families_from_real_ones() -> None:
    table = lineages(800, 5)
    real = told(family_detection, trial_of(REAL, table))[()]
    shuffled = told(
        family_detection, trial_of(REAL, families.shuffled_among_families(table, rng(1)))
    )[()]
    assert real.low < 1 < real.high
    assert shuffled.high < 0.8


# ------------------------------------------------------------ against SDMetrics


def frames(of: Family, key_of: np.ndarray) -> tuple:
    """Parents and children as data frames, a child's key being its parent's, or none's."""
    import pandas as pd

    keys = np.where(of.parent_of == ORPHAN, -5, key_of[of.parent_of])
    tables = []
    for table, values in ((of.parents, key_of), (of.children, keys)):
        shown = {
            column.name: table.codes[:, place].astype(str)
            for place, column in enumerate(table.columns)
        }
        tables.append(pd.DataFrame({"key": values, **shown}))
    return tuple(tables)


def test_agrees_with_sdmetrics() -> None:
    """Wherever a definition is the same: numbers of children, keys, pairs on joined rows."""
    from sdmetrics.column_pairs import ContingencySimilarity
    from sdmetrics.column_pairs.statistical.referential_integrity import ReferentialIntegrity
    from sdmetrics.multi_table.statistical.cardinality_shape_similarity import (
        CardinalityShapeSimilarity,
    )
    from sdmetrics.single_column.statistical.key_uniqueness import KeyUniqueness

    table = families.attached_at_random(lineages(400, 5), rng(5))
    table = families.orphaned(table, 0.1, rng(6))
    real_parents, real_children = frames(REAL.train, np.arange(3_000))
    parents, children = frames(table, np.arange(400))
    trial = trial_of(REAL, table)
    found = {(s.name, *s.subject[1:]): s.value for s in cardinality(trial)}
    metadata = {
        "tables": {
            name: {
                "columns": {
                    column: {"sdtype": "id" if column == "key" else "categorical"}
                    for column in frame
                }
            }
            for name, frame in (("parents", parents), ("children", children))
        },
        "relationships": [
            {
                "parent_table_name": "parents",
                "child_table_name": "children",
                "parent_primary_key": "key",
                "child_foreign_key": "key",
            }
        ],
    }
    theirs = CardinalityShapeSimilarity.compute(
        {"parents": real_parents, "children": real_children},
        {"parents": parents, "children": children},
        metadata,
    )
    assert 1 - found["cardinality_distance",] == pytest.approx(theirs, abs=1e-9)

    # Joined on keys, as their InterTableTrends does before it compares pairs.
    real_joined, joined = (
        both[1].merge(both[0], on="key")
        for both in ((real_parents, real_children), (parents, children))
    )
    pairs = {s.subject[1:]: s.value for s in parent_structure(trial) if s.name.startswith("joined")}
    assert len(pairs) == 9
    for pair, value in pairs.items():
        names = list(pair)
        theirs = ContingencySimilarity.compute(real_joined[names], joined[names])
        assert value == pytest.approx(theirs, abs=1e-9)

    from synthcare.cardinality import key_integrity
    from synthcare.families import Keys
    from synthcare.families import joined as joined_by

    # Some parents have another's key.
    key_of = rng(7).integers(0, 300, 400)
    child_keys = children["key"].to_numpy()
    parent_of, is_own = joined_by(key_of, child_keys)
    keys = Keys.of_rows(parent_of, is_own)
    shares = {s.name: s.value for s in key_integrity(trial_of(REAL, table, keys=keys))}
    real_keys = (real_parents["key"], real_children["key"])
    of_keys = real_parents["key"].iloc[:0].reindex(range(400)).fillna(0).astype(int) + key_of
    assert shares["own_key_share"] == pytest.approx(
        KeyUniqueness.compute(real_parents["key"], of_keys), abs=1e-9
    )
    assert shares["with_parent_share"] == pytest.approx(
        ReferentialIntegrity.compute(real_keys, (of_keys, children["key"])), abs=1e-9
    )
    assert shares["key_integrity"] == min(shares["own_key_share"], shares["with_parent_share"])
