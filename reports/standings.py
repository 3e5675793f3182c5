"""Which run leads in each column of the leaderboard, and which are tied with it."""

from generators.asking.llms import BASELINES
from reports.formats import PRICES, SCORES
from reports.scores import Row, Scores

BEST, TIED = "best", "tied"


def is_baseline(run: Row) -> bool:
    """Whether its rows come from the reference, so that it takes no part in the ranking."""
    return run["provider"] in BASELINES


def standings(scores: Scores) -> dict[tuple[str, str], str]:
    """`best` or `tied` by run_id and column of the scorecard; nothing for all others.

    A score is tied with the best where metrics.comparison says so. A price has no interval, so only
    equal ones share the lead.
    """
    found = {}
    verdicts = {
        (row["run_id"], row["other_run_id"], row["score_name"]): row["verdict"]
        for row in scores.comparison
    }
    runs = [run for run in scores.scorecard if not is_baseline(run)]
    for score in SCORES:
        ranked = [run for run in runs if run[score.key] is not None]
        if not ranked:
            continue
        best = max(ranked, key=lambda run: run[score.key])["run_id"]
        found[best, score.key] = BEST
        for run in ranked:
            if verdicts.get((run["run_id"], best, score.key)) == TIED:
                found[run["run_id"], score.key] = TIED
    for price in PRICES:
        priced = [run for run in runs if run[price.key] is not None]
        lowest = min((run[price.key] for run in priced), default=None)
        found |= {(run["run_id"], price.key): BEST for run in priced if run[price.key] == lowest}
    return found
