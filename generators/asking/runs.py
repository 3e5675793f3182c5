"""What a run is: one LLM, asked in one way, for rows of one dataset."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from generators.asking.llms import KEPT, LLM
from generators.costs.prices import BATCH, STANDARD, Price, load_price
from generators.costs.tokens import count_tokens, tokens_per_row
from generators.drawing.children import check_counts
from generators.landing.kept import Kept
from generators.prompts import Prompt, render_prompt
from generators.variety import NONE, QUOTAS, SLICES
from generators.variety.brief import KEY
from generators.variety.quotas import cell_shares, check_drawn_columns
from generators.wire_formats.layout import written_fields
from generators.wire_formats.schema import json_schema
from synthcare.contracts.contract import Contract, load_contract
from synthcare.contracts.relations import ancestors
from synthcare.errors import SynthcareError

# What a run prefers where more rows a request cost less, and fewer are there sooner.
COST, TIME = "cost", "time"
PREFERENCES = (COST, TIME)


# Of CSV it could not be told whether a mark such as <b> belongs to a real key.
_AS_JSON = {"wire_format": "json", "written_fields": None}

# Rows that somebody keeps are no LLM's.
_OF_KEPT = (
    _AS_JSON
    | dict.fromkeys(
        (
            *("model", "prompt_level", "instruction_level", "variety"),
            *("drawn_columns", "price_tier", "developer_message", "user_message", "drawn_from"),
        )
    )
    | {"llm": KEPT, "provider": KEPT}
)


@dataclass(frozen=True, eq=False)
class Run:
    """A planned run. `prompt`, levels and variety are None for a baseline, `drawn_from` for an LLM.

    Values of `drawn_columns` are drawn for each row and handed over. `prefer` says whether few
    requests are made of many rows (COST), or as many as are sent at once (TIME). `price` is None
    where the model has none in its `price_tier`. `tokens_per_row` (of answers) and `prompt_tokens`
    are counts in o200k, and so estimates for most models; `prompt_bytes` is the length of all that
    is sent with every request.

    A run of a table that belongs to another one has the run of that as its `parent`, under the same
    `run_id`: rows of the parent are written first, or `kept` as somebody has them.
    """

    run_id: str
    contract: Contract
    llm: LLM
    prompt_level: str | None
    instruction_level: str | None
    variety: str | None
    prompt: Prompt | None
    seed: int
    drawn_from: str | None
    drawn_columns: tuple[str, ...] = ()
    prefer: str = COST
    price_tier: str = STANDARD
    price: Price | None = None
    tokens_per_row: float = 0.0
    prompt_tokens: int = 0
    prompt_bytes: int = 0
    parent: "Run | None" = None
    is_related: bool = False
    kept: Kept | None = None

    @property
    def tables(self) -> tuple["Run", ...]:
        """The runs of all its tables, parents first, and itself at the end."""
        return (*(self.parent.tables if self.parent else ()), self)

    @property
    def folder(self) -> str:
        """Its folder in landing; responses are called so, too."""
        return f"{self.run_id}.{self.contract.dataset}" if self.is_related else self.run_id

    @property
    def is_by_cells(self) -> bool:
        """Whether it is known which rows are short, and not only how many."""
        return self.variety == QUOTAS or self.parent is not None

    @property
    def is_uniform(self) -> bool:
        """Whether all requests are the same, word for word."""
        return self.variety == NONE and self.parent is None

    @property
    def has_keys(self) -> bool:
        """Whether its records say their own keys: rows that were there before do."""
        return self.kept is not None or (self.is_related and self.llm.provider == "holdout")

    @property
    def is_batch(self) -> bool:
        return self.price_tier == BATCH

    @property
    def label(self) -> str:
        """What a person calls it, e.g. `smollm2 basic/improved/slices` (and variety)."""
        levels = "/".join(filter(None, [self.prompt_level, self.instruction_level, self.variety]))
        table = f"({self.contract.dataset})" if self.is_related else ""
        if self.kept:
            return f"{KEPT} {table}"
        return " ".join(filter(None, [self.llm.name, levels, table]))

    def as_row(self) -> dict[str, Any]:
        """The row of raw.llm_runs, started now."""
        prompt = self.prompt
        return {
            "run_id": self.run_id,
            "dataset": self.contract.dataset,
            "llm": self.llm.name,
            "provider": self.llm.provider,
            "model": self.llm.model,
            "prompt_level": self.prompt_level,
            "instruction_level": self.instruction_level,
            "variety": self.variety,
            "wire_format": self.llm.wire_format,
            "written_fields": written_fields(
                self.contract, self.llm.wire_format, self.drawn_columns
            ),
            "drawn_columns": list(self.drawn_columns) or None,
            "has_keys": self.has_keys,
            "price_tier": self.price_tier,
            "seed": self.seed,
            "developer_message": prompt.developer_message if prompt else None,
            "user_message": prompt.user_message if prompt else None,
            "drawn_from": self.drawn_from,
            "started_at": utc_now(),
        } | (_OF_KEPT if self.kept else _AS_JSON if self.has_keys else {})


def plan_run(
    contract: Contract,
    llm: LLM,
    *,
    references: Mapping[str, str] = MappingProxyType({}),
    drawn_columns: Sequence[str] = (),
    kept: Kept | None = None,
    **how: Any,
) -> Run:
    """Plan one run, of a table and all that it belongs to. The same plan has the same id.

    So it continues where it stopped. The number of rows is not part of the plan: asking for more
    continues the same run. `references` are the SHA-256 of real tables by dataset, which a baseline
    is drawn from; `drawn_columns` are of the top table, whose rows may be `kept`; `how` is what
    `_plan_table` takes.
    """
    contracts = ancestors(contract, load_contract)
    _check_related(contracts, llm)
    # Real families have parents of their own; a variety is of parents that are written.
    kept = None if llm.provider == "holdout" else kept
    if kept:
        how, drawn_columns = how | {"variety": NONE}, ()
    planned = [
        _plan_table(
            table,
            llm,
            reference_sha256=references.get(table.dataset, ""),
            drawn_columns=() if table.foreign_keys else drawn_columns,
            **how,
        )
        for table in contracts
    ]
    first = planned[-1][0]
    names = [contract.dataset, llm.name, first.prompt_level, first.instruction_level, first.variety]
    plans = [plan for _, plan in planned]
    if kept:
        plans[0] = [kept.sha256]
    found = run_id(names, plans if len(plans) > 1 else plans[0])
    done: dict[str, Run] = {}
    for run, _ in planned:
        keys = run.contract.foreign_keys
        parent = done[keys[0].to] if keys else None
        done[run.contract.dataset] = replace(
            run,
            run_id=found,
            parent=parent,
            is_related=len(planned) > 1,
            kept=None if keys else kept,
        )
    return done[contract.dataset]


def _check_related(contracts: Sequence[Contract], llm: LLM) -> None:
    """Raise SynthcareError where rows of a table cannot be asked for by what they belong to."""
    keys = {contract.dataset: contract.key for contract in contracts}
    for contract in contracts:
        for key in contract.foreign_keys:
            if not set(key.to_columns) <= set(keys[key.to]):
                raise SynthcareError(
                    f"{contract.dataset} refers to {', '.join(key.to_columns)} of {key.to}, whose "
                    "contract does not declare that as its primary_key."
                )
        if contract.foreign_keys and llm.provider != "holdout":
            check_counts(contract)
        if len(contract.foreign_keys) > 1:
            named = ", ".join(key.to for key in contract.foreign_keys)
            raise SynthcareError(
                f"{contract.dataset} belongs to {named}. Rows can be asked for that belong to one "
                "table: leave one foreign key in its contract, or write the rows elsewhere and "
                "compare them with `synthcare score`."
            )
        if contract.foreign_keys and KEY.lower() in map(str.lower, contract.file_labels):
            raise SynthcareError(
                f"A column of {contract.dataset} is labelled {KEY}, as the keys of what its rows "
                "belong to would be. Give it another label."
            )


def _plan_table(
    contract: Contract,
    llm: LLM,
    *,
    prompt_level: str,
    instruction_level: str,
    seed: int,
    reference_sha256: str,
    variety: str = SLICES,
    drawn_columns: Sequence[str] = (),
    prefer: str = COST,
    price_tier: str = STANDARD,
) -> tuple[Run, list[object]]:
    """The run of one table, without its id, and what the id is made from."""
    prompt, sent, drawn, cells = None, "", (), []
    is_top = not contract.foreign_keys
    if not llm.is_baseline:
        if variety == QUOTAS and is_top:
            cells = list(cell_shares(contract).items())
            drawn = check_drawn_columns(contract, drawn_columns)
        prompt = render_prompt(
            contract,
            prompt_level=prompt_level,
            instruction_level=instruction_level,
            wire_format=llm.wire_format,
            drawn_columns=drawn,
        )
        sent = prompt.developer_message + prompt.user_message
        if llm.wire_format == "json_constrained":
            sent += json.dumps(json_schema(contract, drawn), default=str)
    levels = [None] * 3 if llm.is_baseline else [prompt_level, instruction_level, variety]
    plan = [contract.dataset, llm.provider, llm.model, llm.wire_format, llm.rows_per_request, seed]
    plan += [dict(llm.sampling), llm.instructions_role, llm.reasoning_tokens]
    plan += [price_tier, drawn]
    plan += [prompt.developer_message, prompt.user_message] if prompt else [reference_sha256]
    plan += cells
    if llm.provider == "vllm":  # whose `model` is a name, and these are what writes
        plan += [llm.model_path, llm.writing_options]
    if contract.counts:
        plan += [dict(contract.counts.population)]
    run = Run(
        run_id="",
        contract=contract,
        llm=llm,
        prompt_level=levels[0],
        instruction_level=levels[1],
        variety=levels[2],
        prompt=prompt,
        seed=seed,
        drawn_from=reference_sha256 if llm.is_baseline else None,
        drawn_columns=drawn,
        prefer=prefer,
        price_tier=price_tier,
        price=load_price(llm.model, price_tier),
        tokens_per_row=0.0 if llm.is_baseline else tokens_per_row(contract, llm.wire_format, drawn),
        prompt_tokens=count_tokens(sent) if sent else 0,
        prompt_bytes=len(sent.encode()),
    )
    return run, plan


def run_id(names: list[str | None], content: list[object]) -> str:
    """A readable id, safe as a file name: `names`, and a hash of them and of `content`."""
    digest = hashlib.sha256(json.dumps([names, content]).encode()).hexdigest()
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(filter(None, names))).strip("-.")
    return f"{readable[:80]}-{digest[:8]}"


def utc_now() -> datetime:
    """The time in UTC, without a zone, as the warehouse holds it."""
    return datetime.now(UTC).replace(tzinfo=None)
