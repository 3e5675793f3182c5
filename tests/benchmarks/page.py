"""The page docs/benchmarks.md: every benchmark writes its own section."""

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from synthcare.project import PROJECT

PAGE = PROJECT / "docs" / "benchmarks.md"

_HEAD = """# How fast, how cheap?

Written by the commands named below, on one machine each time; compare within a section only.
"""


def write_section(title: str, command: str, text: str) -> None:
    """Replace the section `title` of the page, or add it."""
    page = PAGE.read_text() if PAGE.exists() else _HEAD
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    section = f"## {title}\n\n`{command}` on {os.cpu_count()} cores, {day}.\n\n{text.strip()}\n"
    pattern = rf"^## {re.escape(title)}\n.*?(?=^## |\Z)"
    if re.search(pattern, page, flags=re.M | re.S):
        page = re.sub(pattern, lambda _: f"{section}\n", page, flags=re.M | re.S)
    else:
        page = f"{page.rstrip()}\n\n{section}"
    PAGE.write_text(page.rstrip() + "\n")


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; all columns but the first are right-aligned."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
