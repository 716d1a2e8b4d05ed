"""Disclosure control of a release: the figures that may be published (docs/spec/figures.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from broker.figures.disclosure.exact import protect_exactly
from broker.figures.disclosure.history import earlier_figures
from broker.figures.disclosure.knowledge import State
from broker.figures.disclosure.model import (
    Cell,
    Counts,
    Figure,
    Mark,
    Release,
    UnprotectedError,
)
from broker.figures.disclosure.population import Population
from broker.figures.disclosure.rounding import rounded
from broker.figures.disclosure.sequential import protect_in_turn
from broker.figures.disclosure.statements import Draft, Statements, drafts_of
from broker.figures.disclosure.work_limits import (
    require_few_cells,
    require_few_numbers,
    require_little_work,
)
from broker.figures.disclosure.worlds import is_consistent

__all__ = ["protect"]


def protect(
    counts: Counts,
    cells: Sequence[Cell],
    *,
    round_to: int,
    secondary: bool = True,
    earlier: Sequence[Release] = (),
) -> Release:
    """The figures of a release, with those hidden that would give a small number away.

    The result depends on the counts, the cells and the earlier releases, not on their order, so all
    parties that hold the same compute the same.

    Args:
        counts: cases of each atom and contributor.
        cells: the cells of all tables that are published together, with different keys. Atoms that
            `counts` lacks have no case.
        round_to: shown counts are rounded to a multiple of this.
        secondary: whether counts are hidden too from which a hidden one follows. Without, only
            small counts are hidden and nothing is guaranteed.
        earlier: all releases so far that share atoms with this one, oldest first.

    Raises:
        ValueError: A count is negative, or two cells have the same key.
        UnprotectedError: Whatever is hidden, a small number of this release or of an earlier one
            could be narrowed, or the proof that it is not was not found or does not hold.
        TooLargeError: The proofs would take more than the allowed work.
    """
    keys = [cell.key for cell in cells]
    if len(set(keys)) != len(keys):
        double = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"Two cells have the key {double!r}.")
    before = earlier_figures(earlier)
    latest = {one.figure.cell.key: one for one in before if one.latest}
    gone = {name for one in before for name in one.figure.by_contributor}
    require_few_cells(len(cells) + len(before))
    atoms = {atom for cell in cells for atom in cell.atoms}
    atoms.update(atom for one in before for atom in one.figure.cell.atoms)
    contributors = gone.union(*counts.values())
    require_few_numbers(len(cells) + len(before), len(atoms), len(contributors))
    population = Population(counts, atoms, gone)
    ordered = sorted(cells, key=lambda cell: cell.key)
    drafts = drafts_of(ordered, population, before, round_to)
    if not secondary:
        found = {draft.cell.key: _primary_only(draft, population, round_to) for draft in drafts}
        return Release(tuple(found[key] for key in keys), round_to)

    hidden_before = [
        one.figure.cell
        for key, one in sorted(latest.items())
        if one.figure.shown is None and key not in set(keys)
    ]
    drafts += drafts_of(hidden_before, population, before, round_to)
    statements = Statements(population, drafts, before, round_to)
    knowledge = statements.knowledge
    states = knowledge.state.copy()
    require_little_work(knowledge, statements.targets)
    try:
        proofs = protect_exactly(knowledge, statements.targets)
    except ArithmeticError:  # the search for whole numbers reached its limit
        knowledge.state[:] = states
        proofs = None
    try:
        if proofs is None:
            proofs = protect_in_turn(knowledge, statements.targets)
    except ArithmeticError as error:
        raise UnprotectedError from error
    if not all(is_consistent(knowledge, world) for world in proofs):
        raise UnprotectedError
    found = {
        draft.cell.key: _figure(
            draft,
            population,
            round_to,
            None if statement is None else State(knowledge.state[statement]),
            told=statement is not None and knowledge.is_told(statement),
            changed=statements.changed,
        )
        for draft, statement in zip(drafts, statements.of_draft, strict=True)
    }
    return Release(tuple(found[key] for key in keys), round_to)


def _figure(
    draft: Draft,
    population: Population,
    round_to: int,
    state: State | None,
    *,
    told: bool,
    changed: bool,
) -> Figure:
    if draft.earlier is not None:
        # all or none are marked: which of them changed would tell of which kind the late cases are
        return replace(draft.earlier.figure, cell=draft.cell, kept=changed)
    own = population.by_contributor(draft.own)
    if state is None or state == State.SHOWN:
        return Figure(draft.cell, rounded(sum(own.values()), round_to), None, own)
    mark = Mark.PRIMARY if told else Mark.SECONDARY
    return Figure(draft.cell, None, mark, own)


def _primary_only(draft: Draft, population: Population, round_to: int) -> Figure:
    own = population.by_contributor(draft.own)
    if draft.unsafe:
        return Figure(draft.cell, None, Mark.PRIMARY, own)
    return Figure(draft.cell, rounded(sum(own.values()), round_to), None, own)
