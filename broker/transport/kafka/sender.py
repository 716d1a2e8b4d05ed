"""Sender: idempotent, acknowledged by all in-sync replicas, with batches that we build."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors

from broker.errors import TransportError
from broker.record import (
    CONTENT_TYPE_HEADER,
    CONTRACT_CONTENT_TYPE,
    UNKNOWN_OFFSET,
    KafkaPartition,
    Record,
)
from broker.transport.kafka.client import (
    CLIENT_ERRORS,
    CLOSE_TIMEOUT_S,
    ClientSettings,
    transport_error,
)

BATCH_BYTES = 512 * 1024
"""A producer batch before compression (protocol, "Conventions")."""

MAX_REQUEST_BYTES = 5 * 2**20
"""Largest request, for the largest contract with a note."""
LINGER_MS = 5
SEND_TIMEOUT_S = 30.0


class KafkaSender:
    """One idempotent producer, opened on first use and replaced after a failure."""

    def __init__(self, client: ClientSettings, timeout_s: float = SEND_TIMEOUT_S) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._producer: AIOKafkaProducer | None = None
        self._opening = asyncio.Lock()

    async def send(self, records: Sequence[Record]) -> list[int]:
        """See `interfaces.Sender.send`."""
        offsets: list[int | None] = [None] * len(records)
        places: dict[KafkaPartition, list[int]] = defaultdict(list)
        for place, record in enumerate(records):
            _check_size(record)
            places[record.kafka_partition].append(place)
        if not records:
            return []
        failures: list[BaseException | None]
        try:
            async with asyncio.timeout(self._timeout_s):
                producer = await self._open()
                sending = (
                    self._send_partition(producer, partition, records, mine, offsets)
                    for partition, mine in places.items()
                )
                failures = await asyncio.gather(*sending, return_exceptions=True)
        except CLIENT_ERRORS as error:
            failures = [error]
        for failure in failures:
            if failure is not None:
                await self.close()
                raise transport_error(failure, self._client, offsets) from None
        return [UNKNOWN_OFFSET if offset is None else offset for offset in offsets]

    async def close(self) -> None:
        """Close the producer; unsent records fail and are not flushed."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _abandon(producer)

    async def _send_partition(
        self,
        producer: AIOKafkaProducer,
        partition: KafkaPartition,
        records: Sequence[Record],
        places: list[int],
        offsets: list[int | None],
    ) -> None:
        topic, number = partition
        if number not in await producer.partitions_for(topic):
            raise kafka_errors.UnknownTopicOrPartitionError(topic)
        start = 0
        while start < len(places):
            batch = producer.create_batch()
            end = start
            while end < len(places):
                record = records[places[end]]
                headers = [(name.decode(), value) for name, value in record.headers]
                if not batch.append(
                    timestamp=None, key=record.key, value=record.value, headers=headers
                ):
                    break
                end += 1
            batch.close()
            future = await producer.send_batch(batch, topic, partition=number)
            # One batch at a time, so that no record is stored after one that was not. Shielded,
            # because the producer breaks if its own future is cancelled.
            base = (await asyncio.shield(future)).offset
            for distance, place in enumerate(places[start:end]):
                offsets[place] = base + distance if base >= 0 else UNKNOWN_OFFSET
            start = end

    async def _open(self) -> AIOKafkaProducer:
        async with self._opening:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **self._client.options,
                    acks="all",
                    enable_idempotence=True,
                    compression_type="zstd",
                    linger_ms=LINGER_MS,
                    max_batch_size=BATCH_BYTES,
                    max_request_size=MAX_REQUEST_BYTES,
                )
                try:
                    await producer.start()
                except BaseException:
                    await _abandon(producer)
                    raise
                self._producer = producer
            return self._producer


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Close a producer whether or not Kafka answers.

    aiokafka's `stop` waits until everything is delivered, and an idempotent producer never gives
    up: with Kafka down it would not return. aiokafka has no call for this.
    """
    accumulator = producer._message_accumulator
    batches = [batch for queue in accumulator._batches.values() for batch in queue]
    batches += accumulator._pending_batches
    accumulator.fail_all(kafka_errors.ProducerClosed())
    for batch in batches:
        for future in (batch.future, batch._drain_waiter):
            if future.done() and not future.cancelled():
                # retrieve the exception; otherwise asyncio logs that it was never retrieved
                future.exception()
    with contextlib.suppress(Exception):
        await asyncio.wait_for(producer.stop(), CLOSE_TIMEOUT_S)
        return
    with contextlib.suppress(Exception):
        await producer.client.close()


def _check_size(record: Record) -> None:
    size = len(record.value or b"") + len(record.key or b"")
    size += sum(len(name) + len(value or b"") for name, value in record.headers)
    contract = (CONTENT_TYPE_HEADER, CONTRACT_CONTENT_TYPE) in record.headers
    limit = MAX_REQUEST_BYTES if contract else BATCH_BYTES
    if size > limit:
        raise TransportError(
            f"a record of {size} bytes is larger than its batch may be: {limit} bytes",
            code="record_too_large",
            where=f"{record.topic}/{record.partition}",
        )
