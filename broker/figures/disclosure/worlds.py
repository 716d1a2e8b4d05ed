"""Alternative worlds: other counts of the atoms that agree with everything that a view knows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from broker.figures.disclosure.knowledge import Knowledge, View
from broker.figures.disclosure.population import Integers
from broker.figures.disclosure.solver import Floats

__all__ = ["TOLERANCE", "Goal", "World", "is_consistent", "true_world"]

TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Goal:
    """A count that must be possible for some who know the cases of some contributors.

    Attributes:
        view: what they know.
        members: atoms of the count.
        least: cases of each of these atoms that are certain for them, shape of `members`.
        low, high: the count must be possible between these.
    """

    view: View
    members: Integers
    least: Integers
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class World:
    """A world that reaches a goal.

    Attributes:
        goal: the goal.
        atoms: indices of the atoms that differ from the true counts.
        changes: by how many cases.
        broken: statements that must be hidden, because their published figure does not allow it.
    """

    goal: Goal
    atoms: Integers
    changes: Floats
    broken: Integers


def true_world(knowledge: Knowledge, goal: Goal) -> World | None:
    """The true counts as a world; None if they do not reach the goal."""
    if goal.low <= knowledge.population.totals[goal.members].sum() <= goal.high:
        nothing = np.zeros(0, dtype=np.int64)
        return World(goal, nothing, np.zeros(0), nothing)
    return None


def is_consistent(knowledge: Knowledge, world: World) -> bool:
    """Check by arithmetic that a world reaches its goal and contradicts nothing that is known."""
    goal = world.goal
    counts = knowledge.population.totals.astype(np.float64)
    counts[world.atoms] += world.changes
    least = goal.view.least.copy()
    least[goal.members] = goal.least
    if (counts[world.atoms] < least[world.atoms] - TOLERANCE).any():
        return False
    if not goal.low - TOLERANCE <= counts[goal.members].sum() <= goal.high + TOLERANCE:
        return False
    if not len(world.atoms):
        return True
    sets = [knowledge.touching[atom] for atom in world.atoms]
    touched, rows = np.unique(np.concatenate(sets), return_inverse=True)
    changes = np.bincount(rows, np.repeat(world.changes, [len(one) for one in sets]))
    low, high = knowledge.limits(goal.view, touched)
    values = knowledge.values[touched] + changes
    return bool(((values >= low - TOLERANCE) & (values <= high + TOLERANCE)).all())
