"""Indexing of waiting values in this agency's streams (docs/spec/streams.md, "Appending").

There is one signature for each stream and batch, and one commit for a round. This module sends
nothing. The relay has the lock, and opens every transaction in which an index is assigned.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from typing import Final

from broker.clock import MAX_CLOCK_JUMP_MS
from broker.judging.partition_state import parse_outline
from broker.record import KafkaPartition
from broker.sending.sealing_again import well_formed
from broker.sending.streams import MAX_BATCH_EVENTS, Stream, StreamOwner, append, open_generation
from broker.store.rows import GenerationRow, Indexed, OutboxRow
from broker.store.transaction import Transaction
from broker.tlog.generation_links import opening_time
from broker.tlog.note import NoteSigner

ROUND_EVENTS: Final = 8 * MAX_BATCH_EVENTS
"""Maximum number of rows in one round, over all streams."""

FURTHEST_OPENING_MS: Final = 2 * MAX_CLOCK_JUMP_MS
"""Greatest lead over this clock of the opening of an accepted generation.

Its log time may be 5 minutes ahead, and its opening 5 minutes after that (docs/spec/opening.md,
step 2).
"""

Fenced = Callable[[], AbstractContextManager[Transaction]]
"""() -> a write transaction that fails without the outbox's lock."""


class Indexing:
    """The current generation of each stream, and the code that appends to it.

    Args:
        owner: whose streams.
        fenced: see ``Fenced``.
        signer: () -> the stream key that is valid now.
    """

    def __init__(
        self, owner: StreamOwner, fenced: Fenced, signer: Callable[[], NoteSigner]
    ) -> None:
        self._owner = owner
        self._fenced = fenced
        self._signer = signer
        self._generations: dict[KafkaPartition, GenerationRow] = {}
        self._batches: list[tuple[str, int]] = []
        self._well_formed = well_formed  # tests of hostile senders replace it

    def index(self, not_taken: Collection[str], away: Collection[str], now: int) -> list[OutboxRow]:
        """Assign indices to at most ``ROUND_EVENTS`` waiting rows.

        Args:
            not_taken: generations that readers refuse; a stream moves to a new one.
            away: topics whose events keep waiting.
            now: ms.

        Raises:
            StoreError: ``lease_lost``, ``clock_jumped`` or the state database's own.
        """
        grown: dict[KafkaPartition, GenerationRow] = {}
        indexed: list[OutboxRow] = []
        with self._fenced() as tx:
            rows = tx.outbox.pending(ROUND_EVENTS, away)
            good = self._well_formed(tx, rows, now)
            while rows and not good:  # held rows no longer wait, and others may take their place
                rows = tx.outbox.pending(ROUND_EVENTS, away)
                good = self._well_formed(tx, rows, now)
            for partition, group in groupby(good, key=attrgetter("kafka_partition")):
                waiting = list(group)
                for at in range(0, len(waiting), MAX_BATCH_EVENTS):
                    batch = waiting[at : at + MAX_BATCH_EVENTS]
                    row = grown.get(partition) or self._generation(tx, partition, not_taken, now)
                    grown[partition], placed = self.append(tx, row, batch, now)
                    indexed += placed
        self._generations.update(grown)
        return indexed

    def append(
        self, tx: Transaction, row: GenerationRow, batch: Sequence[OutboxRow], now: int
    ) -> tuple[GenerationRow, list[OutboxRow]]:
        """Append 1 to 512 rows to a generation.

        Return the generation after, and the indexed rows.
        """
        stream = self._owner.stream(row.kafka_partition)
        values = [waiting.value for waiting in batch]
        assert all(value is not None for value in values)
        grown, places = append(stream, row, values, self._signer(), now)  # type: ignore[arg-type]  # asserted above
        self._batches.append((row.topic, len(batch)))
        tx.streams.save(grown)
        updates: list[Indexed] = []
        placed: list[OutboxRow] = []
        for waiting, place in zip(batch, places, strict=True):
            updates.append((waiting.seq, row.name, place.index, place.leaf, place.proof))
            placed.append(_placed(waiting, row.name, place.index, place.leaf, place.proof))
        tx.outbox.index(updates)
        return grown, placed

    def current(self, partition: KafkaPartition) -> GenerationRow | None:
        """Return the generation to which a stream appends, if one was opened under this lock."""
        return self._generations.get(partition)

    def go_on_with(self, row: GenerationRow) -> None:
        """Continue with a generation that was begun and committed elsewhere."""
        self._generations[row.kafka_partition] = row

    def begin_anew(self) -> None:
        """Open another generation for every stream on its next use."""
        self._generations.clear()

    def batches(self) -> list[tuple[str, int]]:
        """Return (topic, events) of each signature made since the last call."""
        batches, self._batches = self._batches, []
        return batches

    def _generation(
        self, tx: Transaction, partition: KafkaPartition, not_taken: Collection[str], now: int
    ) -> GenerationRow:
        row = self._generations.get(partition)
        if row is None or row.name in not_taken:
            stream = self._owner.stream(partition)
            newest = tx.streams.current(partition)
            row = open_generation(
                stream,
                tx.streams.last_with_records(partition),
                None if newest is None else newest_seen(tx, stream, newest, now),
                now,
            )
        return row


def _placed(row: OutboxRow, generation: str, index: int, leaf: bytes, proof: bytes) -> OutboxRow:
    return OutboxRow(
        row.seq,
        row.event_id,
        row.topic,
        row.partition,
        row.value,
        row.urgent,
        row.added_ms,
        generation,
        index,
        leaf,
        proof,
        None,
        None,
        row.clear_id,
    )


# --- what a new generation must be later than (docs/spec/streams.md, "Generations") ------------
#
# Its name and log time must be above those of every generation of the stream that readers may hold,
# and that may be more than this agency opened: a thief of its key opens generations too, and an
# older database has forgotten some.


def newest_seen(tx: Transaction, stream: Stream, last: GenerationRow, now: int) -> GenerationRow:
    """Return the newest generation: ours, or one that Kafka delivered under our name.

    An attacker's generation is the newest for each reader that met it. So is one of ours that a
    restored database lacks, if it was opened while our clock was ahead.
    """
    newest = tx.streams.current(stream.kafka_partition) or last
    head = tx.reader.state_head(stream.place)
    if head is None:
        return newest
    seen = parse_outline(head)
    name = max(newest.name, seen.newest)
    if opening_time(name) > now + FURTHEST_OPENING_MS:  # readers refuse it as well
        name = newest.name
    latest = min(seen.log_time, (now + MAX_CLOCK_JUMP_MS) // 1000)
    return replace(newest, name=name, log_time_s=max(newest.log_time_s, latest))
