"""Agencies in memory whose own systems use a message bus."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from adapters.base import AgencySystem
from adapters.bus.clients import BusClient, BusSettings, OutgoingMessage, bus_settings, client_maker
from adapters.bus.cloud_events import CONTENT_TYPE
from adapters.bus.sides import bus_sink, bus_source
from adapters.bus.sink import BusSink
from adapters.bus.source import BusSource
from adapters.council import ADAPTER
from adapters.sides import SideParts
from broker.agency.config_bus import BusSection
from broker.observing.metrics import Metrics
from broker.waiting import set_within
from tests.support.founded_partnership import COUNCIL, POLICE, FoundedPartnership, founded
from tests.support.http_agency import as_body
from tests.support.memory_agency import Clock, MemoryAgency, cluster
from tests.support.memory_kafka import MemoryKafka

__all__ = ["CONTENT_TYPE", "BusAgency", "BusTown", "OwnSystem", "bus_town"]


def section(settings: Mapping[str, Any], prefix: str, **more: Any) -> BusSection:
    """Return the section `[bus]` of an agency whose subjects begin with a prefix."""
    names = {
        name: f"{prefix}.{name}" for name in ("send", "answers", "refused", "received", "results")
    }
    return BusSection.model_validate(
        {**settings, "names": names, "stream": prefix.upper(), "group": prefix, **more}
    )


class OwnSystem:
    """A system of the agency, as a client of the bus."""

    def __init__(self, of: BusSection, reads: str | None = None) -> None:
        self.section = of.model_copy(update={"group": f"{of.group}-system"})
        self.settings: BusSettings = bus_settings(self.section, Path("/"))
        self._reads = reads
        self.client: BusClient | None = None

    async def open(self) -> BusClient:
        """Connect, and try again until the bus answers."""
        while self.client is None:
            made = client_maker(self.section.kind)(self.settings, self._reads)
            try:
                await made.open()
                self.client = made
            except Exception:  # noqa: BLE001 - of any library
                with suppress(Exception):
                    await made.close()
                await asyncio.sleep(0.1)
        return self.client

    async def close(self) -> None:
        """Disconnect."""
        if self.client is not None:
            with suppress(Exception):
                await asyncio.wait_for(self.client.close(), 5)
            self.client = None

    async def publish(self, name: str, body: bytes, key: str = "") -> None:
        """Publish until the bus has confirmed."""
        while True:
            client = await self.open()
            try:
                await asyncio.wait_for(
                    client.publish(name, OutgoingMessage(str(uuid4()), body, key)), 10
                )
            except Exception:  # noqa: BLE001 - of any library
                await self.close()
            else:
                return

    async def read(self, seconds: float = 10.0) -> dict[str, Any] | None:
        """Return the next message, acknowledged; None if none comes."""
        ends = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < ends:
            client = await self.open()
            try:
                found = await asyncio.wait_for(client.next(0.3), 15)
                if found is not None:
                    await found.acknowledge()
                    return dict(json.loads(found.body))
            except Exception:  # noqa: BLE001 - of any library
                await self.close()
        return None

    async def all(
        self, count: int, seconds: float = 90.0, before: Sequence[Mapping[str, Any]] = ()
    ) -> list[dict[str, Any]]:
        """Return messages until so many different ids came, those read before included.

        Every repeat is in the result too, also one of a message that was read before.
        """
        found: list[dict[str, Any]] = []
        while len({one["id"] for one in [*before, *found]}) < count:
            one = await self.read(seconds)
            assert one is not None, f"only {len(found)} messages came"
            found.append(one)
        return found


class BusAgency:
    """One agency with a bus as source and sink."""

    def __init__(self, member: MemoryAgency, root: Path, bus: BusSection) -> None:
        self.member = member
        self.root = root
        self.bus = bus
        for name in ("import", "quarantine", "processed"):
            (root / name).mkdir(parents=True, exist_ok=True)
        self.metrics = Metrics()
        self._tasks: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()
        self._running: list[BusSource | BusSink] = []
        self.source: BusSource
        self.sink: BusSink

    def parts(self) -> SideParts:
        """Return the parts of its sides."""
        config = self.member.participant.config.model_copy(update={"bus": self.bus})
        participant = replace(self.member.participant, root=self.root, config=config)
        return SideParts(
            participant,
            AgencySystem(ADAPTER, self.member.agency, config.partners),
            self.member.store,
            self.member.publisher,
            lambda: None,
            lambda: self.member.contracts,
            self.metrics,
            self.member.clock,
            0.1,
        )

    def start(self, *, source: bool = True, sink: bool = True) -> None:
        """Start its sides, as a new process would."""
        parts, self._stop = self.parts(), asyncio.Event()
        stop = self._stop
        self._tasks, self._running = [], []
        if source:
            self.source = bus_source(parts)
            self._running.append(self.source)
            self._tasks.append(asyncio.create_task(self.source.run(stop, lambda: None)))
        if sink:
            self.sink = bus_sink(parts)
            self._running.append(self.sink)
            wait = lambda _seconds: set_within(stop, 0.02)  # noqa: E731
            self._tasks.append(asyncio.create_task(self.sink.run(wait, stop, lambda: None)))

    def ready(self) -> bool:
        """Return whether every side that was started is connected."""
        return all(one.trouble is None or not one.trouble() for one in self._running)

    async def stop(self) -> None:
        """Stop in order."""
        self._stop.set()
        for task in self._tasks:
            await task
        self._tasks = []

    async def kill(self) -> None:
        """Stop wherever it is."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError, BaseExceptionGroup):
                await task
        self._tasks = []

    def message(self, event: Mapping[str, Any], id_: str | None = None) -> bytes:
        """Return a message with an event."""
        return json.dumps(
            {
                "specversion": "1.0",
                "id": id_ or str(uuid4()),
                "source": "/housing",
                "type": event["type"],
                "data": event,
            }
        ).encode()

    def event(self, to: Sequence[str] = (COUNCIL,), **changes: Any) -> dict[str, Any]:
        """Return a valid event of this agency."""
        return as_body(self.member.event(to=tuple(to), **changes))

    def held(self) -> list[str]:
        """Return the codes of held events."""
        return [code for code, _ in self.member.held_events()]

    def undelivered(self) -> int:
        """Return how many events wait."""
        with self.member.store.reading() as tx:
            return tx.inbox.counts().undelivered


class BusTown:
    """Two agencies over one Kafka, each with a part of one bus."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], prefix: str, **bus: Any) -> None:
        self.world: FoundedPartnership = founded()
        self.clock = Clock()
        self.kafka: MemoryKafka = cluster(self.world)
        self.police = self._agency(POLICE, folder, section(settings, f"{prefix}p"))
        self.council = self._agency(COUNCIL, folder, section(settings, f"{prefix}c", **bus))

    def _agency(self, agency: str, folder: Path, bus: BusSection) -> BusAgency:
        member = MemoryAgency(agency, folder / f"{agency}.db", self.kafka, self.clock, self.world)
        return BusAgency(member, folder / agency, bus)

    async def carry(self) -> None:
        """Relay what the police accepted to Kafka, and let the council receive it."""
        await self.police.member.relay_outbox()
        self.council.member.receive_all()

    async def close(self) -> None:
        """Stop everything."""
        for one in (self.police, self.council):
            await one.kill()
            one.member.store.close()


def bus_town(folder: Path, settings: Mapping[str, Any], prefix: str = "t", **bus: Any) -> BusTown:
    """Return two agencies on one bus."""
    return BusTown(folder, settings, prefix, **bus)


async def until(seen: Callable[[], bool], seconds: float = 90.0) -> None:
    """Wait until something is so."""
    ends = asyncio.get_running_loop().time() + seconds
    while not seen():
        assert asyncio.get_running_loop().time() < ends, "it did not happen"
        await asyncio.sleep(0.05)
