"""A population of admissions in which columns depend on each other, and tables drawn from it.

Real tables at hand have no such dependence (Kaggle's was made column by column), so it takes a made
one to see whether the scores that look for it find it.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from generators.asking.runs import utc_now
from generators.home import Home
from generators.landing.reference import land_csv
from generators.warehouse.database import open_warehouse
from synthcare.contracts.contract import Contract

_NAMES = 40_000
_START = np.datetime64("2020-01-01")


@cache
def _names() -> np.ndarray:
    from faker import Faker

    faker = Faker("en_US")
    faker.seed_instance(1)
    return np.array([faker.name().replace(",", "") for _ in range(_NAMES)])


def draw(contract: Contract, size: int, seed: int, *, rows_alike: int = 1) -> pd.DataFrame:
    """`size` rows, columns named and ordered as in the contract.

    Medication depends on the condition, test results on age, the bill on the length of stay. As
    many rows as `rows_alike` in turn have one condition and nearly one age, as an LLM's may.
    """
    random = np.random.default_rng(seed)
    names = _names()
    values = {
        column.name: random.choice(column.accepted_values, size)
        for column in contract.columns
        if column.kind == "categorical"
    }
    for column in contract.columns:
        if column.kind == "identifier":
            values[column.name] = names[random.integers(_NAMES, size=size)]
    group = np.arange(size) // rows_alike
    conditions = contract.column("medical_condition").accepted_values
    condition = random.integers(len(conditions), size=size)[group]
    medications = contract.column("medication").accepted_values
    usual = np.take([0, 1, 1, 2, 2, 3], condition)
    any_other = random.integers(len(medications), size=size)
    age = random.integers(18, 86, size=size)
    if rows_alike > 1:
        age = np.clip(age[group] + random.integers(-3, 4, size=size), 18, 85)
    stay = random.integers(1, 31, size=size)
    admitted = _START + random.integers(0, 1_000, size=size)
    results = contract.column("test_results").accepted_values
    is_worse = random.random(size) < (age - 18) / 67
    values |= {
        "age": age,
        "medical_condition": np.take(conditions, condition),
        "date_of_admission": np.datetime_as_string(admitted),
        "billing_amount": np.round(500 + stay * random.uniform(800, 1_500, size), 2),
        "room_number": random.integers(101, 501, size=size),
        "discharge_date": np.datetime_as_string(admitted + stay),
        "medication": np.take(medications, np.where(random.random(size) < 0.7, usual, any_other)),
        "test_results": np.where(
            is_worse, results[0], np.take(results, random.integers(1, 3, size=size))
        ),
    }
    return pd.DataFrame({column.name: values[column.name] for column in contract.columns})


@dataclass(frozen=True)
class Table:
    """Rows to land as a run, so many of them in each response, and what each of those took."""

    run_id: str
    rows: pd.DataFrame
    rows_per_response: int
    llm: str = "x"
    provider: str = "openai"
    model: str | None = None
    levels: tuple[str | None, str | None] = (None, None)  # of prompt and instructions
    input_tokens: int | None = None
    output_tokens: int | None = None
    seconds: float = 1.0


def read_csv(contract: Contract, path: Path) -> pd.DataFrame:
    """A file of the reference as texts, columns named as in the contract."""
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    return rows.set_axis([column.name for column in contract.columns], axis=1)


def land_reference(home: Home, contract: Contract, rows: pd.DataFrame) -> None:
    """Land `rows` as the real table."""
    home.root.mkdir(parents=True, exist_ok=True)
    path = home.root / "real.csv"
    rows.to_csv(path, header=list(contract.labels), index=False)
    land_csv(home, contract, path)


def land_runs(home: Home, contract: Contract, tables: list[Table]) -> None:
    """Put `tables` into raw as runs of an LLM that answered in CSV."""
    columns = ", ".join(column.name for column in contract.columns)
    with open_warehouse(home) as warehouse:
        for table in tables:
            rows = table.rows.assign(place=np.arange(len(table.rows)))
            warehouse.register("rows_of_run", rows)
            warehouse.execute(
                """
                insert into raw.llm_runs by name
                select
                    $run_id as run_id,
                    $dataset as dataset,
                    $llm as llm,
                    $provider as provider,
                    $model as model,
                    'standard' as price_tier,
                    $prompt_level as prompt_level,
                    $instruction_level as instruction_level,
                    $started_at as started_at,
                """,
                {
                    "run_id": table.run_id,
                    "dataset": contract.dataset,
                    "llm": table.llm,
                    "provider": table.provider,
                    "model": table.model,
                    "prompt_level": table.levels[0],
                    "instruction_level": table.levels[1],
                    "started_at": utc_now(),
                },
            )
            warehouse.execute(
                f"""
                insert into raw.llm_responses by name
                select
                    $run_id || '-' || place // $size as response_id,
                    $run_id as run_id,
                    $dataset as dataset,
                    1 + place // $size as request_number,
                    count(*) as rows_requested,
                    string_agg(concat_ws(',', {columns}), chr(10) order by place) as response_text,
                    'stop' as finish_reason,
                    $input_tokens as input_tokens,
                    $output_tokens as output_tokens,
                    timestamp '2026-01-01' + to_seconds((place // $size) * $seconds)
                        as requested_at,
                    requested_at + to_seconds($seconds) as received_at,
                from rows_of_run
                group by place // $size
                """,
                {
                    "run_id": table.run_id,
                    "dataset": contract.dataset,
                    "size": table.rows_per_response,
                    "input_tokens": table.input_tokens,
                    "output_tokens": table.output_tokens,
                    "seconds": table.seconds,
                },
            )
            warehouse.unregister("rows_of_run")
