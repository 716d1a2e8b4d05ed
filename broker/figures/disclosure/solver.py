"""HiGHS with settings under which the same problem has the same solution everywhere."""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np
import numpy.typing as npt

from broker.figures.disclosure.model import TooLargeError
from broker.figures.disclosure.population import Integers

__all__ = ["Contradiction", "Floats", "LeastChange", "Problem", "solve"]

Floats = npt.NDArray[np.float64]

MOST_NODES = 500
"""Limit of a search for integers. It is a number of nodes because a time would differ."""
MOST_PROBLEMS = 100_000
"""Limit of the linear problems of one release: the estimate before the work may be too low."""
MOST_STEPS = 100_000
"""Limit of the steps of the simplex method for one linear problem."""


@dataclass(slots=True)
class Problem:
    """A linear problem: minimise `cost` under bounds of columns and rows.

    Attributes:
        cost: shape (columns,).
        low: smallest values of the columns.
        high: largest values of the columns.
        row_low: smallest values of the rows.
        row_high: largest values of the rows.
        starts: shape (columns + 1,), first entry of each column in `rows` and `values`.
        rows: row of each entry.
        values: coefficient of each entry.
        integers: whether all columns are whole numbers.
    """

    cost: Floats
    low: Floats
    high: Floats
    row_low: Floats
    row_high: Floats
    starts: Integers
    rows: Integers
    values: Floats
    integers: bool = False


def solve(problem: Problem) -> Floats | None:
    """Values of the columns at an optimum; None if the problem has no solution.

    For whole numbers, the best solution that `MOST_NODES` nodes give.

    Raises:
        ArithmeticError: The solver gives neither a solution nor a proof that there is none.
    """
    lp = highspy.HighsLp()
    lp.num_col_ = len(problem.cost)
    lp.num_row_ = len(problem.row_low)
    lp.col_cost_ = problem.cost
    lp.col_lower_ = problem.low
    lp.col_upper_ = problem.high
    lp.row_lower_ = problem.row_low
    lp.row_upper_ = problem.row_high
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = problem.starts
    lp.a_matrix_.index_ = problem.rows
    lp.a_matrix_.value_ = problem.values
    if problem.integers:
        lp.integrality_ = [highspy.HighsVarType.kInteger] * len(problem.cost)
    highs = _quiet_solver()
    highs.passModel(lp)
    highs.run()
    status = highs.getModelStatus()
    if status in (
        highspy.HighsModelStatus.kInfeasible,
        highspy.HighsModelStatus.kUnboundedOrInfeasible,
    ):
        return None
    feasible = (
        highs.getInfo().primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    )
    if status != highspy.HighsModelStatus.kOptimal and not feasible:
        raise ArithmeticError(f"The solver stopped without an answer: {status.name}.")
    return np.array(highs.getSolution().col_value)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Proof that a linear problem has no solution.

    Attributes:
        weights: shape (rows,). The sum of the rows with these weights cannot lie within the sum of
            their bounds, up to one sign for all.
    """

    weights: Floats


class LeastChange:
    """Solver of many small problems in turn; the answers do not depend on those before."""

    def __init__(self) -> None:
        self._solver = _quiet_solver()
        self._solver.setOptionValue("presolve", "off")
        self._solver.setOptionValue("simplex_iteration_limit", MOST_STEPS)
        self._left = MOST_PROBLEMS

    def solve(self, problem: Problem, falls: Floats) -> Floats | Contradiction:
        """Values of the columns with the least sum of prices of their distances from 0.

        All columns are as near to 0 as they can be at first, so the dual simplex method only has to
        repair the rows that this violates: in a problem that is nearly solved it needs few steps.

        Args:
            problem: its costs are the prices of values above 0, and are at least 0.
            falls: prices of values below 0, at least 0, shape (columns,).

        Raises:
            ArithmeticError: The solver gives neither a solution nor a proof that there is none.
            TooLargeError: It has solved `MOST_PROBLEMS` problems.
        """
        if not self._left:
            raise TooLargeError
        self._left -= 1
        number = len(problem.cost)
        highs = self._solver
        highs.passModel(
            2 * number,
            len(problem.row_low),
            2 * len(problem.rows),
            int(highspy.MatrixFormat.kColwise),
            int(highspy.ObjSense.kMinimize),
            0.0,
            np.concatenate([problem.cost, falls]),
            np.maximum(np.concatenate([problem.low, -problem.high]), 0.0),
            np.maximum(np.concatenate([problem.high, -problem.low]), 0.0),
            problem.row_low,
            problem.row_high,
            np.append(problem.starts, problem.starts[1:] + problem.starts[-1]).astype(np.int32),
            np.tile(problem.rows, 2).astype(np.int32),
            np.append(problem.values, -problem.values),
            np.zeros(2 * number, dtype=np.int32),
        )
        highs.run()
        status = highs.getModelStatus()
        if status == highspy.HighsModelStatus.kOptimal:
            values: Floats = np.array(highs.getSolution().col_value)
            changes: Floats = values[:number] - values[number:]
            return changes
        if status == highspy.HighsModelStatus.kInfeasible:
            # its type stubs lack this method
            _, found, weights = highs.getDualRay()  # type: ignore[attr-defined]
            if found:
                return Contradiction(np.array(weights))
        raise ArithmeticError(f"The solver stopped without an answer: {status.name}.")


class _QuietSolver(highspy.Highs):
    """Solver without callbacks: starting them prints a banner on standard output."""

    def enableCallbacks(self) -> None:  # noqa: N802  # the library's name
        """Start none."""


def _quiet_solver() -> highspy.Highs:
    highs = _QuietSolver()  # type: ignore[no-untyped-call]  # its constructor has no types
    for name, value in (
        ("output_flag", False),
        ("threads", 1),
        ("parallel", "off"),
        ("random_seed", 0),
        ("mip_rel_gap", 0.0),
        ("mip_abs_gap", 0.5),
        ("mip_max_nodes", MOST_NODES),
    ):
        highs.setOptionValue(name, value)
    return highs
