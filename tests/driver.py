"""Drives the project from the outside, as a user would: the command line and the warehouse."""

from dataclasses import dataclass

from click.testing import CliRunner, Result

from generators.asking.runs import utc_now
from generators.commands.cli import main
from generators.home import Home
from generators.landing.journal import Response
from generators.warehouse.database import open_warehouse

DATASET = "admissions"
HANDLER = "<img src=x onerror=alert(2)>"
ENTITIES = "&lt;b&gt; &amp; \"'"
HOSTILE = "<script>alert(1)</script>'; drop schema marts; {{ 1/0 }} & =cmd|'/c calc'!A1"

RUN = {"run_id": "r", "dataset": DATASET, "llm": "x", "started_at": utc_now()}

_ROW = {
    "name": "Ann Lee",
    "age": "40",
    "gender": "Male",
    "blood_type": "A+",
    "medical_condition": "Asthma",
    "date_of_admission": "2023-01-05",
    "doctor": "Bo Li",
    "hospital": "Kim Clinic",
    "insurance_provider": "Aetna",
    "billing_amount": "120.50",
    "room_number": "101",
    "admission_type": "Urgent",
    "discharge_date": "2023-01-09",
    "medication": "Aspirin",
    "test_results": "Normal",
}


@dataclass(frozen=True)
class Flow:
    """What the whole flow left behind: its home and what `synthcare report --json` said."""

    home: Home
    summary: dict
    transcript_run: str
    hostile_run: str


def cli(*arguments: object) -> Result:
    """Run `synthcare` in this process; an exception that is no exit is raised here."""
    return CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)


def query(home: Home, sql: str, **parameters: object) -> list[tuple]:
    """Rows of a query over the warehouse of `home`."""
    with open_warehouse(home) as warehouse:
        return warehouse.execute(sql, parameters).fetchall()


def csv_row(**values: str) -> str:
    """A CSV row of the admissions contract that is accepted, but for `values` by column name."""
    return ",".join((_ROW | values).values())


def response(number: int, text: str = "text", run_id: str = "r") -> Response:
    """A response of the run `RUN`, or of another one."""
    return Response(
        response_id=f"{run_id}-{number}",
        run_id=run_id,
        request_number=number,
        rows_requested=4,
        slice_text=None,
        response_text=text,
        finish_reason="stop",
        input_tokens=1,
        cached_tokens=0,
        output_tokens=2,
        requested_at=utc_now(),
        received_at=utc_now(),
    )
