"""The attacks on privacy beside anonymeter's: `make bench-attacks`, in docs/benchmarks.md.

anonymeter is by those who described the attacks (Giomi et al. 2023). It asks for an older NumPy and
pyarrow than this project has, but works with these: the target installs it without them.
`SYNTHCARE_TEST_ENCOUNTERS` is the path of UCI's encounters.
"""

import inspect
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from anonymeter.evaluators import InferenceEvaluator, LinkabilityEvaluator, SinglingOutEvaluator

from synthcare.contracts.contract import load_contract
from synthcare.privacy import TARGETS, excesses
from tests.benchmarks.defects import CLEAN, PATHS, Real, World, copied, drawn
from tests.benchmarks.page import table, write_section

DATASET = "encounters"
PATIENTS = 8_000
SHARES = (0.1, 0.3, 1.0)  # of a table, that are train rows
CHANGED = (1, 3)  # numbers of a train row, in 30 % of a table
DRAWS = 5
SEED = 0  # of anonymeter's own choices

Rows = pd.DataFrame
Risk = Sequence[float]  # and its ends


def attacks() -> str:
    """How much more is learnt of train rows than of holdout rows: the excess, its 95 % interval.

    Means of five draws of 8,000 patients, a stay each; the train half is 4,000 of them, holdout
    2,000. The table has about 2,000 others, of whom a part is replaced by train rows, as they
    are or with some numbers changed by one. anonymeter gets the same table, the same columns on
    either side of linkability, 1,000 targets of either half, and a word for what is missing,
    which it else takes for different from anything. Its `inference` is the mean over all
    columns, each in turn the secret, and so are the ends. It cuts off what is below 0.
    """
    found: dict[tuple[str, str], list[tuple[Risk, Risk]]] = {}
    for draw in range(DRAWS):
        with tempfile.TemporaryDirectory() as folder:
            there = World(DATASET, _one_stay_each(Path(folder) / "stays.csv", draw))
        columns = [c.name for c in there.contract.columns if c.kind != "identifier"]
        for name, rows in tables(there.real, draw).items():
            own = {excess.name: excess.ends() for excess in excesses(there.trial(rows))}
            sides = (rows, there.real.train, there.real.holdout)
            filled = [_filled(side[columns]) for side in sides]
            for attack, of_anonymeter in ATTACKS.items():
                risks = (own[attack], of_anonymeter(*filled))
                found.setdefault((name, attack), []).append(risks)
    lines = [[*of, *map(_said, np.mean(risks, axis=0))] for of, risks in found.items()]
    return table(["table", "attack", "here", "anonymeter"], lines)


def tables(real: Real, draw: int) -> Mapping[str, Rows]:
    """Rows of nobody in the reference, and such with train rows among them."""
    random = np.random.default_rng(draw)
    size = len(real.unseen)
    others = drawn(real.unseen, random, size)
    found = {CLEAN: others}
    for share in SHARES:
        count = int(share * size)
        train = drawn(real.train, random, count)
        found[f"{share:.0%} train rows"] = pd.concat([train, others[count:]], ignore_index=True)
    known = replace(real, holdout=real.holdout[:0])
    for changed in CHANGED:
        rows = copied(others, random, known, changed).reset_index(drop=True)
        found[f"30% train rows, {changed} changed"] = rows
    return found


def inference(synthetic: Rows, train: Rows, holdout: Rows) -> Risk:
    """The mean risk over all columns, each guessed from all others, and the mean of its ends."""
    risks = []
    for secret in train.columns:
        evaluator = InferenceEvaluator(
            ori=train, syn=synthetic, control=holdout, secret=secret,
            aux_cols=[name for name in train.columns if name != secret],
            regression=pd.api.types.is_numeric_dtype(train[secret]), n_attacks=TARGETS,
        )  # fmt: skip
        risks.append(_risk(evaluator.evaluate(n_jobs=1)))
    return np.mean(risks, axis=0).tolist()


def linkability(synthetic: Rows, train: Rows, holdout: Rows) -> Risk:
    """The risk of one neighbour, with every second column on either side, texts first."""
    is_number = [pd.api.types.is_numeric_dtype(kind) for kind in train.dtypes]
    names = [*train.columns[~np.array(is_number)], *train.columns[is_number]]
    evaluator = LinkabilityEvaluator(
        ori=train, syn=synthetic, control=holdout, aux_cols=(names[::2], names[1::2]),
        n_attacks=TARGETS,
    )  # fmt: skip
    return _risk(evaluator.evaluate(n_jobs=1))


def singling_out(synthetic: Rows, train: Rows, holdout: Rows) -> Risk:
    """The risk of guesses of three columns, about as many rows of either half."""
    evaluator = SinglingOutEvaluator(
        ori=train[: len(holdout)], syn=synthetic, control=holdout[: len(train)],
        n_attacks=TARGETS, n_cols=3, seed=SEED,
    )  # fmt: skip
    return _risk(evaluator.evaluate(mode="multivariate"))


Attack = Callable[[Rows, Rows, Rows], Risk]

ATTACKS: Mapping[str, Attack] = {
    attack.__name__: attack for attack in (inference, linkability, singling_out)
}


def _one_stay_each(path: Path, draw: int) -> Path:
    """UCI's file with one stay of each of some patients."""
    group = load_contract(DATASET).reference.group
    stays = pd.read_csv(os.environ[PATHS[DATASET]], dtype=str, keep_default_na=False)
    stays = stays.sample(frac=1, random_state=draw).drop_duplicates(group)
    stays[:PATIENTS].to_csv(path, index=False)
    return path


def _filled(rows: Rows) -> Rows:
    """Rows with a word for what is missing; no column of numbers lacks one."""
    texts = rows.select_dtypes(exclude="number").columns
    return rows.assign(**rows[texts].fillna("missing")).reset_index(drop=True)


def _risk(
    evaluator: InferenceEvaluator | LinkabilityEvaluator | SinglingOutEvaluator,
) -> Risk:
    risk = evaluator.risk()
    return [risk.value, *risk.ci]


def _said(excess: Iterable[float]) -> str:
    value, low, high = excess
    return f"{value:.1%} ({low:.1%} to {high:.1%})"


if __name__ == "__main__":
    np.random.seed(SEED)
    with warnings.catch_warnings(action="ignore"):  # each attack that is no better than chance
        write_section("Attacks", "make bench-attacks", f"{inspect.getdoc(attacks)}\n\n{attacks()}")
