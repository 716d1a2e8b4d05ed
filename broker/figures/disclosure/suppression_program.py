"""Mixed-integer program for the cheapest set of hidden figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from broker.figures.disclosure.knowledge import UNLIMITED, Knowledge, State
from broker.figures.disclosure.population import Integers
from broker.figures.disclosure.solver import Problem, solve
from broker.figures.disclosure.worlds import Goal

__all__ = ["SuppressionProgram"]


class SuppressionProgram:
    """Columns: one binary for each figure that may be hidden, then options and changes of worlds.

    Hiding costs first the number of figures and then the sum of their counts.
    """

    def __init__(self, knowledge: Knowledge, hideable: Integers, largest: int) -> None:
        """Begin with no requirement.

        Args:
            knowledge: what is told of every count while all these figures are shown.
            hideable: statements that may be hidden.
            largest: bound of every change of a count.
        """
        self._knowledge = knowledge
        self._hideable = hideable
        self._largest = largest
        values = knowledge.values[hideable]
        self._cost = (values + values.sum() + 1).astype(float).tolist()
        self._low = [0.0] * len(hideable)
        self._high = [1.0] * len(hideable)
        self._switch = dict(zip(hideable.tolist(), range(len(hideable)), strict=True))
        self._row_low: list[float] = []
        self._row_high: list[float] = []
        self._entries: list[tuple[int, int, float]] = []

    def add_requirement(self, options: Sequence[Sequence[Goal]]) -> None:
        """Demand worlds for all goals of at least one option."""
        chosen = [self._add_column(0, 1) for _ in options]
        self._add_row(dict.fromkeys(chosen, 1.0), 1, np.inf)
        for column, option in zip(chosen, options, strict=True):
            for goal in option:
                self._add_world(goal, column)

    def hidden(self) -> Integers | None:
        """The statements of a cheapest solution; None if there is none."""
        entries = sorted((column, row, value) for row, column, value in self._entries)
        columns = np.array([column for column, _, _ in entries], dtype=np.int64)
        answer = solve(
            Problem(
                cost=np.array(self._cost),
                low=np.array(self._low),
                high=np.array(self._high),
                row_low=np.array(self._row_low),
                row_high=np.array(self._row_high),
                starts=np.searchsorted(columns, np.arange(len(self._cost) + 1)),
                rows=np.array([row for _, row, _ in entries], dtype=np.int64),
                values=np.array([value for _, _, value in entries]),
                integers=True,
            )
        )
        return None if answer is None else self._hideable[answer[: len(self._hideable)] > 0.5]

    def _add_column(self, low: float, high: float) -> int:
        self._cost.append(0.0)
        self._low.append(low)
        self._high.append(high)
        return len(self._cost) - 1

    def _add_row(self, entries: Mapping[int, float], low: float, high: float) -> None:
        row = len(self._row_low)
        self._row_low.append(low)
        self._row_high.append(high)
        self._entries += [(row, column, value) for column, value in entries.items()]

    def _add_world(self, goal: Goal, chosen: int) -> None:
        """Columns for the change of each atom; the goal binds if its option is chosen."""
        knowledge, largest = self._knowledge, float(self._largest)
        totals = knowledge.population.totals
        least = goal.view.least.copy()
        least[goal.members] = goal.least
        changes = [self._add_column(float(low), largest) for low in least - totals]

        value = int(totals[goal.members].sum())
        reached = {changes[atom]: 1.0 for atom in goal.members}
        self._add_row(reached | {chosen: -largest}, goal.low - value - largest, np.inf)
        if goal.high < UNLIMITED:
            self._add_row(reached | {chosen: largest}, -np.inf, goal.high - value + largest)

        told = np.nonzero(knowledge.state != State.NOTHING)[0]
        for one, low, high in zip(told, *knowledge.limits(goal.view, told), strict=True):
            members = knowledge.statements[one].members
            change = {changes[atom]: 1.0 for atom in members}
            below = float(low - knowledge.values[one])
            above = np.inf if high >= UNLIMITED else float(high - knowledge.values[one])
            switch = self._switch.get(int(one))
            if switch is None or goal.view.safe_exact[one]:
                self._add_row(change, below, above)
            else:
                freed = float(low - goal.view.safe_low[one])
                self._add_row(change | {switch: freed}, below, np.inf)
                self._add_row(change | {switch: -largest}, -np.inf, above)
