"""Guard of consumer positions: detects a recreated topic before a stored offset is trusted.

A position counts the records of one log. A Kafka that lost its disk begins again at 0. Its new log
may already be longer than the stored position. The reader would then continue in the middle, and
would never read the records before. If it has no state of a sender, it would not even notice that
records are missing.

So the hash of the record before the position is stored with the position, in the same transaction.
A reader goes back by one record and compares it. If it is another record, the reader starts from
the beginning. It may read records again: those that it has accepted are repeats.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from broker.envelope.primitives import lp, sha256
from broker.observing.logs import logger
from broker.record import KafkaPartition, Record
from broker.store.database import Store
from broker.store.transaction import Transaction
from broker.transport.interfaces import Receiver


def save_position(tx: Transaction, position: int, records: Sequence[Record]) -> None:
    """Save the position of a partition, and the hash of the record before that position.

    Args:
        tx: the transaction that takes the records.
        position: next offset to read.
        records: a batch of the partition, in offset order; not empty.
    """
    tx.reader.save_position(records[0].kafka_partition, position)
    for record in reversed(records):
        if record.offset == position - 1:
            text = f"{record.offset} {_digest(record)}"
            tx.meta.set(_name(record.kafka_partition), text.encode())
            return


class PositionGuard:
    """Gives positions to a receiver, and checks that the log is still the same."""

    def __init__(self, store: Store, receiver: Receiver) -> None:
        """Store the arguments. ``position`` loads what ``unread`` compares."""
        self._store = store
        self._receiver = receiver
        self._log = logger("broker")
        self._before: dict[KafkaPartition, tuple[int, str]] = {}

    def position(self, partition: KafkaPartition) -> int | None:
        """Return where to continue: one record before the stored position, if that one is known."""
        with self._store.reading() as tx:
            position = tx.reader.position(partition)
            kept = tx.meta.get(_name(partition))
        self._before.pop(partition, None)
        if position and kept:
            offset, digest = kept.decode().split(" ")
            if int(offset) == position - 1:
                self._before[partition] = (position - 1, digest)
                return position - 1
        return position

    async def unread(self, partition: KafkaPartition, records: list[Record]) -> list[Record]:
        """Return the records of a batch that were not read before.

        If this is another log than the one read before, the position is set to 0, the receiver
        starts there, and the list is empty.

        Raises:
            StoreError: the position could not be written.
        """
        offset, digest = self._before.get(partition, (-1, ""))
        if not records or records[0].offset != offset:
            return records
        if _digest(records[0]) == digest:
            return records[1:]
        await asyncio.to_thread(self._begin_anew, partition)
        self._log.warning("kafka_begins_anew", topic=partition.topic, partition=partition.number)
        self._receiver.pause(partition)
        self._receiver.resume(partition)
        return []

    def _begin_anew(self, partition: KafkaPartition) -> None:
        with self._store.transaction() as tx:
            tx.reader.save_position(partition, 0)


def _name(partition: KafkaPartition) -> str:
    return f"footing/{partition}"


def _digest(record: Record) -> str:
    parts = [part for name, value in record.headers for part in (name, value or b"")]
    return sha256(lp(record.value or b"", *parts)).hex()
