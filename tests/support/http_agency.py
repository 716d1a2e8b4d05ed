"""Agencies in memory whose own systems are REST clients, each with the real HTTP application."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from adapters.base import AgencySystem
from adapters.council import ADAPTER
from adapters.http_api.complete import complete_app
from adapters.http_api.sides import HttpSink, HttpSource, http_sink, http_source
from adapters.http_api.tokens import SCOPES, Scope, new_token
from adapters.sides import SideParts
from broker.agency.config import AgencyConfig
from broker.agency.config_sections import ApiSection
from broker.audit.entries import NewLogEntry
from broker.observing.metrics import Metrics
from broker.waiting import set_within
from contracts.events import PlainEvent
from tests.support.founded_partnership import COUNCIL, SUPPORT, FoundedPartnership, founded
from tests.support.memory_agency import Clock, MemoryAgency, cluster
from tests.support.memory_kafka import MemoryKafka


def with_http(config: AgencyConfig, **api: Any) -> AgencyConfig:
    """Return the settings with the source and the sink `http`."""
    sides = config.adapter.model_copy(update={"source": "http", "sink": "http"})
    section = ApiSection.model_validate(config.api.model_dump() | api)
    return config.model_copy(update={"adapter": sides, "api": section})


class HttpAgency:
    """One agency, its HTTP application, and a client without a port."""

    def __init__(self, member: MemoryAgency, root: Path, **api: Any) -> None:
        self.member = member
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.metrics = Metrics()
        self.api = api
        self.start()

    def start(self) -> None:
        """Make the application, as a new process would."""
        participant = replace(
            self.member.participant,
            root=self.root,
            config=with_http(self.member.participant.config, **self.api),
        )
        system = AgencySystem(ADAPTER, self.member.agency, participant.config.partners)
        self.parts = SideParts(
            participant,
            system,
            self.member.store,
            self.member.publisher,
            lambda: None,
            lambda: self.member.contracts,
            self.metrics,
            self.member.clock,
            0.1,
        )
        self.source: HttpSource = http_source(self.parts)
        self.source._begun = True  # as its loop does
        self.sink: HttpSink = http_sink(self.parts)
        self.app = complete_app(self.parts, (*self.source.endpoints, *self.sink.endpoints))

    def token(self, name: str = "housing", scopes: Sequence[Scope] = SCOPES, **more: Any) -> str:
        """Make a token."""
        return new_token(self.root, name, scopes, self.member.clock.now, **more)[1]

    def client(self, token: str | None = None) -> httpx.AsyncClient:
        """Return a client with a token, or without one if it is empty."""
        bearer = self.token() if token is None else token
        headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)

    def body(self, to: Sequence[str] = (), **changes: Any) -> dict[str, Any]:
        """Return the body of a valid event of this agency."""
        others = (COUNCIL,) if self.member.agency != COUNCIL else (SUPPORT,)
        event = self.member.event(to=tuple(to) or others, **changes)
        return as_body(event)

    async def send(self) -> None:
        """Relay what was accepted to Kafka."""
        await self.member.relay_outbox()

    def offer(self) -> int:
        """Offer what came, as the loop does."""
        return self.sink._offering.round()

    def entries(self, kind: str) -> list[NewLogEntry]:
        """Return the entries of a kind in the disclosure log."""
        return self.member.log_entries(kind)

    def held(self) -> list[tuple[str, str]]:
        """Return (code, detail) of the held events."""
        return self.member.held_events()


def as_body(event: PlainEvent) -> dict[str, Any]:
    return {**asdict(event), "recipients": list(event.recipients)}


@dataclass
class HttpPartnership:
    """Agencies over one Kafka in memory."""

    world: FoundedPartnership
    kafka: MemoryKafka
    clock: Clock
    agencies: Mapping[str, HttpAgency]

    def __getitem__(self, agency: str) -> HttpAgency:
        return self.agencies[agency]

    async def deliver(self, sender: str, reader: str) -> None:
        """Relay what the sender accepted, let the reader receive it, and offer it."""
        await self[sender].send()
        self[reader].member.receive_all()
        self[reader].offer()

    def close(self) -> None:
        for one in self.agencies.values():
            one.member.store.close()


def http_partnership(folder: Path, *agencies: str, **api: Any) -> HttpPartnership:
    """Return agencies with an HTTP interface each."""
    world, clock = founded(), Clock()
    kafka = cluster(world)
    return HttpPartnership(
        world,
        kafka,
        clock,
        {
            one: HttpAgency(
                MemoryAgency(one, folder / f"{one}.db", kafka, clock, world), folder / one, **api
            )
            for one in agencies
        },
    )


def key() -> dict[str, str]:
    """Return a new idempotency key as a header."""
    return {"idempotency-key": str(uuid4())}


async def running(sink: HttpSink, seconds: float) -> None:
    """Run the loop of a sink for some time."""
    stop = asyncio.Event()
    task = asyncio.create_task(sink.run(lambda _s: set_within(stop, 0.01), stop, lambda: None))
    await set_within(stop, seconds)
    stop.set()
    with suppress(asyncio.CancelledError):
        await task
