"""Brings seeds/llm_prices.csv up to the prices that the package genai-prices ships: `make prices`.

A row is the package's where its source says so. All others were written by hand, and stay.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from genai_prices import Usage, __version__, calc_price
from genai_prices.types import PriceCalculation, StartDateConstraint, TieredPrices

from generators.asking.llms import LLM, load_llm
from generators.costs.prices import BATCH, STANDARD
from synthcare.errors import SynthcareError
from synthcare.files import new_file, read_yaml
from synthcare.project import PROJECT

SEED = PROJECT / "seeds" / "llm_prices.csv"
PACKAGE = "genai-prices"
CONTEXTS = {STANDARD: {}, BATCH: {"processing": "batch"}}
# Where the clients go without a base_url.
URLS = {"openai": "https://api.openai.com/v1", "llama": "https://api.llama.com/v1"}
# Of a short prompt: a price that rises with its length has not risen yet.
USAGES = (
    Usage(input_tokens=1000),
    Usage(input_tokens=1000, cache_read_tokens=1000),
    Usage(output_tokens=1000),
)


@dataclass(frozen=True)
class PriceRow:
    """One row of the seed, in USD per million tokens; `text` is how it stands there."""

    model: str
    tier: str
    input_tokens: str
    cached_tokens: str
    output_tokens: str
    priced_on: str
    source: str
    text: str = field(default="", compare=False)

    def __str__(self) -> str:
        usd = (self.input_tokens, self.cached_tokens, self.output_tokens)
        return f"{self.model}, {self.tier}: ${usd[0]} input, ${usd[1]} cached, ${usd[2]} output"

    @property
    def key(self) -> tuple[str, str]:
        return self.model, self.tier

    @property
    def is_by_hand(self) -> bool:
        return not self.source.startswith(f"{PACKAGE} ")

    def says(self, other: "PriceRow") -> bool:
        """Whether it says the same as `other`, whenever that was."""
        return replace(self, priced_on=other.priced_on) == other


def update_prices(llms: Iterable[LLM], *, seed: Path, today: date) -> list[str]:
    """Bring the prices of `llms` in `seed` up to date; one line for each row, and for each lack.

    Raises SynthcareError where one model has two prices, or where the seed cannot be read.
    """
    header, *rows = read_rows(seed)
    by_hand = {row.model for row in rows if row.is_by_hand and row.tier == STANDARD}
    asked = [llm for llm in llms if not llm.is_baseline]
    listed = list_prices([llm for llm in asked if llm.model not in by_hand], today)
    updated, said = [header], []
    for row in rows:
        new = listed.pop(row.key, row)
        if row.is_by_hand or row.says(new):
            updated.append(row)
            said.append(f"kept     {row}{' (written by hand)' if row.is_by_hand else ''}")
        else:
            updated.append(new)
            said.append(f"changed  {new} (was {row}, {row.source})")
    updated += listed.values()
    said += [f"added    {row}" for row in listed.values()]
    if updated != [header, *rows]:
        _write(updated, seed)
    priced = {row.model for row in updated}
    unpriced = [llm for llm in asked if llm.model not in priced]
    return said + [f"no price {llm.model}: {llm.name} runs with --no-price" for llm in unpriced]


def read_rows(seed: Path) -> list[PriceRow]:
    """The rows of `seed`, its header first."""
    with seed.open(newline="") as file:
        lines = file.readlines()
    reader, rows, first = csv.reader(lines), [], 0
    for values in reader:
        try:
            rows.append(PriceRow(*values, text="".join(lines[first : reader.line_num])))
        except TypeError as error:
            raise SynthcareError(f"{seed}, line {reader.line_num}: 7 columns expected.") from error
        first = reader.line_num
    return rows


def list_prices(llms: Iterable[LLM], today: date) -> dict[tuple[str, str], PriceRow]:
    """What `llms` cost according to the package, by model and tier."""
    listed: dict[tuple[str, str], PriceRow] = {}
    for llm in llms:
        for row in _rows_of(llm, today):
            other = listed.setdefault(row.key, row)
            if str(other) != str(row):
                raise SynthcareError(
                    f"{llm.model} has two prices, and {SEED.name} takes one for each model. "
                    f"Write its row by hand: {other} ({other.source}), or {row} ({row.source})."
                )
    return listed


def _rows_of(llm: LLM, today: date) -> Iterator[PriceRow]:
    """What the package knows of one LLM. A batch that costs what others do is none."""
    known = []
    for tier in CONTEXTS:
        try:
            prices = [_price(llm, tier, usage, today) for usage in USAGES]
        except LookupError:
            return
        per_token = prices[0].model_price
        if per_token.input_mtok is None or per_token.output_mtok is None:
            return  # free, or charged by the page, the second, …
        usd = [_plain(price.total_price * 1000) for price in prices]
        if usd not in known:
            values = [llm.model, tier, *usd, str(today), _source(prices[0], tier, today)]
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerow(values)
            yield PriceRow(*values, text=text.getvalue())
        known.append(usd)


def _price(llm: LLM, tier: str, usage: Usage, today: date) -> PriceCalculation:
    """Raises LookupError where the package does not know the model, or who serves it."""
    url = llm.base_url or next(iter(llm.base_urls), None) or URLS.get(llm.provider)
    if not url:
        raise LookupError
    return calc_price(
        usage,
        llm.model,
        provider_api_url=url,
        # At noon: a few prices change with the hour.
        genai_request_timestamp=datetime.combine(today, time(12), UTC),
        price_context=CONTEXTS[tier],
    )


def _plain(usd: Decimal) -> str:
    """Without an exponent or zeros at the end, and with the decimals that the seed holds."""
    return f"{round(usd, 6).normalize():f}"


def _source(price: PriceCalculation, tier: str, today: date) -> str:
    """The package, what it calls the model, and where the price ends: at which prompt, when."""
    said = f"{PACKAGE} {__version__}: {price.provider.id} {price.model.id}"
    if isinstance(tokens := price.model_price.input_mtok, TieredPrices):
        said += f"; prompts of at most {tokens.tiers[0].start} tokens"
    dated = price.model.prices if isinstance(price.model.prices, list) else []
    dated = dated + [v for v in price.model.price_variants or [] if v.when == CONTEXTS[tier]]
    days = [d.constraint.start_date for d in dated if isinstance(d.constraint, StartDateConstraint)]
    if later := [day for day in days if day > today]:
        said += f"; until {min(later) - timedelta(days=1)}"
    return said


def _write(rows: Iterable[PriceRow], seed: Path) -> None:
    lines = [row.text if row.text.endswith("\n") else f"{row.text}\n" for row in rows]
    with new_file(seed) as path:
        path.write_text("".join(lines), newline="")


def main() -> None:
    """Update the project's seed from its llms.yml, and say what became of each row."""
    try:
        llms = [load_llm(name) for name in read_yaml(PROJECT / "llms.yml")]
        said = update_prices(llms, seed=SEED, today=datetime.now(UTC).date())
    except SynthcareError as error:
        raise SystemExit(str(error)) from error
    print(*said, sep="\n")


if __name__ == "__main__":
    main()
