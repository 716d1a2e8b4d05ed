"""Search for the world for which the fewest figures must be hidden."""

from __future__ import annotations

import numpy as np

from broker.figures.disclosure.knowledge import Knowledge, State
from broker.figures.disclosure.linear_system import ReducedSystem, System, free_atoms
from broker.figures.disclosure.population import Integers
from broker.figures.disclosure.solver import Contradiction, Floats, LeastChange, Problem
from broker.figures.disclosure.worlds import TOLERANCE, Goal, World, true_world

__all__ = ["CheapestWorlds"]

SCOPES = (25, 100, 1000)
"""Numbers of atoms of each statement that may differ, one after the other; then all may."""


class CheapestWorlds:
    """Worlds that may leave published intervals, at a price.

    Args:
        knowledge: what is told of every count.
        costs: price of leaving the published interval of a statement by one case, shape
            (statements,).
    """

    def __init__(self, knowledge: Knowledge, costs: Floats) -> None:
        self._knowledge = knowledge
        self._costs = costs
        self._solver = LeastChange()

    def find(self, goal: Goal) -> World | None:
        """The cheapest world that reaches a goal; None if there is none."""
        if goal.low > goal.high:
            return None
        if (unchanged := true_world(self._knowledge, goal)) is not None:
            return unchanged
        everything = len(self._knowledge.population.atoms)
        for scope in (*SCOPES, everything):
            free = free_atoms(self._knowledge, goal, scope)
            world = self._among(goal, free)
            if world is not None or len(free) == everything:
                return world
        return None

    def _among(self, goal: Goal, free: Integers) -> World | None:
        """The cheapest world in which some atoms differ.

        A column for each statement that may be hidden takes what leaves its published interval: a
        part above 0 what is too few, below 0 what is too many.
        """
        knowledge = self._knowledge
        system = System(knowledge, goal, free)
        soft = np.nonzero(knowledge.state[system.told] == State.SHOWN)[0]
        reduced = ReducedSystem(system, soft)
        if reduced.crossed() is not None:
            return None
        told, number = system.told[soft], len(free)
        exact = goal.view.safe_exact[told]
        hidden_low = np.where(exact, 0, goal.view.safe_low[told] - knowledge.values[told])
        below = np.maximum(system.row_low[soft] - hidden_low, 0)
        prices = np.concatenate([np.zeros(number), self._costs[told]])
        places = reduced.places(soft)
        answer = self._solver.solve(
            Problem(
                cost=prices,
                low=np.concatenate([reduced.low, np.where(exact, 0.0, -np.inf)]),
                high=np.concatenate([reduced.high, below]),
                row_low=reduced.row_low,
                row_high=reduced.row_high,
                starts=np.append(reduced.starts, len(reduced.rows) + 1 + np.arange(len(soft))),
                rows=np.concatenate([reduced.rows, places]),
                values=np.ones(len(reduced.rows) + len(soft)),
            ),
            prices,
        )
        if isinstance(answer, Contradiction):
            return None
        changes, left = answer[:number], np.abs(answer[number:])
        differs = np.abs(changes) > TOLERANCE
        return World(goal, free[differs], changes[differs], told[left > TOLERANCE])
