"""What can be told without comparing rows: whether they follow the contract and its rules."""

from collections.abc import Iterator

from synthcare.trial import Score, Trial


def accept_rate(trial: Trial) -> Iterator[Score]:
    """The share of records that follow the contract."""
    if trial.validity is not None:
        yield Score("accept_rate", (), trial.validity.share, *trial.validity.interval)


def plausibility(trial: Trial) -> Iterator[Score]:
    """The share of records that pass each check, and all of them; of real rows, beside it."""
    if None not in trial.checks:
        yield Score("plausibility", note="the contract has no rule that a row could break")
    for name, check in trial.checks.items():
        subject = () if name is None else (name,)
        yield Score("plausibility", subject, check.tally.share, *check.tally.interval)
        yield Score("reference_plausibility", subject, check.real_share)
