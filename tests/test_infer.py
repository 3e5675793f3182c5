"""What a contract is proposed for, and what is refused in one line."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from synthcare.contracts.infer import infer
from synthcare.errors import SynthcareError
from tests.driver import cli


def write(folder: Path, header: str, row: Callable[[int], str], rows: int = 40) -> Path:
    """A CSV file whose row `i` is `row(i)`."""
    path = folder / "table.csv"
    path.write_text("\n".join([header, *map(row, range(rows))]) + "\n")
    return path


def meta(column: dict) -> dict:
    return column["config"]["meta"]


def test_each_kind_is_seen(tmp_path: Path) -> None:
    def row(i: int) -> str:
        days = [
            f"2024-01-{1 + i % 20:02d}",
            f"2024-02-{1 + i % 20:02d}",
            f"2024-01-{1 + 7 * i % 20:02d}",
        ]
        values = [f"Name {i}", 20 + 7 * i % 40, i / 4, "dead" if i % 3 else "alive", i % 2, *days]
        values.append(i)
        return ",".join(map(str, [*values, "MF"[i % 2]]))

    header = "Patient Name,Age,Dose (mg),Outcome,Pregnant,Admitted,Left,Reviewed,run_id,Sex"
    inferred = infer(write(tmp_path, header, row))
    assert [(c["name"], meta(c)["kind"], c["data_type"]) for c in inferred.columns] == [
        ("patient_name", "identifier", "varchar"),
        ("age", "integer", "integer"),
        ("dose_mg", "decimal", "decimal(12, 2)"),
        ("outcome", "categorical", "varchar"),
        ("pregnant", "categorical", "varchar"),
        ("admitted", "date", "date"),
        ("left_value", "date", "date"),
        ("reviewed", "date", "date"),
        ("run_id_value", "identifier", "varchar"),
        ("sex", "categorical", "varchar"),
    ]
    _, age, dose, outcome, pregnant, admitted, *_, sex = map(meta, inferred.columns)
    assert (age["label"], age["min"], age["max"]) == ("Age", 20, 59)
    assert (dose["min"], dose["max"]) == (0.0, 9.75)
    assert sex["accepted_values"] == ["F", "M"]
    assert pregnant["accepted_values"] == ["0", "1"]
    assert (admitted["min"], admitted["max"]) == (date(2024, 1, 1), date(2024, 1, 20))
    assert outcome["target"]
    assert [c["name"] for c in inferred.columns if meta(c).get("target")] == ["outcome"]
    assert [c["name"] for c in inferred.columns if meta(c).get("sensitive")] == ["age", "sex"]
    assert "age is taken as groups of people (sensitive)" in inferred.doubts


def test_dates_of_which_one_is_never_before_the_other_give_a_rule(tmp_path: Path) -> None:
    """Reviews are before some admissions and after others."""
    path = write(
        tmp_path,
        "Admitted,Left,Reviewed",
        lambda i: ",".join(
            f"2024-01-{day:02d}" for day in (5 + i % 10, 6 + i % 10, 1 + 7 * i % 20)
        ),
    )
    inferred = infer(path)
    assert inferred.rules == [
        {
            "name": "left_value_before_admitted",
            "holds": "left_value >= admitted",
            "sentence": "The Left is on or after the Admitted.",
        }
    ]
    assert [derived["sql"] for derived in inferred.derived] == [
        "datediff('day', admitted, left_value)"
    ]
    assert "left_value is never before admitted: taken as a rule" in inferred.doubts
    admitted, left, _ = (meta(column)["population"] for column in inferred.columns)
    assert "days_after" not in admitted
    assert (left["days_after"], left["min"], left["max"]) == ("admitted", 1, 1)


def test_a_date_is_not_placed_after_one_that_stands_behind_it(tmp_path: Path) -> None:
    path = write(
        tmp_path, "Left,Admitted", lambda i: f"2024-01-{6 + i % 9:02d},2024-01-{1 + i % 5}"
    )
    inferred = infer(path)
    assert [rule["holds"] for rule in inferred.rules] == ["left_value >= admitted"]
    assert all("days_after" not in meta(column)["population"] for column in inferred.columns)


def test_dates_may_be_written_in_several_ways(tmp_path: Path) -> None:
    forms = ["2023-01-{:02d}", "2023/1/{}", "{} Jan 2023"]
    path = write(tmp_path, "day", lambda i: forms[i % 3].format(1 + i % 28))
    (column,) = infer(path).columns
    assert (meta(column)["kind"], meta(column)["max"]) == ("date", date(2023, 1, 28))


def test_missing_values_are_told_from_values(tmp_path: Path) -> None:
    """`None` and an empty text are missing under every contract, `?` and `-` under this one."""
    path = write(
        tmp_path,
        "Grade,Dose,Day",
        lambda i: (
            f"{['None', '?', 'x', 'y', 'y'][i % 5]},{i if i % 4 else '-'},"
            f"{'' if i % 2 else f'2024-01-{1 + i % 28:02d}'}"
        ),
    )
    inferred = infer(path)
    grade, dose, day = map(meta, inferred.columns)
    assert grade["accepted_values"] == ["x", "y"]
    assert (grade["nullable"], grade["missing_values"]) == (True, ["?"])
    assert grade["population"] == {"shares": {"x": 0.333, "y": 0.667}, "missing": 0.4}
    assert (dose["kind"], dose["min"], dose["max"]) == ("integer", 1, 39)
    assert (dose["nullable"], dose["missing_values"]) == (True, ["-"])
    assert dose["population"]["missing"] == 0.25
    assert (day["kind"], day["nullable"]) == ("date", True)
    assert "missing_values" not in day
    assert "grade: 16 values are missing, written '?', 'None'; taken as nullable" in inferred.doubts
    assert "day: 20 values are missing; taken as nullable" in inferred.doubts


def test_the_population_is_that_of_the_file(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "n,x,day,sex,rare",
        lambda i: (
            f"{7 * i % 3_001},{7 * i % 3_001 / 8},2024-02-{1 + i // 108:02d},"
            f"{'m' if i % 4 else 'F'},{'b' if i else 'a'}"
        ),
        rows=3_001,
    )
    number, decimal, day, sex, rare = (meta(c)["population"] for c in infer(path).columns)
    assert number == {"deciles": [*range(0, 3_001, 300)]}
    assert decimal["deciles"][:3] == [0.0, 37.5, 75.0]
    assert (day["deciles"][0], day["deciles"][-1]) == (date(2024, 2, 1), date(2024, 2, 28))
    assert sex == {"shares": {"F": 0.25, "m": 0.75}}
    assert rare == {"shares": {"a": 0.001, "b": 1.0}}


def test_columns_may_be_chosen_and_parquet_read(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    table = {"a": range(40, 0, -1), "b": [i / 8 for i in range(40)], "c": "x"}
    pd.DataFrame(table).to_parquet(path)
    inferred = infer(path, ["b", "a"])
    assert [(c["name"], meta(c)["kind"]) for c in inferred.columns] == [
        ("b", "decimal"),
        ("a", "integer"),
    ]


def test_what_is_unsure_is_said(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "mixed,gap,group,text,one",
        lambda i: f"{i if i % 3 else f'n{i}'},{'' if i % 2 else i},{i % 3},text {i},x",
    )
    said = "\n".join(infer(path).doubts)
    for doubt in (
        "mixed: 26 of 40 values are numbers",
        "gap: 20 values are missing; taken as nullable",
        "'group' is called group_value",
        "group_value: few numbers (0, 1, 2, …); taken as categories",
        "text: 40 different texts; taken as an identifier",
        "one: every value is 'x'",
    ):
        assert doubt in said


def test_a_million_texts_are_an_identifier(tmp_path: Path) -> None:
    path = write(
        tmp_path, "text,n", lambda i: f"text number {i},{i * 7 % 1_000_000}", rows=1_000_000
    )
    text, number = map(meta, infer(path).columns)
    assert text["kind"] == "identifier"
    assert (number["min"], number["max"]) == (0, 999_999)


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "is empty"),
        (b"a,b\n", "has 0 rows, too few"),
        (b"a,b\n1,2\n", "has 1 rows, too few"),
        (b"a,a\n" + b"1,2\n" * 30, "more than one column named 'a'"),
        (b"a,\n" + b"1,2\n" * 30, "Column 2 of .* has no name. Give it one"),
        (b"a,b\n" + b"1,\n" * 30, "Column 'b' holds nothing"),
        (b'"a""b",c\n' + b"1,2\n" * 30, "has quotes, braces or line breaks"),
        (b"{{ x }},c\n" + b"1,2\n" * 30, "has quotes, braces or line breaks"),
        (b"a,b\n" + b"1,2\n1,2,3\n" * 30, "3 in lines 3, 5, 7, …. Quote values"),
        (b"\xff\xfe\x00\x01", "has 0 rows, too few"),
        (b"\x1f\x8bnot gzip", "is a damaged gzip file"),
        (",".join(f"c{i}" for i in range(2_000)).encode() + b"\n", "has 2,000 columns"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / ("table.csv.gz" if content.startswith(b"\x1f\x8b") else "table.csv")
    path.write_bytes(content)
    with pytest.raises(SynthcareError, match=said) as refused:
        infer(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["missing.csv", "--name", "x"], "There is no file"),
        (["good.csv", "--name", "Not A Name"], "is no name for a dataset"),
        (["good.csv", "--name", "admissions"], "There is a dataset admissions already"),
        (["good.csv", "--name", "x", "--columns", "b,z"], "has no column z. It has a, b."),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    write(tmp_path, "a,b", lambda i: f"{i},{i}").rename(tmp_path / "good.csv")
    monkeypatch.chdir(tmp_path)
    refused = cli("contract", "infer", *arguments)
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_dates_that_never_cross_are_drawn_on_their_own(tmp_path: Path) -> None:
    """A visit that is drawn as an offset from a birth would be decades from all others."""

    def row(i: int) -> str:
        return f"{1930 + i}-05-01,2021-01-{1 + i % 20:02d},2021-01-{6 + i % 20:02d}"

    inferred = infer(write(tmp_path, "Born,Came,Left", row))
    _, came, left = map(meta, inferred.columns)
    assert "days_after" not in came["population"]
    assert left["population"]["days_after"] == "came"
    assert {rule["holds"] for rule in inferred.rules} == {
        *("came >= born", "left_value >= born", "left_value >= came")
    }
