"""Tables that belong together have one run_id: each is counted and scored as if it were alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from generators.asking.judge import count_records
from generators.costs.ledger import read_ledger
from generators.drawing.stand_in import stand_in_rows
from generators.home import Home
from generators.landing.journal import Journal
from generators.landing.loading import land
from generators.landing.reference import land_stand_in
from generators.warehouse.database import open_warehouse
from generators.warehouse.transform import run_dbt
from generators.wire_formats import write_rows
from reports import pages
from reports.scores import read_scores
from reports.unread import read_unread_answers
from synthcare.contracts.contract import load_contract
from tests.driver import RUN, cli, query, response

SHARED, SECOND = "shared-1", "second-1"
REFUSAL = "I'm sorry, but I can't write that."
START = datetime.fromisoformat("2026-01-01T00:00:00")


@dataclass(frozen=True)
class Part:
    """What a run holds of a dataset: answers of ten rows, some rejected ones, then refusals."""

    dataset: str
    answers: int
    rejected: int
    refused: int
    seconds: int
    tokens: int
    dictated: dict[str, dict[str, int]]


PARTS = [
    Part("admissions", 4, 1, 2, seconds=3, tokens=100, dictated={"gender": {"Male": 2}}),
    Part("encounters", 6, 2, 1, seconds=2, tokens=70, dictated={"insulin": {"No": 3}}),
]
DATASETS = [part.dataset for part in PARTS]


def journal(home: Home, part: Part, run_id: str, *, first: int) -> None:
    """A journal of its own folder, whose answers are the same whichever run they are of."""
    contract = load_contract(part.dataset)
    rows = stand_in_rows(contract, first + 10 * part.answers)[first:]
    wrong = ["x" if column.name == "age" else "" for column in contract.columns]
    texts = [
        write_rows(contract, rows[place : place + 10], "csv") for place in range(0, len(rows), 10)
    ]
    texts[-1] += write_rows(contract, [wrong] * part.rejected, "csv")
    about = {"run_id": run_id, "dataset": part.dataset, "variety": "slices"}
    about |= {"model": "gpt-4o-2024-08-06", "price_tier": "standard"}
    about |= {"user_message": f"Write {part.dataset}."}
    with Journal(home.landing / f"{run_id}-{part.dataset}", RUN | about) as written:
        for number, text in enumerate([*texts, *[REFUSAL] * part.refused], start=1):
            asked = START + timedelta(seconds=part.seconds * number)
            answer = replace(
                response(number, text),
                response_id=f"{part.dataset}-{first}-{number}",
                run_id=run_id,
                input_tokens=part.tokens,
                dictated_values=part.dictated,
                requested_at=asked,
                received_at=asked + timedelta(seconds=part.seconds),
            )
            written.append(answer)


def build(folder: Path, run_ids: dict[str, Sequence[str]], *left_out: str) -> Home:
    """A warehouse with two runs of each dataset, and all that dbt makes of it."""
    home = Home(folder)
    for part in PARTS:
        land_stand_in(home, load_contract(part.dataset))
        for place, run_id in enumerate(run_ids[part.dataset]):
            journal(home, part, run_id, first=100 * place)
    land(home)
    run_dbt(home, "build", "--exclude-resource-type", *left_out)
    return home


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two runs, each of both datasets. All tests of dbt pass."""
    folder = tmp_path_factory.mktemp("shared")
    return build(folder, dict.fromkeys(DATASETS, (SHARED, SECOND)), "unit_test")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The same answers, where each run is of one dataset."""
    folder = tmp_path_factory.mktemp("alone")
    run_ids = {dataset: (f"{dataset}-1", f"{dataset}-2") for dataset in DATASETS}
    return build(folder, run_ids, "test", "unit_test")


def told(home: Home, table: str, dataset: str, run_id: str) -> pd.DataFrame:
    """What a table has of a run and dataset, but for what names the run."""
    with open_warehouse(home) as warehouse:
        rows = warehouse.execute(
            f"""
            select columns(* exclude (run_id)) from {table}
            where dataset = $dataset and run_id = $run_id
            order by all
            """,
            {"dataset": dataset, "run_id": run_id},
        ).df()
    return rows.drop(columns=["other_run_id", "fingerprint", "started_at"], errors="ignore")


MARTS = ["marts.generation_runs", "marts.response_audit"]
METRICS = ["scores", "scorecard", "comparison", "column_fidelity", "pair_fidelity", "distributions"]
METRICS += ["missingness", "detection", "diversity", "column_diversity", "plausibility", "utility"]
METRICS += ["privacy", "privacy_risks", "structure", "interactions", "subgroups"]
METRICS += ["subgroup_rates", "reject_reasons", "unread_answers"]
# Columns of a stand-in have nothing to do with each other, and those of admissions no gaps.
HAVE_NONE = [
    (f"metrics.{name}", dataset) for name in ("structure", "interactions") for dataset in DATASETS
]
HAVE_NONE += [("metrics.missingness", "admissions")]


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("table", MARTS + [f"metrics.{name}" for name in METRICS])
def test_a_dataset_of_a_shared_run_is_told_of_as_if_it_were_alone(
    shared: Home, alone: Home, table: str, dataset: str
) -> None:
    found = told(shared, table, dataset, SHARED)
    assert len(found) or (table, dataset) in HAVE_NONE
    # The order of rows in a sum is not always the same.
    expected = told(alone, table, dataset, f"{dataset}-1")
    pd.testing.assert_frame_equal(found, expected, rtol=1e-9)


def test_each_dataset_of_a_shared_run_has_its_own_counts(shared: Home) -> None:
    counts = """
        select
            dataset, responses, records_found, rows_accepted, rows_rejected, input_tokens,
            output_tokens, wall_seconds, round(1e6 * cost_usd)
        from marts.generation_runs where run_id = $run_id order by dataset
    """
    # USD 2.50 for a million tokens that are read, 10 for those that are written: 2 an answer.
    assert query(shared, counts, run_id=SHARED) == [
        ("admissions", 6, 41, 40, 1, 600, 12, 18, 1_620),
        ("encounters", 7, 62, 60, 2, 490, 14, 14, 1_365),
    ]
    audit = """
        select dataset, count(*), sum(records_found)::int, sum(rows_accepted)::int
        from marts.response_audit where run_id = $run_id group by dataset order by dataset
    """
    assert query(shared, audit, run_id=SHARED) == [
        ("admissions", 6, 41, 40),
        ("encounters", 7, 62, 60),
    ]


@pytest.mark.parametrize(
    ("dataset", "counts"), [("admissions", (41, 40)), ("encounters", (62, 60))]
)
def test_commands_count_one_dataset(shared: Home, dataset: str, counts: tuple[int, int]) -> None:
    assert count_records(shared, dataset, [SHARED]) == counts
    (run,) = (run for run in read_ledger(shared, [SHARED]) if run["dataset"] == dataset)
    assert (run["dataset"], run["records_found"], run["rows_accepted"]) == (dataset, *counts)
    (unread,) = read_unread_answers(shared, dataset, [SHARED])
    assert unread["refused"] == {"admissions": 2, "encounters": 1}[dataset]


def test_the_privacy_of_a_shared_run_is_asked_for_by_dataset(
    shared: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHCARE_HOME", str(shared.root))
    refused = cli("privacy", SHARED)
    assert (refused.exit_code, refused.stderr) == (
        2,
        f"Error: {SHARED} is of admissions, encounters. Say which: --dataset admissions.\n",
    )
    for dataset in DATASETS:
        shown = cli("privacy", SHARED, "--dataset", dataset, "--pairs", 1)
        assert shown.exit_code == 0, shown.output
        assert f" of {len(load_contract(dataset).columns)} values differ" in shown.stdout


def test_each_dataset_of_a_shared_run_has_its_own_drift_report(
    shared: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evidently's own page takes ten seconds."""
    drawn: list[Path] = []
    monkeypatch.setattr(pages, "write_drift_report", lambda *_, path, **__: drawn.append(path))
    for dataset in DATASETS:
        contract = load_contract(dataset)
        pages.write_pages(shared, contract, read_scores(shared, contract))
    assert sorted(path.name for path in drawn) == [
        *(f"admissions-{SECOND}.html", f"admissions-{SHARED}.html"),
        *(f"encounters-{SECOND}.html", f"encounters-{SHARED}.html"),
    ]
