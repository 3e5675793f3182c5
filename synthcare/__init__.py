"""Scores of a synthetic table against a real one: pure functions of arrays, and one call for all.

docs/metrics.md says what each score means.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthcare.scorecard import Scorecard, score

__all__ = ["Scorecard", "score"]


def __getattr__(name: str) -> Any:
    """Import what takes a second to import when it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'synthcare' has no attribute '{name}'")
    from synthcare import scorecard

    return getattr(scorecard, name)
