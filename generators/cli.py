"""The command `synthcare`."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from generators.contract import Contract, datasets, load_contract
from generators.engine import generate
from generators.errors import SynthcareError
from generators.home import Home
from generators.imports import import_file
from generators.landing import land
from generators.llms import load_llm
from generators.progress import show_progress
from generators.prompts import LEVELS
from generators.reference import (
    LandedReference,
    land_csv,
    land_kaggle,
    land_stand_in,
    landed_reference,
)
from generators.runs import Run, plan_run
from generators.transform import TransformFailed, run_dbt

_DEFAULT_SEED = 1
_DEMO_ROWS = 30


class Commands(click.Group):
    """Prints what a person can mend in one line and exits with 2; a failed dbt node with 1."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except BaseExceptionGroup as group:
            known = group.subgroup((SynthcareError, TransformFailed))
            if known is None:
                raise
            error = _first(known)
        except (SynthcareError, TransformFailed) as caught:
            error = caught
        click.echo(f"Error: {error}", err=True)
        context.exit(2 if isinstance(error, SynthcareError) else 1)


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Writes synthetic tables with LLMs and scores them against a real one."""


def _dataset_option(command: click.Command) -> click.Command:
    names = datasets()
    return click.option(
        "--dataset",
        type=click.Choice(names),
        default=names[0],
        show_default=True,
        help="Contract that the rows follow.",
    )(command)


def _json_option(command: click.Command) -> click.Command:
    return click.option("--json", "as_json", is_flag=True, help="Summary as JSON on stdout.")(
        command
    )


def _generation_options(command: click.Command) -> click.Command:
    level = click.Choice([*LEVELS, "all"])
    for option in reversed(
        [
            click.option(
                "--llm",
                "llms",
                multiple=True,
                required=True,
                help="Name in llms.yml; may be repeated.",
            ),
            click.option(
                "--prompt",
                type=level,
                default="improved",
                show_default=True,
                help="Level of the user prompt.",
            ),
            click.option(
                "--instructions",
                type=level,
                default="improved",
                show_default=True,
                help="Level of the developer instructions.",
            ),
            click.option(
                "--rows",
                type=click.IntRange(min=1),
                default=100,
                show_default=True,
                help="Accepted rows wanted per run.",
            ),
            click.option(
                "--rows-per-request",
                type=click.IntRange(min=1),
                help="Instead of the number in llms.yml.",
            ),
            click.option(
                "--concurrency",
                type=click.IntRange(min=1),
                help="Requests under way at once, instead of the number in llms.yml.",
            ),
            click.option(
                "--format", "wire_format", help="Wire format, instead of the one in llms.yml."
            ),
            click.option(
                "--seed",
                type=click.IntRange(min=0),
                default=_DEFAULT_SEED,
                show_default=True,
                help="Seed of everything random.",
            ),
            _dataset_option,
            _json_option,
        ]
    ):
        command = option(command)
    return command


@main.command("reference")
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), help="The real file.")
@click.option("--kaggle", is_flag=True, help="Fetch the file from Kaggle.")
@_dataset_option
@_json_option
def reference_command(csv_path: Path | None, kaggle: bool, dataset: str, as_json: bool) -> None:
    """Land the reference table: a CSV file, Kaggle's, or (with neither) a stand-in."""
    if csv_path and kaggle:
        raise SynthcareError("Give either --csv or --kaggle.")
    home, contract = Home.from_environment(), load_contract(dataset)
    if csv_path:
        landed = land_csv(home, contract, csv_path)
    elif kaggle:
        landed = land_kaggle(home, contract)
    else:
        landed = land_stand_in(home, contract)
    _say_reference(_console(as_json), landed)
    _print_json(as_json, asdict(landed))


@main.command("generate")
@_generation_options
def generate_command(as_json: bool, rows: int, dataset: str, **options: Any) -> None:
    """Ask LLMs for rows until enough of them are accepted."""
    home, console = Home.from_environment(), _console(as_json)
    runs = _plan(home, console, load_contract(dataset), **options)
    _print_json(as_json, _generate(home, console, runs, rows))


@main.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--llm", required=True, help="LLM that wrote it.")
@click.option("--prompt", type=click.Choice(LEVELS), help="Level of its user prompt, if known.")
@click.option(
    "--instructions",
    type=click.Choice(LEVELS),
    help="Level of its developer instructions, if known.",
)
@_dataset_option
@_json_option
def import_command(
    file: Path, llm: str, prompt: str | None, instructions: str | None, dataset: str, as_json: bool
) -> None:
    """Land raw LLM output that you already have: a transcript, a chat export."""
    home, console, contract = Home.from_environment(), _console(as_json), load_contract(dataset)
    run_id = import_file(
        home, contract, file, llm=llm, prompt_level=prompt, instruction_level=instructions
    )
    landed = land(home)
    console.print(f"landed {landed} new responses in raw.llm_responses as run {run_id}")
    console.print("next: synthcare report")
    _print_json(as_json, {"run_id": run_id, "landed": landed})


@main.command("run")
@_generation_options
def run_command(as_json: bool, rows: int, dataset: str, **options: Any) -> None:
    """Do everything: reference, generate, dbt build, scorecard, reports."""
    home, console, contract = Home.from_environment(), _console(as_json), load_contract(dataset)
    runs = _plan(home, console, contract, **options)
    summary = _generate(home, console, runs, rows) | _report(home, console, contract)
    _print_json(as_json, summary)


@main.command("report")
@_dataset_option
@_json_option
def report_command(dataset: str, as_json: bool) -> None:
    """Run dbt build, print the scorecard and write the HTML pages."""
    home, contract = Home.from_environment(), load_contract(dataset)
    _print_json(as_json, _report(home, _console(as_json), contract))


@main.command("demo")
@_json_option
def demo_command(as_json: bool) -> None:
    """The embedded LLM at three prompt levels, 30 rows each, beside the two baselines."""
    home, console = Home.from_environment(), _console(as_json)
    contract = load_contract(datasets()[0])
    runs = _plan(
        home,
        console,
        contract,
        llms=["smollm2", "independent", "holdout"],
        prompt="all",
        instructions="improved",
        seed=_DEFAULT_SEED,
    )
    summary = _generate(home, console, runs, _DEMO_ROWS) | _report(home, console, contract)
    _print_json(as_json, summary)


def _plan(
    home: Home,
    console: Console,
    contract: Contract,
    *,
    llms: Sequence[str],
    prompt: str,
    instructions: str,
    seed: int,
    rows_per_request: int | None = None,
    concurrency: int | None = None,
    wire_format: str | None = None,
) -> list[Run]:
    """Every combination of LLM and levels; a baseline, which has no prompt, once.

    Where no reference has been landed, a stand-in is, because baselines are drawn from it.
    """
    changes = {
        "rows_per_request": rows_per_request,
        "concurrency": concurrency,
        "wire_format": wire_format,
    }
    chosen = [load_llm(name).changed(**changes) for name in llms]
    reference = landed_reference(home, contract)
    if reference is None:
        reference = land_stand_in(home, contract)
        _say_reference(console, reference)
    runs = {}
    for llm in chosen:
        for prompt_level in LEVELS if prompt == "all" else [prompt]:
            for instruction_level in LEVELS if instructions == "all" else [instructions]:
                run = plan_run(
                    contract,
                    llm,
                    prompt_level=prompt_level,
                    instruction_level=instruction_level,
                    seed=seed,
                    reference_sha256=reference.sha256,
                )
                runs[run.run_id] = run
    return list(runs.values())


def _generate(home: Home, console: Console, runs: list[Run], rows: int) -> dict[str, Any]:
    with show_progress(console, runs, rows) as progress:
        counts = generate(home, runs, rows=rows, progress=progress)
    for run in runs:
        count = counts[run.run_id]
        if count.accepted < rows:
            console.print(
                f"{run.label}: stopped at {count.accepted} accepted of {rows} wanted "
                f"({count.found} records found)"
            )
    return {"runs": {run_id: asdict(count) for run_id, count in counts.items()}}


def _report(home: Home, console: Console, contract: Contract) -> dict[str, Any]:
    from reports.leaderboard import terminal_table
    from reports.pages import write_pages
    from reports.scores import read_scores

    land(home)
    landed_reference(home, contract)
    with console.status("dbt build"):
        passed = run_dbt(home, "build")
    console.print(f"dbt build: {passed} models, seeds and tests passed")
    scores = read_scores(home, contract)
    console.print(terminal_table(scores))
    for run in scores.scorecard:
        if why := run["not_scored_because"]:
            console.print(f"{run['run_id']} is not scored: {why}", markup=False)
    with console.status("writing reports"):
        pages = write_pages(home, contract, scores)
    console.print(f"wrote {len(pages)} pages in {_shown(home.html)}")
    console.print(f"query it: duckdb {_shown(home.warehouse)} 'from metrics.scorecard'")
    console.print(f"look at it: {_shown(pages[0])}")
    return {"pages": [str(page) for page in pages], "scorecard": scores.scorecard}


def _shown(path: Path) -> Path:
    """A path as a person would type it: from the current folder, where it lies in there."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _say_reference(console: Console, landed: LandedReference) -> None:
    console.print(
        f"landed {landed.rows:,} rows of {landed.reference} in raw.reference_{landed.dataset}"
        f" (sha256 {landed.sha256[:12]}…)"
    )


def _console(as_json: bool) -> Console:
    """For people: stdout, or stderr where stdout is for JSON."""
    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = 110  # a log has no width of its own
    return console


def _print_json(as_json: bool, summary: dict[str, Any]) -> None:
    if as_json:
        json.dump(summary, sys.stdout, default=str, indent=1)
        sys.stdout.write("\n")
