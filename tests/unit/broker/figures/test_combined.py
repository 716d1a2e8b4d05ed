"""Combinations of the values of a case, as a dimension of tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.figures.combined import base_of, combined_values, table_dimensions
from broker.figures.counting import CountsOf, count, dimension_names
from broker.figures.tables import label_of, publish, values_of
from contracts.terms import StatisticalControl
from tests.unit.contracts.test_shipped_agreements import complete

CONTRACT = complete("london-hate-crime").contract
FIGURES = CONTRACT.vocabulary.figures
assert FIGURES is not None
NAMES = dimension_names(FIGURES)
OPEN = StatisticalControl(
    suppress_below=2, round_to=1, suppress_breakdown_below=2, secondary_suppression=False, text="x"
)


def case(*strands: str) -> dict[str, tuple[str, ...]]:
    return {**dict.fromkeys(NAMES, ("not-stated",)), "strand": tuple(sorted(strands))}


def test_a_table_by_both_shows_a_value_alone_with_any_other_and_with_each() -> None:
    cases = [
        *[case("race")] * 5,
        *[case("race", "religion")] * 7,
        *[case("disability", "race", "religion")] * 3,
        *[case("not-stated")] * 4,
    ]
    atoms, without = count(cases, NAMES)
    counts = CountsOf("d", CONTRACT.name, "agency-police", "2026-Q3", "0", NAMES, atoms, without)
    found = publish([counts], CONTRACT, FIGURES, OPEN, ("strand", "strand_combined"), [])
    shown = {tuple(value for _, value in one.where): one.shown for one in found.figures}
    assert shown["race", "one-alone"] == 5
    assert shown["race", "race"] == 10  # with any other
    assert shown["race", "religion"] == shown["religion", "race"] == 10
    assert shown["disability", "race"] == 3
    assert shown["not-stated", "not-stated"] == 4
    assert found.factors("strand") == 5 + 7 * 2 + 3 * 3
    assert found.by_place[()].shown == 19


@pytest.mark.parametrize(
    ("values", "combined"),
    [(("a",), ("one-alone",)), (("a", "b"), ("a", "b")), (("not-stated",), ("not-stated",))],
)
def test_values_in_combination(values: tuple[str, ...], combined: tuple[str, ...]) -> None:
    assert combined_values(values) == combined


def test_dimensions_with_several_values_have_combinations_and_no_others() -> None:
    derived = set(table_dimensions(FIGURES)) - set(NAMES)
    assert derived == {"strand_combined", "civil_measure_combined"}
    assert base_of("strand_combined", FIGURES) == "strand"
    assert base_of("borough_combined", FIGURES) is None
    assert values_of("strand_combined", CONTRACT, FIGURES).keys() == {
        "one-alone", *values_of("strand", CONTRACT, FIGURES),
    }  # fmt: skip
    assert label_of("strand_combined", FIGURES) != label_of("strand", FIGURES)


def test_a_dimension_of_the_vocabulary_keeps_its_name() -> None:
    own = {**FIGURES.dimensions, "strand_combined": FIGURES.dimensions["borough"]}
    assert base_of("strand_combined", replace(FIGURES, dimensions=own)) is None
