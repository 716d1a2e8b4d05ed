"""Manifests of other agencies that have not come, and delegations that another agency knows.

docs/spec/heartbeats.md, "What is newest". `concordant status` and `concordant doctor` show them.
"""

from __future__ import annotations

from dataclasses import dataclass

from broker.agency.participant import Participant
from broker.control.named_manifests import (
    MISSING_AFTER_MS,
    awaited_manifests,
    differs_since,
    missing_since,
)
from broker.registry.awaited import awaited
from broker.registry.newest_manifests import NOT_SEALED_MS
from broker.store.reader_rows import NamedManifestRow
from broker.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class MissingManifest:
    """The newest manifest of an agency, which its heartbeat names and which has not come.

    Attributes:
        agency: the agency.
        delegation, version: versions of its delegation and of the manifest.
        sha256: hash of its text.
        since_ms: time of the first heartbeat that named one we lacked.
        not_sealed_until_ms: until then nothing is sealed to the agency.
    """

    agency: str
    delegation: int
    version: int
    sha256: str
    since_ms: int
    not_sealed_until_ms: int


@dataclass(frozen=True, slots=True)
class RegistryDifference:
    """An agency that knows other delegations of the parties of an agreement than we do.

    Attributes:
        agency: the agency.
        contract: name and version of the agreement.
        ours, theirs: registry hashes.
        since_ms: time of the first heartbeat with another hash.
        delegations: hash of the newest delegation that we know of each party; None if we know none.
    """

    agency: str
    contract: str
    ours: str
    theirs: str
    since_ms: int
    delegations: dict[str, str | None]


def missing_manifests(
    participant: Participant, tx: Transaction, now: int
) -> tuple[MissingManifest, ...]:
    """Return the manifests of other agencies that have not come within ten seconds."""
    found = []
    for row in _rows(participant, tx, now):
        since = missing_since(row, participant.manifests)
        if since is not None and now - since >= MISSING_AFTER_MS:
            found.append(
                MissingManifest(
                    row.agency,
                    row.delegation,
                    row.version,
                    row.hash.hex(),
                    since,
                    awaited_manifests(tx)[row.agency].since_ms + NOT_SEALED_MS,
                )
            )
    return tuple(found)


def registry_differences(
    participant: Participant, tx: Transaction, now: int
) -> tuple[RegistryDifference, ...]:
    """Return the agencies whose registry hash has differed from ours for ten minutes."""
    found = []
    for row in _rows(participant, tx, now):
        since = differs_since(row)
        if since is None:
            continue
        assert row.differs_contract is not None
        assert row.differs_ours is not None
        assert row.differs_theirs is not None
        signed = participant.contracts.by_hash(row.differs_contract)
        if signed is None:
            continue
        known: dict[str, str | None] = {}
        for party in sorted(one.id for one in signed.contract.parties):
            newest = participant.manifests.newest_verified(party)
            known[party] = None if newest is None else newest.delegation.hash.hex()
        found.append(
            RegistryDifference(
                row.agency,
                f"{signed.contract.name} {signed.contract.version}",
                row.differs_ours.hex(),
                row.differs_theirs.hex(),
                since,
                known,
            )
        )
    return tuple(found)


def _rows(participant: Participant, tx: Transaction, now: int) -> list[NamedManifestRow]:
    parties = awaited(participant.contracts, participant.manifests, now)
    return [row for row in tx.heads.all_named() if row.agency in parties]
