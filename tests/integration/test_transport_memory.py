from __future__ import annotations

import pytest

from tests.integration.transport_behaviour import TransportBehaviour
from tests.support.memory_kafka import MemoryKafka, MemoryTransport


class MemoryStage:
    topic = "d.c.a"

    def __init__(self) -> None:
        self.kafka = MemoryKafka()
        self.kafka.create_topic(self.topic, 2)
        for who in ("alice", "bob"):
            self.kafka.allow(who, self.topic)

    def transport(self, who: str, group: str | None = None) -> MemoryTransport:
        return MemoryTransport(self.kafka, who, group=group)

    async def stop_kafka(self) -> None:
        self.kafka.up = False

    async def start_kafka(self) -> None:
        self.kafka.up = True

    async def move_group(self, group: str, topic: str, partition: int, offset: int) -> None:
        self.kafka.offsets[group, topic, partition] = offset


class TestMemory(TransportBehaviour):
    @pytest.fixture
    async def stage(self) -> MemoryStage:
        return MemoryStage()
