"""Agencies that must send a heartbeat each minute (docs/spec/heartbeats.md)."""

from __future__ import annotations

from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook


def awaited(contracts: ContractBook, manifests: ManifestBook, now: int) -> tuple[str, ...]:
    """Return every party of a contract that is binding now, whether or not it was ever heard.

    A party that left is not included. One that has suspended its part is, because its adapter runs.

    Args:
        contracts: the contracts of this agency, which is included too.
        manifests: where parties state that they have left.
        now: milliseconds since the epoch.

    Returns:
        Agency ids, sorted.
    """
    found: set[str] = set()
    for signed in contracts.trusted():
        status = contracts.status_of(signed, manifests, now)
        if status.state not in {"in_force", "suspended"}:
            continue
        found |= {
            party.id for party in signed.contract.parties if status.party_state(party.id) != "left"
        }
    return tuple(sorted(found))
