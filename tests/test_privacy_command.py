"""`synthcare privacy`, and what reports make of a run that leaks."""

import io
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from rich.console import Console

from generators.commands.nearest_rows import Nearest, Pair
from generators.commands.privacy import NOT_TO_BE_SHARED, show
from generators.home import Home
from generators.warehouse.transform import run_dbt
from reports.index import write_index
from reports.scores import read_scores
from reports.standings import standings
from synthcare.contracts.contract import Contract
from tests.driver import cli, query
from tests.worlds import Table, draw, land_reference, land_runs

pytestmark = pytest.mark.xdist_group("privacy_command")

LEAKY, FRESH, LATE = "x-leaky-1", "x-fresh-1", "late-1"
CHANGED = {"name", "doctor", "hospital"}


@dataclass(frozen=True)
class World:
    """A warehouse with two scored runs and one that came later; the rows of the leaky one."""

    home: Home
    real: pd.DataFrame
    leaky: pd.DataFrame


def build(home: Home) -> None:
    selected = ["+scorecard", "+comparison", "+privacy_risks", "+distributions"]
    selected += ["+column_diversity", "+diversity", "+reject_reasons", "+unread_answers"]
    selected += ["+subgroups", "+subgroup_rates"]
    run_dbt(home, "build", "--select", *selected, "--exclude-resource-type", "test", "unit_test")


@pytest.fixture(scope="module")
def world(contract: Contract, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Of the leaky run, rows are real but for people's names; of the other, all are men's."""
    home = Home(tmp_path_factory.mktemp("privacy"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNTHCARE_HOME", str(home.root))
        real = draw(contract, 1_200, seed=1)
        leaky, others = real[:200].copy(), draw(contract, 200, seed=2)
        for column in CHANGED:
            leaky[column] = others[column].to_numpy()
        leaky.loc[:9, "name"] = real.loc[:9, "name"]
        leaky.loc[:4, "doctor"] = real.loc[:4, "doctor"]
        leaky["hospital"] = real.loc[0, "hospital"]
        fresh = draw(contract, 200, seed=3).assign(gender="Male", blood_type="A+")
        land_reference(home, contract, real)
        land_runs(home, contract, [Table(LEAKY, leaky, 50), Table(FRESH, fresh, 50)])
        build(home)
        land_runs(home, contract, [Table(LATE, fresh[:20], 10)])
        yield World(home, real, leaky)


def test_the_risks_come_in_words_and_the_nearest_rows_side_by_side(world: World) -> None:
    done = cli("privacy", "leaky")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == NOT_TO_BE_SHARED
    assert lines[1].startswith(f"{LEAKY}: privacy 0.0")
    assert re.fullmatch(r"leaks: \d+ of 200 rows .* among real rows \d+ would", lines[2])
    risks = [line for line in lines if re.match(r"  +-?\d\.\d\d \[", line)]
    ((known,),) = query(
        world.home, f"select count(*) from metrics.privacy_risks where run_id = '{LEAKY}'"
    )
    assert len(risks) == known > 8
    excesses = [float(line.split()[0]) for line in risks]
    assert excesses == sorted(excesses, reverse=True)
    titles = [line for line in lines if "of 15 values differ" in line]
    counts = [int(re.search(r"\. (\d+) of", title)[1]) for title in titles]
    assert len(counts) == 10
    assert counts == sorted(counts)
    assert counts[0] == 0


def test_each_pair_is_a_row_and_the_real_one_it_was_made_of(world: World) -> None:
    told = json.loads(cli("privacy", LEAKY, "--pairs", "200", "--json").stdout)
    assert (told["run_id"], len(told["pairs"])) == (LEAKY, 200)
    assert (told["rows_looked_at"], told["rows_accepted"]) == (200, 200)
    seen = set()
    for pair in told["pairs"]:
        # Responses of 50 rows each, and row_number counts from 0.
        _, response, record = pair["record_id"].removeprefix(LEAKY).split("-")
        place = 50 * int(response) + int(record) - 1
        assert pair["real_row"] == place
        seen.add(place)
        for side, rows in (("synthetic", world.leaky), ("real", world.real)):
            for name in ("name", "doctor", "hospital", "medical_condition"):
                assert pair[side][name] == rows.loc[place, name]
            assert pair[side]["age"] == rows.loc[place, "age"]
        differing = {n for n in CHANGED if world.leaky.loc[place, n] != world.real.loc[place, n]}
        assert set(pair["differing"]) == differing
    assert len(seen) == 200
    ((half,),) = query(
        world.home,
        "select if(is_holdout, 'holdout', 'train') from staging.stg_reference_admissions"
        f" where row_number = {told['pairs'][0]['real_row']}",
    )
    assert told["pairs"][0]["half"] == half


def test_values_that_differ_are_marked(world: World) -> None:
    lines = cli("privacy", LEAKY, "--pairs", "1").stdout.splitlines()
    assert not any(" ≠ " in line for line in lines if not line.startswith("1 of the"))
    lines = cli("privacy", FRESH, "--pairs", "1").stdout.splitlines()
    title = next(line for line in lines if "of 15 values differ" in line)
    marked = [line for line in lines if " ≠ " in line and not line.startswith("1 of the")]
    assert len(marked) == int(re.search(r"\. (\d+) of", title)[1]) > 3


def test_a_terminal_obeys_no_value(contract: Contract) -> None:
    nasty = "[bold]A[/bold]\x1b]0;mine\x07\x1b[2J\r\nB\u202e"
    values = {column.name: nasty for column in contract.columns}
    pair = Pair(f"r-{nasty}", 3, "train", values, values | {"age": None}, frozenset({"age"}))
    run = {"run_id": nasty, "privacy": 1.0, "privacy_low": None, "privacy_high": None}
    run |= {"exposure": "not known", "leaks": None, "rows_accepted": 10_000_000}
    console = Console(width=200, file=io.StringIO(), force_terminal=True, color_system=None)
    show(console, contract, run, Nearest([], [pair], 1))
    text = console.file.getvalue()
    assert text.count(r"[bold]A[/bold]\x1b]0;mine\x07\x1b[2J B\u202e") == 2 * 15 - 1 + 2
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", text)
    assert "1 of the 1 rows that were looked at, of 10,000,000 in all, the nearest to" in text


REFUSED = {
    "nobody": "There is no run 'nobody'. metrics.scorecard lists the run_ids.",
    "x-": f"'x-' is part of 2 run_ids: {FRESH}, {LEAKY}. Say more.",
    "late": f"{LATE} is not scored yet: synthcare report.",
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_cannot_be_shown_is_said_in_a_line(world: World, said: str) -> None:
    done = cli("privacy", said)
    assert (done.exit_code, done.stderr, done.stdout) == (2, f"Error: {REFUSED[said]}\n", "")


def test_a_warehouse_of_another_version_is_told(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHCARE_HOME", str(tmp_path))
    query(world.home, "force checkpoint")  # or what was written last is in another file
    shutil.copy(world.home.warehouse, tmp_path)
    path = str(tmp_path / "warehouse.duckdb")
    with duckdb.connect(path) as warehouse:
        warehouse.execute("alter table intermediate.int_scored_columns drop column is_nullable")
    assert "was built by another version" in cli("privacy", LEAKY).stderr
    with duckdb.connect(path) as warehouse:
        warehouse.execute("drop table metrics.privacy_risks")
    assert "is not scored yet" in cli("privacy", LEAKY).stderr


def test_without_a_reference_there_is_nothing_to_show(home: Home, contract: Contract) -> None:
    assert cli("privacy", "a").stderr == "Error: Nothing is built yet. Start with synthcare run.\n"
    land_runs(home, contract, [Table("alone", draw(contract, 20, seed=1), 10)])
    build(home)
    said = cli("privacy", "alo")
    assert said.exit_code == 2
    assert said.stderr == ("Error: alone is not scored: no reference table: synthcare reference.\n")


def test_a_run_that_leaks_comes_last_and_leads_nowhere(
    world: World, contract: Contract, tmp_path: Path
) -> None:
    scores = read_scores(world.home, contract)
    overall = {run["run_id"]: run["overall"] for run in scores.scorecard}
    assert [*overall] == [FRESH, LEAKY]
    assert overall[LEAKY] > overall[FRESH]
    assert {run for run, _ in standings(scores)} == {FRESH}
    write_index(contract, scores, tmp_path / "index.html", drift_reports={})
    page = (tmp_path / "index.html").read_text()
    leaky, fresh = (next(r for r in scores.scorecard if r["run_id"] == i) for i in (LEAKY, FRESH))
    assert fresh["leaks"] is None
    assert page.count(leaky["leaks"]) >= 2  # in words, and among all that is looked for
    for column in ("name", "doctor", "hospital"):
        for value in {*world.real.loc[:20, column]}:
            assert value.lower() not in page.lower()
