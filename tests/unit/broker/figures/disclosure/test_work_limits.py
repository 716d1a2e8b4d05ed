"""Limits of work: a table above them is refused before a linear problem is solved."""

from __future__ import annotations

import pytest

from broker.figures.disclosure import (
    Cell,
    Counts,
    Release,
    TooLargeError,
    exact,
    protect,
    sequential,
    solver,
    work_limits,
)
from tests.support.disclosure_attack import all_narrowed, table

NAMES = ("1", "2", "3")
SIZES = [[3, 40, 60], [30, 4, 70], [80, 90, 99]]
COUNTS: Counts = {
    f"{row}|{column}": {"a": SIZES[i][j] // 2, "b": SIZES[i][j] - SIZES[i][j] // 2}
    for i, row in enumerate(NAMES)
    for j, column in enumerate(NAMES)
}
CELLS = table([NAMES, NAMES], 5)


def made(*earlier: Release) -> Release:
    return protect(COUNTS, CELLS, round_to=1, earlier=earlier)


@pytest.fixture(autouse=True)
def _in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "LARGEST", 0)


@pytest.mark.parametrize(
    ("limit", "most"),
    [("MOST_CELLS", len(CELLS) - 1), ("MOST_NUMBERS", 2 * (16 + 9) - 1), ("MOST_WORK", 3_000)],
)
def test_a_table_above_a_limit_is_refused_before_the_work(
    limit: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_limits, limit, most)
    monkeypatch.setattr(solver.LeastChange, "solve", None)
    monkeypatch.setattr(solver, "solve", None)
    with pytest.raises(TooLargeError):
        made()


def test_a_table_at_the_limits_of_size_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_limits, "MOST_CELLS", len(CELLS))
    monkeypatch.setattr(work_limits, "MOST_NUMBERS", 2 * (16 + 9))
    assert made()["*|*"].shown is not None


def test_earlier_cells_count_once_however_often_they_were_released(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = made()
    monkeypatch.setattr(work_limits, "MOST_CELLS", 2 * len(CELLS))
    again = made(first, first, first)
    assert [one.shown for one in again.figures] == [one.shown for one in first.figures]
    other = protect(COUNTS, [Cell("1", CELLS[-1].atoms, 5)], round_to=1)
    with pytest.raises(TooLargeError):
        made(first, other)


def test_a_table_that_needs_more_problems_than_allowed_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(solver, "MOST_PROBLEMS", 0)
    with pytest.raises(TooLargeError):
        made()


def test_after_the_last_problem_hidden_figures_stay_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    show_again = sequential._show_again

    def without_problems(knowledge, search, costs):  # type: ignore[no-untyped-def]
        search.nearest._solver._left = 0
        show_again(knowledge, search, costs)

    best = made()
    monkeypatch.setattr(sequential, "_show_again", without_problems)
    release = made()
    assert not all_narrowed(COUNTS, [release])
    hidden = {one.cell.key for one in release.figures if one.shown is None}
    assert hidden >= {one.cell.key for one in best.figures if one.shown is None}
