"""A build scores again only what has changed, and tells the same as one that scores everything."""

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import synthcare
from generators.home import Home
from generators.landing.journal import Journal
from generators.landing.loading import land
from generators.warehouse.database import open_warehouse
from generators.warehouse.transform import run_dbt
from synthcare.contracts.contract import Contract
from tests.benchmarks.measured import build
from tests.driver import RUN, csv_row, query, response
from tests.worlds import draw, land_reference

UP_TO_SCORES = ("--select", "+scores")
ACCEPTED = "\n".join(csv_row(age=str(age), name=f"Ann {age}") for age in range(20, 26))
REJECTED = csv_row(gender="X")


def add(home: Home, run_id: str, *texts: str) -> None:
    """Land another response of a run for each text."""
    with Journal(home.landing / run_id, RUN | {"run_id": run_id}) as journal:
        for number, text in enumerate(texts, start=journal.last_request_number + 1):
            journal.append(
                replace(response(number, text), run_id=run_id, response_id=f"{run_id}-{number}")
            )
    land(home)


def score(home: Home) -> None:
    run_dbt(home, "build", *UP_TO_SCORES, "--exclude-resource-type", "test", "unit_test")


def mark(home: Home) -> None:
    """Give all scores a note that no score has."""
    query(home, "update metrics.scores set note = 'marked'")
    assert scored_again(home) == set()


def scored_again(home: Home) -> set[str]:
    """Runs of which no score is marked; of others all are."""
    found = query(
        home,
        """
        select run_id, count(*) filter (where note = 'marked') / count(*)
        from metrics.scores group by run_id
        """,
    )
    assert {share for _, share in found} <= {0, 1}
    return {run_id for run_id, share in found if not share}


def scores(home: Home) -> pd.DataFrame:
    with open_warehouse(home) as warehouse:
        return warehouse.execute(
            """
            select * exclude (note) from metrics.scores
            order by run_id, score_name, subject
            """
        ).df()


def land_all(home: Home, contract: Contract) -> None:
    """A reference and three runs, too small for classifiers; of `c`, no record is accepted."""
    land_reference(home, contract, draw(contract, 300, seed=1))
    add(home, "b", ACCEPTED, ACCEPTED)
    add(home, "c", REJECTED)
    add(home, "d", ACCEPTED)


@pytest.fixture(scope="module")
def scored_once(tmp_path_factory: pytest.TempPathFactory, contract: Contract) -> Home:
    home = Home(tmp_path_factory.mktemp("rescored"))
    land_all(home, contract)
    score(home)
    return home


@pytest.fixture
def rescored(scored_once: Home) -> Home:
    """All scores are up to date, as every test leaves them, and marked."""
    mark(scored_once)
    return scored_once


def test_what_has_not_changed_is_not_scored_again(rescored: Home) -> None:
    before = query(rescored, "from metrics.scores order by all")
    assert {run_id for run_id, *_ in before} >= {"b", "c", "d"}
    score(rescored)
    assert query(rescored, "from metrics.scores order by all") == before


def test_a_record_more_and_its_run_is_scored_again(rescored: Home) -> None:
    """Even one that is rejected: the accept rate is another, though no row is."""
    add(rescored, "d", REJECTED)
    score(rescored)
    assert scored_again(rescored) == {"d"}


def test_another_value_and_its_run_is_scored_again(rescored: Home) -> None:
    """As if it had been typed by other SQL: there are as many records as before."""
    cast = "update intermediate.int_admissions_cast set age = 77 where record_id in"
    query(rescored, f"{cast} (select min(record_id) from marts.admissions where run_id = 'b')")
    score(rescored)
    assert scored_again(rescored) == {"b"}


def test_a_run_more_and_only_it_is_scored(rescored: Home) -> None:
    """Though it stands before the others."""
    add(rescored, "a", ACCEPTED)
    score(rescored)
    assert scored_again(rescored) == {"a"}


def test_what_was_kept_is_what_scoring_everything_tells(rescored: Home) -> None:
    add(rescored, "d", csv_row(age="78"))
    score(rescored)
    found = scores(rescored)
    query(rescored, "drop table metrics.scores")
    score(rescored)
    # The order of rows in a sum is not always the same.
    pd.testing.assert_frame_equal(scores(rescored), found, rtol=1e-9)


def test_another_reference_and_what_was_compared_is_scored_again(
    rescored: Home, contract: Contract
) -> None:
    land_reference(rescored, contract, draw(contract, 300, seed=2))
    score(rescored)
    assert {"b", "d"} <= scored_again(rescored)


def test_another_library_and_everything_is_scored_again(
    rescored: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = tmp_path / "synthcare"
    shutil.copytree(Path(synthcare.__file__).parent, changed)
    with (changed / "chance.py").open("a") as source:
        source.write("# as good as new")
    monkeypatch.setattr(synthcare, "__file__", str(changed / "__init__.py"))
    score(rescored)
    assert {"b", "c", "d"} <= scored_again(rescored)


def test_other_variables_and_everything_is_scored_again(tmp_path: Path, contract: Contract) -> None:
    home = Home(tmp_path)
    land_all(home, contract)
    build(home, *UP_TO_SCORES)
    for variables in ("{seed: 1}", "{seed: 1, scores: [accept_rate, diversity]}"):
        mark(home)
        build(home, *UP_TO_SCORES, "--vars", variables)
        assert scored_again(home) == {"b", "c", "d"}
    known = "select score_name from metrics.scores where run_id = 'c' and value is not null"
    assert query(home, known) == [("accept_rate",)]
