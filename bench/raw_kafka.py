"""Raw aiokafka with the settings of ours, moving the same bytes as fast as it can."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.world import World
from broker.record import Record
from broker.transport.connection import KafkaConnection, ssl_context
from broker.transport.kafka.sender import BATCH_BYTES, LINGER_MS, MAX_REQUEST_BYTES


async def end(made: World, topic: str, partition: int) -> int:
    """The offset of the next record of a partition."""
    consumer = AIOKafkaConsumer(**_options(made.operator))
    await consumer.start()
    where = TopicPartition(topic, partition)
    found: int = (await consumer.end_offsets([where]))[where]
    await consumer.stop()
    return found


def _options(connection: KafkaConnection) -> dict[str, Any]:
    return {
        "bootstrap_servers": connection.bootstrap,
        "security_protocol": "SSL",
        "ssl_context": ssl_context(connection.tls),
    }


async def raw_producer(connection: KafkaConnection) -> AIOKafkaProducer:
    """A producer with the settings of ours."""
    producer = AIOKafkaProducer(
        **_options(connection),
        acks="all",
        enable_idempotence=True,
        compression_type="zstd",
        linger_ms=LINGER_MS,
        max_batch_size=BATCH_BYTES,
        max_request_size=MAX_REQUEST_BYTES,
    )
    await producer.start()
    return producer


async def raw_send(producer: AIOKafkaProducer, topic: str, records: Sequence[Record]) -> None:
    """The same bytes, in batches filled by hand, which is the fastest way that aiokafka has."""
    by_partition: dict[int, list[Record]] = {}
    for record in records:
        by_partition.setdefault(record.partition, []).append(record)

    async def one(partition: int, mine: list[Record]) -> None:
        at = 0
        while at < len(mine):
            batch = producer.create_batch()
            while at < len(mine):
                headers = [(name.decode(), value) for name, value in mine[at].headers]
                if not batch.append(
                    timestamp=None, key=None, value=mine[at].value, headers=headers
                ):
                    break
                at += 1
            batch.close()
            await (await producer.send_batch(batch, topic, partition=partition))

    await asyncio.gather(*(one(partition, mine) for partition, mine in by_partition.items()))


async def raw_receive(
    connection: KafkaConnection, topic: str, offsets: dict[int, int], events: int
) -> None:
    """Read ``events`` records; ``offsets`` is where each partition goes on."""
    consumer = AIOKafkaConsumer(
        **_options(connection), group_id=f"bench-{topic}", enable_auto_commit=False
    )
    await consumer.start()
    places = [TopicPartition(topic, partition) for partition in offsets]
    consumer.assign(places)
    for place in places:
        consumer.seek(place, offsets[place.partition])
    taken = 0
    while taken < events:
        for place, records in (await consumer.getmany(timeout_ms=1000, max_records=2000)).items():
            taken += len(records)
            offsets[place.partition] = records[-1].offset + 1
    await consumer.stop()
