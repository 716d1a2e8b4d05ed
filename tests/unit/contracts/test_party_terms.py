"""Part of one party: what it gives and gets agrees with what the engine grants."""

from __future__ import annotations

import pytest

from contracts.errors import UnknownNameError
from contracts.model import Contract
from contracts.party_terms import exchanges, party_purposes
from contracts.policy import granted_from, policy_for

PARTIES = ("csu-camden", "cps-london", "council-camden", "haven-support")


@pytest.mark.parametrize("agency", PARTIES)
@pytest.mark.parametrize("giving", [True, False])
def test_each_exchange_has_the_fields_that_the_engine_grants(
    contract: Contract, agency: str, giving: bool
) -> None:
    found = {
        (one.event_type, partner): frozenset(one.reads)
        for one in exchanges(contract, agency, giving=giving)
        for partner in one.partners
    }
    for name in contract.event_types:
        for other in (party.id for party in contract.parties if party.id != agency):
            sender, reader = (agency, other) if giving else (other, agency)
            permitted = policy_for(contract, sender, (reader,), name).denial is None
            granted = granted_from(contract, sender, reader, name) if permitted else frozenset()
            assert found.get((name, other), frozenset()) == granted


@pytest.mark.parametrize("agency", PARTIES)
def test_read_and_kept_back_are_all_fields_of_the_type(contract: Contract, agency: str) -> None:
    for one in exchanges(contract, agency, giving=False):
        assert {*one.reads, *one.kept_back} == set(one.terms.fields)
        assert not set(one.reads) & set(one.kept_back)
        assert set(one.with_consent) <= set(one.reads)


def test_a_party_pursues_what_its_role_pursues_under_its_own_regime(contract: Contract) -> None:
    for party in contract.parties:
        found = party_purposes(contract, party)
        assert found
        for one in found:
            assert not one.purpose.pursued_by or party.role in one.purpose.pursued_by
            assert all(basis.regime == party.regime for basis in one.bases)
            assert all(party.role in basis.relied_on_by for basis in one.bases)


def test_a_stranger_is_no_party(contract: Contract) -> None:
    with pytest.raises(UnknownNameError) as caught:
        exchanges(contract, "police", giving=True)
    assert caught.value.code == "agency_unknown"
