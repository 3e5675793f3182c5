"""How various the rows of a table are: distinct values and entropy, against as many real rows."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthcare.chance import Z, chance_to_be_drawn, margin
from synthcare.halves import Halves
from synthcare.reference import Reference
from synthcare.tables import Column, Table
from synthcare.trial import Score, Trial

Floats = NDArray[np.float64]

_NO_VARIETY = 1e-9  # of which a column cannot show any

_DRAWS = 20  # of real rows, to see how much their distinct values vary


@dataclass(frozen=True)
class _Variety:
    """What a column, or the whole row, shows in the sample (first) and in each half of it.

    `part` is what its score counts for, None for nothing. `chance` is the standard error of the
    score of as many real rows, as far as halves do not show it.
    """

    column: str | None
    measure: str
    part: str | None
    measured: Floats
    expected: Floats
    chance: float = 0.0

    @property
    def scores(self) -> Floats:
        """More variety than real rows have is no merit."""
        if self.part is None:
            return np.full(len(self.measured), np.nan)
        possible = np.where(self.expected > _NO_VARIETY, self.expected, np.nan)
        return np.clip(self.measured / possible, 0, 1)


def diversity(trial: Trial) -> Iterator[Score]:
    """The mean of three parts: identifiers, values and whole rows; each the mean of its columns.

    It is of the sample of the table; only the commonest categories and numbers are of all rows.
    """
    found = list(_varieties(trial))
    by_part, chances = {}, []
    for part in ("identifiers", "values", "rows"):
        mine = [variety for variety in found if variety.part == part]
        if mine:
            by_part[part] = _mean(np.array([variety.scores for variety in mine]))
            chances.append(np.linalg.norm([variety.chance for variety in mine]) / len(mine))
    blocks = trial.halves.blocks
    chance = float(np.linalg.norm(chances)) / max(1, len(chances))
    yield _bounded("diversity", (), _mean(np.array([*by_part.values()])), blocks, chance)
    for part, name in (("identifiers", "identifier"), ("values", "value"), ("rows", "row")):
        if part in by_part:
            yield Score(f"{name}_diversity", (), _known(by_part[part][0]))
    yield from _of_columns(found, blocks)
    for variety in found:
        if variety.part == "rows":
            size = len(trial.table.sample)
            repeated = 1 - variety.measured[0] / size
            yield Score("repeated_rows_share", (), float(repeated))
            expected = max(0.0, 1 - variety.expected[0] / size)
            yield Score("expected_repeated_rows_share", (), float(expected))
    yield from _most_repeated(trial)
    yield from _shared_between_responses(trial)


def _of_columns(found: list[_Variety], blocks: int) -> Iterator[Score]:
    """A number has distinct values, which are scored, and an entropy, which is not."""
    names = dict.fromkeys(variety.column for variety in found if variety.column)
    for name in names:
        mine = [variety for variety in found if variety.column == name]
        scored = next((variety for variety in mine if variety.part), mine[0])
        yield _bounded(
            "column_diversity", (name,), scored.scores, blocks, scored.chance, scored.part
        )
        for variety in mine:
            measured, expected = {
                "distinct values": ("distinct_values", "expected_distinct_values"),
                "entropy": ("entropy", "reference_entropy"),
            }[variety.measure]
            yield Score(measured, (name,), float(variety.measured[0]))
            yield Score(expected, (name,), float(variety.expected[0]))


def _bounded(
    name: str,
    subject: tuple[str, ...],
    scores: Floats,
    blocks: int,
    chance: float,
    note: str | None = None,
) -> Score:
    """No score is above 1, and so no end of its interval."""
    value = _known(scores[0])
    width = float(np.hypot(margin(scores[1:], blocks), Z * chance))
    if value is None or np.isnan(width):
        return Score(name, subject, value, note=note)
    return Score(name, subject, value, value - width, min(1.0, value + width), note=note)


def _mean(scores: Floats) -> Floats:
    """Over the first axis, of those that are known."""
    is_known = ~np.isnan(scores)
    count = is_known.sum(axis=0)
    sums = np.where(is_known, scores, 0).sum(axis=0)
    return np.where(count > 0, sums / np.maximum(count, 1), np.nan)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _varieties(trial: Trial) -> Iterator[_Variety]:
    reference, table, halves = trial.reference, trial.table, trial.halves
    drawn = {c.name for c in table.columns if c.sources <= trial.left_out}
    for name in table.identifiers:
        yield _distinct(reference, table, halves, name, "identifiers")
    for name in table.own_numbers:
        if name not in drawn:
            yield _distinct(reference, table, halves, name, "values")
    if table.hashes is not None:
        yield _distinct(reference, table, halves, None, "rows")
    for place, column in enumerate(table.columns):
        if column.name not in drawn:
            yield _entropy(reference, table, halves, place, column)


def _distinct(
    reference: Reference, table: Table, halves: Halves, name: str | None, part: str
) -> _Variety:
    """Distinct values of a column, or of whole rows, and how many as many real rows have."""
    _, counts = halves.by_block(_values(table, name)[table.sample])
    is_drawn = np.vstack([np.ones(halves.blocks, dtype=bool), halves.is_drawn])
    measured = (is_drawn.astype(np.float32) @ counts.astype(np.float32) > 0).sum(axis=1)
    sizes = np.concatenate([[len(table.sample)], halves.sizes])
    copies, values = reference.once(
        ("copies", name), lambda: _copies(_values(reference.train, name))
    )
    real_rows = int((copies * values).sum())
    expected = {
        size: float((values * chance_to_be_drawn(copies, real_rows, size)).sum())
        for size in set(sizes.tolist())
    }
    size = len(table.sample)
    spread = reference.once(
        ("spread of distinct values", name, size),
        lambda: _spread_of_distinct(_values(reference.train, name), size),
    )
    return _Variety(
        name,
        "distinct values",
        part,
        measured.astype(float),
        np.array([expected[size] for size in sizes.tolist()]),
        spread / max(expected[size], _NO_VARIETY),
    )


def _spread_of_distinct(values: NDArray, size: int) -> float:
    """The standard deviation of the number of distinct values in so many real ones (rows,).

    A rare value may be there or not, which no half of a sample shows that does not have it.
    """
    if not len(values):
        return 0.0
    random = np.random.default_rng(0)
    found = [
        len(np.unique(random.choice(values, size, replace=size > len(values))))
        for _ in range(_DRAWS)
    ]
    return float(np.std(found, ddof=1))


def _values(table: Table, name: str | None) -> NDArray:
    if name is None:
        return table.hashes.folded
    return table.identifiers[name] if name in table.identifiers else table.numbers[name]


def _copies(values: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many values there are of one copy, how many of two, and so on."""
    _, counts = np.unique(values, return_counts=True)
    return np.unique(counts, return_counts=True)


def _entropy(
    reference: Reference, table: Table, halves: Halves, place: int, column: Column
) -> _Variety:
    """Of categories, or of numbers by the bins of the real ones."""
    _, counts = halves.by_block(table.codes[table.sample, place])
    is_drawn = np.vstack([np.ones(halves.blocks, dtype=np.int64), halves.is_drawn])
    real = entropy(reference.train.counts(place))
    return _Variety(
        column.name,
        "entropy",
        # A number in one bin may still be various, but elsewhere.
        None if column.is_number else "values",
        np.array([entropy(drawn) for drawn in is_drawn @ counts]),
        np.full(len(is_drawn), real),
    )


def entropy(counts: NDArray[np.int64]) -> float:
    """In nats, of rows by cell (cells,), one row at least.

    Few rows show too little of it: more by the bias after Miller and Madow (1955).
    """
    counts = counts[counts > 0]
    size = counts.sum()
    if not size:
        return 0.0
    plain = np.log(size) - (counts * np.log(counts)).sum() / size
    return float(plain + (len(counts) - 1) / (2 * size))


def _most_repeated(trial: Trial) -> Iterator[Score]:
    """The share of the commonest value, among those that are known, here and in the real table.

    The note says which it is; of identifiers, which are hashes here, it does not.
    """
    table, train = trial.table, trial.reference.train
    for name, values in table.identifiers.items():
        for prefix, hashes in (("", values[table.sample]), ("reference_", train.identifiers[name])):
            yield _commonest(f"{prefix}most_repeated_share", name, _known_counts(hashes))
    for place, column in enumerate(table.columns):
        for side, prefix in ((table, ""), (train, "reference_")):
            if column.is_number:
                numbers, counts = np.unique(side.known(column), return_counts=True)
                texts = [
                    column.written(number) for number in numbers[counts == counts.max(initial=0)]
                ]
            else:
                counts = side.counts(place)[1:]
                texts = [
                    value
                    for value, count in zip(column.values, counts, strict=False)
                    if count == counts.max()
                ]
            note = min(texts, default=None) if side is table else None
            yield _commonest(f"{prefix}most_repeated_share", column.name, counts, note)


def _known_counts(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    return np.unique(hashes[hashes > 0], return_counts=True)[1]


def _commonest(name: str, column: str, counts: NDArray[np.int64], note: str | None = None) -> Score:
    if not counts.sum():
        return Score(name, (column,))
    return Score(name, (column,), float(counts.max() / counts.sum()), note=note)


def _shared_between_responses(trial: Trial) -> Iterator[Score]:
    """The share of identifiers that another answer has too, and what real rows would show."""
    table, train = trial.table, trial.reference.train
    if table.groups is None or not table.identifiers:
        return
    responses = table.groups[table.sample]
    names = {name: values[table.sample] for name, values in table.identifiers.items()}
    rows = int(np.any([values > 0 for values in names.values()], axis=0).sum())
    count = len(np.unique(responses))
    if count <= 1 or not rows:
        return
    shared = total = 0
    for values in names.values():
        written = np.stack([values[values > 0], responses[values > 0].astype(np.uint64)])
        pairs = np.unique(written, axis=1)
        in_responses = dict(zip(*np.unique(pairs[0], return_counts=True), strict=True))
        shared += sum(in_responses[value] > 1 for value in written[0])
        total += written.shape[1]
    yield Score("shared_between_responses_share", (), float(shared / total))
    # A real value is shared where another answer has a copy of it.
    others = round(rows * (1 - 1 / count))
    expected = real_total = 0
    for name in names:
        known = train.identifiers[name][train.identifiers[name] > 0]
        copies, values = _copies(known)
        if len(known):
            chance = chance_to_be_drawn(copies - 1, len(known) - 1, others)
            expected += (copies * values * chance).sum()
            real_total += len(known)
    if real_total:
        yield Score("expected_shared_between_responses_share", (), float(expected / real_total))
