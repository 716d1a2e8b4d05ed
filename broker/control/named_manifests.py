"""Newest manifests that heartbeats name, and registry hashes that differ from ours.

docs/spec/heartbeats.md, "What is newest". A heartbeat is compared when it is heard, by this
agency's clock. The result is in the state, so that a restart does not begin the ten seconds, the
ten minutes or the day again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook
from broker.registry.newest_manifests import Awaited, KnownDelegations, NamedManifest, lacks
from broker.statements.heartbeats import Heartbeat
from broker.store.reader_rows import NamedManifestRow
from broker.store.transaction import Transaction
from contracts.durations import MINUTE_MS, SECOND_MS

MISSING_AFTER_MS: Final = 10 * SECOND_MS
"""A heartbeat may arrive before the manifest that it names. After this time it is an alarm."""
DIFFERS_AFTER_MS: Final = 10 * MINUTE_MS
"""Time for which a registry hash may differ while a new delegation reaches every agency."""
ASK_AGAIN_MS: Final = 30 * SECOND_MS

NOT_RECEIVED: Final = "manifest_not_received"
DIFFERS: Final = "registry_differs"


def named_in(row: NamedManifestRow) -> NamedManifest:
    """Return the manifest that a row names."""
    return NamedManifest(row.delegation, row.version, row.hash)


def missing_since(row: NamedManifestRow, manifests: ManifestBook) -> int | None:
    """Return since when (ms) we lack the newest manifest of an agency; None if we have it."""
    return row.lacking_since_ms if lacks(manifests, row.agency, named_in(row)) else None


def differs_since(row: NamedManifestRow) -> int | None:
    """Return since when (ms) a registry hash has differed for too long; None if it does not.

    An agency that is silent since is not counted: its last heartbeat may be from before it knew a
    delegation.
    """
    since, last = row.differs_since_ms, row.differs_last_ms
    if since is None or last is None or last - since < DIFFERS_AFTER_MS:
        return None
    return since


def awaited_manifests(tx: Transaction) -> Mapping[str, Awaited]:
    """Return the manifests that heartbeats named and that were missing then, by agency."""
    return {
        row.agency: Awaited(named_in(row), row.lacking_since_ms)
        for row in tx.heads.all_named()
        if row.lacking_since_ms is not None
    }


def note_named(
    tx: Transaction,
    beat: Heartbeat,
    known: KnownDelegations,
    contracts: ContractBook,
    manifests: ManifestBook,
    now: int,
) -> None:
    """Compare a heartbeat with what is known here, and store the result.

    Args:
        tx: a write transaction.
        beat: a verified heartbeat, newer than every earlier one of its agency.
        known: computes our registry hashes.
        contracts: the contracts of this agency.
        manifests: the known manifests.
        now: ms.
    """
    before = tx.heads.named(beat.agency)
    lacking: int | None = None
    if lacks(manifests, beat.agency, beat.manifest):
        earlier = None if before is None else missing_since(before, manifests)
        lacking = now if earlier is None else min(earlier, now)
    row = NamedManifestRow(
        beat.agency,
        beat.manifest.delegation,
        beat.manifest.version,
        beat.manifest.hash,
        lacking,
    )
    pair = known.differing(beat.registry, contracts, manifests)
    if pair is not None:
        ours, theirs = pair
        first = None if before is None else before.differs_since_ms
        row = NamedManifestRow(
            row.agency,
            row.delegation,
            row.version,
            row.hash,
            lacking,
            ours.contract,
            ours.hash,
            theirs.hash,
            now if first is None else min(first, now),
            now,
        )
    tx.heads.name(row)


@dataclass(frozen=True, slots=True)
class Differing:
    """Two agencies that know different delegations of the parties of an agreement.

    Attributes:
        agency: the other agency.
        contract: hash of the agreement's file.
        ours, theirs: registry hashes.
    """

    agency: str
    contract: bytes
    ours: bytes
    theirs: bytes


@dataclass(slots=True)
class NewestFound:
    """Result of a look at the named manifests.

    Attributes:
        missing: agencies whose newest manifest has been missing for ten seconds.
        asked: agencies that are to be asked for their manifest now.
        differing: agencies whose registry hash has differed for ten minutes.
    """

    missing: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    differing: list[Differing] = field(default_factory=list)


class NamedManifests:
    """Finds agencies whose newest manifest is missing or whose registry hash differs."""

    def __init__(self) -> None:
        self._asked: dict[str, int] = {}

    def look(
        self, tx: Transaction, parties: Iterable[str], manifests: ManifestBook, now: int
    ) -> NewestFound:
        """Return what is missing and what differs now.

        Args:
            tx: a transaction.
            parties: agencies that take part in an agreement of ours.
            manifests: the known manifests.
            now: ms.
        """
        found, counted = NewestFound(), frozenset(parties)
        asked: dict[str, int] = {}
        for row in tx.heads.all_named():
            if row.agency not in counted:
                continue
            since = missing_since(row, manifests)
            if since is not None:
                if now - since >= MISSING_AFTER_MS:
                    found.missing.append(row.agency)
                last = self._asked.get(row.agency)
                if last is None or not 0 <= now - last < ASK_AGAIN_MS:
                    found.asked.append(row.agency)
                    last = now
                asked[row.agency] = last
            if differs_since(row) is not None:
                assert row.differs_contract is not None
                assert row.differs_ours is not None
                assert row.differs_theirs is not None
                found.differing.append(
                    Differing(
                        row.agency, row.differs_contract, row.differs_ours, row.differs_theirs
                    )
                )
        self._asked = asked
        return found
