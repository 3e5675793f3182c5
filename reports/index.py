"""The page that people open first: reports/html/index.html, one file that asks for nothing else."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from generators.asking.llms import BASELINES
from generators.landing.reference import STAND_IN
from generators.prompts import LEVELS
from reports.formats import (
    EXPENSES,
    interval,
    levels,
    name,
    number,
    percent,
    shown_scores,
    words,
    worst,
)
from reports.plots import Line, Plot, Point, axis
from reports.relations import children_of, name_of_index, relations_of
from reports.scores import MOST_ROWS, Row, Scores
from reports.standings import is_baseline, may_lead, standings
from reports.unread import unread_words
from synthcare.contracts.contract import Contract
from synthcare.files import new_file

_FOLDER = Path(__file__).parent / "templates"
_COLOURS = 8  # that page.css has

# Text from an LLM may stand in any value, so everything is escaped.
_TEMPLATES = Environment(
    loader=FileSystemLoader(_FOLDER),
    undefined=StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


def write_index(
    contract: Contract, scores: Scores, path: Path, *, drift_reports: dict[str, Path]
) -> None:
    """Write the page. `drift_reports` are the pages beside it, by run_id."""
    script = (_FOLDER / "page.js").read_text()
    runs = scores.scorecard
    ranked = [run for run in runs if not is_baseline(run) and run["overall"]]
    leader = next((run for run in ranked if may_lead(run)), None)
    plots = _plots(runs)
    page = _TEMPLATES.get_template("index.html.j2").render(
        contract=contract,
        scores=scores,
        STAND_IN=STAND_IN,
        SCORES=shown_scores(runs),
        EXPENSES=EXPENSES,
        LEVELS=LEVELS,
        numbers={run["run_id"]: place for place, run in enumerate(runs, 1)},
        legend=_legend(runs, plots),
        standings=standings(scores),
        leader=leader,
        leaking=[name(run) for run in ranked if run["leaks"]],
        ceiling=_baseline(runs, "holdout"),
        plots=plots,
        grids=_grids(runs),
        columns=[column["name"] for column in _columns(contract)],
        fidelity={(cell["run_id"], cell["column_name"]): cell for cell in scores.column_fidelity},
        diversity={row["run_id"]: row for row in scores.diversity},
        identifiers=_by_run(scores.column_diversity),
        privacy={row["run_id"]: row for row in scores.privacy},
        risks=_by_run(scores.privacy_risks),
        groups=_groups(scores.subgroups),
        biases=_by_run(scores.subgroup_rates),
        rejected=_by_run(scores.reject_reasons),
        unread={
            run["run_id"]: said for run in scores.unread_answers if (said := unread_words(run))
        },
        data=_data(contract, scores, leader),
        relations=relations_of(contract, scores, leader),
        children=[child.dataset for child in children_of(contract)],
        name_of_index=name_of_index,
        drift_reports=drift_reports,
        most_rows=MOST_ROWS,
        style=Markup((_FOLDER / "page.css").read_text()),  # noqa: S704 (our own file)
        script=Markup(script),  # noqa: S704
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        number=number,
        percent=percent,
        interval=interval,
        levels=levels,
        name=name,
        words=words,
        beside=_beside,
        is_baseline=is_baseline,
    )
    with new_file(path) as temporary:
        temporary.write_text(page)


def _beside(run: Row, score: str) -> str:
    """Why a score of a run is not known, or else what is worst in it."""
    note = run.get(f"{score}_note")
    if run[score] is None:
        return note or "too few rows"
    part = worst(run, score)
    return f"worst: {part}" if part else note or ""


def _by_run(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["run_id"], []).append(row)
    return found


def _groups(rows: list[Row]) -> dict[str, dict[str, Any]]:
    """By run: `measures`, as (measure, target), and under `groups` the scores of each by these."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        run = found.setdefault(row["run_id"], {"measures": {}, "groups": {}})
        measure = (row["measure"], row["target"])
        if row["measure"] != "representation":  # the shares are shown themselves
            run["measures"][measure] = (
                f"{words(row['target'] or '')} {words(row['measure'])}".strip()
            )
        run["groups"].setdefault((row["column_name"], row["group_name"]), {})[measure] = row
    for run in found.values():
        run["measures"] = dict(sorted(run["measures"].items(), key=str))
    return found


def _baseline(runs: list[Row], provider: str) -> Row | None:
    """The largest scored run of a baseline, None where there is none."""
    found = [run for run in runs if run["provider"] == provider and run["overall"] is not None]
    return max(found, key=lambda run: run["rows_accepted"], default=None)


def _colours(runs: list[Row]) -> dict[str, int]:
    """A colour for each LLM, from 1; those after the last share it."""
    llms = dict.fromkeys(run["llm"] for run in runs if not is_baseline(run))
    return {llm: min(place, _COLOURS) for place, llm in enumerate(llms, 1)}


def _legend(runs: list[Row], plots: list[Plot]) -> dict[str, int]:
    """The colours of the LLMs that a plot shows."""
    shown = {point.number for plot in plots for point in plot.points}
    llms = {run["llm"] for place, run in enumerate(runs, 1) if place in shown}
    return {llm: colour for llm, colour in _colours(runs).items() if llm in llms}


def _plots(runs: list[Row]) -> list[Plot]:
    """Cost against realism, and time against cost, of the LLMs' runs of which both are known."""
    found = []
    scored = _with(runs, "overall", "usd_per_1000_rows")
    if scored:
        lines = [
            Line(run["overall"], provider)
            for provider in BASELINES
            if (run := _baseline(runs, provider))
        ]
        ends = [run[key] for run in scored for key in ("overall_low", "overall_high")]
        ends = [end for end in ends if end is not None]
        heights = [run["overall"] for run in scored] + ends + [line.y for line in lines]
        found.append(
            Plot(
                "Cost against realism",
                axis("USD per 1,000 rows", [run["usd_per_1000_rows"] for run in scored]),
                axis("overall score", heights, starts_at_zero=False),
                _points(runs, scored, "usd_per_1000_rows", "overall"),
                tuple(lines),
            )
        )
    timed = _with(runs, "usd_per_1000_rows", "seconds_per_1000_rows")
    if timed:
        found.append(
            Plot(
                "Time against cost",
                axis("seconds per 1,000 rows", [run["seconds_per_1000_rows"] for run in timed]),
                axis("USD per 1,000 rows", [run["usd_per_1000_rows"] for run in timed]),
                _points(runs, timed, "seconds_per_1000_rows", "usd_per_1000_rows"),
            )
        )
    return found


def _with(runs: list[Row], *keys: str) -> list[Row]:
    return [run for run in runs if not is_baseline(run) and all(run[k] is not None for k in keys)]


def _points(runs: list[Row], shown: list[Row], x: str, y: str) -> tuple[Point, ...]:
    colours = _colours(runs)
    return tuple(
        Point(
            run[x],
            run[y],
            number=runs.index(run) + 1,
            colour=colours[run["llm"]],
            title=f"{name(run)}: {words(x)} {number(run[x], 2)}, {words(y)} {number(run[y], 2)}",
            y_low=run.get(f"{y}_low"),
            y_high=run.get(f"{y}_high"),
        )
        for run in shown
    )


def _grids(runs: list[Row]) -> dict[str, dict[tuple[str, str], list[Row]]]:
    """By LLM: its runs by prompt and instruction level, where both are known."""
    found: dict[str, dict[tuple[str, str], list[Row]]] = {}
    for run in runs:
        if run["prompt_level"] and run["instruction_level"]:
            cell = (run["prompt_level"], run["instruction_level"])
            found.setdefault(run["llm"], {}).setdefault(cell, []).append(run)
    return found


def _columns(contract: Contract) -> list[dict[str, str]]:
    """The scored columns: name, words for people, and kind."""
    columns = [c for c in contract.columns if c.kind != "identifier"]
    found = [(c.name, c.kind) for c in [*columns, *contract.derived]]
    return [{"name": column, "words": words(column), "kind": kind} for column, kind in found]


def _data(contract: Contract, scores: Scores, leader: Row | None) -> dict[str, Any]:
    """What the script draws, the leader first: shares by run and column, and scores of pairs."""
    shares: dict[str, dict[str, list[list[Any]]]] = {}
    for bar in scores.distributions:
        shares.setdefault(bar["run_id"], {}).setdefault(bar["column_name"], []).append(
            [
                *(bar["category"], bar["low"], bar["high"]),
                *(round(bar["share"], 4), round(bar["reference_share"], 4)),
            ]
        )
    pairs: dict[str, list[list[Any]]] = {}
    for pair in scores.pair_fidelity:
        cell = [pair["column_1"], pair["column_2"], round(pair["score"], 3)]
        pairs.setdefault(pair["run_id"], []).append(cell)
    names = [
        {"run_id": run["run_id"], "name": name(run)}
        for run in scores.scorecard
        if run["run_id"] in shares
    ]
    first = next((run for run in scores.scorecard if run["run_id"] in shares), None)
    return {
        "runs": names,
        "first": (leader or first or {}).get("run_id"),
        "columns": _columns(contract),
        "shares": shares,
        "pairs": pairs,
    }
