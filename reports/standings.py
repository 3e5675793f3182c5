"""Which run leads in each column of the leaderboard, and which are tied with it."""

from generators.asking.llms import BASELINES, KEPT
from reports.formats import EXPENSES
from reports.scores import Row, Scores
from synthcare.registry import ALL, OVERALL

BEST, TIED = "best", "tied"


def is_baseline(run: Row) -> bool:
    """Whether no LLM wrote it, so that it takes no part in the ranking.

    Its rows come from the reference, or were brought.
    """
    return run["provider"] in (*BASELINES, KEPT)


def may_lead(run: Row) -> bool:
    """Whether it takes part in the ranking: an LLM wrote it, and it does not leak."""
    return not is_baseline(run) and not run["leaks"]


def standings(scores: Scores) -> dict[tuple[str, str], str]:
    """`best` or `tied` by run_id and column of the scorecard; nothing for all others.

    A score is tied with the best where metrics.comparison says so. A price has no interval, so only
    equal ones share the lead. A run that leaks is neither: real rows are as good as real rows. Nor
    does one whose overall score is without structure lead those that have it.
    """
    found = {}
    verdicts = {
        (row["run_id"], row["other_run_id"], row["score_name"]): row["verdict"]
        for row in scores.comparison
    }
    runs = [run for run in scores.scorecard if may_lead(run)]
    for score in ALL:
        ranked = [run for run in runs if run[score.name] is not None]
        if score is OVERALL:
            ranked = [run for run in ranked if run["structure"] is not None] or ranked
        if not ranked:
            continue
        best = max(ranked, key=lambda run: run[score.name])["run_id"]
        found[best, score.name] = BEST
        for run in ranked:
            if verdicts.get((run["run_id"], best, score.name)) == TIED:
                found[run["run_id"], score.name] = TIED
    for expense in EXPENSES:
        priced = [run for run in runs if run[expense.key] is not None]
        lowest = min((run[expense.key] for run in priced), default=None)
        found |= {
            (run["run_id"], expense.key): BEST for run in priced if run[expense.key] == lowest
        }
    return found
