"""Counts that must stay possible, so that a hidden count is not narrowed.

A *target* is a set of atoms whose count must not be found. For each attacker (the public, or a
contributor, for whom the count is that of the others) there is a *requirement*: the feasible range
must not be a proper part of 1 to below the threshold. It names options; the goals of one of them
must be reached, each by a world of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from broker.figures.disclosure.knowledge import UNLIMITED, Knowledge, State, View
from broker.figures.disclosure.population import Integers
from broker.figures.disclosure.worlds import Goal

__all__ = ["Requirement", "Target", "is_unsafe", "requirements"]


@dataclass(frozen=True, slots=True)
class Target:
    """A count to protect.

    Attributes:
        key: name for the order of work and for reports.
        members: its atoms.
        threshold: the range from 1 to below this must not be narrowed.
        statement: index of its statement; None if no release names it (a difference of two).
        before: count of each contributor in an earlier release. The target is then the change since
            it, instead of the count.
    """

    key: str
    members: Integers
    threshold: int
    statement: int | None
    before: Integers | None = None


@dataclass(frozen=True, slots=True)
class Requirement:
    """Options, each a list of goals; all goals of at least one option must be reached."""

    target: Target
    options: tuple[tuple[Goal, ...], ...]


def is_unsafe(own: Integers, threshold: int) -> bool:
    """Find a count that is small, for the public or for a contributor who knows its own cases.

    Args:
        own: cases of each contributor.
        threshold: counts below this are small.
    """
    value = own.sum()
    return bool(0 < value < threshold or _small(value - own, threshold).any())


def requirements(knowledge: Knowledge, target: Target, *, merged: bool) -> Iterator[Requirement]:
    """The requirements of a target.

    Args:
        knowledge: what is told of every count.
        target: the count to protect.
        merged: whether a world must suit all contributors without a case in the target, or a part
            in its change, at once. There are fewer requirements then, and each is stronger.
    """
    if target.before is not None:
        yield from _of_change(knowledge, target, target.before, merged=merged)
        return
    own = knowledge.population.own_of(target.members)
    value = int(own.sum())
    if 0 < value < target.threshold:
        attackers = own < value
        bystanders = attackers & (own == 0)
        groups = [attackers] if merged else [np.zeros_like(attackers), *_singles(bystanders)]
        for group in groups:
            yield Requirement(target, _bystander_options(knowledge, target, group))
        if not (merged and len(target.members) == 1):
            for single in _singles(attackers & (own > 0)):
                yield Requirement(target, _contributor_options(knowledge, target, single, own))
    else:
        for single in _singles(_small(value - own, target.threshold)):
            yield Requirement(target, _contributor_options(knowledge, target, single, own))


def _bystander_options(
    knowledge: Knowledge, target: Target, group: npt.NDArray[np.bool_]
) -> tuple[tuple[Goal, ...], ...]:
    """For the public and contributors without a case in the target."""
    count = _Count(knowledge.view(group), target, np.zeros_like(target.members), 0)
    if _told(knowledge, target):
        return (count.whole,)
    return (count.none, count.many, count.whole)


def _contributor_options(
    knowledge: Knowledge, target: Target, single: npt.NDArray[np.bool_], own: Integers
) -> tuple[tuple[Goal, ...], ...]:
    """For a contributor with a case in the target: the count is that of the others."""
    view, mine = knowledge.view(single), int(own[single][0])
    count = _Count(view, target, view.least[target.members], mine)
    if not _told(knowledge, target):
        return (count.none, count.many, count.whole)
    if own.sum() < target.threshold:
        return (count.none,)
    return (count.whole,) if mine >= target.threshold else (count.many,)


def _of_change(
    knowledge: Knowledge, target: Target, before: Integers, *, merged: bool
) -> Iterator[Requirement]:
    """The change since an earlier release is possibly nothing, or large."""
    now = knowledge.population.own_of(target.members)
    change = int(now.sum() - before.sum())
    attackers = _small(np.abs(change - (now - before)), target.threshold)
    bystanders = attackers & (now == before)
    groups = _singles(attackers & ~bystanders)
    if 0 < abs(change) < target.threshold:
        public = np.zeros_like(attackers)
        groups += [bystanders] if merged else [public, *_singles(bystanders)]
    for group in groups:
        view = knowledge.view(group, trusting=False)
        unchanged = int(now[group].sum() + before[~group].sum())
        count = _Count(view, target, view.least[target.members], unchanged)
        yield Requirement(target, (count.none, count.many, count.many_less))


@dataclass(frozen=True, slots=True)
class _Count:
    """The count of a target, as those with a view see it, from a number that they know."""

    view: View
    target: Target
    least: Integers
    known: int

    def _goal(self, low: int, high: int) -> Goal:
        return Goal(self.view, self.target.members, self.least, low, high)

    def _exactly(self, count: int) -> Goal:
        return self._goal(self.known + count, self.known + count)

    @property
    def none(self) -> tuple[Goal, ...]:
        return (self._exactly(0),)

    @property
    def many(self) -> tuple[Goal, ...]:
        return (self._goal(self.known + self.target.threshold, UNLIMITED),)

    @property
    def many_less(self) -> tuple[Goal, ...]:
        return (self._goal(0, self.known - self.target.threshold),)

    @property
    def whole(self) -> tuple[Goal, ...]:
        return (self._exactly(1), self._exactly(self.target.threshold - 1))


def _told(knowledge: Knowledge, target: Target) -> bool:
    if target.statement is None:
        return False
    return bool(knowledge.state[target.statement] in (State.SMALL, State.DOMINATED))


def _small(values: Integers, threshold: int) -> npt.NDArray[np.bool_]:
    return (values > 0) & (values < threshold)


def _singles(members: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.bool_]]:
    """Each contributor of a set alone."""
    found = []
    for position in np.nonzero(members)[0]:
        single = np.zeros(len(members), dtype=np.bool_)
        single[position] = True
        found.append(single)
    return found
