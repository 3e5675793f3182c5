"""Options that several commands share."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from generators.asking.runs import COST, PREFERENCES
from generators.prompts import LEVELS
from generators.variety import SLICES, VARIETIES
from readers.dialect import Dialect
from synthcare.contracts.contract import datasets
from synthcare.errors import SynthcareError

DEFAULT_SEED = 1

Decorator = Callable[[click.Command], click.Command]


def dataset_option(command: click.Command) -> click.Command:
    """Add `--dataset`, the first one by default."""
    names = datasets()
    return _option(
        "--dataset", "Contract that the rows follow.", type=click.Choice(names), default=names[0]
    )(command)


def json_option(command: click.Command) -> click.Command:
    """Add `--json`, passed on as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Summary as JSON on stdout.")(
        command
    )


def fail_under_option(command: click.Command, *, has_relations: bool = False) -> click.Command:
    """Add `--fail-under`, passed on as the least value by score; also of how tables relate."""
    return click.option(
        "--fail-under",
        multiple=True,
        metavar="SCORE=NUMBER",
        callback=lambda _context, _option, said: dict(
            _threshold(one, has_relations=has_relations) for one in said
        ),
        help="Exit with 1 where less is scored, such as overall=0.9; repeatable.",
    )(command)


def relational_names() -> set[str]:
    """Names of the scores of tables that belong together."""
    from synthcare.registry import RELATIONAL

    return {headline.name for headline in RELATIONAL}


def _threshold(said: str, *, has_relations: bool) -> tuple[str, float]:
    from synthcare.registry import ALL, RELATIONAL

    score, _, number = said.partition("=")
    known = [headline.name for headline in (*ALL, *(RELATIONAL if has_relations else ()))]
    if score not in known:
        raise click.BadParameter(f"'{score}' is no score. There are: {', '.join(known)}.")
    try:
        least = float(number)
    except ValueError:
        least = math.nan
    if not math.isfinite(least):
        raise click.BadParameter(f"'{said}' needs a number, such as {score}=0.9.")
    return score, least


def dialect_options(command: click.Command) -> click.Command:
    """Add what overrules how a table is recognised, as `dialect_of` takes it."""
    for option in reversed(
        [
            click.option("--delimiter", help="What separates the columns, such as ';' or tab."),
            click.option("--decimal", type=click.Choice([".", ","]), help="Mark of decimals."),
            click.option("--encoding", help="Encoding of the file, such as cp1252."),
            click.option(
                "--skip-rows",
                type=click.IntRange(min=0),
                help="Lines above the one that names the columns.",
            ),
            click.option(
                "--dates",
                type=click.Choice(["dmy", "mdy"]),
                help="Day or month first, where no date of a column says it.",
            ),
        ]
    ):
        command = option(command)
    return command


def dialect_of(*, delimiter: str | None, **said: Any) -> Dialect:
    """What the options say. Raises SynthcareError for a delimiter of more than one character."""
    delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter or "", delimiter)
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\n\r'):
        raise SynthcareError(f"--delimiter is one character, or tab, and not {delimiter!r}.")
    return Dialect(delimiter=delimiter, **said)


def generation_options(command: click.Command) -> click.Command:
    """Add everything that shapes runs; what is None stands in llms.yml."""
    level = click.Choice([*LEVELS, "all"])
    count = click.IntRange(min=1)
    for option in reversed(
        [
            click.option(
                "--llm", "llms", multiple=True, required=True, help="Name in llms.yml; repeatable."
            ),
            _option("--prompt", "Level of the user prompt.", type=level, default="improved"),
            _option(
                "--instructions",
                "Level of the developer instructions.",
                type=level,
                default="improved",
            ),
            _option(
                "--variety",
                "What makes requests differ: nothing, slices of the population, or quotas.",
                type=click.Choice([*VARIETIES, "all"]),
                default=SLICES,
            ),
            click.option(
                "--draw",
                "drawn_columns",
                multiple=True,
                help="With quotas: a column drawn for each row and handed over; repeatable.",
            ),
            _option(
                "--rows",
                "Accepted rows wanted per run; of what others belong to, such as patients.",
                type=count,
                default=100,
            ),
            _option("--rows-per-request", "Instead of the number in llms.yml.", type=count),
            _option("--concurrency", "Requests at once, instead of llms.yml's.", type=count),
            _option(
                "--prefer",
                "Few requests of many rows (cost), or as many as are sent at once (time).",
                type=click.Choice(PREFERENCES),
                default=COST,
            ),
            click.option("--format", "wire_format", help="Wire format, instead of llms.yml's."),
            click.option(
                "--batch",
                "is_batch",
                is_flag=True,
                help="OpenAI's Batch API: half the price, later.",
            ),
            _option(
                "--max-usd",
                "Never spend more on these runs, all sessions together.",
                type=click.FloatRange(min=0, min_open=True),
            ),
            click.option(
                "--no-price",
                "may_lack_price",
                is_flag=True,
                help="Run models without a row in seeds/llm_prices.csv; their cost is null.",
            ),
            _option(
                "--seed",
                "Seed of everything random.",
                type=click.IntRange(min=0),
                default=DEFAULT_SEED,
            ),
            _option(
                "--keep-parents",
                "File of rows of the top table, with keys: only what belongs to them is written. "
                "The LLM is told their values, but no key and no identifier.",
                type=click.Path(path_type=Path),
            ),
            dataset_option,
            json_option,
        ]
    ):
        command = option(command)
    return command


def _option(name: str, description: str, **settings: object) -> Decorator:
    return click.option(name, help=description, show_default=True, **settings)
