"""Search for a world of whole numbers in a small table."""

from __future__ import annotations

import numpy as np

from broker.figures.disclosure.knowledge import Knowledge
from broker.figures.disclosure.linear_system import System
from broker.figures.disclosure.solver import Problem, solve
from broker.figures.disclosure.worlds import TOLERANCE, Goal, World, true_world

__all__ = ["whole_world"]


def whole_world(knowledge: Knowledge, goal: Goal) -> World | None:
    """A world of whole numbers that reaches a goal and hides nothing more; None if none is found.

    Raises:
        ArithmeticError: The solver gives neither a solution nor a proof that there is none.
    """
    if goal.low > goal.high:
        return None
    if (unchanged := true_world(knowledge, goal)) is not None:
        return unchanged
    free = np.arange(len(knowledge.population.atoms))
    system = System(knowledge, goal, free)
    changes = solve(
        Problem(
            cost=np.zeros(len(free)),
            low=system.low,
            high=np.full(len(free), np.inf),
            row_low=system.row_low,
            row_high=system.row_high,
            starts=system.starts,
            rows=system.rows,
            values=np.ones(len(system.rows)),
            integers=True,
        )
    )
    if changes is None:
        return None
    differs = np.abs(changes) > TOLERANCE
    return World(goal, free[differs], changes[differs], np.zeros(0, dtype=np.int64))
