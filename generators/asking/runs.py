"""What a run is: one LLM, asked in one way, for rows of one dataset."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from generators.asking.llms import LLM
from generators.costs.prices import BATCH, STANDARD, Price, load_price
from generators.costs.tokens import count_tokens, tokens_per_row
from generators.prompts import Prompt, render_prompt
from generators.variety import QUOTAS, SLICES
from generators.variety.quotas import cell_shares, check_drawn_columns
from generators.wire_formats.layout import written_fields
from generators.wire_formats.schema import json_schema
from synthcare.contracts.contract import Contract

# What a run prefers where more rows a request cost less, and fewer are there sooner.
COST, TIME = "cost", "time"
PREFERENCES = (COST, TIME)


@dataclass(frozen=True, eq=False)
class Run:
    """A planned run. `prompt`, levels and variety are None for a baseline, `drawn_from` for an LLM.

    Values of `drawn_columns` are drawn for each row and handed over. `prefer` says whether few
    requests are made of many rows (COST), or as many as are sent at once (TIME). `price` is None
    where the model has none in its `price_tier`. `tokens_per_row` (of answers) and `prompt_tokens`
    are counts in o200k, and so estimates for most models; `prompt_bytes` is the length of all that
    is sent with every request.
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

    @property
    def is_batch(self) -> bool:
        return self.price_tier == BATCH

    @property
    def label(self) -> str:
        """What a person calls it, e.g. `smollm2 basic/improved/slices` (and variety)."""
        levels = "/".join(filter(None, [self.prompt_level, self.instruction_level, self.variety]))
        return f"{self.llm.name} {levels}".strip()

    def as_row(self) -> dict[str, Any]:
        """The row of raw.llm_runs, started now."""
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
            "price_tier": self.price_tier,
            "seed": self.seed,
            "developer_message": self.prompt.developer_message if self.prompt else None,
            "user_message": self.prompt.user_message if self.prompt else None,
            "drawn_from": self.drawn_from,
            "started_at": utc_now(),
        }


def plan_run(
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
) -> Run:
    """Plan one run. The same plan has the same id, so that it continues where it stopped.

    The number of rows is not part of the plan: asking for more continues the same run.
    """
    prompt, sent, drawn, cells = None, "", (), []
    if not llm.is_baseline:
        if variety == QUOTAS:
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
    return Run(
        run_id=run_id([contract.dataset, llm.name, *levels], plan),
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


def run_id(names: list[str | None], content: list[object]) -> str:
    """A readable id, safe as a file name: `names`, and a hash of them and of `content`."""
    digest = hashlib.sha256(json.dumps([names, content]).encode()).hexdigest()
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(filter(None, names))).strip("-.")
    return f"{readable[:80]}-{digest[:8]}"


def utc_now() -> datetime:
    """The time in UTC, without a zone, as the warehouse holds it."""
    return datetime.now(UTC).replace(tzinfo=None)
