"""Relay: sends records from the outbox to Kafka (docs/spec/streams.md, "Sending").

Only the relay holds the outbox's lock. It commits every index, leaf and checkpoint under the lock's
fencing token *before* it sends the record. So after a crash, or if a second relay runs, the same
bytes are sent again: readers see repeats and never a fork. No Kafka transaction is needed.

- ``indexing.py`` gives each record its place in the stream.
- ``recovery.py`` publishes records again after a stream key was revoked.
- Records that other agencies ask for again are published after all new ones (``replay``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from broker.errors import TransportError
from broker.sending.indexing import Indexing
from broker.sending.outbox_record import record_of
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
"""Bytes that one chunk of a replay may have, unless a single record is larger."""
TOPIC_AWAY: Final = frozenset({"kafka_topic_missing", "kafka_refused", "kafka_record_too_large"})
"""Codes with which Kafka refuses records of one topic, but may accept those of others."""


class Relay:
    """Indexes waiting rows of the outbox and sends them.

    Args:
        owner: the sender.
        store: the agency's state.
        sender: Kafka.
        signer: () -> the stream key that is valid now, bound to ``deployment/agency``.
        clock: () -> ms since the epoch; steady (``broker.clock``), because a log's time must not go
            back.
    """

    def __init__(
        self,
        owner: StreamOwner,
        store: Store,
        sender: Sender,
        signer: Callable[[], NoteSigner],
        clock: Callable[[], int],
    ) -> None:
        self._store = store
        self._sender = sender
        self._clock = clock
        self._token: int | None = None
        self._acknowledged: tuple[Head, ...] = ()
        self._away: frozenset[str] = frozenset()
        self._indexing = Indexing(owner, self._fenced, signer)
        self._refused = RefusedGenerations(owner.agency, store, self._indexing.current)
        self._recovery = Recovery(owner, store, self._fenced, self._indexing, clock)

    # --- the lock --------------------------------------------------------------------------------

    def take_lock(self, holder: str) -> None:
        """Take the outbox's lock from its holder; generations are opened on first use."""
        now = self._clock()
        with self._store.transaction() as tx:
            self._token = tx.lease.acquire(LEASE, holder, now)
        self._indexing.begin_anew()

    @contextmanager
    def _fenced(self) -> Iterator[Transaction]:
        assert self._token is not None, "take_lock comes first"
        with self._store.transaction() as tx:
            tx.lease.check(LEASE, self._token)
            yield tx

    # --- rounds ----------------------------------------------------------------------------------

    async def resend(self) -> int:
        """Send indexed rows again that are not known to be on Kafka. Returns how many.

        Raises:
            TransportError: Kafka does not accept them. With a code of ``TOPIC_AWAY`` the others are
                sent, and ``round`` skips the topics until this succeeds.
        """
        rows = await asyncio.to_thread(self._unsent)
        if rows:
            await self._send(rows)
        self._away = frozenset()
        self._acknowledged = await asyncio.to_thread(self._heads)
        return len(rows)

    async def round(self) -> int:
        """Index and send at most ``ROUND_EVENTS`` waiting events. Returns how many.

        Raises:
            StoreError: ``lease_lost``, ``clock_jumped`` or the state database's own.
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
            if not tx.outbox.pending(1, self._away):
                return []
        return self._indexing.index(self._refused.names, self._away, now)

    async def _send(self, rows: Sequence[OutboxRow]) -> None:
        records = [record_of(row) for row in rows]
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
        """Return heads of all streams up to Kafka's acknowledgement, for the heartbeat."""
        return self._acknowledged

    def batches(self) -> list[tuple[str, int]]:
        """Return (topic, events) of each signature made since the last call."""
        return self._indexing.batches()

    def _heads(self) -> tuple[Head, ...]:
        """Return present heads; for a waiting stream, the last acknowledged one, if any."""
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
        """Note refused records. If a generation was refused, the sender begins another."""
        self._refused.refused(records)

    async def recover(
        self,
        revoked: Collection[RevokedKey],
        readers: Callable[[str], Collection[str]],
        believed: Believed,
    ) -> tuple[int, int]:
        """Begin new generations after stream keys were revoked, with the records no longer trusted.

        Each stream is done once for each key and time of revocation. After a failure (a full disk,
        for example) the next call continues with the remaining streams. If it repeated them all,
        each attempt would add further copies to the disk. ``resend`` sends the records.

        Args:
            revoked: the keys.
            readers: topic -> its other readers.
            believed: decides which of their receipts count, ``KeyResolver.receipt_believed``.

        Returns:
            Number of records published again, and of those that cannot be, because their content
            was cleared.

        Raises:
            StoreError: ``lease_lost``, ``clock_jumped`` or the state database's own.
            RegistryError: there is no new stream key yet.
        """
        return await asyncio.to_thread(self._recovery.recover, revoked, readers, believed)

    # --- replay ----------------------------------------------------------------------------------

    async def replay(self, log: GenerationPlace, first: int, last: int) -> tuple[int, int, int]:
        """Publish a part of a range again, from the archive: the same bytes, or leaf hashes.

        It needs no lock, because the records keep their places: a reader that has one already sees
        a repeat. It sends at least one record, and at most ``REPLAYED_BYTES_AT_ONCE`` if there are
        several.

        Returns:
            Number of records, their bytes, and the last index that is done.

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
        await self._sender.send([record_of(row) for row in chosen])
        done = last if len(chosen) == len(rows) else chosen[-1].index
        return len(chosen), size, last if done is None else done

    def _archived(self, log: GenerationPlace, first: int, last: int) -> list[OutboxRow]:
        with self._store.reading() as tx:
            return tx.outbox.archived(log, first, last)

    def has_waiting(self) -> bool:
        """Return whether events wait that can be sent now. They are sent before a replay."""
        with self._store.reading() as tx:
            return bool(tx.outbox.pending(1, self._away))
