"""Releases of a quarter before a plain reader: late records, withdrawn consent, linked tables."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.figures.disclosure import Cell, Counts, Release, UnprotectedError, exact, protect
from tests.support.disclosure_attack import published_as
from tests.support.plain_reader_attack import plain_reader_attack

DIMENSIONS = (("A", "B", "C"), ("race", "faith", "race+faith"), ("web", "phone"))
ATOMS = ["|".join(one) for one in itertools.product(*DIMENSIONS)]
AGENCIES = ("police", "council", "charity")


def table_by(by: tuple[int, ...], threshold: int, breakdown: int) -> list[Cell]:
    """A table with margins, in which a case with two strands counts for both."""
    values = [[*one, "*"] if at in by else ["*"] for at, one in enumerate(DIMENSIONS)]
    found = {}
    for chosen in itertools.product(*values):
        atoms = frozenset(
            atom
            for atom in ATOMS
            for area, strands, channel in [atom.split("|")]
            if chosen[0] in ("*", area)
            and (chosen[1] in ("*", strands) or chosen[1] in strands.split("+"))
            and chosen[2] in ("*", channel)
        )
        limit = breakdown if "*" not in chosen else threshold
        found["|".join(chosen)] = Cell("|".join(chosen), atoms, limit)
    return list(found.values())


@pytest.mark.parametrize("largest", [exact.LARGEST, 0], ids=["exact", "in turn"])
@settings(max_examples=8, deadline=None)
@given(data=st.data(), threshold=st.integers(2, 6), base=st.sampled_from([1, 3, 5]))
def test_a_reader_of_all_releases_narrows_no_small_number(
    largest: int, data: st.DataObject, threshold: int, base: int
) -> None:
    sizes = st.one_of(st.just(0), st.integers(0, 3), st.integers(0, 20))
    agencies = AGENCIES[: data.draw(st.integers(1, 3))]
    now: Counts = {atom: {name: data.draw(sizes) for name in agencies} for atom in ATOMS}
    history: list[tuple[Counts, Release]] = []
    tables = data.draw(st.lists(st.sampled_from([(0, 1), (0, 2), (1,)]), min_size=1, max_size=3))
    for by in tables:
        cells = table_by(by, threshold, threshold + 4)
        earlier = [release for _, release in history]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(exact, "LARGEST", largest)
            try:
                history.append((now, protect(now, cells, round_to=base, earlier=earlier)))
            except UnprotectedError:
                break
        atom, name = data.draw(st.sampled_from(ATOMS)), data.draw(st.sampled_from(agencies))
        step = data.draw(st.sampled_from([-1, 0, 1, 2, 12]))
        now = {**now, atom: {**now[atom], name: max(0, now[atom][name] + step)}}
    assert not plain_reader_attack(history)


def test_the_reader_finds_a_small_number_that_is_not_protected() -> None:
    counts: Counts = {"x": {"police": 20, "council": 20}, "y": {"police": 1, "council": 2}}
    cells = [Cell(key, frozenset(key), 6) for key in ("x", "y", "xy")]
    unsafe = published_as(counts, cells, {"y": None})
    assert {one.name for one in plain_reader_attack([(counts, unsafe)])} >= {"y", "xy less x"}


def test_the_reader_finds_a_small_change_that_is_not_protected() -> None:
    before: Counts = {"x": {"police": 20, "council": 20}}
    now: Counts = {"x": {"police": 20, "council": 21}}
    cells = [Cell("x", frozenset("x"), 5)]
    releases = [published_as(counts, cells, {}) for counts in (before, now)]
    found = plain_reader_attack([(before, releases[0]), (now, releases[1])])
    assert {one.name for one in found} == {"change of x"}


def test_a_table_without_any_agency_has_only_zeros() -> None:
    release = protect({}, [Cell("x", frozenset("x"), 5)], round_to=5)
    assert release["x"].shown == 0
