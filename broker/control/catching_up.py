"""Manifests and receipts first: what keys are worth, before anything that those keys signed.

A reader that was away meets a thief's records and the revocation of the stolen key on different
topics, and what others had confirmed before on a third; nothing tells which it is given first
(docs/spec/keys.md, "Revocation"). So whoever starts to read takes what these topics hold by then
before it takes any event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import groupby
from typing import Final

from broker.errors import TransportError
from broker.record import Record
from broker.transport.interfaces import Receiver
from broker.waiting import set_within

AGAIN_S: Final = 1.0
"""How long to wait for a Kafka that cannot be reached."""


async def catch_up(
    receiver: Receiver,
    topic: str,
    position: Callable[[str, int], int | None],
    take: Callable[[str, int, list[Record]], Awaitable[None]],
    stop: asyncio.Event,
) -> None:
    """Take everything that a topic holds now and that was not taken before.

    Args:
        receiver: Kafka.
        topic: which.
        position: (topic, partition) -> where this reader goes on, None for the beginning.
        take: (topic, partition, records) -> taken for good.
        stop: gives up when set, or when Kafka refuses; whoever reads next is refused as well.
    """
    while not stop.is_set():
        try:
            found = await receiver.read_all((topic,))
        except TransportError as error:
            if error.code == "kafka_refused":
                return
            await set_within(stop, AGAIN_S)
            continue
        for partition, records in groupby(found, lambda record: record.partition):
            after = position(topic, partition) or 0
            fresh = [record for record in records if record.offset >= after]
            if fresh:
                await take(topic, partition, fresh)
        return
