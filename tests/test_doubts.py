"""Nothing is accepted that a person would doubt: drafts, marks, prose, merged and shifted rows."""

import pytest

from readers.answers import Expected, read_answer

NAMES = Expected(
    ("Name", "Doctor", "Hospital"), (("Name",), ("Doctor",), ("Hospital",))
)  # three columns of free text: nothing but the reader says what is a value
STAY = Expected(
    ("Name", "Age", "Admitted", "Hospital"),
    tuple((label,) for label in ("Name", "Age", "Admitted", "Hospital")),
)
ROW, OTHER = "Ann Lee,Bo Li,Kim Clinic", "Cy Ray,Di Poe,Hill Sons"
FIRST, SECOND = ROW.split(","), OTHER.split(",")
HEAD = "Name,Doctor,Hospital"
BOTH = [FIRST, SECOND]


def read(text: str, expected: Expected = NAMES) -> list[list[str | None]]:
    """Values, by label, of the whole records that nothing speaks against."""
    found = []
    for record in read_answer(text, expected).records:
        names = record.names or expected.labels
        if record.doubt or record.is_cut_off or len(names) != len(record.values):
            continue
        values = {expected.label(n): v for n, v in zip(names, record.values, strict=True)}
        row = [values.get(label) for label in expected.labels]
        if all(row):
            found.append(row)
    return found


TEXTS: dict[str, tuple[str, list[list[str]]]] = {
    "two patients of whom one lacks a value": (
        "Doctor: A B\nHospital: C D\n\nName: Ann Lee\nDoctor: Bo Li\nHospital: Kim Clinic",
        [FIRST],
    ),
    "a heading between two halves of two patients": (
        "Name: A B\nDoctor: C D\n## Patient 2\nHospital: E F",
        [],
    ),
    "rows that lack a value each": ("A B,C D\nE F,G H\nI J,K L\nM N,O P", []),
    "a mark before the first row only": (f"- {ROW}\n{OTHER}", [SECOND]),
    "a number before the first row only": (f"1. {ROW}\n{OTHER}", [SECOND]),
    "labels that nobody listed": (f"Person 1: {ROW}\nPerson 2: {OTHER}", []),
    "numbers and a space": (f"1 {ROW}\n2 {OTHER}", []),
    "arrows": (f"➤ {ROW}\n➤ {OTHER}", []),
    "who speaks": (f"ChatGPT: {ROW}\n{OTHER}", [SECOND]),
    "a sign for the end": (f"Name,Doctor,Hospital\n{ROW}\n{OTHER}<|im_end|>", BOTH),
    "another sign for the end": (f"{ROW}\n{OTHER}</s>", BOTH),
    "a comment behind a row": (f"{ROW}\n{OTHER} <-- new", [FIRST]),
    "a brace behind the last row": (f"{ROW}\n{OTHER}}}", [FIRST]),
    "a refusal with commas": ("I am sorry, but as an AI, I cannot do this.", []),
    "prose behind the rows": (
        f"Name,Doctor,Hospital\n{ROW}\n{OTHER}\n\nHope this, as asked, helps",
        BOTH,
    ),
    "prose before the rows": (f"Sure, here you go, enjoy\n\n{ROW}\n{OTHER}", BOTH),
    "an example in json": (
        f'{{"Name": "X", "Doctor": "Y", "Hospital": "Z"}}\n\nName,Doctor,Hospital\n{ROW}\n{OTHER}',
        BOTH,
    ),
    "references in brackets": (f"See [1, 2, 3].\nName,Doctor,Hospital\n{ROW}\n{OTHER}", BOTH),
    "a list with a name of its own": (
        f'doctors = ["Smith", "Lee", "Khan"]\nName,Doctor,Hospital\n{ROW}\n{OTHER}',
        BOTH,
    ),
    "a thought in a key of json": (
        '{"reasoning": "I could write\\nA B,C D,E F\\nG H,I J,K L\\nM N,O P,Q R", '
        '"thoughts": [{"Name": "A B", "Doctor": "C D", "Hospital": "E F"}], '
        '"rows": [{"Name": "Ann Lee", "Doctor": "Bo Li", "Hospital": "Kim Clinic"}]}',
        [FIRST],
    ),
    "values that run into the next column": (
        "Name    Doctor  Hospital\nAnn Lee Bo Li   Kim Clinic\nCyrus Ray Di Poe Hill Sons",
        [],
    ),
    "a frame whose columns nothing parts": (
        "Name Doctor Hospital\nAnn  Bo Li Kim", []
    ),
    "an example that is said to be one": (
        f"For example:\n\n{HEAD}\nA B,C D,E F\n\nHere are the rows:\n\n{HEAD}\n{ROW}\n{OTHER}",
        BOTH,
    ),
    "a thought in an own tag": (f"<deep_think>\nA B,C D,E F\n</deep_think>\n{ROW}\n{OTHER}", BOTH),
    "a thought in a page": (f"&lt;think&gt;\nA B,C D,E F\n&lt;/think&gt;\n{ROW}\n{OTHER}", BOTH),
    "a tag that is only named": (
        f"I will not use <think> tags.\n\nName,Doctor,Hospital\n{ROW}\n{OTHER}",
        BOTH,
    ),
    "an instruction's rows": (f"[INST] Rows such as\nA B,C D,E F [/INST]\n{ROW}\n{OTHER}", BOTH),
    "types below the header": (
        f"Name│Doctor│Hospital\nvarchar│varchar│varchar\n{ROW.replace(',', '│')}",
        [FIRST],
    ),
    "dots for what was left out": (f"{ROW}\n...,...,...\n{OTHER}", BOTH),
    "a total": (f"| Name | Doctor | Hospital |\n|---|---|---|\n| {ROW.replace(',', ' | ')} |\n"
                f"| {OTHER.replace(',', ' | ')} |\n| **Total** | 2 | 2 |", BOTH),
    "a table of something else": (
        f"| Name | Doctor | Hospital |\n|---|---|---|\n| {ROW.replace(',', ' | ')} |\n\n"
        "| Model | Temp | Seed |\n|---|---|---|\n| gpt | 1 | 7 |",
        [FIRST],
    ),
    "columns of a frame that stand behind": (
        'pd.DataFrame([["E F", "A B", "C D"]], columns=["Hospital", "Name", "Doctor"])',
        [["A B", "C D", "E F"]],
    ),
    "a row of code": ('rows.append([fake.name(), fake.name(), fake.company()])', []),
    "a printed row": ('print("A B,C D,E F")', []),
    "json with escapes": (
        r'[{\"Name\": \"Ann Lee\", \"Doctor\": \"Bo Li\", \"Hospital\": \"Kim Clinic\"}]',
        [FIRST],
    ),
    "json of a page": (
        "[{&quot;Name&quot;: &quot;Ann Lee&quot;, &quot;Doctor&quot;: &quot;Bo Li&quot;,"
        " &quot;Hospital&quot;: &quot;Kim Clinic&quot;}]",
        [FIRST],
    ),
    "a field that no column has": (
        "Name: Ann Lee, Notes: calm, Doctor: Bo Li, Hospital: Kim Clinic",
        [],
    ),
    "a quote that is never opened": (f'{ROW}"\n{OTHER}', [SECOND]),
    "more rows after a pause": (
        f"{HEAD}\n{ROW}\n\nSorry for the delay, here are the rest:\n\n{HEAD}\n{OTHER}",
        BOTH,
    ),
    "a status in each line of json": (
        '{"error": null, "row": {"Name": "Ann Lee", "Doctor": "Bo Li", "Hospital": "Kim Clinic"}}\n'
        '{"error": null, "row": {"Name": "Cy Ray", "Doctor": "Di Poe", "Hospital": "Hill Sons"}}',
        BOTH,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_nothing_is_accepted_that_a_person_would_doubt(name: str) -> None:
    text, expected = TEXTS[name]
    assert sorted(read(text)) == sorted(expected), text


def test_a_header_in_other_words_leaves_the_order_open() -> None:
    text = "Clinic,Years,Since,Patient\nKim,40,2023-01-05,Ann Lee\nHill,41,2023-02-05,Cy Ray"
    assert read(text, STAY) == []


def test_one_column_has_no_prose_in_it() -> None:
    text = "Here are two names:\n\nName\nAnn Lee\nBo Li\n\nHope this helps you!"
    assert read(text, Expected(("Name",), (("Name",),))) == [["Ann Lee"], ["Bo Li"]]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 10_000,
        '{"a":' * 10_000,
        '{"a": "b\n' * 10_000,
        "<a>" * 10_000,
        "," * 1_000_000,
        "x" * 5_000_000,
        '"' * 100_000,
        "\n" * 500_000,
        "<think>" * 50_000,
        "User: a\nAssistant: b\n" * 5_000,
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    ],
    ids=lambda text: text[:12],
)
def test_hostile_text_has_no_record(text: str) -> None:
    assert read(text) == []


def test_entities_are_neither_expanded_nor_fetched() -> None:
    text = (
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY y "ha">]>'
        "<r><p><Name>&x;</Name><Doctor>&y;</Doctor><Hospital>K</Hospital></p></r>"
    )
    assert read(text) == [["&x;", "&y;", "K"]]


@pytest.mark.parametrize(
    "text, kind",
    [
        ("I'm sorry, but I can't help with creating patient records.", "refusal"),
        ("As an AI language model I must not write data of patients.", "refusal"),
        ("Unfortunately I am unable to generate that many rows in one answer.", "refusal"),
        ("Leider kann ich keine Patientendaten erzeugen.", "refusal"),
        ("Here are the rows that you asked for. Let me know what else you need!", "prose"),
        ("Which columns can be empty? Please tell me before I begin.", "prose"),
    ],
)
def test_a_refusal_in_words_is_told_from_other_prose(text: str, kind: str) -> None:
    assert read_answer(text, NAMES).taken_for == kind


def test_the_longest_piece_that_no_record_explains_is_kept() -> None:
    text = f"Sure!\n\n{HEAD}\n{ROW}\n{OTHER}\n\nGus Hart was there in 2021 too; he has no row."
    assert read_answer(text, NAMES).rest == "Gus Hart was there in 2021 too; he has no row."
    assert read_answer(f"{HEAD}\n{ROW}", NAMES).rest == ""


# In a contract of which one column alone is text that nothing else judges.
HEADER = "Name,Age,Admitted,Hospital"
ANN, BO = ["Ann Lee", "45", "2022-03-14", "Kim Clinic"], ["Bo Li", "46", "2022-03-15", "Hill Sons"]
CY, DI = ["Cy Ray", "50", "2021-03-14", "Poe Clinic"], ["Di Poe", "33", "2020-03-15", "Ray Sons"]
FIRST_TWO, NEXT_TWO = (
    "\n".join([HEADER, *(",".join(row) for row in rows)]) for rows in ([ANN, BO], [CY, DI])
)


@pytest.mark.parametrize(
    "between",
    [
        "Note: billing amounts are adjusted for inflation.",
        "Batch 2 (dates corrected for leap years):",
        "Here are some more, with no wrong values:",
        "Next, patients with medication errors:",
        "## Patients corrected by surgery",
    ],
)
def test_a_word_alone_takes_no_rows_back(between: str) -> None:
    assert read(f"{FIRST_TWO}\n\n{between}\n\n{NEXT_TWO}", STAY) == [ANN, BO, CY, DI]


@pytest.mark.parametrize(
    "between",
    [
        "Oops, that was wrong. Here they are again:",
        "I made a mistake. Corrected version:",
        "Corrected:",
        "Wait, let me redo this.",
    ],
)
def test_an_answer_may_take_all_of_its_rows_back(between: str) -> None:
    assert read(f"{FIRST_TWO}\n\n{between}\n\n{NEXT_TWO}", STAY) == [CY, DI]


CUT = {
    "yaml": "- Name: Ann Lee\n  Age: 45\n  Admitted: 2022-03-14\n  Hospital: Kim Clinic\n"
    "- Name: Bo Li\n  Age: 46\n  Admitted: 2022-03-15\n  Hospital: Hill S",
    "columns of spaces": "Name     Age Admitted   Hospital\nAnn Lee   45 2022-03-14 Kim Clinic\n"
    "Bo Li     46 2022-03-15 Hill S",
    "labels": "Name: Ann Lee\nAge: 45\nAdmitted: 2022-03-14\nHospital: Kim Clinic\n\n"
    "Name: Bo Li\nAge: 46\nAdmitted: 2022-03-15\nHospital: Hill S",
    "a markdown table": "|Name|Age|Admitted|Hospital|\n|---|---|---|---|\n"
    "|Ann Lee|45|2022-03-14|Kim Clinic|\n|Bo Li|46|2022-03-15|Hill S",
    "lines in a list": '["Ann Lee,45,2022-03-14,Kim Clinic","Bo Li,46,2022-03-15,Hill S',
}


@pytest.mark.parametrize("name", CUT)
def test_the_last_row_of_an_answer_that_was_cut_off_is_cut_off(name: str) -> None:
    records = read_answer(CUT[name], STAY, is_truncated=True).records
    assert [(record.values[0], record.is_cut_off) for record in records] == [
        ("Ann Lee", False),
        ("Bo Li", True),
    ]


def test_rows_are_read_where_all_of_the_answer_is_called_an_example() -> None:
    assert read(f"<examples>\n{FIRST_TWO}\n</examples>", STAY) == [ANN, BO]
    assert read(f"<example>\n{FIRST_TWO}\n</example>\n{NEXT_TWO}", STAY) == [CY, DI]


def test_a_name_in_a_group_of_another_person_is_none_of_the_patient() -> None:
    row = '"Age": 45, "Admitted": "2022-03-14", "Hospital": "Kim Clinic"'
    contact = '"Emergency Contact": {"Name": "Zed"}'
    assert read(f'[{{"Name": "Ann Lee", {row}, {contact}}}]', STAY) == [ANN]
    assert read(f'[{{"Patient": "Ann Lee", {row}, {contact}}}]', STAY) == []


def test_a_sign_of_a_comment_in_a_value_is_doubted() -> None:
    text = "- Name: Ann Lee\n  Age: 45\n  Admitted: 2022-03-14\n  Hospital: {}\n"
    assert read(text.format("Kim Clinic #2") + text.format("Kim Clinic"), STAY) == [ANN]


def test_the_end_of_a_sentence_is_no_part_of_its_last_value() -> None:
    text = "Name: Ann Lee. Age: 45. Admitted: 2022-03-14. Hospital: Kim Clinic."
    assert read(text, STAY) == [ANN]


@pytest.mark.parametrize(
    "text", ["1" * 5_000 + ",,,", "- " * 990 + "a,b,c,d", "1. " * 990 + "a,b,c,d"]
)
def test_repetition_without_end_raises_nothing(text: str) -> None:
    assert read(text, STAY) == []


def test_words_for_sums_and_types_may_be_names() -> None:
    assert read(f"{HEADER}\nSum,45,2022-03-14,Text", STAY) == [["Sum", "45", "2022-03-14", "Text"]]
    assert read(f"{HEADER}\nvarchar,int,date,text\n{','.join(ANN)}", STAY) == [ANN]


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (("Analysis", "Output"), "Analysis: blood\nOutput: normal\n"),
        (("Site", "User"), "Site: north ward of the city\n\nUser: Bo\n"),
    ],
)
def test_columns_that_are_called_like_a_thought_or_a_turn_are_data(
    labels: tuple[str, ...], text: str
) -> None:
    records = read_answer(text, Expected(labels, tuple((label,) for label in labels))).records
    assert [name for record in records for name in record.names or ()] == [*labels]


def test_a_name_that_a_header_has_is_not_taken_from_what_is_glued_to_it() -> None:
    expected = Expected(("Name", "Age", "Ward"), (("Name",), ("Age",), ("Ward",)))
    records = read_answer("```\nFull Name: Name,name,Age,Ward\nx,Ann,4,B\n```", expected).records
    assert [record.names for record in records] == [("Full Name: Name", "name", "Age", "Ward")]
