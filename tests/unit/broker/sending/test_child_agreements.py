"""An agency of a framework agreement for all and of a child agreement for its borough."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

import pytest

from broker.errors import RegistryError
from broker.keys.issuing import ManifestChanges
from broker.keys.manifest import StandingEntry
from broker.registry.contract_book import ContractBook
from broker.registry.contracts import SignedContract
from broker.registry.manifests import ManifestBook
from broker.sending.sealing_context import SealingContext
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

FOR_ALL = ("critical-incident.declared", "correction.made")
OF_A_BOROUGH = ("referral.made", "referral.status-changed", "case.updated")
TYPE = re.compile(r"^  ([a-z.-]+):\n", re.MULTILINE)


def only(name: str, types: Collection[str]) -> Callable[[str], str]:
    """The shipped terms under another name, with these event types."""

    def changed(terms: str) -> str:
        head, rest = terms.split("\nevent_types:\n")
        at = rest.index("\nretention:\n")
        _, *parts = TYPE.split(rest[:at])
        kept = "".join(
            f"  {one}:\n{text}"
            for one, text in zip(parts[::2], parts[1::2], strict=True)
            if one in types
        )
        head = head.replace("name: london-hate-crime", f"name: {name}", 1)
        return f"{head}\nevent_types:\n{kept}{rest[at:]}"

    return changed


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
            assert context.contract_in_force(one, NOW).hash == signed.hash
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
    assert context.contract_in_force("referral.made", later).stop_at(COUNCIL, later) is not None
    assert context.contract_in_force(FOR_ALL[0], later).stop_at(COUNCIL, later) is None


def test_one_type_in_the_agreements_of_two_boroughs_is_refused(
    world: FoundedPartnership, framework: SignedContract, camden: SignedContract
) -> None:
    lewisham = world.another_contract(
        parties=(POLICE, SUPPORT), terms=only("lewisham", OF_A_BOROUGH)
    )
    context = book(world, framework, camden, lewisham)
    with pytest.raises(RegistryError) as refused:
        context.contract_in_force("referral.made", NOW)
    assert refused.value.code == "contract_ambiguous"
    assert context.contract_in_force(FOR_ALL[0], NOW).hash == framework.hash
