"""Facts of events under the shipped agreement: each dimension has a leaf that counts."""

from __future__ import annotations

import pytest

from broker.figures.facts import fact_of
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
