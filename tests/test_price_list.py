"""`make prices`: the seed keeps what people wrote, and has what genai-prices says of the others."""

import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from genai_prices import Usage, __version__, calc_price
from genai_prices.data_snapshot import DataSnapshot, set_custom_snapshot
from genai_prices.types import (
    ClauseEquals,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
)

from generators.asking.llms import LLM, load_llm
from generators.costs.price_list import SEED, PriceRow, read_rows, update_prices
from generators.costs.prices import BATCH, STANDARD, load_price
from generators.providers import check_provider
from synthcare.errors import SynthcareError
from synthcare.files import read_yaml
from synthcare.project import PROJECT

NAMES = list(read_yaml(PROJECT / "llms.yml"))
LLMS = [load_llm(name) for name in NAMES]
LLMS_YML = (PROJECT / "llms.yml").read_text()
# The comment above each entry of llms.yml.
COMMENTS = {
    name: comment for comment, name in re.findall(r"(?m)^((?:#.*\n)*)([\w.-]+):\n", LLMS_YML)
}

DAY = date(2026, 11, 26)
HEADER = SEED.read_text().splitlines()[0] + "\n"
BY_HAND = (
    'negotiated,standard,1.50,1.50,3.00,2026-05-01,"our contract,\npage 3"\r\n'
    "plain,batch,0.90,0.90,1.80,2026-05-01,read on the page\n"
)
OLD = "dated,standard,9,9,9,2020-01-01,genai-prices 0.0.1: host dated\n"


def model(
    name: str, prices: ModelPrice | list[ConditionalPrice], *batch: PriceVariant
) -> ModelInfo:
    return ModelInfo(id=name, match=ClauseEquals(name), prices=prices, price_variants=list(batch))


def per_million(usd_input: str, usd_output: str) -> ModelPrice:
    return ModelPrice(input_mtok=Decimal(usd_input), output_mtok=Decimal(usd_output))


def host(name: str, *models: ModelInfo) -> Provider:
    return Provider(id=name, name=name, api_pattern=f"https://{name}/", models=list(models))


def llm(name: str, url: str = "https://host/v1") -> LLM:
    return load_llm("gpt-4o").changed(name=name, model=name, base_url=url)


@pytest.fixture
def price_list() -> Iterator[None]:
    """A list of six models in place of the package's."""
    rising = ModelPrice(
        input_mtok=TieredPrices(base=Decimal(10), tiers=[Tier(start=200_000, price=Decimal(20))]),
        cache_read_mtok=Decimal("0.5"),
        output_mtok=Decimal("0.0000025"),
    )
    dated = [
        ConditionalPrice(prices=per_million("1", "2")),
        ConditionalPrice(StartDateConstraint(date(2027, 1, 1)), prices=per_million("3", "4")),
    ]
    half = PriceVariant({"processing": "batch"}, per_million("0.6", "1.2"))
    models = [
        model("plain", per_million("1.2", "2.4"), half),
        model("rising", rising, PriceVariant({"processing": "batch"}, ModelPrice())),
        model("dated", dated, half),
        model("negotiated", per_million("2", "4"), half),
        model("by-the-page", ModelPrice(requests_kcount=Decimal(7))),
    ]
    elsewhere = host("elsewhere", model("plain", per_million("5", "6")))
    set_custom_snapshot(DataSnapshot([host("host", *models), elsewhere], from_auto_update=False))
    yield
    set_custom_snapshot(None)


@pytest.fixture
def seed(tmp_path: Path) -> Path:
    path = tmp_path / "llm_prices.csv"
    path.write_text(HEADER + OLD + BY_HAND.rstrip(), newline="")
    return path


ASKED = [llm(name) for name in ("plain", "rising", "dated", "negotiated", "by-the-page", "unknown")]


@pytest.mark.usefixtures("price_list")
def test_the_seed_gets_what_the_package_knows_and_keeps_what_people_wrote(seed: Path) -> None:
    said = update_prices(ASKED, seed=seed, today=DAY)
    package = f"2026-11-26,genai-prices {__version__}: host"
    assert seed.read_bytes().decode() == (
        f"{HEADER}dated,standard,1,1,2,{package} dated; until 2026-12-31\n{BY_HAND}"
        f"plain,standard,1.2,1.2,2.4,{package} plain\n"
        f"rising,standard,10,0.5,0.000002,{package} rising; prompts of at most 200000 tokens\n"
        f"dated,batch,0.6,0.6,1.2,{package} dated; until 2026-12-31\n"
    )
    assert said == [
        "changed  dated, standard: $1 input, $1 cached, $2 output (was dated, standard: "
        "$9 input, $9 cached, $9 output, genai-prices 0.0.1: host dated)",
        "kept     negotiated, standard: $1.50 input, $1.50 cached, $3.00 output (written by hand)",
        "kept     plain, batch: $0.90 input, $0.90 cached, $1.80 output (written by hand)",
        "added    plain, standard: $1.2 input, $1.2 cached, $2.4 output",
        "added    rising, standard: $10 input, $0.5 cached, $0.000002 output",
        "added    dated, batch: $0.6 input, $0.6 cached, $1.2 output",
        "no price by-the-page: by-the-page runs with --no-price",
        "no price unknown: unknown runs with --no-price",
    ]


@pytest.mark.usefixtures("price_list")
def test_a_second_run_changes_nothing_until_a_price_changes(seed: Path) -> None:
    update_prices(ASKED, seed=seed, today=DAY)
    first = seed.read_bytes()
    said = update_prices(ASKED, seed=seed, today=date(2026, 12, 31))
    assert seed.read_bytes() == first
    assert {line.split()[0] for line in said} == {"kept", "no"}

    said = update_prices(ASKED, seed=seed, today=date(2027, 1, 1))
    assert [line.split(" (")[0] for line in said if line.startswith("changed")] == [
        "changed  dated, standard: $3 input, $3 cached, $4 output",
        "changed  dated, batch: $0.6 input, $0.6 cached, $1.2 output",
    ]


@pytest.mark.usefixtures("price_list")
def test_a_model_no_longer_in_llms_yml_keeps_its_price(seed: Path) -> None:
    before = seed.read_bytes()
    update_prices([], seed=seed, today=DAY)
    assert seed.read_bytes() == before


@pytest.mark.usefixtures("price_list")
def test_the_price_is_that_of_the_host(seed: Path) -> None:
    before = seed.read_bytes()
    update_prices([llm("plain", "http://localhost:8000/v1")], seed=seed, today=DAY)
    assert seed.read_bytes() == before
    update_prices([llm("plain", "https://elsewhere/v1")], seed=seed, today=DAY)
    assert seed.read_text().endswith(
        f"\nplain,standard,5,5,6,2026-11-26,genai-prices {__version__}: elsewhere plain\n"
    )


@pytest.mark.usefixtures("price_list")
def test_one_model_at_two_hosts_has_one_price_or_a_row_by_hand(seed: Path) -> None:
    both = [llm("plain"), llm("plain", "https://elsewhere/v1")]
    before = seed.read_bytes()
    with pytest.raises(SynthcareError, match=r"plain has two prices.*host plain.*elsewhere plain"):
        update_prices(both, seed=seed, today=DAY)
    assert seed.read_bytes() == before
    by_hand = "plain,standard,5.50,5.50,6.00,2026-11-26,the dearer of two hosts\n"
    seed.write_text(HEADER + by_hand)
    update_prices(both, seed=seed, today=DAY)
    assert seed.read_text() == HEADER + by_hand


def test_a_row_that_lacks_a_column_is_pointed_at(seed: Path) -> None:
    seed.write_text(HEADER + BY_HAND + "\n")
    with pytest.raises(SynthcareError, match="line 5: 7 columns expected"):
        update_prices([], seed=seed, today=DAY)


def test_the_seed_of_the_project_is_up_to_date(tmp_path: Path) -> None:
    copy = tmp_path / "llm_prices.csv"
    copy.write_bytes(SEED.read_bytes())
    last = max(row.priced_on for row in read_rows(SEED)[1:] if not row.is_by_hand)
    update_prices(LLMS, seed=copy, today=date.fromisoformat(last))
    assert copy.read_text() == SEED.read_text(), "Run `make prices`."


@pytest.mark.parametrize("entry", LLMS, ids=lambda entry: entry.name)
def test_a_million_tokens_cost_what_the_package_calculates(entry: LLM) -> None:
    for row in read_rows(SEED):
        if row.model == entry.model and not row.is_by_hand:
            assert_calculated(row, entry)


def assert_calculated(row: PriceRow, entry: LLM) -> None:
    """In a thousand requests: in one, prices that rise with the prompt would have risen."""
    price = load_price(row.model, row.tier)
    for kinds, tokens in [
        (["input_tokens"], {"input_tokens": 10**6, "output_tokens": 0}),
        (["output_tokens"], {"input_tokens": 0, "output_tokens": 10**6}),
        (
            ["input_tokens", "cache_read_tokens"],
            {"input_tokens": 10**6, "cached_tokens": 10**6, "output_tokens": 0},
        ),
    ]:
        calculated = calc_price(
            Usage(**dict.fromkeys(kinds, 1000)),
            row.model,
            provider_api_url=entry.base_url or "https://api.openai.com/v1",
            genai_request_timestamp=datetime.fromisoformat(f"{row.priced_on}T12:00Z"),
            price_context={"processing": "batch"} if row.tier == BATCH else None,
        )
        assert price.usd(**tokens) == pytest.approx(float(calculated.total_price) * 1000, rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_an_llm_can_be_reached_and_has_a_price_or_says_that_it_has_none(name: str) -> None:
    entry = load_llm(name)
    check_provider(entry, is_batch=False)
    if not entry.is_baseline:
        has_price = load_price(entry.model, STANDARD) is not None
        assert has_price != ("--no-price" in COMMENTS[name])


def test_every_key_of_llms_yml_is_explained_at_its_top() -> None:
    top = LLMS_YML.split("\n\n")[0]
    keys = {key.name for key in fields(LLM)} - {"name"}
    assert {key for key in keys if f" {key}: " not in top} == set()
