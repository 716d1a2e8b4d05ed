"""A reader follows its contracts: which topics it reads, what it waits for, what it hears anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from broker.control import catching_up
from broker.control.control import Control
from broker.control.news import News
from broker.errors import TransportError
from broker.judging.key_resolver import Trust, TrustStore
from broker.receiving.persistence import Batch
from broker.receiving.position_guard import PositionGuard
from broker.receiving.receiving import Receiving
from broker.record import (
    CONTENT_TYPE_HEADER,
    CONTRACT_CONTENT_TYPE,
    MANIFEST_CONTENT_TYPE,
    KafkaPartition,
    Record,
)
from broker.registry.contract_book import ContractBook
from broker.registry.contracts import SignedContract
from broker.registry.manifests import ManifestBook
from broker.registry.repository import Repository
from broker.service import reading
from broker.service.reading import Inbound, Reader
from broker.statements.signed_contract import pack_contract
from broker.transport.interfaces import ReceiverTrouble
from broker.transport.topics import control_topics
from tests.support.founded_partnership import CASE, COUNCIL, DAY, POLICE
from tests.support.memory_agency import MemoryAgency
from tests.support.memory_kafka import MemoryKafka, MemoryTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from broker.agency.participant import Participant


class Asked(MemoryTransport):
    """Counts how often it is asked which topics there are, and tells when others are read."""

    looks = 0

    def __init__(self, kafka: MemoryKafka, principal: str, changed: asyncio.Event) -> None:
        self._changed = changed
        super().__init__(kafka, principal)

    @property
    def subscribed(self) -> tuple[str, ...]:
        return self._subscribed

    @subscribed.setter
    def subscribed(self, topics: tuple[str, ...]) -> None:
        self._subscribed = topics
        self._changed.set()

    async def visible(self, topics: Iterable[str]) -> frozenset[str]:
        self.looks += 1
        return await super().visible(topics)


@dataclass
class ReadingAgency:
    """The council's reader, and what it told."""

    member: MemoryAgency
    participant: Participant
    heard: list[News] = field(default_factory=list)
    troubles: list[ReceiverTrouble] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    books: int = 0

    def __post_init__(self) -> None:
        self._changed = asyncio.Event()
        self.transport = Asked(self.member.kafka, COUNCIL, self._changed)
        mine, store = self.participant, self.member.store
        self.trust = TrustStore(mine.agency, mine.contracts, mine.manifests, mine.keyring)
        self.control = Control(self.trust, mine.repository, store)
        inbound = Inbound(
            self.control,
            Receiving(store, self.trust, self.member.secret),
            PositionGuard(store, self.transport),
        )
        names = self.control.topics.names
        self.reader = Reader(self.transport, inbound, names, self, self.member.clock)

    def reached(self) -> None:
        """Nothing is asked of it."""

    def taken(self, _partition: KafkaPartition, batch: Batch, _now: int) -> None:
        self.batches.append(batch)
        self._changed.set()

    def news(self, news: News) -> None:
        self.heard.append(news)
        self._changed.set()

    async def believed(self, _trust: Trust) -> None:
        self.books += 1
        self._changed.set()

    def on_trouble(self, trouble: ReceiverTrouble) -> None:
        self.troubles.append(trouble)
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that the reader tells, however slow the machine is."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        stop = asyncio.Event()
        task = asyncio.create_task(self.reader.run(stop, self.on_trouble))
        try:
            yield task
        finally:
            stop.set()
            with suppress(TransportError):
                await task

    def waits_for(self, topic: str) -> bool:
        return ("kafka_topic_missing", topic) in {(one.code, one.topic) for one in self.troubles}


@pytest.fixture
def node(council: MemoryAgency, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReadingAgency:
    monkeypatch.setattr(reading, "AGAIN_S", 0.01)
    monkeypatch.setattr(catching_up, "AGAIN_S", 0.01)
    found = council.participant
    (tmp_path / "council").mkdir()
    repository = Repository(
        tmp_path / "council",
        deployment=found.deployment,
        agency=COUNCIL,
        fingerprints=(found.config.governance.ed25519, found.config.governance.ml_dsa_65),
    )
    return ReadingAgency(council, replace(found, repository=repository))


def without_contracts(participant: Participant) -> Participant:
    """The council before it has signed anything: no other agency's key is believed."""
    governance = participant.config.governance
    contracts = ContractBook(
        deployment=participant.deployment,
        agency=COUNCIL,
        fingerprints=(governance.ed25519, governance.ml_dsa_65),
    )
    manifests = ManifestBook(participant.deployment)
    return replace(participant, contracts=contracts, manifests=manifests)


def manifest_record(member: MemoryAgency, agency: str) -> Record:
    headers = ((CONTENT_TYPE_HEADER, MANIFEST_CONTENT_TYPE),)
    raw = member.manifests.history(agency)[-1].raw
    return Record(control_topics(member.world.deployment).manifests, 0, headers, raw)


async def test_a_topic_that_is_not_there_is_waited_for_and_the_others_are_read(
    node: ReadingAgency, police: MemoryAgency
) -> None:
    awaited = police.world.topic("a")
    partitions = police.kafka.topics.pop(awaited)
    readers = police.kafka.readers.pop(awaited)
    async with node.running():
        await node.until(lambda: node.waits_for(awaited))
        there = await police.send(1, event_type=CASE)
        await node.until(lambda: node.member.inbox() == there)
        police.kafka.topics[awaited], police.kafka.readers[awaited] = partitions, readers
        late = await police.send(2)
        await node.until(lambda: len(node.member.inbox()) == 3)
    assert set(node.member.inbox()) == {*there, *late}
    assert sum(batch.repeats for batch in node.batches) == 0


async def test_a_missing_topic_is_asked_for_at_growing_intervals(
    node: ReadingAgency, police: MemoryAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []

    def no_time_and_then_for_ever(looks: int) -> float:
        waits.append(looks)
        return 0 if looks < 5 else DAY

    monkeypatch.setattr(reading, "retry_delay_s", no_time_and_then_for_ever)
    topic = police.world.topic("a")
    del police.kafka.readers[topic]
    async with node.running():
        await node.until(lambda: len(node.troubles) >= 5)
        assert waits == [1, 2, 3, 4, 5]
        assert node.transport.looks == 5, "once at first, and then once after each wait"
    assert {(one.code, one.topic) for one in node.troubles} == {("kafka_topic_missing", topic)}


async def test_a_topic_whose_right_is_withdrawn_is_left_and_the_others_go_on(
    node: ReadingAgency, police: MemoryAgency
) -> None:
    withdrawn = police.world.topic("a")
    async with node.running() as task:
        before = await police.send(1)
        await node.until(lambda: node.member.inbox() == before)
        police.kafka.readers[withdrawn].remove(COUNCIL)
        await node.until(lambda: node.waits_for(withdrawn))
        after = await police.send(1, event_type=CASE)
        await node.until(lambda: len(node.member.inbox()) == 2)
        assert not task.done()
    assert set(node.member.inbox()) == {*before, *after}


async def test_a_reader_whom_kafka_refuses_altogether_ends(
    node: ReadingAgency, police: MemoryAgency
) -> None:
    for readers in police.kafka.readers.values():
        readers.discard(COUNCIL)
    with pytest.raises(TransportError) as refused:
        await node.reader.run(asyncio.Event(), node.on_trouble)
    assert refused.value.code == "kafka_refused"
    assert [one.code for one in node.troubles] == ["kafka_refused"]


async def test_a_kafka_that_goes_away_meanwhile_is_waited_for(
    node: ReadingAgency, police: MemoryAgency
) -> None:
    police.kafka.up = False
    async with node.running() as task:
        await node.until(lambda: any(one.code == "kafka_unreachable" for one in node.troubles))
        police.kafka.up = True
        sent = await police.send(1)
        await node.until(lambda: node.member.inbox() == sent)
        assert not task.done()


async def test_manifests_that_came_before_their_contract_are_heard_once_it_is_trusted(
    node: ReadingAgency, police: MemoryAgency
) -> None:
    """They were refused, and the position is past them."""
    complete = node.participant
    early = ReadingAgency(node.member, without_contracts(complete))
    await police.transport.send([manifest_record(police, POLICE)])
    async with early.running():
        await early.until(lambda: any(news.rejected for news in early.heard))
        assert early.control.manifests.newest(POLICE) is None
        assert early.control.data_topics() == ()
        unheard = replace(complete, manifests=ManifestBook(complete.deployment))
        taken_up = await early.reader.take_up(lambda: unheard)
        assert taken_up is unheard
        await early.until(lambda: early.control.manifests.newest(POLICE) is not None)
        await police.transport.send([manifest_record(police, COUNCIL)])
        await early.until(lambda: early.control.manifests.newest(COUNCIL) is not None)
        sent = await police.send(2)
        await early.until(lambda: len(early.member.inbox()) == 2)
    assert early.member.inbox() == sent
    assert early.books >= 3  # the contract, and each manifest


async def test_notes_that_came_before_our_own_signature_are_heard_once_we_have_signed(
    node: ReadingAgency, police: MemoryAgency
) -> None:
    """They were refused, and the position is past them."""
    world = police.world
    proposal = world.another_contract(
        terms=lambda text: text.replace(
            "\nversion: 1.0.0", f'\nversion: 1.1.0\nprevious: ["{world.signed.hash.hex()}"]', 1
        )
    )
    headers = ((CONTENT_TYPE_HEADER, CONTRACT_CONTENT_TYPE),)
    topic = control_topics(world.deployment).contracts
    others = [note for note in proposal.notes if note.agency != COUNCIL]
    own = SignedContract(
        proposal.text, tuple(note for note in proposal.notes if note.agency == COUNCIL)
    )
    before = node.participant
    await police.transport.send(
        [Record(topic, 0, headers, pack_contract(proposal.text.raw, one.raw)) for one in others]
    )
    async with node.running():
        await node.until(lambda: sum(len(news.rejected) for news in node.heard) == len(others))
        signed = replace(before, contracts=before.contracts.adding(own))
        await node.reader.take_up(lambda: signed)

        def complete() -> bool:
            known = node.control.contracts.by_hash(proposal.hash)
            return known is not None and not known.missing

        await node.until(complete)


async def test_manifests_are_heard_anew_once_for_each_set_of_contracts(
    node: ReadingAgency, police: MemoryAgency
) -> None:
    """Also when the contract was signed while nobody read: what is kept says what was heard."""
    await police.transport.send([manifest_record(police, POLICE)])
    early = ReadingAgency(node.member, without_contracts(node.participant))
    async with early.running():
        await early.until(lambda: any(news.rejected for news in early.heard))
    unheard = replace(node.participant, manifests=ManifestBook(node.participant.deployment))
    later = ReadingAgency(node.member, unheard)
    async with later.running():
        await later.until(lambda: bool(later.transport.subscribed))  # all was heard by then
    assert later.control.manifests.newest(POLICE) is not None
    again = ReadingAgency(node.member, unheard)
    async with again.running():
        await again.until(lambda: bool(again.transport.subscribed))
    assert again.control.manifests.newest(POLICE) is None  # its own files have it


async def test_a_contract_that_is_taken_away_takes_its_topics_with_it(
    node: ReadingAgency, police: MemoryAgency
) -> None:
    topic = police.world.topic("a")
    async with node.running():
        await node.until(lambda: topic in node.transport.subscribed)
        await node.reader.take_up(lambda: without_contracts(node.participant))
        await node.until(
            lambda: bool(node.transport.subscribed) and topic not in node.transport.subscribed
        )
        assert set(node.transport.subscribed) == set(
            control_topics(node.participant.deployment).names
        )
