"""Dimensions of referrals: what they are taken from, and when none are counted."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from broker.figures.counting import dimension_names
from broker.figures.referral_dimensions import counted_referrals
from contracts.model import Contract
from contracts.vocabulary.figures import NOT_STATED
from tests.unit.contracts.test_shipped_agreements import complete

CONTRACT = complete("london-hate-crime").contract


def test_the_vocabulary_gives_codes_and_the_engine_the_course() -> None:
    counted = counted_referrals(CONTRACT)
    assert counted is not None
    figures, rules = counted
    assert dimension_names(figures) == (
        "acknowledged", "acknowledged_in_time", "answered", "answered_in_time", "borough",
        "priority", "reason", "recipient", "service", "source", "status",
    )  # fmt: skip
    assert set(figures.dimensions["status"].codes) == rules.statuses
    assert set(figures.dimensions["reason"].codes) == rules.reasons
    assert figures.dimensions["recipient"].codes == CONTRACT.roles
    assert all(NOT_STATED not in one.codes for one in figures.dimensions.values())


def test_referrals_have_no_other_characteristic_of_the_case() -> None:
    counted = counted_referrals(CONTRACT)
    cases = CONTRACT.vocabulary.figures
    assert counted is not None
    assert cases is not None
    shared = counted[0].dimensions.keys() & cases.dimensions.keys()
    assert shared == {"borough"}
    assert counted[0].dimensions["borough"].codes == cases.areas


def without_purpose(contract: Contract, event_type: str, path: str) -> Contract:
    terms = contract.event_types[event_type]
    field = terms.fields[path]
    kept = tuple(set(field.purposes) - contract.statistics_purposes)
    fields = {**terms.fields, path: field.model_copy(update={"purposes": kept})}
    types = {**contract.event_types, event_type: terms.model_copy(update={"fields": fields})}
    return contract.model_copy(update={"event_types": MappingProxyType(types)})


def test_an_agreement_that_keeps_the_status_from_statistics_counts_no_referrals() -> None:
    assert counted_referrals(without_purpose(CONTRACT, "referral.status-changed", "status")) is None


@pytest.mark.parametrize("name", ["marac-domestic-abuse", "victim-information-requests"])
def test_an_agreement_without_statistics_counts_no_referrals(name: str) -> None:
    assert counted_referrals(complete(name).contract) is None
