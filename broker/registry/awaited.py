"""Agencies that must send heartbeats, and how often (docs/spec/heartbeats.md)."""

from __future__ import annotations

from collections.abc import Mapping

from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook


def awaited(contracts: ContractBook, manifests: ManifestBook, now: int) -> Mapping[str, int]:
    """Return the interval of heartbeats of every party of a contract that is binding now, in ms.

    It does not matter whether a party was ever heard. A party that left is not included. One that
    has suspended its part is, because its adapter runs. A party of several contracts sends at the
    shortest of their intervals.

    Args:
        contracts: the contracts of this agency, which is included too.
        manifests: where parties state that they have left.
        now: milliseconds since the epoch.

    Returns:
        Intervals by agency id, in the order of ids.
    """
    found: dict[str, int] = {}
    for signed in contracts.trusted():
        status = contracts.status_of(signed, manifests, now)
        if status.state not in {"in_force", "suspended"}:
            continue
        interval = signed.contract.heartbeat_interval_ms
        for party in signed.contract.parties:
            if status.party_state(party.id) != "left":
                found[party.id] = min(found.get(party.id, interval), interval)
    return dict(sorted(found.items()))
