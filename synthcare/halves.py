"""Half-samples: what a score would have been with other rows."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Halves:
    """Halves of a sample of a table, without replacement.

    `rows` (sampled,) are places in the table, `block_of` (sampled,) the block of each, from 0;
    `is_drawn` (halves, blocks) says which blocks are in which half. `shrink` is what the spread of
    the halves is multiplied with, because the table has more rows than the sample.
    """

    rows: NDArray[np.intp]
    block_of: NDArray[np.intp]
    is_drawn: NDArray[np.bool_]
    shrink: float = 1.0

    @property
    def blocks(self) -> int:
        """How many blocks the sample was shuffled into."""
        return self.is_drawn.shape[1]

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Rows of each half."""
        return self.is_drawn @ np.bincount(self.block_of, minlength=self.blocks)

    def shares(self, cells: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The cells that sampled rows are in, and their shares in each half (halves, cells).

        `cells` has the cell of each row of the table.
        """
        present, places = np.unique(cells[self.rows], return_inverse=True)
        counts = np.zeros((self.blocks, len(present)))
        np.add.at(counts, (self.block_of, places), 1)
        return present, self.is_drawn.astype(float) @ counts / self.sizes[:, None]
