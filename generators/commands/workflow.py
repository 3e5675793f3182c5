"""The steps behind the commands, in the order in which data flows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rich.console import Console

from generators.asking.engine import Outcome, generate
from generators.asking.judge import Counts, Judge, count_records
from generators.asking.llms import load_llm
from generators.asking.runs import COST, PREFERENCES, Run, plan_run
from generators.commands.preview import (
    PREVIEWED_ROWS,
    first_request,
    messages_shown,
    read_records,
    records_table,
)
from generators.commands.progress import show_progress
from generators.commands.tables import ledger_table, money_lines, outcome_lines, plan_table
from generators.costs.estimates import estimate_run, rows_of_table, total
from generators.costs.ledger import read_ledger
from generators.costs.prices import BATCH, STANDARD
from generators.home import Home
from generators.landing.exports import export_run, tables_of_run
from generators.landing.imports import import_file
from generators.landing.kept import read_kept
from generators.landing.loading import land
from generators.landing.merging import merge
from generators.landing.reference import (
    LandedReference,
    land_csv,
    land_kaggle,
    land_stand_in,
    land_uci,
    landed_reference,
)
from generators.prompts import LEVELS
from generators.providers import check_provider
from generators.variety import QUOTAS, VARIETIES
from generators.warehouse.builds import nodes_passed, note_build
from generators.warehouse.transform import run_dbt
from readers.dialect import Dialect
from synthcare.contracts.contract import Contract, datasets, load_contract
from synthcare.contracts.relations import ancestors
from synthcare.errors import SynthcareError

Summary = dict[str, Any]

ALL = "all"  # of the levels or varieties


@dataclass(frozen=True)
class Workflow:
    """Works on one dataset in one home folder, and tells a person on `console`.

    Each step returns its summary, ready for JSON.
    """

    home: Home
    contract: Contract
    console: Console

    def land_reference(
        self,
        *,
        csv_path: Path | None = None,
        kaggle: bool = False,
        uci: bool = False,
        dialect: Dialect = Dialect(),  # noqa: B008 (frozen)
    ) -> Summary:
        """Land a CSV file, Kaggle's or UCI's, or (with none of them) a stand-in.

        What the table belongs to is landed from the same file, where its contract names that one.
        """
        if sum(map(bool, (csv_path, kaggle, uci))) > 1:
            raise SynthcareError("Give one of --csv, --kaggle and --uci.")
        for contract in self._of_one_file():
            if csv_path:
                landed = land_csv(self.home, contract, csv_path, dialect)
            elif kaggle:
                landed = land_kaggle(self.home, contract)
            elif uci:
                landed = land_uci(self.home, contract)
            else:
                landed = land_stand_in(self.home, contract)
            self._tell_landed(landed)
        self.console.print(
            f"next: synthcare {self._next(has_file=csv_path is not None)}", markup=False
        )
        return asdict(landed)

    def _next(self, *, has_file: bool) -> str:
        """The command that comes after a reference: that of what belongs to it, else a run."""
        children = (load_contract(dataset) for dataset in datasets())
        for child in children:
            is_of_this = any(key.to == self.contract.dataset for key in child.foreign_keys)
            if is_of_this and landed_reference(self.home, child) is None:
                file = f" --csv {child.reference.file}" if has_file else ""
                return f"reference --dataset {child.dataset}{file}"
        return f"run --dataset {self.contract.dataset} --llm independent --llm holdout --rows 100"

    def ensure_reference(self) -> dict[str, str]:
        """Land stand-ins where there is no reference; return the SHA-256 of each, by dataset."""
        found = {}
        for contract in self._tables():
            reference = landed_reference(self.home, contract)
            if reference is None:
                reference = land_stand_in(self.home, contract)
                self._tell_landed(reference)
            found[contract.dataset] = reference.sha256
        return found

    def _tables(self) -> list[Contract]:
        """All that the table belongs to, parents first, and it at the end."""
        return ancestors(self.contract, load_contract)

    def _top_table(self) -> Contract:
        """What the rows of the table belong to. Raises SynthcareError where that is nothing."""
        top, *others = self._tables()
        if not others:
            raise SynthcareError(
                f"{top.dataset} belongs to no other table, so there are no parents to keep. Use "
                "--dataset with a table whose contract has a foreign key."
            )
        return top

    def _of_one_file(self) -> list[Contract]:
        file = self.contract.reference.file
        return [contract for contract in self._tables() if contract.reference.file == file]

    def import_file(
        self,
        path: Path,
        *,
        llm: str,
        prompt_level: str | None,
        instruction_level: str | None,
        encoding: str | None = None,
    ) -> Summary:
        """Land the raw output in `path`."""
        imported = import_file(
            self.home,
            self.contract,
            path,
            llm=llm,
            prompt_level=prompt_level,
            instruction_level=instruction_level,
            encoding=encoding,
        )
        for line in (f"read {path.name} as {imported.kind}: {imported.size}", *imported.notes):
            self.console.print(line, markup=False)
        landed = land(self.home)
        runs = f"run{'s' if len(imported.run_ids) > 1 else ''} {', '.join(imported.run_ids)}"
        new = f"{landed:,} new response{'' if landed == 1 else 's'}" if landed else "nothing new"
        self.console.print(f"landed {new} in raw.llm_responses as {runs}")
        if nodes_passed(self.home) is None:
            with self.console.status("looking for records"):
                run_dbt(self.home, "run", "--select", "+unread_answers")
        found, accepted = count_records(self.home, self.contract.dataset, imported.run_ids)
        self.console.print(f"found {found:,} records, {accepted:,} of them accepted")
        unread = self._tell_unread(imported.run_ids)
        self.console.print("next: synthcare report")
        counts = {"records_found": found, "rows_accepted": accepted}
        return {
            "run_id": imported.run_ids[0],
            "landed": landed,
            **asdict(imported),
            **counts,
            **unread,
        }

    def export(
        self, run_id: str, dataset: str | None, *, export_format: str, path: Path | None
    ) -> Summary:
        """Type what was landed, and write the accepted rows of a run, of all its tables."""
        land(self.home)
        contracts = tables_of_run(self.home, run_id, dataset)
        run_dbt(self.home, "run", "--select", *(f"+{table.dataset}" for table in contracts))
        place, counts = export_run(
            self.home, contracts, run_id, export_format=export_format, path=path
        )
        if len(counts) == 1:
            (rows,) = counts.values()
            self.console.print(f"wrote {rows:,} rows to {place}", markup=False)
            return {"file": str(place), "rows": rows}
        for table, rows in counts.items():
            self.console.print(f"wrote {rows:,} rows of {table} to {place}", markup=False)
        kind = "folder" if place.is_dir() else "file"
        return {kind: str(place), "rows": sum(counts.values()), "tables": counts}

    def plan(
        self,
        *,
        llms: Sequence[str],
        prompt: str,
        instructions: str,
        variety: str,
        seed: int,
        drawn_columns: Sequence[str] = (),
        prefer: str = COST,
        is_batch: bool = False,
        may_lack_price: bool = False,
        keep_parents: Path | None = None,
        **changes: object,
    ) -> list[Run]:
        """Every combination of LLM, levels and variety; a baseline, which has no prompt, once.

        `changes` are values to use instead of those in llms.yml, where they are not None. For a
        baseline, a reference is landed that it is drawn from. `keep_parents` is a file of rows of
        the top table that are to be kept. Raises SynthcareError for a model without a price, unless
        it `may_lack_price`.
        """
        if drawn_columns and variety not in (QUOTAS, ALL):
            raise SynthcareError("--draw goes with --variety quotas: add it, or leave --draw out.")
        chosen = [load_llm(name) for name in llms]
        chosen = [llm if llm.is_baseline else llm.changed(**changes) for llm in chosen]
        for llm in chosen:
            check_provider(llm, is_batch=is_batch and not llm.is_baseline)
        replicated = {llm.name for llm in chosen if llm.is_replicated}
        if len(replicated) > 1:
            raise SynthcareError(
                f"{' and '.join(sorted(replicated))} have replicas, and a command can use Ray for "
                "one LLM. Ask the others in a command of their own."
            )
        served = {llm.name for llm in chosen if llm.provider == "vllm"}
        if len(served) > 1:
            raise SynthcareError(
                f"{' and '.join(sorted(served))} are served by vLLM, which takes a whole GPU for "
                "each. Ask the others in a command of their own."
            )
        kept = read_kept(self._top_table(), keep_parents) if keep_parents else None
        references = self.ensure_reference() if any(llm.is_baseline for llm in chosen) else {}
        runs = [
            plan_run(
                self.contract,
                llm,
                prompt_level=prompt_level,
                instruction_level=instruction_level,
                variety=of_requests,
                drawn_columns=drawn_columns,
                prefer=prefer,
                seed=seed,
                references=references,
                kept=kept,
                price_tier=BATCH if is_batch and not llm.is_baseline else STANDARD,
            )
            for llm in chosen
            for prompt_level in _chosen(prompt, LEVELS)
            for instruction_level in _chosen(instructions, LEVELS)
            for of_requests in _chosen(variety, VARIETIES)
        ]
        for run in runs:
            if run.prompt and run.price is None and not may_lack_price:
                raise SynthcareError(
                    f"{run.llm.name}: seeds/llm_prices.csv has no {run.price_tier} price of "
                    f"{run.llm.model}. Add a row, or use --no-price: its cost is null then."
                )
        return list({run.run_id: run for run in runs}.values())

    def estimate(self, runs: list[Run], rows: int, *, max_usd: float | None) -> Summary:
        """Say what it takes to bring each run to `rows` accepted rows, with either preference."""
        counts = {}
        tables = [table for run in runs for table in run.tables]
        if any((self.home.landing / table.folder).exists() for table in tables):
            counts = Judge(self.home, tables, lambda run, counts: None).count_now()
        missing = {
            table: 0
            if table.kept
            else max(0, rows_of_table(table, rows) - counts.get(table, Counts()).accepted)
            for table in tables
        }
        summary = {}
        for prefer in PREFERENCES:
            estimates = [(run, estimate_run(run, missing[run], prefer)) for run in tables]
            in_all = total(estimates)
            self.console.print(plan_table(estimates, prefer))
            summary[prefer] = {
                "runs": {run.folder: asdict(of_run) for run, of_run in estimates},
                "total": asdict(in_all),
            }
            if max_usd and in_all.cost_usd is not None and in_all.cost_usd > max_usd:
                self.console.print(f"--max-usd {max_usd:g} will be reached before the rows are")
        # What was planned with: all runs of one command prefer the same.
        return summary[runs[0].prefer] | {"prefer": summary}

    def generate(
        self,
        runs: list[Run],
        rows: int,
        *,
        max_usd: float | None = None,
        is_preview: bool = False,
    ) -> Summary:
        """Bring each run to `rows` accepted rows, or say where it stopped.

        `failures` of the summary says which LLMs cannot be asked, and why. A preview asks once,
        for `rows` rows.
        """
        unpriced = next((run.llm.name for run in runs if run.prompt and run.price is None), None)
        if max_usd and unpriced:
            raise SynthcareError(
                f"--max-usd cannot be kept: {unpriced} has no price. Add one to "
                "seeds/llm_prices.csv, or leave either out."
            )
        unlimited = next((run.llm.name for run in runs if run.llm.has_no_limit), None)
        if max_usd and unlimited:
            raise SynthcareError(
                f"--max-usd cannot be kept: {unlimited} has `token_limit: none`, so nothing limits "
                "an answer. Name a limit in llms.yml, or leave --max-usd out."
            )
        with show_progress(self.console, runs, rows) as progress:
            outcomes = generate(
                self.home,
                runs,
                rows=rows,
                max_usd=max_usd,
                progress=progress,
                is_preview=is_preview,
            )
        failures = list(dict.fromkeys(o.stopped_because for o in outcomes.values() if o.has_failed))
        if failures and not any(o.counts.found or o.endings for o in outcomes.values()):
            for run, outcome in outcomes.items():
                for line in money_lines(run, outcome):
                    self.console.print(line, markup=False)
            raise SynthcareError("; ".join(failures))
        for run, outcome in outcomes.items():
            for line in outcome_lines(run, outcome):
                self.console.print(line, markup=False)
        return {
            "runs": {
                run.run_id: _ended(outcomes[run])
                | {
                    "parents": {
                        table.contract.dataset: _ended(outcomes[table]) for table in run.tables[:-1]
                    }
                }
                for run in runs
            },
            "failures": failures,
        }

    def preview(self, runs: list[Run], *, max_usd: float | None = None) -> Summary:
        """Show both messages of each run, and three rows of what it answers.

        The rows are journalled, and the runs go on from them.
        """
        prompted = [run for run in runs if run.prompt]
        if not prompted:
            raise SynthcareError("A baseline has no messages. Preview an --llm that is asked.")
        tables = [table for run in prompted for table in run.tables]
        for run in tables:
            if run.parent is None:
                self.console.print(messages_shown(run, PREVIEWED_ROWS))
        summary = self.generate(prompted, PREVIEWED_ROWS, max_usd=max_usd, is_preview=True)
        run_dbt(self.home, "run", "--select", f"+{self.contract.dataset}_rejected")
        for run in tables:
            if run.parent is not None:  # what it asks is not known before its parents are there
                self.console.print(first_request(self.home, run))
            records = read_records(self.home, run, PREVIEWED_ROWS)
            self.console.print(records_table(run, records))
            if run in prompted:
                summary["runs"][run.run_id]["records"] = records
        self.console.print("next: the same with `run` instead of `preview`, and --rows")
        return summary

    def ledger(self, generated: Summary) -> Summary:
        """Print what the runs took, as marts.generation_runs has it, and what could not be read."""
        models = ["+path:models/marts", "+unread_answers"]
        types = ["--resource-type", "seed", "--resource-type", "model"]
        if nodes_passed(self.home) is None:
            run_dbt(self.home, "build", "--select", *models, *types)
        runs = read_ledger(self.home, list(generated["runs"]))
        self.console.print(ledger_table(runs))
        unread = self._tell_unread(list(generated["runs"]))
        self.console.print("next: synthcare report")
        return {"ledger": runs, **unread}

    def merge(self, homes: Sequence[Path]) -> Summary:
        """Bring the runs of other homes here and land them."""
        merged = merge(self.home, homes)
        responses = land(self.home)
        self.console.print(
            f"{merged.new} journals came, {merged.longer} went on elsewhere, {merged.known} were "
            f"here already: {responses:,} new responses. `synthcare report` scores them."
        )
        for dataset, sha256 in sorted(merged.drawn_from):
            reference = landed_reference(self.home, load_contract(dataset))
            if reference is None or reference.sha256 != sha256:
                self.console.print(
                    f"baselines of {dataset} were drawn from a reference that is not here, and are "
                    f"not scored before it is: synthcare reference --dataset {dataset}"
                )
        return {
            "new": merged.new,
            "longer": merged.longer,
            "known": merged.known,
            "new_responses": responses,
        }

    def report(self, fail_under: Mapping[str, float] = MappingProxyType({})) -> Summary:
        """Build and test everything with dbt, print the scorecard and write the pages.

        Unit tests, whose rows never change, are left to `dbt build`. What LLMs' runs score less
        than `fail_under` says is in `shortfalls`.
        """
        from reports.leaderboard import cost_table, leak_lines, score_table, worst_table
        from reports.pages import write_pages
        from reports.scores import read_scores
        from reports.thresholds import shortfalls
        from reports.unread import unread_lines

        land(self.home)
        landed_reference(self.home, self.contract)  # says so if it is of another contract
        passed = nodes_passed(self.home)
        if passed is None:
            with self.console.status("dbt build"):
                passed = run_dbt(self.home, "build", "--exclude-resource-type", "unit_test")
            note_build(self.home, passed)
            self.console.print(f"dbt build: {passed} models, seeds and tests passed")
        else:
            self.console.print(f"dbt build: nothing has changed since {passed} nodes passed")
        scores = read_scores(self.home, self.contract)
        self.console.print(score_table(scores, self.console.width))
        for line in leak_lines(scores):
            self.console.print(line, style="bold red", markup=False)
        self.console.print(worst_table(scores))
        self.console.print(cost_table(scores))
        for run in scores.scorecard:
            if why := run["not_scored_because"]:
                self.console.print(f"{run['run_id']} is not scored: {why}", markup=False)
        for line in unread_lines(scores.unread_answers):
            self.console.print(line, markup=False)
        with self.console.status("writing reports"):
            pages = write_pages(self.home, self.contract, scores)
        self.console.print(f"wrote {len(pages)} pages in {_shown(self.home.html)}")
        warehouse = _shown(self.home.warehouse)
        self.console.print(f"query it: duckdb {warehouse} 'from metrics.scorecard'")
        self.console.print(f"look at it: {_shown(pages[0])}")
        return {
            "pages": [str(page) for page in pages],
            "scorecard": scores.scorecard,
            "shortfalls": [*shortfalls(scores.scorecard, fail_under)],
            "unread_answers": scores.unread_answers,
        }

    def privacy(self, run: Mapping[str, Any], pairs: int) -> Summary:
        """Show the risks of a scored run, and so many of its rows beside the nearest real ones."""
        from generators.commands.nearest_rows import nearest_rows
        from generators.commands.privacy import as_dict, show

        with self.console.status("looking for the nearest rows"):
            found = nearest_rows(self.home, self.contract, run["run_id"], pairs)
        show(self.console, self.contract, run, found)
        return as_dict(run, found)

    def _tell_unread(self, run_ids: Sequence[str]) -> Summary:
        """A line for each of the runs with answers in which no record was found."""
        from reports.unread import read_unread_answers, unread_lines

        runs = read_unread_answers(self.home, self.contract.dataset, run_ids)
        for line in unread_lines(runs):
            self.console.print(line, markup=False)
        return {"unread_answers": runs}

    def _tell_landed(self, landed: LandedReference) -> None:
        self.console.print(
            f"landed {landed.rows:,} rows of {landed.reference} in raw.reference_{landed.dataset}"
            f" (sha256 {landed.sha256[:12]}…)"
        )
        for note in landed.notes:
            self.console.print(f"look at this: {note}", markup=False)


def _chosen(value: str, all_of_them: Sequence[str]) -> Sequence[str]:
    return all_of_them if value == ALL else [value]


def _ended(outcome: Outcome) -> Summary:
    return {
        "found": outcome.counts.found,
        "accepted": outcome.counts.accepted,
        "stopped_because": outcome.stopped_because,
        "unanswered": outcome.unanswered,
        "endings": {str(how): count for how, count in outcome.endings.items()},
        "usd_known": outcome.spent.known,
        "usd_at_most": outcome.spent.at_most,
        "usd_possibly_lost": outcome.spent.at_most - outcome.spent.known,
    }


def _shown(path: Path) -> Path:
    """A path as a person would type it: from the current folder, where it lies in there."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
