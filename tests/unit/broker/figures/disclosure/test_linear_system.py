"""Merged rows say the same as all rows, and their contradictions name the rows in the way."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.figures.disclosure.knowledge import Knowledge, State, Statement
from broker.figures.disclosure.linear_system import ReducedSystem, System
from broker.figures.disclosure.population import Population
from broker.figures.disclosure.solver import Contradiction, LeastChange, Problem
from broker.figures.disclosure.worlds import Goal

ATOMS = 5


@st.composite
def goals(draw: st.DrawFn) -> tuple[Knowledge, Goal]:
    """Shown counts of random sets of atoms, and a goal for one more set."""
    counts = {str(one): {"a": draw(st.integers(0, 6))} for one in range(ATOMS)}
    population = Population(counts, counts)
    statements = []
    for number in range(draw(st.integers(1, 8))):
        members = np.array(sorted(draw(st.sets(st.integers(0, ATOMS - 1), min_size=1))))
        own = population.own_of(members)
        value = int(own.sum())
        shown = (value - draw(st.integers(0, 2)), value + draw(st.integers(0, 2)))
        statements.append(Statement(str(number), members, 3, value, own, shown))
    knowledge = Knowledge(population, statements, [State.SHOWN] * len(statements))
    wanted = np.array(sorted(draw(st.sets(st.integers(0, ATOMS - 1), min_size=1))))
    total = int(population.totals[wanted].sum())
    low = max(0, total + draw(st.integers(-6, 6)))
    view = knowledge.view(np.zeros(1, dtype=np.bool_))
    return knowledge, Goal(view, wanted, np.zeros_like(wanted), low, low + draw(st.integers(0, 2)))


@settings(deadline=None)
@given(goals())
def test_merged_rows_have_the_solutions_of_all_rows(asked: tuple[Knowledge, Goal]) -> None:
    knowledge, goal = asked
    system = System(knowledge, goal, np.arange(ATOMS))
    prices = np.ones(ATOMS)
    whole = LeastChange().solve(
        Problem(
            cost=prices,
            low=system.low,
            high=np.full(ATOMS, np.inf),
            row_low=system.row_low,
            row_high=system.row_high,
            starts=system.starts,
            rows=system.rows,
            values=np.ones(len(system.rows)),
        ),
        prices,
    )
    reduced = ReducedSystem(system)
    weights = reduced.crossed()
    if weights is None:
        answer = LeastChange().solve(
            Problem(
                cost=prices,
                low=reduced.low,
                high=reduced.high,
                row_low=reduced.row_low,
                row_high=reduced.row_high,
                starts=reduced.starts,
                rows=reduced.rows,
                values=np.ones(len(reduced.rows)),
            ),
            prices,
        )
        if not isinstance(answer, Contradiction):
            assert not isinstance(whole, Contradiction)
            assert np.isclose(np.abs(answer).sum(), np.abs(whole).sum())
            return
        total = knowledge.population.totals[goal.members].sum()
        weights = reduced.full_weights(answer.weights, rises=bool(goal.low > total))
    assert isinstance(whole, Contradiction)
    assert proves_that_nothing_fits(system, weights)


def proves_that_nothing_fits(system: System, weights: np.ndarray) -> bool:
    """The weighted sum of the rows is at least more than any changes of the atoms can give."""
    limits = np.where(weights > 0, system.row_low, system.row_high)
    least = (weights[weights != 0] * limits[weights != 0]).sum()
    of_atoms = np.bincount(system.columns, weights[system.rows], minlength=ATOMS)
    assert (of_atoms <= 1e-9).all(), "atoms can rise without a limit"
    return bool((of_atoms * system.low).sum() < least - 1e-9)


def test_rows_that_are_kept_apart_have_a_row_each() -> None:
    counts = {"x": {"a": 4}, "y": {"a": 4}}
    population = Population(counts, counts)
    both, one = np.array([0, 1]), np.array([0])
    statements = [
        Statement(key, members, 3, 4 * len(members), population.own_of(members), (3, 9))
        for key, members in (("1", both), ("2", both), ("3", one), ("4", one))
    ]
    knowledge = Knowledge(population, statements, [State.SHOWN] * 4)
    goal = Goal(knowledge.view(np.zeros(1, dtype=np.bool_)), one, np.zeros(1, dtype=int), 5, 5)
    system = System(knowledge, goal, both)
    assert len(ReducedSystem(system).row_low) == 1
    reduced = ReducedSystem(system, np.arange(4))
    places = reduced.places(np.arange(4))
    assert sorted(places.tolist()) == [0, 1, 2, 3]
    assert np.bincount(reduced.rows)[places].tolist() == [2, 2, 1, 1]
