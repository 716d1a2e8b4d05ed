"""Secondary suppression of small tables: the fewest hidden figures, in whole numbers.

One mixed-integer problem decides which figures are hidden and gives, for each requirement, the
worlds that prove it. Requirements are added when a solution violates them, so most never are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from broker.figures.disclosure.goals import Requirement, Target, requirements
from broker.figures.disclosure.knowledge import Knowledge, State
from broker.figures.disclosure.population import Integers
from broker.figures.disclosure.suppression_program import SuppressionProgram
from broker.figures.disclosure.whole_world import whole_world
from broker.figures.disclosure.worlds import (
    Goal,
    World,
    is_consistent,
)

__all__ = ["protect_exactly"]

LARGEST = 3000
"""Atoms times goals up to which a table counts as small."""


def protect_exactly(knowledge: Knowledge, targets: Sequence[Target]) -> list[World] | None:
    """Hide the statements (`State.SAFE` in `knowledge.state`) that cost least.

    Returns:
        The proofs; None if the table is too large, or if hiding figures is not enough. The states
        are then as before.
    """
    asked: list[Requirement] = []
    goals = 0
    for target in targets:
        for one in requirements(knowledge, target, merged=False):
            asked.append(one)
            goals += sum(len(option) for option in one.options)
            if goals * len(knowledge.population.atoms) > LARGEST:
                return None
    before = knowledge.state.copy()
    hideable = np.nonzero(before == State.SHOWN)[0]
    knowledge.state[hideable] = State.SAFE
    reached = _Reached(knowledge)
    possible = [
        Requirement(one.target, tuple(filter(reached.worlds, one.options))) for one in asked
    ]
    knowledge.state[:] = before
    if not all(one.options for one in possible):
        return None
    active: list[Requirement] = []
    while True:
        proofs = [reached.proof(one) for one in possible]
        violated = [one for one, proof in zip(possible, proofs, strict=True) if proof is None]
        if not violated:
            return [world for proof in proofs for world in proof or ()]
        knowledge.state[:] = before
        if any(one is other for one in violated for other in active):
            return None  # the solver's tolerance: a solution that it found does not hold
        active += violated
        hidden = _hidden(knowledge, hideable, active)
        if hidden is None:
            return None
        knowledge.state[hidden] = State.SAFE


class _Reached:
    """Worlds found so far, by target: a world for one attacker often suits others."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._found: dict[bytes, list[World]] = {}

    def proof(self, requirement: Requirement) -> list[World] | None:
        """Worlds for all goals of the first option that can be reached; None if none can."""
        for option in requirement.options:
            worlds = self.worlds(option)
            if worlds is not None:
                return worlds
        return None

    def worlds(self, option: Sequence[Goal]) -> list[World] | None:
        """Worlds for all goals of an option; None if one cannot be reached."""
        worlds: list[World] = []
        for goal in option:
            found = self._world(goal)
            if found is None:
                return None
            worlds.append(found)
        return worlds

    def _world(self, goal: Goal) -> World | None:
        found = self._found.setdefault(goal.members.tobytes(), [])
        for known in found:
            same = replace(known, goal=goal)
            if is_consistent(self._knowledge, same):
                return same
        world = whole_world(self._knowledge, goal)
        if world is not None:
            found.append(world)
        return world


def _hidden(
    knowledge: Knowledge, hideable: Integers, active: Sequence[Requirement]
) -> Integers | None:
    """The cheapest set of statements whose hiding satisfies some requirements."""
    largest = int(knowledge.population.totals.sum() + max(one.target.threshold for one in active))
    program = SuppressionProgram(knowledge, hideable, largest)
    for requirement in active:
        program.add_requirement(requirement.options)
    return program.hidden()
