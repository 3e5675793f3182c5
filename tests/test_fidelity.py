"""The library's scores of columns and pairs: against simulation, against scipy, and by hand."""

from collections.abc import Iterable
from itertools import chain

import numpy as np
import pytest
from scipy import stats

from synthcare.chance import (
    expected_cell_distances,
    expected_kolmogorov_smirnov,
    expected_total_variation,
    margin,
)
from synthcare.fidelity import (
    column_fidelity,
    correlation,
    distribution_functions,
    kolmogorov_smirnov,
    missingness,
    mutual_information,
    pair_fidelity,
    range_coverage,
    wasserstein,
)
from synthcare.halves import Halves
from synthcare.reference import Reference
from synthcare.tables import Column, Table
from synthcare.trial import Score, Trial

COLUMNS = (
    Column("colour", 4),
    Column("shape", 3, is_nullable=True),
    Column("length", 11, kind="decimal", derived_from=frozenset({"begin", "end"})),
)


def draw(rows: int, seed: int) -> Table:
    """Rows of one distribution: a category, another that depends on it and may lack, a number."""
    random = np.random.default_rng(seed)
    colour = random.choice([1, 2, 3], rows, p=[0.5, 0.3, 0.2])
    shape = np.where(random.random(rows) < 0.8, colour % 3, random.integers(0, 3, rows))
    length = random.normal(colour, 1)
    length[random.random(rows) < 0.1] = np.nan
    bins = np.where(np.isnan(length), 0, 1 + np.digitize(length, np.linspace(0, 4, 9)))
    return table_of(np.column_stack([colour, shape, bins]).astype(np.uint16), length)


def table_of(codes: np.ndarray, length: np.ndarray) -> Table:
    return Table(COLUMNS, codes, {"length": length}, sample=np.arange(len(codes)))


def halves(rows: int, blocks: int = 24, shrink: float = 1.0) -> Halves:
    random = np.random.default_rng(0)
    is_drawn = np.zeros((50, blocks), dtype=bool)
    for half in is_drawn:
        half[random.permutation(blocks)[: blocks // 2]] = True
    return Halves(np.arange(rows) % blocks, is_drawn, np.arange(rows), shrink)


def scores(
    real: Table, table: Table, left_out: Iterable[str] = (), shrink: float = 1.0
) -> dict[tuple, Score]:
    parts = halves(len(table), shrink=shrink)
    trial = Trial(Reference(real, real), table, parts, frozenset(left_out))
    found = chain(column_fidelity(trial), pair_fidelity(trial), missingness(trial))
    return {(score.name, *score.subject): score for score in found}


@pytest.mark.parametrize("size", [1, 2, 30, 999, 27_750])
@pytest.mark.parametrize("share", [0.0, 1e-4, 0.125, 1 / 3, 0.5, 0.98, 1.0])
def test_the_floor_of_a_cell_is_the_binomial_sum(size: int, share: float) -> None:
    counts = np.arange(size + 1)
    by_sum = np.sum(stats.binom.pmf(counts, size, share) * abs(counts / size - share)) / 2
    assert expected_cell_distances(share, size) == pytest.approx(by_sum, abs=1e-9)


def test_the_floor_of_two_samples_holds_both_of_their_noise() -> None:
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    random = np.random.default_rng(1)
    real, written = random.multinomial(300, shares, 4_000), random.multinomial(200, shares, 4_000)
    simulated = np.maximum(written / 200 - real / 300, 0).sum(axis=1).mean()
    assert expected_total_variation([120, 90, 60, 30], 200) == pytest.approx(simulated, rel=0.02)


@pytest.mark.parametrize("sizes", [(30, 10**9), (100, 10**9), (150, 250)])
def test_the_floor_of_numbers_is_what_samples_show(sizes: tuple[int, int]) -> None:
    random = np.random.default_rng(2)
    size, real_size = sizes
    steps = np.arange(1, size + 1) / size
    if real_size > 10**6:  # as good as the distribution itself
        uniform = np.sort(random.random((4_000, size)), axis=1)
        simulated = np.maximum(abs(uniform - steps), abs(uniform - steps + 1 / size)).max(axis=1)
    else:
        simulated = [
            stats.ks_2samp(random.random(size), random.random(real_size)).statistic
            for _ in range(2_000)
        ]
    assert expected_kolmogorov_smirnov(*sizes) == pytest.approx(np.mean(simulated), rel=0.03)


def test_a_margin_is_students_t_of_the_spread() -> None:
    drawn = np.random.default_rng(3).normal(size=(5, 50))
    expected = drawn.std(axis=1, ddof=1) * stats.t.ppf(0.975, 23)
    assert margin(drawn, 24) == pytest.approx(expected, rel=1e-4)
    assert np.isnan(margin(drawn[:, :1], 24)).all()


def test_rows_of_the_same_distribution_score_one() -> None:
    found = scores(draw(3_000, 1), draw(1_000, 2))
    for name in ("column_fidelity", "pair_fidelity", "missingness"):
        score = found[(name,)]
        assert score.value == pytest.approx(1, abs=0.03)
        assert score.low < score.value < score.high


def test_what_is_damaged_is_what_scores_less() -> None:
    real, table = draw(3_000, 1), draw(1_000, 2)
    colours = table.codes.copy()
    colours[:, 0] = np.random.default_rng(4).permutation(colours[:, 0])
    shuffled = scores(real, table_of(colours, table.numbers["length"]))
    assert shuffled["column_fidelity", "colour"].value > 0.95
    assert shuffled["pair_fidelity", "colour", "shape"].high < 0.8
    assert shuffled["pair_fidelity", "shape", "length"].value > 0.9
    full = table.codes.copy()
    full[full[:, 1] == 0, 1] = 1
    assert scores(real, table_of(full, table.numbers["length"]))["missingness", "shape"].high < 0.9


def test_what_was_drawn_for_the_llm_is_left_out() -> None:
    real, table = draw(300, 1), draw(200, 2)
    found = scores(real, table, left_out=["begin", "end", "colour"])
    assert {key for key in found if key[0] == "column_fidelity"} == {
        ("column_fidelity", "shape"),
        ("column_fidelity",),
    }
    assert ("pair_fidelity", "colour", "length") not in found
    assert ("pair_fidelity", "colour", "shape") in found


def test_halves_of_a_part_are_narrower_for_the_whole() -> None:
    real, table = draw(300, 1), draw(240, 2)
    wide, narrow = (scores(real, table, shrink=shrink) for shrink in (1.0, 0.5))
    for key in (("column_fidelity", "colour"), ("column_fidelity",), ("pair_fidelity",)):
        half = (wide[key].high - wide[key].low) / 2
        assert narrow[key].high - narrow[key].low == pytest.approx(half)


def test_a_table_without_a_known_number_is_told_and_not_scored() -> None:
    real, table = draw(300, 1), draw(50, 2)
    codes = table.codes.copy()
    codes[:, 2] = 0
    found = scores(real, table_of(codes, np.full(50, np.nan)))
    known = 1 - np.isnan(real.numbers["length"]).mean()
    assert (
        1
        - found["column_fidelity", "length"].value * (1 - found["column_fidelity", "length"].floor)
    ) == pytest.approx(known)
    assert found["coverage", "length"].value == 0
    assert ("wasserstein_distance", "length") not in found


def test_beside_no_real_row_nothing_is_told() -> None:
    """As where all rows of a small file are held out."""
    found = scores(draw(0, 1), draw(50, 2)).values()
    assert {score.value for score in found} <= {None}


def test_distances_of_numbers_are_scipys() -> None:
    random = np.random.default_rng(5)
    one, other = np.sort(random.normal(size=300)), np.sort(random.integers(-2, 3, 200) / 2)
    steps = distribution_functions(one, other)
    assert wasserstein(*steps) == pytest.approx(stats.wasserstein_distance(one, other))
    assert kolmogorov_smirnov(*steps[1:], 0, 0) == pytest.approx(
        stats.ks_2samp(one, other).statistic
    )
    lacking = np.concatenate([np.full(100, -9.0), one]), np.concatenate([np.full(5, -9.0), other])
    assert kolmogorov_smirnov(*steps[1:], 100 / 400, 5 / 205) == pytest.approx(
        stats.ks_2samp(*lacking).statistic
    )


def test_numbers_by_hand() -> None:
    # less the bias (2 − 2 − 2 + 1) / 2,000, which is negative here
    assert mutual_information(np.diag([500, 500])) == pytest.approx(np.log(2) + 1 / 2_000)
    assert mutual_information(np.array([[25, 25], [25, 25]])) == 0
    assert correlation(np.array([1.0, 2, 3, np.nan]), np.array([2.0, 4, 6, 1])) == pytest.approx(1)
    assert correlation(np.array([1.0, 1]), np.array([2.0, 4])) is None
    assert range_coverage(np.array([2.0, 3]), np.array([1.0, 5])) == 0.25
    assert range_coverage(np.array([2.0]), np.array([1.0, 1.0])) is None
