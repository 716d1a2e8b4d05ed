"""A gap is healed: the reader asks, the sender publishes again, and the frontiers meet.

Two services use a Kafka in memory that has lost some records. If every key that could open the
content is destroyed, the sender publishes leaf hashes only. Then the log is complete again, and the
content stays lost and is counted as lost.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from broker.agency.participant import LoadedAgency, Participant
from broker.control.watch import Watch
from broker.judging.partition_state import Generation, parse_state
from broker.keys.issuing import ManifestChanges
from broker.observing.metrics import Metrics
from broker.record import CONTENT_TYPE_HEADER, SEALED_CONTENT_TYPE, Record
from broker.tlog.checkpoint import GenerationPlace, Place
from broker.transport.topics import control_topics, data_topics
from tests.integration.service_story import Running, until
from tests.support.founded_partnership import DAY, POLICE, FoundedPartnership, founded
from tests.support.memory_agency import Clock, MemoryAgency, cluster
from tests.support.memory_kafka import MemoryKafka, MemoryTransport
from tests.support.record_parts import as_leaf

COUNCIL = "council-camden"
EVENTS = 9
LOST = (2, 3, 5)


def clock() -> int:
    return time.time_ns() // 1_000_000


class Healing:
    """A sender, a reader, and what Kafka has of one stream."""

    def __init__(self, root: Path) -> None:
        plans = {plan.id: plan for plan in london_agencies()}
        create_partnership(root, clock(), agencies=[plans[agency] for agency in (POLICE, COUNCIL)])
        for agency in (POLICE, COUNCIL):
            config = root / agency / "agency.toml"
            config.write_text(config.read_text() + "\n[intervals]\nreceipt = 0.05\n")
        self.kafka = MemoryKafka()
        self.police, self.council = (
            Running(root / agency, lambda agency=agency: self._client(agency), clock)  # type: ignore[misc]  # bound here
            for agency in (POLICE, COUNCIL)
        )

    def _client(self, agency: str) -> MemoryTransport:
        return MemoryTransport(self.kafka, agency)

    async def send(self) -> list[str]:
        """All events of one case, each under a signature of its own."""
        service = await self.police.start()
        deployment = service.participant.deployment
        data = data_topics(self.police.contract)
        for topic in (*data, *control_topics(deployment).names):
            self.kafka.create_topic(topic, 6 if topic in data else 1)
            for agency in (POLICE, COUNCIL):
                self.kafka.allow(agency, topic)
        case, ids = str(uuid4()), []
        for number in range(EVENTS):
            ids += self.police.publish((COUNCIL,), 1, case_id=case)
            await until(lambda sent=number + 1: self.police.outbox().sent == sent, self.police)  # type: ignore[misc]  # bound here
        return ids

    def log(self) -> list[Record]:
        (log,) = [
            log
            for topic in data_topics(self.police.contract)
            for log in self.kafka.topics[topic]
            if log
        ]
        return log

    def lose(self) -> None:
        """Kafka shows something else in the place of some records."""
        log = self.log()
        for index in LOST:
            log[index] = Record(log[index].topic, log[index].partition, (), None, index)

    def forget(self) -> None:
        """The sender's keys are old enough: the content goes, leaf and proof stay."""
        assert self.police.store is not None
        with self.police.store.transaction() as tx:
            assert tx.outbox.forget_content(clock() + DAY) == EVENTS

    def held(self) -> Generation | None:
        """Stream state of the reader."""
        assert self.council.store is not None
        with self.council.store.reading() as tx:
            stored = tx.reader.state(Place(POLICE, self.log()[0].topic, self.log()[0].partition))
        return None if stored is None else next(iter(parse_state(stored[1]).generations.values()))

    def met(self) -> bool:
        """Return True if the reader's frontier is the sender's head, without a gap."""
        assert self.police.store is not None
        with self.police.store.reading() as tx:
            (head,) = tx.streams.heads()
        held = self.held()
        return held is not None and (held.size, held.frontier.root(), held.gaps) == (
            head.size,
            head.root,
            (),
        )

    def without_content(self) -> int:
        """Number of leaves that the reader has without their content."""
        held = self.held()
        assert held is not None
        assert self.council.store is not None
        with self.council.store.reading() as tx:
            log = GenerationPlace(POLICE, *self.log()[0].kafka_partition, held.name)
            return len(tx.reader_logs.missing_content(log, 0, EVENTS))

    async def end(self) -> None:
        await self.police.end()
        await self.council.end()


@pytest.mark.parametrize("forgotten", [False, True], ids=["archive", "leaves_only"])
async def test_the_frontiers_meet_again(tmp_path: Path, forgotten: bool) -> None:
    world = Healing(tmp_path / "p")
    ids = await world.send()
    world.lose()
    if forgotten:
        world.forget()
    await world.council.start()
    await until(world.met, world.police, world.council)
    there = [one for index, one in enumerate(ids) if not (forgotten and index in LOST)]
    await until(lambda: len(world.council.inbox()) == len(there), world.council)
    assert set(world.council.inbox()) == set(there)
    assert world.without_content() == (len(LOST) if forgotten else 0)
    assert world.council.quarantined() == world.council.evidence() == 0
    if forgotten:  # no receipt says that something is stored which is not
        await asyncio.sleep(0.3)
        assert world.police.receipts() == 0
    else:
        await until(lambda: world.police.receipts() == 1, world.police)
    await world.end()


class Leafing(MemoryTransport):
    """A host that makes a leaf of whatever is published a second time, and then lets it through."""

    def __init__(self, kafka: MemoryKafka, principal: str) -> None:
        super().__init__(kafka, principal)
        self._met: Counter[bytes] = Counter()
        self.made = 0

    async def send(self, records: Sequence[Record]) -> list[int]:
        return await super().send([self._altered(one) for one in records])

    def _altered(self, one: Record) -> Record:
        if dict(one.headers).get(CONTENT_TYPE_HEADER) != SEALED_CONTENT_TYPE:
            return one
        assert one.value is not None
        self._met[one.value] += 1
        if self._met[one.value] != 2:
            return one
        self.made += 1
        return as_leaf(one)


async def test_leaves_that_the_host_made_are_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for waited in ("missing_content.FIRST_ASKED_MS", "missing_content.LOOKED_EVERY_MS"):
        monkeypatch.setattr(f"broker.control.{waited}", 200)
    monkeypatch.setattr("broker.control.replay_requests.REPLAY_AGAIN_MS", 100)
    world = Healing(tmp_path / "p")
    host = Leafing(world.kafka, POLICE)
    monkeypatch.setattr(world.police, "_transport", lambda: host)
    ids = await world.send()
    world.lose()
    await world.council.start()
    await until(lambda: set(world.council.inbox()) == set(ids), world.police, world.council)
    assert len(world.council.inbox()) == len(ids)
    assert host.made == len(LOST)
    assert world.met()
    assert world.without_content() == 0
    await until(lambda: world.police.receipts() == 1, world.police)
    await world.end()


# --- when the sender forgets ----------------------------------------------------------------------


@pytest.fixture
def member(tmp_path: Path) -> Iterator[MemoryAgency]:
    member = MemoryAgency(POLICE, tmp_path / "police.db", cluster(), Clock())
    yield member
    member.store.close()


def content_left(member: MemoryAgency) -> int:
    with member.store.reading() as tx:
        (head,) = tx.streams.heads()
        rows = tx.outbox.archived(
            GenerationPlace(POLICE, *head.kafka_partition, head.name), 0, head.size
        )
        return sum(row.value is not None for row in rows)


@pytest.mark.parametrize(("later", "left"), [(-1, 2), (1, 0)])
def test_content_is_kept_until_every_key_that_opens_it_is_destroyed(
    member: MemoryAgency, monkeypatch: pytest.MonkeyPatch, later: int, left: int
) -> None:
    """A key lives 30 days, is tried 7 days longer, and is kept for retention and grace."""
    monkeypatch.setattr("broker.control.watch.destroy_exchange_keys", lambda *_: ())
    asyncio.run(member.send(2))
    member.clock.pass_((days_kept(founded()) + later) * DAY)
    look(member, renewed(member))
    assert content_left(member) == left


def test_nothing_is_destroyed_past_the_end_of_our_own_manifest(member: MemoryAgency) -> None:
    """A clock that is years ahead must not destroy what no clock brings back."""
    asyncio.run(member.send(2))
    keys = [key.kid for key in member.participant.manifests.exchange_keys(POLICE)]
    member.clock.pass_(400 * DAY)
    look(member, member.participant)
    assert content_left(member) == 2
    assert all(member.participant.keyring.holds(kid) for kid in keys)


def look(member: MemoryAgency, participant: Participant) -> None:
    loaded = LoadedAgency(participant)
    Watch(loaded, member.store, member.clock, Metrics(), member.trust_store).look()


def renewed(member: MemoryAgency) -> Participant:
    """As its folder would be read if somebody had renewed the manifest yesterday."""
    book = founded().reissue(POLICE, ManifestChanges(), member.clock.now - DAY)
    return replace(member.participant, manifests=book)


def days_kept(world: FoundedPartnership) -> int:
    contract = world.contract
    kept = [
        terms.retention.kafka_days if terms.retention else 30
        for terms in contract.event_types.values()
    ]
    return 30 + 7 + max(kept) + contract.retention.grace_days
