"""Recovery after a revoked stream key: records to publish again.

When a key is revoked, readers refuse the records that it signed, unless a receipt from before the
revocation covers them. They cannot tell the owner's records from an attacker's. So the sender
begins a new generation of each stream under its new key:

- The generation names the last position that every other reader of the topic had confirmed before
  the revocation, with a trusted receipt over the sender's own root.
- It begins with all records after that position.

A reader that lacks a record accepts it. A reader that has it sees a repeat. A reader that has more
records than were confirmed (perhaps an attacker's) sees a rollback and continues.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import Final

from broker.keys.kid import ED25519, STREAM
from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook
from broker.sending.indexing import Fenced, Indexing, newest_seen
from broker.sending.outbox_record import copy_of
from broker.sending.receipt_coverage import Believed, confirmed_position, place_at
from broker.sending.streams import MAX_BATCH_EVENTS, Stream, StreamOwner, open_generation
from broker.store.database import Store
from broker.store.rows import GenerationRow, OutboxRow
from broker.store.transaction import Transaction
from broker.transport.topics import readable_topics

ROWS_AT_ONCE: Final = 4096


@dataclass(frozen=True, slots=True)
class RevokedKey:
    """A revoked stream key: id, start of validity and of revocation, milliseconds."""

    kid: bytes
    begun: int
    since: int


@dataclass(frozen=True, slots=True)
class Again:
    """Records of one stream to publish again.

    Attributes:
        predecessor: the position that the new generation names, as the row of a generation that
            ends there; None if the stream has one generation and nothing of it was confirmed.
        newest: lower limit of the new generation's name and log time.
        rows: records to publish again, in their first order.
        gone: number of them whose content was cleared, so that they cannot be published.
    """

    predecessor: GenerationRow | None
    newest: GenerationRow
    rows: tuple[OutboxRow, ...]
    gone: int


def revoked_stream_keys(manifests: ManifestBook, agency: str) -> tuple[RevokedKey, ...]:
    """Return an agency's revoked keys that signed checkpoints."""
    found: dict[bytes, RevokedKey] = {}
    for version in manifests.history(agency):
        for key in version.manifest.keys_of(STREAM, ED25519):
            since = manifests.revoked_since(agency, key.kid)
            if since is not None:
                found[key.kid] = RevokedKey(key.kid, key.not_before, since)
    return tuple(found.values())


def topic_readers(
    topic: str, sender: str, contracts: ContractBook, manifests: ManifestBook
) -> frozenset[str]:
    """Return a topic's readers, without the sender and those that have left its contract."""
    found: set[str] = set()
    for signed in contracts.trusted():
        contract = signed.contract
        gone = {
            departure.agency
            for departure in contracts.departures(signed.text, manifests)
            if departure.state == "left"
        }
        found |= {
            party.id
            for party in contract.parties
            if party.id not in gone and topic in readable_topics(contract, party.id)
        }
    return frozenset(found - {sender})


class Recovery:
    """Begins new generations with the records that are no longer trusted.

    Args:
        owner: whose streams.
        store: the agency's state.
        fenced: see ``Fenced``.
        indexing: appends to the streams.
        clock: () -> ms.
    """

    def __init__(
        self,
        owner: StreamOwner,
        store: Store,
        fenced: Fenced,
        indexing: Indexing,
        clock: Callable[[], int],
    ) -> None:
        self._owner = owner
        self._store = store
        self._fenced = fenced
        self._indexing = indexing
        self._clock = clock

    def recover(
        self,
        revoked: Collection[RevokedKey],
        readers: Callable[[str], Collection[str]],
        believed: Believed,
    ) -> tuple[int, int]:
        """See ``Relay.recover``."""
        with self._store.reading() as tx:
            new = [key for key in revoked if tx.meta.get(_recovered(key)) is None]
            partitions = [row.kafka_partition for row in tx.streams.heads()] if new else []
        if not new:
            return 0, 0
        self._indexing.begin_anew()
        again = gone = 0
        for partition in partitions:
            stream = self._owner.stream(partition)
            due = self._begin_again(stream, new, readers(partition.topic), believed)
            if due is not None:
                again, gone = again + len(due.rows), gone + due.gone
        with self._store.transaction() as tx:
            for key in new:
                tx.meta.set(_recovered(key), b"1")
        return again, gone

    def _begin_again(
        self,
        stream: Stream,
        revoked: Collection[RevokedKey],
        readers: Collection[str],
        believed: Believed,
    ) -> Again | None:
        now = self._clock()
        with self._fenced() as tx:
            new = [key for key in revoked if tx.meta.get(_recovered(key, stream)) is None]
            due = due_again(tx, stream, new, readers, believed, now) if new else None
            if due is None:
                return None
            row = open_generation(stream, due.predecessor, due.newest, now)
            # later than an attacker's generation, even if nothing is published again
            tx.streams.save(row)
            copies = tx.outbox.add_many([copy_of(held) for held in due.rows], now)
            waiting = [replace(old, seq=seq) for old, seq in zip(due.rows, copies, strict=True)]
            for old, seq in zip(due.rows, copies, strict=True):
                tx.recipients.moved(old.event_id, old.seq, seq)
            for at in range(0, len(waiting), MAX_BATCH_EVENTS):
                row, _ = self._indexing.append(tx, row, waiting[at : at + MAX_BATCH_EVENTS], now)
            for key in new:
                tx.meta.set(_recovered(key, stream), b"1")
        self._indexing.go_on_with(row)
        return due


def due_again(
    tx: Transaction,
    stream: Stream,
    revoked: Collection[RevokedKey],
    readers: Collection[str],
    believed: Believed,
    now: int,
) -> Again | None:
    """Return the records of one stream to publish again; None if it has no record.

    Args:
        tx: the sender's state.
        stream: the stream.
        revoked: the revoked keys.
        readers: a record is published again unless all of them have confirmed it.
        believed: decides which receipts count.
        now: milliseconds since the epoch.
    """
    last = tx.streams.last_with_records(stream.kafka_partition)
    if last is None:
        return None
    chain = [last, *_before(tx, stream, last, min(key.begun for key in revoked))]
    at, size = confirmed_position(
        tx, stream, chain, readers, believed, min(key.since for key in revoked)
    )
    held = chain[at]
    rows = [row for each in reversed(chain[: at + 1]) for row in _rows(tx, stream, each)]
    rows = [row for row in rows if row.generation != held.name or _index(row) >= size]
    kept = tuple(row for row in rows if row.value is not None)
    return Again(
        place_at(tx, stream, held, size),
        newest_seen(tx, stream, last, now),
        kept,
        len(rows) - len(kept),
    )


def _before(
    tx: Transaction, stream: Stream, row: GenerationRow, begun: int
) -> Iterator[GenerationRow]:
    """Yield the generations before one, back to the last that ended before the keys began."""
    previous = tx.streams.named(stream.log(row.predecessor))
    while previous is not None and previous.log_time_s * 1000 >= begun:
        yield previous
        previous = tx.streams.named(stream.log(previous.predecessor))


def _rows(tx: Transaction, stream: Stream, row: GenerationRow) -> Iterator[OutboxRow]:
    for first in range(0, row.size, ROWS_AT_ONCE):
        yield from tx.outbox.archived(
            stream.log(row.name), first, min(row.size, first + ROWS_AT_ONCE) - 1
        )


def _index(row: OutboxRow) -> int:
    assert row.index is not None
    return row.index


def _recovered(key: RevokedKey, stream: Stream | None = None) -> str:
    """Return the name under which the state keeps that the recovery is done.

    Args:
        key: the revoked key.
        stream: the stream that is done; None for all streams.
    """
    of = "" if stream is None else f":{stream.kafka_partition}"
    return f"recovered:{key.kid.hex()}:{key.since}{of}"
