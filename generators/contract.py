"""The contract of a dataset, read from the dbt properties file that declares it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from generators.errors import SynthcareError
from generators.files import read_yaml
from generators.home import PROJECT

# Kinds of columns, and the keys that each needs beside its label.
_NEEDED = {
    "categorical": ["accepted_values"],
    "integer": ["min", "max"],
    "decimal": ["min", "max"],
    "date": ["min", "max"],
    "identifier": ["population"],
}


@dataclass(frozen=True)
class Column:
    """A column that an LLM writes.

    `label` is the name that the LLM sees and answers with. `minimum` and `maximum` are numbers, or
    dates for a date column. `population` says how values are spread in the population: see
    docs/contract.md.
    """

    name: str
    label: str
    kind: str
    description: str = ""
    unit: str | None = None
    accepted_values: tuple[str, ...] = ()
    minimum: Any = None
    maximum: Any = None
    population: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_text(self) -> bool:
        return self.kind in ("categorical", "identifier")


@dataclass(frozen=True)
class Rule:
    """A SQL predicate that every row fulfils, and the sentence that says so."""

    name: str
    holds: str
    sentence: str


@dataclass(frozen=True)
class Derived:
    """An integer computed from a row's typed columns by `sql`, and compared like a column."""

    name: str
    sql: str


@dataclass(frozen=True)
class Reference:
    """Where the real table is to be had, and how many rows its stand-in has."""

    title: str
    file: str
    stand_in_rows: int
    kaggle: str | None = None


@dataclass(frozen=True, eq=False)
class Contract:
    """Everything known about a dataset. `record` is what one row is, in words."""

    dataset: str
    record: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]
    derived: tuple[Derived, ...]
    reference: Reference

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(column.label for column in self.columns)

    def column(self, name: str) -> Column:
        """The column called `name`."""
        return next(column for column in self.columns if column.name == name)


def datasets(project: Path = PROJECT) -> list[str]:
    """Names of the datasets that the dbt project declares."""
    return read_yaml(project / "dbt_project.yml")["vars"]["datasets"]


def load_contract(dataset: str, project: Path = PROJECT) -> Contract:
    """Read the contract of `dataset`.

    Raises SynthcareError where there is none, or where it lacks something or names an unknown kind.
    """
    if dataset not in datasets(project):
        known = ", ".join(datasets(project))
        raise SynthcareError(f"There is no dataset '{dataset}'. Use one of: {known}.")
    path = project / "models" / "marts" / f"{dataset}.yml"
    try:
        model = next(m for m in read_yaml(path)["models"] if m["name"] == dataset)
        meta = model["config"]["meta"]
        return Contract(
            dataset=dataset,
            record=meta["record"],
            columns=tuple(
                _column(column)
                for column in model["columns"]
                if "kind" in column.get("config", {}).get("meta", {})
            ),
            rules=tuple(Rule(**rule) for rule in meta.get("rules", [])),
            derived=tuple(
                Derived(name=derived["name"], sql=derived["sql"])
                for derived in meta.get("derived", [])
            ),
            reference=Reference(
                title=meta["reference"]["title"],
                file=meta["reference"]["file"],
                stand_in_rows=meta["reference"]["stand_in_rows"],
                kaggle=meta["reference"].get("kaggle"),
            ),
        )
    except (OSError, yaml.YAMLError, StopIteration, KeyError, TypeError) as error:
        raise SynthcareError(
            f"The contract {path} cannot be read: {type(error).__name__}: {error}. "
            "docs/contract.md shows every key."
        ) from error


def _column(properties: Mapping[str, Any]) -> Column:
    meta = properties["config"]["meta"]
    needed = _NEEDED.get(meta["kind"])
    if needed is None:
        raise KeyError(f"kind '{meta['kind']}' of {properties['name']} is none of {[*_NEEDED]}")
    for key in needed:
        if not meta.get(key) and meta.get(key) != 0:
            raise KeyError(f"{properties['name']}, which is {meta['kind']}, needs '{key}'")
    return Column(
        name=properties["name"],
        label=meta["label"],
        kind=meta["kind"],
        description=properties.get("description", ""),
        unit=meta.get("unit"),
        accepted_values=tuple(str(value) for value in meta.get("accepted_values", [])),
        minimum=meta.get("min"),
        maximum=meta.get("max"),
        population=meta.get("population", {}),
    )
