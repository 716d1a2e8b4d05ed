"""Replay: publishes a requested range again (docs/spec/streams.md, "Replay").

It reads the archive and needs no lock: no index is assigned, and other readers see repeats.
"""

from __future__ import annotations

import asyncio
from typing import Final

from broker.sending.outbox_record import record_of
from broker.sending.streams import MAX_BATCH_EVENTS
from broker.store.database import Store
from broker.store.rows import OutboxRow
from broker.tlog.checkpoint import GenerationPlace
from broker.transport.interfaces import Sender

REPLAYED_AT_ONCE: Final = 8 * MAX_BATCH_EVENTS
"""Records that are sent at once; a request may name all records that ever existed."""


REPLAYED_BYTES_AT_ONCE: Final = 2**20
"""Maximum size of one chunk in bytes, unless a single record is larger."""


async def replay(
    store: Store,
    sender: Sender,
    log: GenerationPlace,
    first: int,
    last: int,
) -> int:
    """Publish a range again: the same bytes, or leaf hashes if the content was cleared.

    Returns:
        How many records were sent.

    Raises:
        TransportError: Kafka does not accept them.
    """
    sent = 0
    while first <= last:
        end = min(last, first + REPLAYED_AT_ONCE - 1)
        rows = await asyncio.to_thread(_archived, store, log, first, end)
        if not rows:
            break
        await sender.send([record_of(row) for row in rows])
        sent += len(rows)
        first = end + 1
    return sent


async def replay_some(
    store: Store,
    sender: Sender,
    log: GenerationPlace,
    first: int,
    last: int,
) -> tuple[int, int, int]:
    """Publish as much of a range as fits into ``REPLAYED_BYTES_AT_ONCE``, at least one record.

    Returns:
        Number of records, their bytes, and the last finished index.

    Raises:
        TransportError: Kafka does not accept them.
    """
    rows = await asyncio.to_thread(_archived, store, log, first, last)
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
    await sender.send([record_of(row) for row in chosen])
    done = last if len(chosen) == len(rows) else chosen[-1].index
    return len(chosen), size, last if done is None else done


def _archived(store: Store, log: GenerationPlace, first: int, last: int) -> list[OutboxRow]:
    with store.reading() as tx:
        return tx.outbox.archived(log, first, last)
