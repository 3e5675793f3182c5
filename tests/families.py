"""Real families of the tables at hand, coded, and what can be done to them."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from synthcare.families import ORPHAN, Family, Keys, RealFamilies, Relation
from synthcare.halves import sampled
from synthcare.tables import Column, Table
from synthcare.trial import Trial

ENCOUNTERS = os.environ.get("SYNTHCARE_TEST_ENCOUNTERS")
NAFLD = os.environ.get("SYNTHCARE_TEST_NAFLD")  # the folder of nafld1.csv.gz and nafld3.csv.gz

_BINS = 10

Alter = Callable[[Family, np.random.Generator], Family]


def coded(rows: pd.DataFrame, like: pd.DataFrame) -> Table:
    """Columns of text as categories, numbers in bins that each hold as many rows of `like`."""
    columns, codes, numbers = [], [], {}
    for name, values in rows.items():
        real = like[name]
        is_nullable = bool(real.isna().any())
        if pd.api.types.is_numeric_dtype(real):
            edges = real.quantile(np.arange(1, _BINS) / _BINS, interpolation="lower").to_numpy()
            numbers[name] = values.to_numpy(float)
            found = 1 + np.searchsorted(edges, numbers[name], side="left")
            codes.append(np.where(np.isnan(numbers[name]), 0, found))
            columns.append(Column(name, 1 + _BINS, "integer", is_nullable))
        else:
            known = tuple(sorted(real.dropna().unique()))
            codes.append(1 + pd.Categorical(values, categories=known).codes.astype(int))
            columns.append(Column(name, 1 + len(known), "categorical", is_nullable, values=known))
    return Table(tuple(columns), np.stack(codes, axis=1).astype(np.uint16), numbers)


@dataclass(frozen=True)
class Population:
    """Two real tables: parents by `key`, children by the same, and by what they are ordered."""

    parents: pd.DataFrame
    children: pd.DataFrame
    key: str
    order: str
    ordered_by: frozenset[str] = frozenset()
    seed: int = 0

    @property
    def quarters(self) -> np.ndarray:
        """One of four for each parent, drawn by a seed."""
        return np.random.default_rng(self.seed).permutation(len(self.parents)) % 4

    def families(self, is_in: np.ndarray) -> Family:
        """Those of some of the parents (parents,)."""
        chosen = self.parents[is_in]
        place = pd.Series(np.arange(len(chosen)), index=chosen[self.key])
        children = self.children[self.children[self.key].isin(chosen[self.key])]
        shown = [name for name in self.children if name not in (self.key, "_order")]
        return Family(
            coded(chosen.drop(columns=self.key), self.parents),
            coded(children[shown], self.children),
            place[children[self.key]].to_numpy(),
            None,
            children[self.order].to_numpy(float),
        )

    def split(self) -> tuple[RealFamilies, Family]:
        """A quarter each to compare with and to hold out, and the half that no score sees."""
        quarters = self.quarters
        train, holdout, unseen = (
            self.families(np.isin(quarters, of)) for of in ((0,), (1,), (2, 3))
        )
        return RealFamilies(train, holdout), unseen


@cache
def nafld() -> Population:
    parents = pd.read_csv(Path(NAFLD) / "nafld1.csv.gz").drop(columns="case.id")
    parents = parents.astype({"male": str, "status": str})
    children = pd.read_csv(Path(NAFLD) / "nafld3.csv.gz")
    children = children[children["id"].isin(parents["id"])]
    return Population(parents, children, "id", "days", frozenset({"days"}))


_OF_STAYS = [
    "age", "admission_type_id", "discharge_disposition_id", "admission_source_id",
    "time_in_hospital", "payer_code", "medical_specialty", "num_lab_procedures",
    "num_procedures", "num_medications", "number_outpatient", "number_emergency",
    "number_inpatient", "number_diagnoses", "A1Cresult", "metformin", "insulin", "change",
    "diabetesMed", "readmitted",
]  # fmt: skip


@cache
def encounters() -> Population:
    """UCI's patients, of whom race and gender are known, and their stays."""
    as_text = ("payer_code", *(name for name in _OF_STAYS if name.endswith("_id")))
    rows = pd.read_csv(
        ENCOUNTERS, na_values="?", keep_default_na=False, dtype=dict.fromkeys(as_text, str),
        usecols=["encounter_id", "patient_nbr", "race", "gender", *_OF_STAYS],
    )  # fmt: skip
    rows = rows.sort_values("encounter_id")
    parents = rows.groupby("patient_nbr")[["race", "gender"]].first().reset_index()
    children = rows[["patient_nbr", *_OF_STAYS]].assign(_order=np.arange(len(rows)))
    common = children["medical_specialty"].value_counts().index[:15]
    children["medical_specialty"] = children["medical_specialty"].where(
        children["medical_specialty"].isin(common) | children["medical_specialty"].isna(), "other"
    )
    return Population(parents, children, "patient_nbr", "_order")


def take(family: Family, parents: np.ndarray) -> Family:
    """The families of some parents, who may come again."""
    drawn = family.listed.of(parents)
    rest = np.arange(len(parents)) if family.tops is None else family.tops[parents]
    return Family(
        family.parents.take(parents),
        family.children.take(drawn.children),
        drawn.family_of,
        None if family.tops is None else rest,
        None if family.order is None else family.order[drawn.children],
    )


def some(family: Family, parents: int, seed: int) -> Family:
    """So many families, drawn by a seed."""
    random = np.random.default_rng(seed)
    return take(family, random.permutation(len(family.parents))[:parents])


def trial_of(
    real: RealFamilies,
    table: Family,
    *,
    keys: Keys | None = None,
    ordered_by: frozenset[str] = frozenset(),
    left_out: frozenset[str] = frozenset(),
) -> Trial:
    """With the half-samples that scores are made from."""
    sample, halves = sampled(table.top_of, 4_800, 24, 100, 1)
    relation = Relation("parents", "children", real, table, sample, halves, keys, ordered_by)
    return Trial(left_out=left_out, relations=(relation,))


# ------------------------------------------------------------ what can be done to families


def as_they_are(family: Family, random: np.random.Generator) -> Family:
    return family


def given_to_other_parents(family: Family, random: np.random.Generator) -> Family:
    """Whole families: each parent has the children of another one."""
    return replace(family, parents=family.parents.take(random.permutation(len(family.parents))))


def shuffled_among_families(family: Family, random: np.random.Generator) -> Family:
    """Each child is another parent's; a parent has as many as before."""
    return replace(family, parent_of=random.permutation(family.parent_of))


def attached_at_random(family: Family, random: np.random.Generator) -> Family:
    parents = random.integers(len(family.parents), size=len(family.children))
    return replace(family, parent_of=parents)


def two_or_three_each(family: Family, random: np.random.Generator) -> Family:
    """Children of a parent again and again, or left out, so that each has two or three.

    Parents without any get those of somebody else.
    """
    wanted = random.integers(2, 4, len(family.parents))
    has_any = np.flatnonzero(family.sizes)
    donors = np.arange(len(family.parents))
    donors = np.where(family.sizes > 0, donors, random.choice(has_any, len(donors)))
    of_each = np.repeat(donors, wanted)
    drawn = family.in_order.of(np.arange(len(family.parents)))
    starts = np.cumsum(drawn.sizes) - drawn.sizes
    number = np.arange(len(of_each)) - np.repeat(np.cumsum(wanted) - wanted, wanted)
    chosen = drawn.children[starts[of_each] + number % drawn.sizes[of_each]]
    return replace(
        family,
        children=family.children.take(chosen),
        parent_of=np.repeat(np.arange(len(wanted)), wanted),
        order=number.astype(float),
    )


def shuffled_in_families(family: Family, random: np.random.Generator) -> Family:
    """In any order: each child has the time of any sibling."""
    drawn = family.in_order.of(np.arange(len(family.parents)))
    order = family.order.copy()
    shuffled = drawn.children[np.lexsort((random.random(len(drawn.children)), drawn.family_of))]
    order[shuffled] = family.order[drawn.children]
    return replace(family, order=order)


def reversed_in_families(family: Family, random: np.random.Generator) -> Family:
    return replace(family, order=-family.order)


def orphaned(family: Family, share: float, random: np.random.Generator) -> Family:
    is_orphan = random.random(len(family.children)) < share
    return replace(family, parent_of=np.where(is_orphan, ORPHAN, family.parent_of))


ALTERATIONS: dict[str, Alter] = {
    "given to other parents": given_to_other_parents,
    "shuffled among families": shuffled_among_families,
    "attached at random": attached_at_random,
    "two or three each": two_or_three_each,
    "shuffled in families": shuffled_in_families,
    "reversed in families": reversed_in_families,
}
