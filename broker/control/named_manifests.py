"""Newest manifests that heartbeats name, and registry hashes that differ from ours.

docs/spec/heartbeats.md, "What is newest". A heartbeat is compared when it is heard, by this
agency's clock. The result is in the state, so that a restart does not begin the ten seconds, the
ten minutes or the day again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import orjson

from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook
from broker.registry.newest_manifests import (
    NOT_SEALED_MS,
    Awaited,
    KnownDelegations,
    NamedManifest,
    lacks,
)
from broker.statements.heartbeats import Heartbeat
from broker.store.reader_rows import NamedManifestRow
from broker.store.transaction import Transaction
from contracts.durations import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

MISSING_AFTER_MS: Final = 10 * SECOND_MS
"""A heartbeat may arrive before the manifest that it names. After this time it is an alarm."""
STOP_AGAIN_MS: Final = 10 * DAY_MS
"""Time after a stop of sealing in which an agency cannot begin another day.

A manifest is renewed every ten days.
"""
DIFFERS_AFTER_MS: Final = 10 * MINUTE_MS
"""Time for which a registry hash may differ while a new delegation reaches every agency."""
ASK_AGAIN_MS: Final = 30 * SECOND_MS
ASK_SELDOM_MS: Final = HOUR_MS
"""Time between two requests when the manifest has been missing for a day."""
_STOP: Final = "sealing-stopped/"
"""Beginning of the names in the state under which the last stop of an agency is stored."""

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
    found: dict[str, Awaited] = {}
    for row in tx.heads.all_named():
        if row.lacking_since_ms is not None:
            stop = _stop_of(tx, row.agency)
            since = row.lacking_since_ms if stop is None else stop.since_ms
            found[row.agency] = Awaited(named_in(row), since)
    return found


@dataclass(frozen=True, slots=True)
class _Stop:
    """The time for which nothing is sealed to an agency.

    Attributes:
        since_ms: its start; later if it was interrupted, so that the interruption does not count.
        interrupted_ms: a heartbeat named a manifest that we hold; None while one is missing.
        place: greatest place that was named.
    """

    since_ms: int
    interrupted_ms: int | None
    place: tuple[int, int]

    @property
    def ended_ms(self) -> int:
        """Time at which events were sealed again, or will be."""
        end = self.since_ms + NOT_SEALED_MS
        return end if self.interrupted_ms is None else min(end, self.interrupted_ms)


def _stop_of(tx: Transaction, agency: str) -> _Stop | None:
    value = tx.meta.get(_STOP + agency)
    if value is None:
        return None
    since, interrupted, delegation, version = orjson.loads(value)
    return _Stop(since, interrupted, (delegation, version))


def _note_stop(tx: Transaction, beat: Heartbeat, now: int, *, lacking: bool) -> None:
    """Begin, continue or interrupt the stop of an agency.

    The parts of a stop last a day together. Another day begins only for a place above all that were
    named, ten days after the last part. So an agency cannot keep others from sealing to it for
    longer, whatever manifests it invents.
    """
    stop = _stop_of(tx, beat.agency)
    if not lacking:
        if stop is None or stop.interrupted_ms is not None:
            return
        stop = replace(stop, interrupted_ms=now)
    elif stop is None:
        stop = _Stop(now, None, beat.manifest.place)
    else:
        place = max(stop.place, beat.manifest.place)
        since = stop.since_ms
        if place > stop.place and now >= stop.ended_ms + STOP_AGAIN_MS:
            since = now
        elif stop.interrupted_ms == stop.ended_ms:  # a part of the day is left
            since = min(now, now - (stop.ended_ms - stop.since_ms))
        stop = _Stop(since, None, place)
    value = orjson.dumps([stop.since_ms, stop.interrupted_ms, *stop.place])
    tx.meta.set(_STOP + beat.agency, value)


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
    _note_stop(tx, beat, now, lacking=lacking is not None)
    row = NamedManifestRow(
        beat.agency,
        beat.manifest.delegation,
        beat.manifest.version,
        beat.manifest.hash,
        lacking,
    )
    pair = known.differing(beat.registry, contracts, manifests, now)
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
            parties: agencies that take part in an agreement of ours and have not left it.
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
                pause = ASK_AGAIN_MS if now - since < NOT_SEALED_MS else ASK_SELDOM_MS
                if last is None or not 0 <= now - last < pause:
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
