"""Earlier releases: later tables, and corrected counts, give no small number away."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.figures.disclosure import (
    Cell,
    Counts,
    Mark,
    Release,
    UnprotectedError,
    exact,
    protect,
)
from broker.figures.disclosure.history import earlier_figures
from tests.support.disclosure_attack import (
    Range,
    all_narrowed,
    attackers,
    change_attack,
    table,
)

ROWS, COLUMNS, DEPTHS = ("A", "B"), ("r", "d"), ("web", "phone")
ATOMS = [f"{row}|{column}|{depth}" for row in ROWS for column in COLUMNS for depth in DEPTHS]
AGENCIES = ("police", "council")
small_counts = st.one_of(st.just(0), st.integers(0, 3), st.integers(0, 30))
drawn_counts = st.fixed_dictionaries(
    dict.fromkeys(ATOMS, st.fixed_dictionaries(dict.fromkeys(AGENCIES, small_counts)))
)


def tables(threshold: int) -> tuple[list[Cell], list[Cell]]:
    """The cells by row and column, and those by row and depth, of one set of atoms."""
    cells = table([ROWS, COLUMNS, DEPTHS], threshold)
    by_column = [cell for cell in cells if cell.key.split("|")[2] == "*"]
    by_depth = [cell for cell in cells if cell.key.split("|")[1] == "*"]
    return by_column, by_depth


@settings(max_examples=10, deadline=None)
@given(counts=drawn_counts, threshold=st.integers(3, 10), base=st.sampled_from([1, 5]))
def test_a_later_table_narrows_nothing_that_an_earlier_one_hid(
    counts: Counts, threshold: int, base: int
) -> None:
    by_column, by_depth = tables(threshold)
    first = protect(counts, by_column, round_to=base)
    try:
        second = protect(counts, by_depth, round_to=base, earlier=[first])
    except UnprotectedError:  # rare, see below; nothing is published then
        return
    assert not all_narrowed(counts, [first, second])
    for figure in second.figures:
        if figure.cell.key in {one.cell.key for one in first.figures}:
            assert (figure.shown, figure.mark) == (
                first[figure.cell.key].shown,
                first[figure.cell.key].mark,
            )


def of_police(**numbers: int) -> Counts:
    """Counts of one agency, the others have no case; `A_r_web` is the atom `A|r|web`."""
    return {atom: {"police": numbers.get(atom.replace("|", "_"), 0)} for atom in ATOMS}


def test_the_mark_of_an_earlier_release_is_never_withdrawn() -> None:
    counts = of_police(A_r_web=2, A_r_phone=1, A_d_phone=1, B_r_phone=4)
    by_column, by_depth = tables(3)
    first = protect(counts, by_column, round_to=1)
    second = protect(counts, by_depth, round_to=1, earlier=[first])
    assert not all_narrowed(counts, [first, second])
    assert [one for one in second.figures if one.shown is not None]


def test_a_table_that_no_hiding_makes_safe_is_not_published() -> None:
    """Web and phone have at least 5 cases each, hidden or not; so `d` has 3 or 4, not 1 to 4."""
    counts = of_police(
        A_r_web=2, A_r_phone=2, A_d_web=1, A_d_phone=2, B_r_web=1, B_r_phone=2, B_d_web=1
    )
    by_column, by_depth = tables(5)
    first = protect(counts, by_column, round_to=5)
    with pytest.raises(UnprotectedError):
        protect(counts, by_depth, round_to=5, earlier=[first])


def test_without_the_earlier_release_the_later_table_gives_a_hidden_count_away() -> None:
    counts = {"x": {"police": 40, "council": 40}, "y": {"police": 1, "council": 2}}
    inner = [Cell("x", frozenset("x"), 5)]
    whole = [Cell("x and y", frozenset("xy"), 5)]
    first = protect(counts, inner, round_to=1)
    unaware = protect(counts, whole, round_to=1)
    assert unaware["x and y"].shown == 83
    assert all_narrowed(counts, [first, unaware])
    aware = protect(counts, whole, round_to=1, earlier=[first])
    assert (aware["x and y"].shown, aware["x and y"].mark) == (None, Mark.SECONDARY)


@settings(max_examples=10, deadline=None)
@given(before=drawn_counts, data=st.data(), threshold=st.integers(3, 10))
def test_corrected_counts_reveal_no_small_change(
    before: Counts, data: st.DataObject, threshold: int
) -> None:
    now = {
        atom: {name: max(0, count + data.draw(st.integers(-2, 2))) for name, count in of.items()}
        for atom, of in before.items()
    }
    by_column, by_depth = tables(threshold)
    first = protect(before, by_column, round_to=1)
    try:
        second = protect(now, by_depth, round_to=1, earlier=[first])
    except UnprotectedError:
        return
    assert not narrowed_changes(now, [first, second])


FOUR = ("police", "council", "charity", "helpline")


@settings(max_examples=15, deadline=None)
@given(
    before=st.fixed_dictionaries(
        dict.fromkeys(ATOMS, st.fixed_dictionaries(dict.fromkeys(FOUR, st.integers(0, 12))))
    ),
    late=st.dictionaries(st.sampled_from(ATOMS), st.integers(1, 2), min_size=1, max_size=3),
    by=st.sampled_from(FOUR),
    threshold=st.integers(3, 10),
)
def test_late_cases_of_one_agency_are_not_found_by_agencies_without_any(
    before: Counts, late: dict[str, int], by: str, threshold: int
) -> None:
    now = {
        atom: {name: count + late.get(atom, 0) * (name == by) for name, count in of.items()}
        for atom, of in before.items()
    }
    by_column, by_depth = tables(threshold)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "LARGEST", 0)
        first = protect(before, by_column, round_to=1)
        try:
            second = protect(now, by_depth, round_to=1, earlier=[first])
        except UnprotectedError:
            return
    assert not narrowed_changes(now, [first, second])


def test_a_repeated_release_adds_nothing_to_remember() -> None:
    counts: Counts = {atom: {"police": 20, "council": 20} for atom in ATOMS}
    by_column, by_depth = tables(5)
    first = protect(counts, by_column, round_to=5)
    other = protect(counts, by_depth, round_to=5, earlier=[first])
    once = earlier_figures([first, other])
    often = earlier_figures([first, other] * 8)
    assert len(often) == len(once)
    assert {one.figure.cell.key for one in often if one.latest} == {
        cell.key for cell in (*by_column, *by_depth)
    }


def test_a_figure_that_was_replaced_stays_remembered_beside_its_successor() -> None:
    cells = [Cell("x", frozenset("x"), 5)]
    first = protect({"x": {"police": 40, "council": 40}}, cells, round_to=5)
    second = protect({"x": {"police": 80, "council": 80}}, cells, round_to=5, earlier=[first])
    assert (first["x"].shown, second["x"].shown) == (80, 160)
    found = earlier_figures([first, second])
    assert [(one.figure.shown, one.latest) for one in found] == [(80, False), (160, True)]


def narrowed_changes(now: Counts, releases: list[Release]) -> list[Range]:
    agencies = {
        name for release in releases for one in release.figures for name in one.by_contributor
    }
    return [
        one
        for attacker in {*attackers(now), *agencies}
        for one in change_attack(now, releases, attacker)
        if one.narrowed_change
    ]


@settings(max_examples=15, deadline=None)
@given(data=st.data(), threshold=st.integers(3, 10), base=st.sampled_from([1, 5]))
def test_counts_that_rise_and_fall_reveal_no_small_change_over_several_releases(
    data: st.DataObject, threshold: int, base: int
) -> None:
    """Late records, withdrawn consent, corrections, and agencies whose counts come and go."""
    by_column, by_depth = tables(threshold)
    now: Counts = data.draw(drawn_counts)
    releases: list[Release] = []
    for cells in (by_column, by_depth, by_column, [*by_column, *by_depth]):
        unique = {cell.key: cell for cell in cells}
        try:
            releases.append(protect(now, [*unique.values()], round_to=base, earlier=releases))
        except UnprotectedError:
            return
        assert not narrowed_changes(now, releases)
        assert not all_narrowed(now, releases)
        step = data.draw(st.sampled_from([-20, -1, 1, 20]))
        some = data.draw(st.sets(st.sampled_from(ATOMS), max_size=3))
        gone = data.draw(st.sampled_from(["", "", *AGENCIES]))
        now = {
            atom: {
                name: max(0, count + step * (atom in some))
                for name, count in of.items()
                if name != gone
            }
            for atom, of in now.items()
        }


@pytest.mark.parametrize(
    ("now", "shown", "kept"),
    [
        ({"police": 40, "council": 42}, 80, True),
        ({"police": 60, "council": 62}, 120, False),
        ({"police": 80, "council": 41}, 80, True),
        ({"police": 90, "council": 40}, 130, False),
    ],
    ids=["small", "large", "small but for one agency", "of one agency alone"],
)
def test_a_changed_count_replaces_the_figure_if_the_change_is_large_for_all(
    now: dict[str, int], shown: int, kept: bool
) -> None:
    cells = [Cell("x", frozenset("x"), 5)]
    first = protect({"x": {"police": 40, "council": 40}}, cells, round_to=5)
    second = protect({"x": now}, cells, round_to=5, earlier=[first])
    assert (second["x"].shown, second["x"].kept) == (shown, kept)


def test_small_changes_add_up_to_a_new_figure() -> None:
    cells = [Cell("x", frozenset("x"), 5)]
    releases = [protect({"x": {"police": 40, "council": 40}}, cells, round_to=5)]
    shown = []
    for step in range(1, 10):
        counts = {"x": {"police": 40 + 3 * step, "council": 40 + 3 * step}}
        releases.append(protect(counts, cells, round_to=5, earlier=releases))
        shown.append(releases[-1]["x"].shown)
    assert shown[0] == 80
    assert shown[-1] > 100
    assert all(
        later == earlier or later - earlier >= 10 for earlier, later in itertools.pairwise(shown)
    )


def test_a_hidden_figure_stays_hidden_when_the_count_grows() -> None:
    cells = [Cell("x", frozenset("x"), 5)]
    first = protect({"x": {"police": 1, "council": 2}}, cells, round_to=5)
    second = protect({"x": {"police": 50, "council": 50}}, cells, round_to=5, earlier=[first])
    assert (second["x"].shown, second["x"].mark, second["x"].kept) == (None, Mark.PRIMARY, True)


def test_a_count_that_returns_to_nearly_an_earlier_one_repeats_that_figure() -> None:
    """80, then 160 by mistake, then 82: the 2 cases since the first release stay unknown."""
    cells = [Cell("x", frozenset("x"), 5)]
    releases: list[Release] = []
    for each in (40, 80, 41):
        counts = {"x": {"police": each, "council": each}}
        releases.append(protect(counts, cells, round_to=1, earlier=releases))
    assert [one["x"].shown for one in releases] == [80, 160, 80]


def test_a_replaced_figure_still_protects_small_changes_since_it_was_made() -> None:
    """The same atoms under another name: the figure before the last one is remembered too."""
    cells = [Cell("x", frozenset("x"), 5)]
    releases: list[Release] = []
    for each in (40, 80):
        counts = {"x": {"police": each, "council": each}}
        releases.append(protect(counts, cells, round_to=1, earlier=releases))
    again = {"x": {"police": 41, "council": 41}}
    other = protect(again, [Cell("other", frozenset("x"), 5)], round_to=1, earlier=releases)
    assert other["other"].shown is None


def test_the_counts_of_an_agency_that_is_no_longer_counted_are_not_found() -> None:
    before = {"x": {"police": 40, "charity": 20, "council": 3}}
    now = {"x": {"police": 40, "charity": 20}}
    first = protect(before, [Cell("x", frozenset("x"), 5)], round_to=1)
    assert first["x"].shown == 63
    second = protect(now, [Cell("other", frozenset("x"), 5)], round_to=1, earlier=[first])
    assert second["other"].shown is None
    assert not narrowed_changes(now, [first, second])


@pytest.mark.parametrize("largest", [exact.LARGEST, 0], ids=["exact", "in turn"])
def test_a_zero_of_an_earlier_table_binds_also_if_the_later_table_lacks_it(
    largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If `z` could have a case, the other two figures would let `h` be 5 of 1 to 5."""
    monkeypatch.setattr(exact, "LARGEST", largest)
    counts: Counts = {"h": {"police": 1, "council": 1}, "k": {"police": 46, "council": 47}, "z": {}}
    first = protect(counts, [Cell("z", frozenset("z"), 6)], round_to=5)
    assert first["z"].shown == 0
    later = [Cell(key, frozenset(key), 6) for key in ("h", "hk", "kz")]
    second = protect(counts, later, round_to=5, earlier=[first])
    assert not all_narrowed(counts, [first, second])
    assert [one.shown for one in second.figures].count(None) == 2


def test_repeated_figures_do_not_tell_which_of_them_changed() -> None:
    cells = [Cell(key, frozenset(key), 5) for key in ("x", "y", "z", "xyz")]
    before: Counts = {"x": {"police": 40, "council": 40}, "y": {"police": 30}, "z": {"police": 1}}
    first = protect(before, cells, round_to=5)
    same = protect(before, cells, round_to=5, earlier=[first])
    assert not any(one.kept for one in same.figures)
    for atom in before:
        late = {**before, atom: {**before[atom], "police": before[atom]["police"] + 1}}
        second = protect(late, cells, round_to=5, earlier=[first])
        assert [one.shown for one in second.figures] == [one.shown for one in first.figures]
        assert all(one.kept for one in second.figures)
