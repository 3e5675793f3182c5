"""What the benchmark plants is what its name says, follows the contract, and spares its input."""

import numpy as np
import pandas as pd
import pytest

from synthcare.contracts.contract import load_contract
from tests.benchmarks.defects import (
    CLEAN,
    DEFECTS,
    Real,
    copied,
    matrix,
    obeying,
    tails_cut,
    target_shuffled_in_one_race,
    without_interaction,
)

ROWS = 600
PLANTED = [(dataset, name) for dataset, defects in DEFECTS.items() for name in defects]


def made(dataset: str) -> Real:
    """A table in which each column is drawn by itself, evenly from what the contract allows."""
    contract = load_contract(dataset)
    random = np.random.default_rng(0)
    values = {}
    for column in contract.columns:
        if column.kind == "categorical":
            values[column.name] = random.choice(
                np.array(column.accepted_values, dtype=object), ROWS
            )
        elif column.kind == "date":
            days = random.integers(0, 1_000, ROWS).astype("timedelta64[D]")
            values[column.name] = np.datetime64("2020-01-01") + days
        elif column.kind in ("integer", "decimal"):
            low, high = int(column.minimum), int(column.maximum)
            values[column.name] = random.integers(low, high + 1, ROWS)
        else:
            values[column.name] = [f"Ann Lee {number}" for number in range(ROWS)]
    rows = pd.DataFrame(values)
    if dataset == "admissions":
        dates = np.sort(rows[["date_of_admission", "discharge_date"]].to_numpy(), axis=1)
        rows["date_of_admission"], rows["discharge_date"] = dates.T
    rows = obeying(rows)
    return Real(contract, *(rows[start:end] for start, end in ((0, 200), (200, 300), (300, ROWS))))


@pytest.mark.parametrize(("dataset", "name"), PLANTED)
def test_a_defect_follows_the_contract_and_changes_rows(dataset: str, name: str) -> None:
    real = made(dataset)
    rows = real.unseen[:150].reset_index(drop=True)
    before = rows.copy()
    found = DEFECTS[dataset][name](rows, np.random.default_rng(1), real).reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, before)
    assert not found.equals(before)
    assert 0 < len(found) <= len(rows)
    for column in real.contract.columns:
        known = found[column.name].dropna()
        assert len(known) == len(found) or column.is_nullable
        if column.kind == "categorical":
            assert known.isin(column.accepted_values).all()
        elif column.kind == "integer":
            assert known.between(int(column.minimum), int(column.maximum)).all()
    if dataset == "admissions":
        assert (found["discharge_date"] >= found["date_of_admission"]).all()


@pytest.mark.parametrize("changed", [0, 1, 3])
def test_three_in_ten_rows_are_as_near_as_said(changed: int) -> None:
    real = made("encounters")
    found = copied(real.unseen[:100], np.random.default_rng(1), real, changed)[:30]
    of = real.known.loc[found.index]
    assert ((found != of).sum(axis=1) == changed).all()
    assert (np.abs(found[real.named("integer")] - of[real.named("integer")]) <= 1).all(axis=None)


def test_other_races_keep_their_target() -> None:
    real = made("encounters")
    found = target_shuffled_in_one_race(real.unseen, np.random.default_rng(1), real)
    is_other = real.unseen["race"] != "AfricanAmerican"
    is_same = found["readmitted"].sort_index() == real.unseen["readmitted"]
    assert is_same[is_other].all()
    assert not is_same[~is_other].all()


def test_tails_end_where_a_twentieth_of_the_real_rows_does() -> None:
    real = made("encounters")
    found = tails_cut(real.unseen, np.random.default_rng(1), real)
    assert found["lab_procedures"].max() == np.sort(real.known["lab_procedures"])[284]


def test_pairs_stay_where_three_columns_no_longer_interact() -> None:
    # Two coins, and whether they fell alike: each two are independent, all three are not.
    counts = np.zeros((2, 2, 2))
    counts[0, 0, 1] = counts[1, 1, 1] = counts[0, 1, 0] = counts[1, 0, 0] = 10
    assert without_interaction(counts) == pytest.approx(np.full((2, 2, 2), 5))


def test_a_score_calls_worse_what_is_surely_below_real_rows() -> None:
    # Real rows reach 0.9 on average; without the worst of them 1.0.
    repeats = {
        CLEAN: [(1.0, 1.1), (1.0, 1.1), (1.0, 1.1), (0.6, 0.95)],
        "numbers rounded": [(0.7, 0.8), (0.8, 0.89), (0.8, 0.91), (0.8, 1.2)],
    }
    found = pd.DataFrame(
        [
            ("encounters", defect, number, "detection", value, high)
            for defect, scores in repeats.items()
            for number, (value, high) in enumerate(scores)
        ],
        columns=["dataset", "defect", "repeat", "score", "value", "high"],
    )
    clean, rounded = matrix(found).splitlines()[2:]
    assert clean.startswith(f"| {CLEAN} | –")
    assert "25%" in clean
    assert "50%" in rounded
