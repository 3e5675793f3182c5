"""What can go wrong for a person: each message says what happened and what to do."""

from collections.abc import Iterable


class SynthcareError(Exception):
    """Something that a person caused and can mend. The command line prints it and exits with 2."""


def some(names: Iterable[str]) -> str:
    """Some names, and that there are more."""
    names = list(names)
    return ", ".join(names[:10]) + (", …" if len(names) > 10 else "")  # noqa: PLR2004
