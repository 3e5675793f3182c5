"""What the library synthcare says of each run, beside the train half of its reference."""

import hashlib
from dataclasses import replace

import pandas as pd

from generators.warehouse.scored import (
    CodedRows,
    Records,
    earlier_scores,
    library,
    parent_of,
    scored_runs,
)
from synthcare.registry import HEADLINES, RELATIONAL, scores_of
from synthcare.trial import Trial

COLUMNS = {
    "run_id": "string",
    "dataset": "string",
    "score_name": "string",
    "subject": "string",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "floor": "float64",
    "note": "string",
    "fingerprint": "string",
}


def model(dbt, session) -> pd.DataFrame:
    """One row per run, dataset, score and subject.

    A subject is a column, several (`age, gender`), a check, or null. Scored again is only what
    changed: a run whose fingerprint is the same keeps its rows.
    """
    asked = dbt.config.meta_get("scores")
    known = (*HEADLINES, *RELATIONAL)
    if unknown := {*asked} - {headline.name for headline in known}:
        raise ValueError(f"the variable scores has names that no score has: {sorted(unknown)}")
    headlines = [headline for headline in known if not asked or headline.name in asked]
    draws = (dbt.config.meta_get("half_samples"), dbt.config.meta_get("seed"))
    real_rows = dbt.config.meta_get("real_rows_in_samples")
    records = Records(
        dbt.ref("generation_runs"), dbt.ref("response_audit"), dbt.ref("int_checked_records")
    )
    rows = CodedRows(
        dbt.ref("int_coded_rows"), dbt.ref("int_scored_columns"), dbt.ref("int_sampled_records")
    )
    compared = {run.key: run for run in scored_runs(dbt.ref("int_scored_runs"))}
    earlier = earlier_scores(session, dbt.this.schema, dbt.this.identifier, [*COLUMNS])
    fingerprints = rows.fingerprints()
    how = (library(), [headline.name for headline in headlines], draws, real_rows)
    references, families, found = {}, {}, []
    for key in records.runs:
        run, known, (run_id, dataset) = compared.get(key), records.of(key), key
        of_rows = run and (run, fingerprints[key])
        fingerprint = _hash(key, how, of_rows, records.fingerprint(key))
        if fingerprint in earlier:
            found += earlier[fingerprint]
            continue
        if run is None:
            trial = Trial(**known)
        else:
            if dataset not in references:
                references[dataset] = rows.reference(dataset, real_rows)
            trial = rows.trial(run, references[dataset], known, *draws)
            if (run_id, parent_of(dataset)) in compared:
                if dataset not in families:
                    families[dataset] = rows.families(dataset)
                with_parent = records.with_parent(key)
                relation = rows.relation(run, families[dataset], with_parent, *draws)
                trial = replace(trial, relations=(relation,))
        for score in scores_of(trial, headlines):
            subject = ", ".join(score.subject) or None
            values = (score.value, score.low, score.high, score.floor, score.note)
            found.append((run_id, dataset, score.name, subject, *values, fingerprint))
    return pd.DataFrame(found, columns=[*COLUMNS]).astype(COLUMNS)


def _hash(*parts: object) -> str:
    return hashlib.md5(repr(parts).encode(), usedforsecurity=False).hexdigest()
