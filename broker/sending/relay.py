"""Relay: sends records from the outbox to Kafka (docs/spec/streams.md, "Sending").

Only the relay has the outbox's lock. Every index, leaf and checkpoint is committed under the lock's
fencing token *before* the record is sent. After a crash or with a second relay, the same bytes are
sent again, and readers see repeats and never a fork. No Kafka transaction is needed.
``indexing.py`` assigns indices, ``recovery.py`` handles a revoked key, ``replay.py`` handles
requests for records.
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
from broker.sending.replay import replay, replay_some
from broker.statements.heartbeats import Head
from broker.store.database import Store
from broker.store.rows import OutboxRow
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import GenerationPlace, Origin
from broker.tlog.note import NoteSigner
from broker.transport.interfaces import Sender

LEASE: Final = "outbox"
TOPIC_AWAY: Final = frozenset({"kafka_topic_missing", "kafka_refused", "kafka_record_too_large"})
"""Codes with which Kafka refuses records of one topic, but may accept those of others."""


class Relay:
    """Indexes waiting rows of the outbox and sends them.

    Args:
        deployment: name of the deployment.
        agency: the sender.
        store: the agency's state.
        sender: Kafka.
        signer: () -> the stream key that is valid now, bound to ``deployment/agency``.
        clock: () -> ms since the epoch; steady (``broker.clock``), because a log's time must not go
            back.
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
        self._store = store
        self._sender = sender
        self._clock = clock
        self._token: int | None = None
        self._acknowledged: tuple[Head, ...] = ()
        self._away: frozenset[str] = frozenset()
        self._indexing = Indexing(deployment, agency, self._fenced, signer)
        self._refused = RefusedGenerations(agency, store, self._indexing.current)
        self._recovery = Recovery(deployment, agency, store, self._fenced, self._indexing, clock)

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

    # --- reports
    # ------------------------------------------------------------------------------------

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

    # --- triggered by others
    # ------------------------------------------------------------------------

    def refused(self, records: Iterable[tuple[Origin | None, int, float, str]]) -> None:
        """Note refused records; a refused generation is followed by another."""
        self._refused.refused(records)

    async def recover(
        self,
        revoked: Collection[RevokedKey],
        readers: Callable[[str], Collection[str]],
        believed: Believed,
    ) -> tuple[int, int]:
        """Begin new generations after stream keys were revoked, with the records no longer trusted.

        This runs once for each stream, key and time: after a failure (a full disk, for example) it
        continues with the remaining streams, because each full attempt would fill the disk with
        copies. The records are sent by ``resend``.

        Args:
            revoked: the keys.
            readers: topic -> its other readers.
            believed: decides which of their receipts count, ``KeyResolver.receipt_believed``.

        Returns:
            How many records are published again, and how many would be if their content were not
            gone.

        Raises:
            StoreError: ``lease_lost``, ``clock_jumped`` or the state database's own.
            RegistryError: there is no new stream key yet.
        """
        return await asyncio.to_thread(self._recovery.recover, revoked, readers, believed)

    async def replay(self, log: GenerationPlace, first: int, last: int) -> int:
        """Publish a requested range again. Returns how many records were sent.

        Raises:
            TransportError: Kafka does not accept them.
        """
        return await replay(self._store, self._sender, log, first, last)

    async def replay_some(
        self, log: GenerationPlace, first: int, last: int
    ) -> tuple[int, int, int]:
        """Publish a part of a range again: (records, bytes, last finished index).

        Raises:
            TransportError: Kafka does not accept them.
        """
        return await replay_some(self._store, self._sender, log, first, last)

    def has_waiting(self) -> bool:
        """Return whether events wait that can be sent now; a replay lets them go first."""
        with self._store.reading() as tx:
            return bool(tx.outbox.pending(1, self._away))
