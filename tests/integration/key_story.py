"""Three agencies whose adapters run over a Kafka in memory and take up new keys as they come."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from broker.agency.participant import Participant, load_participant
from broker.keys.manifest import Manifest
from broker.service.own_manifest_watch import watch_own_manifest
from broker.service.service import BrokerService
from broker.transport.interfaces import Transport
from broker.transport.topics import control_topics, data_topics
from tests.integration.commands import concordant
from tests.integration.service_story import Running
from tests.support.memory_kafka import MemoryKafka

POLICE, COUNCIL, SUPPORT = "csu-camden", "council-camden", "haven-support"
CAST = (POLICE, COUNCIL, SUPPORT)
PARTITIONS = 6


def clock() -> int:
    return time.time_ns() // 1_000_000


def partnership(root: Path, made: int, **options: str) -> Path:
    """Three agencies with short intervals, made at a time in the past."""
    plans = {plan.id: plan for plan in london_agencies()}
    create_partnership(root, made, agencies=[plans[agency] for agency in CAST], **options)  # type: ignore[arg-type]  # a test's shorthand
    for agency in CAST:
        config = root / agency / "agency.toml"
        config.write_text(config.read_text() + "\n[intervals]\nreceipt = 0.05\nheartbeat = 0.2\n")
    return root


def cluster(root: Path, now: int) -> MemoryKafka:
    """A Kafka in memory with the contract's topics."""
    kafka = MemoryKafka()
    participant = load_participant(root / POLICE, now)
    for topic in data_topics(participant.contract_in_force(now).contract):
        kafka.create_topic(topic, PARTITIONS)
    for topic in control_topics(participant.deployment).names:
        kafka.create_topic(topic, 1)
    for topic in kafka.topics:
        for agency in CAST:
            kafka.allow(agency, topic)
    return kafka


class Adapter(Running):
    """A service with what the adapter runs beside it: its own new manifests are taken up."""

    def __init__(
        self, directory: Path, transport: Callable[[], Transport], clock_: Callable[[], int] = clock
    ) -> None:
        super().__init__(directory, transport, clock_)
        self._now = clock_

    async def start(self) -> BrokerService:
        service = await super().start()
        self._watching = asyncio.create_task(
            watch_own_manifest(service.participant, service, self._stop)
        )
        return service

    async def end(self) -> None:
        await super().end()
        await self._watching

    @property
    def agency(self) -> str:
        return self.directory.name

    def loaded(self) -> Participant:
        return load_participant(self.directory, self._now())

    def manifest_of(self, agency: str) -> Manifest:
        """The newest manifest of an agency that this one has taken up."""
        assert self.service is not None
        newest = self.service.parts.control.manifests.newest(agency)
        assert newest is not None
        return newest

    def noise(self) -> list[str]:
        """Codes of what was refused at steps 0 to 4."""
        assert self.store is not None
        with self.store.reading() as tx:
            return [row.code for row in tx.quarantine.unauthenticated(1000)]

    def stopped(self) -> list[tuple[str, str, int]]:
        """(sender, topic, partition) of streams that equivocation stopped."""
        assert self.store is not None
        with self.store.reading() as tx:
            return tx.reader.stopped()

    def open_gaps(self) -> int:
        """Gaps that wait to be filled, of all senders."""
        assert self.store is not None
        with self.store.reading() as tx:
            return sum(gaps for _, _, gaps, _ in tx.reader.state_sizes())

    async def keys(self) -> dict[str, str]:
        """Ids of the keys that are valid now, by role and algorithm, as the command lists them."""
        done = await concordant("keys", "list", "--agency", self.directory, "--json")
        return {
            f"{key['role']} {key['algorithm']}": key["kid"]
            for key in json.loads(done.out)["keys"]
            if key["state"] == "valid"
        }
