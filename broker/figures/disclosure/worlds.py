"""Alternative worlds: other counts of the atoms that agree with everything that a view knows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from broker.figures.disclosure.knowledge import UNLIMITED, Knowledge, State, View
from broker.figures.disclosure.population import Integers
from broker.figures.disclosure.solver import (
    Contradiction,
    Floats,
    Problem,
    least_change,
    solve,
)

__all__ = ["TOLERANCE", "Goal", "World", "alternative_world", "is_consistent"]

TOLERANCE = 1e-6
NARROW_SCOPE = 8
"""Number of atoms of each statement that may differ at first: small problems answer fast."""
WIDE_SCOPES = (25, 100, 1000)
"""The same where figures may be hidden for a world. All atoms may differ if these do not do."""
ADDED = 32
"""Number of atoms that may differ beside those with which no world was found."""


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
    """A world that reaches a goal; None if there is none.

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
    if integers:
        return _cheapest_world(knowledge, goal, np.arange(everything), costs, integers=True)
    if costs is None:
        return _nearest_world(knowledge, goal)
    for scope in (*WIDE_SCOPES, everything):
        free = _free_atoms(knowledge, goal, scope)
        world = _cheapest_world(knowledge, goal, free, costs, integers=False)
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
        free.append(knowledge.by_size(int(one))[:scope])
    return np.unique(np.concatenate(free))


@dataclass(frozen=True, slots=True)
class _System:
    """Linear system that a goal and its view demand of the changes of some atoms.

    Attributes:
        told: statements of which something is told, one for each row but the last, the goal's.
        low: smallest change of each atom.
        row_low, row_high: limits of the change of each row.
        rows, columns: place of each coefficient, which is 1.
    """

    told: Integers
    low: Floats
    row_low: Floats
    row_high: Floats
    rows: Integers
    columns: Integers


def _system(knowledge: Knowledge, goal: Goal, free: Integers) -> _System:
    totals = knowledge.population.totals
    least = goal.view.least[free]
    inside = np.searchsorted(free, goal.members)
    least[inside] = goal.least
    sets = [knowledge.touching[atom] for atom in free]
    flat = np.concatenate(sets)
    columns = np.repeat(np.arange(len(free)), [len(one) for one in sets])
    known = knowledge.state[flat] != State.NOTHING
    told, rows = np.unique(flat[known], return_inverse=True)
    low, high = knowledge.limits(goal.view, told)
    values, value = knowledge.values[told], totals[goal.members].sum()
    row_high = np.append(high - values, goal.high - value).astype(np.float64)
    row_high[row_high > UNLIMITED // 2] = np.inf
    return _System(
        told=told,
        low=(least - totals[free]).astype(np.float64),
        row_low=np.append(low - values, goal.low - value).astype(np.float64),
        row_high=row_high,
        rows=np.concatenate([rows, np.full(len(inside), len(told))]),
        columns=np.concatenate([columns[known], inside]),
    )


def _nearest_world(knowledge: Knowledge, goal: Goal) -> World | None:
    """The world of least change that hides nothing more; None if there is none.

    Few atoms may differ at first. A proof that these do not do names the statements in the way,
    and atoms that could make way for them are added.
    """
    free = _free_atoms(knowledge, goal, NARROW_SCOPE)
    added = ADDED
    while True:
        system = _system(knowledge, goal, free)
        order = np.lexsort((system.rows, system.columns))
        number = len(free)
        answer = least_change(
            Problem(
                cost=np.zeros(number),
                low=system.low,
                high=np.full(number, np.inf),
                row_low=system.row_low,
                row_high=system.row_high,
                starts=np.append(0, np.cumsum(np.bincount(system.columns, minlength=number))),
                rows=system.rows[order],
                values=np.ones(len(order)),
            )
        )
        if not isinstance(answer, Contradiction):
            differs = np.abs(answer) > TOLERANCE
            nothing = np.zeros(0, dtype=np.int64)
            return World(goal, free[differs], answer[differs], nothing)
        more = _making_way(knowledge, goal, free, system.told, answer.weights)
        if not len(more):
            return None
        free = np.union1d(free, more[:added])
        added *= 2


def _making_way(
    knowledge: Knowledge, goal: Goal, free: Integers, told: Integers, weights: Floats
) -> Integers:
    """Other atoms whose change would resolve a contradiction, the most useful first."""
    totals = knowledge.population.totals
    rises = goal.low > totals[goal.members].sum()
    sign = 1.0 if (weights[-1] > 0) == rises else -1.0
    of_statement = np.zeros(len(knowledge.statements))
    of_statement[told] = sign * weights[:-1]
    use = np.zeros(len(totals))
    for one in np.nonzero(of_statement)[0]:
        use[knowledge.statements[one].members] += of_statement[one]
    use[free] = 0.0
    use[(use < 0) & (totals <= goal.view.least)] = 0.0
    strength = np.abs(use)
    found = np.nonzero(strength > TOLERANCE)[0]
    return found[np.lexsort((-totals[found], -strength[found]))]


def _cheapest_world(
    knowledge: Knowledge, goal: Goal, free: Integers, costs: Floats | None, *, integers: bool
) -> World | None:
    """The world for which the cheapest statements must be hidden; None if there is none."""
    system = _system(knowledge, goal, free)
    entry_rows, entry_columns = system.rows, system.columns
    entry_values = np.ones(len(entry_rows))
    lower = system.low
    upper = np.full(len(free), np.inf)
    prices = np.zeros(len(free))
    soft = np.zeros(0, dtype=np.int64)
    if costs is not None:
        told = system.told
        soft = np.nonzero(knowledge.state[told] == State.SHOWN)[0]
        number = len(soft)
        exact = goal.view.safe_exact[told[soft]]
        values = knowledge.values[told[soft]]
        hidden_low = np.where(exact, 0, goal.view.safe_low[told[soft]] - values)
        below = np.maximum(system.row_low[soft] - hidden_low, 0)
        above = np.where(exact, 0.0, np.inf)
        entry_rows = np.concatenate([entry_rows, soft, soft])
        entry_columns = np.concatenate([entry_columns, len(free) + np.arange(2 * number)])
        entry_values = np.concatenate([entry_values, np.ones(number), -np.ones(number)])
        prices = np.concatenate([prices, np.tile(costs[told[soft]], 2)])
        lower = np.concatenate([lower, np.zeros(2 * number)])
        upper = np.concatenate([upper, below, above])
    order = np.lexsort((entry_rows, entry_columns))
    starts = np.concatenate([[0], np.cumsum(np.bincount(entry_columns, minlength=len(prices)))])
    answer = solve(
        Problem(
            cost=prices,
            low=lower,
            high=upper,
            row_low=system.row_low,
            row_high=system.row_high,
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
    return World(goal, free[differs], changes[differs], system.told[soft[slack > TOLERANCE]])
