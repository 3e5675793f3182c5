"""Families: keys lead children to parents, and families are drawn whole."""

import numpy as np
import pytest

from synthcare.cardinality import cardinality, key_integrity
from synthcare.families import ORPHAN, Family, Keys, Listing, RealFamilies, joined
from synthcare.kinship import parent_structure
from synthcare.learners import in_one_thread
from synthcare.registry import RELATIONAL, scores_of
from synthcare.tables import Column, Table
from synthcare.trial import Score, Trial
from tests.families import orphaned, take, trial_of
from tests.lineages import lineages

REAL = RealFamilies(lineages(1_500, 1), lineages(1_500, 2))


def headlines(trial: Trial) -> dict[str, Score]:
    with in_one_thread():
        return {s.name: s for h in RELATIONAL for s in h.find(trial) if not s.subject}


def family(*sizes: int) -> Family:
    """Parents with so many children, whose values are their places."""
    parent_of = np.repeat(np.arange(len(sizes)), sizes)
    counts = len(sizes), len(parent_of)
    parents, children = (
        Table(
            (Column(name, 11, values=tuple("abcdefghij")),),
            1 + np.arange(count)[:, None] % 10,
        )
        for name, count in zip(("one", "other"), counts, strict=True)
    )
    return Family(parents, children, parent_of, None, np.arange(len(parent_of), dtype=float))


# ------------------------------------------------------------ keys


def test_a_child_belongs_to_the_first_parent_with_its_key() -> None:
    parents = np.ma.masked_array([7, 3, 7, 0, 5], [0, 0, 0, 1, 0])
    children = np.ma.masked_array([5, 7, 7, 4, 0, 9], [0, 0, 0, 0, 1, 0])
    parent_of, is_own = joined(parents, children)
    assert parent_of.tolist() == [4, 0, 0, ORPHAN, ORPHAN, ORPHAN]
    assert is_own.tolist() == [True, True, False, False, True]


def test_without_parents_all_are_orphans() -> None:
    none, some = np.empty(0, dtype=np.int64), np.array([1, 2])
    assert joined(none, some)[0].tolist() == [ORPHAN, ORPHAN]
    assert joined(some, none)[0].tolist() == []


def test_the_key_score_is_the_smaller_of_both_shares() -> None:
    """Of ten children eight have a parent; of four parents one has another's key."""
    parent_of = np.array([0, 0, 1, 1, 2, 2, 2, 2, ORPHAN, ORPHAN])
    keys = Keys.of_rows(parent_of, np.array([True, True, True, False]))
    found = {(s.name, s.subject): s for s in key_integrity(trial_of(REAL, REAL.train, keys=keys))}
    assert found["with_parent_share", ("parents",)].value == 0.8
    assert found["own_key_share", ("parents",)].value == 0.75
    score = found["key_integrity", ()]
    assert (score.value, score.note) == (0.75, "1 of 4 parents have no key of their own")
    # Wilson's interval of 3 of 4.
    assert (score.low, score.high) == (
        pytest.approx(0.300642, abs=1e-6),
        pytest.approx(0.954413, abs=1e-6),
    )


@pytest.mark.parametrize("may_lack, share", [(False, 0.5), (True, 2 / 3)])
def test_a_child_without_a_key_is_broken_unless_it_needs_none(may_lack: bool, share: float) -> None:
    parent_of, has_key = np.array([0, 1, ORPHAN, ORPHAN]), np.array([True, True, True, False])
    keys = Keys.of_rows(parent_of, np.ones(2, bool), has_key=has_key, may_lack=may_lack)
    found = {s.name: s.value for s in key_integrity(trial_of(REAL, REAL.train, keys=keys))}
    assert found["key_integrity"] == pytest.approx(share)
    assert found["children_without_key"] == 1


def test_rows_of_one_answer_make_the_interval_wider() -> None:
    parent_of = np.repeat([0, ORPHAN, 1, 2, 3, 4, 5, 6, 7, ORPHAN], 10)
    is_own, groups = np.ones(8, bool), np.arange(100) // 10
    widths = []
    for of_groups in (None, groups):
        keys = Keys.of_rows(parent_of, is_own, groups=of_groups)
        *_, score = key_integrity(trial_of(REAL, REAL.train, keys=keys))
        assert score.value == 0.8
        widths.append(score.high - score.low)
    assert widths[1] > 2 * widths[0]


def test_no_row_that_needs_a_key_is_no_evidence() -> None:
    nobody = np.empty(0, dtype=np.intp)
    for keys in (None, Keys.of_rows(nobody, np.ones(3, bool)), Keys.of_rows(nobody, nobody > 0)):
        *_, score = key_integrity(trial_of(REAL, REAL.train, keys=keys))
        assert score.value is None
        assert score.note


# ------------------------------------------------------------ drawing families


def test_families_are_drawn_with_all_of_their_children() -> None:
    drawn = family(2, 0, 3).listed.of(np.array([2, 1, 2]))
    assert drawn.sizes.tolist() == [3, 0, 3]
    assert drawn.family_of.tolist() == [0, 0, 0, 2, 2, 2]
    for which in (0, 2):
        assert sorted(drawn.children[drawn.family_of == which].tolist()) == [2, 3, 4]


def test_children_come_in_their_order_and_those_without_one_not_at_all() -> None:
    of = family(4, 1)
    of = Family(of.parents, of.children, of.parent_of, None, np.array([3.0, np.nan, 1, 2, 0]))
    drawn = of.in_order.of(np.arange(2))
    assert drawn.children.tolist() == [2, 3, 0, 4]


def test_of_a_large_family_eight_children_in_a_row_are_paired() -> None:
    listing = Listing(np.arange(33), np.array([30, 0, 3])).windows()
    assert listing.sizes.tolist() == [8, 0, 3]
    of_first = listing.places[:8]
    assert np.diff(of_first).tolist() == [1] * 7
    assert 0 <= of_first[0] <= 22
    assert listing.places[8:].tolist() == [30, 31, 32]
    many = Listing(np.arange(300), np.full(10, 30)).windows()
    assert len(set((many.places[::8] % 30).tolist())) > 3  # not always the first ones


def test_top_parents_are_numbered_as_they_come() -> None:
    of = family(1, 1, 1, 1)
    tops = Family(of.parents, of.children, of.parent_of, np.array(["b", "a", "b", "c"]))
    assert tops.top_of.tolist() == [0, 1, 0, 2]
    assert of.top_of.tolist() == [0, 1, 2, 3]


# ------------------------------------------------------------ bad input


def unknown(scores: dict[str, Score]) -> set[str]:
    assert all(score.note for score in scores.values() if score.value is None)
    return {name for name, score in scores.items() if score.value is None}


ALL = {headline.name for headline in RELATIONAL}


def test_all_scores_are_there_in_ordinary_families() -> None:
    table = lineages(800, 3)
    keys = Keys.of_rows(table.parent_of, np.ones(800, bool))
    found = headlines(trial_of(REAL, table, keys=keys))
    assert not unknown(found)
    assert found["key_integrity"].value == 1


def nobody() -> Family:
    return take(lineages(10, 1), np.arange(0))


def without_children() -> Family:
    table = lineages(300, 4)
    is_childless = np.flatnonzero(table.sizes == 0)
    return take(table, is_childless)


@pytest.mark.parametrize(
    "table, known",
    [
        (nobody(), set()),
        (without_children(), {"cardinality"}),
        (orphaned(lineages(300, 4), 1.0, np.random.default_rng(0)), {"cardinality"}),
        (take(lineages(300, 4), np.array([0])), set()),
        (take(lineages(300, 4), np.arange(3)), set()),
    ],
    ids=["nobody", "no children", "orphans only", "one parent", "three parents"],
)
def test_too_little_says_nothing_but_why(table: Family, known: set[str]) -> None:
    found = headlines(trial_of(REAL, table))
    assert ALL - unknown(found) == known
    if known:
        assert found["cardinality"].value < 0.6


def test_real_tables_without_children_or_holdout_say_nothing() -> None:
    table, none = lineages(300, 4), nobody()
    for real in (RealFamilies(none, none), RealFamilies(without_children(), none)):
        assert unknown(headlines(trial_of(real, table))) == ALL
    alone = headlines(trial_of(RealFamilies(REAL.train, none), table))
    assert unknown(alone) == ALL - {"cardinality", "family_detection"}


def test_families_of_one_have_no_siblings_and_no_order() -> None:
    of = lineages(600, 5)
    first = of.in_order.of(np.arange(600))
    starts = np.flatnonzero(np.diff(first.family_of, prepend=-1))
    ones = Family(
        of.parents, of.children.take(first.children[starts]), first.family_of[starts], None,
        np.zeros(len(starts)),
    )  # fmt: skip
    found = headlines(trial_of(REAL, ones))
    assert unknown(found) == {"key_integrity", "siblings", "child_order"}
    real = headlines(trial_of(RealFamilies(ones, ones), of))
    assert "in the real tables" in real["siblings"].note


def test_one_family_of_ten_thousand_decides_nothing() -> None:
    table = lineages(600, 6)
    without = headlines(trial_of(REAL, table))
    parent = int(np.flatnonzero(table.sizes == 0)[0])
    # All children of a parent who had none are copies of one child.
    places = np.r_[np.arange(len(table.children)), np.zeros(10_000, dtype=int)]
    many = Family(
        table.parents, table.children.take(places),
        np.r_[table.parent_of, np.full(10_000, parent)], None,
        np.r_[table.order, np.arange(10_000.0)],
    )  # fmt: skip
    found = headlines(trial_of(REAL, many))
    for name in ("cardinality", "parent_structure", "siblings", "child_order", "family_detection"):
        assert found[name].value == pytest.approx(without[name].value, abs=0.1), name


def test_orphans_count_among_keys_only() -> None:
    table = lineages(600, 6)
    before = headlines(trial_of(REAL, table))
    extra = table.children.take(np.arange(300))
    children = Table(
        table.children.columns,
        np.concatenate([table.children.codes, extra.codes]),
        {n: np.concatenate([v, extra.numbers[n]]) for n, v in table.children.numbers.items()},
    )
    parent_of = np.r_[table.parent_of, np.full(300, ORPHAN)]
    order = np.r_[table.order, np.zeros(300)]
    keys = Keys.of_rows(parent_of, np.ones(600, bool))
    more = Family(table.parents, children, parent_of, None, order)
    after = headlines(trial_of(REAL, more, keys=keys))
    assert after["key_integrity"].value == pytest.approx(1 - 300 / len(parent_of))
    for name in ("cardinality", "parent_structure", "siblings", "child_order"):
        assert after[name].value == pytest.approx(before[name].value, abs=0.06), name


# ------------------------------------------------------------ several relations


def test_a_table_has_the_worst_score_of_its_relations() -> None:
    good, bad = lineages(300, 7), lineages(300, 7, share=0.0)
    one = trial_of(REAL, good).relations[0]
    other = trial_of(REAL, bad).relations[0]
    trial = Trial(relations=(one, type(other)(**{**vars(other), "parent": "wards"})))
    found = {(s.name, s.subject): s for s in parent_structure(trial)}
    whole = found["parent_structure", ()]
    assert whole.value == found["parent_structure", ("wards",)].value
    assert whole.note == "the worst of 2: wards"
    assert whole.value < found["parent_structure", ("parents",)].value


def test_a_table_of_no_other_has_no_such_score() -> None:
    assert not any(score.name in ALL for score in scores_of(Trial(), RELATIONAL))


def test_the_same_families_have_the_same_scores() -> None:
    table = lineages(300, 8)
    real = (RealFamilies(REAL.train, REAL.holdout) for _ in range(2))
    first, second = (headlines(trial_of(of, table)) for of in real)
    assert first == second


def test_numbers_of_children_are_told_beside_the_score() -> None:
    found = {s.name: s.value for s in cardinality(trial_of(REAL, family(2, 0, 1, 1))) if s.subject}
    assert found["children_per_parent"] == 1
    assert found["childless_share"] == 0.25
    assert found["reference_children_per_parent"] == pytest.approx(REAL.train.sizes.mean())
