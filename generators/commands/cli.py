"""The command `synthcare`."""

import csv
import json
import shlex
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from generators.commands.options import (
    DEFAULT_SEED,
    dataset_option,
    dialect_of,
    dialect_options,
    fail_under_option,
    generation_options,
    json_option,
    relational_names,
)
from generators.commands.workflow import Workflow
from generators.home import Home
from generators.landing.exports import EXPORT_FORMATS
from generators.prompts import LEVELS
from generators.scaffold import scaffold
from generators.variety import SLICES
from generators.warehouse.transform import TransformFailed
from synthcare.contracts.contract import datasets, load_contract
from synthcare.contracts.infer import infer
from synthcare.contracts.infer_related import infer_related
from synthcare.errors import SynthcareError
from synthcare.project import PROJECT, need_checkout

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
        except PermissionError as error:
            click.echo(f"Error: {error.filename}: no permission.", err=True)
            context.exit(2)
        except KeyboardInterrupt:
            click.echo("Stopped. The same command goes on from here.", err=True)
            context.exit(130)
        click.echo(f"Error: {error}", err=True)
        context.exit(2 if isinstance(error, SynthcareError) else 1)


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Writes synthetic tables with LLMs and scores them against a real one."""


@main.command("reference")
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), help="The real file.")
@click.option("--kaggle", is_flag=True, help="Fetch the file from Kaggle.")
@click.option("--uci", is_flag=True, help="Fetch the table from the UCI repository.")
@dialect_options
@dataset_option
@json_option
def reference_command(
    csv_path: Path | None, kaggle: bool, uci: bool, dataset: str, as_json: bool, **said: Any
) -> None:
    """Land the reference table: a CSV file, Kaggle's, UCI's, or (with none) a stand-in."""
    workflow = _start(dataset, as_json)
    landed = workflow.land_reference(
        csv_path=csv_path, kaggle=kaggle, uci=uci, dialect=dialect_of(**said)
    )
    _print_json(as_json, landed)


@main.command("plan")
@generation_options
def plan_command(
    as_json: bool, rows: int, max_usd: float | None, dataset: str, **options: Any
) -> None:
    """Print requests, tokens, cost and time of each run, and ask for nothing."""
    workflow = _start(dataset, as_json)
    _print_json(as_json, workflow.estimate(workflow.plan(**options), rows, max_usd=max_usd))


@main.command("preview")
@generation_options
def preview_command(
    as_json: bool, rows: int, max_usd: float | None, dataset: str, **options: Any
) -> None:
    """Show both messages of each run and three rows that it answers; `run` goes on from them."""
    workflow = _start(dataset, as_json)
    runs = workflow.plan(**options)
    _finish(as_json, workflow.preview(runs, max_usd=max_usd))


@main.command("generate")
@generation_options
def generate_command(
    as_json: bool, rows: int, max_usd: float | None, dataset: str, **options: Any
) -> None:
    """Ask LLMs for rows until enough of them are accepted."""
    workflow = _start(dataset, as_json)
    generated = workflow.generate(workflow.plan(**options), rows, max_usd=max_usd)
    _finish(as_json, generated | workflow.ledger(generated))


@main.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--llm", required=True, help="LLM that wrote it.")
@click.option("--prompt", type=click.Choice(LEVELS), help="Level of its user prompt, if known.")
@click.option(
    "--instructions",
    type=click.Choice(LEVELS),
    help="Level of its developer instructions, if known.",
)
@click.option("--encoding", help="Encoding of the file, where it is not recognised.")
@dataset_option
@json_option
def import_command(
    file: Path,
    llm: str,
    prompt: str | None,
    instructions: str | None,
    encoding: str | None,
    dataset: str,
    as_json: bool,
) -> None:
    """Land raw LLM output that you already have: a transcript, a batch's output, a chat export."""
    imported = _start(dataset, as_json).import_file(
        file,
        llm=llm,
        prompt_level=prompt,
        instruction_level=instructions,
        encoding=encoding,
    )
    _print_json(as_json, imported)


@main.command("run")
@generation_options
@fail_under_option
def run_command(
    as_json: bool,
    rows: int,
    max_usd: float | None,
    dataset: str,
    fail_under: dict[str, float],
    **options: Any,
) -> None:
    """Do everything: reference, generate, dbt build, scorecard, reports."""
    workflow = _start(dataset, as_json)
    generated = workflow.generate(workflow.plan(**options), rows, max_usd=max_usd)
    workflow.ensure_reference()
    _finish(as_json, generated | workflow.report(fail_under))


@main.command("report")
@dataset_option
@fail_under_option
@json_option
def report_command(dataset: str, fail_under: dict[str, float], as_json: bool) -> None:
    """Run dbt build, print the scorecard and write the HTML pages."""
    _finish(as_json, _start(dataset, as_json).report(fail_under))


@main.command("export")
@click.option("--run", "run_id", required=True, help="The run_id of marts.generation_runs.")
@click.option(
    "--format",
    "export_format",
    type=click.Choice(EXPORT_FORMATS),
    default="csv",
    show_default=True,
    help="CSV is safe to open in a spreadsheet.",
)
@click.option("--to", "path", type=click.Path(path_type=Path), help="The file or folder to write.")
@click.option(
    "--dataset", type=click.Choice(datasets()), help="Fail unless the run has this table."
)
@json_option
def export_command(
    run_id: str, export_format: str, path: Path | None, dataset: str | None, as_json: bool
) -> None:
    """Write the accepted rows of a run to a CSV, Parquet or DuckDB file.

    Tables that belong together are written together: CSV and Parquet into a folder, DuckDB into one
    file, with their keys.
    """
    workflow = _start(dataset or datasets()[0], as_json)
    exported = workflow.export(run_id, dataset, export_format=export_format, path=path)
    _print_json(as_json, exported)


@main.command("merge")
@click.argument("homes", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def merge_command(homes: tuple[Path, ...], as_json: bool) -> None:
    """Bring here the runs of other HOMES, folders that SYNTHCARE_HOME named elsewhere.

    Doing it again changes nothing. A run that went on there is taken whole; two runs of one name
    that differ are refused, and nothing is brought then.
    """
    workflow = _start(datasets()[0], as_json)
    _print_json(as_json, workflow.merge(homes))


@main.command("privacy")
@click.argument("run")
@click.option(
    "--pairs",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Rows to show beside the nearest real ones.",
)
@click.option("--dataset", type=click.Choice(datasets()), help="Where the run is of several.")
@json_option
def privacy_command(run: str, pairs: int, dataset: str | None, as_json: bool) -> None:
    """Show the risks of RUN, a run_id or a part of one, and its rows that are nearest to real ones.

    It prints real rows, and is for the one who holds the data.
    """
    from generators.commands.nearest_rows import find_run

    need_checkout()
    found = find_run(Home.from_environment(), run, dataset)
    _print_json(as_json, _start(found["dataset"], as_json).privacy(found, pairs))


@main.group("contract")
def contract_group() -> None:
    """Contracts of tables of your own."""


@contract_group.command("infer")
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path)
)
@click.option("--name", required=True, help="What the dataset is to be called, in snake_case.")
@click.option("--columns", help="The columns to take of one file, separated by commas.")
@dialect_options
@json_option
def infer_command(
    files: tuple[Path, ...], name: str, columns: str | None, as_json: bool, **said: Any
) -> None:
    """Propose a contract for a CSV or Parquet FILE, with the models that it needs.

    Several files are tables that belong together: with --name clinic, patients.csv becomes the
    dataset clinic_patients.
    """
    need_checkout()
    dialect = dialect_of(**said)
    if len(files) == 1:
        inferred = infer(files[0], _listed(columns), dialect)
        tables, doubts = {name: (files[0], inferred)}, [*inferred.doubts, *inferred.quota_doubts]
    elif columns:
        raise click.UsageError("--columns is for one file: leave it out.")
    else:
        tables, doubts = infer_related(name, files, dialect)
    written = scaffold(tables)
    console = _console(as_json)
    for path in written:
        console.print(f"wrote {path.relative_to(PROJECT)}", markup=False)
    for doubt in doubts:
        console.print(f"look at this: {doubt}", markup=False)
    for dataset, (file, _) in tables.items():
        arguments = ["reference", "--dataset", dataset, "--csv", str(file), *_as_options(said)]
        console.print(f"next: synthcare {shlex.join(arguments)}", markup=False)
    _print_json(as_json, {"files": [str(p) for p in written], "doubts": doubts})


@main.command("score")
@click.argument("real", type=click.Path(path_type=Path))
@click.argument("synthetic", type=click.Path(path_type=Path))
@click.option("--dataset", type=click.Choice(datasets()), help="Contract of both tables.")
@click.option("--contract", type=click.Path(path_type=Path), help="The same as a YAML file.")
@click.option("--group", help="Column whose rows of one value belong together, as a patient's.")
@click.option("--columns", help="Columns to compare, separated by commas; all if not given.")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page here, too.")
@json_option
@partial(fail_under_option, has_relations=True)
def score_command(
    real: Path,
    synthetic: Path,
    dataset: str | None,
    contract: Path | None,
    group: str | None,
    columns: str | None,
    html: Path | None,
    as_json: bool,
    fail_under: Mapping[str, float],
) -> None:
    """Score any synthetic table against any real one: CSV (plain or gzipped) or Parquet.

    Without a contract, one is inferred from the real table. Two folders are tables that belong
    together, of the same names in both. Nothing is landed or kept.
    """
    from readers.tables import tables_in
    from reports.card import terminal_relations, terminal_table
    from synthcare import score

    if dataset and contract:
        raise click.UsageError("Use --dataset or --contract, not both.")
    if html and (
        html.is_dir() or html.name == "" or html.resolve() in (real.resolve(), synthetic.resolve())
    ):
        raise click.UsageError(f"--html {html} is a folder, or one of the tables.")
    are_folders = real.is_dir() or synthetic.is_dir()
    if are_folders and (dataset or contract or group or columns):
        raise click.UsageError(
            "Columns and keys of tables in folders are inferred: leave out --dataset, --contract, "
            "--group and --columns."
        )
    if not are_folders and (odd := [name for name in fail_under if name in relational_names()]):
        raise click.UsageError(f"{odd[0]} is of tables that belong together: give two folders.")
    tables = [tables_in(side) for side in (real, synthetic)] if are_folders else [real, synthetic]
    console = _console(as_json)
    with console.status("scoring, some seconds per thousand rows"):
        card = score(*tables, dataset or contract, group, _listed(columns))
    for name, one in card.tables.items() if are_folders else [("", card)]:
        if name:
            console.print(name, style="bold", markup=False)
        console.print(terminal_table(one))
        for note in one.notes:
            console.print(f"look at this: {note}", markup=False)
    if are_folders:
        console.print(terminal_relations(card))
        for note in card.notes:
            console.print(f"look at this: {note}", markup=False)
    if card.leaks:
        console.print(f"leaks: {card.leaks}", style="bold red", markup=False)
    if html:
        console.print(f"wrote {card.save_html(html)}", markup=False)
    _finish(as_json, card.as_dict() | {"shortfalls": [*card.shortfalls(fail_under)]})


@main.command("demo")
@json_option
def demo_command(as_json: bool) -> None:
    """The embedded LLM at three prompt levels, 30 rows each, beside the two baselines."""
    workflow = _start(datasets()[0], as_json)
    runs = workflow.plan(
        llms=["smollm2", "independent", "holdout"],
        prompt="all",
        instructions="improved",
        variety=SLICES,
        seed=DEFAULT_SEED,
    )
    _finish(as_json, workflow.generate(runs, _DEMO_ROWS) | workflow.report())


def _as_options(said: Mapping[str, Any]) -> list[str]:
    """Options as they were typed, for another command that needs the same."""
    given = {name: value for name, value in said.items() if value is not None}
    return [
        text
        for name, value in given.items()
        for text in (f"--{name.replace('_', '-')}", str(value))
    ]


def _listed(columns: str | None) -> list[str]:
    """Names separated by commas, in quotes where they hold one."""
    return next(csv.reader([columns])) if columns else []


def _start(dataset: str, as_json: bool) -> Workflow:
    need_checkout()
    return Workflow(Home.from_environment(), load_contract(dataset), _console(as_json))


def _console(as_json: bool) -> Console:
    """Where people are told: stdout, or stderr where stdout is for JSON."""
    console = Console(stderr=as_json, highlight=False, soft_wrap=True, emoji=False)
    if not console.is_terminal:
        console.width = 110  # a log has no width of its own
    return console


def _finish(as_json: bool, summary: dict[str, Any]) -> None:
    """Print the summary; raise SynthcareError for LLMs that failed, exit 1 for scores too low."""
    _print_json(as_json, summary)
    if failures := summary.get("failures"):
        raise SynthcareError("; ".join(failures))
    shortfalls = summary.get("shortfalls", ())
    for line in shortfalls:
        click.echo(f"falls short: {line}", err=True)
    if shortfalls:
        raise click.exceptions.Exit(1)


def _print_json(as_json: bool, summary: dict[str, Any]) -> None:
    if as_json:
        json.dump(summary, sys.stdout, default=str, indent=1)
        sys.stdout.write("\n")
