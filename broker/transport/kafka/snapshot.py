"""Reads without a consumer group: the content of topics, and which topics exist."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

from aiokafka import TopicPartition

from broker.record import Record
from broker.transport.kafka.client import (
    CLIENT_ERRORS,
    CLOSE_TIMEOUT_S,
    ClientSettings,
    transport_error,
)
from broker.transport.kafka.raw import LenientConsumer, record_of

READ_ALL_TIMEOUT_S = 60.0
VISIBLE_TIMEOUT_S = 20.0


async def visible(client: ClientSettings, topics: Iterable[str]) -> frozenset[str]:
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


async def read_all(client: ClientSettings, topics: Iterable[str]) -> list[Record]:
    """See `interfaces.Receiver.read_all`."""
    consumer = LenientConsumer(**client.options, group_id=None, enable_auto_commit=False)
    found: list[Record] = []
    try:
        async with asyncio.timeout(READ_ALL_TIMEOUT_S):
            await consumer.start()
            # The public call for a topic's partitions does not distinguish a refusal from an absent
            # topic.
            partitions = [
                TopicPartition(topic, number)
                for topic in topics
                for number in sorted(
                    await consumer._client._wait_on_metadata(topic)
                )  # the public call hides a refusal
            ]
            ends = await consumer.end_offsets(partitions)
            starts = await consumer.beginning_offsets(partitions)
            consumer.assign(partitions)
            for partition, start in starts.items():
                consumer.seek(partition, start)
            left = {partition for partition in partitions if starts[partition] < ends[partition]}
            while left:
                polled = await consumer.getmany(*left, timeout_ms=200)
                for partition, records in polled.items():
                    found.extend(record_of(raw) for raw in records if raw.offset < ends[partition])
                for partition in list(left):
                    if await consumer.position(partition) >= ends[partition]:
                        left.remove(partition)
    except CLIENT_ERRORS as error:
        raise transport_error(error, client) from None
    finally:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(consumer.stop(), CLOSE_TIMEOUT_S)
    return sorted(found, key=lambda record: (record.topic, record.partition, record.offset))
