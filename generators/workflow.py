"""The steps behind the commands, in the order in which data flows."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from generators.contract import Contract
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
from generators.transform import run_dbt

Summary = dict[str, Any]


@dataclass(frozen=True)
class Workflow:
    """Works on one dataset in one home folder, and tells a person on `console`.

    Each step returns its summary, ready for JSON.
    """

    home: Home
    contract: Contract
    console: Console

    def land_reference(self, *, csv_path: Path | None = None, kaggle: bool = False) -> Summary:
        """Land a CSV file, Kaggle's, or (with neither) a stand-in."""
        if csv_path and kaggle:
            raise SynthcareError("Give either --csv or --kaggle.")
        if csv_path:
            landed = land_csv(self.home, self.contract, csv_path)
        elif kaggle:
            landed = land_kaggle(self.home, self.contract)
        else:
            landed = land_stand_in(self.home, self.contract)
        self._tell_landed(landed)
        return asdict(landed)

    def import_file(
        self, path: Path, *, llm: str, prompt_level: str | None, instruction_level: str | None
    ) -> Summary:
        """Land the raw output in `path`."""
        run_id = import_file(
            self.home,
            self.contract,
            path,
            llm=llm,
            prompt_level=prompt_level,
            instruction_level=instruction_level,
        )
        landed = land(self.home)
        self.console.print(f"landed {landed} new responses in raw.llm_responses as run {run_id}")
        self.console.print("next: synthcare report")
        return {"run_id": run_id, "landed": landed}

    def plan(
        self,
        *,
        llms: Sequence[str],
        prompt: str,
        instructions: str,
        seed: int,
        **changes: object,
    ) -> list[Run]:
        """Every combination of LLM and levels; a baseline, which has no prompt, once.

        `changes` are values to use instead of those in llms.yml, where they are not None. Where no
        reference has been landed, a stand-in is, because baselines are drawn from it.
        """
        chosen = [load_llm(name).changed(**changes) for name in llms]
        reference = landed_reference(self.home, self.contract)
        if reference is None:
            reference = land_stand_in(self.home, self.contract)
            self._tell_landed(reference)
        runs = [
            plan_run(
                self.contract,
                llm,
                prompt_level=prompt_level,
                instruction_level=instruction_level,
                seed=seed,
                reference_sha256=reference.sha256,
            )
            for llm in chosen
            for prompt_level in _levels(prompt)
            for instruction_level in _levels(instructions)
        ]
        return list({run.run_id: run for run in runs}.values())

    def generate(self, runs: list[Run], rows: int) -> Summary:
        """Bring each run to `rows` accepted rows, or say where it stopped."""
        with show_progress(self.console, runs, rows) as progress:
            counts = generate(self.home, runs, rows=rows, progress=progress)
        for run in runs:
            count = counts[run.run_id]
            if count.accepted < rows:
                self.console.print(
                    f"{run.label}: stopped at {count.accepted} accepted of {rows} wanted "
                    f"({count.found} records found)"
                )
        return {"runs": {run_id: asdict(count) for run_id, count in counts.items()}}

    def report(self) -> Summary:
        """Build and test everything with dbt, print the scorecard and write the pages."""
        from reports.leaderboard import terminal_table
        from reports.pages import write_pages
        from reports.scores import read_scores

        land(self.home)
        landed_reference(self.home, self.contract)  # says so if it is of another contract
        with self.console.status("dbt build"):
            passed = run_dbt(self.home, "build")
        self.console.print(f"dbt build: {passed} models, seeds and tests passed")
        scores = read_scores(self.home, self.contract)
        self.console.print(terminal_table(scores))
        for run in scores.scorecard:
            if why := run["not_scored_because"]:
                self.console.print(f"{run['run_id']} is not scored: {why}", markup=False)
        with self.console.status("writing reports"):
            pages = write_pages(self.home, self.contract, scores)
        self.console.print(f"wrote {len(pages)} pages in {_shown(self.home.html)}")
        warehouse = _shown(self.home.warehouse)
        self.console.print(f"query it: duckdb {warehouse} 'from metrics.scorecard'")
        self.console.print(f"look at it: {_shown(pages[0])}")
        return {"pages": [str(page) for page in pages], "scorecard": scores.scorecard}

    def _tell_landed(self, landed: LandedReference) -> None:
        self.console.print(
            f"landed {landed.rows:,} rows of {landed.reference} in raw.reference_{landed.dataset}"
            f" (sha256 {landed.sha256[:12]}…)"
        )


def _levels(level: str) -> Sequence[str]:
    return LEVELS if level == "all" else [level]


def _shown(path: Path) -> Path:
    """A path as a person would type it: from the current folder, where it lies in there."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
