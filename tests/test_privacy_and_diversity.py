"""Variety, copies and what classifiers cannot tell apart: small tables, worked out by hand."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from synthcare.chance import Tally
from synthcare.detection import detection, placements
from synthcare.diversity import diversity, entropy
from synthcare.halves import Halves
from synthcare.privacy import NOTHING_UNUSUAL, TOO_FEW, Excess, around, excesses, privacy
from synthcare.reference import Reference
from synthcare.tables import Column, Hashes, Table
from synthcare.trial import Score, Trial
from tests import people

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


def test_parts_of_a_hit_are_as_sure_as_their_mean() -> None:
    """A share of 18 values varies less from row to row than whether one value is hit."""
    shares = np.random.default_rng(0).binomial(18, 0.4, 1_000) / 18
    low, high = Tally.of_rows(shares, np.arange(1_000), parts=18).interval
    assert (high - low) / 2 == pytest.approx(1.959964 * shares.std(ddof=1) / 1_000**0.5, rel=0.05)
    # Rows that are all alike prove no more than as many rows as they have parts.
    assert Tally(np.full(40, 0.5), np.ones(40, dtype=int), 18).effective_size == 40 * 18
    # Half a hit of one part is as unsure as any other.
    assert Tally(np.full(40, 0.5), np.ones(40, dtype=int)).effective_size == 40


def of_any(columns: NDArray) -> Table:
    """A table of numbers (rows, columns), or of categories where they are whole."""
    is_whole = columns.dtype.kind == "i"
    names = [f"c{place}" for place in range(columns.shape[1])]
    kinds = {"values": ("a", "b", "c")} if is_whole else {"kind": "integer"}
    numbers = {} if is_whole else dict(zip(names, columns.T, strict=True))
    codes = columns if is_whole else np.ones(columns.shape, dtype=int)
    hashes = np.arange(len(columns), dtype=np.uint64)
    return Table(
        tuple(Column(name, 4, **kinds) for name in names),
        codes,
        numbers,
        {},
        Hashes(hashes, hashes, hashes),
        None,
        np.arange(len(columns)),
    )


def false_alarms(risk: str, tables: Iterator[tuple[Table, Table, Table]]) -> int:
    """How often rows of one population, which nobody knows of, show an excess."""
    found = [
        excess.ends()[1] > 0
        for train, holdout, table in tables
        for excess in excesses(Trial(Reference(train, holdout), table))
        if excess.name == risk
    ]
    return sum(found)


@pytest.mark.parametrize("spread", [0.005, 0.02])
def test_guesses_from_few_rows_are_no_evidence(spread: float) -> None:
    """Numbers that go together: ten or forty rows at the ends are guessed a hundred times."""
    random = np.random.default_rng(3)

    def together() -> Table:
        return of_any(random.normal(size=(1_000, 1)) + spread * random.normal(size=(1_000, 20)))

    tables = ((together(), together(), together()) for _ in range(6))
    assert false_alarms("singling_out", tables) == 0


def test_a_tie_between_halves_of_unequal_size_says_nothing() -> None:
    """Of seven categories most rows are as near to either half."""
    random = np.random.default_rng(5)

    def drawn(rows: int) -> Table:
        return of_any(random.integers(1, 4, (rows, 7)))

    tables = ((drawn(600), drawn(3_400), drawn(2_000)) for _ in range(4))
    assert false_alarms("nearer_to_train", tables) == 0


# ------------------------------------------------------------ diversity


def test_rare_values_that_a_sample_happens_to_lack_are_in_the_interval() -> None:
    """Its halves cannot show them: they all lack them."""
    random = np.random.default_rng(5)
    numbers = np.repeat(np.arange(8.0), [9_000, 9_000, 9_000, 5, 5, 5, 5, 5])
    is_drawn = np.array([random.permutation(24) < 12 for _ in range(40)])

    def table(rows: int) -> Table:
        level = random.choice(numbers, rows)
        return table_of(colour=[1] * rows, level=level, name=range(rows), row=range(rows))

    reference = Reference(table(20_000), table(100))
    found = [
        told(diversity, reference, table(600), is_drawn=is_drawn)["column_diversity", "level"]
        for _ in range(40)
    ]
    truth = np.mean([score.value for score in found])
    assert np.mean([score.low <= truth <= score.high for score in found]) >= 0.9


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
    """Two of eight real rows are twins."""
    train = table_of(colour=[1] * 3, level=LEVELS, name=[1, 2, 3], row=[1, 2, 3])
    holdout = table_of(
        colour=[1] * 5, level=[2, 3, 4, 0.25, 9], name=[3, 4, 5, 0, 6], row=[5, 6, 6, 7, 8]
    )
    return Reference(train, holdout)


def test_copies_are_counted_letter_for_letter_and_letter_case_aside(
    halves_of_eight: Reference,
) -> None:
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
    # Of the three names that are there; of the holdout's four, one stands in the train half.
    assert found["known_identifiers_share",].value == pytest.approx(1 / 3)
    assert found["reference_known_identifiers_share",].value == pytest.approx(1 / 4)


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


def test_an_excess_is_what_chance_does_not_explain() -> None:
    """Of 90 in 100 half of what 80 in 100 leave; its ends are those of Newcombe's method 10."""
    hits, chance = (Tally(np.array([number]), np.array([100])) for number in (90, 80))
    one, other = (
        stats.binomtest(number, 100).proportion_ci(method="wilson") for number in (90, 80)
    )
    low = 0.1 - np.hypot(0.9 - one.low, other.high - 0.8)
    high = 0.1 + np.hypot(one.high - 0.9, 0.8 - other.low)
    assert Excess("x", hits, chance, "").ends() == pytest.approx(
        (0.5, low / 0.2, high / 0.2), abs=1e-6
    )


def test_the_nearer_half_is_told_beside_its_share_of_rows() -> None:
    """One row as near to either, two nearer to train, one to holdout: 2.5 of 4, where 3 of 8 are
    by chance. That is 2 / 5 of what chance leaves."""
    train = table_of(colour=[1] * 3, level=LEVELS, name=[0] * 3, row=[1, 2, 3])
    holdout = table_of(colour=[1] * 5, level=[2, 3, 4, 5, 9], name=[0] * 5, row=[4, 5, 6, 7, 8])
    table = table_of(colour=[1] * 4, level=[1.5, 0.25, -1, 3.5], name=[0] * 4, row=[9, 10, 11, 12])
    found = told(privacy, Reference(train, holdout), table)
    assert found["privacy_share", "nearer_to_train"].value == 2.5 / 4
    assert found["real_privacy_share", "nearer_to_train"].value == 3 / 8
    assert found["privacy_excess", "nearer_to_train"].value == pytest.approx(2 / 5)


# Of people that are made: train, holdout, and as many as a table has.
PEOPLE = Reference(people.people(1_500, 1), people.people(1_500, 2))
ROWS = 1_000


def near_copies(
    share: float, changed: int, *, of: Table = PEOPLE.train, rows: int = ROWS, seed: int = 5
) -> Table:
    """Columns drawn each by itself, and real rows of which so many numbers are changed by one."""
    random = np.random.default_rng(seed)
    copied = int(share * rows)
    categories, numbers = people.values_of(people.shuffled(of, seed))
    real_categories, real_numbers = people.values_of(of)
    chosen = random.permutation(len(of))[:copied]
    drawn = random.integers(len(of), size=rows - copied)
    categories, numbers = (
        [np.concatenate([real[chosen], other[drawn]]) for real, other in zip(*both, strict=True)]
        for both in ((real_categories, categories), (real_numbers, numbers))
    )
    for row in range(copied):
        for place in random.permutation(len(numbers))[:changed]:
            numbers[place][row] += random.choice([-1, 1])
    return people.table_of(categories, numbers)


def of_people(table: Table, reference: Reference = PEOPLE) -> dict[tuple[str, ...], Score]:
    found = privacy(people.trial(reference, table))
    return {(score.name, *score.subject): score for score in found}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rows", [100, ROWS])
def test_rows_drawn_column_by_column_are_private(seed: int, rows: int) -> None:
    found = of_people(near_copies(0, 0, rows=rows, seed=seed))
    assert found["privacy",].value == 1
    assert 0.5 < found["privacy",].low < 1
    assert found["privacy",].high == 1
    assert found["leaks",] == Score("leaks", (), 0.0)


@pytest.mark.parametrize("seed", range(3))
def test_new_people_are_private(seed: int) -> None:
    """Rows as real as any, of nobody who is in the real table."""
    found = of_people(people.people(ROWS, 50 + seed))
    assert found["privacy",].value == 1
    assert found["leaks",].value == 0


@pytest.mark.parametrize("changed", [0, 1, 3])
def test_near_copies_leak(changed: int) -> None:
    """A third of the table are real rows, of which one number is one more or less, or three are."""
    found = of_people(near_copies(0.3, changed))
    score = found["privacy",]
    assert score.value < 0.75
    assert score.low <= score.value <= score.high < 1
    assert found["leaks",].value == 1
    # Worst is the excess that is surest, of whichever is looked for; rows are what is told of.
    excess = {name[1]: found[name] for name in found if name[0] == "privacy_excess"}
    assert any(score.value == pytest.approx(1 - one.value) for one in excess.values())
    assert re.match(r"3\d\d of 1,000 rows equal a real row", found["leaks",].note)
    assert excess["all_but_0"].value == pytest.approx(0.3, abs=0.02)
    assert re.fullmatch(
        r"3\d\d of 1,000 rows equal a real row; among real rows \d+ would",
        excess["all_but_0"].note,
    )


def test_a_table_that_leaks_says_how_in_counts() -> None:
    """Three values of a row are somebody else's: it equals the real one in all but three."""
    table = near_copies(0.3, 0)
    categories, numbers = people.values_of(table)
    for place in (0, 3):
        numbers[place][:300] = people.values_of(PEOPLE.holdout)[1][place][:300]
    found = of_people(people.table_of(categories, numbers))
    words = found["privacy_excess", "all_but_2"].note
    matched = re.fullmatch(
        r"(\d+) of 1,000 rows equal a real row in all but two of 8 values; "
        r"among real rows (\d+) would",
        words,
    )
    assert int(matched[1]) >= 300
    share, chance = (
        found[name, "all_but_2"].value for name in ("privacy_share", "real_privacy_share")
    )
    assert (int(matched[1]), int(matched[2])) == (1_000 * share, round(1_000 * chance))


def test_holdout_rows_are_real_rows() -> None:
    some = replace(PEOPLE.holdout.take(np.arange(ROWS)), sample=np.arange(ROWS))
    found = of_people(some)
    assert found["privacy",].value == pytest.approx(0, abs=0.01)
    assert found["leaks",].value == 1
    assert found["copied_rows",].value == ROWS


def test_who_was_in_train_shows_where_only_train_is_copied() -> None:
    """As membership and as nearness: near copies of holdout rows give nobody in train away."""
    of_train, of_holdout = (
        of_people(near_copies(0.5, 1, of=half)) for half in (PEOPLE.train, PEOPLE.holdout)
    )
    for risk in ("membership", "nearer_to_train"):
        assert of_train["privacy_excess", risk].low > 0.1
        assert of_holdout["privacy_excess", risk].value < 0
    assert of_train["privacy_share", "membership"].value > 0.65
    assert of_holdout["leaks",].value == 1  # the real rows are somebody's nevertheless


# ------------------------------------------------------------ privacy where little is known


def no_evidence_is_no_one(found: dict[tuple[str, ...], Score]) -> None:
    """Without a hit privacy is 1 only with an interval, or it is not known and says why."""
    score = found["privacy",]
    if score.value is None:
        assert score.note
        assert ("leaks",) not in found
    elif score.value == 1:
        assert score.low < 1


@pytest.mark.parametrize("rows", [1, 5, 19])
def test_few_rows_are_not_attacked_and_not_sure(rows: int) -> None:
    found = of_people(near_copies(0, 0, rows=rows))
    no_evidence_is_no_one(found)
    assert ("privacy_excess", "inference") not in found
    assert found["privacy",] == Score("privacy", note=TOO_FEW)
    copies = of_people(near_copies(1, 1, rows=19))
    assert copies["leaks",].value == 1
    assert copies["privacy",].value < 0.1


def test_without_holdout_nearness_is_seen_and_attacks_are_not() -> None:
    alone = Reference(PEOPLE.train, PEOPLE.holdout.take(np.arange(0)))
    found = of_people(near_copies(0.3, 1), alone)
    assert found["leaks",].value == 1
    assert found["privacy",].value < 0.75
    for risk in ("membership", "nearer_to_train", "inference", "singling_out"):
        assert ("privacy_excess", risk) not in found
    no_evidence_is_no_one(of_people(near_copies(0, 0), alone))


def test_a_reference_of_a_hundred_rows_shows_near_copies_too() -> None:
    small = Reference(people.people(50, 1), people.people(50, 2))
    found = of_people(near_copies(0, 0, of=small.train, rows=200), small)
    assert found["leaks",].value == 0
    no_evidence_is_no_one(found)
    found = of_people(near_copies(0.3, 1, of=small.train, rows=150), small)
    assert found["leaks",].value == 1
    assert found["privacy",].value < 0.75


def test_the_real_table_itself_is_not_private() -> None:
    found = of_people(PEOPLE.train)
    assert found["privacy",].value < 0.05
    assert found["leaks",].value == 1
    # Where each real row stands in both halves, real rows are copies of each other as well.
    no_evidence_is_no_one(of_people(PEOPLE.train, Reference(PEOPLE.train, PEOPLE.train)))


@pytest.mark.parametrize("rows", [30, 2_000])
def test_of_two_columns_everybody_is_like_somebody(rows: int) -> None:
    """Rows of two values say little: no crash, and no 1.00 without an interval."""
    random = np.random.default_rng(1)
    real, held_out, drawn = (
        table_of(
            colour=[int(colour) for colour in random.integers(1, 3, rows)],
            level=[float(level) for level in random.integers(0, 10, rows)],
            name=[0] * rows,
            row=[0] * rows,
        )
        for _ in range(3)
    )
    real, held_out, drawn = (
        replace(t, identifiers={}, hashes=Hashes(*[t.codes[:, 0] * 10 + t.numbers["level"]] * 3))
        for t in (real, held_out, drawn)
    )
    found = told(privacy, Reference(real, held_out), drawn)
    no_evidence_is_no_one(found)
    # Rows of real people equal each other just as often.
    assert found["privacy",].value == 1
    assert found["leaks",].value == 0
    of_one = [
        replace(t, columns=t.columns[:1], codes=t.codes[:, :1], numbers={}, identifiers={})
        for t in (real, held_out, drawn)
    ]
    no_evidence_is_no_one(told(privacy, Reference(*of_one[:2]), of_one[2]))


def test_where_all_real_rows_are_one_persons_nothing_is_said_of_nearness() -> None:
    one = [replace(half, groups=np.zeros(len(half))) for half in (PEOPLE.train, PEOPLE.holdout)]
    alone = Reference(one[0], one[1].take(np.arange(0)))
    found = of_people(near_copies(0.3, 1), alone)
    assert found["privacy",].value is None
    assert found["privacy",].note == NOTHING_UNUSUAL
    assert found["copied_share",].value is not None


def test_where_there_is_one_value_a_column_a_guess_says_nothing() -> None:
    """Every guess hits, of holdout rows as well."""
    same = [np.ones(60, dtype=int)] * 3, [np.full(60, 7.0)] * 5
    one = people.table_of(*same)
    found = of_people(one, Reference(one, one))
    assert ("privacy_excess", "inference") not in found
    no_evidence_is_no_one(found)


def test_where_all_real_rows_are_twins_a_copy_says_nothing() -> None:
    twins = table_of(colour=[1, 1], level=[0, 0], name=[1, 1], row=[1, 1])
    found = told(privacy, Reference(twins, twins), twins)
    no_evidence_is_no_one(found)
    assert found["copied_share",].value == 1


# ------------------------------------------------------------ detection


def levels_of(rows: int, seed: int, shift: float = 0.0, giveaway: int = 1) -> Table:
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
    real, table = levels_of(60, 1), levels_of(40, 2, shift=1)
    units = np.arange(40) // rows_in_unit
    halves = Halves(np.zeros(40, dtype=int), NO_HALVES, units)
    found = {s.name: s for s in detection(Trial(Reference(real, levels_of(60, 3)), table, halves))}
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
    reference = Reference(levels_of(60, 1), levels_of(60, 2, giveaway=2))
    found = told(detection, reference, levels_of(40, 3, giveaway=2))
    assert found["auc",].value == 1
    assert ends(found["detection",]) == (0, 0, 0)
    assert found["reference_auc",].value == 1
    alike = told(
        detection, Reference(levels_of(60, 1), levels_of(60, 4)), levels_of(40, 3, giveaway=2)
    )
    assert 0.2 < alike["reference_auc",].value < 0.8


def test_a_classifier_does_not_see_what_was_handed_over() -> None:
    reference = Reference(levels_of(60, 1), levels_of(60, 2))
    table = levels_of(40, 3, giveaway=2)
    assert told(detection, reference, table)["detection",].value == 0
    blind = told(detection, reference, table, left_out=frozenset({"colour"}))
    assert blind["detection",].value > 0.5
    everything = told(detection, reference, table, left_out=frozenset({"colour", "level"}))
    assert everything.get(("detection",), NOT_KNOWN).value is None


def test_clean_tables_do_not_leak() -> None:
    """Two real rows that are nearest to each other are one piece of evidence, not two."""
    leaks = []
    for seed in range(40):
        real = Reference(people.people(400, 3 * seed + 1), people.people(400, 3 * seed + 2))
        leaks.append(of_people(people.people(300, 3 * seed + 50_000), real)["leaks",].value)
    assert sum(leaks) <= 2


def test_rows_of_one_real_person_are_one_piece_of_evidence() -> None:
    """Of 150 patients with 20 stays each, stays of new ones are nearer to one half by chance."""

    def stays(seed: int) -> Table:
        random = np.random.default_rng(seed)
        persons = people.people(150, seed)
        rows = np.repeat(np.arange(150), 20)
        categories, numbers = ([values[rows] for values in of] for of in people.values_of(persons))
        numbers = [values + random.integers(-3, 4, len(rows)) for values in numbers]
        return people.table_of(categories, numbers, rows + 1_000 * seed)

    found = [
        of_people(
            people.people(600, seed + 90), Reference(stays(2 * seed + 1), stays(2 * seed + 2))
        )
        for seed in range(8)
    ]
    assert sum(scores["leaks",].value for scores in found) <= 1


def test_where_all_real_rows_have_a_twin_nothing_is_unusual() -> None:
    same = people.people(100, 1).take(np.zeros(100, dtype=np.intp))
    same = replace(same, sample=np.arange(100))
    found = of_people(same, Reference(same, same))
    looks = {subject for name, *subject in found if name == "privacy_excess" for subject in subject}
    assert not any(look.startswith(("all_but", "nearest")) for look in looks)
    assert found["privacy",].low < 0.2  # all that is left knows next to nothing


def test_the_interval_of_a_one_is_as_wide_as_the_widest_that_is_looked_at() -> None:
    found = of_people(people.people(60, 77))
    assert found["privacy",].value == 1
    ends = [score.high for (name, *_), score in found.items() if name == "privacy_excess"]
    assert found["privacy",].low == pytest.approx(1 - max(ends))


def test_two_real_rows_that_are_nearest_to_each_other_count_once() -> None:
    """Of 100 people who each have a double, rows apart by a number or two."""
    persons = people.people(100, 3)
    categories, numbers = people.values_of(persons)
    double = people.table_of(categories, [values + 1 for values in numbers])
    real = around(Reference(persons, double))
    assert len(real.differing) == 200
    assert len(np.unique(real.differing_units)) == len(np.unique(real.distance_units)) == 100
