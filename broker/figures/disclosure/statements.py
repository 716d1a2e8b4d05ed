"""Statements of a release before secondary suppression: what is shown, told or withheld."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from broker.figures.disclosure.differences import small_differences
from broker.figures.disclosure.goals import Target, is_unsafe
from broker.figures.disclosure.history import EarlierFigure, repeated_figure
from broker.figures.disclosure.knowledge import Knowledge, State, Statement
from broker.figures.disclosure.model import Cell, Mark
from broker.figures.disclosure.population import Integers, Population
from broker.figures.disclosure.rounding import rounded, rounding_interval

__all__ = ["Draft", "Statements", "drafts_of"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A cell of the release that is being made.

    Attributes:
        cell: the cell.
        members: indices of its atoms.
        own: cases of each contributor, shape (contributors,).
        earlier: the earlier figure that the release repeats; None if it shows a new one.
        changed: whether the count has changed since then.
    """

    cell: Cell
    members: Integers
    own: Integers
    earlier: EarlierFigure | None
    changed: bool

    @property
    def unsafe(self) -> bool:
        """The count must be hidden for its own sake."""
        return is_unsafe(self.own, self.cell.threshold)

    @property
    def hidden_before(self) -> bool:
        """An earlier release hid it, so it stays hidden."""
        return self.earlier is not None and self.earlier.figure.shown is None

    @property
    def mark_tells_nothing(self) -> bool:
        """An earlier release hid it, and its mark says nothing of the count as it is now."""
        if self.earlier is None or self.earlier.figure.shown is not None:
            return False
        return self.changed or (self.unsafe and self.earlier.figure.mark is Mark.SECONDARY)


def drafts_of(
    cells: Iterable[Cell],
    population: Population,
    earlier: Sequence[EarlierFigure],
    round_to: int,
) -> list[Draft]:
    """The cells with their counts, and with the earlier figures that they repeat.

    Args:
        cells: cells of the release.
        population: the counts.
        earlier: the figures of earlier releases, oldest first.
        round_to: base of the release.
    """
    by_key: dict[str, list[EarlierFigure]] = {}
    for one in earlier:
        by_key.setdefault(one.figure.cell.key, []).append(one)
    drafts = []
    for cell in cells:
        members = population.positions(cell.atoms)
        own = population.own_of(members)
        counts = population.by_contributor(own)
        found = repeated_figure(by_key.get(cell.key, ()), counts, round_to)
        changed = found is not None and counts != found.figure.by_contributor
        drafts.append(Draft(cell, members, own, found, changed))
    return drafts


@dataclass(slots=True)
class _Group:
    """Cells with the same atoms, but for atoms that are known to have no case."""

    members: Integers
    threshold: int
    unsafe: bool
    drafts: list[int] = field(default_factory=list)
    hidden_before: bool = False
    told_nothing: bool = False


class Statements:
    """The statements of a release and of those before it.

    Attributes:
        knowledge: their states.
        of_draft: index of the statement of each draft; None if it is shown as 0 or repeated.
        changed: whether any count of an earlier release has changed since.
        targets: counts to protect, the most urgent first.
    """

    def __init__(
        self,
        population: Population,
        drafts: Sequence[Draft],
        earlier: Sequence[EarlierFigure],
        round_to: int,
    ) -> None:
        self._population = population
        self._statements: list[Statement] = []
        self._states: list[State] = []
        self.targets: list[Target] = []
        self.of_draft: list[int | None] = [None] * len(drafts)
        self.changed = False
        without_cases = _atoms_without_cases(population, drafts, earlier)
        for one in earlier:
            self._add_earlier(one, without_cases)
        self._add_drafts(drafts, without_cases, round_to)
        self.knowledge = Knowledge(population, self._statements, self._states)
        self.targets += small_differences(self.knowledge)
        self.targets.sort(key=lambda one: (one.before is not None, len(one.members), one.key))

    def _add(
        self,
        key: str,
        members: Integers,
        threshold: int,
        shown: tuple[int, int],
        state: State,
        *,
        marked: bool = False,
    ) -> int:
        own = self._population.own_of(members)
        self._statements.append(
            Statement(key, members, threshold, int(own.sum()), own, shown, marked)
        )
        self._states.append(state)
        return len(self._statements) - 1

    def _add_earlier(self, earlier: EarlierFigure, without_cases: Integers) -> None:
        """A shown figure binds; one whose count has changed binds as if it allowed both counts."""
        figure = earlier.figure
        everything = self._population.positions(figure.cell.atoms)
        own = self._population.own_of(everything)
        changed = self._population.by_contributor(own) != figure.by_contributor
        self.changed |= changed
        if figure.shown is None:
            return
        members = np.setdiff1d(everything, without_cases, assume_unique=True)
        if not len(members):
            return
        low, high = earlier.interval
        if changed:
            low, high = min(low, int(own.sum())), max(high, int(own.sum()))
        state = State.KEPT if changed else State.FIXED
        threshold = figure.cell.threshold
        self._add(figure.cell.key, members, threshold, (low, high), state)
        if is_unsafe(own, threshold):
            self.targets.append(Target(figure.cell.key, members, threshold, None))
        if changed:
            before = np.array(
                [figure.by_contributor.get(name, 0) for name in self._population.contributors],
                dtype=np.int64,
            )
            self.targets.append(Target(figure.cell.key, members, threshold, None, before))

    def _add_drafts(self, drafts: Sequence[Draft], without_cases: Integers, round_to: int) -> None:
        groups: dict[bytes, _Group] = {}
        for position, draft in enumerate(drafts):
            if draft.earlier is not None and not draft.hidden_before:
                continue
            members = np.setdiff1d(draft.members, without_cases, assume_unique=True)
            if not len(members):
                continue
            group = groups.setdefault(members.tobytes(), _Group(members, 0, unsafe=False))
            group.threshold = max(group.threshold, draft.cell.threshold)
            group.drafts.append(position)
            group.hidden_before |= draft.hidden_before
            group.told_nothing |= draft.mark_tells_nothing
        for group in groups.values():
            group.unsafe = is_unsafe(self._population.own_of(group.members), group.threshold)
        inside = _inside_unsafe(self._population, list(groups.values()))
        for group, is_inside in zip(groups.values(), inside, strict=True):
            value = int(self._population.totals[group.members].sum())
            shown = rounding_interval(rounded(value, round_to), round_to)
            state = _state(group, value, inside=is_inside)
            key = min(drafts[position].cell.key for position in group.drafts)
            statement = self._add(
                key, group.members, group.threshold, shown, state, marked=group.hidden_before
            )
            for position in group.drafts:
                self.of_draft[position] = statement
            if group.unsafe:
                self.targets.append(Target(key, group.members, group.threshold, statement))


def _state(group: _Group, value: int, *, inside: bool) -> State:
    if inside or group.told_nothing:
        return State.NOTHING
    if group.unsafe:
        return State.SMALL if value < group.threshold else State.DOMINATED
    if group.hidden_before:
        return State.SAFE
    return State.SHOWN


def _atoms_without_cases(
    population: Population, drafts: Sequence[Draft], earlier: Sequence[EarlierFigure]
) -> Integers:
    """Atoms of cells that are shown as 0: those of no unsafe cell, and those of any release before.

    A 0 of an earlier table counts also if this table lacks its cell: readers remember it.
    """
    unsafe = [draft.cell.atoms for draft in drafts if draft.unsafe]
    by_atom: dict[str, list[int]] = {}
    for position, atoms in enumerate(unsafe):
        for atom in atoms:
            by_atom.setdefault(atom, []).append(position)
    empty: set[int] = set()
    for one in earlier:
        if one.figure.shown == 0 and not one.figure.by_contributor:
            members = population.positions(one.figure.cell.atoms)
            if not population.own_of(members).any():
                empty.update(members.tolist())
    for draft in drafts:
        if draft.own.any() or draft.earlier is not None or not draft.cell.atoms:
            continue
        first = min(draft.cell.atoms)
        if not any(draft.cell.atoms <= unsafe[one] for one in by_atom.get(first, ())):
            empty.update(draft.members.tolist())
    return np.array(sorted(empty), dtype=np.int64)


def _inside_unsafe(population: Population, groups: Sequence[_Group]) -> list[bool]:
    """For each group, whether it is a proper part of an unsafe one."""
    unsafe: list[list[int]] = [[] for _ in population.atoms]
    for position, group in enumerate(groups):
        if group.unsafe:
            for atom in group.members:
                unsafe[atom].append(position)
    return [
        any(
            len(groups[one].members) > len(group.members)
            and np.isin(group.members, groups[one].members, assume_unique=True).all()
            for one in unsafe[group.members[0]]
        )
        for group in groups
    ]
