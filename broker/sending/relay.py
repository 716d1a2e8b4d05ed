"""Relay: sends records from the outbox to Kafka (docs/spec/streams.md, "Sending").

One relay at a time holds the lock of the outbox, with a fencing token. It commits the index, leaf
hash and signed checkpoint of a record *before* it sends the record. So after a crash, or while a
second relay also runs, a record is sent again with the same bytes. A reader may get a repeat, but
never two different records with one index (fork). No Kafka transaction is needed.

- ``indexing.py`` gives each record its place in the stream.
- ``recovery.py`` publishes records again after a stream key was revoked.

The method ``replay`` publishes again the records that other agencies request. Its caller lets new
records go first (broker/service/replaying.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from broker.errors import TransportError
from broker.sending.indexing import Indexing
from broker.sending.outbox_record import indexed_record
from broker.sending.receipt_coverage import Believed
from broker.sending.recovery import Recovery, RevokedKey
from broker.sending.refused_generations import RefusedGenerations
from broker.sending.streams import StreamOwner
from broker.statements.heartbeats import Head
from broker.store.database import Store
from broker.store.rows import OutboxRow
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import GenerationPlace, Origin
from broker.tlog.note import NoteSigner
from broker.transport.interfaces import Sender

LEASE: Final = "outbox"
REPLAYED_BYTES_AT_ONCE: Final = 2**20
"""Maximum bytes that one call of ``replay`` sends. A single larger record is still sent."""
TOPIC_AWAY: Final = frozenset({"kafka_topic_missing", "kafka_refused", "kafka_record_too_large"})
"""Codes that concern one topic. Kafka may still accept records of other topics."""


def _no_topic(_now: int) -> frozenset[str]:
    return frozenset()


class StreamSigning(NamedTuple):
    """The key that signs streams now, and the topics on which the agency signs nothing now.

    Attributes:
        signer: () -> signer with the current stream key, named ``deployment/agency``.
        stopped: ms since the epoch -> topics of contracts in which the agency takes no part.
    """

    signer: Callable[[], NoteSigner]
    stopped: Callable[[int], frozenset[str]] = _no_topic


class Relay:
    """Gives waiting rows of the outbox their position in a stream, and sends them.

    Args:
        owner: the sender.
        store: the agency's state.
        sender: Kafka.
        signing: the current key, and topics that wait.
        clock: () -> ms since the epoch; never goes back (``broker.clock``), because log times must
            not decrease.
    """

    def __init__(
        self,
        owner: StreamOwner,
        store: Store,
        sender: Sender,
        signing: StreamSigning,
        clock: Callable[[], int],
    ) -> None:
        self._store = store
        self._stopped = signing.stopped
        self._sender = sender
        self._clock = clock
        self._token: int | None = None
        self._acknowledged: tuple[Head, ...] = ()
        self._away: frozenset[str] = frozenset()
        self._indexing = Indexing(owner, self.fenced, signing.signer)
        self._refused = RefusedGenerations(owner.agency, store, self._indexing.current)
        self._recovery = Recovery(owner, store, self.fenced, self._indexing, clock)

    # --- the lock --------------------------------------------------------------------------------

    def take_lock(self, holder: str) -> None:
        """Take the lock of the outbox, also if another process holds it.

        The relay then begins a new generation of each stream when it first uses the stream.
        """
        now = self._clock()
        with self._store.transaction() as tx:
            self._token = tx.lease.acquire(LEASE, holder, now)
        self._indexing.begin_anew()

    @contextmanager
    def fenced(self) -> Iterator[Transaction]:
        """Open a write transaction, if this process still has the lock.

        Raises:
            StoreError: ``lease_lost``.
        """
        assert self._token is not None, "call take_lock before sending"
        with self._store.transaction() as tx:
            tx.lease.check(LEASE, self._token)
            yield tx

    # --- rounds ----------------------------------------------------------------------------------

    async def resend(self) -> int:
        """Send all indexed rows again that Kafka has not acknowledged. Return their number.

        Raises:
            TransportError: Kafka does not accept them. With a code of ``TOPIC_AWAY`` the records of
                other topics were sent. ``round`` skips the refused topics until a call of
                ``resend`` succeeds.
        """
        rows = await asyncio.to_thread(self._unsent)
        if rows:
            await self._send(rows)
        self._away = frozenset()
        self._acknowledged = await asyncio.to_thread(self._heads)
        return len(rows)

    async def round(self) -> int:
        """Index and send at most ``indexing.ROUND_EVENTS`` waiting events. Return their number.

        Raises:
            StoreError: ``lease_lost``, ``clock_jumped``, or an error of the state database.
            TransportError: Kafka does not accept them; they stay indexed and are sent again.
        """
        rows = await asyncio.to_thread(self._index)
        if rows:
            await self._send(rows)
            self._acknowledged = await asyncio.to_thread(self._heads)
        return len(rows)

    def _index(self) -> list[OutboxRow]:
        """Index waiting rows, with one signature per stream and batch, in one commit."""
        now = self._clock()
        self._refused.follow(now)
        with self._store.reading() as tx:
            if not tx.outbox.pending(1, self._waiting_topics(now)):
                return []
        return self._indexing.index(self._refused.names, self._waiting_topics(now), now)

    def _waiting_topics(self, now: int) -> frozenset[str]:
        """Return topics whose events wait: Kafka refuses them, or the agency signs nothing."""
        return self._away | self._stopped(now)

    async def _send(self, rows: Sequence[OutboxRow]) -> None:
        records = [indexed_record(row) for row in rows]
        try:
            offsets: Sequence[int | None] = await self._sender.send(records)
        except TransportError as error:
            offsets = error.offsets or [None] * len(rows)
            await asyncio.to_thread(self._mark, rows, offsets)
            if error.code in TOPIC_AWAY:
                unsent = zip(rows, offsets, strict=True)
                self._away |= {row.topic for row, offset in unsent if offset is None}
                self._acknowledged = await asyncio.to_thread(self._heads)
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

    def _unsent(self) -> list[OutboxRow]:
        with self._store.reading() as tx:
            return tx.outbox.unsent()

    # --- reports ----------------------------------------------------------------------------------

    def acknowledged_heads(self) -> tuple[Head, ...]:
        """Return the last acknowledged head of each stream, for the heartbeat."""
        return self._acknowledged

    def batches(self) -> list[tuple[str, int]]:
        """Return (topic, events) of each signature made since the last call."""
        return self._indexing.batches()

    def _heads(self) -> tuple[Head, ...]:
        """Return the current head of each stream whose records Kafka has all acknowledged.

        For each other stream, whose records are not all acknowledged, return the head that was
        acknowledged last, if there is one.
        """
        with self._store.reading() as tx:
            rows = [row for row in tx.streams.heads() if row.size]
            waiting = tx.outbox.unsent_streams()
        before = {(head.topic, head.partition): head for head in self._acknowledged}
        heads = []
        for row in rows:
            if (row.topic, row.partition, row.name) in waiting:
                known = before.get((row.topic, row.partition))
                heads += [known] if known is not None else []
            else:
                heads.append(Head(row.topic, row.partition, row.name, row.size, row.root))
        return tuple(heads)

    # --- triggered by others ----------------------------------------------------------------------

    def refused(self, records: Iterable[tuple[Origin | None, int, float, str]]) -> None:
        """Add records that readers refused.

        If they refused records of the current generation, because it does not follow a generation
        that they have, the relay later begins a new generation that links to the refused one.
        """
        self._refused.refused(records)

    async def recover(
        self,
        revoked: Collection[RevokedKey],
        readers: Callable[[str], Collection[str]],
        believed: Believed,
    ) -> tuple[int, int]:
        """Begin new generations after a stream key was revoked.

        The records that readers no longer trust are published again in the new generations. Each
        stream is recovered once for each key and time of revocation. After a failure, for example
        a full disk, the next call continues with the remaining streams and writes no further
        copies. ``resend`` sends the records.

        Args:
            revoked: the keys.
            readers: topic -> its readers, without this agency.
            believed: decides which receipts of the readers count: ``KeyResolver.receipt_believed``.

        Returns:
            Number of records to publish again, and number of records whose content was cleared.

        Raises:
            StoreError: ``lease_lost``, ``clock_jumped``, or an error of the state database.
            RegistryError: there is no new stream key yet.
        """
        return await asyncio.to_thread(self._recovery.recover, revoked, readers, believed)

    # --- replay ----------------------------------------------------------------------------------

    async def replay(self, log: GenerationPlace, first: int, last: int) -> tuple[int, int, int]:
        """Publish records of a range again from the archive.

        A record has the same bytes as before, or only its leaf hash if its content was cleared. No
        lock is needed, because records keep their positions: a reader that has a record sees a
        repeat. A call sends at most ``REPLAYED_BYTES_AT_ONCE`` bytes, but at least one record if
        the archive has one.

        Returns:
            Number of records, number of bytes, and the index up to which the range is done.

        Raises:
            TransportError: Kafka does not accept them.
        """
        rows = await asyncio.to_thread(self._archived, log, first, last)
        chosen: list[OutboxRow] = []
        size = 0
        for row in rows:
            bytes_of_row = len(row.value or b"") + len(row.proof or b"")
            if chosen and size + bytes_of_row > REPLAYED_BYTES_AT_ONCE:
                break
            chosen.append(row)
            size += bytes_of_row
        if not chosen:
            return 0, 0, last
        await self._sender.send([indexed_record(row) for row in chosen])
        done = last if len(chosen) == len(rows) else chosen[-1].index
        return len(chosen), size, last if done is None else done

    def _archived(self, log: GenerationPlace, first: int, last: int) -> list[OutboxRow]:
        with self._store.reading() as tx:
            return tx.outbox.archived(log, first, last)

    def has_waiting(self) -> bool:
        """Return True if the outbox has events to send now. They are sent before a replay."""
        with self._store.reading() as tx:
            return bool(tx.outbox.pending(1, self._waiting_topics(self._clock())))
