"""Whole runs with quotas: the mix comes out as declared, and what was handed over is told apart."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import pytest

from generators.drawing.stand_in import stand_in_rows
from generators.home import Home
from generators.landing.journal import Journal
from generators.landing.loading import land
from generators.warehouse.transform import run_dbt
from generators.wire_formats import write_rows
from synthcare.contracts.contract import Contract, load_contract
from tests.driver import DATASET, RUN, cli, csv_row, query, response
from tests.loopback import StandIn, serve

KEY = "sk-test"

pytestmark = pytest.mark.xdist_group("quotas")

AGES = ("18-34", "35-51", "52-68", "69-85")
CONDITIONS = {
    "Arthritis": 0.168,
    "Asthma": 0.165,
    "Cancer": 0.166,
    "Diabetes": 0.168,
    "Hypertension": 0.167,
    "Obesity": 0.166,
}
SHARES = {
    (age, gender, condition): 0.25 * 0.5 * CONDITIONS[condition]
    for age, gender, condition in product(AGES, ("Male", "Female"), CONDITIONS)
}

# Accepted rows by cell, counted by hand.
COUNT = """
    select
        case
            when age between 18 and 34 then '18-34'
            when age between 35 and 51 then '35-51'
            when age between 52 and 68 then '52-68'
            when age between 69 and 85 then '69-85'
            else 'none'
        end,
        gender,
        medical_condition,
        count(*),

    from marts.admissions
    where {where}
    group by all
"""

QUOTAS = ["generate", "--llm", "gpt-4o", "--variety", "quotas", "--json"]
DRAWN = ("age", "gender", "medical_condition", "billing_amount")
DRAWN_IN_BATCH = ("age", "gender", "medical_condition")
DRAWN_STAYS = ("race", "gender", "age", "payer_code", "lab_procedures")


@dataclass
class Made:
    """A home full of runs: what each command said, and which run it was."""

    home: Home
    server: StandIn
    said: dict[str, dict[str, Any]] = field(default_factory=dict)
    run_ids: dict[str, str] = field(default_factory=dict)

    def do(self, name: str, *arguments: object) -> None:
        done = cli(*arguments)
        assert done.exit_code == 0, done.output
        self.said[name] = json.loads(done.stdout)
        self.run_ids[name] = next(iter(self.said[name]["runs"]))

    def summary(self, name: str) -> dict[str, Any]:
        return self.said[name]["runs"][self.run_ids[name]]

    def query(self, sql: str) -> list[tuple]:
        return query(self.home, sql)

    def counts(self, name: str, where: str = "true") -> Counter[tuple[str, ...]]:
        where = f"run_id = '{self.run_ids[name]}' and {where}"
        return Counter({tuple(cell): rows for *cell, rows in self.query(COUNT.format(where=where))})

    def asked(self, name: str) -> dict[int, Counter[tuple[str, ...]]]:
        """Rows of each cell that each request of a run asked for."""
        rows = self.query(
            "select request_number, quota_cells from raw.llm_responses"
            f" where run_id = '{self.run_ids[name]}'"
        )
        return {
            number: Counter({tuple(cell["labels"]): cell["rows"] for cell in cells["cells"]})
            for number, cells in ((number, json.loads(cells)) for number, cells in rows)
        }


def numbered(contract: Contract) -> str:
    """Four rows behind their numbers; the first twice, and one that nobody handed over."""
    rows = stand_in_rows(contract, 6)
    columns = ("age", "gender", "billing_amount")
    lines = write_rows(contract, rows, "csv", columns).splitlines()
    numbers = ("1", "1", "2", "3", "99", "4")
    return "\n".join(n + line[1:] for n, line in zip(numbers, lines, strict=True))


def deaf() -> str:
    """25 rows of one cell, one of no cell, and one that is no row; all are numbered 1."""
    rows = [csv_row(medical_condition="Diabetes", room_number=str(101 + n)) for n in range(25)]
    rows += [csv_row(age="90"), csv_row(age="200")]
    header = ",".join(["Row", *load_contract(DATASET).labels])
    return "\n".join([header, *(f"1,{row}" for row in rows)])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    home = Home(tmp_path_factory.mktemp("quotas"))
    contract, stays = load_contract(DATASET), load_contract("encounters")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNTHCARE_HOME", str(home.root))
        patch.setenv("OPENAI_API_KEY", KEY)
        with serve(key=KEY, faults=["prose", "cut", "too old"]) as server:
            patch.setenv("OPENAI_BASE_URL", server.base_url)
            made = Made(home, server)
            plain = [*QUOTAS, "--format", "csv", "--rows-per-request", 20]
            made.do("first", *plain, "--rows", 60)
            made.said["counts"] = made.counts("first")
            made.do("more", *plain, "--rows", 90)
            made.do("drawn", *QUOTAS, "--draw", "billing_amount", "--rows", 40)
            grid = ["generate", "--llm", "gpt-4o", "--llm", "independent", "--variety", "none"]
            made.do("batch", *QUOTAS, "--draw", "age", "--batch", "--rows", 12)
            made.do("none", *grid, "--rows", 40, "--rows-per-request", 40, "--json")
            assert cli("reference", "--dataset", "encounters").exit_code == 0
            # As if the stand-in were asked for the other dataset.
            server.known = {stays: stand_in_rows(stays, 500)}
            drawn = ["--draw", "race", "--draw", "payer_code", "--draw", "lab_procedures"]
            made.do("stays", *QUOTAS, "--dataset", "encounters", *drawn, "--rows", 40)
        with serve(deaf(), key=KEY) as server_of_one_text:
            patch.setenv("OPENAI_BASE_URL", server_of_one_text.base_url)
            made.do("deaf", *QUOTAS, "--format", "csv", "--seed", 2, "--rows", 30)
            made.said["requests"] = len(server_of_one_text.requests)
        of_genders = replace(contract, quotas=("gender",))
        with serve(numbered(contract), key=KEY) as server_of_numbers, patch.context() as patched:
            patched.setenv("OPENAI_BASE_URL", server_of_numbers.base_url)
            patched.setattr("generators.commands.cli.load_contract", lambda _: of_genders)
            draw = ["--draw", "age", "--draw", "billing_amount"]
            made.do("numbers", *QUOTAS, *draw, "--format", "csv", "--rows", 4)
        journal_by_hand(home)
        built = ("column_fidelity", "pair_fidelity", "missingness", "generation_runs")
        types = ("--resource-type", "model", "--resource-type", "seed")
        run_dbt(home, "build", "--select", *(f"+{model}" for model in built), *types)
        yield made


def journal_by_hand(home: Home) -> None:
    """Five accepted rows and one rejected one, of which some have what was dictated."""
    given = {"gender": {"Male": 3}, "age": {"40": 1}, "discharge_date": {"2023-01-09": 5}}
    rows = [
        csv_row(),
        csv_row(age="41"),
        csv_row(gender="Female"),
        csv_row(gender="Female", age="42"),
        csv_row(room_number="7"),
    ]
    with Journal(home.landing / "r", RUN | {"variety": "slices"}) as journal:
        journal.append(replace(response(1, "\n".join(rows)), dictated_values=given))
        other = {"gender": {"Female": 1}, "name": {"Ann Lee": 1}}
        journal.append(replace(response(2, csv_row(name="Bo Li")), dictated_values=other))
    land(home)


def is_met(counts: Counter[tuple[str, ...]], rows: int) -> bool:
    """Whether each cell has its part of `rows` rows, give or take less than one."""
    return set(counts) <= set(SHARES) and all(
        abs(counts[cell] - share * rows) < 1 for cell, share in SHARES.items()
    )


# ---------- quotas that are met


def test_the_accepted_rows_are_the_declared_mix(made: Made) -> None:
    """Though the first three answers were prose, cut off, and too old in their first row."""
    assert made.said["counts"].total() == 60
    assert is_met(made.said["counts"], 60)
    summary = made.summary("first")
    assert summary["stopped_because"] is None
    assert summary["accepted"] == 60
    assert summary["endings"]["length"] == 1
    reasons = made.query(
        f"""
        select count(*) from marts.admissions_rejected
        where run_id = '{made.run_ids["first"]}' and reject_reasons = ['age.out_of_range']
        """
    )
    assert reasons == [(1,)]


def test_what_is_short_is_asked_for_and_no_more(made: Made) -> None:
    asked = made.asked("first")
    first = asked[1] + asked[2] + asked[3]
    assert [asked[number].total() for number in (1, 2, 3)] == [20, 20, 20]
    assert is_met(first, 60)
    number = "cast(split_part(response_id, '-', -1) as integer)"
    short = first - made.counts("first", f"{number} <= 3")
    assert 20 < short.total() < 60
    rounds = made.said["first"]["ledger"][0]["responses"]
    again = [asked[number] for number in range(4, rounds + 1)]
    assert sum(again, Counter()) == short


def test_asking_for_more_rows_goes_on_with_the_mix(made: Made) -> None:
    assert made.run_ids["more"] == made.run_ids["first"]
    counts = made.counts("more")
    assert counts.total() == 90
    assert is_met(counts, 90)
    assert made.said["counts"] <= counts
    rounds = made.said["first"]["ledger"][0]["responses"]
    asked = [cells for number, cells in made.asked("more").items() if number > rounds]
    assert sum(asked, Counter()) == counts - made.said["counts"]


def test_the_prompt_says_the_quotas_and_the_table_what_they_were(made: Made) -> None:
    texts = made.query(
        f"select slice_text, quota_cells, dictated_values from raw.llm_responses"
        f" where run_id = '{made.run_ids['first']}'"
    )
    for text, cells, dictated in texts:
        kinds = text.split("in this order: ")[1].removesuffix(".").split("; ")
        found = [
            f"{cell['rows']} with Age from {cell['labels'][0].replace('-', ' to ')}, Gender "
            f"{cell['labels'][1]}, Medical Condition {cell['labels'][2]}"
            for cell in json.loads(cells)["cells"]
        ]
        assert kinds == found
        assert json.loads(cells)["columns"] == ["age", "gender", "medical_condition"]
        rows = sum(cell["rows"] for cell in json.loads(cells)["cells"])
        assert sum(json.loads(dictated)["gender"].values()) == rows
        assert json.loads(dictated).keys() == {"gender", "medical_condition"}


# ---------- quotas that cannot be met


def test_cells_that_could_not_be_got_are_named(made: Made) -> None:
    """Of 30 rows, 30 cells have one; the LLM wrote that of one, and 24 too many."""
    summary = made.summary("deaf")
    assert (summary["accepted"], made.said["requests"]) == (1, 1 + 3)
    said = summary["stopped_because"]
    start = "the last round brought no accepted row; still short: "
    assert said.startswith(start)
    named, more = said.removeprefix(start).rsplit(" and ", 1)
    assert more == "24 other cells"
    assert named.split("; ")[0] == ("1 of age 18-34, gender Male, medical_condition Arthritis")
    assert len(named.split("; ")) == 5
    assert "age 35-51, gender Male, medical_condition Diabetes" not in named


def test_rows_that_no_cell_asked_for_are_rejected(made: Made) -> None:
    """The first of a cell is taken; a number that was not asked for means nothing."""
    rows = made.query(
        f"""
        select ends_with(response_id, '-1') as is_first, reject_reasons, count(*)
        from intermediate.int_admissions_cast
        where run_id = '{made.run_ids["deaf"]}' group by all order by all
        """
    )
    assert rows == [
        (False, ["age.out_of_range"], 3),
        (False, ["not_asked_for"], 3 * 26),
        (True, [], 1),
        (True, ["age.out_of_range"], 1),
        (True, ["not_asked_for"], 25),
    ]
    assert made.query(
        f"select room_number from marts.admissions where run_id = '{made.run_ids['deaf']}'"
    ) == [(101,)]


# ---------- values that are handed over


@pytest.mark.parametrize(
    ("name", "columns", "rows"),
    [("drawn", DRAWN, 40), ("batch", DRAWN_IN_BATCH, 12), ("stays", DRAWN_STAYS, 40)],
)
def test_values_that_were_handed_over_are_in_the_mart(
    made: Made, name: str, columns: tuple[str, ...], rows: int
) -> None:
    run_id = made.run_ids[name]
    contract = load_contract(run_id.split("-")[0])
    of_run = f"where run_id = '{run_id}'"
    assert made.query(f"select drawn_columns from raw.llm_runs {of_run}") == [(list(columns),)]
    handed: list[tuple[str, ...]] = []
    for drawn, text, answer in made.query(
        f"select drawn_values, slice_text, response_text from raw.llm_responses {of_run}"
    ):
        found = [tuple(row[column] for column in columns) for row in json.loads(drawn).values()]
        head, *lines = text.strip().split("\n\n")[-1].splitlines()
        assert head == ", ".join(["Row", *(contract.column(name).label for name in columns)])
        assert lines == [", ".join([str(n), *row]) for n, row in enumerate(found, start=1)]
        assert [line.split(",")[0] for line in answer.splitlines()] == list(json.loads(drawn))
        handed += found
    written = ", ".join(f"coalesce(cast({column} as varchar), '')" for column in columns)
    in_mart = made.query(f"select {written} from marts.{contract.dataset} {of_run}")
    assert Counter(in_mart) == Counter(handed)
    assert len(in_mart) == rows


def test_drawn_rows_are_the_declared_mix(made: Made) -> None:
    for name, rows in (("drawn", 40), ("batch", 12)):
        assert made.counts(name).total() == rows
        assert is_met(made.counts(name), rows)


def test_numbers_of_rows_are_known_and_stand_once(made: Made) -> None:
    """A row that is there twice takes no other's place."""
    rows = made.query(
        f"""
        select name, reject_reasons from intermediate.int_admissions_cast
        where run_id = '{made.run_ids["numbers"]}'
        order by cast(split_part(record_id, '-', -1) as integer)
        """
    )
    names = [row[0] for row in stand_in_rows(load_contract(DATASET), 6)]
    missing = ["age.missing", "gender.missing", "billing_amount.missing"]
    assert rows == [
        (names[0], []),
        (names[1], ["row.repeated"]),
        (names[2], []),
        (names[3], []),
        (names[4], ["row.unknown", *missing]),
        (names[5], []),
    ]
    genders = made.query(
        f"select gender, count(*) from marts.admissions where run_id = '{made.run_ids['numbers']}'"
        " group by all order by all"
    )
    assert genders == [("Female", 2), ("Male", 2)]


# ---------- what we gave is told apart from what the LLM did


def test_the_share_that_was_steered(made: Made) -> None:
    shares = {
        run_id: (drawn, share)
        for run_id, drawn, share in made.query(
            "select run_id, drawn_columns, steered_share from marts.generation_runs"
        )
    }
    # Of 75 values: 2 of 3 Male, 1 of one age, 4 of 5 discharges; of the second answer none.
    assert shares["r"] == (None, pytest.approx(7 / 75))
    # Each row has its gender and condition from its quota; an age is only limited.
    assert shares[made.run_ids["first"]] == (None, pytest.approx(2 / 15))
    assert shares[made.run_ids["deaf"]] == (None, pytest.approx(2 / 15))
    assert shares[made.run_ids["drawn"]] == (list(DRAWN), pytest.approx(4 / 15))
    assert shares[made.run_ids["stays"]] == (list(DRAWN_STAYS), pytest.approx(5 / 18))
    none, independent = made.said["none"]["runs"]
    assert shares[none] == (None, 0)
    assert shares[independent] == (None, None)


def test_what_was_drawn_is_not_scored(made: Made) -> None:
    columns = {
        name: {
            column
            for (column,) in made.query(
                "select column_name from metrics.column_fidelity"
                f" where run_id = '{made.run_ids[name]}' and score is not null"
            )
        }
        for name in ("none", "drawn")
    }
    assert columns["none"] - columns["drawn"] == set(DRAWN)
    assert columns["drawn"] < columns["none"]
    pairs = {
        name: {
            frozenset(pair)
            for pair in made.query(
                "select column_1, column_2 from metrics.pair_fidelity"
                f" where run_id = '{made.run_ids[name]}' and score is not null"
            )
        }
        for name in ("none", "drawn")
    }
    assert pairs["none"] - pairs["drawn"] == {
        frozenset((one, other)) for one in DRAWN for other in DRAWN if one < other
    }
    assert frozenset(("age", "room_number")) in pairs["drawn"]
    lacking = made.query(
        "select column_name from metrics.missingness"
        f" where run_id = '{made.run_ids['stays']}' and score is not null order by all"
    )
    assert [column for (column,) in lacking] == [
        *("a1c_result", "admission_source", "admission_type", "discharge_disposition"),
        *("medical_specialty", "primary_diagnosis"),
    ]


# ---------- what is refused


@pytest.mark.parametrize(
    ("quotas", "arguments", "said"),
    [
        (None, ["--draw", "name"], "'name' is an identifier, and nothing says how to draw it."),
        (
            None,
            ["--draw", "height"],
            "admissions has no column 'height' to draw. Use some of: name, age, gender, ",
        ),
        (
            None,
            ["--draw", "discharge_date"],
            "'discharge_date' depends on 'date_of_admission': draw that column too.",
        ),
        (
            None,
            ["--variety", "slices", "--draw", "age"],
            "--draw goes with --variety quotas: add it, or leave --draw out.",
        ),
        (
            (),
            [],
            "admissions has no quotas. Add `quotas: [<column>, …]` to models/marts/admissions.yml",
        ),
        (
            ("gender", "blood_type"),
            [],
            "models/marts/admissions.yml: quotas name 'blood_type', which is no column with "
            "`shares`",
        ),
        (("gender", "height"), [], "quotas name 'height', which is no column with `shares`"),
        (
            ("age", "gender", "medical_condition", "admission_type"),
            [],
            "models/marts/admissions.yml: quotas are for up to 3 columns.",
        ),
        (
            None,
            ["--dataset", "encounters"]
            + [a for c in load_contract("encounters").columns for a in ("--draw", c.name)],
            "Every column would be drawn, and none left for the LLM to write.",
        ),
    ],
)
def test_what_cannot_be_asked_for_is_said_in_one_line(
    made: Made,
    monkeypatch: pytest.MonkeyPatch,
    quotas: tuple[str, ...] | None,
    arguments: list[str],
    said: str,
) -> None:
    if quotas is not None:
        contract = replace(load_contract(DATASET), quotas=quotas)
        monkeypatch.setattr("generators.commands.cli.load_contract", lambda _: contract)
    runs = set(made.home.landing.iterdir())
    refused = cli(*QUOTAS, "--rows", 10, *arguments)
    assert refused.exit_code == 2
    assert refused.stdout == ""
    assert refused.stderr.startswith("Error: ")
    assert said in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert set(made.home.landing.iterdir()) == runs


def test_an_unknown_variety_is_refused(made: Made) -> None:
    refused = cli(*QUOTAS, "--variety", "wild")
    assert refused.exit_code == 2
    assert refused.stderr.splitlines()[-1] == (
        "Error: Invalid value for '--variety': 'wild' is not one of 'none', 'slices', 'quotas', "
        "'all'."
    )
