"""Secondary suppression of large tables: target by target, with a proof for each.

Each goal is reached by a world that is kept as its proof. A world stays valid when further figures
are hidden, so every proof holds at the end (docs/spec/figures.md, Secondary suppression).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from broker.figures.disclosure.goals import Requirement, Target, requirements
from broker.figures.disclosure.knowledge import Knowledge, State
from broker.figures.disclosure.model import UnprotectedError
from broker.figures.disclosure.solver import Floats
from broker.figures.disclosure.worlds import TOLERANCE, Goal, World, alternative_world

__all__ = ["protect_in_turn", "suppression_costs"]


MOST_TRIALS = 200_000
"""Hidden figures times proofs up to which hidden figures are tried again."""


def suppression_costs(knowledge: Knowledge) -> Floats:
    """Price of hiding each statement: nearly the same for all, and a little more for larger ones.

    So the number of hidden figures counts first, and then their size.
    """
    costs: Floats = 1.0 + knowledge.values / (1.0 + knowledge.values.sum())
    return costs


def protect_in_turn(knowledge: Knowledge, targets: Sequence[Target]) -> list[World]:
    """Hide statements (`State.SAFE` in `knowledge.state`) until all targets are protected.

    Returns:
        The proofs: a world for each goal.

    Raises:
        UnprotectedError: no suppression protects a target.
    """
    proofs: list[World] = []
    costs = suppression_costs(knowledge)
    for target in targets:
        if not any(
            _reach_all(knowledge, target, costs, proofs, merged=merged) for merged in (True, False)
        ):
            _reach_without_marks(knowledge, target, costs, proofs)
    _show_again(knowledge, proofs, costs)
    return proofs


def _reach_all(
    knowledge: Knowledge, target: Target, costs: Floats, proofs: list[World], *, merged: bool
) -> bool:
    for requirement in requirements(knowledge, target, merged=merged):
        worlds = _cheapest_worlds(knowledge, requirement, costs)
        if worlds is None:
            return False
        for world in worlds:
            knowledge.state[world.broken] = State.SAFE
        proofs += worlds
    return True


def _cheapest_worlds(
    knowledge: Knowledge, requirement: Requirement, costs: Floats
) -> list[World] | None:
    """Worlds for all goals of the option that hides least; None if no option can be reached."""
    for option in requirement.options:
        worlds = _worlds(knowledge, option, None)
        if worlds is not None:
            return worlds
    priced = [
        (float(costs[broken].sum()), worlds)
        for option in requirement.options
        if (worlds := _worlds(knowledge, option, costs)) is not None
        for broken in [np.unique(np.concatenate([world.broken for world in worlds]))]
    ]
    return min(priced, key=lambda one: one[0])[1] if priced else None


def _worlds(
    knowledge: Knowledge, option: Iterable[Goal], costs: Floats | None
) -> list[World] | None:
    worlds = []
    for goal in option:
        world = alternative_world(knowledge, goal, costs=costs)
        if world is None:
            return None
        worlds.append(world)
    return worlds


def _reach_without_marks(
    knowledge: Knowledge, target: Target, costs: Floats, proofs: list[World]
) -> None:
    """Withdraw what marks tell of counts that overlap the target, and else of all counts.

    Raises:
        UnprotectedError: that does not protect it.
    """
    told = (knowledge.state == State.SMALL) | (knowledge.state == State.DOMINATED)
    told &= ~knowledge.marked
    near = np.zeros_like(told)
    near[np.concatenate([knowledge.touching[atom] for atom in target.members])] = True
    for withdrawn in (told & near, told):
        knowledge.state[withdrawn] = State.NOTHING
        if _reach_all(knowledge, target, costs, proofs, merged=False):
            return
    raise UnprotectedError


def _show_again(knowledge: Knowledge, proofs: list[World], costs: Floats) -> None:
    """Show each figure, the most costly first, without which all goals can still be reached.

    Not in a very large table: that is safe, and hides more than it must.
    """
    hidden = np.nonzero(knowledge.state == State.SAFE)[0]
    if len(hidden) * len(proofs) > MOST_TRIALS:
        return
    for statement in sorted(hidden.tolist(), key=lambda one: (-costs[one], one)):
        knowledge.state[statement] = State.SHOWN
        renewed = {}
        for position in _contradicting(knowledge, proofs, statement):
            world = alternative_world(knowledge, proofs[position].goal, costs=None)
            if world is None:
                knowledge.state[statement] = State.SAFE
                break
            renewed[position] = world
        else:
            for position, world in renewed.items():
                proofs[position] = world


def _contradicting(knowledge: Knowledge, worlds: Sequence[World], statement: int) -> list[int]:
    """Positions of the worlds in which a figure that is shown would differ."""
    counted = np.zeros(len(knowledge.population.atoms), dtype=np.bool_)
    counted[knowledge.statements[statement].members] = True
    only = np.array([statement])
    found = []
    for position, world in enumerate(worlds):
        change = world.changes[counted[world.atoms]].sum()
        if abs(change) > TOLERANCE:
            low, high = knowledge.limits(world.goal.view, only)
            value = knowledge.values[statement] + change
            if value < low[0] - TOLERANCE or value > high[0] + TOLERANCE:
                found.append(position)
    return found
