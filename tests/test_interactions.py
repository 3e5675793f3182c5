"""Interactions: 1 for real rows, 0 for rows with the same pairs and nothing that three say."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from synthcare import score
from synthcare.halves import Halves, sampled
from synthcare.interactions import (
    NO_INTERACTION,
    NONE_SEARCHED,
    TOGETHER,
    TOO_FEW,
    interactions,
)
from synthcare.reference import Reference
from synthcare.structure import NO_HOLDOUT, structure
from synthcare.tables import Column, Table
from synthcare.trial import Score, Trial
from synthcare.triples import with_pairs_of

COLUMNS = (
    Column("sex", 3, values=("f", "m")),
    Column("drug", 5, values=tuple("abcd")),
    Column("recovers", 3, values=("no", "yes"), is_target=True),
    Column("site", 5, values=tuple("wxyz")),
    Column("age", 9, kind="integer"),
    Column("dose", 5, values=("1", "2", "3", "4")),
    Column("stage", 4, values=("i", "ii", "iii")),
    Column("pulse", 11, kind="integer"),
)
RECOVERY = ("sex", "drug", "recovers")
DOSE = ("site", "age", "dose")


def people(
    rows: int, seed: int, *, lost: tuple[str, ...] = (), alike: int = 1, likely: float = 0.8
) -> Table:
    """Who recovers goes by sex and drug together, the dose by site and age, neither by one of them.

    Of those who are likely to recover the share `likely` does. A pulse goes by the stage. Targets
    that are `lost` go by nothing. So many rows that follow one another are `alike`: of one stage,
    site and age.
    """
    random = np.random.default_rng(seed)
    answers = -(-rows // alike)

    def any_of(values: int, each: int = 1) -> np.ndarray:
        return np.repeat(random.integers(values, size=-(-rows // each)), each)[:rows]

    sex, drug = any_of(2), any_of(4)
    stage, site, age = any_of(3, alike), any_of(4, alike), any_of(8, alike)
    is_likely = np.array([[1, 0, 1, 0], [0, 1, 0, 1]])[sex, drug]
    recovers = random.random(rows) < np.where(is_likely, likely, 1 - likely)
    dose = np.where(random.random(rows) < 0.6, (site + age) % 4, random.integers(4, size=rows))
    if "recovers" in lost:
        recovers = random.random(rows) < 0.5
    if "dose" in lost:
        dose = random.integers(4, size=rows)
    pulse = np.clip(3 * stage + random.integers(4, size=rows), 0, 9)
    codes = 1 + np.stack([sex, drug, recovers, site, age, dose, stage, pulse], axis=1).astype(int)
    groups = np.repeat(np.arange(answers), alike)[:rows]
    return Table(COLUMNS, codes, groups=groups, sample=np.arange(rows))


REAL = Reference(people(6_000, 100), people(60_000, 101))


def trial(reference: Reference, table: Table, left_out: frozenset[str] = frozenset()) -> Trial:
    """With the half-samples that scores are made from."""
    sample, halves = sampled(table.groups, 4_800, 24, 100, 1)
    return Trial(reference, replace(table, sample=sample), halves, left_out)


def told(trial: Trial) -> dict[tuple[str, ...], Score]:
    """The score under (), of all triples together, and of triples by their names."""
    return {
        (TOGETHER,) if score.name == "interactions_together" else score.subject: score
        for score in interactions(trial)
    }


def score_of(table: Table, reference: Reference = REAL) -> Score:
    return told(trial(reference, table))[()]


def together(table: Table, reference: Reference = REAL) -> Score:
    return told(trial(reference, table))[TOGETHER,]


# ------------------------------------------------------------ by hand


def eight(*rows_by_cell: int) -> Table:
    """Three columns of two values: rows by cell, the last column first."""
    columns = tuple(Column(name, 3, values=("no", "yes")) for name in ("one", "other", "third"))
    cells = np.repeat([*itertools.product((1, 2), repeat=3)], rows_by_cell, axis=0)
    rows = np.arange(len(cells))
    return Table(columns, cells, groups=rows, sample=rows)


def test_a_row_weighs_what_its_pairs_do_not_explain() -> None:
    """Cells of an even number of yes have 300 rows each, others 100, and each pair 200 by cell.

    So the pairs explain 200 rows in each cell. Rows weigh log(305 / 205) or log(105 / 205), less
    the mean of both. At 0 there are as many of either; at 1 three of four weigh more, so that all
    in such cells say twice as much, and all in the others as much of the reverse.
    """
    real = eight(300, 100, 100, 300, 100, 300, 300, 100)
    reference = Reference(real, real)

    def placed(*rows: int) -> float:
        table = eight(*rows)
        places = np.arange(len(table))
        halves = Halves(places % 1, np.zeros((0, 1), dtype=bool), places)
        found = told(Trial(reference, table, halves))
        # Without half-samples nothing is sure.
        assert found[()] == Score("interactions", note=TOO_FEW)
        assert found["one", "other", "third"] == replace(
            found[TOGETHER,], name="interactions", subject=("one", "other", "third")
        )
        return found[TOGETHER,].value

    assert placed(30, 10, 10, 30, 10, 30, 30, 10) == pytest.approx(1)
    assert placed(20, 20, 20, 20, 20, 20, 20, 20) == pytest.approx(0)
    assert placed(25, 15, 15, 25, 15, 25, 25, 15) == pytest.approx(0.5)
    assert placed(40, 0, 0, 40, 0, 40, 40, 0) == pytest.approx(2)
    assert placed(0, 40, 40, 0, 40, 0, 0, 40) == pytest.approx(-2)


def test_the_fit_keeps_pairs_and_nothing_else() -> None:
    """Odds ratios of two columns are the same whatever the third says (Bartlett, 1935)."""
    random = np.random.default_rng(0)
    counts = random.integers(50, 500, (2, 3, 4)).astype(float)
    fitted, is_fitted = with_pairs_of(counts, np.ones((2, 3, 4)))
    assert is_fitted
    for side in range(3):
        assert fitted.sum(axis=side) == pytest.approx(counts.sum(axis=side), rel=1e-3)
    logs = np.log(fitted)
    ratios = logs[1, 1:, 1:] - logs[0, 1:, 1:] - logs[1, :1, 1:] + logs[0, :1, 1:]
    ratios -= logs[1, 1:, :1] - logs[0, 1:, :1] - logs[1, :1, :1] + logs[0, :1, :1]
    assert ratios == pytest.approx(0, abs=1e-9)


# ------------------------------------------------------------ real, without, one of two


def mean(size: int, drawn: Callable[[int], Table]) -> float:
    return float(np.mean([together(drawn(seed)).value for seed in range(40)]))


@pytest.mark.parametrize(("size", "bound"), [(100, 0.06), (300, 0.04), (2_000, 0.02)])
def test_real_rows_score_one_at_any_number(size: int, bound: float) -> None:
    assert mean(size, lambda seed: people(size, seed)) == pytest.approx(1, abs=bound)


@pytest.mark.parametrize(("size", "bound"), [(100, 0.06), (300, 0.04), (2_000, 0.02)])
def test_rows_with_the_same_pairs_and_no_more_score_zero(size: int, bound: float) -> None:
    found = mean(size, lambda seed: people(size, seed, lost=("recovers", "dose")))
    assert found == pytest.approx(0, abs=bound)


@pytest.mark.parametrize("seed", range(5))
def test_the_triple_that_is_lost_is_told(seed: int) -> None:
    """What other columns say does not cover it."""
    table = people(1_000, seed, lost=("recovers",))
    found = told(trial(REAL, table))
    assert {*found} == {(), (TOGETHER,), RECOVERY, DOSE}
    assert found[DOSE].value == pytest.approx(1, abs=0.2)
    score, triple = found[()], found[RECOVERY]
    assert (score.value, score.note) == (triple.value, "sex, drug and recovers")
    # Of several looks one is surely right only with more room.
    assert score.low < triple.low < triple.high < score.high < 0.4


def test_pairs_do_not_show_what_is_lost() -> None:
    tables = [people(1_000, seed, lost=("recovers", "dose")) for seed in range(10)]
    by_twos = [next(iter(structure(trial(REAL, table)))).value for table in tables]
    assert np.mean(by_twos) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("lost", "expected"), [((), 1), (("recovers", "dose"), 0)])
def test_pairs_that_are_off_do_not_matter(lost: tuple[str, ...], expected: float) -> None:
    """Five times as many women take drug a, and five times as many of site w are in stage i."""

    def skewed(seed: int) -> Table:
        table = people(20_000, seed, lost=lost)
        sex, drug, _, site, _, _, stage, _ = table.codes.T
        chances = (1 + 4 * ((sex == 1) & (drug == 1))) * (1 + 4 * ((site == 1) & (stage == 1)))
        random = np.random.default_rng(seed)
        rows = random.choice(len(table), 2_000, replace=False, p=chances / chances.sum())
        return replace(table.take(rows), groups=np.arange(2_000))

    tables = [skewed(seed) for seed in range(10)]
    assert next(iter(structure(trial(REAL, tables[0])))).high < 1
    assert np.mean([together(table).value for table in tables]) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("likely", [0.95, 1.0])
def test_to_say_more_than_real_rows_do_is_no_merit(likely: float) -> None:
    """Of those who are likely to, 80 % recover; so many are 1½ and 1⅔ times as far from a half."""
    score = score_of(people(2_000, 1, likely=likely))
    assert score.note == "sex, drug and recovers"
    assert score.value == pytest.approx(1 - (likely - 0.8) / 0.3, abs=0.1)
    assert score.low < score.value < score.high < 1


def test_one_row_again_and_again_is_not_as_real() -> None:
    for row in range(20):
        table = people(100, 1)
        assert score_of(replace(table, codes=np.tile(table.codes[row], (100, 1)))).high < 1


def test_copies_of_train_rows_are_as_real() -> None:
    """They say what real rows say, and what chance says in these."""
    for seed in range(20):
        reference = Reference(people(500, 2 * seed), people(500, 2 * seed + 1))
        assert score_of(reference.train, reference).high >= 1


def test_what_was_handed_over_is_left_out() -> None:
    """Three columns that we drew ourselves are no merit; beside others they are."""
    table = people(1_000, 1, lost=("recovers",))
    assert {*told(trial(REAL, table, frozenset(RECOVERY)))} == {(), (TOGETHER,), DOSE}
    assert RECOVERY in told(trial(REAL, table, frozenset({"sex", "drug"})))


# ------------------------------------------------------------ intervals


@pytest.mark.parametrize("size", [100, 1_000, 10_000])
@pytest.mark.parametrize("lost", [(), ("dose",)], ids=["perfect", "flawed"])
def test_intervals_hold_the_truth(size: int, lost: tuple[str, ...]) -> None:
    """Of 200 runs, those of a flawed LLM in responses whose rows are alike."""
    alike = 5 if lost else 1
    found = [together(people(size, seed, lost=lost, alike=alike)) for seed in range(200)]
    truth = np.mean([score.value for score in found])
    held = np.mean([score.low <= truth <= score.high for score in found])
    assert 0.9 <= held <= 0.99
    spread = np.std([score.value for score in found])
    assert np.mean([score.high - score.low for score in found]) / (4 * spread) < 1.5


@pytest.mark.parametrize("size", [100, 200, 800])
@pytest.mark.parametrize("likely", [0.6, 0.7, 0.74])
def test_the_interval_of_the_worst_holds_the_mean(size: int, likely: float) -> None:
    """Where a third to nine tenths are left, so that some tables fall short and others do not."""
    found = [score_of(people(size, 1_000 + seed, likely=likely)) for seed in range(200)]
    truth = np.mean([score.value for score in found])
    assert np.mean([score.low <= truth <= score.high for score in found]) >= 0.9


def test_people_with_many_rows_are_as_few_as_they_are() -> None:
    """Held out are 300 people, each once or ten times over: what they reach is as uncertain."""
    once, table = people(300, 2), people(1_000, 3)
    often = once.take(np.repeat(np.arange(300), 10))
    single, of_people, alone = (
        together(table, Reference(REAL.train, holdout))
        for holdout in (once, often, replace(often, groups=np.arange(3_000)))
    )
    assert of_people.high - of_people.low == pytest.approx(single.high - single.low, rel=0.05)
    assert alone.high - alone.low < 0.8 * (single.high - single.low)


def test_real_rows_are_hardly_ever_called_worse() -> None:
    """However many triples are looked at, one of which is the worst; twenty small references."""
    found = []
    for of in range(20):
        reference = Reference(people(2_000, 9_000 + of), people(1_000, 9_100 + of))
        found += [score_of(people(500, 100 * of + n), reference).high < 1 for n in range(20)]
    assert np.mean(found) <= 0.05


# ------------------------------------------------------------ which triples


def chain(rows: int, seed: int, columns: int = 8) -> Table:
    """Each column says half of the next, so that all are tied, but no three beyond their pairs."""
    random = np.random.default_rng(seed)
    codes = [random.integers(1, 5, rows)]
    for _ in range(columns - 1):
        is_same = random.random(rows) < 0.5
        codes.append(np.where(is_same, codes[-1], random.integers(1, 5, rows)))
    names = (Column(f"c{place}", 5, values=tuple("abcd")) for place in range(columns))
    rows_of = np.arange(rows)
    return Table((*names,), np.stack(codes, axis=1), groups=rows_of, sample=rows_of)


@pytest.mark.parametrize("seed", range(10))
def test_what_pairs_explain_is_no_interaction(seed: int) -> None:
    """56 triples of columns that are tied, in each of ten tables."""
    reference = Reference(chain(4_000, seed), chain(4_000, 100 + seed))
    found = [*interactions(trial(reference, chain(300, 200 + seed)))]
    assert found == [Score("interactions", note=NO_INTERACTION)]


def test_copies_of_rows_make_no_interaction() -> None:
    """Each of 200 people ten times over says much by threes, all of it by chance."""
    rows = np.repeat(np.arange(200), 10)
    halves = [chain(200, seed).take(rows) for seed in (1, 2)]
    alone = Reference(*(replace(half, groups=np.arange(2_000)) for half in halves))
    table = trial(alone, chain(300, 3))
    assert next(iter(interactions(table))).note != NO_INTERACTION
    of_people = Reference(*(replace(half, groups=rows) for half in halves))
    assert next(iter(interactions(trial(of_people, chain(300, 3))))).note == NO_INTERACTION


def wide(rows: int, seed: int, *, is_hinted: bool, lost: tuple[str, ...] = ()) -> Table:
    """People among forty columns that say nothing, or a part of who recovers."""
    table = people(rows, seed, lost=lost)
    random = np.random.default_rng([seed, 1])
    others = random.integers(1, 4, (rows, 40))
    for place in range(3 if is_hinted else 0):
        is_said = random.random(rows) < 0.5
        others[is_said, place] = table.codes[is_said, place]
    names = [Column(f"n{place}", 5, values=tuple("abcd")) for place in range(40)]
    codes = np.column_stack([others[:, :20], table.codes, others[:, 20:]])
    return replace(table, columns=(*names[:20], *COLUMNS, *names[20:]), codes=codes)


@pytest.mark.parametrize("seed", range(3))
def test_of_many_columns_those_are_looked_at_that_are_tied_most(seed: int) -> None:
    reference = Reference(*(wide(4_000, 10 * seed + half, is_hinted=True) for half in (1, 2)))
    found = told(trial(reference, wide(1_000, 3, is_hinted=True, lost=("recovers",))))
    assert found[RECOVERY].value == pytest.approx(0, abs=0.2)
    assert found[()].high < 0.5


def test_where_not_all_columns_are_looked_at_the_note_says_so() -> None:
    reference = Reference(*(chain(1_000, half, columns=25) for half in (1, 2)))
    found = told(trial(reference, chain(300, 3, columns=25)))
    assert found == {(): Score("interactions", note=NONE_SEARCHED)}


def test_a_column_that_follows_from_two_others_says_nothing_of_its_own() -> None:
    """An end is a start and a length; what their pairs explain cannot be told from empty cells."""

    def spans(rows: int, seed: int) -> Table:
        random = np.random.default_rng(seed)
        start, length = random.integers(1, 9, (2, rows))
        codes = np.stack([start, length, start + length - 1], axis=1)
        columns = tuple(Column(name, 16, kind="integer") for name in ("start", "length", "end"))
        return Table(columns, codes, groups=np.arange(rows), sample=np.arange(rows))

    reference = Reference(spans(4_000, 1), spans(4_000, 2))
    assert score_of(spans(1_000, 3), reference) == Score("interactions", note=NO_INTERACTION)


def test_columns_that_are_computed_from_each_other_say_nothing_together() -> None:
    """Or what a column is made from would interact in any table."""
    columns = [*COLUMNS]
    columns[2] = replace(columns[2], derived_from=frozenset({"sex", "drug"}))
    halves = (replace(half, columns=tuple(columns)) for half in (REAL.train, REAL.holdout))
    table = replace(people(1_000, 1), columns=tuple(columns))
    assert {*told(trial(Reference(*halves), table))} == {(), (TOGETHER,), DOSE}


def test_rare_values_of_a_column_are_taken_together() -> None:
    """Of 60 sites four are usual; the dose goes by these, and nobody knows the others."""

    def scattered(rows: int, seed: int, lost: tuple[str, ...] = ()) -> Table:
        table = people(rows, seed, lost=lost)
        codes = table.codes.copy()
        random = np.random.default_rng([seed, 2])
        is_rare = random.random(rows) < 0.2
        codes[is_rare, 3] = random.integers(5, 61, is_rare.sum())
        site = Column("site", 61, values=tuple(str(number) for number in range(60)))
        return replace(table, columns=(*COLUMNS[:3], site, *COLUMNS[4:]), codes=codes)

    reference = Reference(scattered(6_000, 1), scattered(6_000, 2))
    found = [told(trial(reference, scattered(1_000, seed)))[DOSE].value for seed in range(3, 13)]
    assert np.mean(found) == pytest.approx(1, abs=0.1)
    assert score_of(scattered(1_000, 3, ("dose",)), reference).note == "site, age and dose"


def test_that_a_value_is_missing_says_something_of_its_own() -> None:
    """Of 18 values one is rarer than that the value is missing, which goes by site and age."""

    def gaps(rows: int, seed: int, *, is_lost: bool = False) -> Table:
        table = people(rows, seed)
        random = np.random.default_rng([seed, 3])
        site, age = table.codes[:, 3], table.codes[:, 4]
        is_missing = (site + age) % 4 == 0
        if is_lost:
            is_missing = random.permutation(is_missing)
        ward = np.where(is_missing, 0, random.integers(1, 19, rows))
        column = Column("ward", 19, values=tuple("abcdefghijklmnopqr"), is_nullable=True)
        codes = np.column_stack([table.codes[:, [3, 4]], ward])
        return replace(table, columns=(*COLUMNS[3:5], column), codes=codes)

    reference = Reference(gaps(6_000, 1), gaps(6_000, 2))
    assert score_of(gaps(500, 3), reference).value == 1
    assert score_of(gaps(500, 3, is_lost=True), reference).high < 0.3


# ------------------------------------------------------------ where nothing can be told


@pytest.mark.parametrize("rows", [1, 3, 5])
def test_few_rows_say_nothing(rows: int) -> None:
    assert score_of(people(rows, 1)) == Score("interactions", note=TOO_FEW)


def test_a_triple_is_told_where_rows_are_enough_for_it() -> None:
    """The dose says more than who recovers, and all together more than each."""
    told_of = {rows: {*told(trial(REAL, people(rows, 1)))} for rows in (12, 30)}
    assert told_of[12] == {(), (TOGETHER,), DOSE}
    assert told_of[30] == {(), (TOGETHER,), DOSE, RECOVERY}


@pytest.mark.parametrize("rows", [1, 5, 25])
def test_few_real_rows_say_nothing(rows: int) -> None:
    few = Reference(people(rows, 1), people(rows, 2))
    assert score_of(people(300, 3), few) == Score("interactions", note=NO_INTERACTION)


def test_without_holdout_it_is_not_known_what_real_rows_reach() -> None:
    alone = Reference(REAL.train, REAL.holdout.take(np.arange(0)))
    assert score_of(people(300, 1), alone) == Score("interactions", note=NO_HOLDOUT)


def test_two_columns_have_none() -> None:
    pairs = Reference(chain(100, 1, columns=2), chain(100, 2, columns=2))
    assert score_of(chain(50, 3, columns=2), pairs).note == NO_INTERACTION


# ------------------------------------------------------------ where it is shown


def test_a_scorecard_has_each_triple() -> None:
    """From frames, as anybody scores them."""

    def frame(table: Table) -> pd.DataFrame:
        """Who recovers, under names that are of no group of people."""
        return pd.DataFrame(
            {
                name: np.array(["", *COLUMNS[place].values])[table.codes[:, place]]
                for place, name in enumerate(("kind", "drug", "recovers"))
            }
        )

    card = score(frame(people(2_000, 1)), frame(people(400, 2, lost=("recovers",))))
    (triple,) = card.as_dict()["triples"]
    assert [triple[f"column_{place}"] for place in (1, 2, 3)] == ["kind", "drug", "recovers"]
    assert triple["low"] < triple["interactions"] < triple["high"] < 0.5
    told = card.scores.set_index("name").loc["interactions"]
    assert told["value"] == triple["interactions"]
    assert told["note"] == "kind, drug and recovers"
    assert told["real"] == 1
