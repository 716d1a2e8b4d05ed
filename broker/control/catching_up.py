"""Catch-up at a start: reads manifests and receipts before any event.

A reader that was offline finds an attacker's records and the revocation of the stolen key on
different topics, and the receipts of others on a third; their order is not defined
(docs/spec/keys.md, "Revocation"). So a starting reader takes everything that these topics hold
before it takes any event.
"""

from __future__ import annotations

import asyncio
from itertools import groupby
from operator import attrgetter
from typing import Final

from broker.transport.interfaces import (
    OnBatch,
    OnTrouble,
    Positions,
    Receiver,
    ReceiverTrouble,
    trouble_code,
)
from broker.waiting import set_within
from contracts.errors import ConcordantError

AGAIN_S: Final = 1.0
"""Wait in seconds when Kafka cannot be reached, or the disk is full."""


async def catch_up(
    receiver: Receiver,
    topic: str,
    position: Positions,
    take: OnBatch,
    stop: asyncio.Event,
    on_trouble: OnTrouble,
) -> None:
    """Take everything in a topic that was not taken before.

    Args:
        receiver: Kafka.
        topic: the topic.
        position: (partition) -> where this reader continues, None for the beginning.
        take: (partition, records) -> makes them durable.
        stop: gives up when set.
        on_trouble: called when Kafka is down, or records cannot be taken.

    Raises:
        TransportError: ``kafka_refused``.
    """
    while not stop.is_set():
        try:
            found = await receiver.read_all((topic,))
            for partition, records in groupby(found, attrgetter("kafka_partition")):
                after = position(partition) or 0
                fresh = [record for record in records if record.offset >= after]
                if fresh:
                    await take(partition, fresh)
        except ConcordantError as error:
            if error.code == "kafka_refused":
                raise
            on_trouble(
                ReceiverTrouble(trouble_code(error), topic, -1, type(error).__name__, AGAIN_S)
            )
            await set_within(stop, AGAIN_S)
        else:
            return
