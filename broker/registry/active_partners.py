"""Active partners: other parties of the contracts in force that take part at a time."""

from __future__ import annotations

from broker.registry.contract_book import ContractBook
from broker.registry.contracts import SignedContract
from broker.registry.manifests import ManifestBook


def active_partners(contracts: ContractBook, manifests: ManifestBook, now: int) -> frozenset[str]:
    """Return the agencies that share a contract in force with this agency.

    Args:
        contracts: the contracts of this agency.
        manifests: the parties' manifests.
        now: ms.
    """
    found: set[str] = set()
    for signed in contracts.live(now):
        found |= partners_under(signed, contracts, manifests, now)
    return frozenset(found)


def partners_under(
    signed: SignedContract, contracts: ContractBook, manifests: ManifestBook, now: int
) -> frozenset[str]:
    """Return the other parties that take part in a contract; none if this agency does not."""
    own, parties = contracts.agency, signed.contract.by_id.keys()
    stops = (*contracts.departures(signed.text, manifests), *contracts.partings(signed.text))
    out = {one.agency for one in stops if one.holds_at(now)}
    if own in out or own not in parties:
        return frozenset()
    return frozenset(parties - out - {own})
