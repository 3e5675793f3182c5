"""Runs of tables that belong together: asked for, judged, killed, kept and scored."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from generators.costs.tokens import count_tokens
from generators.drawing.children import draw_counts
from generators.drawing.stand_in import stand_in_rows
from generators.home import Home
from generators.landing import reference
from generators.landing.journal import Journal
from generators.landing.loading import land
from generators.landing.reference import land_csv
from generators.variety.families import Parent, family_brief, told_labels
from generators.warehouse.transform import run_dbt
from generators.wire_formats import write_rows
from synthcare.contracts.contract import Contract, contract_of, load_contract
from synthcare.contracts.relations import ForeignKey
from synthcare.errors import SynthcareError
from synthcare.project import PROJECT
from tests.driver import RUN, cli, query, response
from tests.families import ENCOUNTERS
from tests.loopback import StandIn, serve

PATIENTS, STAYS = "diabetes_patients", "diabetes_stays"
KEY = "sk-test"
REFERENCE = {"title": "t", "file": "f", "stand_in_rows": 1}
GENERATE = ["generate", "--dataset", STAYS, "--llm", "gpt-4o", "--rows-per-request", 10]

# How many stays each accepted patient of a run has.
FAMILIES = f"""
    select patients.record_id, count(stays.record_id)
    from marts.{PATIENTS} as patients
    left join marts.{STAYS} as stays using (run_id, patient_nbr)
    group by patients.record_id
"""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    with serve(key=KEY, datasets=(STAYS, PATIENTS)) as stand_in:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", stand_in.base_url)
        yield stand_in


def asked_for_stays(server: StandIn) -> list[str]:
    """What requests for stays say of the patients."""
    users = [body["messages"][-1]["content"] for _, _, body in server.requests]
    return [user for user in users if "Key, Rows, " in user]


def is_whole(home: Home, seed: int = 1) -> bool:
    """Whether each patient has just the stays that are drawn for it."""
    found = dict(query(home, FAMILIES))
    drawn = draw_counts(load_contract(STAYS), seed, [*found])
    return bool(found) and [*found.values()] == drawn


def test_each_accepted_patient_gets_the_stays_that_are_drawn_for_it(
    home: Home, server: StandIn
) -> None:
    for rows in (12, 18):
        done = cli(*GENERATE, "--rows", rows, "--json")
        assert done.exit_code == 0, done.output
        ((run_id, said),) = json.loads(done.stdout)["runs"].items()
        assert said["stopped_because"] is None
        assert said["parents"][PATIENTS]["accepted"] == rows
        assert query(home, "select distinct run_id from marts.generation_runs") == [(run_id,)]
        assert is_whole(home)
    records = [record for record, _ in query(home, FAMILIES)]
    said = "\n".join(asked_for_stays(server))
    assert not any(record in said for record in records)
    wanted = sum(draw_counts(load_contract(STAYS), 1, records))
    assert query(home, f"select count(*) from marts.{STAYS}") == [(wanted,)]


@pytest.mark.parametrize(
    "options", [("--format", "json", "--variety", "quotas"), ("--batch", "--variety", "none")]
)
def test_stays_are_asked_for_in_every_way(
    home: Home, server: StandIn, options: tuple[str, ...]
) -> None:
    # Two runs, each of which counts its own patients.
    done = cli(*GENERATE, "--llm", "gpt-4o-mini", "--rows", 12, *options, "--json")
    assert done.exit_code == 0, done.output
    assert is_whole(home)
    accepted = query(home, f"select count(*) from marts.{PATIENTS} group by run_id")
    assert [count >= 12 for (count,) in accepted] == [True, True]


def test_what_a_cap_leaves_is_asked_for_in_the_next_session(home: Home, server: StandIn) -> None:
    plan = json.loads(cli("plan", *GENERATE[1:], "--rows", 20, "--json").stdout)
    patients = plan["runs"][next(name for name in plan["runs"] if name.endswith(PATIENTS))]
    cap = 2.5 * patients["cost_usd"]
    capped = cli(*GENERATE, "--rows", 20, "--max-usd", cap, "--json")
    ((_, said),) = json.loads(capped.stdout)["runs"].items()
    assert "cap" in said["stopped_because"]
    assert said["parents"][PATIENTS]["accepted"] == 20
    spent = query(home, "select sum(cost_usd) from marts.generation_runs")[0][0]
    assert spent <= cap
    assert cli(*GENERATE, "--rows", 20).exit_code == 0
    assert is_whole(home)


def test_kill_9_among_the_stays_loses_nothing_and_pays_nothing_twice(
    home: Home, server: StandIn
) -> None:
    command = [str(part) for part in [*GENERATE, "--rows", 60, "--concurrency", 2]]
    server.behaviour.slowness = 0.3
    process = subprocess.Popen(
        [sys.executable, "-m", "generators", *command],
        cwd=PROJECT,
        env=os.environ | {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.base_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while len(asked_for_stays(server)) < 4:
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    while server.in_flight:
        time.sleep(0.05)
    journals = {path: path.read_bytes() for path in home.landing.glob("*/responses.jsonl")}
    server.behaviour.slowness = 0.0
    assert cli(*command).exit_code == 0
    assert all(path.read_bytes().startswith(before) for path, before in journals.items())
    assert is_whole(home)
    # Of what was in flight only what had not come was asked for again: at most two answers.
    rows = query(home, "select count(*) from staging.stg_llm_records")[0][0]
    assert rows <= server.count["rows_billed"] <= rows + 2 * 10


def test_a_stay_is_rejected_for_what_it_belongs_to(home: Home) -> None:
    patients, stays = load_contract(PATIENTS), load_contract(STAYS)
    texts = [dict(zip(stays.labels, row, strict=True)) for row in stand_in_rows(stays, 9)]
    pregnant = texts[5] | {"diag_1": "Pregnancy"}
    # A key that was not given, one stay too many, a patient who is rejected, a man with child.
    rows = [("1", texts[0]), ("7", texts[1]), ("2", texts[2]), ("1", texts[3]), ("1", texts[4])]
    rows += [("2", pregnant), ("3", texts[6]), ("", texts[7]), ("3", pregnant)]
    named = {"1": ("p-1-1", 2), "2": ("p-1-2", 1), "3": ("p-1-3", 2)}
    parents = {
        key: {"record_id": record, "children": count} for key, (record, count) in named.items()
    }
    people = [("Asian", "Female", "[0-10)"), ("Martian", "Male", "[0-10)"), ("", "Male", "[0-10)")]
    text = {
        PATIENTS: write_rows(patients, people, "csv"),
        STAYS: write_rows(
            stays, [tuple(row.values()) for _, row in rows], "csv", marks=[key for key, _ in rows]
        ),
    }
    for dataset, prefix in ((PATIENTS, "p"), (STAYS, "s")):
        run = RUN | {"dataset": dataset, "wire_format": "csv"}
        of_stays = dataset == STAYS
        fields = [["Key"], *([label] for label in stays.labels)] if of_stays else None
        with Journal(home.landing / f"r.{dataset}", run | {"written_fields": fields}) as journal:
            answer = response(1, text[dataset]).__dict__
            answer |= {"response_id": f"{prefix}-1", "parents": parents if of_stays else None}
            journal.append(type(response(1))(**answer))
    land(home)
    run_dbt(home, "seed")
    run_dbt(home, "run", "--select", "+path:models/marts")
    run_dbt(home, "test", "--select", PATIENTS, STAYS, "assert_every_record_is_accounted_for")
    reasons = dict(
        query(home, f"select record_id, reject_reasons from intermediate.int_{STAYS}_cast")
    )
    assert reasons == {
        "s-1-1": [],
        "s-1-2": ["unknown_parent"],
        "s-1-3": ["parent_rejected"],
        "s-1-4": [],
        "s-1-5": ["more_children_than_asked"],
        "s-1-6": ["parent_rejected", "pregnancy_of_a_man"],
        "s-1-7": [],
        "s-1-8": ["unknown_parent"],
        "s-1-9": ["pregnancy_of_a_man"],
    }
    keys = query(home, f"select record_id, patient_nbr, encounter_id from marts.{STAYS} order by 1")
    assert keys == [
        ("s-1-1", "p-1-1", "s-1-1"),
        ("s-1-4", "p-1-1", "s-1-4"),
        ("s-1-7", "p-1-3", "s-1-7"),
    ]


PEOPLE = [
    ("p,1", "Asian", "Female", "[0-10)"),
    ("p'2", "?", "Male", "[50-60)"),
    ("<3>", "Other", "Male", "[90-100)"),
]


def kept_file(
    folder: Path, people: list[tuple[str, ...]] = PEOPLE, head: str = "patient_nbr"
) -> Path:
    path = folder / "people.csv"
    lines = [f"{head},race,gender,age", *(f'"{key}",{",".join(rest)}' for key, *rest in people)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_stays_are_written_for_patients_that_somebody_has(
    home: Home, server: StandIn, tmp_path: Path
) -> None:
    command = [*GENERATE, "--keep-parents", kept_file(tmp_path)]
    for _ in range(2):
        done = cli(*command)
        assert done.exit_code == 0, done.output
    kept = query(home, f"select patient_nbr, race, gender, age from marts.{PATIENTS}")
    assert sorted(kept) == sorted(
        (key, None if race == "?" else race, *rest) for key, race, *rest in PEOPLE
    )
    assert is_whole(home)
    assert {key for (key,) in query(home, f"select patient_nbr from marts.{STAYS}")} == {
        key for key, *_ in PEOPLE
    }
    assert len(asked_for_stays(server)) == len(server.requests) == 1
    writers = query(home, "select dataset, llm, provider from marts.generation_runs order by 1")
    assert writers == [(PATIENTS, "kept", "kept"), (STAYS, "gpt-4o", "openai")]


def test_no_name_of_a_parent_is_told() -> None:
    people = load_contract("admissions")
    (row,) = stand_in_rows(people, 1)
    texts = dict(zip(people.labels, row, strict=True))
    told = {label: texts[label] for label in told_labels(people)}
    brief = family_brief(load_contract(STAYS), [Parent("r-1-1", 2, told)], [2], people)
    names = {texts[label] for label in ("Name", "Doctor", "Hospital")}
    assert not any(name in brief.text for name in names)
    assert texts["Medical Condition"] in brief.text
    assert brief.text.splitlines()[2].count(", ") == brief.text.splitlines()[3].count(", ")


def test_a_preview_asks_for_some_stays_only(home: Home, server: StandIn, tmp_path: Path) -> None:
    people = [(str(number), *PEOPLE[0][1:]) for number in range(40)]
    options = ["--dataset", STAYS, "--llm", "gpt-4o", "--keep-parents", kept_file(tmp_path, people)]
    done = cli("preview", *options)
    assert done.exit_code == 0, done.output
    (said,) = asked_for_stays(server)
    assert said.count("Asian, Female") <= 3
    found = query(home, f"select count(*) between 1 and 3 from intermediate.int_{STAYS}_cast")
    assert found == [(True,)]


@pytest.mark.parametrize(
    ("people", "head", "said"),
    [
        ([PEOPLE[0], PEOPLE[0]], "patient_nbr", "1 of 2 rows .* have no patient_nbr of their own"),
        ([PEOPLE[0], ("", *PEOPLE[1][1:])], "patient_nbr", "1 of 2 rows"),
        (PEOPLE, "number", "patient_nbr"),
        ([], "patient_nbr", "no rows"),
    ],
)
def test_parents_without_a_key_are_not_kept(
    home: Home, server: StandIn, tmp_path: Path, people: list, head: str, said: str
) -> None:
    refused = cli(*GENERATE, "--keep-parents", kept_file(tmp_path, people, head))
    assert refused.exit_code == 2
    (line,) = refused.stderr.strip().splitlines()[-1:]
    assert re.search(said, line)
    assert server.requests == []


def test_what_belongs_to_nothing_has_no_parents_to_keep(home: Home, tmp_path: Path) -> None:
    refused = cli("generate", "--llm", "gpt-4o", "--keep-parents", kept_file(tmp_path))
    assert refused.exit_code == 2
    assert "belongs to no other table" in refused.stderr


def test_eleven_events_of_a_patient_take_few_tokens() -> None:
    events = ["diabetes", "htn", "dyslipidemia", "angina/CAD", "ascites", "nafld"]
    key = {"type": "foreign_key", "columns": ["id"], "to": "ref('p')", "to_columns": ["id"]}
    days = {"label": "days", "kind": "integer", "min": -9999, "max": 9999}
    event = {"label": "event", "kind": "categorical", "accepted_values": events}
    columns = {"id": {"label": "id"}, "days": days, "event": event}
    contract = contract_of(
        {
            "name": "events",
            "config": {"meta": {"record": "event", "reference": REFERENCE}},
            "constraints": [key],
            "columns": [
                {"name": name, "data_type": "varchar", "config": {"meta": meta}}
                for name, meta in columns.items()
            ],
        }
    )
    rows = [(str(-1287 + 311 * place), events[place % 6]) for place in range(11)]
    for wire_format in ("csv", "csv_compact"):
        text = write_rows(contract, rows, wire_format, marks=["50"] * 11)
        assert text.count("\n") == 11
        assert count_tokens(text) <= 160


def table_file(folder: Path, contract: Contract, keys: list[dict[str, str]]) -> Path:
    """Rows of the stand-in with these keys by label."""
    path = folder / f"{contract.dataset}.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, contract.file_labels)
        writer.writeheader()
        for key, row in zip(keys, stand_in_rows(contract, len(keys)), strict=True):
            writer.writerow(dict(zip(contract.labels, row, strict=True)) | key)
    return path


def test_stand_ins_of_keys_within_keys_join(monkeypatch: pytest.MonkeyPatch) -> None:
    def table(
        name: str, key: tuple[str, ...], parent: str | None, shared: tuple[str, ...]
    ) -> Contract:
        patients = load_contract(PATIENTS)
        parents = (ForeignKey(shared, parent, shared),) if parent else ()
        names = dict.fromkeys((*key, *shared))
        return replace(
            patients,
            dataset=name,
            key=key,
            foreign_keys=parents,
            key_labels={label: label for label in names},
            counts=load_contract(STAYS).counts,
            reference=replace(patients.reference, stand_in_rows=3),
        )

    tables = {
        "wards": table("wards", ("ward",), None, ()),
        "beds": table("beds", ("ward", "bed"), "wards", ("ward",)),
        "nights": table("nights", (), "beds", ("ward", "bed")),
    }
    monkeypatch.setattr(reference, "load_contract", tables.get)
    keys = {name: reference.stand_in_keys(one)[1] for name, one in tables.items()}
    beds = {*zip(keys["beds"]["ward"], keys["beds"]["bed"], strict=True)}
    assert {*keys["beds"]["ward"]} == {*keys["wards"]["ward"]}
    assert {*zip(keys["nights"]["ward"], keys["nights"]["bed"], strict=True)} == beds


def test_a_real_table_tells_of_keys_that_lead_nowhere(home: Home, tmp_path: Path) -> None:
    patients, stays = load_contract(PATIENTS), load_contract(STAYS)
    of_stays = [{"encounter_id": str(n), "patient_nbr": f"P{n % 5}"} for n in range(10)]
    file = table_file(tmp_path, stays, of_stays)
    with pytest.raises(SynthcareError, match=r"None of the 10 rows of .* Land that one first"):
        land_csv(home, stays, file)
    assert query(home, f"select * from raw.reference_{STAYS}") == []
    people = table_file(tmp_path, patients, [{"patient_nbr": f"P{n}"} for n in (0, 1, 2, 1)])
    (note,) = land_csv(home, patients, people).notes
    assert note.startswith("1 of 4 rows have no patient_nbr of their own")
    (note,) = land_csv(home, stays, file).notes
    assert note.startswith(f"4 of 10 rows belong to no row of {PATIENTS}")
    run_dbt(home, "run", "--select", f"+stg_reference_{STAYS}")
    assert query(home, f"select count(*) from staging.stg_reference_{PATIENTS}") == [(3,)]
    assert query(home, f"select count(*) from staging.stg_reference_{STAYS}") == [(10,)]
    apart = f"""
        select * from staging.stg_reference_{STAYS} as stays
        inner join staging.stg_reference_{PATIENTS} as patients using (patient_nbr)
        where stays.is_holdout <> patients.is_holdout or stays.unit <> patients.unit
    """
    assert query(home, apart) == []


SCORES = ("key_integrity", "cardinality", "parent_structure", "siblings", "family_detection")


@pytest.mark.skipif(not ENCOUNTERS, reason="SYNTHCARE_TEST_ENCOUNTERS names no file")
def test_real_families_are_told_from_independent_rows(home: Home) -> None:
    assert cli("reference", "--dataset", STAYS, "--csv", ENCOUNTERS).exit_code == 0
    baselines = ["--llm", "independent", "--llm", "holdout", "--rows", 400]
    assert cli("generate", "--dataset", STAYS, *baselines).exit_code == 0
    only = json.dumps({"scores": SCORES})
    run_dbt(home, "run", "--select", "+scores", "--vars", only)
    found = query(
        home,
        f"""
        select split_part(run_id, '-', 3), score_name, value from metrics.scores
        where dataset = '{STAYS}' and subject is null and value is not null
        """,
    )
    scores = {(llm, name): value for llm, name, value in found}
    for name in SCORES:
        assert scores["holdout", name] == pytest.approx(1, abs=0.2), name
    assert scores["independent", "key_integrity"] == 1
    for name in ("parent_structure", "siblings", "family_detection"):
        assert scores["independent", name] < scores["holdout", name] - 0.3, name
    counts = Counter(count for _, count in query(home, FAMILIES))
    assert counts[1] > counts[2] > counts[3] > 0
