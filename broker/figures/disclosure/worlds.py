"""Alternative worlds: other counts of the atoms that agree with everything that a view knows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from broker.figures.disclosure.knowledge import UNLIMITED, Knowledge, State, View
from broker.figures.disclosure.population import Integers
from broker.figures.disclosure.solver import Floats, Problem, solve

__all__ = ["TOLERANCE", "Goal", "World", "alternative_world", "is_consistent"]

TOLERANCE = 1e-6
SCOPES = (8, 25, 100)
"""Numbers of atoms of each statement that may differ: small problems answer fast."""
WIDE_SCOPES = (25, 100, 1000)
"""The same where figures may be hidden for a world. All atoms may differ if these do not do."""


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


def alternative_world(
    knowledge: Knowledge, goal: Goal, *, costs: Floats | None, integers: bool = False
) -> World | None:
    """A world that reaches a goal; None if none is found.

    With `costs` or `integers` none is found only if there is none.

    Args:
        knowledge: what is told of every count.
        goal: the count that the world must have.
        costs: price of leaving the published interval of a statement by one case, shape
            (statements,). None: no statement of this release may be hidden for it.
        integers: whether the world must have whole numbers.
    """
    if goal.low > goal.high:
        return None
    if goal.low <= knowledge.population.totals[goal.members].sum() <= goal.high:
        nothing = np.zeros(0, dtype=np.int64)
        return World(goal, nothing, np.zeros(0), nothing)
    everything = len(knowledge.population.atoms)
    scopes = SCOPES if costs is None else (*WIDE_SCOPES, everything)
    for scope in (everything,) if integers else scopes:
        free = _free_atoms(knowledge, goal, scope)
        world = _world(knowledge, goal, free, costs, integers=integers)
        if world is not None or len(free) == everything:
            return world
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


def _free_atoms(knowledge: Knowledge, goal: Goal, scope: int) -> Integers:
    """The atoms of a goal, and the largest of each shown statement that has one of them, sorted.

    Large atoms can lose cases, so they balance what the goal changes.
    """
    totals = knowledge.population.totals
    if scope >= len(totals):
        return np.arange(len(totals))
    touched = np.unique(np.concatenate([knowledge.touching[atom] for atom in goal.members]))
    free = [goal.members]
    for one in touched[knowledge.state[touched] >= State.SHOWN]:
        members = knowledge.statements[one].members
        free.append(members[np.argsort(-totals[members], kind="stable")[:scope]])
    return np.unique(np.concatenate(free))


def _world(
    knowledge: Knowledge, goal: Goal, free: Integers, costs: Floats | None, *, integers: bool
) -> World | None:
    totals = knowledge.population.totals
    least = goal.view.least[free]
    inside = np.searchsorted(free, goal.members)
    least[inside] = goal.least
    low_change = (least - totals[free]).astype(np.float64)

    counts = [len(knowledge.touching[atom]) for atom in free]
    flat = np.concatenate([knowledge.touching[atom] for atom in free])
    columns = np.repeat(np.arange(len(free)), counts)
    known = knowledge.state[flat] != State.NOTHING
    told, rows = np.unique(flat[known], return_inverse=True)
    columns = columns[known]

    low, high = knowledge.limits(goal.view, told)
    values = knowledge.values[told]
    row_low = np.append(low - values, goal.low - totals[goal.members].sum()).astype(np.float64)
    row_high = np.append(high - values, goal.high - totals[goal.members].sum()).astype(np.float64)
    row_high[row_high > UNLIMITED // 2] = np.inf

    entry_rows = np.concatenate([rows, np.full(len(inside), len(told))])
    entry_columns = np.concatenate([columns, inside])
    entry_values = np.ones(len(entry_rows))
    prices = np.zeros(len(free))
    soft = np.zeros(0, dtype=np.int64)
    if costs is not None:
        soft = np.nonzero(knowledge.state[told] == State.SHOWN)[0]
        number = len(soft)
        hidden_low = np.where(
            goal.view.safe_exact[told[soft]], values[soft], goal.view.safe_low[told[soft]]
        )
        below = np.maximum(low[soft] - hidden_low, 0)
        above = np.where(goal.view.safe_exact[told[soft]], 0.0, np.inf)
        entry_rows = np.concatenate([entry_rows, soft, soft])
        entry_columns = np.concatenate([entry_columns, len(free) + np.arange(2 * number)])
        entry_values = np.concatenate([entry_values, np.ones(number), -np.ones(number)])
        prices = np.concatenate([prices, np.tile(costs[told[soft]], 2)])
        low_change = np.concatenate([low_change, np.zeros(2 * number)])
        upper = np.concatenate([np.full(len(free), np.inf), below.astype(np.float64), above])
    else:
        upper = np.full(len(free), np.inf)
    order = np.lexsort((entry_rows, entry_columns))
    starts = np.concatenate([[0], np.cumsum(np.bincount(entry_columns, minlength=len(prices)))])
    answer = solve(
        Problem(
            cost=prices,
            low=low_change,
            high=upper,
            row_low=row_low,
            row_high=row_high,
            starts=starts,
            rows=entry_rows[order],
            values=entry_values[order],
            integers=integers,
        )
    )
    if answer is None:
        return None
    changes = answer[: len(free)]
    slack = answer[len(free) :].reshape(2, -1).sum(axis=0) if costs is not None else np.zeros(0)
    differs = np.abs(changes) > TOLERANCE
    return World(goal, free[differs], changes[differs], told[soft[slack > TOLERANCE]])
