"""Two services over a Kafka in memory: the whole path, kills in the middle, news while running."""

from __future__ import annotations

import asyncio
import io
import time
from pathlib import Path
from uuid import uuid4

import pytest

from broker.agency.own_manifest import renew_keys, suspend_contract
from broker.agency.participant import load_participant
from broker.errors import StoreError
from broker.observing import logs
from broker.receiving.persistence import Batch
from broker.record import KafkaPartition
from broker.store.reader_states import ReaderStates
from broker.subscriber import subscribe
from broker.transport.topics import control_topics, data_topics
from contracts.errors import EventError
from tests.integration.service_story import (
    Running,
    cluster_of,
    create_agencies,
    kills_in_the_middle,
    until,
)
from tests.support.memory_kafka import MemoryKafka, MemoryTransport

POLICE, COUNCIL, SUPPORT = "csu-camden", "council-camden", "haven-support"
CAST = (POLICE, COUNCIL, SUPPORT)


def clock() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    create_agencies(tmp_path / "p", CAST, clock())
    return tmp_path / "p"


@pytest.fixture
def kafka(root: Path) -> MemoryKafka:
    return cluster_of(root, CAST, clock())


def running(root: Path, agency: str, kafka: MemoryKafka) -> Running:
    return Running(root / agency, lambda: MemoryTransport(kafka, agency), clock)


async def test_nothing_is_lost_or_comes_twice_when_either_side_is_killed(
    root: Path, kafka: MemoryKafka
) -> None:
    police, council = running(root, POLICE, kafka), running(root, COUNCIL, kafka)
    await kills_in_the_middle(police, council, COUNCIL)


async def test_kafka_goes_away_and_comes_back(root: Path, kafka: MemoryKafka) -> None:
    police, council = running(root, POLICE, kafka), running(root, COUNCIL, kafka)
    await police.start()
    await council.start()
    published = police.publish((COUNCIL,), 5)
    await until(lambda: len(council.inbox()) == 5, police, council)
    kafka.up = False
    published += police.publish((COUNCIL,), 5)
    await asyncio.sleep(0.2)
    assert len(council.inbox()) == 5
    kafka.up = True
    await until(lambda: len(council.inbox()) == 10, police, council)
    assert set(council.inbox()) == set(published)
    await police.end()
    await council.end()


async def test_a_kafka_that_lost_its_disk_and_grew_again_hides_nothing(
    root: Path, kafka: MemoryKafka
) -> None:
    """The reader's position of before lies in the middle of the new log, where it reads on."""
    council, support = running(root, COUNCIL, kafka), running(root, SUPPORT, kafka)
    police = running(root, POLICE, kafka)
    await council.start()
    await support.start()
    case = str(uuid4())
    early = council.publish((SUPPORT,), 2, case_id=case)
    await until(lambda: len(support.inbox()) == 2, council, support)
    await support.kill()
    topic, partition = next(
        (topic, number)
        for topic, lying in kafka.topics.items()
        for number, log in enumerate(lying)
        if len(log) == 2 and topic in data_topics(council.contract)
    )
    for partitions in kafka.topics.values():  # the disk is gone
        for log in partitions:
            log.clear()
    await police.start()
    late: list[str] = []
    while len(kafka.topics[topic][partition]) < 4:  # of a sender of whom nothing is held here
        late += police.publish((SUPPORT,), 1)
        await until(lambda: not police.outbox().pending + police.outbox().unsent, police)
    await support.start()
    await until(lambda: len(support.inbox()) == len(early + late), council, police, support)
    assert set(support.inbox()) == {*early, *late}
    for one in (police, council, support):
        await one.end()


async def test_a_record_that_kafka_lost_is_asked_for_and_healed(
    root: Path, kafka: MemoryKafka
) -> None:
    police, council = running(root, POLICE, kafka), running(root, COUNCIL, kafka)
    await police.start()
    service = police.service
    assert service is not None
    plain = police.event((COUNCIL,))
    assert police.store is not None
    published = []
    for _ in range(4):  # one case, so one partition
        event = police.event((COUNCIL,))
        event.data["case_id"] = plain.data["case_id"]
        with police.store.transaction() as tx:
            published.append(service.parts.publisher.publish(tx, event, clock()))
    service.published()
    await until(lambda: police.outbox().sent == 4, police)
    topic = data_topics(service.participant.contract_in_force(clock()).contract)[0]
    (log,) = [records for records in kafka.topics[topic] if records]
    lost = log[2]
    log[2] = type(lost)(lost.topic, lost.partition, (), None, 2)  # a withheld record
    await council.start()
    await until(lambda: len(council.inbox()) == 4, police, council)
    assert set(council.inbox()) == set(published)
    await until(lambda: police.receipts() == 1, police, council)
    await police.end()
    await council.end()


async def test_a_new_key_and_a_suspension_are_taken_up_while_running(
    root: Path, kafka: MemoryKafka
) -> None:
    police, council = running(root, POLICE, kafka), running(root, COUNCIL, kafka)
    service = await police.start()
    await council.start()
    police.publish((COUNCIL,), 2)
    await until(lambda: len(council.inbox()) == 2, police, council)
    # a second passes: one stream key signs at a time
    await asyncio.sleep(1.1)
    renew_keys(load_participant(root / POLICE, clock()), clock(), at_once=True)
    await service.reload()
    police.publish((COUNCIL,), 2)
    await until(lambda: len(council.inbox()) == 4, police, council)
    leaving = load_participant(root / COUNCIL, clock())
    name = leaving.contract_in_force(clock()).contract.name
    suspend_contract(leaving, name, "review", clock())
    assert council.service is not None
    await council.service.reload()

    def refused() -> bool:
        try:
            police.publish((COUNCIL,), 1)
        except EventError as error:
            return error.code == "suspended"
        return False

    await until(refused, police, council)
    assert council.evidence() == 0
    await police.end()
    await council.end()


async def test_noise_is_one_line_of_the_log_for_each_batch_and_code(
    root: Path, kafka: MemoryKafka
) -> None:
    out = io.StringIO()
    logs.configure("warning", json=True, stream=out)
    try:
        council = running(root, COUNCIL, kafka)
        service = await council.start()
        batch = Batch(refused=[(None, -1, 0, "headers_wrong")] * 500)
        service.parts.arrivals.taken(KafkaPartition("t", 0), batch, clock())
        await council.end()
    finally:
        logs.configure("warning")
    (line,) = [line for line in out.getvalue().splitlines() if "headers_wrong" in line]
    assert '"records": 500' in line


async def test_a_subscriber_keeps_news_whose_position_could_not_be_written(
    root: Path, kafka: MemoryKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    police = running(root, POLICE, kafka)
    service = await police.start()
    transport = MemoryTransport(kafka, COUNCIL, group="desk")
    write = ReaderStates.save_position

    manifests = control_topics(service.participant.deployment).manifests

    def save_position(reader: ReaderStates, at: KafkaPartition, next_offset: int) -> None:
        if failing.is_set() and at.topic == manifests:
            failing.clear()
            raise StoreError("The disk is full.", code="store_unavailable")
        write(reader, at, next_offset)

    failing = asyncio.Event()
    monkeypatch.setattr(ReaderStates, "save_position", save_position)
    async with subscribe(root / COUNCIL, "desk", clock=clock, receiver=transport) as events:
        police.publish((COUNCIL,), 1)
        await asyncio.wait_for(anext(events), 20)
        await asyncio.sleep(1.1)  # one stream key signs at a time
        failing.set()
        renew_keys(load_participant(root / POLICE, clock()), clock(), at_once=True)
        await service.reload()
        (expected,) = police.publish((COUNCIL,), 1)
        event = await asyncio.wait_for(anext(events), 20)
    assert not failing.is_set()
    assert event.id == expected
    await police.end()
