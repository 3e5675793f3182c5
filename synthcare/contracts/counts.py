"""How many rows of a child the rows of its parent have, as `children.counts` of a contract says."""

from collections.abc import Iterator, Mapping
from typing import Any

_COMMON = 0.005  # share of the parents from which on a number has a band of its own
_FINE = 0.01  # shares below have two digits that count, so that none is zero, or far too large
_FIRST_WIDTH, _GROWTH = 2, 5  # of bands of rare numbers; a band is a fifth of its number wide


def describe_counts(parents: Mapping[int, int]) -> dict[str, Any]:
    """The population of a whole number, of which `parents` says how many parents have each."""
    low, high = min(parents), max(parents)
    has_all = len(parents) == high - low + 1
    if has_all and len(set(parents.values())) == 1:
        return {"min": low, "max": high}
    total = sum(parents.values())
    shares = {
        f"{low}-{high}" if high > low else f"{low}": sum(
            of for count, of in parents.items() if low <= count <= high
        )
        for low, high in _bands(parents, _COMMON * total)
    }
    return {"shares": {label: _rounded(of / total) for label, of in shares.items()}}


def _bands(parents: Mapping[int, int], least: float) -> Iterator[tuple[int, int]]:
    """Both ends of each band, in order; a number that no parent has is at no end of one."""
    run: list[int] = []
    width = _FIRST_WIDTH
    for count in [*sorted(parents), None]:
        is_apart = count is None or count == 0 or parents[count] >= least
        if run and (is_apart or count - run[0] >= max(width, run[0] // _GROWTH)):
            yield run[0], run[-1]
            width = max(width, run[0] // _GROWTH) + 1
            run = []
        if count is not None:
            if is_apart:
                yield count, count
            else:
                run.append(count)


def _rounded(share: float) -> float:
    return round(share, 3) if share >= _FINE else float(f"{share:.1e}")


def quantile_of(parents: Mapping[int, int], place: float) -> int:
    """The number that a share `place` of the parents does not exceed."""
    wanted, seen = place * sum(parents.values()), 0
    for count in sorted(parents):
        seen += parents[count]
        if seen >= wanted:
            break
    return count
