"""How the values of a column are spread in the population, as its contract declares."""

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthcare.contracts.contract import Column

Shares = Mapping[str, float]

_BAND = r"(-?\d+)(?:-(-?\d+))?"


def shares(column: "Column", given: str | None = None) -> Shares | None:
    """How frequent each value is, or None where no shares are declared.

    The keys are accepted values, or bands (`18-34`, both ends included) of an integer column.
    Where the shares depend on another column, `given` is its value.
    """
    declared = column.population.get("shares")
    if declared is None or "given" not in column.population:
        return declared
    return declared[given]


def band(label: str) -> tuple[int, int]:
    """The ends of a band such as `18-34`, or of a number such as `18`."""
    low, high = re.fullmatch(_BAND, label).groups()
    return int(low), int(high or low)


def check_spread(column: "Column", before: Sequence["Column"]) -> None:
    """Raise KeyError or TypeError where a population is not what docs/contract.md describes.

    `before` are the columns that stand before this one: only on those may it depend.
    """
    spread = column.population
    names = {other.name: other for other in before}
    if column.kind == "identifier" and "faker" not in spread:
        raise KeyError(f"{column.name}, which is identifier, needs 'faker' in its population")
    earlier = spread.get("days_after")
    if earlier is not None and (earlier not in names or names[earlier].kind != "date"):
        raise KeyError(f"days_after of {column.name} needs a date that stands before it")
    declared = spread.get("shares")
    if declared is None:
        return
    given = spread.get("given")
    if given is None:
        _check_shares(column, declared)
        return
    if given not in names or names[given].kind != "categorical":
        raise KeyError(f"given of {column.name} needs a categorical column that stands before it")
    lacking = set(names[given].accepted_values) - set(declared)
    if lacking:
        raise KeyError(f"population of {column.name} has no shares given {sorted(lacking)}")
    for of_one in declared.values():
        _check_shares(column, of_one)
    if column.kind == "integer":  # the same bands, or bands that are apart
        _check_bands(column, {label: 1 for of_one in declared.values() for label in of_one})


def _check_shares(column: "Column", declared: Mapping[str, Any]) -> None:
    if not isinstance(declared, Mapping):
        raise TypeError(f"shares of {column.name} must name its values, each with its share")
    if not sum(declared.values()) > 0 or min(declared.values()) < 0:
        raise TypeError(f"shares of {column.name} must be positive numbers")
    if column.kind == "integer":
        _check_bands(column, declared)
        return
    unknown = set(declared) - set(column.accepted_values)
    if unknown:
        raise KeyError(
            f"population of {column.name} has shares of {sorted(unknown)}: not accepted_values"
        )


def _check_bands(column: "Column", declared: Mapping[str, Any]) -> None:
    odd = [x for x in declared if not (isinstance(x, str) and re.fullmatch(_BAND, x))]
    if odd:
        raise TypeError(f"shares of {column.name} need bands such as 18-34, and not {odd[0]!r}")
    ends = sorted(band(label) for label in declared)
    is_in_range = column.minimum <= ends[0][0] and ends[-1][1] <= column.maximum
    if not is_in_range or any(low > high for low, high in ends):
        raise TypeError(f"bands of {column.name} must lie within its min and max")
    if any(later[0] <= earlier[1] for earlier, later in itertools.pairwise(ends)):
        raise TypeError(f"bands of {column.name} overlap")
