"""Structure: 1 for real rows, 0 for columns drawn each by itself, less for other ties."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from synthcare.chance import Tally
from synthcare.halves import Halves
from synthcare.reference import Reference
from synthcare.registry import scores_of
from synthcare.structure import NO_HOLDOUT, NO_STRUCTURE, TOO_FEW, structure, ties
from synthcare.tables import Column, Table
from synthcare.trial import Score, Trial
from tests.people import COLUMNS, people, shuffled, table_of, trial, values_of

SEEDS = range(6)
REAL = Reference(people(4_000, 100), people(4_000, 101))

TIED = {"stage", "drug", "age", "weight", "pulse", "stay"}


def told(trial: Trial) -> dict[tuple[str, ...], Score]:
    """Of all columns under (), and of columns by their names."""
    return {score.subject: score for score in structure(trial)}


def mean(size: int, drawn: Callable[[int, int], Table]) -> float:
    return float(np.mean([told(trial(REAL, drawn(size, seed)))[()].value for seed in SEEDS]))


# ------------------------------------------------------------ by hand

# Of a table of two columns: rows by cell, from (1, 1) to (2, 2).
TWO = (Column("one", 3, values=("a", "b")), Column("other", 3, values=("c", "d")))


def two_columns(*rows_by_cell: int) -> Table:
    cells = np.repeat([(1, 1), (1, 2), (2, 1), (2, 2)], rows_by_cell, axis=0)
    return Table(TWO, cells, groups=np.arange(len(cells)), sample=np.arange(len(cells)))


def without_halves(reference: Reference, table: Table) -> Trial:
    rows = np.arange(len(table))
    return Trial(reference, table, Halves(rows % 1, np.zeros((0, 1), dtype=bool), rows))


def test_a_departure_is_what_the_product_of_shares_does_not_explain() -> None:
    """Of 40 real rows 20 are (a, c) and 20 (b, d): departures ±1/4, as far as 2 · 1/2.

    Where holdout has just these shares, all that is drawn of it whole is at no distance. Rows that
    are spread over all cells have no departure: half the sum of four quarters away. Columns drawn
    each by itself are hardly nearer, at 40 rows. So half of the way is a score of a half, but for
    what chance shows at 0.
    """
    real = two_columns(20, 0, 0, 20)
    reference = Reference(real, real)
    as_real, spread, half, reverse = (
        told(without_halves(reference, two_columns(*rows)))[()]
        for rows in ((20, 0, 0, 20), (10, 10, 10, 10), (15, 5, 5, 15), (0, 20, 20, 0))
    )
    assert as_real.value == 1
    assert as_real.floor == 0
    # Distances are 0, 1/2, 1/4 and 1 of what the mean of chance is about 1/2 of.
    at_0 = 0.5 / (1 - spread.value)
    assert at_0 == pytest.approx(0.5, abs=0.01)
    assert half.value == pytest.approx(1 - 0.25 / at_0)
    assert reverse.value == pytest.approx(1 - 1 / at_0)
    # Without half-samples there is no interval.
    assert (as_real.low, as_real.high) == (None, None)


def test_shares_of_the_columns_are_no_matter() -> None:
    """Twice as many of (a, c) make departures of ±2/9, not ±1/4: half of 4/36 is lost."""
    real = two_columns(20, 0, 0, 20)
    skewed, spread = (
        told(without_halves(Reference(real, real), two_columns(*rows)))[()].value
        for rows in ((40, 0, 0, 20), (15, 15, 15, 15))
    )
    at_0 = 0.5 / (1 - spread)
    assert skewed == pytest.approx(1 - 4 / 36 / 2 / at_0)


# ------------------------------------------------------------ real, untied, tied otherwise


@pytest.mark.parametrize("size, bound", [(100, 0.06), (300, 0.03), (2_000, 0.01)])
def test_real_rows_score_one_at_any_number(size: int, bound: float) -> None:
    assert mean(size, people) == pytest.approx(1, abs=bound)


def test_real_rows_score_one_where_they_are_more_than_are_held_out() -> None:
    """Then no table of as many real rows can be drawn, and smaller ones are scaled."""
    found = [
        told(trial(Reference(REAL.train, people(300, 200 + seed)), people(2_000, seed)))[()].value
        for seed in SEEDS
    ]
    assert np.mean(found) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("size, bound", [(100, 0.06), (300, 0.03), (2_000, 0.01)])
def test_columns_drawn_each_by_itself_score_zero(size: int, bound: float) -> None:
    found = mean(size, lambda rows, seed: shuffled(people(rows, seed), seed))
    assert found == pytest.approx(0, abs=bound)


@pytest.mark.parametrize("size", [100, 300, 2_000])
def test_what_is_tied_the_other_way_round_scores_below_zero(size: int) -> None:
    assert mean(size, lambda rows, seed: people(rows, seed, is_reversed=True)) < -0.05


def test_half_real_rows_and_half_untied_ones_score_in_between() -> None:
    """A little above a half: where columns are tied weakly, what is missing is lost in noise."""

    def half(rows: int, seed: int) -> Table:
        table = people(rows, seed)
        first = [[v[: rows // 2] for v in of] for of in values_of(table)]
        rest = [[v[rows // 2 :] for v in of] for of in values_of(shuffled(table, seed))]
        both = (zip(*of, strict=True) for of in zip(first, rest, strict=True))
        return table_of(*([np.concatenate(two) for two in of] for of in both))

    assert 0.5 < mean(2_000, half) < 0.6


def test_intervals_hold_what_real_rows_reach() -> None:
    found = [told(trial(REAL, people(100, seed)))[()] for seed in range(200)]
    truth = np.mean([score.value for score in found])
    held = np.mean([score.low <= truth <= score.high for score in found])
    assert held >= 0.9
    spread = np.std([score.value for score in found])
    widths = np.array([score.high - score.low for score in found])
    assert 1 <= widths.mean() / (4 * spread) < 2


@pytest.mark.parametrize("seed", range(3))
def test_few_real_rows_call_no_perfect_table_worse(seed: int) -> None:
    """Held out are 300 rows, which might have been others: 20 tables beside as many references."""
    found = []
    for number in range(20):
        of = 1_000 * (1 + seed) + 3 * number
        reference = Reference(people(300, of), people(300, of + 1))
        found.append(told(trial(reference, people(1_000, of + 2)))[()])
    assert np.mean([score.low <= 1 <= score.high for score in found]) >= 0.9


# ------------------------------------------------------------ of which columns


def test_only_columns_that_are_tied_have_a_score_of_their_own() -> None:
    found = told(trial(REAL, people(2_000, 1)))
    pairs = [set(subject) for subject in found if len(subject) == 2]
    assert {frozenset(pair) for pair in pairs} == {
        frozenset({one, other}) for one in TIED for other in TIED if one != other
    }
    assert all(score.value == pytest.approx(1, abs=0.25) for score in found.values())


def test_the_pair_that_is_untied_is_told() -> None:
    table = people(2_000, 1)
    categories, numbers = values_of(table)
    categories[1] = np.random.default_rng(1).permutation(categories[1])
    found = told(trial(REAL, table_of(categories, numbers)))
    assert found["stage", "drug"].value == pytest.approx(0, abs=0.1)
    assert found["stage", "age"].value == pytest.approx(1, abs=0.1)
    assert 0.4 < found[()].value < 0.9


def test_columns_that_are_computed_from_each_other_are_no_pair() -> None:
    """Or they would be tied in any table, and cover what is not."""
    columns = [*COLUMNS[:-1], replace(COLUMNS[-1], derived_from=frozenset({"age", "weight"}))]

    def derived(table: Table) -> Table:
        return replace(table, columns=tuple(columns))

    reference = Reference(*(derived(half) for half in (REAL.train, REAL.holdout)))
    _, z = ties(reference)
    named = {frozenset(columns[place].name for place in pair) for pair in z}
    # Of 28 pairs three are not: the derived column with either source, and the sources.
    assert len(named) == 25
    for one, other in (("tests", "age"), ("tests", "weight"), ("age", "weight")):
        assert frozenset({one, other}) not in named
    found = told(trial(reference, derived(people(300, 1))))
    assert ("age", "weight") not in found


def test_what_was_handed_over_is_left_out() -> None:
    """Columns that we drew ourselves are no merit together; beside others they are."""
    found = told(trial(REAL, people(2_000, 1), left_out=frozenset({"stage", "age"})))
    assert ("stage", "age") not in found
    assert ("stage", "drug") in found


def test_the_tie_of_two_among_many_columns_is_seen() -> None:
    """All together are not tied beyond chance; a table without the tie has no structure."""

    def wide(rows: int, seed: int, *, is_tied: bool = True) -> Table:
        random = np.random.default_rng(seed)
        risk = random.integers(1, 6, rows)
        died = 1 + (random.random(rows) < (0.1 * risk if is_tied else 0.3))
        others = random.integers(1, 11, (18, rows))
        columns = (
            Column("risk", 6, values=tuple("abcde")),
            Column("died", 3, values=("no", "yes"), is_target=True),
            *(Column(f"c{number}", 11, values=tuple("0123456789")) for number in range(18)),
        )
        codes = np.stack([risk, died, *others], axis=1).astype(np.uint16)
        return Table(columns, codes, groups=np.arange(rows), sample=np.arange(rows))

    reference = Reference(wide(3_000, 1), wide(3_000, 2))
    assert not ties(reference)[0]
    tied, untied = (told(trial(reference, wide(2_000, 3, is_tied=how))) for how in (True, False))
    assert {*tied} == {(), ("died",), ("risk", "died")}
    assert tied[()].value == pytest.approx(1, abs=0.2)
    assert untied[()].value == pytest.approx(0, abs=0.2)


# ------------------------------------------------------------ where nothing can be told


@pytest.fixture(scope="module")
def untied() -> Reference:
    return Reference(*(shuffled(half, 7) for half in (REAL.train, REAL.holdout)))


def test_where_real_columns_are_not_tied_there_is_no_structure(untied: Reference) -> None:
    assert told(trial(untied, people(300, 1))) == {(): Score("structure", note=NO_STRUCTURE)}


@pytest.mark.parametrize("rows", [1, 3])
def test_few_rows_say_nothing(rows: int) -> None:
    assert told(trial(REAL, people(rows, 1)))[()] == Score("structure", note=TOO_FEW)


@pytest.mark.parametrize("seed", range(4))
def test_few_real_rows_say_nothing_of_many(seed: int) -> None:
    """All tables that can be drawn of them are one, whose distance is chance."""
    small = Reference(people(25, 1_000 + seed), people(25, 2_000 + seed))
    score = told(trial(small, people(100, seed)))[()]
    assert score in (Score("structure", note=TOO_FEW), Score("structure", note=NO_STRUCTURE))


def test_without_holdout_it_is_not_known_what_real_rows_reach() -> None:
    alone = Reference(REAL.train, REAL.holdout.take(np.arange(0)))
    assert told(trial(alone, people(300, 1)))[()] == Score("structure", note=NO_HOLDOUT)


def test_copies_of_rows_do_not_make_structure(untied: Reference) -> None:
    """Each row ten times over is tied by chance; only one of each person's is looked at."""
    rows = np.repeat(np.arange(300), 10)
    halves = [half.take(rows) for half in (untied.train, untied.holdout)]
    assert ties(Reference(*halves))[0]
    assert not ties(Reference(*(replace(half, groups=rows) for half in halves)))[0]
    # By a name copies are told, too.
    named = [replace(half, identifiers={"name": rows.astype(np.uint64)}) for half in halves]
    assert not ties(Reference(*named))[0]


def test_rows_that_say_the_same_by_chance_are_each_by_themselves() -> None:
    """Of two columns of two values there are four distinct rows, in which nothing is tied."""
    real = replace(two_columns(300, 100, 100, 300), groups=None)
    is_tied, z = ties(Reference(real, real))
    assert is_tied
    assert z[0, 1] > 5


def overall_of(reference: Reference, table: Table) -> dict[str, Score]:
    found = scores_of(replace(trial(reference, table), validity=Tally.of_rows([1], [1])))
    return {score.name: score for score in found if not score.subject}


def test_overall_goes_by_pairs_where_there_is_no_structure_and_says_so(untied: Reference) -> None:
    found = overall_of(untied, shuffled(people(300, 1), 1))
    parts = ("accept_rate", "column_fidelity", "pair_fidelity", "detection", "diversity")
    assert found["structure"].value is None
    assert found["overall"].note == "pair_fidelity for structure"
    product = np.prod([found[part].value for part in parts])
    assert found["overall"].value == pytest.approx(product ** (1 / 5))


def test_overall_goes_by_structure_where_there_is_any() -> None:
    """Pairs, which hardly see that nothing is tied, are no part of it."""
    found = overall_of(REAL, shuffled(people(2_000, 1), 1))
    assert found["pair_fidelity"].value > 0.6
    assert abs(found["structure"].value) < 0.1
    parts = ("accept_rate", "column_fidelity", "structure", "detection", "diversity")
    product = np.prod([max(0.1, found[part].value) for part in parts])
    assert found["overall"].value == pytest.approx(product ** (1 / 5))
    assert found["overall"].note is None
