"""Tables as people bring them: every trouble with a file, read right or refused in one line."""

import csv
import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from generators.home import Home
from readers.dialect import Dialect
from readers.tables import read_table
from synthcare.contracts.infer import infer
from synthcare.errors import SynthcareError
from tests.coded import coded_rows
from tests.copies import Copy
from tests.scored_tables import TYPED_ONLY

FOLDER = os.environ.get("SYNTHCARE_TEST_CASES")
CASES = sorted((Path(FOLDER) / "tables").iterdir()) if FOLDER else []
SLOW = "T18b"  # a hundred columns; each two are compared
ROWS = 40
GROUPS = {("ours", "record_id"), ("visits", "patient_id")}  # no columns of the contract

# What must be said of a file that cannot be used, and kinds in those that can.
REFUSED = {
    "T06-": "more than one column named 'Sex'",
    "T06c": "differ only in case and punctuation",
    "T18-": "Name up to 100 of them with --columns",
    "T20b": "holds lists, records or bytes",
    "T24b": "5 in line 10; 7 in line 6",
    "T24c": "Each row of .* has 7 values, but its header names 6 columns",
}
KINDS = {
    "T02": {"weight": "decimal"},
    "T07": {"saturation": "integer"},
    "T09": {"diabetic": "categorical", "flag": "categorical"},
    "T10": {"seen": "date", "time_value": "identifier", "us_stamp": "date"},
    "T12": {"account": "identifier", "p_value": "decimal", "huge": "identifier"},
    "T15": {"icd": "identifier"},
    "T29": {"grade": "categorical"},
    "T32": {"admitted": "date", "left_value": "date"},
    "T33": {"admitted": "date", "left_value": "date"},
    "T37": {"patient_id": "identifier"},
    "T40c": {"name": "identifier", "note": "identifier"},
}


def read(path: Path, **said: Any) -> tuple[dict[str, list], tuple[str, ...]]:
    """The values of each column of a file, and what was told."""
    with duckdb.connect() as database:
        table = read_table(database, path, dialect=Dialect(**said))
        columns = database.execute("from written").fetchall()
    values = zip(*columns, strict=True) if columns else [()] * len(table.labels)
    return dict(zip(table.labels, map(list, values), strict=True)), table.notes


def write(folder: Path, content: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def column(folder: Path, values: list[str], *others: list[str], **said: Any) -> tuple[list, str]:
    """One column of a table, its values repeated, and what was told of it."""
    text = io.StringIO()
    rows = max(40, len(values))
    writer = csv.writer(text)
    writer.writerow(["x", *(f"y{number}" for number in range(len(others)))])
    for row in range(rows):
        writer.writerow([kind[row % len(kind)] for kind in (values, *others)])
    found, notes = read(write(folder, text.getvalue()), **said)
    return found["x"][: len(values)], "; ".join(note for note in notes if note.startswith("x: "))


# What each value of a column becomes, in one convention for all of them.
READ = {
    "decimal commas": (["1,5", "2,25", "-3,125", "0,5"], ["1.5", "2.25", "-3.125", "0.5"]),
    "points for thousands": (["1.234,5", "12,75", "1.234.567,0"], ["1234.5", "12.75", "1234567.0"]),
    "commas for thousands": (["1,234,567", "2,500", "999"], ["1234567", "2500", "999"]),
    "thousands of India": (["1,23,456", "99,99,999.5"], ["123456", "9999999.5"]),
    "spaces for thousands": (["1 234,5", "12 000 000,25"], ["1234.5", "12000000.25"]),
    "narrow spaces": (["1\u202f234", "12\u00a0000"], ["1234", "12000"]),
    "apostrophes": (["1'234.5", "12’000.25"], ["1234.5", "12000.25"]),
    "accounting": (["(5)", "7", "(1,234.5)"], ["-5", "7", "-1234.5"]),
    "minus behind": (["5-", "7", "12-"], ["-5", "7", "-12"]),
    "typographic minus": (["−5", "7", "−1.5"], ["-5", "7", "-1.5"]),
    "whole numbers by pandas": (["1.0", "2", "3.0"], ["1", "2", "3"]),
    "whole numbers of one digit": (["1.0", "0.0"], ["1", "0"]),
    "a few with a zero before": (["02", "2", "1"], ["2", "2", "1"]),
    "day first": (["17/02/2023", "05/06/2023"], ["2023-02-17", "2023-06-05"]),
    "month first": (["02/17/2023", "05/06/2023"], ["2023-02-17", "2023-05-06"]),
    "points in dates": (["05.06.2023", "7.8.2023"], ["2023-06-05", "2023-08-07"]),
    "without marks": (["20230605", "20221231"], ["2023-06-05", "2022-12-31"]),
    "month in letters": (["05-JAN-2021", "1 March 2020"], ["2021-01-05", "2020-03-01"]),
    "years of two digits": (["05-JAN-21", "17-DEC-99"], ["2021-01-05", "1999-12-17"]),
    "births of two digits": (["1/31/38", "12/05/99"], ["1938-01-31", "1999-12-05"]),
    "American words": (["Jan 5, 2021", "Sept 3rd, 2019"], ["2021-01-05", "2019-09-03"]),
    "weekdays": (["Tuesday, January 5, 2021", "Sun 3 Mar 2019"], ["2021-01-05", "2019-03-03"]),
    "zones": (["2021-01-05T23:00:00+02:00", "2021-03-05T00:00:00Z"], ["2021-01-05", "2021-03-05"]),
    "12 hours": (["1/31/2021 1:30 PM", "2/1/2021 11:05 AM"], ["2021-01-31", "2021-02-01"]),
    "midnights": (["2021-01-05 00:00:00", "2021-01-06 00:00:00"], ["2021-01-05", "2021-01-06"]),
    "slashes": (["2021/1/5", "2021/12/31"], ["2021-01-05", "2021-12-31"]),
}


@pytest.mark.parametrize("kind", READ)
def test_a_column_has_one_convention(tmp_path: Path, kind: str) -> None:
    written, expected = READ[kind]
    found, told = column(tmp_path, written)
    assert found == expected
    assert told


@pytest.mark.parametrize("unit", ["{}%", "${}", "{} €", "USD {}", "{} kg", "{} mmol/L", "-£{}"])
def test_a_unit_is_no_part_of_a_number(tmp_path: Path, unit: str) -> None:
    numbers = [str(number) for number in range(71, 99)]
    found, told = column(tmp_path, [unit.format(number) for number in numbers])
    assert found == [f"{'-' if unit[0] == '-' else ''}{number}" for number in numbers]
    bare = unit.replace("{}", "").strip(" -")
    assert told == f"x: {bare!r} was left out of each value"


def test_the_unit_is_in_the_contract(tmp_path: Path) -> None:
    path = write(tmp_path, "o2\n" + "".join(f"{70 + row % 30}%\n" for row in range(60)))
    (found,) = infer(path).columns
    assert (found["data_type"], found["config"]["meta"]["unit"]) == ("integer", "%")
    assert (found["config"]["meta"]["min"], found["config"]["meta"]["max"]) == (70, 99)


@pytest.mark.parametrize(
    "values",
    [
        ["1", "2.5", "-3", "1e5", "0.46168618262506633"],
        ["Bo", " Kim ", "O'Neil", "a, b", 'say "hi"'],
        ["2023-01-05", "2022-12-31"],
        ["250.83", "V58", "008", "?"],
        ["50%", "100%"],
        ["[70-80)", "[80-90)"],
        ["Yes", "No"],
        ["E11.9", "I10"],
    ],
)
def test_what_is_plain_stays_byte_for_byte(tmp_path: Path, values: list[str]) -> None:
    assert column(tmp_path, values) == (values, "")


@pytest.mark.parametrize(
    "values, said",
    [
        (["05/06/2023", "07/08/2023"], "no date says whether the day or the month is first"),
        (["17/02/2023", "02/17/2023"], "some dates have the day first and others the month"),
        (["05/06/21", "07/08/22"], "dates may begin with the day or the year"),
        (["31/02/2023", "05/06/2023"], "values are dates, the others are not"),
        (["1.234", "2.345"], "of thousands or of decimals; taken as text"),
        (["1,5", "2.5"], "some values have decimals after a comma and others after a point"),
        (["USD 5", "EUR 5"], "values have several units (EUR, USD)"),
        (["88%", "0.88"], "some values have the unit '%' and others none"),
        (["02134", "10001", "00501", *map(str, range(20_000, 20_020))], "begin with zeros"),
        (["007", "012", "345"], "begin with zeros"),
    ],
)
def test_what_may_mean_two_things_stays_text(tmp_path: Path, values: list[str], said: str) -> None:
    found, told = column(tmp_path, values)
    assert found == values
    assert said in told
    meta = infer(tmp_path / "table.csv").columns[0]["config"]["meta"]
    assert meta["kind"] in ("categorical", "identifier")


def test_the_rest_of_the_table_settles_a_mark(tmp_path: Path) -> None:
    """And says so, because the column alone does not."""
    points, told = column(tmp_path, ["1.234", "2.345"], ["72.4"])
    assert points == ["1.234", "2.345"]
    assert "taken as the mark of decimals" in told
    thousands, told = column(tmp_path, ["1.234", "2.345"], ["72,4"])
    assert thousands == ["1234", "2345"]
    assert "taken as the mark of thousands" in told


def test_options_settle_what_is_open(tmp_path: Path) -> None:
    assert column(tmp_path, ["1.234", "2.345"], decimal=",")[0] == ["1234", "2345"]
    assert column(tmp_path, ["1.234", "2.345"], decimal=".")[0] == ["1.234", "2.345"]
    assert column(tmp_path, ["05/06/2023"], dates="dmy")[0] == ["2023-06-05"]
    assert column(tmp_path, ["05/06/2023"], dates="mdy")[0] == ["2023-05-06"]
    path = write(tmp_path, "made by\nname;n\n" + "José;1\n" * 30, "x.csv")
    assert read(path, delimiter=";", skip_rows=1)[0]["name"][0] == "José"
    latin = write(tmp_path, ("name\n" + "Łódź\n" * 30).encode("cp1250"), "y.csv")
    assert read(latin, encoding="cp1250")[0]["name"][0] == "Łódź"


PLAIN = [["name", "n"], *(["Bo", str(row)] for row in range(5, 45))]


def table(delimiter: str = ",", rows: list[list[str]] | None = None) -> str:
    return "\n".join(delimiter.join(row) for row in rows or PLAIN) + "\n"


def packed() -> bytes:
    file = io.BytesIO()
    pd.DataFrame(PLAIN[1:], columns=PLAIN[0]).to_parquet(file)
    return file.getvalue()


# Files that all hold the same table, and what is said of each.
DRESSES: dict[str, tuple[Callable[[], str | bytes], str]] = {
    "semicolons": (lambda: table(";"), "separated by semicolons"),
    "tabs": (lambda: table("\t"), "separated by tabs"),
    "bars": (lambda: table("|"), "separated by bars"),
    "sep": (lambda: f"sep=;\n{table(';')}", "separated by semicolons"),
    "title": (lambda: f"Report of May\n\n{table()}", "'Report of May'"),
    "comment": (lambda: f"# made by x\n# in May\n{table()}", "'# made by x', '# in May'"),
    "footer": (lambda: f"{table()}\nTotal,40\n", "'Total,40'"),
    "note": (lambda: f"{table()}Source: the register of May\n", "'Source: the register of May'"),
    "spaces": (lambda: table(rows=[[" name", " n "], *PLAIN[1:]]), "spaces around names"),
    "no-break": (lambda: table().replace("Bo", "\u00a0Bo"), "invisible spaces"),
    "empty rows": (lambda: f"{table()},\n,\n", ""),
    "index": (
        lambda: table(rows=[["", *PLAIN[0]], *([str(i), *row] for i, row in enumerate(PLAIN[1:]))]),
        "numbers the rows, was left out",
    ),
    "row names of R": (
        lambda: table(rows=[PLAIN[0], *([str(i), *row] for i, row in enumerate(PLAIN[1:], 1))]),
        "numbers the rows, was left out",
    ),
    "empty column": (lambda: table(rows=[[*row, ""] for row in PLAIN]), "no values, was left out"),
    "delimiter at the end": (
        lambda: table(rows=[PLAIN[0], *([*row, ""] for row in PLAIN[1:])]),
        "no values, was left out",
    ),
    "utf-16": (lambda: b"\xff\xfe" + table().encode("utf-16-le"), "UTF-16"),
    "utf-8 with a mark": (lambda: b"\xef\xbb\xbf" + table().encode(), ""),
    "carriage returns": (lambda: table().replace("\n", "\r"), ""),
    "windows": (lambda: table().replace("\n", "\r\n"), ""),
    "gzip": (lambda: gzip.compress(table().encode()), ""),
    "parquet": (packed, ""),
    "packed parquet": (lambda: gzip.compress(packed()), ""),
}


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("name", ["table.csv", "TABLE.PARQUET"])
def test_a_file_is_told_by_its_content(tmp_path: Path, dress: str, name: str) -> None:
    make, said = DRESSES[dress]
    found, notes = read(write(tmp_path, make(), name))
    assert found == {"name": ["Bo"] * 40, "n": [str(row) for row in range(5, 45)]}
    assert said in "; ".join(notes)
    assert bool(notes) == bool(said)


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("table.csv", table())
    return file.getvalue()


# What is no table, or one whose values would stand under the wrong names.
WRONG: dict[str, tuple[str | bytes, str]] = {
    "zip": (zipped(), "ZIP archive"),
    "json": ('[{"name": "Bo"}]', "is JSON"),
    "html": ("<html><table>", "is HTML or XML"),
    "empty": ("", "is empty"),
    "blank": ("\n \n", "is empty"),
    "zeros": (b"a,b\n\0\0\0,1\n", "NUL"),
    "long line": ("a,b\n" + "x" * 50_000_000, "has a line of more than 2,000,000 characters"),
    "commas": ("," * 1_000_000, "1,000,001 columns"),
    "commas below": ("a,b\n" + "," * 1_000_000, "have more or fewer values|too few"),
    "quote": ('a,b\n"1,2\n' + "3,4\n" * 40, "have more or fewer values|cannot be read"),
    "ragged": ("a,b\n" + "1,2\n" * 30 + "1,2,3\n" + "1,2\n" * 9, "3 in line 32. Quote values"),
    "short": ("a,b,c\n" + "1,2,3\n" * 30 + "1,2\n" + "1,2,3\n", "2 in line 32. Quote values"),
    "extra": ("a,b\n" + "7,2,5\n" * 30, "Each row of .* has 3 values, but its header names 2"),
    "no header": ("1.5,2021-01-05\n" * 30, "holds values .* where the names"),
    "nameless": ("a,\n" + "x,y\n" * 30, "has no name. Give it one"),
    "twice": ("a,b,a\n" + "1,2,3\n" * 30, "more than one column named 'a'"),
    "alike": ("a b,A_B\n" + "1,2\n" * 30, "differ only in case and punctuation"),
    "signs": ("a,???\n" + "1,2\n" * 30, "has no letter or digit"),
    "ten rows": ("a,b\n" + "1,2\n" * 10, "has 10 rows, too few"),
}


@pytest.mark.parametrize("trouble", WRONG)
def test_what_is_no_table_is_refused_in_one_line(tmp_path: Path, trouble: str) -> None:
    content, said = WRONG[trouble]
    path = write(tmp_path, content)
    with pytest.raises(SynthcareError, match=said) as refused:
        infer(path)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 600


def test_lines_of_two_encodings_are_told(tmp_path: Path) -> None:
    lines = [f"Jos\u00e9,{row}\n".encode("cp1252" if row % 2 else "utf-8") for row in range(40)]
    found, notes = read(write(tmp_path, b"".join([b"name,n\n", *lines])))
    assert set(found["name"]) == {"José"}
    assert "20" in "".join(notes)


def kinds(path: Path, **said: Any) -> dict[str, str]:
    inferred = infer(path, dialect=Dialect(**said))
    return {c["name"]: c["config"]["meta"]["kind"] for c in inferred.columns}


@pytest.mark.parametrize(
    "label", ["id", "PatientID", "MRN", "Record Number", "account_no", "Visit Nr.", "sample uuid"]
)
def test_a_column_named_like_a_key_is_an_identifier(tmp_path: Path, label: str) -> None:
    rows = "".join(f"{7 * row % 101},{row % 50}\n" for row in range(100))
    inferred = infer(write(tmp_path, f"{label},age\n{rows}"))
    assert [c["config"]["meta"]["kind"] for c in inferred.columns] == ["identifier", "integer"]
    assert "looks like a key" in "\n".join(inferred.doubts)


@pytest.mark.parametrize(
    "value, kind",
    [
        (lambda row: 500 + 3 * row, "identifier"),  # increasing
        (lambda row: 100_000 + 7_919 * row % 900_000, "identifier"),  # equally long and wide
        (lambda row: 7 * row % 101, "integer"),  # unique, and of any length
        (lambda row: row // 2, "integer"),
    ],
)
def test_whole_numbers_that_look_like_keys(
    tmp_path: Path, value: Callable[[int], int], kind: str
) -> None:
    rows = "".join(f"{value(row)},{row % 50}\n" for row in range(100))
    assert kinds(write(tmp_path, f"x,age\n{rows}"))["x"] == kind


def test_a_key_that_repeats_is_the_group(tmp_path: Path) -> None:
    rows = "".join(f"d{row % 45},p{row // 2},{row % 50}\n" for row in range(100))
    inferred = infer(write(tmp_path, f"doctor_id,patient_id,age\n{rows}"))
    assert inferred.group == "patient_id"
    assert [c["name"] for c in inferred.columns] == ["doctor_id", "age"]
    assert "patient_id: 50 keys in 100 rows; taken as what rows" in "\n".join(inferred.doubts)


def test_codes_of_few_values_are_no_keys(tmp_path: Path) -> None:
    rows = "".join(f"{row % 8},{row % 50}\n" for row in range(100))
    assert kinds(write(tmp_path, f"admission_type_id,age\n{rows}")) == {
        "admission_type_id": "categorical",
        "age": "integer",
    }


def test_the_spelling_of_a_number_is_no_part_of_a_category(tmp_path: Path) -> None:
    rows = "".join(f"{row % 3}.0,{row % 4 / 2},{row % 50}\n" for row in range(100))
    grade, dose, _ = infer(write(tmp_path, f"grade,dose,age\n{rows}")).columns
    assert grade["config"]["meta"]["accepted_values"] == ["0", "1", "2"]
    assert grade["config"]["meta"]["synonyms"]["1.0"] == "1"
    assert dose["config"]["meta"]["accepted_values"] == ["0.0", "0.5", "1.0", "1.5"]
    assert dose["config"]["meta"]["synonyms"] == {
        **{"0": "0.0", "0.00": "0.0", "0.50": "0.5", "0.500": "0.5"},
        **{"1": "1.0", "1.00": "1.0", "1.50": "1.5", "1.500": "1.5"},
    }


def test_a_date_without_end_is_missing(tmp_path: Path) -> None:
    rows = "".join(
        f"2021-01-{1 + row % 28:02},{'9999-12-31' if row % 3 else '2021-03-01'}\n"
        for row in range(90)
    )
    inferred = infer(write(tmp_path, f"from,until\n{rows}"))
    until = inferred.columns[1]["config"]["meta"]
    assert (str(until["max"]), until["missing_values"]) == ("2021-03-01", ["9999-12-31"])
    assert "until: 60 values are missing, written '9999-12-31'" in "\n".join(inferred.doubts)


def test_small_numbers_keep_their_digits(tmp_path: Path) -> None:
    rows = "".join(f"{1 + row % 37}e-08\n" for row in range(100))
    (p,) = infer(write(tmp_path, f"p\n{rows}")).columns
    assert p["data_type"] == "decimal(12, 9)"
    assert p["config"]["meta"]["max"] == 3.7e-07


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_a_case_is_inferred_or_refused(path: Path) -> None:
    said = next((text for start, text in REFUSED.items() if path.name.startswith(start)), None)
    if said:
        with pytest.raises(SynthcareError, match=said):
            infer(path)
        return
    try:
        inferred = infer(path)
    except SynthcareError as refused:
        assert "\n" not in str(refused)
        return
    found = {c["name"]: c["config"]["meta"]["kind"] for c in inferred.columns}
    expected = next((k for start, k in KINDS.items() if path.name.startswith(start)), {})
    assert {name: found[name] for name in expected} == expected


# Labels that are, or become, names of ours, of SQL or of dbt; each with values that are scored.
PAIRS = ["Result", "Result Text", "Result Code", "Result Number", "Result Edges", "Result Mean"]
PAIRS += ["Result Spread", "Text Result", "Code Result", "Number Result", "Group Text", "Text"]
OURS = ["unit", "record_id", "run_id", "block", "dataset", "row_number", "is_holdout", "response"]
OURS += ["placed", "edges", "codes", "numbers", "identifiers", "exact", "folded", "twins", "coded"]
OURS += ["written", "is_looked_at", "place_in_sample", "runs", "code", "rowid", "Day", "datediff"]
WORDS = ["select", "from", "where", "order", "group", "table", "user", "default", "all", "case"]
WORDS += ["cast", "check", "null", "true", "primary", "using", "window", "with", "end", "this"]
WORDS += ["model", "ref", "source", "var", "config", "target", "graph", "loop", "column", "date"]
WORDS += ["month", "values", "interval", "time", "timestamp", "position", "row", "if", "map"]
WORDS += ["response_id", "was_normalised", "reject_reasons", "normalised_columns", "records"]


def made() -> dict[str, pd.DataFrame]:
    """Tables of our own that are built beside the cases."""
    rows = range(160)
    letters = ["a", "b", "c"]
    dates = pd.Series(pd.date_range("2021-01-01", periods=160)).dt.strftime("%Y-%m-%d")
    return {
        "pairs": pd.DataFrame(
            {
                label: [
                    letters[(row + place) % 3] if place % 2 else (row * (place + 3)) % 97
                    for row in rows
                ]
                for place, label in enumerate(PAIRS)
            }
        ),
        "ours": pd.DataFrame(
            {label: [(row * (place + 3)) % 89 for row in rows] for place, label in enumerate(OURS)}
        ).assign(Came=dates, Went=dates.shift(-3).fillna("2021-06-20")),
        "words": pd.DataFrame(
            {label: [f"w{row} {place}" for row in rows] for place, label in enumerate(WORDS)}
        ).assign(age=[row % 50 for row in rows]),
        "visits": pd.DataFrame(
            {
                "patient_id": [f"P{row // 2:04}" for row in rows],
                "cost": [f"${row * 37 % 1000:,}.50" for row in rows],
                "seen": [f"{1 + row % 28:02}/{1 + row % 12:02}/2021" for row in rows],
                "zip": [f"0{1000 + row * 7}" for row in rows],
                "grade": [["1.0", "2.0"][row % 2] for row in rows],
            }
        ),
        "categories": pd.DataFrame({"Ward": letters * 50, "Team": ["x", "y"] * 75}),
        "one_category": pd.DataFrame({"only": ["x", "y", "z", "z"] * 40}),
        "one_identifier": pd.DataFrame({"name": [f"Person {row}" for row in rows]}),
    }


# Tables of which the baselines are scored, one of each kind of trouble; the others are judged.
SCORED = ["pairs", "ours", "words", "visits", "one_category", "one_identifier"]
SCORED += ["case_t12_wide_numbers", "case_t28_odd_categories", "case_u4_x_low_high_bin"]


def tables() -> dict[str, Path]:
    """The accepted cases, by name of their dataset."""
    found = {}
    for path in CASES:
        if not path.name.startswith(tuple(REFUSED)):
            name = "case_" + path.stem.lower().replace("-", "_")
            found[name + TYPED_ONLY * path.name.startswith(SLOW)] = path
    return found


@pytest.fixture(scope="module")
def built_tables(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A copy of the project with every table; see `tests.scored_tables`."""
    copy = Copy(tmp_path_factory.mktemp("tables") / "project")
    files = tables()
    for name, frame in made().items():
        files[name] = copy.folder / f"{name}.csv"
        frame.to_csv(files[name], index=False)
    asked = {
        "files": {name: str(path) for name, path in files.items()},
        "scored": [name for name in SCORED if name in files],
        "rows": ROWS,
    }
    done = copy.python("-m", "tests.scored_tables", json.dumps(asked))
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return Home(copy.folder)


def query(home: Home, sql: str) -> pd.DataFrame:
    with duckdb.connect(home.warehouse, read_only=True) as warehouse:
        return warehouse.execute(sql).df()


@pytest.mark.parametrize("name", [*made(), *tables()])
def test_every_row_of_a_reference_is_typed(built_tables: Home, tmp_path: Path, name: str) -> None:
    path = tables().get(name) or tmp_path / "table.csv"
    if name in made():
        made()[name].to_csv(path, index=False)
    with duckdb.connect() as database:
        table = read_table(database, path)
        missing = {
            label: database.execute(
                # What a date says that has no end is missing, too.
                f"select count(*) filter (where v is null or v = '9999-12-31')"
                f' from (select "{label}" as v from rows)'
            ).fetchone()[0]
            for label in table.labels
        }
    staged = query(built_tables, f"from staging.stg_reference_{name}")
    assert len(staged) == table.rows == sorted(staged["row_number"])[-1] + 1
    typed = staged.drop(columns=["row_number", "is_holdout", "unit"])
    labels = [label for label in table.labels if (name, label) not in GROUPS]
    assert [*typed.isna().sum()] == [missing[label] for label in labels]


@pytest.mark.parametrize("name", sorted({*made(), *tables()}))
def test_rows_of_both_baselines_are_accepted(built_tables: Home, name: str) -> None:
    if name.endswith(TYPED_ONLY):
        return
    judged = query(
        built_tables,
        f"""
        select llm, count(*) as found, count(*) filter (where len(reject_reasons) = 0) as accepted
        from intermediate.int_{name}_cast
        inner join raw.llm_runs using (run_id)
        group by llm
        """,
    ).set_index("llm")
    (held_out,) = query(
        built_tables, f"select count(*) as n from staging.stg_reference_{name} where is_holdout"
    )["n"]
    assert [*judged.loc["holdout"]] == [min(ROWS, held_out)] * 2
    # A date that is drawn as an offset from another one may lie beyond the last of the table.
    assert judged.loc["independent", "found"] == ROWS
    assert judged.loc["independent", "accepted"] >= 0.9 * ROWS


# What the first rows of a column become; written here as a person reads the file.
FIRST = {
    "t01_semicolon": ("weight", ["57.7", "84.5", "72.7"]),
    "t02_decimal_comma": ("weight", ["72.4", "88.6", "49.3"]),
    "t04_title_row": ("age", ["40"]),
    "t04b_title_row_commas": ("age", ["40", "30"]),
    "t05_unicode_names": ("grosse_kg", ["80.4", "94.1", "75.7"]),
    "t07_percent": ("saturation", ["88", "83", "99"]),
    "t09_booleans": ("died", ["f", "t", "t"]),
    "t10_times": ("us_stamp", ["2021-01-01", "2021-02-02", "2021-03-03"]),
    "t12_wide_numbers": ("account", ["1000000000000888786229", "1000000000000915459217"]),
    "t13_constant": ("pi", ["3.14", "3.14"]),
    "t15_icd": ("icd", ["E42.7", "K70.6", "I51.7"]),
    "t16_far_dates": ("ends", ["2024-06-01", "2024-06-01", "2023-05-01"]),
    "t19b_20_rows": ("left_value", ["2022-07-01", "2022-07-24", "2023-04-07"]),
    "t19c_50_rows": ("ward", ["Cardio", "Ortho", "Ortho"]),
    "t20c_pandas": ("alive", ["false", "true"]),
    "t22_code_number_text_pairs": ("diagnosis_code", ["T30", "J11", "T30"]),
    "t23a_spaces_in_header": ("age", ["79", "87", "43"]),
    "t23c_utf16": ("ward", ["ICU", "Cardio", "Cardio"]),
    "t23d_cp1252": ("sex", ["F", "F", "M"]),
    "t28_odd_categories": ("weird", ["50%", "\U0001f600 ok", "yes: no"]),
    "t29_number_spellings": ("grade", ["2", "1", "1"]),
    "t32_dmy_mdy": ("left_value", ["2023-02-18", "2021-07-21", "2022-10-05"]),
    "t33_yyyymmdd": ("admitted", ["2021-06-08", "2022-09-01", "2023-04-24"]),
    "t37_id": ("patient_id", ["100001", "100002", "100003"]),
    "t40a_one_column": ("age", ["75", "49", "52"]),
    "t40c_identifiers_only": ("note", ["note Axa", "note Axb", "note Axc"]),
    "t41_dot_thousands": ("weight", ["72.1", "76.3", "88.3"]),
    "u2_x_and_x_number": ("room_number", ["123", "154", "168"]),
    "u3_x_and_x_text": ("note_text", ["bb", "bb", "aa"]),
    "u4_x_low_high_bin": ("procedure_high", ["113", "108", "142"]),
}


@pytest.mark.skipif(not CASES, reason="SYNTHCARE_TEST_CASES names no folder of cases")
def test_first_values_are_typed_as_a_person_reads_them(built_tables: Home) -> None:
    cases = {name.removeprefix("case_") for name in tables() if not name.endswith(TYPED_ONLY)}
    assert cases <= set(FIRST)  # a new case needs its values here
    found = {}
    for name, (column_name, values) in FIRST.items():
        rows = query(
            built_tables,
            f"select cast({column_name} as varchar) as v from staging.stg_reference_case_{name}"
            f" order by row_number limit {len(values)}",
        )
        found[name] = (column_name, [*rows["v"]])
    assert found == FIRST


def test_what_a_table_is_like_does_not_keep_it_from_scores(built_tables: Home) -> None:
    scores = query(built_tables, "from metrics.scorecard").set_index(["dataset", "llm"])
    for name in SCORED:
        if name in made() or name in tables():
            assert scores.loc[(name, "holdout"), "accept_rate"] == 1
            assert scores.loc[(name, "independent"), "accept_rate"] > 0.9


@pytest.mark.parametrize("name", ["pairs", "ours", "words"])
def test_no_column_is_taken_for_another(built_tables: Home, name: str) -> None:
    """Each is typed and coded as it stands in the file, whatever our own columns are called."""
    given = made()[name].drop(columns="record_id", errors="ignore")  # the group
    staged = query(built_tables, f"from staging.stg_reference_{name} order by row_number")
    typed = staged.drop(columns=["row_number", "is_holdout", "unit"])
    assert len(typed.columns) == len(given.columns)
    for label, column_name in zip(given.columns, typed.columns, strict=True):
        values = typed[column_name]
        dates = values.dt.strftime("%Y-%m-%d") if values.dtype.kind == "M" else values
        assert [*map(str, dates)] == [*map(str, given[label])], label
    with duckdb.connect(built_tables.warehouse, read_only=True) as warehouse:
        real = coded_rows(warehouse).reference(name, 1)
    own = [column for column in real.train.columns if not column.derived_from]
    assert own
    for place, column in enumerate(own):
        codes, numbers = [], []
        for half in (real.train, real.holdout):
            codes += half.codes[:, place].tolist()
            numbers += half.numbers.get(column.name, np.empty(0)).tolist()
        values = typed[column.name]
        if values.dtype.kind == "M":
            values = (values - pd.Timestamp("1970-01-01")).dt.days
        coded = numbers if column.is_number else [column.values[code - 1] for code in codes]
        assert sorted(coded) == sorted(values), column.name


def test_a_proposed_group_stays_in_one_half(built_tables: Home) -> None:
    halves = query(
        built_tables,
        """
        select received.patient_id, count(distinct staged.is_holdout) as halves
        from raw.reference_visits as received
        inner join staging.stg_reference_visits as staged on received.rowid = staged.row_number
        group by received.patient_id
        """,
    )
    assert (len(halves), set(halves["halves"])) == (80, {1})
    first = query(built_tables, "from staging.stg_reference_visits where row_number = 1")
    assert [str(value) for value in first.iloc[0, 1:-2]] == [
        *("37.5", "2021-02-02 00:00:00", "01007", "2")
    ]
