"""What makes the requests of a run differ, as an axis of the grid: `--variety`."""

from collections.abc import Mapping, Sequence

from generators.variety.brief import Brief, Cell
from generators.variety.quotas import quota_brief
from generators.variety.slices import draw_slice
from synthcare.contracts.contract import Contract

NONE, SLICES, QUOTAS = "none", "slices", "quotas"
VARIETIES = (NONE, SLICES, QUOTAS)


def make_brief(
    contract: Contract,
    variety: str,
    *,
    seed: int,
    rows: int,
    cells: Mapping[Cell, int],
    drawn_columns: Sequence[str],
) -> Brief:
    """What one request asks for beside what all of its run ask for; see docs/architecture.md.

    `cells` and `drawn_columns` are for quotas: how many rows of each, and what is drawn for them.
    """
    if variety == SLICES:
        return draw_slice(contract, seed=seed, rows=rows)
    if variety == QUOTAS:
        return quota_brief(contract, cells, seed=seed, drawn_columns=drawn_columns)
    return Brief()
