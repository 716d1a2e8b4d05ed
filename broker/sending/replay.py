"""Publishing a range again because somebody asked (docs/spec/streams.md, "Replay").

From the archive, so it needs no lock: no place is given, and everyone else sees repeats.
"""

from __future__ import annotations

import asyncio
from typing import Final

from broker.sending.outbox_record import record_of
from broker.sending.streams import MAX_BATCH_EVENTS
from broker.store.interfaces import Store
from broker.store.rows import OutboxRow
from broker.transport.interfaces import Sender

REPLAYED_AT_ONCE: Final = 8 * MAX_BATCH_EVENTS
"""Records sent in one go: whoever asks may ask for all that there ever was."""


async def replay(
    store: Store,
    sender: Sender,
    topic: str,
    partition: int,
    generation: str,
    first: int,
    last: int,
) -> int:
    """Publish a range again: the same bytes, or leaf hashes where the content is gone.

    Returns:
        How many records were sent.

    Raises:
        TransportError: Kafka does not take them.
    """
    sent = 0
    while first <= last:
        end = min(last, first + REPLAYED_AT_ONCE - 1)
        rows = await asyncio.to_thread(_archived, store, topic, partition, generation, first, end)
        if not rows:
            break
        await sender.send([record_of(row) for row in rows])
        sent += len(rows)
        first = end + 1
    return sent


def _archived(
    store: Store, topic: str, partition: int, generation: str, first: int, last: int
) -> list[OutboxRow]:
    with store.reading() as tx:
        return tx.outbox.archived(topic, partition, generation, first, last)
