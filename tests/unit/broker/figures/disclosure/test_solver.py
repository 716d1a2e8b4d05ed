"""Linear problems: the least change that solves one, or a proof that none does."""

from __future__ import annotations

import numpy as np

from broker.figures.disclosure.solver import Contradiction, Problem, least_change


def problem(low: list[float], row_low: list[float], row_high: list[float]) -> Problem:
    """Rows x + y and x, with x and y from `low`."""
    return Problem(
        cost=np.zeros(2),
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
