"""Rows in each format that LLMs, programs and chats write are read back, and nothing else is."""

import json

import pandas as pd
import pytest
import yaml

from readers.answers import Expected, read_answer

LABELS = ("Name", "Age", "Blood Type", "Date of Admission", "Billing Amount", "Test Results")
EXPECTED = Expected(LABELS, tuple((label,) for label in LABELS))
ROWS = [
    ["Mara Quist", "45", "A+", "2022-03-14", "12034.5", "Normal"],
    ["Tom O'Hara", "61", "O-", "2021-11-23", "8450.25", "Abnormal"],
    ["Ana de la Cruz", "33", "B+", "2023-07-18", "23110.0", "Inconclusive"],
]
DRAFT = ["Draft Person", "20", "A+", "2022-03-14", "1.5", "Normal"]
HEADER = ",".join(LABELS)


def lines(rows: list[list[str]] = ROWS, before: str = "", after: str = "", by: str = ",") -> str:
    """A line for each row, with `before` and `after`; {n} in them is the row's number."""
    return "\n".join(
        before.format(n=number) + by.join(row) + after.format(n=number)
        for number, row in enumerate(rows, 1)
    )


def records(rows: list[list[str]] = ROWS) -> list[dict[str, str]]:
    return [dict(zip(LABELS, row, strict=True)) for row in rows]


def js(rows: list[list[str]] = ROWS, **options: object) -> str:
    return json.dumps(records(rows), **options)


def blocks(line: str, between: str, rows: list[list[str]] = ROWS) -> str:
    """Label and value on a line each."""
    return between.join(
        "\n".join(line.format(label, value) for label, value in record.items())
        for record in records(rows)
    )


def markdown(rows: list[list[str]] = ROWS) -> str:
    table = [[*LABELS], ["---"] * len(LABELS), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in table)


def frame(*, width: int | None = None, **options: object) -> str:
    """A data frame as pandas prints it, wrapped at `width`."""
    table = pd.DataFrame(ROWS, columns=LABELS)
    if width is None:
        return table.to_string(**options)
    with pd.option_context("display.width", width, "display.max_columns", None):
        return repr(table)


def xml(rows: list[list[str]] = ROWS) -> str:
    return "\n".join(
        "<patient>"
        + "".join(f"<{n.replace(' ', '_')}>{v}</{n.replace(' ', '_')}>" for n, v in record.items())
        + "</patient>"
        for record in records(rows)
    )


def quoted(left: str, right: str, by: str = ",") -> str:
    return "\n".join(by.join(f"{left}{value}{right}" for value in row) for row in ROWS)


def sql(row: list[str]) -> str:
    return "(" + ", ".join("'" + value.replace("'", "''") + "'" for value in row) + ")"


TUPLES = ",\n".join(repr(tuple(row)) for row in ROWS)

FORMATS: dict[str, str] = {
    # ---------- drafts
    "a draft in think tags": f"<think>\n{','.join(DRAFT)}\n</think>\n{lines()}",
    "a draft in thinking tags": f"<Thinking>{js([DRAFT])}</Thinking>\n{js()}",
    "a draft before a lone end": f"{','.join(DRAFT)}\nok.\n</think>\n\n{HEADER}\n{lines()}",
    "a draft in a channel": f"<|channel|>analysis<|message|>{','.join(DRAFT)}<|end|><|start|>assistant<|channel|>final<|message|>{lines()}<|return|>",
    "a channel without its markers": f"analysisWe need rows like {js([DRAFT])}. Fine.assistantfinal{js()}",
    "a draft in brackets": f"[THINK]{js([DRAFT])}[/THINK]{js()}",
    "a draft in other signs": f"◁think▷{js([DRAFT])}◁/think▷{js()}",
    "a draft in a block of details": f'<details type="reasoning" done="true">\n<summary>Thought</summary>\n{lines([DRAFT])}\n</details>\n{lines()}',
    "a draft of a program that thinks aloud": f"Thinking...\n{lines([DRAFT])}\n...done thinking.\n\n{lines()}",
    "thoughts between answers": f"<think>{js([DRAFT])}</think>{js(ROWS[:1])}<think>{js([DRAFT])}</think>{js(ROWS[1:])}",
    "a thought that names its tag": f"<think>I close with </think> later: {lines([DRAFT])}\n</think>\n{lines()}",
    "a draft, then the answer": f"First draft:\n\n{HEADER}\n{lines([DRAFT])}\n\nFinal version:\n\n{HEADER}\n{lines()}",
    "a try and its correction": f"{HEADER}\n{lines([['Mara Quist', '45', 'A+', '2022-03-15', '12034.5', 'Normal'], *ROWS[1:]])}\n\nWait, the first date is wrong. Corrected:\n\n{HEADER}\n{lines()}",
    "a correction in json": f"```json\n{js([DRAFT])}\n```\nActually, I made a mistake. Here is the corrected list:\n```json\n{js()}\n```",
    "one row that is corrected": f"{lines([ROWS[0], ['Tom O' + chr(39) + 'Hara', '99', 'O-', '2021-11-23', '8450.25', 'Abnormal'], ROWS[2]])}\n\nCorrection, Tom is 61:\n\n{lines(ROWS[1:2])}",
    "a conversation": f"User: Write rows such as\n{lines([DRAFT])}\n\nAssistant: {lines()}\n\nUser: thanks",
    "turns of a template": f"<|im_start|>user\n{js([DRAFT])}<|im_end|>\n<|im_start|>assistant\n{js()}<|im_end|>",
    # ---------- marks of lists
    "numbered lines": lines(before="{n}. "),
    "numbered lines with brackets": lines(before="({n}) "),
    "numbered lines in bold": lines(before="**{n}.** "),
    "lines with a label": lines(before="Row {n}: "),
    "lines with a label in bold": lines(before="**Patient {n}:** "),
    "lines with a number sign": lines(before="#{n} "),
    "lines with a bracketed number": lines(before="[{n}] "),
    "lines with bullets": lines(before="• "),
    "lines with stars": f"{HEADER}\n{lines(before='* ')}",
    "quoted lines of a mail": lines(before="> "),
    "lines with letters": "\n".join(f"{'abc'[n]}) {','.join(row)}" for n, row in enumerate(ROWS)),
    "lines in tags": lines(before="<row>", after="</row>"),
    "lines with numbers in tags": lines(before='<row id="{n}">', after="</row>"),
    "lines in bold": lines(before="**", after="**"),
    "lines in code": lines(before="`", after="`"),
    "lines in parentheses": lines(before="(", after="),"),
    "lines with breaks": lines(after="<br>"),
    "a bullet and a number": lines(before="- {n}. "),
    "a fence that is glued to the rows": f"```csv {lines()}```",
    "tags around all": f"<answer>\n{HEADER}\n{lines()}\n</answer>",
    "numbers as a column without a name": "\n".join(f"{n},{','.join(row)}" for n, row in enumerate(ROWS)),
    "numbers under a header without theirs": f"{HEADER}\n{lines(before='{n},')}",
    "numbers in a markdown table": "\n".join(f"| {n} | {' | '.join(row)} |" for n, row in enumerate(ROWS, 1)),
    "titles between rows": "\n".join(f"### Patient {n}\n{','.join(row)}\n" for n, row in enumerate(ROWS, 1)),
    # ---------- JSON and literals
    "json with a comma at the end": js(indent=1).replace("\n ]", ",\n ]").replace('"\n }', '",\n }'),
    "json in json": json.dumps(js()),
    "json lines of strings": "\n".join(json.dumps(json.dumps(record)) for record in records()),
    "a list of csv lines": json.dumps([",".join(row) for row in ROWS], indent=1),
    "arrays": json.dumps([[*LABELS], *ROWS]),
    "arrays by line": "\n".join(json.dumps(row) for row in ROWS),
    "columns": json.dumps({label: [row[n] for row in ROWS] for n, label in enumerate(LABELS)}),
    "split": json.dumps({"columns": LABELS, "index": [0, 1, 2], "data": ROWS}),
    "by index": json.dumps({str(n): record for n, record in enumerate(records())}),
    "groups": json.dumps([{"person": dict([*r.items()][:3]), "stay": dict([*r.items()][3:])} for r in records()]),
    "one record in groups": json.dumps({"patient": {"person": dict([*records()[0].items()][:3]), "stay": {"all": dict([*records()[0].items()][3:])}}}),
    "values with units": json.dumps([r | {"Age": {"value": r["Age"], "unit": "years"}} for r in records()]),
    "keys with units": js().replace('"Age"', '"Age (years)"').replace('"Billing Amount"', '"Billing Amount [USD]"'),
    "smart quotes": "[" + ",\n".join("{" + ", ".join(f"“{k}”: “{v}”" for k, v in r.items()) + "}" for r in records()) + "]",
    "wide punctuation": js(ensure_ascii=False).replace('", "', '"，"').replace('": ', '"：'),
    "javascript": "const rows = [" + ",\n".join("{" + ", ".join(f"{k.replace(' ', '_')}: `{v}`" for k, v in r.items()) + "}" for r in records()) + "];",
    "python tuples": f"rows = [\n{TUPLES}\n]\nfor row in rows:\n    print(row)",
    "a python data frame": f"df = pd.DataFrame({ {label: [row[n] for row in ROWS] for n, label in enumerate(LABELS)}!r})\nprint(df)",
    "python keywords": "[" + ",\n".join("dict(" + ", ".join(f"{k.replace(' ', '_').lower()}={v!r}" for k, v in r.items()) + ")" for r in records()) + "]",
    "sql inserts": f"INSERT INTO patients ({', '.join(label.replace(' ', '_') for label in LABELS)}) VALUES\n" + ",\n".join(map(sql, ROWS)) + ";",
    "an sql insert a row": "\n".join(f"INSERT INTO patients VALUES {sql(row)};" for row in ROWS),
    "a tool's arguments": json.dumps({"name": "emit", "arguments": json.dumps({"rows": records()})}),
    "a schema before the rows": json.dumps({"type": "object", "properties": {label: {"type": "string"} for label in LABELS}}) + "\n" + js(),
    "latex": "\\boxed{" + js() + "}",
    "escaped line ends": f"{HEADER}\n{lines()}".replace("\n", "\\n"),
    # ---------- tables
    "a markdown table in bold": markdown().replace("| Mara Quist |", "| **Mara Quist** |"),
    "a markdown table that is wrapped": "\n".join("| " + " | ".join(r[:2]) + " |\n| " + " | ".join(r[2:]) + " |" for r in [*ROWS, ROWS[0]]),
    "a box of lines": markdown().replace("|", "│").replace("---", "───"),
    "a box of plus signs": "+---+---+\n" + markdown().replace("| --- " * 6 + "|", "+---+---+") + "\n+---+---+",
    "columns of spaces": frame(index=False, col_space=22),
    "a data frame": frame(),
    "a data frame without numbers of rows": frame(index=False),
    "a data frame to the left": frame(justify="left"),
    "a data frame in two parts": frame(width=72),
    "a data frame in parts of a column or two": "```\n" + frame(width=40) + "\n```",
    "a data frame below its code": "```python\nprint(df)\n```\n\nOutput:\n\n```\n" + frame() + "\n\n[3 rows x 6 columns]\n```",
    "an html table": "<html><body><table border=1><tr>" + "".join(f"<th>{n}</th>" for n in LABELS) + "</tr>" + "".join("<tr>" + "".join(f"<td><b>{v}</b></td>" for v in row) + "</tr>" for row in ROWS) + "</table></body></html>",
    "an html table without ends": "<table><tr><th>" + "<th>".join(LABELS) + "".join("<tr><td>" + "<td>".join(row) for row in ROWS) + "</table>",
    "xml": f'<?xml version="1.0"?>\n<patients>\n{xml()}\n</patients>',
    "xml elements alone": xml(),
    "xml attributes": "<rows>" + "".join("<row " + " ".join(f'{k.replace(" ", "_")}="{v}"' for k, v in r.items()) + "/>" for r in records()) + "</rows>",
    "xml fields": "<rows>" + "".join("<row>" + "".join(f'<field name="{k}">{v}</field>' for k, v in r.items()) + "</row>" for r in records()) + "</rows>",
    # ---------- labels and sentences
    "yaml": "```yaml\n" + yaml.safe_dump({"patients": records()}, sort_keys=False) + "```",
    "yaml without a fence": yaml.safe_dump(records(), sort_keys=False),
    "yaml in groups": yaml.safe_dump([{"person": dict([*r.items()][:3]), "stay": dict([*r.items()][3:])} for r in records()], sort_keys=False),
    "toml": blocks('{} = "{}"', "\n\n[[patient]]\n"),
    "labels": blocks("{}: {}", "\n\n"),
    "labels in bold": blocks("**{}**: {}", "\n\n---\n\n"),
    "labels in bold with their colon": blocks("- **{}:** {}", "\n\n### Patient 2\n\n"),
    "labels in snake case": blocks("{}: {}", "\n\n").replace("Blood Type", "blood_type"),
    "labels on one line": "\n".join(", ".join(f"{k}: {v}" for k, v in r.items()) for r in records()),
    "labels with bars": "\n".join(" | ".join(f"{k}: {v}" for k, v in r.items()) for r in records()),
    "sentences": "\n".join(", ".join(f"{k} is {v}" for k, v in r.items()) for r in records()),
    "sentences with an end": "\n".join(", ".join(f"{k} is {v}" for k, v in r.items()) + ";" for r in records()),
    "numbered blocks": "\n\n".join(f"{n}. Name: {r['Name']}\n" + "\n".join(f"   {k}: {v}" for k, v in [*r.items()][1:]) for n, r in enumerate(records(), 1)),
    "a table of label and value": "\n\n".join("| Field | Value |\n|---|---|\n" + "\n".join(f"| {k} | {v} |" for k, v in r.items()) for r in records()),
    "what columns mean, then rows": "Columns:\n- Name: full name\n- Age: in years\n- Blood Type: with sign\n\n" + f"{HEADER}\n{lines()}",
    # ---------- quotes, ends and spaces
    "single quotes": "\n".join(",".join("'" + v.replace("O'", "O") + "'" for v in row) for row in [ROWS[0], ROWS[2]]),
    "smart quotes in csv": quoted("“", "”"),
    "wide commas": lines(by="，"),
    "wide semicolons": lines(by="；"),
    "semicolons": f"{';'.join(LABELS)}\n{lines(by=';')}",
    "a comma behind each line": f"{HEADER},\n{lines(after=',')}",
    "spaces around": lines(by=" , "),
    "odd spaces": lines().replace(" ", "\u00a0"),
    "terminal codes": "\x1b[?25l\x1b[1G⠙ \x1b[K\x1b[32m" + lines().replace("\n", "\x1b[0m\n"),
    "a separator line": f"sep=;\n{';'.join(LABELS)}\n{lines(by=';')}",
    "a header twice": f"{HEADER}\n{lines(ROWS[:2])}\n{HEADER}\n{lines(ROWS[2:])}",
    "prose with commas": f"Sure, here are rows, each with a name, an age, a type, and more:\n\n```csv\n{HEADER}\n{lines()}\n```\nNote, ages, names, dates, amounts, and results, all made up, as asked.",
}  # fmt: skip

FEWER = {"single quotes": [ROWS[0], ROWS[2]], "one record in groups": ROWS[:1]}
FEWER["a markdown table that is wrapped"] = [*ROWS, ROWS[0]]


def read(text: str) -> list[list[str | None]]:
    """Values by label of the records that nothing speaks against."""
    found = []
    for record in read_answer(text, EXPECTED).records:
        names = record.names or LABELS
        if record.doubt or record.is_cut_off or len(names) != len(record.values):
            continue
        values = {EXPECTED.label(n): v for n, v in zip(names, record.values, strict=True)}
        if all(values.get(label) for label in LABELS):
            found.append([values[label] for label in LABELS])
    return found


@pytest.mark.parametrize("name", FORMATS)
def test_rows_are_read_in_every_format(name: str) -> None:
    expected = sorted(FEWER.get(name, ROWS))
    if name == "values with units":  # which the contract's unit is compared with
        expected = [[row[0], f"{row[1]} years", *row[2:]] for row in expected]
    if name == "single quotes":
        expected = sorted([value.replace("O'", "O") for value in row] for row in expected)
    assert sorted(read(FORMATS[name])) == expected, FORMATS[name]
