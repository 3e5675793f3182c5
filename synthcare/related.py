"""Scores synthetic tables that belong together against real ones."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from readers.tables import key_text, plain_name, quoted, read_table
from synthcare.coding import Typed, coded, typed
from synthcare.contracts.contract import Contract
from synthcare.contracts.links import Brought, foreign_keys_of, order_of
from synthcare.contracts.relations import ForeignKey, parents_first
from synthcare.errors import SynthcareError, some
from synthcare.families import ORPHAN, Family, Keys, RealFamilies, Relation, joined
from synthcare.halves import sampled
from synthcare.registry import RELATIONAL, scores_of
from synthcare.scorecard import (
    BLOCKS,
    HALF_SAMPLES,
    HOLDOUT_ROWS,
    ROWS_IN_SAMPLES,
    SEED,
    SIDES,
    TRAIN_ROWS,
    Compared,
    Said,
    Scorecard,
    card_of,
    compared,
    inferred_contract,
    known_contract,
    known_keys,
    table_path,
)
from synthcare.tables import Table
from synthcare.trial import Score, Trial

# No column of a file can be called so: readers refuse names with quotes.
_TOP, _PLACE = '"top"', '"place"'


@dataclass(frozen=True)
class Scorecards:
    """How good synthetic tables are that belong together.

    `tables` has a Scorecard for each, parents first. `relations` has a row for each relation and
    score of it: child, parent, name, title, value, the ends of its 95 % interval, `real` (what as
    many real families reach), meaning and note. `notes` say what was taken for something.
    """

    tables: Mapping[str, Scorecard]
    relations: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def leaks(self) -> str | None:
        """How the first table that leaks does, None where none does."""
        said = (f"{name}: {card.leaks}" for name, card in self.tables.items() if card.leaks)
        return next(said, None)

    def value(self, name: str) -> float | None:
        """The lowest value of a score over tables or relations; None where it is known of none."""
        found = self.relations.loc[self.relations["name"] == name, "value"].dropna().tolist()
        of_tables = (card.value(name) for card in self.tables.values())
        found += [value for value in of_tables if value is not None]
        return min(found, default=None)

    def shortfalls(self, least: Mapping[str, float]) -> Iterator[str]:
        """A line for each table and relation, and score that is less than `least` says."""
        relational = {headline.name for headline in RELATIONAL}
        of_tables = {name: wanted for name, wanted in least.items() if name not in relational}
        for name, card in self.tables.items():
            yield from (f"{name}: {line}" for line in card.shortfalls(of_tables))
        for row in self.relations[self.relations["name"].isin(least.keys())].itertuples():
            wanted = float(least[row.name])
            of_what = f"{row.child} to {row.parent}: {row.name}"
            if pd.isna(row.value):
                yield f"{of_what} is not known, where {wanted:g} was asked for"
            elif row.value < wanted:
                yield f"{of_what} is {row.value:.3f}, under {wanted:g}"

    def as_dict(self) -> dict[str, Any]:
        """All of it as lists and dicts that JSON can hold."""
        relations = self.relations.astype(object)
        return {
            "tables": {name: card.as_dict() for name, card in self.tables.items()},
            "relations": relations.where(relations.notna(), None).to_dict("records"),
            "leaks": self.leaks,
            "notes": [*self.notes],
        }

    def save_html(self, path: str | Path) -> Path:
        """Write one page that asks for nothing else, and holds no row of any table."""
        from reports.card import write_cards

        return write_cards(self, Path(path))

    def __str__(self) -> str:
        shown = self.relations.drop(columns=["name", "note"]).to_string(index=False, na_rep="–")
        return "\n\n".join([*(f"{name}\n{card}" for name, card in self.tables.items()), shown])

    def _repr_html_(self) -> str:
        from reports.card import cards_table

        return cards_table(self)


@dataclass(frozen=True)
class _Member:
    """A table among others: its contract, and what ties it to them; columns by label."""

    name: str
    contract: Contract
    foreign_keys: tuple[ForeignKey, ...]
    order: str | None
    keys: tuple[str, ...]
    lost_groups: tuple[str, ...]
    is_declared: bool


def score_related(
    real: Mapping[str, Any],
    synthetic: Mapping[str, Any],
    contracts: Mapping[str, Said] | None = None,
) -> Scorecards:
    """Score tables by name, each as `score` takes them, and how they belong together.

    Without contracts, their columns and keys are inferred from the real tables. Raises
    SynthcareError, which says what to do, where they cannot be read or do not belong together.
    """
    _check_names(real, synthetic, contracts)
    known = contracts and {name: known_contract(said) for name, said in contracts.items()}
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as database:
        called = {
            Path(folder) / f"{side} {number}": (side, name)
            for side in SIDES
            for number, name in enumerate(real)
        }
        tables = dict(zip(SIDES, (real, synthetic), strict=True))
        paths: dict[str, dict[str, Path]] = {side: {} for side in SIDES}
        for path, (side, name) in called.items():
            paths[side][name] = table_path(tables[side][name], path, f"{side} {name}")
        try:
            members, notes = _members(paths, known)
            for side in SIDES:
                for number, member in enumerate(members):
                    _bring(database, paths[side][member.name], f"{side}_{number}", member)
        except SynthcareError as error:
            # What was in memory has no path that means anything.
            said = str(error)
            for path, (side, name) in reversed(called.items()):
                said = said.replace(str(path), f"the {side} table {name}")
            raise SynthcareError(said) from error
        # SQL of the contracts is all that is left to run, and needs no file.
        database.execute("set enable_external_access = false")
        database.execute("set lock_configuration = true")
        places = {member.name: number for number, member in enumerate(members)}
        sides = {
            side: [
                _typed(database, members, places, number, side) for number in range(len(members))
            ]
            for side in SIDES
        }
        pairs = [compared(*of_both) for of_both in zip(*sides.values(), strict=True)]
        cards = {
            member.name: card_of(*of_both, pair, (), member.lost_groups)
            for member, of_both, pair in zip(
                members, zip(*sides.values(), strict=True), pairs, strict=True
            )
        }
        notes += [
            f"{member.name}: {note}"
            for member, of_both in zip(members, zip(*sides.values(), strict=True), strict=True)
            if not member.foreign_keys
            for note in known_keys(*of_both, ", ".join(member.keys))
        ]
        relations = [
            row
            for number, member in enumerate(members)
            for key in member.foreign_keys
            for row in _relation_rows(sides, pairs, members, key, places[key.to], number)
        ]
    columns = ["child", "parent", "name", "title", "value", "low", "high", "real"]
    columns += ["meaning", "note"]
    numbers = dict.fromkeys(columns[4:8], float)
    return Scorecards(cards, pd.DataFrame(relations, columns=columns).astype(numbers), tuple(notes))


def _check_names(
    real: Mapping[str, Any],
    synthetic: Mapping[str, Any],
    contracts: Any,
) -> None:
    if not all(isinstance(named, Mapping) for named in (real, synthetic, contracts or {})):
        raise SynthcareError(
            "Give real tables, synthetic ones and contracts alike: each as a dict by name."
        )
    for what, names in (("synthetic tables", synthetic), ("contracts", contracts or real)):
        for one, one_names, other, other_names in (
            ("real tables", real, what, names),
            (what, names, "real tables", real),
        ):
            if odd := sorted(set(one_names) - set(other_names)):
                raise SynthcareError(f"Only {one} have {some(odd)}: name {other} alike.")
    if len(real) < 2:  # noqa: PLR2004
        raise SynthcareError("Tables that belong together are two at least.")
    if not all(isinstance(name, str) and name.strip() for name in real):
        raise SynthcareError("The name of a table must be a text.")


def _members(
    paths: Mapping[str, Mapping[str, Path]], contracts: Mapping[str, Contract] | None
) -> tuple[list[_Member], list[str]]:
    """The tables, parents first, and what was taken for something where it was inferred."""
    if contracts:
        keys = {name: _declared_keys(name, contracts) for name in contracts}
        order = {
            name: contract.ordered_by and contract.key_labels[contract.ordered_by]
            for name, contract in contracts.items()
        }
        notes: list[str] = []
        if alone := [name for name in contracts if not _key_labels(name, keys)]:
            raise SynthcareError(
                f"The contracts of {some(alone)} declare no foreign key, and none is to them."
            )
    else:
        with duckdb.connect() as database:
            brought = [_brought(database, name, path) for name, path in paths["real"].items()]
            keys, notes = foreign_keys_of(database, brought)
            order = {
                table.name: order_of(database, table, _key_labels(table.name, keys))
                for table in brought
                if keys[table.name]
            }
        notes += [f"{name}: ordered by {label}" for name, label in order.items() if label]
    members = []
    for name in parents_first(keys):
        own = _key_labels(name, keys)
        if contracts:
            contract, lost = contracts[name], ()
        else:
            of_both = [paths[side][name] for side in SIDES]
            contract, doubts, lost = inferred_contract(*of_both, (), own)
            if not {*contract.labels} - {*own}:
                raise SynthcareError(f"{name} has no columns but keys, {some(own)}: leave it out.")
            notes += [f"{name}: {doubt}" for doubt in doubts]
        members.append(
            _Member(name, contract, keys[name], order.get(name), own, lost, bool(contracts))
        )
    return members, notes


def _brought(database: duckdb.DuckDBPyConnection, name: str, path: Path) -> Brought:
    table = read_table(database, path)
    if not table.rows:
        raise SynthcareError(f"{path} has no rows.")
    database.execute(f"create table {quoted(name)} as from rows")
    _drop_what_was_read(database)
    return Brought(name, table.labels, table.readings, table.rows)


def _drop_what_was_read(database: duckdb.DuckDBPyConnection) -> None:
    database.execute("drop view written; drop table rows; drop table received")


def _key_labels(name: str, keys: Mapping[str, Sequence[ForeignKey]]) -> tuple[str, ...]:
    """Labels of all columns of a table that are keys of it, or of others in it."""
    own = [label for key in keys[name] for label in key.columns]
    known = [
        label for of in keys.values() for key in of if key.to == name for label in key.to_columns
    ]
    return tuple(dict.fromkeys([*known, *own]))


def _declared_keys(name: str, contracts: Mapping[str, Contract]) -> tuple[ForeignKey, ...]:
    """The foreign keys of a contract, with what files call their columns."""
    found = []
    labels = contracts[name].key_labels
    for key in contracts[name].foreign_keys:
        if key.to not in contracts:
            raise SynthcareError(f"{name} belongs to {key.to}, which is none of the tables.")
        of_parent = contracts[key.to].key_labels
        if missing := sorted(set(key.to_columns) - set(of_parent)):
            raise SynthcareError(
                f"{name} refers to {some(missing)} of {key.to}, which is not in its primary key."
            )
        columns = tuple(labels[column] for column in key.columns)
        found.append(ForeignKey(columns, key.to, tuple(of_parent[x] for x in key.to_columns)))
    return tuple(found)


def _bring(database: duckdb.DuckDBPyConnection, path: Path, name: str, member: _Member) -> None:
    """Read a table as texts into `<name>_texts`: columns of the contract, keys and order."""
    wanted = [*member.contract.labels, *member.keys, *filter(None, [member.order])]
    wanted = [*dict.fromkeys(wanted)]
    table = read_table(database, path, wanted)
    if not table.rows:
        raise SynthcareError(f"{path} has no rows.")
    called = {plain_name(label): label for label in table.labels}
    chosen = ", ".join(f"{quoted(called[plain_name(x)])} as {quoted(x)}" for x in wanted)
    source = "written" if member.is_declared else "rows"
    database.execute(f"create table {name}_texts as select {chosen} from {source}")  # noqa: S608
    _drop_what_was_read(database)
    for label in member.keys:
        _without_decimals(database, f"{name}_texts", quoted(label))


def _without_decimals(database: duckdb.DuckDBPyConnection, table: str, column: str) -> None:
    """Write keys as whole numbers where all are: pandas has 2.0 for 2 where one is missing."""
    database.execute(
        f"""
        update {table} set {column} = regexp_replace(trim({column}), '\\.0+$', '')
        where (select bool_and(regexp_full_match(trim({column}), '-?\\d+\\.0+')) from {table})
        """  # noqa: S608 (a name of ours, and a quoted one)
    )


def _typed(
    database: duckdb.DuckDBPyConnection,
    members: Sequence[_Member],
    places: Mapping[str, int],
    number: int,
    side: str,
) -> Typed:
    """A table whose rows are grouped by the top one of their ancestors; parents come before it."""
    member, name = members[number], f"{side}_{number}"
    if member.foreign_keys:
        (key, *_) = member.foreign_keys
        child, top, place = key_text(key.columns, "children"), quoted(_TOP), quoted(_PLACE)
        otherwise = f"coalesce(parent_top, concat('none ', coalesce({child}, {place}::varchar)))"
        query = f"""
            with parents as (

                select {key_text(key.to_columns, "t")} as parent_key, min({top}) as parent_top
                from {side}_{places[key.to]}_texts as t
                group by parent_key

            ),

            children as (

                select *, row_number() over () as {place} from {name}_texts

            )

            select children.*, {otherwise} as {top}
            from children
            left join parents on {child} = parent_key
            order by {place}
        """  # noqa: S608
    else:
        known = next(
            key.to_columns for of in members for key in of.foreign_keys if key.to == member.name
        )
        query = f"select *, {key_text(known, 't')} as {quoted(_TOP)} from {name}_texts as t"  # noqa: S608
    database.execute(f"create or replace table {name}_texts as {query}")
    return typed(database, member.contract, _TOP, name=name, has_bounds=member.is_declared)


@dataclass(frozen=True)
class _Rows:
    """Rows of a table that are compared, as numbers, and their places in it."""

    coded: Table
    places: NDArray[np.intp]

    @classmethod
    def of(cls, table: Typed, coded_rows: Table, where: str = "_is_valid") -> "_Rows":
        return cls(coded_rows, np.ma.getdata(table.fetch({"row": "_row"}, where)["row"]) - 1)


@dataclass(frozen=True)
class _Side:
    """The real or the synthetic table of a parent and of a child."""

    parent: Typed
    child: Typed
    parent_keys: np.ma.MaskedArray
    child_keys: np.ma.MaskedArray
    order: NDArray[np.float64] | None

    @classmethod
    def of(cls, parent: Typed, child: Typed, key: ForeignKey, order: str | None) -> "_Side":
        return cls(
            parent,
            child,
            _key_hashes(parent, key.to_columns),
            _key_hashes(child, key.columns),
            None if order is None else _order(child, order),
        )

    def family(self, parents: _Rows, children: _Rows) -> Family:
        """Parents with their children. Those of other parents are left out, orphans too."""
        parent_of, _ = joined(self.parent_keys[parents.places], self.child_keys[children.places])
        kept = np.flatnonzero(parent_of != ORPHAN)
        return Family(
            parents.coded,
            children.coded.take(kept),
            parent_of[kept],
            parents.coded.groups,
            None if self.order is None else self.order[children.places[kept]],
        )

    def keys(self, *, may_lack: bool) -> Keys:
        """Of all rows, whether they follow the contract or not."""
        parent_of, is_own = joined(self.parent_keys, self.child_keys)
        has_key = ~np.ma.getmaskarray(self.child_keys)
        return Keys.of_rows(parent_of, is_own, has_key=has_key, may_lack=may_lack)


def _relation_rows(
    sides: Mapping[str, Sequence[Typed]],
    pairs: Sequence[Compared],
    members: Sequence[_Member],
    key: ForeignKey,
    parent: int,
    child: int,
) -> Iterator[tuple]:
    """The scores of one relation, beside those of as many real families."""
    real, synthetic = (
        _Side.of(side[parent], side[child], key, members[child].order) for side in sides.values()
    )
    reference = pairs[parent].reference
    real_children = _Rows.of(real.child, coded(real.child, pairs[child].edges))
    train, holdout = (
        real.family(_Rows.of(real.parent, half, where), real_children)
        for half, where in ((reference.train, TRAIN_ROWS), (reference.holdout, HOLDOUT_ROWS))
    )
    table = synthetic.family(
        _Rows.of(synthetic.parent, pairs[parent].table),
        _Rows.of(synthetic.child, pairs[child].table),
    )
    may_lack = bool(np.ma.getmaskarray(real.child_keys).any())
    families = RealFamilies(train, holdout)
    order = members[child].order
    ordered_by = frozenset(c.name for c in members[child].contract.columns if c.label == order)
    found, reached = (
        _scores(
            Relation(
                members[parent].name,
                members[child].name,
                families,
                some_families,
                *sampled(some_families.top_of, ROWS_IN_SAMPLES, BLOCKS, HALF_SAMPLES, SEED),
                side.keys(may_lack=may_lack),
                ordered_by,
            )
        )
        for some_families, side in (
            (table, synthetic),
            (_some_of(holdout, len(table.parents)), real),
        )
    )
    for headline in RELATIONAL:
        score = found.get(headline.name, Score(headline.name))
        yield (
            *(members[child].name, members[parent].name, headline.name, headline.title),
            *(score.value, score.low, score.high),
            reached.get(headline.name, Score(headline.name)).value,
            *(headline.meaning, score.note),
        )


def _some_of(family: Family, parents: int) -> Family:
    """About so many of the parents, with all their children; of one top parent, all."""
    tops = family.top_of
    chance = np.random.default_rng(SEED).permutation(tops.max(initial=-1) + 1)[tops]
    shuffled = np.argsort(chance, kind="stable")
    is_in = chance <= chance[shuffled[:parents]].max(initial=-1)
    chosen = np.flatnonzero(is_in)
    children = np.flatnonzero(is_in[family.parent_of])
    place_of = np.cumsum(is_in) - 1
    return Family(
        family.parents.take(chosen),
        family.children.take(children),
        place_of[family.parent_of[children]],
        tops[chosen],
        None if family.order is None else family.order[children],
    )


def _scores(relation: Relation) -> dict[str, Score]:
    """Of one relation, by name."""
    found = scores_of(Trial(relations=(relation,)), RELATIONAL)
    return {score.name: score for score in found if not score.subject}


def _key_hashes(table: Typed, columns: Sequence[str]) -> np.ma.MaskedArray:
    """A number for the key of each row (rows,), masked where it is missing."""
    key = key_text(columns, "t")
    query = f"select hash({key}) as found, {key} is null as lacks from {table.name}_texts as t"  # noqa: S608
    found = table.database.execute(query).fetchnumpy()
    return np.ma.masked_array(np.ma.getdata(found["found"]), np.ma.getdata(found["lacks"]))


def _order(table: Typed, label: str) -> NDArray[np.float64]:
    """What rows of one parent are ordered by (rows,), NaN where it is missing."""
    text = f"trim({quoted(label)})"
    number = f"coalesce(try_cast({text} as double), epoch(try_cast({text} as timestamp)))"
    query = f"select {number} as number from {table.name}_texts"  # noqa: S608
    return np.ma.filled(table.database.execute(query).fetchnumpy()["number"].astype(float), np.nan)
