"""Every score of a run of four rows against four real ones, worked out by hand."""

import math

import pytest

from generators.home import Home
from generators.warehouse.transform import run_dbt
from synthcare.contracts.contract import Contract
from tests.driver import cli, csv_row, query

ROOM = {"room_number": "103", "medical_condition": "Arthritis"}

# The split is by a hash of all but the age; these four happen to be compared, those two held out.
COMPARED = [
    csv_row(name="Ann Lee", age="20", gender="Male", **ROOM),
    csv_row(name="Ann Lee", age="30", gender="Male", **ROOM),
    csv_row(name="Bo Li", age="40", gender="Female", **ROOM),
    csv_row(name="Cy Day", age="50", gender="Female", **ROOM),
]
HELD_OUT = [csv_row(name="Hal Ito", **ROOM), csv_row(name="Ivy Jo", **ROOM)]

WRITTEN = [
    csv_row(name="ANN LEE", age="50", gender="male", **ROOM),
    csv_row(name="ann lee", age="50", gender="Male", **ROOM),
    csv_row(name="Ann Lee", age="50", gender="Male", **ROOM, medication="Lipitor"),
    csv_row(name="CY DAY", age="50", gender="Female", **ROOM),
    csv_row(name="Di Po", age="50", gender="X", **ROOM),
]


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory, contract: Contract) -> Home:
    with pytest.MonkeyPatch.context() as patch:
        home = Home(tmp_path_factory.mktemp("known"))
        patch.setenv("SYNTHCARE_HOME", str(home.root))
        header = ",".join(contract.labels)
        (home.root / "real.csv").write_text("\n".join([header, *COMPARED, *HELD_OUT]))
        (home.root / "run.txt").write_text("\n".join(WRITTEN))
        assert cli("reference", "--csv", home.root / "real.csv").exit_code == 0
        assert cli("import", home.root / "run.txt", "--llm", "x").exit_code == 0
        run_dbt(home, "build", "--exclude-resource-type", "test", "unit_test")
    split = query(home, "select name, is_holdout from staging.stg_reference_admissions")
    assert sorted(name for name, is_holdout in split if is_holdout) == ["Hal Ito", "Ivy Jo"]
    return home


def row(home: Home, columns: str, source: str) -> tuple:
    """The one row of a query, as numbers that compare to six digits."""
    (found,) = query(home, f"select {columns} from metrics.{source}")
    return tuple(pytest.approx(v, abs=1e-6) if isinstance(v, float) else v for v in found)


def test_a_category(scored: Home) -> None:
    """Shares 3/4 and 1/4 against halves; of five records one is not allowed, one in lower case."""
    found = row(
        scored,
        """
        rows_compared, distance, expected_distance, score, jensen_shannon_divergence,
        jensen_shannon_distance, kullback_leibler_divergence, chi_square,
        chi_square_degrees_of_freedom, coverage, out_of_vocabulary_share,
        raw_out_of_vocabulary_share, raw_distance, wasserstein_distance
        """,
        "column_fidelity where column_name = 'gender'",
    )
    assert found == (
        *(4, 0.25, 0.2651650, 0.75 / 0.7348350, 0.0487949, math.sqrt(0.0487949)),
        *(0.0871767, 8 / 15, 1, 1.0, 0.2, 0.4, 0.4, None),
    )


def test_a_category_that_no_real_row_has_covers_nothing(scored: Home) -> None:
    """Lipitor beside the only medicine there is."""
    assert row(
        scored, "distance, coverage", "column_fidelity where column_name = 'medication'"
    ) == (0.25, 1.0)


def test_a_number(scored: Home) -> None:
    """50 four times against 20, 30, 40, 50: moved by 15 on average, in spreads of 11.18."""
    found = row(
        scored,
        "distance, expected_distance, score, jensen_shannon_divergence, wasserstein_distance,"
        " coverage, raw_distance",
        "column_fidelity where column_name = 'age'",
    )
    assert found == (0.75, 0.5389175, 0.25 / 0.4610825, 0.5487949, 15 / math.sqrt(125), 0.0, None)


def test_a_pair(scored: Home) -> None:
    """Of the four real pairs, a quarter each, the run has one in a quarter of its rows.

    Each stands there once, so that all others are taken to be unseen: half of them are missed.
    """
    found = row(
        scored,
        "contingency_similarity, expected_similarity, score, correlation, mutual_information,"
        " reference_mutual_information",
        "pair_fidelity where column_1 = 'age' and column_2 = 'gender'",
    )
    information = math.log(2) + 1 / 8
    assert found == (
        *(0.25, 0.5, 0.5),
        *(None, 0.0, information),
    )


def test_diversity(scored: Home) -> None:
    """Two names where three are expected, three distinct rows of four, one age where four are.

    Four other columns of numbers and dates have one value on either side; other categories have no
    variety to compare.
    """
    gender = (-0.75 * math.log(0.75) - 0.25 * math.log(0.25) + 1 / 8) / (math.log(2) + 1 / 8)
    names, values, rows = (2 / 3 + 1 + 1) / 3, (gender + 1 / 4 + 4) / 6, 3 / 4
    assert row(
        scored,
        "identifier_diversity, value_diversity, row_diversity, diversity, repeated_rows_share,"
        " expected_repeated_rows_share, shared_between_responses_share, prompt_echo_share",
        "diversity",
    ) == (names, values, rows, (names + values + rows) / 3, 0.25, 0.0, None, None)
    assert row(
        scored,
        "distinct_values, expected_distinct_values, most_repeated_value, most_repeated_share,"
        " reference_most_repeated_share",
        "column_diversity where column_name = 'name'",
    ) == (2.0, 3.0, "ann lee", 0.75, 0.5)


def test_plausibility(scored: Home) -> None:
    """Lipitor is not given for arthritis; the rejected record counts too."""
    assert row(
        scored,
        "records_checked, records_plausible, plausible_share, plausible_share_low,"
        " plausible_share_high, reference_plausible_share",
        "plausibility where check_name = 'medication_without_indication'",
    ) == (5, 4, 0.8, 0.3755346, 0.9637759, 1.0)
    assert row(scored, "plausible_share", "plausibility where check_name is null") == (0.8,)


def test_privacy(scored: Home) -> None:
    """One row is a real one in capitals, and all names are known."""
    assert row(
        scored,
        "copied_rows, copied_rows_any_case, copied_share, reference_copied_share,"
        " known_identifiers_share, exposure",
        "privacy",
    ) == (0, 1, 0.25, 0.0, 1.0, "not known, as the prompt is not")


def test_nearness(scored: Home) -> None:
    """Cy Day is a real person; but four rows beside four real ones say nothing of nearness."""
    assert query(scored, "select risk from metrics.privacy_risks where risk like 'all_but%'") == []
    assert row(scored, "privacy, privacy_high, leaks_because", "privacy") == (None, None, None)


def test_what_four_rows_cannot_say(scored: Home) -> None:
    assert row(scored, "accept_rate, detection, utility, overall", "scorecard") == (
        *(0.8, None, None, None),
    )


def test_copies_stand_beside_those_that_real_rows_are(home: Home, contract: Contract) -> None:
    """Half of the real rows are copies of each other, and three of four written ones are real."""
    twin = csv_row(name="Ann Lee")
    others = [csv_row(name="Bo Li"), csv_row(name="Cy Day")]
    real, written = home.root / "real.csv", home.root / "run.txt"
    real.write_text("\n".join([",".join(contract.labels), twin, twin, *others]))
    written.write_text("\n".join([twin, twin, others[0], csv_row(name="Di Po")]))
    assert cli("reference", "--csv", real).exit_code == 0
    assert cli("import", written, "--llm", "x").exit_code == 0
    run_dbt(
        home,
        "build",
        "--select",
        "+privacy",
        "+privacy_risks",
        "--exclude-resource-type",
        "test",
        "unit_test",
    )
    assert row(home, "copied_share, reference_copied_share", "privacy") == (0.75, 0.5)
