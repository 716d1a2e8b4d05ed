"""Small tables: the fewest figures are hidden, and hidden counts stay open in whole numbers."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.figures.disclosure import Cell, Counts, Mark, Release, exact, protect
from tests.support.disclosure_attack import all_narrowed, enumeration_attack, published_as, table

NAMES = ("1", "2", "3")


def spread(values: list[list[int]]) -> tuple[Counts, list[Cell]]:
    """A table with margins; two agencies share each count, so that neither knows much of it."""
    rows, columns = NAMES[: len(values)], NAMES[: len(values[0])]
    counts = {
        f"{row}|{column}": {"a": values[i][j] // 2, "b": values[i][j] - values[i][j] // 2}
        for i, row in enumerate(rows)
        for j, column in enumerate(columns)
    }
    return counts, table([rows, columns], 5)


def hidden(release: Release) -> dict[str, Mark | None]:
    return {one.cell.key: one.mark for one in release.figures if one.shown is None}


def test_one_small_cell_needs_the_other_corners_of_a_rectangle() -> None:
    counts, cells = spread([[3, 40, 60], [30, 50, 70], [80, 90, 99]])
    found = hidden(protect(counts, cells, round_to=1))
    assert found == {
        "1|1": Mark.PRIMARY,
        "1|2": Mark.SECONDARY,
        "2|1": Mark.SECONDARY,
        "2|2": Mark.SECONDARY,
    }


def test_two_equal_small_cells_on_a_diagonal_share_one_rectangle() -> None:
    counts, cells = spread([[3, 40, 60], [30, 3, 70], [80, 90, 99]])
    assert hidden(protect(counts, cells, round_to=1)).keys() == {"1|1", "1|2", "2|1", "2|2"}


def test_two_different_small_cells_need_more_because_each_would_bound_the_other() -> None:
    counts, cells = spread([[3, 40, 60], [30, 4, 70], [80, 90, 99]])
    marks = dict.fromkeys(("1|1", "2|2"), Mark.PRIMARY)
    marks |= dict.fromkeys(("1|2", "2|1"), Mark.SECONDARY)
    assert all_narrowed(counts, [published_as(counts, cells, marks)])
    assert hidden(protect(counts, cells, round_to=1)).keys() > marks.keys()


def test_rounding_alone_can_be_enough() -> None:
    counts, cells = spread([[3, 40, 60], [30, 52, 71], [82, 91, 99]])
    assert hidden(protect(counts, cells, round_to=5)).keys() == {"1|1"}


def test_no_smaller_set_of_hidden_figures_is_safe() -> None:
    counts, cells = spread([[3, 41], [33, 52]])
    found = hidden(protect(counts, cells, round_to=1))
    primary = {key: mark for key, mark in found.items() if mark is Mark.PRIMARY}
    others = [cell.key for cell in cells if cell.key not in primary]
    for size in range(len(found) - len(primary)):
        for chosen in itertools.combinations(others, size):
            marks = primary | dict.fromkeys(chosen, Mark.SECONDARY)
            assert all_narrowed(counts, [published_as(counts, cells, marks)]), chosen


@pytest.mark.parametrize("largest", [exact.LARGEST, 0], ids=["exact", "in turn"])
def test_the_attack_finds_each_figure_that_is_shown_again(
    largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exact, "LARGEST", largest)
    counts, cells = spread([[3, 40, 60], [30, 50, 70], [80, 90, 99]])
    marks = hidden(protect(counts, cells, round_to=1))
    assert not all_narrowed(counts, [published_as(counts, cells, marks)])
    secondary = [key for key, mark in marks.items() if mark is Mark.SECONDARY]
    assert len(secondary) == 3
    for key in secondary:
        fewer = {other: mark for other, mark in marks.items() if other != key}
        assert all_narrowed(counts, [published_as(counts, cells, fewer)]), key


tiny = st.fixed_dictionaries(
    dict.fromkeys(
        ("1|1", "1|2", "2|1", "2|2"),
        st.fixed_dictionaries({"a": st.integers(0, 4), "b": st.integers(0, 4)}),
    )
)


@settings(max_examples=10, deadline=None)
@given(counts=tiny, threshold=st.integers(2, 4), base=st.sampled_from([1, 3]))
def test_trying_all_worlds_leaves_every_hidden_count_open(
    counts: Counts, threshold: int, base: int
) -> None:
    release = protect(counts, table([("1", "2"), ("1", "2")], threshold), round_to=base)
    for attacker in (None, "a", "b"):
        for _, possible in enumeration_attack(counts, [release], 12, attacker):
            whole = set(range(1, threshold)) <= possible
            outside = any(value < 1 or value >= threshold for value in possible)
            assert whole or outside


def test_the_order_of_the_input_and_the_names_of_agencies_have_no_effect() -> None:
    counts, cells = spread([[3, 40, 60], [30, 4, 70], [80, 90, 99]])
    expected = protect(counts, cells, round_to=5)
    shuffled = random.Random(5)
    for names in itertools.permutations(("x", "y")):
        renamed = {
            atom: {names["ab".index(name)]: number for name, number in of_atom.items()}
            for atom, of_atom in shuffled.sample(sorted(counts.items()), len(counts))
        }
        other = protect(renamed, shuffled.sample(cells, len(cells)), round_to=5)
        for figure in expected.figures:
            found = other[figure.cell.key]
            assert (found.shown, found.mark) == (figure.shown, figure.mark)
