"""Facts of events under the shipped agreement: each dimension has a leaf that counts."""

from __future__ import annotations

import pytest

from broker.figures.facts import Corrected, fact_of
from tests.unit.contracts.test_shipped_agreements import complete

CONTRACT = complete("london-hate-crime").contract
FIGURES = CONTRACT.vocabulary.figures
assert FIGURES is not None


@pytest.mark.parametrize(
    ("name", "event_type"),
    [(name, event) for name, one in FIGURES.dimensions.items() for event in one.leaves],
)
def test_every_dimension_takes_its_value_from_each_of_its_types(name: str, event_type: str) -> None:
    dimension = FIGURES.dimensions[name]
    code = next(iter(dimension.codes))
    value = code == "true" if set(dimension.codes) == {"true", "false"} else code
    flat = {dimension.leaves[event_type]: [value] if dimension.several else value}
    fact = fact_of(CONTRACT, FIGURES, event_type, flat, "agency-police", "e", 1)
    assert fact.values == {name: (code,)}


def test_a_leaf_that_is_not_for_statistics_gives_no_value() -> None:
    field = CONTRACT.event_types["case.updated"].fields["outcome"]
    without = field.model_copy(update={"purposes": ("support-victims",)})
    terms = CONTRACT.event_types["case.updated"]
    terms = terms.model_copy(update={"fields": {**terms.fields, "outcome": without}})
    contract = CONTRACT.model_copy(
        update={"event_types": {**CONTRACT.event_types, "case.updated": terms}}
    )
    code = next(iter(FIGURES.dimensions["outcome"].codes))
    fact = fact_of(contract, FIGURES, "case.updated", {"outcome": code}, "agency-police", "e", 1)
    assert fact.values == {}


def test_codes_of_a_list_are_sorted_and_each_is_there_once() -> None:
    flat = {"incident.strands": ["religion", "disability", "religion"]}
    fact = fact_of(CONTRACT, FIGURES, "referral.made", flat, "agency-police", "e", 1)
    assert fact.values["strand"] == ("disability", "religion")


@pytest.mark.parametrize(
    ("withdrawn", "dimensions", "answer"),
    [
        (["incident.borough"], ("borough",), False),
        (["incident.strands", "outcome", "victim.name"], ("outcome", "strand"), False),
        ([FIGURES.answer], (), True),
        ([], (), False),
    ],
)
def test_a_correction_withdraws_what_it_names_and_asks_nothing(
    withdrawn: list[str], dimensions: tuple[str, ...], answer: bool
) -> None:
    rule = FIGURES.corrected
    assert rule is not None
    flat = {rule.source: "agency-police", rule.id: "e1", rule.withdrawn: withdrawn}
    fact = fact_of(CONTRACT, FIGURES, rule.type, flat, "agency-police", "e", 1)
    assert fact.corrected == Corrected("agency-police", "e1", dimensions, answer)
    assert not fact.asked
    assert fact.answer is None
