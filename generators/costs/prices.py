"""What tokens cost: the seed llm_prices.csv, as dbt loads it."""

import csv
from dataclasses import dataclass

from synthcare.errors import SynthcareError
from synthcare.project import PROJECT

STANDARD = "standard"
BATCH = "batch"


@dataclass(frozen=True)
class Price:
    """USD per million tokens of one model in one tier."""

    input_tokens: float
    cached_tokens: float
    output_tokens: float

    def usd(self, *, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float:
        """Cost in USD; `cached_tokens` are those of the input tokens that cost less.

        marts.generation_runs computes the same from what was landed.
        """
        return (
            (input_tokens - cached_tokens) * self.input_tokens
            + cached_tokens * self.cached_tokens
            + output_tokens * self.output_tokens
        ) / 1e6


def load_price(model: str | None, tier: str) -> Price | None:
    """The price of `model`, or None where the seed has no row for it.

    Raises SynthcareError where a price of the model is no number.
    """
    path = PROJECT / "seeds" / "llm_prices.csv"
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if (row["model"], row["tier"]) == (model, tier):
                try:
                    return Price(
                        *(
                            float(row[f"usd_per_million_{kind}_tokens"])
                            for kind in ("input", "cached", "output")
                        )
                    )
                except ValueError as error:
                    raise SynthcareError(f"{path}: {model}, {tier}: {error}.") from error
    return None
