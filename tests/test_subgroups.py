"""Groups of people: each is served as well as by as many real rows, or the score names it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from synthcare.bias import ADDED, LOST, verdict
from synthcare.groups import groups_of
from synthcare.halves import sampled
from synthcare.reference import Reference
from synthcare.subgroups import NOTHING_WITHIN, TOO_FEW, TOO_FEW_REAL, subgroups
from synthcare.tables import Column, Hashes, Table
from synthcare.trial import Score, Trial

COLUMNS = (
    Column("origin", 4, is_sensitive=True, values=("north", "south", "far, east")),
    Column("age", 11, kind="integer", is_sensitive=True),
    Column("severity", 6, values=tuple("abcde")),
    Column("returned", 3, is_target=True, values=("no", "yes")),
)
ORIGIN, AGE, SEVERITY, RETURNED = range(4)


def people(rows: int, seed: int, shares: tuple[float, ...] = (0.6, 0.395, 0.005)) -> Table:
    """Who is severely ill, or old, returns more often; those from the south do by 20 % more."""
    random = np.random.default_rng(seed)
    origin = 1 + random.choice(3, rows, p=shares)
    age = random.integers(20, 90, rows)
    severity = random.integers(1, 6, rows)
    chance = 0.12 * severity + 0.002 * age - 0.1 + 0.2 * (origin == 2)
    return table(origin, age, severity, 1 + (random.random(rows) < chance))


def table(*values: np.ndarray) -> Table:
    origin, age, severity, returned = values
    bins = np.clip(1 + (age - 20) // 7, 1, 10)
    codes = np.stack([origin, bins, severity, returned], axis=1).astype(np.uint16)
    hashes = np.arange(len(codes)).astype(np.uint64)
    return Table(
        COLUMNS,
        codes,
        {"age": age.astype(float)},
        {},
        Hashes(hashes, hashes, hashes),
        sample=np.arange(len(codes)),
    )


def changed(rows: Table, **columns: np.ndarray) -> Table:
    values = {
        "origin": rows.codes[:, ORIGIN],
        "age": rows.numbers["age"].astype(int),
        "severity": rows.codes[:, SEVERITY],
        "returned": rows.codes[:, RETURNED],
    }
    return table(*(values | columns).values())


REAL = Reference(people(6_000, 1), people(6_000, 2))


def told(rows: Table, reference: Reference = REAL, **said: Any) -> list[Score]:
    order, halves = sampled(np.arange(len(rows)), 4_800, 24, 100, 1)
    rows = Table(rows.columns, rows.codes, rows.numbers, {}, rows.hashes, rows.groups, sample=order)
    return [*subgroups(Trial(reference, rows, halves, **said))]


def headline(scores: list[Score]) -> Score:
    (found,) = [score for score in scores if score.name == "subgroups"]
    return found


def by_subject(scores: list[Score], name: str) -> dict[tuple[str, ...], Score]:
    return {score.subject: score for score in scores if score.name == name}


@pytest.mark.parametrize("size", [200, 2_000])
def test_real_rows_serve_every_group(size: int) -> None:
    found = [headline(told(people(size, seed))) for seed in range(10, 18)]
    assert sum(score.value < 1 for score in found) <= 1
    assert all(score.low < 1 for score in found)


def random_returns(rows: Table) -> Table:
    """Of those from the south, who returns is anybody: as many do, but others."""
    returned = rows.codes[:, RETURNED].copy()
    south = np.flatnonzero(rows.codes[:, ORIGIN] == 2)
    returned[south] = np.random.default_rng(0).permutation(returned[south])
    return changed(rows, returned=returned)


def fewer_from_the_south(rows: Table) -> Table:
    south = np.flatnonzero(rows.codes[:, ORIGIN] == 2)
    return rows.take(np.delete(np.arange(len(rows)), south[: len(south) // 2]))


def milder_in_the_south(rows: Table) -> Table:
    severity = rows.codes[:, SEVERITY]
    is_south = rows.codes[:, ORIGIN] == 2
    return changed(rows, severity=np.where(is_south, np.minimum(severity, 3), severity))


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (random_returns, "origin south: models of real rows predict returned of its rows less"),
        (fewer_from_the_south, "origin south: "),
        (milder_in_the_south, "origin south: "),
    ],
)
def test_the_group_that_is_harmed_is_named(harm: Callable[[Table], Table], words: str) -> None:
    score = headline(told(harm(people(3_000, 20))))
    assert score.value < 0.95
    assert score.high < 1
    assert score.note.startswith(words)


def test_what_ties_a_target_in_a_group_is_looked_at_itself() -> None:
    found = by_subject(told(random_returns(people(3_000, 20))), "subgroup_structure")
    assert found["origin", "returned", "south"].value < 0.3
    assert found["origin", "returned", "south"].high < 0.7
    assert found["origin", "returned", "north"].value == pytest.approx(1, abs=0.2)


def test_few_rows_show_that_the_target_of_a_group_follows_from_nothing() -> None:
    """Two hundred of the south are too few to learn from, and enough to be foretold."""
    harmed = [told(random_returns(people(500, seed))) for seed in range(20, 28)]
    assert sum(headline(scores).high < 1 for scores in harmed) >= 7
    south = [by_subject(scores, "subgroup_predictability") for scores in harmed]
    assert np.mean([s["origin", "returned", "south"].value for s in south]) < 0.3
    assert np.mean([s["origin", "returned", "north"].value for s in south]) == pytest.approx(
        1, abs=0.2
    )


def test_within_a_group_columns_are_compared_with_those_of_the_group() -> None:
    found = by_subject(told(milder_in_the_south(people(3_000, 20))), "subgroup_column_fidelity")
    assert found["origin", "north"].value == pytest.approx(1, abs=0.05)
    assert found["origin", "south"].value < 0.9


def test_gaps_between_groups_are_told_from_those_that_real_rows_have() -> None:
    """Nobody from the south returns more often: lost. Women of a made-up north do: added."""
    rows = people(4_000, 30)
    random = np.random.default_rng(3)
    severity, age = rows.codes[:, SEVERITY], rows.numbers["age"]
    chance = 0.12 * severity + 0.002 * age - 0.1
    level = changed(rows, returned=1 + (random.random(len(rows)) < chance))
    reverse = 0.3 * (rows.codes[:, ORIGIN] == 1)
    turned = changed(rows, returned=1 + (random.random(len(rows)) < chance + reverse))
    about = ("origin", "returned", "2", "south")
    found = [by_subject(told(table), "subgroup_bias")[about] for table in (rows, level, turned)]
    assert [score.note for score in found] == [None, LOST, ADDED]
    assert found[1].value == pytest.approx(-0.2, abs=0.06)
    rates = by_subject(told(rows), "subgroup_rate")
    assert rates[about].note == "yes"
    assert rates[about].low < rates[about].value < rates[about].high


def test_a_gap_that_may_be_chance_is_no_bias() -> None:
    assert verdict((0.3, 0.2, 0.4), (0.2, 0.15, 0.25)) is None
    assert verdict((0.4, 0.35, 0.45), (0.2, 0.15, 0.25)) == ADDED
    assert verdict((0.0, -0.05, 0.05), (0.2, 0.15, 0.25)) == LOST
    assert verdict((-0.2, -0.25, -0.15), (0.2, 0.15, 0.25)) == ADDED


def test_small_groups_are_said_to_be_too_small() -> None:
    """Of 12,000 real people some 60 are from far east: 30 in each half; of 300 rows one or two."""
    scores = told(people(300, 40))
    notes = by_subject(scores, "subgroup")
    assert notes["origin", "far, east"].note == TOO_FEW
    few = Reference(people(300, 1), people(300, 2))
    assert by_subject(told(people(300, 40), few), "subgroup")["origin", "far, east"].note == (
        TOO_FEW_REAL
    )
    assert ("origin", "far, east") in by_subject(scores, "subgroup_representation")


def test_numbers_are_cut_into_five_bands_that_hide_the_ends() -> None:
    names = [group.name for group in groups_of(REAL.train) if group.column.name == "age"]
    assert names == ["up to 33", "over 33 to 47", "over 47 to 61", "over 61 to 75", "over 75"]
    members = np.sum([g.has(REAL.train) for g in groups_of(REAL.train) if g.place == AGE], axis=0)
    assert (members == 1).all()


def test_what_was_drawn_is_no_merit() -> None:
    columns = {group.column.name for group in groups_of(REAL.train, frozenset({"age"}))}
    assert columns == {"origin"}


def test_without_sensitive_columns_there_is_no_score() -> None:
    plain = tuple(Column(c.name, c.size, c.kind, values=c.values) for c in COLUMNS)
    halves = [
        Table(plain, half.codes, half.numbers, {}, half.hashes, sample=half.sample)
        for half in (REAL.train, REAL.holdout)
    ]
    assert told(halves[1], Reference(*halves)) == []


def test_a_table_too_small_to_look_into_its_groups_is_not_said_to_serve_them() -> None:
    score = headline(told(people(19, 60)))
    assert (score.value, score.note) == (None, NOTHING_WITHIN)


def test_groups_that_only_real_rows_have_are_not_scored_by_those_that_are_left() -> None:
    (score,) = told(people(2_000, 61), lost_groups=("race",))
    assert (score.value, score.note) == (None, "the table lacks race")


def test_a_table_without_a_group_that_real_rows_have_scores_nothing() -> None:
    rows = people(2_000, 50, shares=(1.0, 0.0, 0.0))
    score = headline(told(rows))
    assert score.value == 0
    assert score.note.startswith("origin south: 0.0% of the rows")


def test_few_real_rows_make_no_group_worse() -> None:
    """2,000 good rows beside 400 real ones: it is the real rows of a group that vary."""
    found = []
    for seed in range(12):
        reference = Reference(people(400, 300 + seed), people(400, 400 + seed))
        found.append(headline(told(people(2_000, 500 + seed), reference)))
    assert sum(score.value < 1 for score in found) <= 1


def test_of_many_gaps_none_is_called_bias_by_chance() -> None:
    found = [
        score.note
        for seed in range(30)
        for score in told(people(600, 700 + seed))
        if score.name == "subgroup_bias"
    ]
    assert len(found) > 200
    assert sum(note is not None for note in found) <= 2


def test_runs_of_which_other_columns_were_drawn_share_a_reference() -> None:
    """What is kept of the reference is of the groups that were asked for."""
    reference = Reference(people(1_500, 1), people(1_500, 2))
    alone = headline(told(people(1_000, 61), reference, left_out=frozenset({"origin"})))
    told(people(1_000, 60), Reference(people(1_500, 1), people(1_500, 2)))
    both = Reference(people(1_500, 1), people(1_500, 2))
    told(people(1_000, 60), both)
    assert headline(told(people(1_000, 61), both, left_out=frozenset({"origin"}))) == alone


def test_ties_of_columns_that_were_drawn_are_no_matter() -> None:
    drawn = frozenset({"returned", "severity", "age"})
    scores = told(random_returns(people(3_000, 20)), left_out=drawn)
    assert not by_subject(scores, "subgroup_bias")
    assert {column for column, *_ in by_subject(scores, "subgroup_structure")} <= {"origin"}
    pairs = told(random_returns(people(3_000, 20)), left_out=frozenset({"returned", "severity"}))
    assert by_subject(pairs, "subgroup_structure")  # of what is drawn and what is not


def test_numbers_that_most_people_share_are_one_band() -> None:
    """And the numbers between bands are rounded: nobody's own."""
    rows = people(2_000, 1)
    ages = np.where(np.arange(2_000) % 10 < 8, 20, 20 + 7 * (np.arange(2_000) % 9))
    names = [g.name for g in groups_of(changed(rows, age=ages)) if g.place == AGE]
    assert names[0].startswith("up to ") and len(names) == len(set(names)) <= 5
    (income,) = (Column("income", 11, kind="decimal", is_sensitive=True),)
    incomes = np.random.default_rng(1).lognormal(10, 0.5, 2_000).round(2)
    edges = np.quantile(incomes, np.arange(1, 10) / 10, method="lower")
    codes = (1 + np.searchsorted(edges, incomes))[:, None].astype(np.uint16)
    found = [g.name for g in groups_of(Table((income,), codes, {"income": incomes}))]
    assert len(found) == 5
    said = {float(word) for name in found for word in name.split() if word[0].isdigit()}
    assert not said & {*incomes}
    assert all(number % 1_000 == 0 for number in said)


def test_the_fewer_real_rows_a_group_has_the_wider_is_its_interval() -> None:
    """1,200 rows of the north beside 3,600 real ones or 240: √(1 + 5) to √(1 + 1/3) as wide."""
    rows = people(2_000, 62)
    few = Reference(people(400, 1), people(400, 2))
    wide, narrow = (
        by_subject(told(rows, reference), "subgroup_column_fidelity")["origin", "north"]
        for reference in (few, REAL)
    )
    assert (wide.high - wide.low) / (narrow.high - narrow.low) > 1.5
