"""One agency of a partnership in memory: its adapter without Kafka, files and a port."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx

from adapters.base import AgencySystem
from adapters.council import ADAPTER
from adapters.exchange.offering import Offering, Read, Reading
from adapters.http_api.complete import complete_app
from adapters.http_api.cursors import Cursors
from adapters.http_api.pages import PageReader
from adapters.http_api.sides import HttpSink, http_source
from adapters.http_api.tokens import Scope, new_token
from adapters.sides import SideParts
from broker.agency.config import AgencyConfig
from broker.agency.config_sections import ApiSection
from broker.agency.participant import Participant
from broker.clock import SteadyClock
from broker.judging.key_resolver import TrustStore
from broker.observing.metrics import Metrics
from broker.receiving.inbox_payload import parse_payload
from broker.receiving.receiving import Receiving
from broker.record import Record
from broker.sending.publishing import Publisher
from broker.sending.relay import Relay, StreamSigning
from broker.sending.sealing import EventSealer
from broker.sending.sealing_context import SealingContext
from broker.sending.streams import StreamOwner
from broker.statements.authorship import cosigner
from broker.store.database import open_store
from broker.transport.memory import MemoryKafka, MemoryTransport

STATE = "state.db"
SETTLE_S = 0.1
KEEP_DAYS = 7
REQUESTS = 1_000_000


class Member:
    """An agency. Its methods are called on the loop of the partnership.

    Args:
        participant: the agency, loaded.
        folder: for its database and its tokens.
        empty_state: a state database without rows.
        kafka: the Kafka in memory.
        clock: () -> ms since the epoch.
    """

    def __init__(
        self,
        participant: Participant,
        folder: Path,
        empty_state: Path,
        kafka: MemoryKafka,
        clock: Callable[[], int],
    ) -> None:
        folder.mkdir()
        shutil.copyfile(empty_state, folder / STATE)
        self.running = True
        self._clock = clock
        self._kafka = kafka
        self._topics = tuple(
            topic for topic in sorted(kafka.topics) if participant.agency in kafka.readers[topic]
        )
        self._read: dict[tuple[str, int], int] = {}
        config = with_http(participant.config)
        self.participant = replace(participant, root=folder, config=config)
        owner = StreamOwner(participant.deployment, participant.agency)
        secret = participant.keyring.secret()
        contracts, manifests = participant.contracts, participant.manifests
        self._store = open_store(folder / STATE)
        sealing = SealingContext(contracts, manifests)
        sealer = EventSealer(*owner, secret, sealing.addressees, sealing.vocabularies)
        signer = cosigner(participant.key_name, participant.stream_signer(clock()))
        self._relay = Relay(
            owner,
            self._store,
            MemoryTransport(kafka, participant.agency),
            StreamSigning(
                lambda: signer, lambda now: sealing.stopped_topics(participant.agency, now)
            ),
            SteadyClock(clock),
        )
        trust = TrustStore(participant.agency, contracts, manifests, participant.keyring)
        self._receiving = Receiving(self._store, trust, secret)
        self._reading = Reading(participant.agency, secret, lambda: contracts)
        parts = SideParts(
            self.participant,
            AgencySystem(ADAPTER, participant.agency, config.partners),
            self._store,
            Publisher(sealer),
            lambda: None,
            lambda: contracts,
            Metrics(),
            clock,
            SETTLE_S,
        )
        self._offering = Offering(self._store, self._reading, clock, KEEP_DAYS)
        pages = PageReader(self._offering, Cursors(folder, participant.agency))
        self._source, sink = http_source(parts), HttpSink(self._offering, pages)
        self.asgi = httpx.ASGITransport(
            complete_app(parts, (*self._source.endpoints, *sink.endpoints)),
            raise_app_exceptions=False,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()

    async def start(self) -> None:
        """Take the relay's lock, and let the source accept events."""
        self._relay.take_lock("testing")
        await self._relay.resend()
        self._tasks.append(asyncio.create_task(self._source.run(self._stop, lambda: None)))
        await asyncio.sleep(0)

    def token(self, name: str, scopes: tuple[Scope, ...]) -> str:
        """Make a token."""
        return new_token(self.participant.root, name, scopes, self._clock())[1]

    async def relay(self) -> None:
        """Send what was accepted."""
        if self.running and self._kafka.up:
            await self._relay.round()

    def receive(self) -> list[str]:
        """Take what is new, offer it, and return the codes of refused records."""
        if not (self.running and self._kafka.up):
            return []
        refused: list[str] = []
        for topic in self._topics:
            for number, records in enumerate(self._kafka.topics[topic]):
                done = self._read.get((topic, number), 0)
                fresh: list[Record] = records[done:]
                if fresh:
                    batch = self._receiving.take(fresh[0].kafka_partition, fresh, self._clock())
                    refused += [code for *_, code in batch.refused]
                    self._read[topic, number] = len(records)
        if self._offering.round():
            self._offering.bell.ring()
        return refused

    async def retry(self, event_id: str) -> None:
        """Offer the held events of an id again."""
        with self._store.transaction() as tx:
            for row in tx.inbox.held(100_000):
                if row.event_id == event_id:
                    tx.inbox.release(row.seq)
        self.receive()

    def received(self) -> list[Read]:
        """Return every event that was received, in the order of its offers."""
        with self._store.reading() as tx:
            rows = tx.offers.after(0, 100_000, "", again=True)
        return [
            self._reading.read(row.number, parse_payload(row.payload))
            for row in rows
            if row.payload is not None
        ]

    async def close(self) -> None:
        """End the loop of the source, and close the database."""
        self._stop.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._store.close()


def with_http(config: AgencyConfig) -> AgencyConfig:
    """Return the settings with the source and the sink `http`."""
    sides = config.adapter.model_copy(update={"source": "http", "sink": "http"})
    api = ApiSection(keep_days=KEEP_DAYS, requests_per_minute=REQUESTS)
    return config.model_copy(update={"adapter": sides, "api": api})
