"""Search for a world that reaches a goal and hides nothing more."""

from __future__ import annotations

import numpy as np

from broker.figures.disclosure.knowledge import Knowledge
from broker.figures.disclosure.linear_system import ReducedSystem, System, free_atoms
from broker.figures.disclosure.population import Integers
from broker.figures.disclosure.solver import Contradiction, Floats, LeastChange, Problem
from broker.figures.disclosure.worlds import TOLERANCE, Goal, World, true_world

__all__ = ["NearestWorlds"]

SCOPE = 24
"""Number of atoms of each statement that may differ at first: small problems answer fast."""
ADDED = 32
"""Number of atoms that may differ beside those with which no world was found."""


class NearestWorlds:
    """Worlds of least change, found with few atoms that may differ.

    A proof that these do not do names the statements in the way, and atoms that could make way for
    them are added.
    """

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._solver = LeastChange()

    def find(self, goal: Goal) -> World | None:
        """A world that reaches a goal; None if there is none."""
        if goal.low > goal.high:
            return None
        if (unchanged := true_world(self._knowledge, goal)) is not None:
            return unchanged
        free = free_atoms(self._knowledge, goal, SCOPE)
        added = ADDED
        while True:
            system = System(self._knowledge, goal, free)
            answer = self._solved(goal, system)
            if not isinstance(answer, Contradiction):
                differs = np.abs(answer) > TOLERANCE
                nothing = np.zeros(0, dtype=np.int64)
                return World(goal, free[differs], answer[differs], nothing)
            more = _making_way(self._knowledge, goal, system, answer.weights)
            if not len(more):
                return None
            free = np.union1d(free, more[:added])
            added *= 2

    def _solved(self, goal: Goal, system: System) -> Floats | Contradiction:
        """The changes of the free atoms, or weights of the rows of the full system."""
        reduced = ReducedSystem(system)
        if (weights := reduced.crossed()) is not None:
            return Contradiction(weights)
        prices = np.ones(len(system.free))
        answer = self._solver.solve(
            Problem(
                cost=prices,
                low=reduced.low,
                high=reduced.high,
                row_low=reduced.row_low,
                row_high=reduced.row_high,
                starts=reduced.starts,
                rows=reduced.rows,
                values=np.ones(len(reduced.rows)),
            ),
            prices,
        )
        if not isinstance(answer, Contradiction):
            return answer
        is_more = goal.low > self._knowledge.population.totals[goal.members].sum()
        return Contradiction(reduced.full_weights(answer.weights, rises=bool(is_more)))


def _making_way(knowledge: Knowledge, goal: Goal, system: System, weights: Floats) -> Integers:
    """Other atoms whose change would resolve a contradiction, the most useful first."""
    totals = knowledge.population.totals
    use = np.zeros(len(totals))
    for row in np.nonzero(weights[:-1])[0]:
        use[knowledge.statements[system.told[row]].members] += weights[row]
    use[system.free] = 0.0
    use[(use < 0) & (totals <= goal.view.least)] = 0.0
    strength = np.abs(use)
    found = np.nonzero(strength > TOLERANCE)[0]
    return found[np.lexsort((-totals[found], -strength[found]))]
