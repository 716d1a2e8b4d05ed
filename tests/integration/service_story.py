"""Two agencies' services through kills and restarts, on whatever transport a test brings.

A kill is a task that is cancelled wherever it is, with a database that nobody closed in order:
what was not committed is gone, what was sent and not acknowledged is sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from adapters.wiring import Outside, connect_broker
from broker.agency.participant import load_participant
from broker.audit.log import log_origin
from broker.audit.verification import verify_log
from broker.observing.health import Readiness
from broker.observing.metrics import Metrics
from broker.service.service import BrokerService
from broker.store.database import Store, open_store
from broker.store.outbox import OutboxCounts
from broker.transport.interfaces import Transport
from broker.transport.topics import control_topics, data_topics
from contracts.events import PlainEvent
from contracts.examples import example
from contracts.model import Contract
from contracts.policy import policy_for
from tests.support.memory_kafka import MemoryKafka
from tests.support.words import flatten, unflatten


def create_agencies(root: Path, cast: Sequence[str], now: int) -> None:
    """Create a partnership of these agencies, which send receipts and heartbeats often."""
    plans = {plan.id: plan for plan in london_agencies()}
    create_partnership(root, now, agencies=[plans[agency] for agency in cast])
    for agency in cast:
        config = root / agency / "agency.toml"
        config.write_text(config.read_text() + "\n[intervals]\nreceipt = 0.05\nheartbeat = 0.2\n")


def cluster_of(root: Path, cast: Sequence[str], now: int) -> MemoryKafka:
    """A Kafka in memory with all topics of their agreement, open to each of them."""
    cluster = MemoryKafka()
    participant = load_participant(root / cast[0], now)
    for topic in data_topics(participant.contract_in_force(now).contract):
        cluster.create_topic(topic, 6)
    for topic in control_topics(participant.deployment).names:
        cluster.create_topic(topic, 1)
    for topic in cluster.topics:
        for agency in cast:
            cluster.allow(agency, topic)
    return cluster


class Running:
    """One agency's service that can be killed and started again."""

    def __init__(
        self, directory: Path, transport: Callable[[], Transport], clock: Callable[[], int]
    ) -> None:
        self.directory = directory
        self._transport = transport
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self.service: BrokerService | None = None
        self.store: Store | None = None

    async def start(self) -> BrokerService:
        participant = load_participant(self.directory, self._clock())
        self.store = open_store(participant.path(participant.config.state.database))
        self._client = self._transport()
        self._stop = asyncio.Event()
        self.readiness = Readiness()
        self.metrics = Metrics()
        outside = Outside(self.store, self._client, self._clock, self.metrics, self.readiness)
        self.service = connect_broker(participant, outside, lambda: None)
        self._task = asyncio.create_task(self.service.run(self._stop))
        await asyncio.sleep(0)
        return self.service

    async def kill(self) -> None:
        """Stop it in the middle of whatever it does."""
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._client.close()
        self.store = None  # as it was left; the next start opens the file again

    async def end(self) -> None:
        """Stop it in order."""
        assert self._task is not None
        self._stop.set()
        await self._task
        await self._client.close()

    @property
    def alive(self) -> bool:
        assert self._task is not None
        if self._task.done():
            self._task.result()
        return not self._task.done()

    def event(self, to: tuple[str, ...], event_type: str = "referral.made") -> PlainEvent:
        """A referral of its own, of everything that these recipients may read."""
        assert self.service is not None
        participant = self.service.participant
        contract = participant.contract_in_force(self._clock()).contract
        sent = policy_for(contract, participant.agency, to, event_type).fields
        flat = flatten(event_type, example(contract, participant.agency, event_type).data)
        flat = {path: value for path, value in flat.items() if path in sent}
        flat |= {"case_id": str(uuid4()), "referral_id": str(uuid4())}
        return PlainEvent(event_type, to, unflatten(flat))

    @property
    def contract(self) -> Contract:
        """The contract in force."""
        assert self.service is not None
        return self.service.participant.contract_in_force(self._clock()).contract

    def publish(self, to: tuple[str, ...], count: int, case_id: str = "") -> list[str]:
        """Accept so many events, as the intake of a file does."""
        assert self.service is not None
        assert self.store is not None
        ids = []
        with self.store.transaction() as tx:
            for _ in range(count):
                event = self.event(to)
                if case_id:
                    event.data["case_id"] = case_id
                ids.append(self.service.parts.publisher.publish(tx, event, self._clock()))
        self.service.published()
        return [one for one in ids if one is not None]

    def metric(self, name: str, *, in_ms: int = 0, **labels: str) -> float:
        """One series as ``/metrics`` shows it in so many ms; 0 where there is none."""
        assert self.store is not None
        assert self.service is not None
        with self.store.reading() as tx:
            self.metrics.refresh(tx, self._clock() + in_ms, {})
        found = self.metrics.registry.get_sample_value(f"concordant_{name}", labels)
        return found or 0.0

    # --- what is left on disk -------------------------------------------------------------------

    def inbox(self) -> list[str]:
        assert self.store is not None
        with self.store.reading() as tx:
            return [row.event_id for row in tx.inbox.undelivered(100_000)]

    def outbox(self) -> OutboxCounts:
        assert self.store is not None
        with self.store.reading() as tx:
            return tx.outbox.counts()

    def disclosures(self) -> int:
        """Entries of the disclosure log, every one of them verified."""
        assert self.store is not None
        assert self.service is not None
        participant = self.service.participant
        with self.store.reading() as tx:
            origin = log_origin(participant.deployment, participant.agency)
            return verify_log(tx, origin, lambda *_arguments: None).size

    def quarantined(self) -> int:
        assert self.store is not None
        with self.store.reading() as tx:
            return tx.quarantine.count()

    def evidence(self) -> int:
        assert self.store is not None
        with self.store.reading() as tx:
            return len(tx.evidence.list())

    def receipts(self) -> int:
        """Receipts of others that arrived."""
        assert self.store is not None
        with self.store.reading() as tx:
            heads = tx.streams.heads()
            found = 0
            for head in heads:
                place = f"{head.topic}/{head.partition}/{head.name}"
                assert self.service is not None
                origin = f"{self.service.participant.key_name}/{place}"
                found += bool(tx.receipts.covering(origin, head.size, head.root))
            return found


async def until(condition: Callable[[], bool], *running: Running, within_s: float = 120) -> None:
    async with asyncio.timeout(within_s):
        while not condition():
            assert all(one.alive for one in running)
            await asyncio.sleep(0.02)


async def kills_in_the_middle(sender: Running, receiver: Running, to: str) -> None:
    """200 events, each side killed and started again in the middle: nothing lost, nothing twice."""
    await sender.start()
    await receiver.start()
    published: list[str] = []
    for round_ in range(4):
        published += sender.publish((to,), 50)
        if round_ in {0, 2}:
            await sender.kill()
            await sender.start()
        if round_ in {1, 2}:
            await until(lambda: bool(receiver.inbox()), receiver)
            await receiver.kill()
            await receiver.start()
    await until(lambda: len(receiver.inbox()) >= len(published), sender, receiver)
    await until(lambda: sender.outbox().sent == len(published), sender)
    await until(lambda: sender.receipts() > 0, sender, receiver)
    arrived = receiver.inbox()
    assert len(arrived) == len(set(arrived))
    assert set(arrived) == set(published)
    assert sender.disclosures() == receiver.disclosures() == len(published) == 200
    assert receiver.quarantined() == receiver.evidence() == 0
    await sender.end()
    await receiver.end()
