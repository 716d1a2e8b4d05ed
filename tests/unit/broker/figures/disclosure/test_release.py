"""Figures of a release: nothing hidden is narrowed for any attacker, in any table."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.figures.disclosure import (
    Cell,
    Counts,
    Mark,
    exact,
    nearest_world,
    protect,
    threshold_for,
)
from contracts.terms import StatisticalControl
from tests.support.disclosure_attack import all_narrowed, table

BOROUGHS = ("Camden", "Brent", "Ealing")
STRANDS = ("race", "disability", "race+disability")


@st.composite
def counts_of(draw: st.DrawFn, atoms: list[str], largest: int = 14) -> Counts:
    agencies = ["police", "council", "charity"][: draw(st.integers(1, 3))]
    sizes = st.one_of(st.just(0), st.integers(0, 3), st.integers(0, largest))
    return {atom: {name: draw(sizes) for name in agencies} for atom in atoms}


def grid(rows: int, columns: int) -> list[str]:
    return [f"{row}|{column}" for row in BOROUGHS[:rows] for column in STRANDS[:columns]]


def linked_cells(threshold: int) -> list[Cell]:
    """A table with margins, in which a case with two strands counts for both."""
    cells = table([BOROUGHS, STRANDS], threshold)
    for row in ("*", *BOROUGHS):
        for strand in ("race", "disability"):
            atoms = frozenset(
                atom
                for atom in grid(3, 3)
                if row in ("*", atom.split("|")[0]) and strand in atom.split("|")[1].split("+")
            )
            cells.append(Cell(f"{row}|with {strand}", atoms, threshold))
    return cells


@pytest.mark.parametrize("largest", [exact.LARGEST, 0], ids=["exact", "in turn"])
@settings(max_examples=12, deadline=None)
@given(counts=counts_of(grid(3, 3)), threshold=st.integers(2, 10), base=st.sampled_from([1, 3, 5]))
def test_no_attacker_narrows_a_hidden_count(
    largest: int, counts: Counts, threshold: int, base: int
) -> None:
    cells = linked_cells(threshold)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "LARGEST", largest)
        release = protect(counts, cells, round_to=base)
    assert not all_narrowed(counts, [release])
    for figure in release.figures:
        assert (figure.shown is None) == (figure.mark is not None)
        if figure.shown is not None:
            assert abs(figure.shown - figure.total) * 2 <= base
            assert figure.total == 0 or figure.total >= threshold


CUBE = ["|".join(one) for one in itertools.product(("x", "y"), ("1", "2"), ("p", "q"))]


@st.composite
def sparse_counts(draw: st.DrawFn) -> Counts:
    """Some atoms cannot have a case, some counts are equal, and some agencies have one case."""
    possible = draw(st.sets(st.sampled_from(CUBE), min_size=1))
    tied = draw(st.integers(1, 12))
    sizes = st.sampled_from([0, 1, tied, tied, 2 * tied])
    agencies = ["police", "council", "charity"][: draw(st.integers(1, 3))]
    return {atom: {name: draw(sizes) for name in agencies} for atom in sorted(possible)}


def tables_of_a_cube(threshold: int) -> list[Cell]:
    """Two tables that share a dimension, and so their margins."""
    tables = {}
    for dimensions in ((0, 1), (0, 2)):
        for chosen in itertools.product("xy*", "12*" if dimensions[1] == 1 else "pq*"):
            fixed = dict(zip(dimensions, chosen, strict=True))
            atoms = frozenset(
                atom
                for atom in CUBE
                if all(one in ("*", atom.split("|")[at]) for at, one in fixed.items())
            )
            key = "|".join(fixed.get(at, "*") for at in range(3))
            tables[key] = Cell(key, atoms, threshold)
    return list(tables.values())


@pytest.mark.parametrize(
    ("largest", "scope"),
    [(exact.LARGEST, nearest_world.SCOPE), (0, nearest_world.SCOPE), (0, 1)],
    ids=["exact", "in turn", "in turn with few atoms"],
)
@settings(max_examples=15, deadline=None)
@given(counts=sparse_counts(), threshold=st.integers(2, 10), base=st.sampled_from([1, 5]))
def test_no_attacker_narrows_a_hidden_count_of_linked_tables(
    largest: int, scope: int, counts: Counts, threshold: int, base: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "LARGEST", largest)
        patch.setattr(nearest_world, "SCOPE", scope)
        patch.setattr(nearest_world, "ADDED", 1 if scope == 1 else nearest_world.ADDED)
        release = protect(counts, tables_of_a_cube(threshold), round_to=base)
    assert not all_narrowed(counts, [release])


def test_small_counts_are_hidden_and_others_shown() -> None:
    counts = {
        "Camden|race": {"police": 30, "council": 31},
        "Brent|race": {"police": 1, "council": 2},
    }
    cells = [Cell(atom, frozenset([atom]), 5) for atom in counts]
    release = protect(counts, cells, round_to=5)
    assert (release["Camden|race"].shown, release["Camden|race"].mark) == (60, None)
    assert (release["Brent|race"].shown, release["Brent|race"].mark) == (None, Mark.PRIMARY)


def test_two_cells_with_one_key_are_refused() -> None:
    cell = Cell("all", frozenset("a"), 5)
    with pytest.raises(ValueError, match="'all'"):
        protect({}, [cell, cell], round_to=5)


def test_zeros_are_shown_but_not_within_a_small_count() -> None:
    many = {"police": 20, "council": 20}
    counts = {"A|r": {"police": 2}, "B|r": many, "B|d": many, "C|r": many}
    release = protect(counts, table([("A", "B", "C"), ("r", "d")], 5), round_to=1)
    assert release["C|d"].shown == 0
    assert (release["A|d"].shown, release["A|d"].mark) == (None, Mark.PRIMARY)


def test_the_others_cases_count_for_each_contributor() -> None:
    cells = [Cell("x", frozenset("x"), 5)]
    assert protect({"x": {"police": 97, "council": 3}}, cells, round_to=5)["x"].shown is None
    assert protect({"x": {"police": 95, "council": 5}}, cells, round_to=5)["x"].shown == 100
    assert protect({"x": {"police": 100}}, cells, round_to=5)["x"].shown == 100


def test_without_secondary_suppression_only_small_counts_are_hidden() -> None:
    counts = {"A|r": {"police": 2}, "A|d": {"police": 30, "council": 30}}
    release = protect(counts, table([("A",), ("r", "d")], 5), round_to=1, secondary=False)
    marks = {one.mark for one in release.figures}
    assert marks == {None, Mark.PRIMARY}


def test_the_limit_for_breakdowns_applies_from_three_dimensions() -> None:
    control = StatisticalControl(
        suppress_below=5,
        round_to=5,
        suppress_breakdown_below=10,
        secondary_suppression=True,
        text="test",
    )
    assert threshold_for(control, ["borough", "strand"], ["borough"]) == 5
    assert threshold_for(control, ["borough", "strand", "channel"], ["borough"]) == 10


@pytest.mark.parametrize(("agreed", "expected"), [(None, 5), (10, 10), (3, 5)])
def test_the_limit_for_areas_applies_to_each_cell_of_an_area(
    agreed: int | None, expected: int
) -> None:
    control = StatisticalControl(
        suppress_below=5,
        round_to=5,
        suppress_breakdown_below=7,
        suppress_area_below=agreed,
        secondary_suppression=True,
        text="test",
    )
    areas = ["borough", "unit_area"]
    for names in (["borough"], ["strand", "unit_area"]):
        assert threshold_for(control, names, areas) == expected
    assert threshold_for(control, ["strand", "channel"], areas) == 5
    assert threshold_for(control, [], areas) == 5
    assert threshold_for(control, ["borough", "strand", "channel"], areas) == max(expected, 7)
