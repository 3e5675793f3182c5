"""The nearest rows, and what is learnt from them: small tables by hand, larger ones by a loop."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from synthcare import nearest as module
from synthcare.attacks import inference, linkability, singling_out
from synthcare.nearest import Measured, Ruler, nearest
from synthcare.tables import Column, Table

COLOUR = Column("colour", 4, values=("red", "blue", "green"))
LEVEL = Column("level", 3, kind="integer")
SIZE = Column("size", 3, kind="decimal")
MADE = Column("twice", 3, kind="decimal", derived_from=frozenset({"size"}))


def table_of(
    colour: list[int], level: list[float], size: list[float] | None = None, *, name: list[int] = ()
) -> Table:
    """Rows of a category, numbers, and names where there are any; one number has no part."""
    numbers = {"level": np.array(level, dtype=float)}
    columns = [COLOUR, LEVEL]
    if size is not None:
        numbers |= {"size": np.array(size, dtype=float), "twice": 2 * np.array(size, dtype=float)}
        columns += [SIZE, MADE]
    codes = np.ones((len(colour), len(columns)), dtype=np.uint16)
    codes[:, 0] = colour
    identifiers = {"name": np.array(name, dtype=np.uint64) << np.uint64(32)} if name else {}
    return Table(tuple(columns), codes, numbers, identifiers)


def measured(ruler: Ruler, table: Table) -> Measured:
    return ruler.measure(table, np.arange(len(table)))


# ------------------------------------------------------------ by hand


def test_gowers_distance_is_the_mean_of_differences_in_ranges() -> None:
    """Levels from 0 to 10 and sizes from 0 to 4: (1 + 3/10 + 1/4 + 1) / 4 for a colour and a name.

    A number that is further away than the range counts as one range, and so does a missing one.
    """
    real = table_of([1] * 3, [0, 1, 10], [0, 0.5, 4], name=[1, 2, 3])
    rows = table_of([2, 1, 1, 0], [3, 40, np.nan, np.nan], [1, 0, 0, np.nan], name=[9, 1, 1, 0])
    ruler = Ruler.of(real)
    assert ruler.values == 4  # what is made from the size is no value of its own
    found = nearest(measured(ruler, rows), measured(ruler, real.take(np.array([0]))))
    assert found.distance == pytest.approx([2.55 / 4, 1 / 4, 1 / 4, 4 / 4])
    assert found.differing.tolist() == [4, 1, 1, 4]
    assert found.reached == pytest.approx([1 / 4])


def test_missing_values_are_equal() -> None:
    real = table_of([0, 1], [np.nan, 5], [2, 4], name=[0, 1])
    ruler = Ruler.of(real)
    found = nearest(measured(ruler, real), measured(ruler, real))
    assert (found.differing.tolist(), found.distance.tolist()) == ([0, 0], [0, 0])
    assert found.place.tolist() == [0, 1]


@pytest.mark.parametrize("step", [1, 0.1, 365])
@pytest.mark.parametrize("start", [0, 1_000, -70_000])
def test_numbers_a_step_apart_are_equal_and_two_steps_apart_are_not(
    step: float, start: float
) -> None:
    """Whatever rounding does to them: here a twentieth of the deviation is less than a step."""
    known = start + step * np.arange(30)
    ruler = Ruler.of(table_of([1] * 30, [*known]))
    assert ruler.tolerances == pytest.approx([step])
    rows = measured(ruler, table_of([1] * 30, [*known]))
    differs = [*rows.gaps(rows)][1][0]
    apart = abs(np.subtract.outer(np.arange(30), np.arange(30)))
    assert (differs == (apart > 1)).all()


def test_where_steps_are_fine_a_twentieth_of_the_deviation_is_equal() -> None:
    known = np.arange(1_001.0)
    ruler = Ruler.of(table_of([1] * 1_001, [*known]))
    assert ruler.tolerances == pytest.approx([known.std() / 20])
    ends = measured(ruler, table_of([1] * 3, [0, 14, 15]))
    differs = [*ends.gaps(ends)][1][0]
    assert known.std() / 20 == pytest.approx(14.45, abs=0.01)
    assert differs.tolist() == [[False, False, True], [False, False, False], [True, False, False]]


def test_a_column_of_one_number_or_none_is_equal_only_to_itself() -> None:
    for level in ([7, 7], [np.nan, np.nan]):
        ruler = Ruler.of(table_of([1, 1], level))
        rows = measured(ruler, table_of([1, 1], [level[0], 8]))
        assert [*rows.gaps(rows)][1][0].tolist() == [[False, True], [True, False]]


# ------------------------------------------------------------ by a loop


def random_table(rows: int, seed: int) -> Table:
    random = np.random.default_rng(seed)
    level = random.integers(0, 12, rows).astype(float)
    size = np.round(random.exponential(3, rows), 2)
    level[random.random(rows) < 0.2] = np.nan
    size[random.random(rows) < 0.1] = np.nan
    names = [int(name) for name in random.integers(0, 6, rows)]
    return table_of([int(c) for c in random.integers(0, 4, rows)], [*level], [*size], name=names)


def by_a_loop(
    real: Table, table: Table, others: Table, units: list | None, other_units: list | None
) -> tuple[np.ndarray, np.ndarray]:
    """Differing values and Gower's distance of each row to each other one, NaN within a unit."""
    tolerances, ranges = {}, {}
    for name in ("level", "size"):
        known = sorted(v for v in real.numbers[name].tolist() if not np.isnan(v))
        steps = [b - a for a, b in pairwise(known) if b > a]
        tolerances[name] = max(min(steps), float(np.std(known)) / 20)
        ranges[name] = known[-1] - known[0]
    counts = np.full((len(table), len(others)), np.nan)
    distances = counts.copy()
    for row in range(len(table)):
        for other in range(len(others)):
            if units is not None and units[row] == other_units[other]:
                continue
            differing, total = 0, 0.0
            for one, two in (
                (table.codes[row, 0], others.codes[other, 0]),
                (table.identifiers["name"][row], others.identifiers["name"][other]),
            ):
                differing += one != two
                total += one != two
            for name in ("level", "size"):
                one, two = table.numbers[name][row], others.numbers[name][other]
                if np.isnan(one) and np.isnan(two):
                    continue
                if np.isnan(one) or np.isnan(two):
                    differing, total = differing + 1, total + 1
                    continue
                differing += abs(one - two) > tolerances[name] * 1.0005
                total += min(1.0, abs(one - two) / ranges[name])
            counts[row, other], distances[row, other] = differing, total / 4
    return counts, distances


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rows_at_once, others_at_once", [(128, 8_192), (7, 11), (1, 1)])
@pytest.mark.parametrize("has_units", [False, True])
def test_the_nearest_is_that_of_a_loop_over_all(
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    rows_at_once: int,
    others_at_once: int,
    has_units: bool,
) -> None:
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", rows_at_once)
    monkeypatch.setattr(module, "_OTHERS_AT_ONCE", others_at_once)
    real, table = random_table(45, seed), random_table(30, seed + 50)
    units = other_units = None
    if has_units:
        random = np.random.default_rng(seed)
        units, other_units = random.integers(0, 4, 30), random.integers(0, 4, 45)
    counts, distances = by_a_loop(real, table, real, units, other_units)
    ruler = Ruler.of(real)
    found = nearest(measured(ruler, table), measured(ruler, real), units, other_units)
    assert found.differing.tolist() == np.nanmin(counts, axis=1).tolist()
    assert found.place.tolist() == np.nanargmin(counts, axis=1).tolist()
    assert found.distance == pytest.approx(np.nanmin(distances, axis=1), abs=1e-6)
    assert found.reached == pytest.approx(np.nanmin(distances, axis=0), abs=1e-6)


def test_of_more_rows_than_are_looked_at_at_once_none_is_passed_over() -> None:
    """300 rows and 9,000 others, of which each row is one: at the ends of blocks, too."""
    real = random_table(9_000, 1)
    name = np.arange(9_000, dtype=np.uint64) << np.uint64(32)
    real = replace(real, identifiers={"name": name})
    chosen = np.r_[0:100, 8_092:8_292, 8_999]
    ruler = Ruler.of(real)
    found = nearest(ruler.measure(real, chosen), measured(ruler, real))
    assert found.place.tolist() == chosen.tolist()
    assert found.differing.max() == 0
    assert np.flatnonzero(found.reached == 0).tolist() == chosen.tolist()


def test_where_all_are_of_one_person_nobody_is_near() -> None:
    real = random_table(20, 1)
    ruler, one = Ruler.of(real), np.zeros(20)
    found = nearest(measured(ruler, real), measured(ruler, real), one, one)
    assert np.isinf(found.distance).all()
    assert np.isinf(found.reached).all()


def test_all_that_are_as_near_are_counted() -> None:
    """Also those of another block."""
    ruler = Ruler.of(table_of([1] * 11, [*range(11)]))
    others = table_of([1, 2, 1, 1] * 3_000, [5, 5, 6, 5] * 3_000)
    found = nearest(measured(ruler, table_of([1, 2, 1], [5, 5, 9])), measured(ruler, others))
    assert found.ties.tolist() == [6_000, 3_000, 3_000]


# ------------------------------------------------------------ attacks


def both(synthetic: Table, targets: Table) -> tuple[Measured, Measured]:
    """By the ruler of a table of levels from 0 to 10."""
    ruler = Ruler.of(table_of([1] * 11, [*range(11)]))
    return measured(ruler, synthetic), measured(ruler, targets)


def test_a_value_is_inferred_from_the_others() -> None:
    """Rows (1, 0) and (2, 10). Who is (1, 1) is known by either value, as 0 is near 1; who is
    (1, 10) is taken for the other one each time; of (2, 5) the colour is not known, as the level
    is as near to either and the first one is taken, and neither is the level."""
    synthetic, targets = both(table_of([1, 2], [0, 10]), table_of([1, 1, 2], [1, 10, 5]))
    assert inference(synthetic, targets).tolist() == [1, 0, 0]


def test_one_of_two_values_is_half_a_hit() -> None:
    """By the level 9 the colour 2 is guessed, and by the colour a level of 6, three too few."""
    synthetic, targets = both(table_of([1, 2], [0, 6]), table_of([2], [9]))
    assert inference(synthetic, targets).tolist() == [1 / 2]


def test_a_person_is_linked_where_both_halves_lead_to_one_row() -> None:
    synthetic, targets = both(
        table_of([1, 2, 3], [0, 5, 10]), table_of([1, 2, 3, 1], [1, 5, 4, 10])
    )
    assert linkability(synthetic, targets).tolist() == [1, 1, 0, 0]


def test_who_alone_fits_a_guess_is_singled_out() -> None:
    """The median level is 5: (1, 9) says colour 1 and 9 or more, which is true of one target;
    (1, 1) that of none; (2, 5) colour 2 and 5 or less, of two."""
    synthetic, targets = both(
        table_of([1, 1, 2], [9, 1, 5]), table_of([1, 1, 2, 2, 2], [10, 8, 5, 0, 6])
    )
    alone = measured(synthetic.ruler, table_of([1, 1, 2, 2], [10, 1, 5, 6]))
    guessed, hits = singling_out(synthetic, [targets, alone])
    assert guessed.tolist() == [0, 1, 2]
    assert [of.tolist() for of in hits] == [[True, False, False], [True, True, True]]


def test_what_is_true_of_two_synthetic_rows_is_no_guess() -> None:
    """Of seven categories three are said: any are true of two rows, or of the third one alone."""
    columns = tuple(Column(f"c{n}", 3, values=("x", "y")) for n in range(7))
    real = Table(columns, np.array([[1] * 7, [2] * 7], dtype=np.uint16))
    ruler = Ruler.of(real)
    codes = np.array([[1] * 7, [1] * 7, [2] * 7], dtype=np.uint16)
    guessed, (hits,) = singling_out(measured(ruler, Table(columns, codes)), [measured(ruler, real)])
    assert hits.all()
    # The same three columns are asked for once.
    assert set(guessed) == {2}
    assert 7 < len(guessed) < 25


def test_rows_are_asked_until_there_are_enough_guesses() -> None:
    """Of 2,000 rows of categories with nine values each, three values are true of one row in 16."""
    columns = tuple(Column(f"c{n}", 10, values=tuple("abcdefghi")) for n in range(20))
    codes = np.random.default_rng(0).integers(1, 10, (2_000, 20)).astype(np.uint16)
    rows = Table(columns, codes)
    once = measured(Ruler.of(rows), rows)
    guessed, (hits,) = singling_out(once, [once])
    assert 1_000 <= len(guessed) < 3_000
    assert hits.all()


def test_a_table_without_columns_gives_no_guess() -> None:
    nothing = Table((), np.empty((30, 0), dtype=np.uint16))
    rows = measured(Ruler.of(nothing), nothing)
    guessed, (hits,) = singling_out(rows, [rows])
    assert (len(guessed), len(hits)) == (0, 0)


def test_what_is_missing_is_no_large_number() -> None:
    """Levels 1 to 9, and two that are missing: 1 or less and 9 or more are each true of one row."""
    levels = [*range(1, 10), np.nan, np.nan]
    synthetic, targets = both(table_of([1] * 11, levels), table_of([1] * 4, [9, np.nan, np.nan, 2]))
    guessed, (hits,) = singling_out(synthetic, [targets])
    assert dict(zip(guessed.tolist(), hits.tolist(), strict=True)) == {0: False, 8: True}
