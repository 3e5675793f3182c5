"""Variety, copies and what classifiers cannot tell apart: small tables, worked out by hand."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from synthcare.chance import Tally
from synthcare.detection import detection, placements
from synthcare.diversity import diversity, entropy
from synthcare.halves import Halves
from synthcare.privacy import privacy
from synthcare.reference import Reference
from synthcare.tables import Column, Hashes, Table
from synthcare.trial import Score, Trial

COLOUR = Column("colour", 3, values=("red", "blue"))
LEVEL = Column("level", 3, kind="integer")
NOT_KNOWN = Score("not known")
NO_HALVES = np.zeros((0, 1), dtype=bool)

# Mean 0 and standard deviation 1, so that distances are those of the numbers.
LEVELS = [-1.0, 0.0, 1.0]


def table_of(
    *,
    colour: list[int],
    level: list[float],
    name: list[int],
    row: list[int],
    exact: list[int] | None = None,
    groups: list[int] | None = None,
) -> Table:
    """Rows with a category, a number, a name, and what stands for the whole row."""
    level = np.array(level, dtype=float)
    hashes = np.array(row, dtype=np.uint64)
    return Table(
        (COLOUR, LEVEL),
        np.stack([colour, np.where(np.isnan(level), 0, 1 + (level > 0))], axis=1),
        {"level": level},
        {"name": np.array(name, dtype=np.uint64)},
        Hashes(np.array(exact or row, dtype=np.uint64), hashes, hashes),
        None if groups is None else np.array(groups),
        np.arange(len(level)),
    )


def told(
    find: Callable[[Trial], Iterator[Score]],
    reference: Reference,
    table: Table,
    *,
    is_drawn: np.ndarray = NO_HALVES,
    left_out: frozenset[str] = frozenset(),
) -> dict[tuple[str, ...], Score]:
    """Scores by name and subject; each row of the table is a unit, in blocks in turn."""
    rows = np.arange(len(table))
    halves = Halves(rows % is_drawn.shape[1], is_drawn, rows)
    found = find(Trial(reference, table, halves, left_out))
    return {(score.name, *score.subject): score for score in found}


def ends(score: Score) -> tuple[float, float, float]:
    return score.value, score.low, score.high


# ------------------------------------------------------------ how sure a share is


@pytest.mark.parametrize("hits, size", [(0, 9), (3, 9), (9, 9), (400, 1_000), (1, 1)])
def test_a_share_of_rows_has_a_wilson_interval(hits: int, size: int) -> None:
    theirs = stats.binomtest(hits, size).proportion_ci(method="wilson")
    tally = Tally(np.array([hits]), np.array([size]))
    assert tally.share == hits / size
    assert tally.interval == pytest.approx((theirs.low, theirs.high), abs=1e-6)


def test_rows_are_tallied_by_group() -> None:
    """Half a hit is half a hit."""
    tally = Tally.of_rows(np.array([1, 0, 0.5, 1]), np.array([7, 3, 7, 7]))
    assert (tally.hits.tolist(), tally.sizes.tolist()) == ([0, 2.5], [1, 3])
    assert tally.share == 2.5 / 4


def test_rows_of_one_group_count_for_less() -> None:
    """Eight pairs of rows, four hit whole and four not at all: as sure as seven tosses of a coin.

    Deviations of 1 from the half, 8 · 8 / 7 squared and scaled, where independent rows show 4:
    a design effect of 16 / 7.
    """
    alike = Tally(np.array([2, 0] * 4), np.array([2] * 8))
    assert alike.effective_size == pytest.approx(7)
    z = 1.959964
    reach = z * np.sqrt((0.25 + z * z / 28) / 7) / (1 + z * z / 7)
    assert alike.interval == pytest.approx((0.5 - reach, 0.5 + reach))
    # Groups of one row: one of them is lost to the mean.
    assert Tally(np.array([1, 0] * 4), np.ones(8, dtype=int)).effective_size == pytest.approx(7)
    # Rows of a group that differ are no surer than independent ones.
    assert Tally(np.array([1] * 8), np.array([2] * 8)).effective_size == 16
    # Seven groups are too few to tell, and so are rows that are all hits.
    assert Tally(np.array([2, 0, 2, 0, 2, 0, 2]), np.array([2] * 7)).effective_size == 14
    assert Tally(np.array([2] * 8), np.array([2] * 8)).effective_size == 16


# ------------------------------------------------------------ diversity

REAL = table_of(colour=[1, 1, 2, 2], level=[0, 1, 2, 2], name=[1, 1, 2, 3], row=[1, 2, 3, 4])
ONLY_REAL = Reference(REAL, REAL)


def test_variety_is_compared_with_that_of_as_many_real_rows() -> None:
    """Two rows of one name, of which two real ones show 5 / 6 + 1 / 2 + 1 / 2."""
    table = table_of(colour=[1, 1], level=[5, 6], name=[7, 7], row=[8, 9])
    found = told(diversity, ONLY_REAL, table)
    assert found["distinct_values", "name"].value == 1
    assert found["expected_distinct_values", "name"].value == pytest.approx(11 / 6)
    assert found["column_diversity", "name"].value == pytest.approx(6 / 11)
    assert found["column_diversity", "name"].note == "identifiers"
    # More than real rows have is no merit: both levels differ.
    assert found["expected_distinct_values", "level"].value == pytest.approx(11 / 6)
    assert found["column_diversity", "level"].value == 1
    assert found["column_diversity", "colour"].value == 0
    assert found["identifier_diversity",].value == pytest.approx(6 / 11)
    assert found["value_diversity",].value == pytest.approx(1 / 2)
    assert found["row_diversity",].value == 1
    assert found["diversity",].value == pytest.approx((6 / 11 + 1 / 2 + 1) / 3)


def test_entropy_is_corrected_for_few_rows() -> None:
    """Miller and Madow: half of the cells but one, per row."""
    assert entropy(np.array([2, 2, 0])) == pytest.approx(np.log(2) + 1 / 8)
    assert entropy(np.array([0, 5])) == 0
    table = table_of(colour=[1, 1, 1, 2], level=[0] * 4, name=[1] * 4, row=[1, 2, 3, 3])
    found = told(diversity, ONLY_REAL, table)
    of_table = -0.75 * np.log(0.75) - 0.25 * np.log(0.25) + 1 / 8
    assert found["entropy", "colour"].value == pytest.approx(of_table)
    assert found["reference_entropy", "colour"].value == pytest.approx(np.log(2) + 1 / 8)
    score = found["column_diversity", "colour"].value
    assert score == pytest.approx(of_table / (np.log(2) + 1 / 8))
    # Told of numbers, too, by their bins, and not scored.
    assert found["entropy", "level"].value == 0
    assert found["column_diversity", "level"].value == pytest.approx(1 / 3)
    assert found["repeated_rows_share",].value == pytest.approx(1 / 4)
    assert found["expected_repeated_rows_share",].value == pytest.approx(0)


def test_the_interval_of_diversity_is_that_of_the_halves() -> None:
    """Four blocks of a row each, in whose halves are two names, or one of the 11 / 6 expected."""
    table = table_of(colour=[1, 2, 1, 2], level=[0] * 4, name=[1, 1, 2, 3], row=[1, 2, 3, 4])
    is_drawn = np.array([[1, 1, 0, 0], [0, 0, 1, 1]], dtype=bool)
    score = told(diversity, ONLY_REAL, table, is_drawn=is_drawn)["column_diversity", "name"]
    width = (5 / 11) / np.sqrt(2) * stats.t.ppf(0.975, 3)
    assert score.value == 1
    assert 1 - score.low == pytest.approx(width, rel=0.01)
    assert score.high == 1
    assert told(diversity, ONLY_REAL, table)["column_diversity", "name"].low is None


def test_beside_no_real_row_variety_is_not_known() -> None:
    nobody = table_of(colour=[], level=[], name=[], row=[])
    found = told(diversity, Reference(nobody, REAL), REAL)
    assert found["diversity",].value is None
    assert found["distinct_values", "name"].value == 3
    assert found["most_repeated_share", "name"].value == 1 / 2


def test_what_was_handed_over_is_not_scored() -> None:
    table = table_of(colour=[1, 1], level=[5, 6], name=[7, 7], row=[8, 9])
    found = told(diversity, ONLY_REAL, table, left_out=frozenset({"colour"}))
    assert ("column_diversity", "colour") not in found
    assert found["value_diversity",].value == 1
    found = told(diversity, ONLY_REAL, table, left_out=frozenset({"level"}))
    assert ("column_diversity", "level") not in found
    assert found["value_diversity",].value == 0


def test_the_commonest_value_is_told_of_those_that_are_known() -> None:
    table = table_of(
        colour=[2, 2, 1, 0], level=[3, 3, np.nan, 5], name=[9, 9, 9, 0], row=[1, 2, 3, 4]
    )
    found = told(diversity, ONLY_REAL, table)
    shares = {
        subject: (score.value, score.note)
        for (name, *subject), score in found.items()
        if name == "most_repeated_share"
        for subject in subject
    }
    assert shares == {
        "name": (1, None),
        "colour": (pytest.approx(2 / 3), "blue"),
        "level": (pytest.approx(2 / 3), "3"),
    }
    assert found["reference_most_repeated_share", "name"].value == 1 / 2


def test_names_that_answers_share_are_told_beside_what_real_rows_would() -> None:
    """Two of four names stand in the other answer; a real one has a copy there by 2 / 3 · 1 / 2.

    Two of the four real names are copies, and the other answer has two of the other three rows.
    """
    table = table_of(
        colour=[1] * 4, level=[0] * 4, name=[7, 8, 7, 9], row=[1, 2, 3, 4], groups=[5, 5, 6, 6]
    )
    found = told(diversity, ONLY_REAL, table)
    assert found["shared_between_responses_share",].value == 1 / 2
    expected = found["expected_shared_between_responses_share",].value
    assert expected == pytest.approx(1 / 3)
    alone = told(diversity, ONLY_REAL, replace(table, groups=np.array([5, 5, 5, 5])))
    assert alone.get(("shared_between_responses_share",), NOT_KNOWN).value is None


# ------------------------------------------------------------ privacy


@pytest.fixture
def halves_of_eight() -> Reference:
    """Two of eight real rows are twins; the fourth holdout row is one more than there are train."""
    train = table_of(colour=[1] * 3, level=LEVELS, name=[1, 2, 3], row=[1, 2, 3])
    holdout = table_of(
        colour=[1] * 5, level=[2, 3, 4, 0.25, 9], name=[3, 4, 5, 0, 6], row=[5, 6, 6, 7, 8]
    )
    return Reference(train, holdout)


def test_copies_count_beyond_those_that_real_rows_are(halves_of_eight: Reference) -> None:
    """Half of the rows are copies of one half or the other, and a quarter of the real ones are."""
    table = table_of(
        colour=[1] * 4, level=[0] * 4, name=[1, 0, 4, 9], row=[1, 6, 90, 91], exact=[1, 60, 90, 91]
    )
    found = told(privacy, halves_of_eight, table)
    theirs = stats.binomtest(2, 4).proportion_ci(method="wilson")
    assert found["reference_copied_share",].value == 1 / 4
    assert found["copied_rows",].value == 1
    assert found["copied_rows_any_case",].value == 2
    assert ends(found["copied_share",]) == pytest.approx((0.5, theirs.low, theirs.high), abs=1e-6)
    assert ends(found["privacy",]) == pytest.approx(
        (0.5 / 0.75, (1 - theirs.high) / 0.75, min(1, (1 - theirs.low) / 0.75)), abs=1e-6
    )
    # Of the three names that are there; of the holdout's four, one stands in the train half.
    assert found["known_identifiers_share",].value == pytest.approx(1 / 3)
    assert found["reference_known_identifiers_share",].value == pytest.approx(1 / 4)


def test_where_all_real_rows_are_twins_a_copy_says_nothing() -> None:
    twins = table_of(colour=[1, 1], level=[0, 0], name=[1, 1], row=[1, 1])
    found = told(privacy, Reference(twins, twins), twins)
    assert found.get(("privacy",), NOT_KNOWN).value is None
    assert found["copied_share",].value == 1


def test_copies_in_one_answer_say_less(halves_of_eight: Reference) -> None:
    """Sixteen rows in eight answers, four of which are copies: as sure as seven rows."""
    table = table_of(
        colour=[1] * 16,
        level=[0] * 16,
        name=[0] * 16,
        row=[1, 1, 90, 91] * 4,
        groups=[number // 2 for number in range(16)],
    )
    z = 1.959964
    reach = z * np.sqrt((0.25 + z * z / 28) / 7) / (1 + z * z / 7)
    score = told(privacy, halves_of_eight, table)["copied_share",]
    assert ends(score) == pytest.approx((0.5, 0.5 - reach, 0.5 + reach))
    # Without answers each row is by itself, and one of them is lost to the mean.
    alone = told(privacy, halves_of_eight, replace(table, groups=None))["copied_share",]
    reach = z * np.sqrt((0.25 + z * z / 60) / 15) / (1 + z * z / 15)
    assert ends(alone) == pytest.approx((0.5, 0.5 - reach, 0.5 + reach))


def test_the_nearer_half_is_told_of_as_many_rows(halves_of_eight: Reference) -> None:
    """One row as near to either, two nearer to the train half, one to the first three held out."""
    table = table_of(colour=[1] * 4, level=[1.5, 0.25, -1, 3.5], name=[0] * 4, row=[1, 2, 3, 4])
    found = told(privacy, halves_of_eight, table)
    assert found["nearer_share",].value == 2.5 / 4


# ------------------------------------------------------------ detection


def people(rows: int, seed: int, shift: float = 0.0, giveaway: int = 1) -> Table:
    random = np.random.default_rng(seed)
    return table_of(
        colour=[giveaway] * rows,
        level=list(random.normal(shift, 1, rows)),
        name=[0] * rows,
        row=list(range(seed * 1_000, seed * 1_000 + rows)),
    )


@pytest.mark.parametrize("rows_in_unit", [1, 5])
def test_the_interval_of_detection_is_delongs_over_units(rows_in_unit: int) -> None:
    """And 1.5 times as wide, as five folds share what they train on: √(1 + 5 / 4)."""
    real, table = people(60, 1), people(40, 2, shift=1)
    units = np.arange(40) // rows_in_unit
    halves = Halves(np.zeros(40, dtype=int), NO_HALVES, units)
    found = {s.name: s for s in detection(Trial(Reference(real, people(60, 3)), table, halves))}
    reference = Reference(real, real)
    features = [
        reference.look_at(table, table.sample),
        reference.look_at(real, np.arange(40)),
    ]
    is_real = np.arange(80) >= 40
    placed = placements(np.concatenate(features), is_real, np.arange(80))
    auc = placed[:40].mean()
    by_unit = placed[:40].reshape(-1, rows_in_unit).mean(axis=1)
    error = np.sqrt(by_unit.var(ddof=1) / len(by_unit) + placed[40:].var(ddof=1) / 40)
    value, reach = 2 * (1 - auc), 2 * 1.959964 * 1.5 * error
    assert 0.6 < auc < 0.95
    assert found["rows_judged"].value == 40
    assert found["auc"].value == pytest.approx(auc)
    assert ends(found["detection"]) == pytest.approx((value, value - reach, value + reach))


def test_the_auc_of_real_rows_stands_beside_it() -> None:
    """Of as many holdout rows; here they are as unlike the train half as the table is."""
    reference = Reference(people(60, 1), people(60, 2, giveaway=2))
    found = told(detection, reference, people(40, 3, giveaway=2))
    assert found["auc",].value == 1
    assert ends(found["detection",]) == (0, 0, 0)
    assert found["reference_auc",].value == 1
    alike = told(detection, Reference(people(60, 1), people(60, 4)), people(40, 3, giveaway=2))
    assert 0.2 < alike["reference_auc",].value < 0.8


def test_a_classifier_does_not_see_what_was_handed_over() -> None:
    reference = Reference(people(60, 1), people(60, 2))
    table = people(40, 3, giveaway=2)
    assert told(detection, reference, table)["detection",].value == 0
    blind = told(detection, reference, table, left_out=frozenset({"colour"}))
    assert blind["detection",].value > 0.5
    everything = told(detection, reference, table, left_out=frozenset({"colour", "level"}))
    assert everything.get(("detection",), NOT_KNOWN).value is None
