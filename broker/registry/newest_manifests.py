"""Newest manifest that an agency names in its heartbeat, and the hash of the delegations it knows.

docs/spec/heartbeats.md, "What is newest". The host of Kafka could withhold a manifest from one
reader, with a revocation or a suspension in it. The reader sees in the next heartbeat that it lacks
a manifest. It sees from the registry hash that another agency knows other delegations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from broker.envelope.primitives import lp, sha256
from broker.keys.manifest import VerifiedManifest
from broker.registry.contract_book import ContractBook
from broker.registry.contracts import SignedContract
from broker.registry.manifests import ManifestBook
from contracts.durations import DAY_MS

REGISTRY_HASHES: Final = 64
"""Maximum number of registry hashes in a heartbeat, one for each agreement in force."""
NOT_SEALED_MS: Final = DAY_MS
"""Time for which nothing is sealed to an agency whose newest manifest is missing."""


@dataclass(frozen=True, slots=True)
class NamedManifest:
    """A manifest as a heartbeat names it.

    Attributes:
        delegation: version of its delegation.
        version: its version.
        hash: hash of its text.
    """

    delegation: int
    version: int
    hash: bytes

    @property
    def place(self) -> tuple[int, int]:
        """Versions of delegation and manifest; a newer manifest has a higher pair."""
        return self.delegation, self.version


@dataclass(frozen=True, slots=True)
class RegistryHash:
    """Hash over the newest delegations of the parties of an agreement, as one agency knows them.

    Attributes:
        contract: hash of the agreement's file.
        hash: 32 bytes.
    """

    contract: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Awaited:
    """A manifest that a heartbeat named while this agency lacked it.

    Attributes:
        named: the manifest.
        since_ms: time of the first heartbeat that named one we lacked, by our clock.
    """

    named: NamedManifest
    since_ms: int


def named_manifest(verified: VerifiedManifest) -> NamedManifest:
    """Return how a heartbeat names a manifest."""
    return NamedManifest(*verified.place, verified.hash)


def lacks(manifests: ManifestBook, agency: str, named: NamedManifest) -> bool:
    """Return whether a reader has neither the named manifest of an agency nor a later one."""
    newest = manifests.newest_verified(agency)
    if newest is not None and newest.place > named.place:
        return False
    return not manifests.holds(agency, named.hash)


def not_sealed_until(manifests: ManifestBook, awaited: Mapping[str, Awaited]) -> dict[str, int]:
    """Return the agencies to which nothing is sealed, each with the time (ms) at which that ends.

    Args:
        manifests: the known manifests.
        awaited: manifests that heartbeats named and that were missing then, by agency.
    """
    return {
        agency: one.since_ms + NOT_SEALED_MS
        for agency, one in awaited.items()
        if lacks(manifests, agency, one.named)
    }


def registry_hash(signed: SignedContract, manifests: ManifestBook) -> RegistryHash:
    """Return the hash over the newest delegations of an agreement's parties.

    A party without a known delegation counts as one with an empty hash.
    """
    parts = [b"concordant/1/registry", manifests.deployment.encode(), signed.hash]
    for agency in sorted(party.id for party in signed.contract.parties):
        newest = manifests.newest_verified(agency)
        parts += [agency.encode(), b"" if newest is None else newest.delegation.hash]
    return RegistryHash(signed.hash, sha256(lp(*parts)))


def registry_hashes(
    contracts: ContractBook, manifests: ManifestBook, now: int
) -> tuple[RegistryHash, ...]:
    """Return the registry hashes for a heartbeat, by contract: those of the agreements in force."""
    ours = {one.hash for one in contracts.trusted()}
    live = [one for one in contracts.live(now) if one.hash in ours]
    found = [registry_hash(one, manifests) for one in live]
    return tuple(sorted(found, key=lambda one: one.contract)[:REGISTRY_HASHES])


class KnownDelegations:
    """Registry hashes of the known agreements, computed once for each pair of books."""

    def __init__(self) -> None:
        self._books: tuple[ContractBook, ManifestBook] | None = None
        self._found: dict[bytes, RegistryHash] = {}

    def differing(
        self,
        theirs: Iterable[RegistryHash],
        contracts: ContractBook,
        manifests: ManifestBook,
        now: int,
    ) -> tuple[RegistryHash, RegistryHash] | None:
        """Return the first agreement of which another agency knows other delegations.

        Args:
            theirs: registry hashes of its heartbeat. Agreements that we have not signed, or that
                are not in force here, are passed over.
            contracts: the contracts of this agency.
            manifests: the known manifests.
            now: ms.

        Returns:
            Our hash and theirs; None if none differs.
        """
        if self._books is None or (self._books[0], self._books[1]) != (contracts, manifests):
            self._books, self._found = (contracts, manifests), {}
        live = {one.hash for one in contracts.live(now)}
        for one in theirs:
            if one.contract not in live:
                continue
            ours = self._found.get(one.contract)
            if ours is None:
                signed = contracts.by_hash(one.contract)
                if signed is None:
                    continue
                ours = self._found[one.contract] = registry_hash(signed, manifests)
            if ours.hash != one.hash:
                return ours, one
        return None
