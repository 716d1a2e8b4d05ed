"""Reads without a consumer group: the content of topics, and which topics exist."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient

from broker.record import Record
from broker.transport.kafka.client import (
    CLIENT_ERRORS,
    CLOSE_TIMEOUT_S,
    ClientSettings,
    transport_error,
)
from broker.transport.kafka.raw import LenientConsumer, record_from_kafka

READ_ALL_TIMEOUT_S = 60.0
VISIBLE_TIMEOUT_S = 20.0


async def visible_topics(client: ClientSettings, topics: Iterable[str]) -> frozenset[str]:
    """See `interfaces.Receiver.visible`."""
    consumer = LenientConsumer(**client.options, group_id=None, enable_auto_commit=False)
    try:
        async with asyncio.timeout(VISIBLE_TIMEOUT_S):
            await consumer.start()
            shown: set[str] = await consumer.topics()
            return frozenset(topics) & shown
    except CLIENT_ERRORS as error:
        raise transport_error(error, client) from None
    finally:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(consumer.stop(), CLOSE_TIMEOUT_S)


async def _partitions(client: ClientSettings, topics: Iterable[str]) -> list[TopicPartition]:
    """Return the partitions of topics; a consumer does not tell a refusal from an absent topic.

    Raises:
        KafkaError: the code that Kafka gives for a topic.
    """
    admin = AIOKafkaAdminClient(**client.options)
    try:
        await admin.start()
        described = await admin.describe_topics(list(topics))
    finally:
        await admin.close()
    for topic in described:
        if topic["error_code"]:
            raise kafka_errors.for_code(topic["error_code"])
    return sorted(
        TopicPartition(topic["topic"], one["partition"])
        for topic in described
        for one in topic["partitions"]
    )


async def read_all(client: ClientSettings, topics: Iterable[str]) -> list[Record]:
    """See `interfaces.Receiver.read_all`."""
    consumer = LenientConsumer(**client.options, group_id=None, enable_auto_commit=False)
    found: list[Record] = []
    try:
        async with asyncio.timeout(READ_ALL_TIMEOUT_S):
            await consumer.start()
            partitions = await _partitions(client, topics)
            ends = await consumer.end_offsets(partitions)
            starts = await consumer.beginning_offsets(partitions)
            consumer.assign(partitions)
            for partition, start in starts.items():
                consumer.seek(partition, start)
            left = {partition for partition in partitions if starts[partition] < ends[partition]}
            while left:
                polled = await consumer.getmany(*left, timeout_ms=200)
                for partition, records in polled.items():
                    found.extend(
                        record_from_kafka(raw) for raw in records if raw.offset < ends[partition]
                    )
                for partition in list(left):
                    if await consumer.position(partition) >= ends[partition]:
                        left.remove(partition)
    except CLIENT_ERRORS as error:
        raise transport_error(error, client) from None
    finally:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(consumer.stop(), CLOSE_TIMEOUT_S)
    return sorted(found, key=lambda record: (record.topic, record.partition, record.offset))
