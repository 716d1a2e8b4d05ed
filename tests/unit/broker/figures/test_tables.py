"""Tables of a release: each cell is the sum of its atoms, in every table alike."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from broker.figures.counting import CountsOf, count, dimension_names
from broker.figures.tables import WITHOUT_CONSENT, ValueGoneError, publish, values_of
from contracts.terms import StatisticalControl
from tests.unit.contracts.test_shipped_agreements import complete

CONTRACT = complete("london-hate-crime").contract
FIGURES = CONTRACT.vocabulary.figures
assert FIGURES is not None
NAMES = dimension_names(FIGURES)
OPEN = StatisticalControl(
    suppress_below=2, round_to=1, suppress_breakdown_below=2, secondary_suppression=False, text="x"
)
POLICE, COUNCIL = "agency-police", "agency-council"


def cases(seed: int, number: int) -> list[dict[str, tuple[str, ...]]]:
    chosen = random.Random(seed)
    found = []
    for _ in range(number):
        one = {
            name: (chosen.choice(list(values_of(name, CONTRACT, FIGURES))[:4]),) for name in NAMES
        }
        one["strand"] = tuple(sorted(chosen.sample(["race", "religion", "disability"], 2)))
        found.append(one)
    return found


def counts(agency: str, of: list[dict[str, tuple[str, ...]]], without: int = 0) -> CountsOf:
    atoms, missing = count([*of, *[None] * without], NAMES)
    return CountsOf("d", CONTRACT.name, agency, "2026-Q3", "0" * 64, NAMES, atoms, missing)


@pytest.mark.parametrize("by", [("borough",), ("strand",), ("strand", "borough")])
def test_each_cell_is_the_sum_over_all_agencies(by: tuple[str, ...]) -> None:
    police, council = cases(1, 300), cases(2, 200)
    given = [counts(POLICE, police, 7), counts(COUNCIL, council, 4)]
    release = publish(given, CONTRACT, FIGURES, OPEN, by, [])
    for figure in release.figures:
        if figure.where == WITHOUT_CONSENT:
            assert figure.shown == 11
            continue
        exact = sum(
            all(value in one[name] for name, value in figure.where) for one in police + council
        )
        assert figure.shown == (None if exact == 1 else exact)
    assert release.contributors == {one.agency: one.digest.hex() for one in given}
    assert release.by_place[()].by_contributor == {POLICE: 300, COUNCIL: 200}


def test_every_party_that_has_the_same_counts_makes_the_same_release() -> None:
    given = [counts(POLICE, cases(1, 40)), counts(COUNCIL, cases(2, 30))]
    control = CONTRACT.statistics
    assert control is not None
    first, other = (
        publish(some, CONTRACT, FIGURES, control, ("borough",), []) for some in (given, given[::-1])
    )
    assert first == other


def test_a_vocabulary_without_a_dimension_of_an_earlier_table_is_refused() -> None:
    earlier = publish([counts(POLICE, cases(1, 40))], CONTRACT, FIGURES, OPEN, ("borough",), [])
    fewer = {name: one for name, one in FIGURES.dimensions.items() if name != "borough"}
    given = [{name: one[name] for name in one if name != "borough"} for one in cases(1, 40)]
    names = tuple(name for name in NAMES if name != "borough")
    atoms, missing = count(given, names)
    held = CountsOf("d", CONTRACT.name, POLICE, "2026-Q3", "1" * 64, names, atoms, missing)
    with pytest.raises(ValueGoneError) as caught:
        publish([held], CONTRACT, replace(FIGURES, dimensions=fewer), OPEN, ("strand",), [earlier])
    assert caught.value.dimension == "borough"


def test_a_vocabulary_without_a_code_of_an_earlier_table_is_refused() -> None:
    given = [counts(POLICE, cases(1, 40))]
    earlier = publish(given, CONTRACT, FIGURES, OPEN, ("borough",), [])
    borough = FIGURES.dimensions["borough"]
    first, *others = borough.codes
    fewer = replace(borough, codes={one: borough.codes[one] for one in others})
    changed = replace(FIGURES, dimensions={**FIGURES.dimensions, "borough": fewer})
    with pytest.raises(ValueGoneError) as caught:
        publish(given, CONTRACT, changed, OPEN, ("strand",), [earlier])
    assert (caught.value.dimension, caught.value.value) == ("borough", first)
    more = replace(borough, codes={**borough.codes, "E00000000": "New"})
    wider = replace(FIGURES, dimensions={**FIGURES.dimensions, "borough": more})
    assert publish(given, CONTRACT, wider, OPEN, ("strand",), [earlier]).by == ("strand",)


def small_table() -> list[CountsOf]:
    """Two agencies, whose cells of boroughs are small and whose totals are not."""
    return [counts(POLICE, cases(3, 35), 12), counts(COUNCIL, cases(4, 25), 12)]


@pytest.mark.parametrize("by", [("borough",), ("unit_area", "strand"), ("strand", "channel")])
def test_the_limit_for_areas_hides_what_is_small_in_an_area(by: tuple[str, ...]) -> None:
    control = CONTRACT.statistics
    assert control is not None
    assert (control.suppress_below, control.suppress_area_below) == (5, 10)
    release = publish(small_table(), CONTRACT, FIGURES, control, by, [])
    for figure in release.figures:
        is_area = any(name in {"borough", "unit_area"} for name, _ in figure.where)
        assert figure.threshold == (10 if is_area else 5)
        if figure.shown is not None:
            of_all = sum(figure.by_contributor.values())
            for own in (0, *figure.by_contributor.values()):
                assert not 0 < of_all - own < figure.threshold, figure.where
    assert any(figure.shown is None for figure in release.figures) or by == ("strand", "channel")


@pytest.mark.parametrize("by", [("borough", "strand"), ("borough", "channel", "strand")])
def test_no_number_of_the_overview_is_hidden_for_a_smaller_cell(by: tuple[str, ...]) -> None:
    control = CONTRACT.statistics
    assert control is not None
    alone = publish(small_table(), CONTRACT, FIGURES, control, (), [])
    assert alone.by_place[()].shown == 60
    release = publish(small_table(), CONTRACT, FIGURES, control, by, [])
    assert any(figure.shown is None for figure in release.figures)
    for figure in alone.figures:
        assert release.by_place[figure.where] == figure
