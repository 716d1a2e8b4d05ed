"""A service that starts takes manifests before any event: a revocation must not come second."""

from __future__ import annotations

import asyncio

import pytest

from broker.control import catching_up
from broker.control.catching_up import catch_up
from broker.errors import StoreError, TransportError
from broker.record import KafkaPartition, Record
from broker.transport.interfaces import ReceiverTrouble
from contracts.errors import ConcordantError
from tests.support.founded_partnership import POLICE
from tests.support.memory_kafka import MemoryKafka, MemoryTransport

TOPIC = "manifests"


@pytest.fixture
def kafka() -> MemoryKafka:
    cluster = MemoryKafka()
    cluster.create_topic(TOPIC, 1)
    cluster.allow(POLICE, TOPIC)
    return cluster


async def taken(
    kafka: MemoryKafka,
    stop: asyncio.Event,
    after: int | None = None,
    *,
    failing: list[ConcordantError] | None = None,
    troubles: list[ReceiverTrouble] | None = None,
) -> list[bytes]:
    """Return the records taken in the end. Each attempt raises one of ``failing`` first."""
    found: list[bytes] = []
    troubles = [] if troubles is None else troubles

    async def take(_partition: KafkaPartition, records: list[Record]) -> None:
        if failing:
            raise failing.pop()
        found.extend(record.value or b"" for record in records)

    transport = MemoryTransport(kafka, POLICE)
    await catch_up(transport, TOPIC, lambda *_: after, take, stop, troubles.append)
    return found


async def write(kafka: MemoryKafka, *values: bytes) -> None:
    await MemoryTransport(kafka, POLICE).send([Record(TOPIC, 0, (), value) for value in values])


async def test_everything_that_is_there_is_taken(kafka: MemoryKafka) -> None:
    await write(kafka, b"1", b"2")
    assert await taken(kafka, asyncio.Event()) == [b"1", b"2"]


async def test_a_statement_taken_before_is_not_taken_again(kafka: MemoryKafka) -> None:
    await write(kafka, b"1", b"2")
    assert await taken(kafka, asyncio.Event(), after=1) == [b"2"]
    assert await taken(kafka, asyncio.Event(), after=2) == []


async def test_a_kafka_that_is_away_is_waited_for(
    kafka: MemoryKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "AGAIN_S", 0.01)
    await write(kafka, b"1")
    kafka.up = False
    troubles: list[ReceiverTrouble] = []
    waiting = asyncio.create_task(taken(kafka, asyncio.Event(), troubles=troubles))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    assert {(trouble.code, trouble.topic) for trouble in troubles} == {("kafka_unreachable", TOPIC)}
    kafka.up = True
    assert await waiting == [b"1"]


async def test_it_gives_up_when_asked_to(kafka: MemoryKafka) -> None:
    kafka.up = False
    stop = asyncio.Event()
    waiting = asyncio.create_task(taken(kafka, stop))
    await asyncio.sleep(0.05)
    stop.set()
    assert await waiting == []


async def test_a_refusal_is_not_waited_out(kafka: MemoryKafka) -> None:
    kafka.readers[TOPIC].clear()
    with pytest.raises(TransportError) as refused:
        await taken(kafka, asyncio.Event())
    assert refused.value.code == "kafka_refused"


async def test_a_statement_that_cannot_be_taken_now_is_tried_again(
    kafka: MemoryKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "AGAIN_S", 0.01)
    await write(kafka, b"1")
    full = StoreError("The disk is full.", code="store_full")
    troubles: list[ReceiverTrouble] = []
    assert await taken(kafka, asyncio.Event(), failing=[full, full], troubles=troubles) == [b"1"]
    assert [(trouble.code, trouble.error) for trouble in troubles] == [
        ("store_full", "StoreError")
    ] * 2
