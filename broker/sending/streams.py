"""Streams of a sender: generations, appends and checkpoints (docs/spec/streams.md).

Pure: rows in, rows out. The relay has the outbox's lock, calls this, commits the result and only
then sends. After a crash or with a second relay, the same bytes are sent again.

A relay that takes the lock always opens a new generation. So it never needs to know whether its
database was restored from an old copy: what it signs from then on is a new log that names the head
in its database, and a reader that has more than that head sees a rollback, not a fork.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from broker.clock import MAX_CLOCK_JUMP_MS
from broker.envelope.primitives import random_bytes
from broker.errors import StoreError
from broker.keys.instant import CLOCK_SKEW_MS
from broker.record import KafkaPartition
from broker.store.rows import GenerationRow
from broker.tlog.checkpoint import Checkpoint, GenerationPlace, Origin, Place
from broker.tlog.cosignature import signed_checkpoint
from broker.tlog.generation_links import (
    LINK_SALT_BYTES,
    GenerationLink,
    format_link,
    generation_name,
    opening_time,
)
from broker.tlog.merkle import EMPTY_ROOT, Frontier, append_batch, leaf_hash
from broker.tlog.note import NoteSigner
from broker.tlog.proof import format_proof
from contracts.values import value_class

MAX_BATCH_EVENTS: Final = 512


@dataclass(frozen=True, slots=True)
class Stream:
    """A sender's partition: an origin without the generation."""

    deployment: str
    agency: str
    topic: str
    partition: int

    @property
    def name(self) -> str:
        """Return ``deployment/agency/topic/partition``, as generation names hash it."""
        return f"{self.deployment}/{self.agency}/{self.topic}/{self.partition}"

    @property
    def place(self) -> Place:
        """Return the stream without the deployment, as readers and the state database name it."""
        return Place(self.agency, self.topic, self.partition)

    @property
    def kafka_partition(self) -> KafkaPartition:
        """Return the Kafka partition of its records."""
        return KafkaPartition(self.topic, self.partition)

    def log(self, generation: str) -> GenerationPlace:
        """Return one of its generations."""
        return GenerationPlace(self.agency, self.topic, self.partition, generation)


class StreamOwner(NamedTuple):
    """Owner of streams: an agency of a deployment."""

    deployment: str
    agency: str

    def stream(self, partition: KafkaPartition) -> Stream:
        """The owner's stream in a partition."""
        return Stream(self.deployment, self.agency, *partition)


@value_class(frozen=True, slots=True)
class Appended:
    """Position of one record: its index, leaf hash (32 bytes) and proof header."""

    index: int
    leaf: bytes
    proof: bytes


def open_generation(
    stream: Stream,
    predecessor: GenerationRow | None,
    newest: GenerationRow | None,
    now: int,
    *,
    trial: bool = False,
) -> GenerationRow:
    """Return a new, empty generation.

    Args:
        stream: the stream.
        predecessor: the last generation with a record, or None before the first.
        newest: the last opened generation, with or without a record.
        now: this clock, ms.
        trial: whether this is a stream of ``event seal``.
    """
    opened = now
    for row in (predecessor, newest):
        if row is not None:
            opened = max(opened, opening_time(row.name) + 1)
    if predecessor is None:
        link = GenerationLink("", 0, EMPTY_ROOT, random_bytes(LINK_SALT_BYTES))
    else:
        link = GenerationLink(
            predecessor.name, predecessor.size, predecessor.root, random_bytes(LINK_SALT_BYTES)
        )
    times = [row.log_time_s for row in (predecessor, newest) if row is not None]
    if opened > now:  # otherwise its records would be `generation_ahead`
        times.append(-((CLOCK_SKEW_MS - opened) // 1000))
    return GenerationRow(
        topic=stream.topic,
        partition=stream.partition,
        name=generation_name(stream.name, link, opened),
        predecessor=link.name,
        predecessor_size=link.size,
        predecessor_root=link.root,
        extra=format_link(link),
        size=0,
        frontier=Frontier().to_bytes(),
        root=EMPTY_ROOT,
        log_time_s=max(times, default=0),
        opened_ms=opened,
        trial=trial,
    )


def append(
    stream: Stream,
    row: GenerationRow,
    values: Sequence[bytes],
    signer: NoteSigner,
    now: int,
) -> tuple[GenerationRow, list[Appended]]:
    """Append a batch and sign its checkpoint once.

    Args:
        stream: the stream.
        row: the present state of the generation.
        values: 1 to 512 sealed values.
        signer: the stream key.
        now: this clock, ms; the log time is its second, never before the last one.

    Returns:
        The generation after, and one ``Appended`` per value.

    Raises:
        StoreError: ``clock_jumped``, the log is more than 5 minutes ahead of this clock.
    """
    assert 1 <= len(values) <= MAX_BATCH_EVENTS
    log_time = max(now // 1000, row.log_time_s)
    if log_time * 1000 > now + MAX_CLOCK_JUMP_MS:
        raise StoreError(
            "This clock is more than 5 minutes behind the time of the last record sent",
            code="clock_jumped",
            where=stream.name,
            fix="Set the clock (for example with an NTP service), then start the adapter again.",
        )
    before = Frontier.from_bytes(row.frontier)
    hashes = [leaf_hash(value) for value in values]
    after, root, paths = append_batch(before, hashes)
    origin = Origin(
        stream.deployment, stream.agency, stream.topic, stream.partition, row.name
    ).format()
    text = signed_checkpoint(signer, log_time, Checkpoint(origin, after.size, root))
    appended = [
        Appended(
            index,
            leaf,
            format_proof(index, path, text, row.extra if index == 0 else None),
        )
        for index, (leaf, path) in enumerate(zip(hashes, paths, strict=True), before.size)
    ]
    grown = replace(row, size=after.size, frontier=after.to_bytes(), root=root, log_time_s=log_time)
    return grown, appended
