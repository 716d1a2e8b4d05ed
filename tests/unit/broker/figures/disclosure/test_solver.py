"""Linear problems: the least change that solves one, or a proof that none does."""

from __future__ import annotations

import numpy as np

from broker.figures.disclosure.solver import Contradiction, Floats, LeastChange, Problem

EQUAL = np.ones(2)


def least_change(asked: Problem, falls: Floats = EQUAL) -> Floats | Contradiction:
    return LeastChange().solve(asked, falls)


def problem(low: list[float], row_low: list[float], row_high: list[float]) -> Problem:
    """Rows x + y and x, with x and y from `low`."""
    return Problem(
        cost=EQUAL,
        low=np.array(low),
        high=np.full(2, np.inf),
        row_low=np.array(row_low),
        row_high=np.array(row_high),
        starts=np.array([0, 2, 3]),
        rows=np.array([0, 1, 0]),
        values=np.ones(3),
    )


def test_no_column_changes_more_than_it_must() -> None:
    found = least_change(problem([-5, -5], [-5, -5], [5, -3]))
    assert not isinstance(found, Contradiction)
    assert found.tolist() == [-3, 0]


def test_a_column_makes_way_for_another() -> None:
    found = least_change(problem([-5, -5], [-1, 3], [1, 4]))
    assert not isinstance(found, Contradiction)
    assert (found[0], found.sum()) == (3, 1)


def test_a_contradiction_weighs_the_rows_that_cannot_hold_together() -> None:
    found = least_change(problem([-5, -1], [-1, 3], [1, 4]))
    assert isinstance(found, Contradiction)
    x, y = found.weights[1], found.weights[0]
    assert x * y < 0


def test_of_two_changes_the_one_with_the_lower_price_is_made() -> None:
    for falls, expected in (([3.0, 1.0], [0, -3]), ([1.0, 3.0], [-3, 0])):
        asked = problem([-5, -5], [-5, -5], [-3, 5])
        found = least_change(asked, np.array(falls))
        assert not isinstance(found, Contradiction)
        assert found.tolist() == expected


def test_an_answer_does_not_depend_on_the_problems_before() -> None:
    rows = [([-5, -5], [-5, -5], [5, -3]), ([-5, -1], [-1, 3], [1, 4]), ([-5, -5], [-1, 3], [1, 4])]
    solver = LeastChange()
    for asked in [problem(*one) for one in rows * 2]:  # type: ignore[arg-type]
        again, fresh = solver.solve(asked, EQUAL), least_change(asked)
        if isinstance(fresh, Contradiction):
            assert isinstance(again, Contradiction)
            assert again.weights.tolist() == fresh.weights.tolist()
        else:
            assert not isinstance(again, Contradiction)
            assert again.tolist() == fresh.tolist()
