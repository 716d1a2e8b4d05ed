"""The relay: from the outbox to Kafka (docs/spec/streams.md, "The relay").

It alone holds the outbox's lock. Every index, leaf and checkpoint is committed under the lock's
fencing token *before* the record is sent; a crash or a second relay therefore resends the same
bytes, and readers see repeats and never a fork. No Kafka transaction is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

from broker.errors import TransportError
from broker.record import (
    CONTENT_TYPE_HEADER,
    LEAF_CONTENT_TYPE,
    PROOF_HEADER,
    SEALED_CONTENT_TYPE,
    Record,
)
from broker.sending.recovery import Again, RevokedKey, due_again, newest_seen
from broker.sending.streams import (
    MAX_BATCH_EVENTS,
    Stream,
    append,
    open_generation,
)
from broker.statements.heartbeats import Head
from broker.store.interfaces import Store, Transaction
from broker.store.rows import GenerationRow, Indexed, NewOutboxRow, OutboxRow
from broker.tlog.checkpoint import Origin
from broker.tlog.note import NoteSigner
from broker.transport.interfaces import Sender

LEASE: Final = "outbox"
NOT_TAKEN: Final = frozenset({"unlinked", "log_time_fell"})
"""Codes with which a reader refuses records of a generation that is not later than one it holds."""
ROUND_EVENTS: Final = 8 * MAX_BATCH_EVENTS
"""Rows taken in one round, over all streams."""


class Relay:
    """Indexes what waits in the outbox and sends it.

    Args:
        deployment: name of the deployment.
        agency: the sender.
        store: the agency's state.
        sender: Kafka.
        signer: () -> the stream key that is valid now, bound to ``deployment/agency``.
        clock: () -> ms since the epoch; steady (``broker.clock``), for a log's time cannot go back.
    """

    def __init__(
        self,
        deployment: str,
        agency: str,
        store: Store,
        sender: Sender,
        signer: Callable[[], NoteSigner],
        clock: Callable[[], int],
    ) -> None:
        self._deployment = deployment
        self._agency = agency
        self._store = store
        self._sender = sender
        self._signer = signer
        self._clock = clock
        self._token: int | None = None
        self._generations: dict[tuple[str, int], GenerationRow] = {}
        self._not_taken: dict[str, GenerationRow] = {}
        self._followed: set[str] = set()
        self._acknowledged: tuple[Head, ...] = ()
        self._batches: list[tuple[str, int]] = []

    def take_lock(self, holder: str) -> None:
        """Take the outbox's lock from whoever has it; generations are opened as they are needed."""
        now = self._clock()
        with self._store.transaction() as tx:
            self._token = tx.lease.acquire(LEASE, holder, now)
        self._generations.clear()

    async def resend(self) -> int:
        """Send again what was indexed and is not known to be on Kafka. Returns how many."""
        rows = await asyncio.to_thread(self._unsent)
        if rows:
            await self._send(rows)
        self._acknowledged = await asyncio.to_thread(self._heads)
        return len(rows)

    async def recover(
        self, revoked: Collection[RevokedKey], readers: Callable[[str], Collection[str]]
    ) -> tuple[int, int]:
        """After stream keys were revoked: begin new generations with what is not believed now.

        Once for each stream, key and time: what fails on the way (a full disk, say) goes on with
        the streams that are left, or each attempt would fill the disk with copies. The records are
        sent by ``resend``.

        Args:
            revoked: the keys.
            readers: topic -> who else reads it.

        Returns:
            How many records are published again, and how many would be if their content were not
            gone.

        Raises:
            StoreError: ``lease_lost``, ``clock_jumped`` or the state database's own.
            RegistryError: there is no new stream key yet.
        """
        return await asyncio.to_thread(self._recover, revoked, readers)

    def _recover(
        self, revoked: Collection[RevokedKey], readers: Callable[[str], Collection[str]]
    ) -> tuple[int, int]:
        with self._store.reading() as tx:
            new = [key for key in revoked if tx.meta.get(_recovered(key)) is None]
            streams = [(row.topic, row.partition) for row in tx.streams.heads()] if new else []
        if not new:
            return 0, 0
        self._generations.clear()
        again = gone = 0
        for topic, partition in streams:
            stream = Stream(self._deployment, self._agency, topic, partition)
            due = self._begin_again(stream, new, readers(topic))
            if due is not None:
                again, gone = again + len(due.rows), gone + due.gone
        with self._store.transaction() as tx:
            for key in new:
                tx.meta.set(_recovered(key), b"1")
        return again, gone

    def _begin_again(
        self, stream: Stream, revoked: Collection[RevokedKey], readers: Collection[str]
    ) -> Again | None:
        assert self._token is not None, "take_lock comes first"
        now = self._clock()
        with self._store.transaction() as tx:
            tx.lease.check(LEASE, self._token)
            new = [key for key in revoked if tx.meta.get(_recovered(key, stream)) is None]
            due = due_again(tx, stream, new, readers, now) if new else None
            if due is None:
                return None
            row = open_generation(stream, due.predecessor, due.newest, now)
            tx.streams.save(row)  # later than a thief's, even if nothing is published again
            copies = tx.outbox.add_many([_copy(held) for held in due.rows], now)
            waiting = [replace(old, seq=seq) for old, seq in zip(due.rows, copies, strict=True)]
            for at in range(0, len(waiting), MAX_BATCH_EVENTS):
                row = self._append(tx, row, waiting[at : at + MAX_BATCH_EVENTS], now, [])
            for key in new:
                tx.meta.set(_recovered(key, stream), b"1")
        self._generations[stream.topic, stream.partition] = row
        return due

    def _heads(self) -> tuple[Head, ...]:
        with self._store.reading() as tx:
            return tuple(
                Head(row.topic, row.partition, row.name, row.size, row.root)
                for row in tx.streams.heads()
                if row.size
            )

    def acknowledged_heads(self) -> tuple[Head, ...]:
        """Heads of all streams as far as Kafka has acknowledged them, for the heartbeat."""
        return self._acknowledged

    def batches(self) -> list[tuple[str, int]]:
        """(topic, events) of each signature made since this was last asked."""
        batches, self._batches = self._batches, []
        return batches

    def _unsent(self) -> list[OutboxRow]:
        with self._store.reading() as tx:
            return tx.outbox.unsent()

    async def round(self) -> int:
        """Index and send what waits now, at most ``ROUND_EVENTS``. Returns how many.

        Raises:
            StoreError: ``lease_lost``, ``clock_jumped`` or the state database's own.
            TransportError: Kafka does not take them; they stay indexed and are resent.
        """
        rows = await asyncio.to_thread(self._index)
        if rows:
            await self._send(rows)
            self._acknowledged = await asyncio.to_thread(self._heads)
        return len(rows)

    def _index(self) -> list[OutboxRow]:
        """Give waiting rows their places, one signature per stream and batch, in one commit."""
        now = self._clock()
        assert self._token is not None, "take_lock comes first"
        self._follow(now)
        with self._store.reading() as tx:
            if not tx.outbox.pending(1):
                return []
        grown: dict[tuple[str, int], GenerationRow] = {}
        with self._store.transaction() as tx:
            tx.lease.check(LEASE, self._token)
            indexed: list[OutboxRow] = []
            for (topic, partition), group in groupby(
                tx.outbox.pending(ROUND_EVENTS), key=lambda row: (row.topic, row.partition)
            ):
                waiting = list(group)
                for at in range(0, len(waiting), MAX_BATCH_EVENTS):
                    batch = waiting[at : at + MAX_BATCH_EVENTS]
                    key = (topic, partition)
                    row = grown.get(key) or self._generation(tx, topic, partition, now)
                    grown[key] = self._append(tx, row, batch, now, indexed)
        self._generations.update(grown)
        return indexed

    def _append(
        self,
        tx: Transaction,
        row: GenerationRow,
        batch: Sequence[OutboxRow],
        now: int,
        indexed: list[OutboxRow],
    ) -> GenerationRow:
        stream = Stream(self._deployment, self._agency, row.topic, row.partition)
        values = [waiting.value for waiting in batch]
        assert all(value is not None for value in values)
        grown, places = append(stream, row, values, self._signer(), now)  # type: ignore[arg-type]  # asserted above
        self._batches.append((row.topic, len(batch)))
        tx.streams.save(grown)
        updates: list[Indexed] = []
        for waiting, place in zip(batch, places, strict=True):
            updates.append((waiting.seq, row.name, place.index, place.leaf, place.proof))
            indexed.append(_placed(waiting, row.name, place.index, place.leaf, place.proof))
        tx.outbox.index(updates)
        return grown

    def _generation(self, tx: Transaction, topic: str, partition: int, now: int) -> GenerationRow:
        row = self._generations.get((topic, partition))
        if row is None or row.name in self._not_taken:
            stream = Stream(self._deployment, self._agency, topic, partition)
            newest = tx.streams.current(topic, partition)
            row = open_generation(
                stream,
                tx.streams.last_with_records(topic, partition),
                None if newest is None else newest_seen(tx, stream, newest, now),
                now,
            )
        return row

    def _follow(self, now: int) -> None:
        """Have every generation that is not taken followed by one that names it.

        A copy of its last record carries the link, even if there is nothing else to say: readers
        then ask for what they refused, and know the copy, or the record, as a repeat.
        """
        for name, row in list(self._not_taken.items()):
            if name not in self._followed:
                with self._store.transaction() as tx:
                    last = row.size - 1
                    held = tx.outbox.archived(row.topic, row.partition, name, last, last)
                    copies = [_copy(old) for old in held if old.value is not None]
                    tx.outbox.add_many(copies, now)
                self._followed.add(name)

    def refused(self, records: Iterable[tuple[Origin | None, int, float, str]]) -> None:
        """What receiving refused: records of our own tell that others refuse them too.

        A database that was restored may not know a later generation that readers hold; then the
        current one is not taken, and the next round begins another.
        """
        for origin, _, _, code in records:
            if origin is None or origin.agency != self._agency or code not in NOT_TAKEN:
                continue
            row = self._generations.get((origin.topic, origin.partition))
            if row is not None and row.name == origin.generation:
                self._not_taken[row.name] = row

    async def _send(self, rows: Sequence[OutboxRow]) -> None:
        records = [_record(row) for row in rows]
        try:
            offsets: Sequence[int | None] = await self._sender.send(records)
        except TransportError as error:
            if error.offsets:
                await asyncio.to_thread(self._mark, rows, error.offsets)
            raise
        await asyncio.to_thread(self._mark, rows, offsets)

    def _mark(self, rows: Sequence[OutboxRow], offsets: Sequence[int | None]) -> None:
        now = self._clock()
        sent = [
            (row.seq, offset, now)
            for row, offset in zip(rows, offsets, strict=True)
            if offset is not None
        ]
        if sent:
            with self._store.transaction() as tx:
                tx.outbox.mark_sent(sent)

    async def replay(
        self, topic: str, partition: int, generation: str, first: int, last: int
    ) -> int:
        """Publish a range again from the archive (docs/spec/streams.md, "Replay").

        The same bytes, or leaf hashes where the content is gone. Returns how many were sent.
        """
        sent = 0
        while first <= last:  # in rounds: whoever asks may ask for all that there ever was
            end = min(last, first + ROUND_EVENTS - 1)
            rows = await asyncio.to_thread(self._archived, topic, partition, generation, first, end)
            if not rows:
                break
            await self._sender.send([_record(row) for row in rows])
            sent += len(rows)
            first = end + 1
        return sent

    def _archived(
        self, topic: str, partition: int, generation: str, first: int, last: int
    ) -> list[OutboxRow]:
        with self._store.reading() as tx:
            return tx.outbox.archived(topic, partition, generation, first, last)


def _recovered(key: RevokedKey, stream: Stream | None = None) -> str:
    """Under which name it is remembered that a stream, or all of them, left a revoked key."""
    of = "" if stream is None else f":{stream.topic}/{stream.partition}"
    return f"recovered:{key.kid.hex()}:{key.since}{of}"


def _copy(row: OutboxRow) -> NewOutboxRow:
    """The same sealed value, once more: its first place stays as evidence of what was signed."""
    assert row.value is not None
    return NewOutboxRow(row.event_id, row.topic, row.partition, row.value, row.urgent)


def _placed(row: OutboxRow, generation: str, index: int, leaf: bytes, proof: bytes) -> OutboxRow:
    return OutboxRow(
        row.seq,
        row.event_id,
        row.topic,
        row.partition,
        row.value,
        row.urgent,
        row.added_ms,
        generation,
        index,
        leaf,
        proof,
        None,
        None,
    )


def _record(row: OutboxRow) -> Record:
    assert row.proof is not None
    assert row.leaf is not None
    content_type, value = SEALED_CONTENT_TYPE, row.value
    if value is None:
        content_type, value = LEAF_CONTENT_TYPE, row.leaf
    headers = ((CONTENT_TYPE_HEADER, content_type), (PROOF_HEADER, row.proof))
    return Record(row.topic, row.partition, headers, value)
