"""Which score finds which defect: `make bench-defects` writes it to docs/benchmarks.md.

Each cell is the share of repeats in which a score calls a table worse than real rows: the upper end
of its 95 % interval is below the mean of what as many real rows reach in all repeats. Of real rows,
each against the other repeats, that share is false alarms. *any* is any score but `overall`.

UCI's encounters (`SYNTHCARE_TEST_ENCOUNTERS` is their path) are split by patient: half is the train
half, a quarter the holdout half of the reference, and of the last quarter, which no score sees,
rows are drawn: as they are, and with a defect planted. Dates are planted in Kaggle's admissions
(`SYNTHCARE_TEST_REFERENCE`), split likewise. A stay that a defect lets end in death before a
readmission is mended, so that the contract's rule does not give it away.
"""

import inspect
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.util import find_spec
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from synthcare.coding import Typed, checks, coded, edges_of, quoted, typed, units_of, validity
from synthcare.contracts.contract import Contract, load_contract
from synthcare.halves import sampled
from synthcare.reference import Reference
from synthcare.registry import HEADLINES, OVERALL, scores_of
from synthcare.scorecard import (
    BLOCKS,
    HALF_SAMPLES,
    REAL_ROWS_IN_SAMPLES,
    ROWS_IN_SAMPLES,
    SEED,
)
from synthcare.tables import Table
from synthcare.trial import Trial
from tests.benchmarks.page import table, write_section

Random = np.random.Generator

PATHS = {"encounters": "SYNTHCARE_TEST_ENCOUNTERS", "admissions": "SYNTHCARE_TEST_REFERENCE"}
REPEATS = {200: 20, 2_000: 20, 20_000: 5}
SCORES = [OVERALL.name, *(headline.name for headline in HEADLINES)]
OTHERS = ("sdmetrics", "mostlyai-qa")
CLEAN = "none: real rows"

# Of the units of the real table; every second one is held out, as dbt splits it.
_QUARTERS = {"train": (0, 2), "holdout": (1,), "unseen": (3,)}
_ROWS_FOR_OTHERS = 20_000  # of the train half, which other libraries compare with
_COPIED = 0.3


@dataclass(frozen=True)
class Real:
    """The rows of a real table, columns named as in the contract.

    `train` and `holdout` are those of the reference; tables are drawn from `unseen`.
    """

    contract: Contract
    train: pd.DataFrame
    holdout: pd.DataFrame
    unseen: pd.DataFrame

    @cached_property
    def known(self) -> pd.DataFrame:
        """Rows of the reference."""
        return pd.concat([self.train, self.holdout], ignore_index=True)

    def named(self, kind: str) -> list[str]:
        """The columns of a kind."""
        return [column.name for column in self.contract.columns if column.kind == kind]


def every_column_shuffled(rows: pd.DataFrame, random: Random, real: Real) -> pd.DataFrame:
    """No column has to do with another."""
    return shuffled(rows, random, rows.columns)


def target_shuffled(rows: pd.DataFrame, random: Random, real: Real) -> pd.DataFrame:
    """Nothing predicts the readmission."""
    return shuffled(rows, random, ["readmitted"])


def specialty_and_payer_shuffled(rows: pd.DataFrame, random: Random, real: Real) -> pd.DataFrame:
    """Each by itself."""
    return shuffled(rows, random, ["medical_specialty", "payer_code"])


def target_shuffled_in_one_race(rows: pd.DataFrame, random: Random, real: Real) -> pd.DataFrame:
    """Nothing predicts the readmission of African Americans, a fifth of the patients."""
    of_race = rows["race"] == "AfricanAmerican"
    return pd.concat([shuffled(rows[of_race], random, ["readmitted"]), rows[~of_race]])


def rare_values_dropped(rows: pd.DataFrame, random: Random, real: Real) -> pd.DataFrame:
    """Categories of less than 2 % of the real rows become any other one of the column."""
    found = rows.copy()
    for name in real.named("categorical"):
        shares = real.known[name].value_counts() / len(real.known)
        is_rare = rows[name].map(shares).lt(0.02).to_numpy()
        usual = rows[name][~is_rare].dropna().to_numpy()
        found.loc[is_rare, name] = random.choice(usual, is_rare.sum())
    return found


def a_fifth_is_one_row(rows: pd.DataFrame, random: Random, real: Real) -> pd.DataFrame:
    """Mode collapse."""
    places = np.arange(len(rows))
    places[: len(rows) // 5] = 0
    return rows.iloc[places]


def a_fifth_is_there_twice(rows: pd.DataFrame, random: Random, real: Real) -> pd.DataFrame:
    """Duplicates within the table, in place of other rows."""
    places = np.arange(len(rows))
    places[: len(rows) // 5] = places[-(len(rows) // 5) :]
    return rows.iloc[places]


def tails_cut(rows: pd.DataFrame, random: Random, real: Real) -> pd.DataFrame:
    """Numbers end where the lowest and the highest 5 % of real ones begin."""
    names = real.named("integer")
    low, high = (real.known[names].quantile(q, interpolation="nearest") for q in (0.05, 0.95))
    return rows.assign(**rows[names].clip(low, high, axis=1))


def numbers_rounded(rows: pd.DataFrame, random: Random, real: Real) -> pd.DataFrame:
    """Lab tests to tens and medicines to fives, but 1 at least."""
    tens, fives = (
        (rows[name] / step).round().mul(step).clip(lower=1).astype(int)
        for name, step in (("lab_procedures", 10), ("medications", 5))
    )
    return rows.assign(lab_procedures=tens, medications=fives)


def a_number_shifted(rows: pd.DataFrame, random: Random, real: Real) -> pd.DataFrame:
    """Two medicines more, a quarter of a standard deviation."""
    return rows.assign(medications=(rows["medications"] + 2).clip(upper=81))


def a_feature_shows_the_target(rows: pd.DataFrame, random: Random, real: Real) -> pd.DataFrame:
    """Label leak: the doses of insulin, as many of each as before, in the order of the target."""
    order = np.lexsort([random.random(len(rows)), rows["readmitted"]])
    insulin = np.empty(len(rows), dtype=object)
    insulin[order] = np.sort(rows["insulin"].to_numpy().astype(str))
    return rows.assign(insulin=insulin)


def copied(rows: pd.DataFrame, random: Random, real: Real, changed: int) -> pd.DataFrame:
    """30 % are rows of the reference, of which so many numbers are changed by one."""
    count = int(_COPIED * len(rows))
    copies = real.known.iloc[random.choice(len(real.known), count, replace=False)]
    names = real.named("integer")
    numbers = copies[names].to_numpy()
    low, high = (
        np.array([int(getattr(real.contract.column(name), end)) for name in names])
        for end in ("minimum", "maximum")
    )
    is_changed = random.permuted(np.tile(np.arange(len(names)) < changed, (count, 1)), axis=1)
    steps = random.choice([-1, 1], numbers.shape)
    steps = np.where((numbers + steps < low) | (numbers + steps > high), -steps, steps)
    copies = copies.assign(
        **pd.DataFrame(numbers + steps * is_changed, columns=names, index=copies.index)
    )
    return pd.concat([copies, rows.iloc[count:]])


def copies(changed: int, *, others_are_real: bool) -> "Defect":
    """As `copied`; the other rows are of nobody in the reference, or drawn column by column."""

    def planted(rows: pd.DataFrame, random: Random, real: Real) -> pd.DataFrame:
        others = rows if others_are_real else every_column_shuffled(rows, random, real)
        return copied(others, random, real, changed)

    return planted


def values_missing_at_random(rows: pd.DataFrame, random: Random, real: Real) -> pd.DataFrame:
    """A tenth of the values of each column that may lack one."""
    names = [column.name for column in real.contract.columns if column.is_nullable]
    is_lost = random.random((len(rows), len(names))) < 0.1
    return rows.assign(**rows[names].mask(is_lost, None))


def three_way_interaction_destroyed(rows: pd.DataFrame, random: Random, real: Real) -> pd.DataFrame:
    """Each two of type, source and specialty go together as before, all three only as they must.

    Specialties are changed in as few rows as possible: a twentieth.
    """
    columns = ["admission_type", "admission_source", "medical_specialty"]
    kinds = [real.contract.column(name).accepted_values for name in columns]
    counts = np.zeros([1 + len(values) for values in kinds])
    np.add.at(counts, codes(real.known, columns, kinds), 1)
    *given, own = codes(rows, columns, kinds)
    had, wanted = (joint[tuple(given)] for joint in (counts, without_interaction(counts)))
    before, after = (side[np.arange(len(rows)), own] for side in (had, wanted))
    is_moved = random.random(len(rows)) < 1 - after / np.maximum(before, 1)
    is_moved &= before > 0
    gained = np.maximum(wanted - had, 0).cumsum(axis=1)
    drawn = (gained < random.random(len(rows))[:, None] * gained[:, -1:]).sum(axis=1)
    values = np.array([None, *kinds[2]], dtype=object)
    return rows.assign(medical_specialty=values[np.where(is_moved, drawn, own)])


def women_under_represented(rows: pd.DataFrame, random: Random, real: Real) -> pd.DataFrame:
    """Half of them left out, for whom others stand in while there are any."""
    is_kept = (real.unseen["gender"] != "Female") | (random.random(len(real.unseen)) < 0.5)
    return drawn(real.unseen[is_kept], random, len(rows))


def another_population(rows: pd.DataFrame, random: Random, real: Real) -> pd.DataFrame:
    """Patients of under 50, a sixth of all; as many rows as there are of them at most."""
    young = [f"[{age}-{age + 10})" for age in range(0, 50, 10)]
    return drawn(real.unseen[real.unseen["age"].isin(young)], random, len(rows))


def urgent_and_elective_swapped(rows: pd.DataFrame, random: Random, real: Real) -> pd.DataFrame:
    """Of the admissions a fifth is either."""
    other = {"Urgent": "Elective", "Elective": "Urgent"}
    return rows.assign(admission_type=rows["admission_type"].replace(other))


def women_and_men_swapped(rows: pd.DataFrame, random: Random, real: Real) -> pd.DataFrame:
    """There are about as many."""
    return rows.assign(gender=rows["gender"].replace({"Female": "Male", "Male": "Female"}))


def time_order_broken(rows: pd.DataFrame, random: Random, real: Real) -> pd.DataFrame:
    """A tenth of the discharges change places; where one is too early, it changes with admission.

    So every date is a real one, and none is before admission.
    """
    is_hit = random.random(len(rows)) < 0.1
    discharged = rows["discharge_date"].to_numpy().copy()
    discharged[is_hit] = random.permutation(discharged[is_hit])
    dates = np.sort(np.stack([rows["date_of_admission"].to_numpy(), discharged]), axis=0)
    return rows.assign(date_of_admission=dates[0], discharge_date=dates[1])


Defect = Callable[[pd.DataFrame, Random, Real], pd.DataFrame]

DEFECTS: dict[str, dict[str, Defect]] = {
    "encounters": {
        "all columns shuffled": every_column_shuffled,
        "target shuffled": target_shuffled,
        "specialty and payer shuffled": specialty_and_payer_shuffled,
        "target shuffled in one race": target_shuffled_in_one_race,
        "rare values dropped": rare_values_dropped,
        "a fifth is one row": a_fifth_is_one_row,
        "a fifth is there twice": a_fifth_is_there_twice,
        "tails cut": tails_cut,
        "numbers rounded": numbers_rounded,
        "a number shifted": a_number_shifted,
        "a feature shows the target": a_feature_shows_the_target,
        "values missing at random": values_missing_at_random,
        "three-way interaction destroyed": three_way_interaction_destroyed,
        "women under-represented": women_under_represented,
        "urgent and elective swapped": urgent_and_elective_swapped,
        "women and men swapped": women_and_men_swapped,
        "another population": another_population,
        "30 % copies, rest by column": copies(0, others_are_real=False),
        "30 % near by 1, rest by column": copies(1, others_are_real=False),
        "30 % near by 3, rest by column": copies(3, others_are_real=False),
        "30 % copies, rest real": copies(0, others_are_real=True),
        "30 % near by 1, rest real": copies(1, others_are_real=True),
        "30 % near by 3, rest real": copies(3, others_are_real=True),
    },
    "admissions": {"time order broken": time_order_broken},
}


def shuffled(rows: pd.DataFrame, random: Random, names: Iterable[str]) -> pd.DataFrame:
    """Rows with the values of some columns in another order, each column in its own."""
    return rows.assign(**{name: random.permutation(rows[name].to_numpy()) for name in names})


def drawn(rows: pd.DataFrame, random: Random, count: int) -> pd.DataFrame:
    """Some of the rows, each once, in any order."""
    return rows.iloc[random.permutation(len(rows))[:count]].reset_index(drop=True)


def codes(
    rows: pd.DataFrame, names: Sequence[str], kinds: Sequence[Sequence[str]]
) -> tuple[np.ndarray, ...]:
    """The place of each value among those of its column, from 1; 0 where it is missing."""
    return tuple(
        1 + pd.Categorical(rows[name], values).codes.astype(int)
        for name, values in zip(names, kinds, strict=True)
    )


def without_interaction(counts: np.ndarray) -> np.ndarray:
    """The table nearest to even with the same sums over each one of its three sides."""
    fitted = np.ones_like(counts)
    for _, side in product(range(200), range(3)):
        wanted, has = (of.sum(axis=side, keepdims=True) for of in (counts, fitted))
        fitted *= np.divide(wanted, has, out=np.zeros_like(wanted), where=has > 0)
    return fitted


def obeying(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows in which nobody comes back after death."""
    if "discharge_disposition" not in rows:
        return rows
    has_died = rows["discharge_disposition"] == "Expired"
    return rows.assign(readmitted=rows["readmitted"].mask(has_died, "NO"))


class World:
    """A real table, read and coded once, against which tables are scored."""

    def __init__(self, dataset: str, path: Path) -> None:
        self.contract = load_contract(dataset)
        self._database = duckdb.connect()
        self._database.execute("set enable_progress_bar = false")
        self._database.execute(
            "create table real_texts as from read_csv($path, all_varchar = true)",
            {"path": str(path)},
        )
        group = self.contract.reference.group
        self._real = typed(self._database, self.contract, group, name="real", has_bounds=True)
        where = {
            name: f"_is_valid and md5_number_lower(_unit) % 4 in {(*quarters, -1)}"
            for name, quarters in _QUARTERS.items()
        }
        self._edges = edges_of(self._real, where["train"])
        names = ", ".join(quoted(column.name) for column in self.contract.columns)
        # Shuffled: the file is in order of time, and other libraries look at the first rows.
        frames = {
            name: self._database.execute(f"select {names} from real where {rows} order by _row")
            .df()
            .sample(frac=1, random_state=SEED)
            for name, rows in where.items()
        }
        self.real = Real(self.contract, **frames)
        halves = [coded(self._real, self._edges, where[half]) for half in ("train", "holdout")]
        self._reference = Reference(*map(_shuffled, halves))

    def planted(self, size: int, name: str, repeat: int) -> pd.DataFrame:
        """So many real rows, the same in each repeat, with the defect of a name, or without."""
        rows = drawn(self.real.unseen, np.random.default_rng(repeat), size)
        if name == CLEAN:
            return rows
        defect = DEFECTS[self.contract.dataset][name]
        return obeying(defect(rows, np.random.default_rng([repeat, 1]), self.real))

    def trial(self, rows: pd.DataFrame) -> Trial:
        """A table's rows, coded, beside the real ones."""
        with duckdb.connect() as database:
            brought = _typed(database, self.contract, rows)
            coded_rows = coded(brought, self._edges)
            sample, halves = sampled(units_of(brought), ROWS_IN_SAMPLES, BLOCKS, HALF_SAMPLES, SEED)
            return Trial(
                self._reference,
                replace(coded_rows, sample=sample),
                halves,
                validity=validity(brought),
                checks=checks(brought, self._real),
            )

    def scored(self, rows: pd.DataFrame) -> dict[str, tuple[float | None, float | None]]:
        """Of each score that is known its value, and the upper end of its interval."""
        found = scores_of(self.trial(rows))
        scores = {s.name: (s.value, s.high) for s in found if not s.subject and s.name in SCORES}
        scores["sdmetrics"] = (self._quality(rows), None)
        if has_mostlyai():
            scores["mostlyai-qa"] = (self._accuracy(rows), None)
        return {name: score for name, score in scores.items() if score[0] is not None}

    @cached_property
    def _compared(self) -> list[str]:
        """Columns that other libraries see: all but names."""
        return [c.name for c in self.contract.columns if c.kind != "identifier"]

    def _quality(self, rows: pd.DataFrame) -> float:
        """The overall score of SDMetrics' QualityReport."""
        sdtypes = {"categorical": "categorical", "date": "datetime"}
        columns = {
            name: {"sdtype": sdtypes.get(self.contract.column(name).kind, "numerical")}
            for name in self._compared
        }
        with warnings.catch_warnings(action="ignore"):
            from sdmetrics.reports.single_table import QualityReport

            report = QualityReport()
            real = self.real.train[self._compared][:_ROWS_FOR_OTHERS]
            synthetic = rows[self._compared].reset_index(drop=True)
            report.generate(real, synthetic, {"columns": columns}, verbose=False)
        return float(report.get_score())

    def _accuracy(self, rows: pd.DataFrame) -> float:
        """The overall accuracy of mostlyai-qa, without its report, which takes minutes to draw."""
        from mostlyai.qa import _accuracy as qa
        from mostlyai.qa._sampling import prepare_data_for_accuracy

        half = _ROWS_FOR_OTHERS // 2
        known = pd.concat([self.real.train[:half], self.real.holdout[:half]], ignore_index=True)
        known = prepare_data_for_accuracy(df_tgt=known[self._compared])
        rows = prepare_data_for_accuracy(
            df_tgt=rows[self._compared].reset_index(drop=True), ori_dtypes=known.dtypes.to_dict()
        )
        known, bins = qa.bin_data(known, 10)
        rows, _ = qa.bin_data(rows, bins)
        parts = (qa.calculate_univariates, qa.calculate_bivariates, qa.calculate_trivariates)
        return float(np.mean([part(known, rows)["accuracy"].mean() for part in parts]))


def has_mostlyai() -> bool:
    """Whether mostlyai-qa is installed."""
    return find_spec("mostlyai") is not None and find_spec("mostlyai.qa") is not None


def _typed(database: duckdb.DuckDBPyConnection, contract: Contract, rows: pd.DataFrame) -> Typed:
    chosen = ", ".join(
        f"cast({quoted(column.name)} as varchar) as {quoted(column.label)}"
        for column in contract.columns
    )
    database.register("brought", rows)
    database.execute(f"create table synthetic_texts as select {chosen} from brought")
    return typed(database, contract, None, name="synthetic", has_bounds=True)


def _shuffled(half: Table) -> Table:
    places = np.random.default_rng(SEED).permutation(len(half))
    return replace(half, sample=places[:REAL_ROWS_IN_SAMPLES])


@cache
def world(dataset: str) -> World:
    """The real table of a dataset, once in a process."""
    return World(dataset, Path(os.environ[PATHS[dataset]]))


def measure(task: tuple[str, int, str, int]) -> Iterable[dict[str, object]]:
    """A line for each score of one table: a dataset, how many rows, which defect, which repeat."""
    dataset, size, name, repeat = task
    there = world(dataset)
    scores = there.scored(there.planted(size, name, repeat))
    return [
        {
            "dataset": dataset, "defect": name, "repeat": repeat,
            "score": score, "value": value, "high": high,
        }
        for score, (value, high) in scores.items()
    ]  # fmt: skip


def measured(size: int, repeats: int) -> Iterator[pd.DataFrame]:
    """All lines so far, after each repeat."""
    kinds = [(dataset, size, name) for dataset in DEFECTS for name in (CLEAN, *DEFECTS[dataset])]
    tasks = [(*kind, repeat) for repeat in range(repeats) for kind in kinds]
    found = []
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for number, lines in enumerate(pool.map(measure, tasks), start=1):
            found += lines
            if number % len(kinds) == 0:
                yield pd.DataFrame(found)


def worse(found: pd.DataFrame) -> pd.DataFrame:
    """The lines, and whether each says that its table is worse than real rows.

    Other libraries, whose scores have no interval, say so below the 5 % quantile of real rows.
    """
    clean = {
        key: lines for key, lines in found[found["defect"] == CLEAN].groupby(["dataset", "score"])
    }
    is_worse = []
    for line in found.itertuples():
        others = clean.get((line.dataset, line.score))
        if others is not None and line.defect == CLEAN:
            others = others[others["repeat"] != line.repeat]
        if others is None or others.empty:
            is_worse.append(False)
        elif line.score in OTHERS:
            is_worse.append(line.value < others["value"].quantile(0.05))
        else:
            is_worse.append(line.high < others["value"].mean() - 1e-9)
    return found.assign(is_worse=is_worse)


def matrix(found: pd.DataFrame) -> str:
    """A line for each defect: the share of repeats in which each score calls the table worse."""
    found = worse(found)
    lines = []
    for (dataset, defect), of_defect in found.groupby(["dataset", "defect"], sort=False):
        repeats = of_defect["repeat"].nunique()
        is_any = of_defect[of_defect["score"].isin(SCORES[1:])].groupby("repeat")["is_worse"].any()
        counts = of_defect.groupby("score")["is_worse"].sum()
        shares = [counts[s] / repeats if s in counts else None for s in (*SCORES, *OTHERS)]
        shares.insert(len(SCORES), is_any.mean())
        label = f"{defect} ({dataset})" if dataset != "encounters" else defect
        lines.append([label, *("–" if share is None else f"{share:.0%}" for share in shares)])
    return table(["defect", *SCORES, "any", *OTHERS], lines)


def main(names: Sequence[str]) -> None:
    """Measure the sizes that are named, or all.

    Each repeat writes the section of the page anew: who stops after some hours has what is done.
    """
    _, caption = inspect.getdoc(sys.modules[__name__]).split("\n\n", 1)
    for name in names or map(str, REPEATS):
        size, _, said = name.partition("x")
        repeats = int(said or REPEATS[int(size)])
        for found in measured(int(size), repeats):
            done = found["repeat"].nunique()
            print(f"{done} of {repeats} repeats\n{matrix(found)}\n", flush=True)
            write_section(
                f"Defects at {int(size):,} rows",
                f"make bench-defects PARTS={size}x{done}",
                f"{caption}\n\n{remarks(done)}\n\n{matrix(found)}",
            )


def remarks(repeats: int) -> str:
    """How often, and what other libraries say."""
    said = (
        f"{repeats} repeats of each. Beside it SDMetrics' QualityReport against "
        f"{_ROWS_FOR_OTHERS:,} train rows, which calls a table worse below the 5 % quantile of "
        "real rows"
    )
    if has_mostlyai():
        return f"{said}, and likewise the overall accuracy of mostlyai-qa."
    return f"{said}; mostlyai-qa, for which the same would count, was not installed."


if __name__ == "__main__":
    main(sys.argv[1:])
