"""Secondary suppression of large tables: target by target, with a proof for each.

Each goal is reached by a world that is kept as its proof. A world stays valid when further figures
are hidden, so every proof holds at the end (docs/spec/figures.md, Secondary suppression).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from broker.figures.disclosure.cheapest_world import CheapestWorlds
from broker.figures.disclosure.goals import Requirement, Target, requirements
from broker.figures.disclosure.knowledge import Knowledge, State
from broker.figures.disclosure.model import TooLargeError, UnprotectedError
from broker.figures.disclosure.nearest_world import NearestWorlds
from broker.figures.disclosure.population import Integers
from broker.figures.disclosure.solver import Floats
from broker.figures.disclosure.worlds import TOLERANCE, World

__all__ = ["protect_in_turn", "suppression_costs"]


MOST_TRIALS = 10_000_000
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
        TooLargeError: the proofs need more linear problems than a release may have.
    """
    costs = suppression_costs(knowledge)
    search = _Search(knowledge, costs)
    for target in targets:
        if not any(search.reach_all(target, merged=merged) for merged in (True, False)):
            search.reach_without_marks(target)
    _show_again(knowledge, search, costs)
    return search.proofs


class _Search:
    """Proofs of targets, one after the other.

    Attributes:
        proofs: the worlds found so far.
        nearest: search for worlds that hide nothing more.
    """

    def __init__(self, knowledge: Knowledge, costs: Floats) -> None:
        self.proofs: list[World] = []
        self.nearest = NearestWorlds(knowledge)
        self._knowledge = knowledge
        self._costs = costs
        self._cheapest = CheapestWorlds(knowledge, costs)

    def reach_all(self, target: Target, *, merged: bool) -> bool:
        """Find proofs of a target, and hide what they need; tell whether there are any."""
        for requirement in requirements(self._knowledge, target, merged=merged):
            worlds = self._cheapest_worlds(requirement)
            if worlds is None:
                return False
            for world in worlds:
                self._knowledge.state[world.broken] = State.SAFE
            self.proofs += worlds
        return True

    def reach_without_marks(self, target: Target) -> None:
        """Withdraw what marks tell of counts that overlap the target, and else of all counts.

        Raises:
            UnprotectedError: that does not protect it.
        """
        state = self._knowledge.state
        told = (state == State.SMALL) | (state == State.DOMINATED)
        told &= ~self._knowledge.marked
        near = np.zeros_like(told)
        near[np.concatenate([self._knowledge.touching[atom] for atom in target.members])] = True
        for withdrawn in (told & near, told):
            state[withdrawn] = State.NOTHING
            if self.reach_all(target, merged=False):
                return
        raise UnprotectedError

    def _cheapest_worlds(self, requirement: Requirement) -> list[World] | None:
        """Worlds for all goals of the option that hides least; None if no option is possible."""
        for option in requirement.options:
            worlds = _all_found(map(self.nearest.find, option))
            if worlds is not None:
                return worlds
        priced = [
            (float(self._costs[broken].sum()), worlds)
            for option in requirement.options
            if (worlds := _all_found(map(self._cheapest.find, option))) is not None
            for broken in [np.unique(np.concatenate([world.broken for world in worlds]))]
        ]
        return min(priced, key=lambda one: one[0])[1] if priced else None


def _all_found(worlds: Iterable[World | None]) -> list[World] | None:
    """The worlds, if there is one for each goal; the search ends at the first that has none."""
    found = []
    for world in worlds:
        if world is None:
            return None
        found.append(world)
    return found


def _show_again(knowledge: Knowledge, search: _Search, costs: Floats) -> None:
    """Show each figure, the most costly first, without which all goals can still be reached.

    Not in a very large table, and not after the last linear problem that a release may have: that
    is safe, and hides more than it must.
    """
    hidden = np.nonzero(knowledge.state == State.SAFE)[0]
    if len(hidden) * len(search.proofs) > MOST_TRIALS:
        return
    proofs = _Proofs(knowledge, search.proofs)
    for statement in sorted(hidden.tolist(), key=lambda one: (-costs[one], one)):
        knowledge.state[statement] = State.SHOWN
        renewed = {}
        for position in proofs.contradicting(statement):
            try:
                world = search.nearest.find(search.proofs[position].goal)
            except TooLargeError:
                knowledge.state[statement] = State.SAFE
                return
            if world is None:
                knowledge.state[statement] = State.SAFE
                break
            renewed[position] = world
        else:
            proofs.renew(renewed)


class _Proofs:
    """Proofs of all goals, and the changes that they make, in one array.

    Args:
        knowledge: what is told of every count.
        worlds: the proofs; `renew` replaces some of them.
    """

    def __init__(self, knowledge: Knowledge, worlds: list[World]) -> None:
        self._knowledge = knowledge
        self._worlds = worlds
        self._gather()

    def renew(self, worlds: Mapping[int, World]) -> None:
        """Replace the proofs at some positions."""
        for position, world in worlds.items():
            self._worlds[position] = world
        if worlds:
            self._gather()

    def contradicting(self, statement: int) -> list[int]:
        """Positions of the worlds that a figure does not allow when it is shown."""
        knowledge, only = self._knowledge, np.array([statement])
        counted = np.zeros(len(knowledge.population.atoms), dtype=np.bool_)
        counted[knowledge.statements[statement].members] = True
        inside = counted[self._atoms]
        changes = np.bincount(
            self._positions[inside], self._changes[inside], minlength=len(self._worlds)
        )
        found = []
        for position in np.nonzero(np.abs(changes) > TOLERANCE)[0].tolist():
            low, high = knowledge.limits(self._worlds[position].goal.view, only)
            value = knowledge.values[statement] + changes[position]
            if value < low[0] - TOLERANCE or value > high[0] + TOLERANCE:
                found.append(position)
        return found

    def _gather(self) -> None:
        sizes = [len(world.atoms) for world in self._worlds]
        self._positions: Integers = np.repeat(np.arange(len(sizes)), sizes)
        nothing = np.zeros(0, dtype=np.int64)
        self._atoms: Integers = np.concatenate([nothing, *(one.atoms for one in self._worlds)])
        self._changes: Floats = np.concatenate(
            [np.zeros(0), *(one.changes for one in self._worlds)]
        )
