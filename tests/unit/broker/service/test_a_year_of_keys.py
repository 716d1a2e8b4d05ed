"""A year on a simulated clock: every key rotates, and no person acts but for the delegation."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from adapters.wiring import Outside, connect_broker
from broker.agency.participant import load_participant
from broker.keys.kid import ML_DSA_44
from broker.observing.health import Readiness
from broker.observing.metrics import Metrics
from broker.operations.key_delegation import delegated_keys
from broker.record import KafkaPartition
from broker.service.manifest_renewal import ManifestRenewal
from broker.store.database import open_store
from contracts.events import PlainEvent
from contracts.examples import example
from contracts.policy import policy_for
from contracts.vocabulary import unflatten
from tests.support.founded_partnership import COUNCIL, DAY, NOW, POLICE, founded
from tests.support.memory_agency import Clock
from tests.support.memory_kafka import MemoryKafka, MemoryTransport
from tests.support.words import flatten

TYPE = "referral.made"
STEP = 10 * DAY
DELEGATED_AT = NOW + 300 * DAY


@dataclass
class Turned:
    """One agency's broker, whose parts a test turns by hand."""

    agency: str
    folder: Path
    kafka: MemoryKafka
    clock: Clock

    def __post_init__(self) -> None:
        participant = load_participant(self.folder, self.clock.now)
        self.store = open_store(participant.path(participant.config.state.database))
        self.transport = MemoryTransport(self.kafka, self.agency)
        self.metrics = Metrics()
        outside = Outside(self.store, self.transport, self.clock, self.metrics, Readiness())
        self.service = connect_broker(participant, outside, lambda: None)
        self.parts = self.service.parts
        self.renewal = ManifestRenewal(self.service, self.metrics, self.clock)
        self.parts.relay.take_lock(self.agency)
        self.read: dict[KafkaPartition, int] = {}
        self.sent: list[str] = []

    async def begin(self) -> None:
        """Announce its manifest and what it signed."""
        control = self.parts.control
        await self.parts.statements.announce(control.contracts, control.manifests)

    async def take(self) -> None:
        """Take everything new: control topics first, as at a start."""
        names = self.parts.control.topics.names
        for topic in sorted(self.kafka.topics, key=lambda one: (one not in names, one)):
            for number, log in enumerate(self.kafka.topics[topic]):
                place = KafkaPartition(topic, number)
                done = self.read.get(place, 0)
                self.read[place] = len(log)
                if log[done:]:
                    await self.parts.reader._take(place, list(log[done:]))

    async def turn(self, to: str) -> None:
        """One day: renew if due, say so, send an event."""
        await self.renewal.look(asyncio.Event())
        await self.begin()
        self.publish(to)
        while await self.parts.relay.round():
            pass
        await self.parts.statements.tell_heads(self.parts.relay.acknowledged_heads())
        await self.parts.statements.flush()

    def publish(self, to: str) -> None:
        contract = self.service.participant.contract_in_force(self.clock.now).contract
        readable = policy_for(contract, self.agency, (to,), TYPE).fields
        flat = flatten(TYPE, example(contract, self.agency, TYPE).data)
        flat = {path: value for path, value in flat.items() if path in readable}
        flat |= {"case_id": str(uuid4()), "referral_id": str(uuid4())}
        with self.store.transaction() as tx:
            event = PlainEvent(TYPE, (to,), unflatten(flat))
            made = self.parts.publisher.publish(tx, event, self.clock.now)
        assert made is not None
        self.sent.append(made)

    def received(self) -> list[str]:
        with self.store.reading() as tx:
            assert tx.quarantine.count() == 0
            assert not list(tx.reader.all_deferred())
            return [row.event_id for row in tx.inbox.undelivered(10_000)]

    def keys(self) -> set[bytes]:
        """Keys that this agency uses now: stream, heartbeat, receipt, exchange."""
        now, participant = self.clock.now, self.service.participant
        used = (
            participant.stream_signer(now),
            participant.stream_signer(now, ML_DSA_44),
            participant.receipt_signer(now),
        )
        return {
            *(one.kid for one in used),
            participant.manifests.exchange_key(self.agency, now).kid,
        }


@pytest.fixture
def pair(tmp_path: Path, kafka: MemoryKafka, clock: Clock) -> Iterator[tuple[Turned, Turned]]:
    police, council = (
        Turned(one, founded().directory(one, tmp_path), kafka, clock) for one in (POLICE, COUNCIL)
    )
    yield police, council
    for one in (police, council):
        one.store.close()


async def exchange(police: Turned, council: Turned) -> None:
    await police.turn(COUNCIL)
    await council.turn(POLICE)
    await police.take()
    await council.take()


async def test_a_year_passes_and_nothing_is_lost_or_refused(pair: tuple[Turned, Turned]) -> None:
    police, council = pair
    clock, used = police.clock, set[bytes]()
    for one in pair:
        await one.begin()
    while clock.now < NOW + 355 * DAY:
        clock.pass_(STEP)
        if clock.now == DELEGATED_AT:  # the only act of a person
            for one in pair:
                delegated_keys(one.folder, clock.now)
                await one.service.reload()
        await exchange(police, council)
        used |= police.keys()
    assert police.received() == council.sent
    assert council.received() == police.sent
    # 12 exchange keys, and 4 of each kind that signs
    assert len(used) >= 12 + 3 * 4
    for one in pair:
        assert (
            one.metrics.registry.get_sample_value(
                "concordant_records_refused_total", {"step": "2", "code": "manifest_expired"}
            )
            == 0
        )
        listed = one.service.participant.manifest(clock.now).keys
        assert len(listed) < 40


async def test_a_month_of_days(pair: tuple[Turned, Turned]) -> None:
    """An event each day over the change of the exchange keys."""
    police, council = pair
    for one in pair:
        await one.begin()
    for _ in range(33):
        police.clock.pass_(DAY)
        await exchange(police, council)
    assert set(council.received()) == set(police.sent)
    assert set(police.received()) == set(council.sent)
    assert len(police.sent) == 33


async def test_fifteen_days_offline_are_harmless(pair: tuple[Turned, Turned]) -> None:
    """The council is off for 15 days, just before its manifest was due."""
    police, council = pair
    clock = police.clock
    for one in pair:
        await one.begin()
    clock.pass_(9 * DAY)
    await exchange(police, council)
    for _ in range(3):
        clock.pass_(5 * DAY)
        await police.turn(COUNCIL)
        await police.take()
    await council.take()
    await exchange(police, council)
    assert set(council.received()) == set(police.sent)  # of several partitions
    assert set(police.received()) == set(council.sent)
