"""Limits of the work of disclosure control. A table above them is refused before the work begins.

The limits are numbers and not times, so that all parties refuse the same tables.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from broker.figures.disclosure.goals import Target, requirements
from broker.figures.disclosure.knowledge import Knowledge
from broker.figures.disclosure.model import TooLargeError

__all__ = ["require_few_cells", "require_few_numbers", "require_little_work"]

MOST_CELLS = 30_000
"""Cells of a release and of the earlier ones that it is protected with."""
MOST_NUMBERS = 20_000_000
"""Cells and atoms, times contributors: exact counts that are in memory at once."""
MOST_WORK = 50_000_000
"""Sum of the sizes of all worlds. About 9,000,000 take 50 seconds of CPU time."""
_SMALLEST_WORLD = 1_000
"""Size of the linear problem of a world, beside the counts that its target touches."""


def require_few_cells(cells: int) -> None:
    """Refuse a release with too many cells.

    Args:
        cells: number of cells, before they are made.

    Raises:
        TooLargeError: there are more than `MOST_CELLS`.
    """
    if cells > MOST_CELLS:
        raise TooLargeError


def require_few_numbers(cells: int, atoms: int, contributors: int) -> None:
    """Refuse counts that need too much memory.

    Raises:
        TooLargeError: the counts of all cells and atoms are more than `MOST_NUMBERS`.
    """
    if (cells + atoms) * contributors > MOST_NUMBERS:
        raise TooLargeError


def require_little_work(knowledge: Knowledge, targets: Sequence[Target]) -> None:
    """Refuse a release whose proofs take too much work.

    Args:
        knowledge: what is told of every count.
        targets: the counts to protect, before any proof is looked for.

    Raises:
        TooLargeError: the sizes of the worlds that prove them are more than `MOST_WORK`.
    """
    touching = np.array([len(one) for one in knowledge.touching], dtype=np.int64)
    work = 0
    for target in targets:
        size = _SMALLEST_WORLD + int(touching[target.members].sum())
        for one in requirements(knowledge, target, merged=True):
            work += size * len(one.options[0])
            if work > MOST_WORK:
                raise TooLargeError
