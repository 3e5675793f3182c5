"""What a person can get wrong ends in one line and exit code 2, with nothing half-written."""

import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from generators.asking.llms import load_llm
from generators.home import Home
from generators.providers.local import serve_locally
from generators.warehouse import database
from synthcare.errors import SynthcareError
from synthcare.project import PROJECT
from tests.driver import cli, query


def assert_refused(result: object, said: str) -> None:
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["generate", "--llm", "gpt-9"], "There is no LLM 'gpt-9'. Use one of: smollm2, gpt-4o"),
        (["generate", "--llm", "smollm2", "--prompt", "expert"], "'expert' is not one of 'basic'"),
        (["generate", "--llm", "smollm2", "--instructions", "x"], "'x' is not one of 'basic'"),
        (["generate", "--llm", "smollm2", "--rows", "0"], "0 is not in the range x>=1"),
        (["generate", "--llm", "smollm2", "--rows", "-5"], "-5 is not in the range x>=1"),
        (["generate", "--llm", "smollm2", "--format", "xml"], "no wire format 'xml'. Use one of:"),
        (["generate"], "Missing option '--llm'"),
        (["report", "--dataset", "nope"], "'nope' is not"),
        (["privacy", "x"], "Nothing is built yet"),
        (["privacy", "x", "--pairs", "0"], "0 is not in the range x>=1"),
        (["import", "nowhere.txt", "--llm", "x"], "cannot be read: No such file or directory"),
    ],
)
def test_wrong_arguments(home: Home, arguments: list[str], said: str) -> None:
    assert_refused(cli(*arguments), said)
    assert not home.landing.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "is empty"),
        (b"PK\x03\x04", "no text"),
    ],
)
def test_an_import_without_text(home: Home, tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "answer.txt"
    path.write_bytes(content)
    assert_refused(cli("import", path, "--llm", "x"), said)
    assert not home.landing.exists()


def test_every_command_has_help() -> None:
    for command in ("reference", "generate", "import", "run", "report", "privacy", "demo"):
        shown = cli(command, "--help")
        assert shown.exit_code == 0
        assert "--json" in shown.stdout


def test_a_port_in_use(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(SynthcareError, match=f"Port {port} is in use. Set another `port`"),
            serve_locally(replace(load_llm("smollm2"), port=port)),
        ):
            pass


def test_a_missing_model_file(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generators.providers.local._MODEL_PACKAGE", "no_such_package")
    refused = cli("generate", "--llm", "smollm2", "--rows", 1)
    assert_refused(refused, "its model file is missing. Run `make setup`")


def test_a_locked_warehouse_names_its_holder_and_loses_nothing(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generators.warehouse.database._LOCK_WAIT_SECONDS", 0.5)
    answer = tmp_path / "answer.txt"
    answer.write_text("{}")
    hold = (
        f"import duckdb; c = duckdb.connect({str(home.warehouse)!r}); print('held', flush=True);"
        "input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        refused = cli("import", answer, "--llm", "x")
        assert_refused(refused, f"(process {holder.pid})")
        assert "Close it there and run this again" in refused.stderr
        assert_refused(cli("reference"), "is locked by")
        assert_refused(cli("report"), "is locked by")
        holder.communicate("\n")
    assert cli("import", answer, "--llm", "x").exit_code == 0
    assert query(home, "select count(*) from raw.llm_responses") == [(1,)]


def test_a_warehouse_that_is_none(home: Home) -> None:
    home.warehouse.write_text("this is no database" * 1000)
    assert_refused(cli("reference"), "cannot be opened")


def dbt(folder: Path, *arguments: str) -> str:
    """What dbt says, as a new user types it, in a process of its own."""
    folders = ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    done = subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", "--warn-error", *arguments, *folders],
        cwd=PROJECT,
        env={"SYNTHCARE_HOME": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_dbt_build_alone_works_on_nothing(tmp_path: Path) -> None:
    assert "Completed successfully" in dbt(tmp_path, "build")
    assert query(Home(tmp_path), "from metrics.scorecard") == []


# As they were when a run was of one dataset, and an answer had no name in its file.
OLDER_TABLES = """
create schema raw;
create table raw.llm_runs (run_id varchar primary key, dataset varchar, llm varchar);
insert into raw.llm_runs values ('r', 'admissions', 'x'), ('s', 'encounters', 'y');
create table raw.llm_responses (response_id varchar primary key, run_id varchar);
insert into raw.llm_responses values ('r-1', 'r'), ('s-1', 's');
"""


@pytest.mark.parametrize("is_opened_by_dbt", [True, False])
def test_an_older_warehouse_gets_what_it_lacks(tmp_path: Path, is_opened_by_dbt: bool) -> None:
    home = Home(tmp_path)
    with duckdb.connect(str(home.warehouse)) as older:
        older.execute(OLDER_TABLES)
    if is_opened_by_dbt:
        dbt(tmp_path, "run-operation", "create_raw_tables")
        with duckdb.connect(str(home.warehouse)) as newer:
            responses = newer.execute("select dataset from raw.llm_responses order by all")
            assert responses.fetchall() == [("admissions",), ("encounters",)]
    assert query(home, "select response_id, run_id, dataset, custom_id from raw.llm_responses") == [
        ("r-1", "r", "admissions", None),
        ("s-1", "s", "encounters", None),
    ]
    query(home, "insert into raw.llm_runs by name select 'r' as run_id, 'encounters' as dataset")
    assert query(home, "select run_id, dataset, llm, seed from raw.llm_runs order by all") == [
        ("r", "admissions", "x", None),
        ("r", "encounters", None, None),
        ("s", "encounters", "y", None),
    ]
    with pytest.raises(duckdb.ConstraintException):
        query(
            home, "insert into raw.llm_runs by name select 's' as run_id, 'encounters' as dataset"
        )


def test_an_older_warehouse_is_renewed_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    with duckdb.connect(str(home.warehouse)) as older:
        older.execute(OLDER_TABLES)
    with monkeypatch.context() as patch, pytest.raises(duckdb.Error):
        patch.setattr(database, "_DATASETS_OF_RESPONSES", "select no_such_column")
        query(home, "select 1")
    assert query(home, "select dataset from raw.llm_responses order by all") == [
        ("admissions",),
        ("encounters",),
    ]
