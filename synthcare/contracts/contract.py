"""The contract of a dataset, read from the dbt properties file that declares it."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from synthcare.contracts.names import NAME, OURS
from synthcare.contracts.relations import (
    ForeignKey,
    foreign_keys,
    primary_key,
)
from synthcare.contracts.spread import band, check_spread
from synthcare.errors import SynthcareError
from synthcare.files import read_yaml
from synthcare.project import PROJECT

# Kinds of columns, and the keys that each needs beside its label.
_NEEDED = {
    "categorical": ["accepted_values"],
    "integer": ["min", "max"],
    "decimal": ["min", "max"],
    "date": ["min", "max"],
    "identifier": ["population"],
}

MOST_QUOTAS = 3  # columns whose shares are met together

_DECIMALS = 2  # of a decimal whose data type does not say how many


@dataclass(frozen=True)
class Column:
    """A column that an LLM writes.

    `label` is the name that the LLM sees and answers with. `minimum` and `maximum` are numbers, or
    dates for a date column, `decimals` the places of a decimal, `data_type` is DuckDB's.
    `population` says how values are spread: see docs/contract.md. A value may be missing where
    `is_nullable`, and is written as one of `missing_values` or not at all; `synonyms` of a
    category, and patterns of such, are by the value that they stand for. `is_target` where it is
    worth predicting, `is_sensitive` where its values are groups of people.
    """

    name: str
    label: str
    kind: str
    description: str = ""
    unit: str | None = None
    accepted_values: tuple[str, ...] = ()
    minimum: Any = None
    maximum: Any = None
    decimals: int = 0
    data_type: str = "varchar"
    is_nullable: bool = False
    is_target: bool = False
    is_sensitive: bool = False
    synonyms: Mapping[str, str] = field(default_factory=dict)
    synonym_patterns: Mapping[str, str] = field(default_factory=dict)
    missing_values: tuple[str, ...] = ()
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
    """A value computed from a row's typed columns by `sql`, and compared like a column.

    `kind` is integer or categorical.
    """

    name: str
    sql: str
    kind: str
    accepted_values: tuple[str, ...] = ()
    is_target: bool = False
    is_sensitive: bool = False


@dataclass(frozen=True)
class Pair:
    """Values that go together: of `column`, for each value of `given`, those in `values`."""

    name: str
    sentence: str
    given: str
    column: str
    values: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Reference:
    """Where the real table is to be had, and how many rows its stand-in has.

    `group` is the column of the file whose rows of one value belong together, such as a patient's;
    copies of one row differ in the columns that are `left_out_of_duplicates`.
    """

    title: str
    file: str
    stand_in_rows: int
    kaggle: str | None = None
    uci: int | None = None
    group: str | None = None
    left_out_of_duplicates: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Contract:
    """Everything known about a dataset. `record` is what one row is, in words.

    `quotas` are the columns whose declared shares the rows of a run are to meet together. `key`
    names the columns that tell rows apart, `foreign_keys` those that say which row of another table
    a row belongs to; no LLM writes them. Rows of one parent are `ordered_by` a column, which an LLM
    may write; without one they are as they were written. `key_labels` has what the real file calls
    all of these. `counts` says how many rows a parent has, as a column of whole numbers whose
    population has the share `none` of parents without any; `family_rules` hold for a row and its
    `parent`.
    """

    dataset: str
    record: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]
    derived: tuple[Derived, ...]
    reference: Reference
    quotas: tuple[str, ...] = ()
    plausible_pairs: tuple[Pair, ...] = ()
    key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    key_labels: Mapping[str, str] = field(default_factory=dict)
    ordered_by: str | None = None
    counts: Column | None = None
    family_rules: tuple[Rule, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(column.label for column in self.columns)

    @property
    def file_labels(self) -> tuple[str, ...]:
        """The columns that the real file must have: those of the contract, its keys, the group."""
        group = filter(None, [self.reference.group])
        return tuple(dict.fromkeys([*self.labels, *self.key_labels.values(), *group]))

    @property
    def key_columns(self) -> tuple[str, ...]:
        """Columns that no LLM writes: the key, those of foreign keys, and what gives the order."""
        written = {column.name for column in self.columns}
        return tuple(name for name in self.key_labels if name not in written)

    @property
    def has_nullable(self) -> bool:
        """Whether a column may lack a value."""
        return any(column.is_nullable for column in self.columns)

    @property
    def has_identifiers(self) -> bool:
        """Whether a column is a name or the like."""
        return any(column.kind == "identifier" for column in self.columns)

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
    return read_contract(project / "models" / "marts" / f"{dataset}.yml", dataset)


def read_contract(path: Path, dataset: str | None = None) -> Contract:
    """Read the contract in a properties file: of the model `dataset`, else of the first with one.

    Raises SynthcareError where there is none, or where it lacks something or names an unknown kind.
    """
    try:
        models = read_yaml(path)["models"]
        model = next(m for m in models if dataset in (None, m["name"]) and _columns_of(m))
        return contract_of(model)
    except (OSError, yaml.YAMLError, StopIteration, LookupError, TypeError, ValueError) as error:
        raise SynthcareError(
            f"The contract {path} cannot be read: {type(error).__name__}: {error}. "
            "docs/contract.md shows every key."
        ) from error


def contract_of(model: Mapping[str, Any]) -> Contract:
    """The contract that a model's properties declare.

    Raises LookupError, TypeError or ValueError where they lack something or are of another type.
    """
    meta = model["config"]["meta"]
    columns = tuple(_column(column) for column in _columns_of(model))
    for place, column in enumerate(columns):
        check_spread(column, columns[:place])
    reference = meta["reference"]
    by_name = {column.name: column for column in columns}
    key, parents = primary_key(model), foreign_keys(model)
    children = meta.get("children", {})
    order = children.get("order")
    if order in by_name and by_name[order].kind not in ("date", "integer", "decimal"):
        raise ValueError(f"the order of {model['name']}, {order}, is no date and no number")
    keys = [*key, *(name for own in parents for name in own.columns), *filter(None, [order])]
    return Contract(
        dataset=model["name"],
        record=meta["record"],
        columns=columns,
        rules=tuple(Rule(**rule) for rule in meta.get("rules", [])),
        derived=tuple(
            Derived(
                derived["name"],
                derived["sql"],
                derived.get("kind", "integer"),
                tuple(map(str, derived.get("accepted_values", []))),
                derived.get("target", False),
                derived.get("sensitive", False),
            )
            for derived in meta.get("derived", [])
        ),
        reference=Reference(
            title=reference["title"],
            file=reference["file"],
            stand_in_rows=reference["stand_in_rows"],
            kaggle=reference.get("kaggle"),
            uci=reference.get("uci"),
            group=reference.get("group"),
            left_out_of_duplicates=tuple(reference.get("left_out_of_duplicates", [])),
        ),
        quotas=tuple(meta.get("quotas", [])),
        plausible_pairs=tuple(Pair(**pair) for pair in meta.get("plausible_pairs", [])),
        key=key,
        foreign_keys=parents,
        key_labels=_labels_of(model, dict.fromkeys(keys)),
        ordered_by=order,
        counts=_counts(children["counts"]) if "counts" in children else None,
        family_rules=tuple(Rule(**rule) for rule in children.get("rules", [])),
    )


def _counts(population: Mapping[str, Any]) -> Column:
    """How many rows a parent has, as a column; its ends are those of what is declared."""
    shares = {str(label): share for label, share in population.get("shares", {}).items()}
    ends = [end for label in shares for end in band(label)]
    ends += [
        *population.get("deciles", []),
        *(population[x] for x in ("min", "max") if x in population),
    ]
    if not ends or min(ends) < 0:
        raise KeyError("children.counts needs shares, deciles, or min and max, none below 0")
    column = Column(
        "children",
        "children",
        "integer",
        minimum=min(ends),
        maximum=max(ends),
        population={**population, **({"shares": shares} if shares else {})},
    )
    check_spread(column, ())
    return column


def _labels_of(model: Mapping[str, Any], names: Collection[str]) -> dict[str, str]:
    """What the real file calls columns: as `meta.label` says, else as they are called here."""
    known = {column["name"]: column for column in model.get("columns", [])}
    if unknown := sorted(set(names) - known.keys()):
        raise KeyError(f"a key of {model['name']} has columns that it does not: {unknown}")
    if odd := [name for name in names if not re.fullmatch(NAME, name) or name in OURS]:
        raise ValueError(f"'{odd[0]}' cannot be the name of a key: use a-z, 0-9, _, none of ours")
    metas = {name: known[name].get("config", {}).get("meta", {}) for name in names}
    return {name: meta.get("label", name) for name, meta in metas.items()}


def _columns_of(model: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Properties of the columns that an LLM writes."""
    return [c for c in model.get("columns", []) if "kind" in c.get("config", {}).get("meta", {})]


def _column(properties: Mapping[str, Any]) -> Column:
    meta, name = properties["config"]["meta"], properties["name"]
    if not re.fullmatch(NAME, name) or name in OURS:
        raise ValueError(f"'{name}' cannot be the name of a column: use a-z, 0-9, _, none of ours")
    needed = _NEEDED.get(meta["kind"])
    if needed is None:
        raise KeyError(f"kind '{meta['kind']}' of {name} is none of {[*_NEEDED]}")
    for key in needed:
        if not meta.get(key) and meta.get(key) != 0:
            raise KeyError(f"{name}, which is {meta['kind']}, needs '{key}'")
    accepted = tuple(meta.get("accepted_values", []))
    _check_texts(name, [*accepted, *meta.get("missing_values", [])])
    decimals = re.fullmatch(r"decimal\(\d+, *(\d+)\)", properties["data_type"])
    return Column(
        name=name,
        label=meta["label"],
        kind=meta["kind"],
        description=properties.get("description", "").strip(),
        unit=meta.get("unit"),
        accepted_values=tuple(map(str, accepted)),
        minimum=meta.get("min"),
        maximum=meta.get("max"),
        decimals=int(decimals[1]) if decimals else _DECIMALS,
        data_type=properties["data_type"],
        is_nullable=meta.get("nullable", False),
        is_target=meta.get("target", False),
        is_sensitive=meta.get("sensitive", False),
        synonyms={str(word): value for word, value in meta.get("synonyms", {}).items()},
        synonym_patterns=meta.get("synonym_patterns", {}),
        missing_values=tuple(map(str, meta.get("missing_values", []))),
        population=meta.get("population", {}),
    )


def _check_texts(name: str, values: Sequence[Any]) -> None:
    """YAML takes a bare Yes or No for true or false, and nothing at all for null."""
    for value in values:
        if value is None or isinstance(value, bool):
            raise TypeError(f"{name} has the value {value}: put quotes around 'Yes', 'No', 'null'")
