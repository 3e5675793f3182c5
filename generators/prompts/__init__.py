"""Prompts: three levels of developer instructions and three of user prompts, from templates."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from generators.wire_formats.layout import codes, days_after, layout, mark_of
from synthcare.contracts.contract import Contract

LEVELS = ("basic", "improved", "advanced")

# Prompts are plain text for an LLM, so nothing is escaped for HTML.
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,  # noqa: S701
)
_TEMPLATES.filters["percent"] = lambda share: f"{100 * share:.3g} %"
_TEMPLATES.filters["counted"] = lambda decimals: {
    1: "one decimal",
    2: "two decimals",
}.get(decimals, f"{decimals} decimals")


_TEMPLATES.filters["codes"] = codes
_TEMPLATES.filters["days_after"] = days_after


@dataclass(frozen=True)
class Prompt:
    """What an LLM is told. All that differs between the requests of a run comes last.

    `developer_message` and `user_message` are the same in every request, so that providers can
    cache them.
    """

    developer_message: str
    user_message: str

    def messages(
        self, *, rows: int, slice_text: str, instructions_role: str
    ) -> list[dict[str, str]]:
        """Chat messages of one request for `rows` rows.

        With the role `none`, for a model that takes no instructions, they begin the user's message.
        """
        task = " ".join(filter(None, [slice_text, f"Write {rows} rows now."]))
        asked = f"{self.user_message}\n\n{task}"
        if instructions_role == "none":
            return [{"role": "user", "content": f"{self.developer_message}\n\n{asked}"}]
        return [
            {"role": instructions_role, "content": self.developer_message},
            {"role": "user", "content": asked},
        ]


def render_prompt(
    contract: Contract,
    *,
    prompt_level: str,
    instruction_level: str,
    wire_format: str,
    drawn_columns: Sequence[str] = (),
) -> Prompt:
    """The prompt of one of the nine combinations of levels.

    The description of the wire format is the same at all levels, so that levels compare what is
    asked and not how the answer is written. `drawn_columns` are handed over, and not asked for.
    """
    answer = wire_format.removesuffix("_constrained")
    columns = [column for column in contract.columns if column.name not in drawn_columns]
    mark = mark_of(contract, drawn_columns)
    known = {
        "contract": contract,
        "columns": columns,
        "fields": layout(contract, wire_format, drawn_columns),
        "keys": [*filter(None, [mark]), *(column.label for column in columns)],
        "rules": [*contract.rules, *contract.family_rules],
        "has_nullable": any(column.is_nullable for column in columns),
    }

    def render(template: str) -> str:
        return _TEMPLATES.get_template(template).render(known).strip()

    return Prompt(
        developer_message="\n\n".join(
            [render(f"instructions_{instruction_level}.j2"), render(f"answer_{answer}.j2")]
        ),
        user_message=render(f"prompt_{prompt_level}.j2"),
    )
