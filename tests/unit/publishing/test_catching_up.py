"""A service that starts takes manifests before any event: a revocation must not come second."""

from __future__ import annotations

import asyncio

import pytest
from workshop import POLICE

from broker.control import catching_up
from broker.control.catching_up import catch_up
from broker.errors import TransportError
from broker.record import Record
from broker.transport.memory import MemoryKafka, MemoryTransport

TOPIC = "manifests"


@pytest.fixture
def kafka() -> MemoryKafka:
    cluster = MemoryKafka()
    cluster.create_topic(TOPIC, 1)
    cluster.allow(POLICE, TOPIC)
    return cluster


async def taken(kafka: MemoryKafka, stop: asyncio.Event, after: int | None = None) -> list[bytes]:
    found: list[bytes] = []

    async def take(_topic: str, _partition: int, records: list[Record]) -> None:
        found.extend(record.value or b"" for record in records)

    await catch_up(MemoryTransport(kafka, POLICE), TOPIC, lambda *_: after, take, stop)
    return found


async def write(kafka: MemoryKafka, *values: bytes) -> None:
    await MemoryTransport(kafka, POLICE).send([Record(TOPIC, 0, (), value) for value in values])


async def test_everything_that_is_there_is_taken(kafka: MemoryKafka) -> None:
    await write(kafka, b"1", b"2")
    assert await taken(kafka, asyncio.Event()) == [b"1", b"2"]


async def test_what_was_taken_before_is_not_taken_again(kafka: MemoryKafka) -> None:
    await write(kafka, b"1", b"2")
    assert await taken(kafka, asyncio.Event(), after=1) == [b"2"]
    assert await taken(kafka, asyncio.Event(), after=2) == []


async def test_a_kafka_that_is_away_is_waited_for(
    kafka: MemoryKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "AGAIN_S", 0.01)
    await write(kafka, b"1")
    kafka.up = False
    waiting = asyncio.create_task(taken(kafka, asyncio.Event()))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    kafka.up = True
    assert await waiting == [b"1"]


async def test_it_gives_up_when_asked_to(kafka: MemoryKafka) -> None:
    kafka.up = False
    stop = asyncio.Event()
    waiting = asyncio.create_task(taken(kafka, stop))
    await asyncio.sleep(0.05)
    stop.set()
    assert await waiting == []


async def test_a_refusal_is_left_to_whoever_reads_next(kafka: MemoryKafka) -> None:
    kafka.readers[TOPIC].clear()
    assert await taken(kafka, asyncio.Event()) == []
    with pytest.raises(TransportError):
        await MemoryTransport(kafka, POLICE).read_all((TOPIC,))
