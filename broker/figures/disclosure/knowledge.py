"""Limits that readers and contributors know of every count (docs/spec/figures.md, Knowledge).

Each different set of atoms is one *statement*. Its state says what a release, or an earlier one,
tells of its count. A *view* turns the states into limits for those who know the cases of some
contributors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from broker.figures.disclosure.population import Integers, Population

__all__ = ["UNLIMITED", "Knowledge", "State", "Statement", "View"]

UNLIMITED = np.iinfo(np.int64).max // 4
"""Upper limit of a count of which nothing is known."""


class State(IntEnum):
    """Kind of knowledge of a count."""

    NOTHING = 0
    SMALL = 1
    """It is hidden, and is from 1 to below the threshold."""
    DOMINATED = 2
    """It is hidden because a contributor would learn a small number of cases of the others."""
    SAFE = 3
    """It is hidden for the sake of others, so it is safe itself."""
    SHOWN = 4
    """This release shows it, unless it has to hide it."""
    FIXED = 5
    """An earlier release showed it, so it cannot be hidden."""
    KEPT = 6
    """An earlier release showed it, and the count has changed since, so it need not be safe now."""


_VIEWS_KEPT = 64
"""Number of views whose limits are kept, so that memory does not grow with contributors."""
_SHOWN_NOW = (State.SHOWN, State.FIXED)


@dataclass(frozen=True, slots=True)
class Statement:
    """A set of atoms and what it counts.

    Attributes:
        key: key of a cell that counts them.
        members: sorted indices of the atoms.
        threshold: counts from 1 to below this are small.
        value: the count.
        own: cases of each contributor, shape (contributors,).
        shown: smallest and largest count that the published figure allows.
        marked: whether an earlier release has published the mark of it.
    """

    key: str
    members: Integers
    threshold: int
    value: int
    own: Integers
    shown: tuple[int, int]
    marked: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """Knowledge of those who know the cases of some contributors.

    A world that agrees with a view agrees with what each single one of them knows, and the public.

    Attributes:
        least: cases of each atom that are certain, shape (atoms,).
        safe_low: least count of each statement that is safe, shape (statements,).
        safe_exact: statements of which one of them has all cases, if they are safe.
        told_low, told_high: limits of the statements that are hidden for their own sake.
        trusting: whether they take repeated figures, whose count has changed, for nearly true.
    """

    least: Integers
    safe_low: Integers
    safe_exact: npt.NDArray[np.bool_]
    told_low: Integers
    told_high: Integers
    trusting: bool


class Knowledge:
    """States of all statements, and the views on them.

    Attributes:
        population: the atoms.
        statements: the different sets of atoms.
        state: `State` of each statement, shape (statements,); it is changed to hide one.
        values: count of each statement.
        touching: for each atom, the statements that count it.
        marked: statements whose mark an earlier release has published, shape (statements,).
    """

    def __init__(
        self, population: Population, statements: Sequence[Statement], states: Sequence[State]
    ) -> None:
        self.population = population
        self.statements = tuple(statements)
        self.state = np.array(states, dtype=np.int8)
        self.values = np.array([one.value for one in statements], dtype=np.int64)
        self.marked = np.array([one.marked for one in statements], dtype=np.bool_)
        self.sizes = np.array([len(one.members) for one in statements], dtype=np.int64)
        self.touching = _touching(len(population.atoms), [one.members for one in statements])
        width = len(population.contributors)
        own = np.array([one.own for one in statements], dtype=np.int64)
        own = own.reshape(len(statements), width)  # also without contributors
        self._thresholds = np.array([one.threshold for one in statements], dtype=np.int64)
        known_low = own + self._thresholds[:, None]
        self._largest_atoms = _Largest(population.own)
        self._largest_own = _Largest(own)
        self._safe_parts = _Largest(np.where(known_low <= self.values[:, None], known_low, 0))
        self._shown = np.array([one.shown for one in statements], dtype=np.int64).reshape(-1, 2)
        self._limits: dict[int, _Limits] = {}
        self._views: dict[tuple[bytes, bool], View] = {}
        self._by_size: dict[int, Integers] = {}

    def view(self, known: npt.NDArray[np.bool_], *, trusting: bool = True) -> View:
        """The view of a set of contributors, shape (contributors,); none is the public."""
        name = (known.tobytes(), trusting)
        if name not in self._views:
            self._views[name] = self._made_view(known, trusting=trusting)
        return self._views[name]

    def _made_view(self, known: npt.NDArray[np.bool_], *, trusting: bool) -> View:
        low = np.where(self.values >= self._thresholds, self._thresholds, 0)
        own = self._largest_own
        is_known = known[own.contributor] if known.any() else np.zeros(len(low), dtype=np.bool_)
        others = self.values - own.value
        small = is_known & (others > 0) & (others < self._thresholds)
        small &= own.value >= self._thresholds
        is_small = self.values < self._thresholds
        return View(
            least=self._largest_atoms.among(known),
            safe_low=np.maximum(low, self._safe_parts.among(known)),
            safe_exact=is_known & (others == 0) & (self.values > 0),
            told_low=np.where(
                is_small,
                np.minimum(1, self.values),
                np.where(small, np.maximum(low, own.value + 1), low),
            ),
            told_high=np.where(
                is_small,
                self._thresholds - 1,
                np.where(small, own.value + self._thresholds - 1, UNLIMITED),
            ),
            trusting=trusting,
        )

    def by_size(self, statement: int) -> Integers:
        """The atoms of a statement, those with most cases first."""
        if statement not in self._by_size:
            members = self.statements[statement].members
            order = np.argsort(-self.population.totals[members], kind="stable")
            self._by_size[statement] = members[order]
        return self._by_size[statement]

    def is_told(self, statement: int) -> bool:
        """A mark `primary` tells of the statement, or of one that contains it."""
        members = self.statements[statement].members
        others = self.touching[members[0]]
        told = (self.state[others] == State.SMALL) | (self.state[others] == State.DOMINATED)
        return any(
            other == statement
            or np.isin(members, self.statements[other].members, assume_unique=True).all()
            for other in others[told & (self.sizes[others] >= len(members))].tolist()
        )

    def limits(self, view: View, of: Integers) -> tuple[Integers, Integers]:
        """Smallest and largest counts of some statements that agree with what is told of them."""
        kept = self._limits.get(id(view))
        if kept is None:
            if len(self._limits) >= _VIEWS_KEPT:
                self._limits.clear()
            everything = np.arange(len(self.statements))
            kept = _Limits(self.state.copy(), *self._limits_now(view, everything))
            self._limits[id(view)] = kept
        changed = np.nonzero(kept.state != self.state)[0]
        if len(changed):
            kept.state[changed] = self.state[changed]
            kept.low[changed], kept.high[changed] = self._limits_now(view, changed)
        return kept.low[of], kept.high[of]

    def _limits_now(self, view: View, of: Integers) -> tuple[Integers, Integers]:
        state = self.state[of]
        public = (state >= State.SHOWN) if view.trusting else np.isin(state, _SHOWN_NOW)
        safe = (state >= State.SAFE) & (state <= State.FIXED)
        told = (state == State.SMALL) | (state == State.DOMINATED)
        low = np.where(public, self._shown[of, 0], 0)
        high = np.where(public, self._shown[of, 1], UNLIMITED)
        low = np.where(safe, np.maximum(low, view.safe_low[of]), low)
        low = np.where(told, view.told_low[of], low)
        high = np.where(told, view.told_high[of], high)
        exact = safe & view.safe_exact[of]
        return np.where(exact, self.values[of], low), np.where(exact, self.values[of], high)


@dataclass(frozen=True, slots=True)
class _Limits:
    """Limits of all statements in the eyes of a view, and the states for which they hold."""

    state: npt.NDArray[np.int8]
    low: Integers
    high: Integers


class _Largest:
    """The largest number of each row, among some columns (contributors).

    Attributes:
        contributor: column of the largest number of all, shape (rows,).
        value: that number; 0 if there are no columns.
    """

    def __init__(self, numbers: Integers) -> None:
        self._numbers = numbers
        rows, width = numbers.shape
        self.contributor: Integers = np.zeros(rows, dtype=np.int64)
        self.value: Integers = np.zeros(rows, dtype=np.int64)
        if width:
            self.contributor = numbers.argmax(axis=1)
            self.value = numbers[np.arange(rows), self.contributor]

    def among(self, columns: npt.NDArray[np.bool_]) -> Integers:
        """The largest number of each row in some columns; 0 if there are none."""
        if 2 * columns.sum() <= len(columns):
            some: Integers = np.max(self._numbers[:, columns], axis=1, initial=0)
            return some
        found = self.value.copy()
        others = np.nonzero(~columns[self.contributor])[0]
        found[others] = np.max(self._numbers[others], axis=1, initial=0, where=columns)
        return found


def _touching(atoms: int, members: Sequence[Integers]) -> list[Integers]:
    """For each atom, the sorted indices of the sets that have it."""
    if not members:
        return [np.zeros(0, dtype=np.int64)] * atoms
    flat = np.concatenate(members)
    sets = np.repeat(np.arange(len(members)), [len(one) for one in members])
    order = np.argsort(flat, kind="stable")
    return np.split(sets[order], np.cumsum(np.bincount(flat, minlength=atoms))[:-1])
