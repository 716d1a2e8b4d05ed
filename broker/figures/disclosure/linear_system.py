"""Linear system of the worlds that agree with a view and reach a goal, for some free atoms.

Many statements count the same free atoms. Those become one row, and those of a single free atom
become bounds of its column, so that the solver has few rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from broker.figures.disclosure.knowledge import UNLIMITED, Knowledge, State
from broker.figures.disclosure.population import Integers
from broker.figures.disclosure.solver import Floats
from broker.figures.disclosure.worlds import Goal

__all__ = ["ReducedSystem", "System", "free_atoms"]


def free_atoms(knowledge: Knowledge, goal: Goal, scope: int) -> Integers:
    """The atoms of a goal, and the largest of each shown statement that has one of them, sorted.

    Large atoms can lose cases, so they balance what the goal changes.
    """
    totals = knowledge.population.totals
    if scope >= len(totals):
        return np.arange(len(totals))
    touched = np.unique(np.concatenate([knowledge.touching[atom] for atom in goal.members]))
    free = [goal.members]
    for one in touched[knowledge.state[touched] >= State.SHOWN].tolist():
        free.append(knowledge.by_size(one)[:scope])
    return np.unique(np.concatenate(free))


class System:
    """Demands of a goal and its view on the changes of some atoms.

    Attributes:
        free: the atoms, one for each column.
        told: statements of which something is told, one for each row but the last, the goal's.
        low: smallest change of each atom.
        row_low, row_high: limits of the change of each row.
        rows, columns: place of each coefficient, which is 1, sorted by column.
        starts: first entry of each column, and the number of entries, shape (columns + 1,).
    """

    def __init__(self, knowledge: Knowledge, goal: Goal, free: Integers) -> None:
        totals = knowledge.population.totals
        least = goal.view.least[free]
        inside = np.searchsorted(free, goal.members)
        least[inside] = goal.least
        sets = [knowledge.touching[atom] for atom in free.tolist()]
        flat = np.concatenate(sets)
        columns = np.repeat(np.arange(len(free)), [len(one) for one in sets])
        known = knowledge.state[flat] != State.NOTHING
        flat, columns = flat[known], columns[known]
        told = np.nonzero(np.bincount(flat, minlength=len(knowledge.statements)))[0]
        place = np.empty(len(knowledge.statements), dtype=np.int64)
        place[told] = np.arange(len(told))
        low, high = knowledge.limits(goal.view, told)
        values, value = knowledge.values[told], totals[goal.members].sum()
        self.free = free
        self.told: Integers = told
        self.low: Floats = (least - totals[free]).astype(np.float64)
        self.row_low: Floats = np.append(low - values, goal.low - value).astype(np.float64)
        self.row_high: Floats = np.append(high - values, goal.high - value).astype(np.float64)
        self.row_high[self.row_high > UNLIMITED // 2] = np.inf
        ends = np.searchsorted(columns, inside, side="right")
        self.rows: Integers = np.insert(place[flat], ends, len(told))
        self.columns: Integers = np.insert(columns, ends, inside)
        self.starts: Integers = _starts(self.columns, len(free))


class ReducedSystem:
    """A system with one row for each different set of atoms, and none for a single atom.

    Attributes:
        low, high: smallest and largest change of each atom.
        row_low, row_high: limits of the change of each row.
        rows, columns: place of each coefficient, which is 1, sorted by column.
        starts: first entry of each column, and the number of entries, shape (columns + 1,).
    """

    def __init__(self, system: System, apart: Integers | None = None) -> None:
        """Merge the rows of a system.

        Args:
            system: the full system.
            apart: rows that stay as they are, each a row of its own.
        """
        self._full = system
        number, rows = len(system.free), len(system.row_low)
        sizes = np.bincount(system.rows, minlength=rows)
        # equal sums of random numbers: equal sets, or a world that fails the check of its proof
        tags = np.bincount(system.rows, _tags(number)[system.columns], minlength=rows)
        may_merge = np.ones(rows, dtype=np.bool_)
        if apart is not None:
            may_merge[apart] = False
            tags[apart] = -1.0 - np.arange(len(apart))
        _, first, group = np.unique(tags, return_index=True, return_inverse=True)
        order = np.argsort(group, kind="stable")
        starts = np.append(0, np.cumsum(np.bincount(group))[:-1])
        group_low = np.maximum.reduceat(system.row_low[order], starts)
        group_high = np.minimum.reduceat(system.row_high[order], starts)
        single = (sizes[first] == 1) & may_merge[first]
        column_sums = np.bincount(system.rows, system.columns, minlength=rows).astype(np.int64)
        self._group = group
        self._kept: Integers = np.nonzero(~single)[0]
        self._alone: Integers = np.nonzero(single)[0]
        self._alone_columns: Integers = column_sums[first[self._alone]]
        self.low: Floats = system.low.copy()
        self.high: Floats = np.full(number, np.inf)
        self.low[self._alone_columns] = np.maximum(
            self.low[self._alone_columns], group_low[self._alone]
        )
        self.high[self._alone_columns] = group_high[self._alone]
        self.row_low: Floats = group_low[self._kept]
        self.row_high: Floats = group_high[self._kept]
        self._place: Integers = np.full(rows, -1)
        self._place[first[self._kept]] = np.arange(len(self._kept))
        reduced = self._place[system.rows]
        used = reduced >= 0
        self.rows: Integers = reduced[used]
        self.columns: Integers = system.columns[used]
        self.starts: Integers = _starts(self.columns, number)

    def places(self, rows: Integers) -> Integers:
        """Reduced rows of rows that were kept apart."""
        found: Integers = self._place[rows]
        return found

    def crossed(self) -> Floats | None:
        """Weights of two rows whose limits exclude each other; None if there are none."""
        for groups, found in (
            (self._alone, self.low[self._alone_columns] > self.high[self._alone_columns]),
            (self._kept, self.row_low > self.row_high),
        ):
            if found.any():
                weights = np.zeros(len(self._full.row_low))
                bounds = self._bounds()
                one = groups[found][0]
                weights[bounds.low_row[one]] += 1.0
                weights[bounds.high_row[one]] -= 1.0
                return weights
        return None

    def full_weights(self, weights: Floats, *, rises: bool) -> Floats:
        """Weights of the rows of the full system that prove what those of the reduced rows prove.

        Args:
            weights: of a contradiction, shape of `row_low`, up to one sign for all.
            rises: whether the goal is larger than the true count.

        Returns:
            Weights above 0 for rows whose lower limit is in the way, below 0 for upper ones.
        """
        bounds = self._bounds()
        for sign in (1.0, -1.0):
            full = self._signed(sign * weights, bounds)
            if (full[-1] > TINY) if rises else (full[-1] < -TINY):
                return full
        return np.zeros(len(self._full.row_low))

    def _signed(self, weights: Floats, bounds: _Bounds) -> Floats:
        full = np.zeros(len(self._full.row_low))
        counter = -np.bincount(self.columns, weights[self.rows], minlength=len(self.low))
        counter[np.abs(counter) < TINY] = 0.0
        for groups, of_groups in (
            (self._kept, weights),
            (self._alone, counter[self._alone_columns]),
        ):
            np.add.at(full, bounds.low_row[groups], np.maximum(of_groups, 0.0))
            np.add.at(full, bounds.high_row[groups], np.minimum(of_groups, 0.0))
        return full

    def _bounds(self) -> _Bounds:
        """The rows with the tightest limits; of equal ones, the last, so that it is the goal's."""
        group, row = self._group, np.arange(len(self._group))
        low_row, high_row = (np.empty(int(group.max()) + 1, dtype=np.int64) for _ in range(2))
        order = np.lexsort((row, self._full.row_low, group))
        low_row[group[order]] = order
        order = np.lexsort((row, -self._full.row_high, group))
        high_row[group[order]] = order
        return _Bounds(low_row, high_row)


@dataclass(frozen=True, slots=True)
class _Bounds:
    """For each group of rows, the row with the largest lower limit, and the smallest upper one."""

    low_row: Integers
    high_row: Integers


TINY = 1e-9
"""Smaller weights are rounding errors of the solver."""


@cache
def _tags(number: int) -> Floats:
    """Random whole numbers; sums of as many are exact."""
    largest = 2**52 // max(number, 1)
    return np.random.default_rng(0).integers(1, largest, number).astype(np.float64)


def _starts(columns: Integers, number: int) -> Integers:
    return np.append(0, np.cumsum(np.bincount(columns, minlength=number)))
