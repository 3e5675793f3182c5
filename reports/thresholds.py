"""Scores that a run has to reach, so that a check of quality can fail."""

from collections.abc import Iterator, Mapping, Sequence

from reports.formats import name
from reports.scores import Row
from reports.standings import is_baseline
from synthcare.scorecard import LOST_BY_LEAKS


def shortfalls(runs: Sequence[Row], least: Mapping[str, float]) -> Iterator[str]:
    """A line for each score of an LLM's run that is less than `least` says, or is not known.

    `least` is by column of metrics.scorecard. Where it has one of `LOST_BY_LEAKS`, a run that leaks
    falls short whatever it scores. Baselines are not held to it.
    """
    for run in runs:
        if is_baseline(run):
            continue
        who = f"{name(run)} ({run['run_id']})"
        if run["leaks"] and LOST_BY_LEAKS.intersection(least):
            yield f"{who} leaks: {run['leaks']}"
        for score, wanted in least.items():
            if run[score] is None:
                why = run["not_scored_because"] or run.get(f"{score}_note") or "not measured"
                yield f"{who} has no {score}: {why}"
            elif run[score] < wanted:
                yield f"{who}: {score} is {run[score]:.3f}, under {wanted:g}"
