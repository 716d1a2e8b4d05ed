"""Kafka in memory: a small implementation of the transport for one process.

It is for rehearsals (`concordant sandbox`) and tests, and never for real data: it stores nothing.
The behaviour suite of the real transport holds for it too: records per partition in order, groups
that share partitions between their members, positions that are the reader's own, faults that can be
switched on. One `MemoryKafka` stands for the cluster, one `MemoryTransport` for an agency's client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self

from broker.errors import TransportError
from broker.record import KafkaPartition, Record
from broker.transport.delivery import Delivery
from broker.transport.interfaces import OnBatch, OnReached, OnTrouble, Positions, ReceiverTrouble
from broker.transport.topics import acl_plans, topic_plans
from broker.waiting import set_within
from contracts.model import Contract

_POLL_S = 0.005
_USER: Final = "User:"


@dataclass(slots=True)
class MemoryKafka:
    """The cluster: topics, who may read and write them, and whether it is up.

    Attributes:
        topics: per topic, its partitions' records.
        readers: principals allowed per topic; no principal may read a topic that is absent.
        writers: the same for writing.
        groups: members of each consumer group, in the order in which they joined.
        offsets: what each group has committed; no reader uses it.
        up: False while the cluster is stopped.
        max_bytes: largest value that a topic takes; a topic that is absent takes any.
    """

    topics: dict[str, list[list[Record]]] = field(default_factory=dict)
    readers: dict[str, set[str]] = field(default_factory=dict)
    writers: dict[str, set[str]] = field(default_factory=dict)
    groups: dict[str, list[MemoryTransport]] = field(default_factory=dict)
    offsets: dict[tuple[str, str, int], int] = field(default_factory=dict)
    up: bool = True
    max_bytes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of_agreement(cls, contract: Contract) -> Self:
        """Return a cluster with the topics of an agreement and the rights of its parties."""
        made = cls()
        for plan in topic_plans(contract):
            made.create_topic(plan.name, plan.partitions)
        for right in acl_plans(contract):
            if right.resource == "topic":
                allowed = made.readers if right.operation == "read" else made.writers
                allowed[right.name].add(right.principal.removeprefix(_USER))
        return made

    def create_topic(self, name: str, partitions: int) -> None:
        """Make an empty topic that no principal may use yet."""
        self.topics[name] = [[] for _ in range(partitions)]
        self.readers[name] = set()
        self.writers[name] = set()

    def allow(self, principal: str, topic: str) -> None:
        """Let a principal read and write a topic."""
        self.readers[topic].add(principal)
        self.writers[topic].add(principal)

    def check(self, principal: str, topic: str, allowed: dict[str, set[str]]) -> None:
        """Refuse as Kafka would.

        Raises:
            TransportError: `kafka_unreachable` or `kafka_refused`.
        """
        if not self.up:
            raise TransportError("Kafka cannot be reached", code="kafka_unreachable")
        if principal not in allowed.get(topic, set()):
            raise TransportError(
                f"Kafka does not let {principal} use this topic", code="kafka_refused", where=topic
            )

    def assignment(self, group: str, member: MemoryTransport) -> set[KafkaPartition]:
        """Return the partitions of a member: its share of each topic to which it subscribed."""
        members = self.groups.get(group, [])
        mine: set[KafkaPartition] = set()
        for topic in member.subscribed:
            sharers = [other for other in members if topic in other.subscribed]
            if member in sharers:
                mine.update(
                    KafkaPartition(topic, partition)
                    for partition in range(len(self.topics[topic]))
                    if sharers[partition % len(sharers)] is member
                )
        return mine


class MemoryTransport:
    """One agency's client of a `MemoryKafka`; keeps the `Transport` protocol."""

    def __init__(self, kafka: MemoryKafka, principal: str, *, group: str | None = None) -> None:
        self._kafka = kafka
        self._principal = principal
        self._group = group or f"{principal}.inbox"
        self._paused: set[KafkaPartition] = set()
        self._moved: set[KafkaPartition] = set()
        self.subscribed: tuple[str, ...] = ()

    async def send(self, records: Sequence[Record]) -> list[int]:
        """See `interfaces.Sender.send`."""
        offsets: list[int | None] = [None] * len(records)
        failures: dict[KafkaPartition, TransportError] = {}
        await asyncio.sleep(0)
        for number, record in enumerate(records):
            partition = record.kafka_partition
            if partition in failures:
                continue  # nothing is stored after something that was not
            try:
                log = self._log_to_write(partition)
                self._check_size(record)
            except TransportError as error:
                failures[partition] = error
                continue
            log.append(replace(record, offset=len(log)))
            offsets[number] = len(log) - 1
        for failure in failures.values():
            failure.offsets = tuple(offsets)
            raise failure
        return [offset for offset in offsets if offset is not None]

    def _check_size(self, record: Record) -> None:
        if len(record.value or b"") > self._kafka.max_bytes.get(record.topic, 2**31):
            raise TransportError(
                "Kafka does not accept records of this size", code="kafka_record_too_large"
            )

    def _log_to_write(self, partition: KafkaPartition) -> list[Record]:
        topic, number = partition
        self._kafka.check(self._principal, topic, self._kafka.writers)
        logs = self._kafka.topics[topic]
        if not 0 <= number < len(logs):
            raise TransportError(
                "the topic has no such partition",
                code="kafka_refused",
                where=f"{topic}/{number}",
            )
        return logs[number]

    async def run(
        self,
        topics: Iterable[str],
        on_batch: OnBatch,
        positions: Positions,
        stop: asyncio.Event,
        *,
        on_trouble: OnTrouble | None = None,
        on_reached: OnReached | None = None,
    ) -> None:
        """See `interfaces.Receiver.run`."""
        self.subscribed = tuple(topics)
        delivery = Delivery(on_batch, positions, on_trouble)
        delivery.held.update(self._paused)
        members = self._kafka.groups.setdefault(self._group, [])
        members.append(self)
        unreachable = False
        try:
            while not stop.is_set():
                try:
                    for topic in self.subscribed:
                        self._kafka.check(self._principal, topic, self._kafka.readers)
                except TransportError as error:
                    if error.code == "kafka_refused":
                        raise
                    if on_trouble and not unreachable:
                        on_trouble(ReceiverTrouble(error.code, "", -1, "TransportError", _POLL_S))
                    unreachable = True
                else:
                    unreachable = False
                    if on_reached:
                        on_reached()
                    await self._poll(delivery)
                await set_within(stop, _POLL_S)
        finally:
            members.remove(self)
            self.subscribed = ()

    async def _poll(self, delivery: Delivery) -> None:
        mine = self._kafka.assignment(self._group, self)
        delivery.forget(delivery.assigned - mine)
        delivery.forget(self._moved & mine)
        self._moved.clear()
        delivery.held = set(self._paused)
        now = asyncio.get_running_loop().time()
        for partition in sorted(mine):
            if partition not in delivery.assigned and delivery.seat(partition, now):
                continue
            if not delivery.ready(partition, now):
                continue
            log = self._kafka.topics[partition[0]][partition[1]]
            at = delivery.position(partition)
            if at > len(log):
                at = 0  # the topic was made anew: Kafka, too, goes back to the earliest
            if at == len(log):
                continue
            await delivery.deliver(partition, log[at:], now)
            self._kafka.offsets[self._group, *partition] = delivery.position(partition)

    def pause(self, partition: KafkaPartition) -> None:
        """See `interfaces.Receiver.pause`."""
        self._paused.add(partition)

    def resume(self, partition: KafkaPartition) -> None:
        """See `interfaces.Receiver.resume`."""
        self._paused.discard(partition)
        self._moved.add(partition)

    async def visible(self, topics: Iterable[str]) -> frozenset[str]:
        """See `interfaces.Receiver.visible`."""
        await asyncio.sleep(0)
        if not self._kafka.up:
            raise TransportError("Kafka cannot be reached", code="kafka_unreachable")
        rights = self._kafka.readers
        return frozenset(topic for topic in topics if self._principal in rights.get(topic, set()))

    async def read_all(self, topics: Iterable[str]) -> list[Record]:
        """See `interfaces.Receiver.read_all`."""
        await asyncio.sleep(0)
        found: list[Record] = []
        for topic in topics:
            self._kafka.check(self._principal, topic, self._kafka.readers)
            for log in self._kafka.topics[topic]:
                found.extend(log)
        return found

    async def close(self) -> None:
        """Do nothing: the transport holds no connection."""
