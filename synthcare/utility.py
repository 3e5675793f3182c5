"""How well models trained on one table predict a column of another."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from synthcare.chance import half_width
from synthcare.halves import Halves
from synthcare.learners import LEARNERS, predictor
from synthcare.reference import Reference
from synthcare.tables import Column, Table
from synthcare.trial import Score, Trial

Floats = NDArray[np.floating]

# Half-samples that are trained on; rows that each is tested on, at most; smallest table.
DRAWS = 8
TEST_ROWS = 2_000
FEWEST_ROWS = 20

TOO_FEW = f"fewer than {FEWEST_ROWS} rows to learn from, or to test on"
NO_TARGET = "no column is declared worth predicting"
NO_SIGNAL = "no signal: real rows do not predict it better than chance"


def utility(trial: Trial) -> Iterator[Score]:
    """Skill of models trained on the table, against skill of models trained on real rows (TSTR).

    For each target and learner, and the mean. A draw is a half-sample of the table, and as many
    holdout rows; both are tested on train rows. Null where real rows themselves have no signal.
    """
    reference = trial.reference
    if not len(reference.holdout) or len(trial.halves.is_drawn) < DRAWS:
        yield Score("utility", note=TOO_FEW)
        return
    found, table = [], trial.table
    for target in targets_of(trial):
        rows = target.labelled(table, reference.look_at(table, table.sample))
        for learner in LEARNERS:
            found += target.compared(learner, rows, trial)
    yield from found
    scores = [score for score in found if score.name == "utility"]
    known = [score for score in scores if score.value is not None]
    if known:
        # Targets and learners look at the same rows, so their margins are not smaller together.
        ends = (
            np.mean([getattr(score, end) for score in known]) for end in ("value", "low", "high")
        )
        yield Score("utility", (), *map(float, ends))
    elif scores:
        yield Score("utility", note=scores[0].note)
    else:
        has_target = any(column.is_target for column in reference.train.columns)
        yield Score("utility", note=TOO_FEW if has_target else NO_TARGET)


@dataclass(frozen=True)
class Labelled:
    """Features of the rows whose target is known, what it is, and which rows those are."""

    features: Floats
    wanted: NDArray
    is_known: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.features)


class Target:
    """A column to predict, from the features that do not show the column itself."""

    def __init__(self, column: Column, reference: Reference) -> None:
        self.column, self.reference = column, reference
        self.kind = "number" if column.is_number else "category"
        features = reference.features
        self._place = reference.train.columns.index(column)
        is_seen = [feature.column.sources.isdisjoint(column.sources) for feature in features]
        self.seen = np.flatnonzero(is_seen)
        self.seen_columns = np.array([features[place].column.name for place in self.seen])

    def compared(self, learner: str, rows: Labelled, trial: Trial) -> list[Score]:
        """What a learner reached with the rows of a table, and with real ones."""
        train, holdout = self.side("train"), self.side("holdout")
        if min(len(train), len(holdout), len(rows)) < FEWEST_ROWS:
            return []
        size = min(len(rows), len(holdout)) // 2
        real, importances = self.reference.once(
            ("skill", self.column.name, learner, size), lambda: self._real_skills(learner, size)
        )
        subject = (self.column.name, learner)
        real_skill, spread = float(np.mean(real)), float(np.std(real, ddof=1))
        # The mean of the draws is surer than each. Where the holdout is small they have rows in
        # common, and it is less sure than this says.
        error = spread / np.sqrt(DRAWS)
        real_margin = float(half_width(error, DRAWS))
        found = [
            Score("rows_trained_on", subject, float(size)),
            Score(
                "reference_skill", subject, real_skill,
                real_skill - real_margin, real_skill + real_margin,
            ),
        ]  # fmt: skip
        # More than chance, with 99.5 % confidence: a ratio to hardly any skill says nothing.
        if real_skill <= scipy.stats.t.ppf(0.995, DRAWS - 1) * error:
            return [*found, Score("utility", subject, note=NO_SIGNAL)]
        skills = []
        for draw, places in enumerate(self.places(rows, trial.halves, size)):
            skill, lost = self._trained(
                learner,
                rows.features[places],
                rows.wanted[places],
                draw,
                with_importances=draw == 0,
            )
            skills.append(skill)
            if draw == 0:
                agreement = _agreement(importances, lost)
        skill, margin = float(np.mean(skills)), float(half_width(np.std(skills, ddof=1), DRAWS))
        value = max(0.0, skill) / real_skill
        # of a ratio, by the delta method
        reach = float(np.hypot(margin, value * real_margin)) / real_skill
        return [
            *found,
            Score("skill", subject, skill),
            Score("importance_agreement", subject, agreement),
            Score("utility", subject, value, value - reach, value + reach),
        ]

    def side(self, name: str) -> Labelled:
        features = getattr(self.reference, f"{name}_features")
        table = getattr(self.reference, name)
        return self.reference.once(
            ("labelled", self.column.name, name), lambda: self.labelled(table, features)
        )

    def labelled(self, table: Table, features: Floats) -> Labelled:
        """Rows of the sample of a table whose target is known, and what it is."""
        codes = table.codes[table.sample, self._place]
        is_known = codes > 0
        numbers = table.numbers[self.column.name][table.sample] if self.column.is_number else codes
        return Labelled(features[is_known], numbers[is_known], is_known)

    def places(self, rows: Labelled, halves: Halves, size: int) -> Iterator[NDArray[np.intp]]:
        """Which rows of a table are in each draw, about `size`."""
        for is_drawn in halves.is_drawn[:DRAWS][:, halves.block_of[rows.is_known]]:
            places = np.flatnonzero(is_drawn)
            # There may not be so many real rows.
            yield places[:size] if len(rows) // 2 > size else places

    def real_places(self, size: int) -> Iterator[NDArray[np.intp]]:
        """Which holdout rows are in each draw."""
        rows = len(self.side("holdout"))
        for draw in range(DRAWS):
            yield np.arange((draw + 1) * size, (draw + 2) * size) % rows

    def _real_skills(self, learner: str, size: int) -> tuple[list[float], Floats]:
        """Skills of `size` holdout rows, others in each draw; importances of the first draw."""
        rows = self.side("holdout")
        found = []
        for draw, places in enumerate(self.real_places(size)):
            found.append(
                self._trained(
                    learner,
                    rows.features[places],
                    rows.wanted[places],
                    draw,
                    with_importances=draw == 0,
                )
            )
        return [skill for skill, _ in found], found[0][1]

    def _trained(
        self, learner: str, features: Floats, wanted: NDArray, draw: int, *, with_importances: bool
    ) -> tuple[float, Floats]:
        """Skill on the train rows of a draw, and what each column loses of it when shuffled."""
        test = self.side("train")
        tested = slice(draw, None, DRAWS)
        return skill_and_importances(
            self.kind,
            learner,
            (features[:, self.seen], wanted),
            (test.features[tested][:TEST_ROWS][:, self.seen], test.wanted[tested][:TEST_ROWS]),
            self.seen_columns if with_importances else None,
        )


def targets_of(trial: Trial) -> Iterator[Target]:
    """The columns to predict that are scored, where another column is there to tell them by."""
    for column in trial.reference.train.columns:
        if column.is_target and not column.sources <= trial.left_out:
            target = Target(column, trial.reference)
            if len(target.seen):
                yield target


def skills_of_groups(
    trial: Trial, members: Mapping[Hashable, NDArray[np.bool_]]
) -> Iterator[tuple[Hashable, Column, Score]]:
    """How well linear models of a table predict groups of train rows, against models of real rows.

    `members` says by group which train rows are in it. Yields group, target and the ratio of both
    skills, where models of real rows predict the target in the group better than chance.
    """
    reference = trial.reference
    if not len(reference.holdout) or len(trial.halves.is_drawn) < DRAWS:
        return
    table = trial.table
    for target in targets_of(trial):
        column = target.column
        rows = target.labelled(table, reference.look_at(table, table.sample))
        sides = (target.side("train"), target.side("holdout"), rows)
        if min(map(len, sides)) < FEWEST_ROWS:
            continue
        size = min(len(rows), len(sides[1])) // 2
        real = reference.once(
            ("skills of groups", column.name, size, tuple(members)),
            lambda target=target, size=size: _group_skills(
                target, target.side("holdout"), target.real_places(size), members
            ),
        )
        skills = _group_skills(target, rows, target.places(rows, trial.halves, size), members)
        for group, found, of_real in zip(members, skills.T, real.T, strict=True):
            score = _ratio(found, of_real)
            if score is not None:
                yield group, column, score


def _group_skills(
    target: Target,
    rows: Labelled,
    places: Iterable[NDArray[np.intp]],
    members: Mapping[Hashable, NDArray[np.bool_]],
) -> Floats:
    """Skill of the model of each draw in each group (draws, groups); NaN where it has no row."""
    test = target.side("train")
    train = target.reference.train
    in_group = [is_member[train.sample][test.is_known] for is_member in members.values()]
    known = test.features[:, target.seen]
    found = np.full((DRAWS, len(in_group)), np.nan)
    for draw, chosen in enumerate(places):
        wanted = rows.wanted[chosen]
        if len(np.unique(wanted)) <= 1:
            found[draw] = 0
            continue
        learner = predictor(target.kind, "linear", len(chosen))
        fitted = learner.fit(rows.features[chosen][:, target.seen], wanted)
        asked = slice(draw, None, DRAWS)
        said, truth = said_of(fitted, target.kind, known[asked]), test.wanted[asked]
        for number, is_member in enumerate(in_group):
            mine = is_member[asked]
            if len(np.unique(truth[mine])) > 1:
                of_group = {category: values[mine] for category, values in said.items()}
                found[draw, number] = skill(target.kind, of_group, truth[mine])
    return found


def _ratio(skills: Floats, real: Floats) -> Score | None:
    """Of the mean skills of the draws, by the delta method; None without signal in real rows."""
    if np.isnan(skills).any() or np.isnan(real).any():
        return None
    real_skill, error = float(real.mean()), float(real.std(ddof=1) / np.sqrt(DRAWS))
    if real_skill <= scipy.stats.t.ppf(0.995, DRAWS - 1) * error:
        return None
    margins = [float(half_width(spread, DRAWS)) for spread in (skills.std(ddof=1), error)]
    value = max(0.0, float(skills.mean())) / real_skill
    # Whether the upper end is below 1 is whether both differ: then the real margin counts in full.
    below, above = (
        float(np.hypot(margins[0], of * margins[1])) / real_skill for of in (value, max(1.0, value))
    )
    return Score("utility", (), value, value - below, value + above)


def _agreement(one: Floats, other: Floats) -> float | None:
    """Pearson's; None where either side is constant, as of a model that has learnt nothing."""
    if not (one.std() and other.std()):
        return None
    return float(np.corrcoef(one, other)[0, 1])


def skill_and_importances(
    kind: str,
    learner: str,
    train: tuple[Floats, NDArray],
    test: tuple[Floats, NDArray],
    columns: NDArray | None = None,
) -> tuple[float, Floats]:
    """The skill of one of LEARNERS, and what each column loses of it when shuffled.

    `train` and `test` are features (rows, k) and what is to be predicted (rows,); `columns` (k,)
    says which column each feature shows, and without it there are no importances. Skill is 0 for a
    guess and 1 for a perfect prediction; it is 0 where there is nothing to learn.
    """
    (known, wanted), (asked, truth) = train, test
    names = np.unique(columns) if columns is not None else np.empty(0)
    if len(np.unique(wanted)) <= 1:
        return 0.0, np.zeros(len(names))
    fitted = predictor(kind, learner, len(known)).fit(known, wanted)
    reached = _skill(fitted, kind, asked, truth)
    random = np.random.default_rng(0)
    losses = []
    for name in names:
        shuffled = asked.copy()
        mine = columns == name
        shuffled[:, mine] = random.permutation(asked[:, mine])
        losses.append(reached - _skill(fitted, kind, shuffled, truth))
    return reached, np.array(losses)


def _skill(fitted: Any, kind: str, known: Floats, truth: NDArray) -> float:
    """R², or 2 AUC − 1, the mean over categories."""
    return skill(kind, said_of(fitted, kind, known), truth)


def said_of(fitted: Any, kind: str, known: Floats) -> dict[Any, Floats]:
    """What a model says of rows: the chances of each category, or under None a number."""
    if kind == "number":
        return {None: fitted.predict(known)}
    return dict(zip(fitted.classes_, fitted.predict_proba(known).T, strict=True))


def skill(kind: str, said: Mapping[Any, Floats], truth: NDArray) -> float:
    """R², or 2 AUC − 1, the mean over categories that are there; 0 where all rows are of one.

    `said` is by category how likely each row (rows,) is of it, or under None a number.
    """
    if kind == "number":
        from sklearn.metrics import r2_score  # as in synthcare/learners.py

        return r2_score(truth, said[None])
    categories = np.unique(truth)
    if len(categories) <= 1:
        return 0.0
    never = np.zeros(len(truth))
    aucs = [_auc(said.get(category, never), truth == category) for category in categories]
    return 2 * float(np.mean(aucs)) - 1


def _auc(said: Floats, is_so: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: Mann and Whitney's statistic, of ranks."""
    count = is_so.sum()
    surplus = scipy.stats.rankdata(said)[is_so].sum() - count * (count + 1) / 2
    return float(surplus / (count * (len(said) - count)))
