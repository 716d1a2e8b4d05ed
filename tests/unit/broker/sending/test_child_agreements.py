"""An agency of a framework agreement for all and of a child agreement for its borough."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from broker.keys.issuing import ManifestChanges
from broker.keys.manifest import StandingEntry
from broker.registry.contract_book import ContractBook
from broker.registry.contracts import SignedContract
from broker.registry.manifests import ManifestBook
from broker.sending.publishing import Publisher
from broker.sending.sealing import EventSealer
from broker.sending.sealing_context import SealingContext
from broker.store.database import open_store
from contracts.errors import EventError
from contracts.examples import example
from tests.support.child_terms import FOR_ALL, OF_A_BOROUGH, only
from tests.support.founded_partnership import (
    CAST,
    COUNCIL,
    MINUTE,
    NOW,
    POLICE,
    PROSECUTION,
    SUPPORT,
    FoundedPartnership,
    founded,
)


@pytest.fixture(scope="module")
def world() -> FoundedPartnership:
    return founded()


@pytest.fixture(scope="module")
def framework(world: FoundedPartnership) -> SignedContract:
    return world.another_contract(terms=only("pan-london", FOR_ALL))


@pytest.fixture(scope="module")
def camden(world: FoundedPartnership) -> SignedContract:
    parties = (POLICE, PROSECUTION, COUNCIL)
    return world.another_contract(parties=parties, terms=only("camden", OF_A_BOROUGH))


def book(
    world: FoundedPartnership, *signed: SignedContract, manifests: ManifestBook | None = None
) -> SealingContext:
    own = ContractBook(
        deployment=world.deployment,
        agency=POLICE,
        fingerprints=world.governance[POLICE].public.fingerprints,
        contracts=signed,
    )
    return SealingContext(own, manifests or world.manifests)


def test_each_event_is_sealed_under_the_agreement_that_has_its_type(
    world: FoundedPartnership, framework: SignedContract, camden: SignedContract
) -> None:
    context = book(world, framework, camden)
    for types, signed in ((FOR_ALL, framework), (OF_A_BOROUGH, camden)):
        for one in types:
            assert context.contract_in_force(one, (COUNCIL,), NOW).hash == signed.hash
    assert {party.id for party in camden.contract.parties} < set(CAST)


def test_a_stop_of_the_child_agreement_does_not_stop_the_framework(
    world: FoundedPartnership, framework: SignedContract, camden: SignedContract
) -> None:
    stop = StandingEntry(
        contract="camden",
        versions=(camden.hash,),
        state="suspended",
        since=NOW,
        reason="legal_review",
    )
    stopped = world.reissue(COUNCIL, ManifestChanges(standing=(stop,)), NOW)
    context = book(world, framework, camden, manifests=stopped)
    later = NOW + MINUTE
    assert (
        context.contract_in_force("referral.made", (COUNCIL,), later).stop_at(COUNCIL, later)
        is not None
    )
    assert context.contract_in_force(FOR_ALL[0], (COUNCIL,), later).stop_at(COUNCIL, later) is None


@pytest.fixture(scope="module")
def lewisham(world: FoundedPartnership) -> SignedContract:
    """Another borough with the same event types: the police are in both."""
    parties = (POLICE, SUPPORT)
    return world.another_contract(parties=parties, terms=only("lewisham", OF_A_BOROUGH))


def test_of_two_boroughs_with_one_type_the_addressees_decide(
    world: FoundedPartnership,
    framework: SignedContract,
    camden: SignedContract,
    lewisham: SignedContract,
) -> None:
    context = book(world, framework, camden, lewisham)
    for addressed, signed in (
        ((COUNCIL,), camden),
        ((PROSECUTION, COUNCIL), camden),
        ((SUPPORT,), lewisham),
    ):
        assert context.contract_in_force("referral.made", addressed, NOW).hash == signed.hash
    assert context.contract_in_force(FOR_ALL[0], (COUNCIL, SUPPORT), NOW).hash == framework.hash


def test_addressees_of_both_boroughs_are_refused_with_both_names(
    world: FoundedPartnership,
    framework: SignedContract,
    camden: SignedContract,
    lewisham: SignedContract,
) -> None:
    context = book(world, framework, camden, lewisham)
    with pytest.raises(EventError) as refused:
        context.contract_in_force("referral.made", (COUNCIL, SUPPORT), NOW)
    assert refused.value.code == "contract_ambiguous"
    assert {"camden 1.0.0", "lewisham 1.0.0"} <= set(re.findall(r"\w+ 1\.0\.0", str(refused.value)))


def test_an_addressee_of_both_boroughs_is_refused_until_it_has_left_one(
    world: FoundedPartnership, camden: SignedContract
) -> None:
    both = world.another_contract(parties=(POLICE, COUNCIL), terms=only("lewisham", OF_A_BOROUGH))
    with pytest.raises(EventError) as refused:
        book(world, camden, both).contract_in_force("referral.made", (COUNCIL,), NOW)
    assert refused.value.code == "contract_ambiguous"
    left = StandingEntry(
        contract="camden", versions=(camden.hash,), state="left", since=NOW, reason="reorganised"
    )
    manifests = world.reissue(COUNCIL, ManifestChanges(standing=(left,)), NOW)
    context = book(world, camden, both, manifests=manifests)
    found = context.contract_in_force("referral.made", (COUNCIL,), NOW + MINUTE)
    assert found.hash == both.hash


def test_an_agency_that_is_in_no_agreement_decides_nothing(
    world: FoundedPartnership, camden: SignedContract, lewisham: SignedContract
) -> None:
    context = book(world, camden, lewisham)
    mixed = context.contract_in_force("referral.made", (SUPPORT, "no-such-agency"), NOW)
    assert mixed.hash == lewisham.hash
    context.contract_in_force("referral.made", ("no-such-agency",), NOW)  # `decide` refuses it
    context.contract_in_force("referral.made", (), NOW)


def test_one_row_for_both_boroughs_stops_no_other_row(
    world: FoundedPartnership,
    framework: SignedContract,
    camden: SignedContract,
    lewisham: SignedContract,
    tmp_path: Path,
) -> None:
    context = book(world, framework, camden, lewisham)
    secret = bytes(32)
    sealer = EventSealer(world.deployment, POLICE, secret, context.addressees)
    one = example(lewisham.contract, POLICE, "referral.made")
    store = open_store(tmp_path / "state.db")
    try:
        with store.transaction() as tx, Publisher(sealer).accepting(tx) as acceptance:
            with pytest.raises(EventError) as refused:
                acceptance.publish(replace(one, recipients=(COUNCIL, SUPPORT)), NOW)
            assert refused.value.code == "contract_ambiguous"
            assert acceptance.publish(one, NOW) is not None
        with store.reading() as tx:
            (row,) = tx.outbox.pending(10)
    finally:
        store.close()
    assert row.topic.startswith(f"{world.deployment}.lewisham.")
