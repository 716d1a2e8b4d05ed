"""A position is believed only while the record before it is the one that was read there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from broker.receiving.position_guard import PositionGuard, save_position
from broker.record import KafkaPartition, Record
from broker.store.database import Store, open_store
from tests.support.memory_kafka import MemoryKafka, MemoryTransport

TOPIC = "t"
PARTITION = KafkaPartition(TOPIC, 0)


class Seats(MemoryTransport):
    """Notes which partitions it is to ask for again."""

    def __init__(self) -> None:
        super().__init__(MemoryKafka(), "reader")
        self.asked: list[KafkaPartition] = []

    def resume(self, partition: KafkaPartition) -> None:
        self.asked.append(partition)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "state.db")
    yield store
    store.close()


def log(*values: str) -> list[Record]:
    return [
        Record(TOPIC, 0, ((b"h", b"x"),), value.encode(), offset)
        for offset, value in enumerate(values)
    ]


def took(store: Store, records: list[Record], position: int | None = None) -> None:
    at = records[-1].offset + 1 if position is None else position
    with store.transaction() as tx:
        save_position(tx, at, records)


async def test_a_new_reader_begins_where_the_transport_begins(store: Store) -> None:
    guard = PositionGuard(store, Seats())
    assert guard.position(PARTITION) is None
    assert await guard.unread(PARTITION, log("a", "b")) == log("a", "b")


async def test_it_goes_back_by_one_and_reads_on_after_what_it_knows(store: Store) -> None:
    records = log("a", "b", "c", "d")
    took(store, records[:3])
    guard = PositionGuard(store, Seats())
    assert guard.position(PARTITION) == 2
    assert await guard.unread(PARTITION, records[2:]) == records[3:]
    assert await guard.unread(PARTITION, records[3:]) == records[3:]


@pytest.mark.parametrize("other", [b"z", None], ids=["another_value", "no_value"])
async def test_another_record_in_its_place_is_another_log(
    store: Store, other: bytes | None
) -> None:
    records = log("a", "b", "c", "d")
    took(store, records[:3])
    seats = Seats()
    guard = PositionGuard(store, seats)
    assert guard.position(PARTITION) == 2
    assert await guard.unread(PARTITION, [replace(records[2], value=other), records[3]]) == []
    assert seats.asked == [PARTITION]
    assert guard.position(PARTITION) == 0
    assert await guard.unread(PARTITION, log("z", "y")) == log("z", "y")


async def test_other_headers_are_another_record(store: Store) -> None:
    records = log("a", "b")
    took(store, records)
    guard = PositionGuard(store, Seats())
    assert guard.position(PARTITION) == 1
    assert await guard.unread(PARTITION, [replace(records[1], headers=((b"h", b"y"),))]) == []


async def test_compacted_or_expired_records_are_not_waited_for(store: Store) -> None:
    records = log("a", "b", "c", "d", "e")
    took(store, records[:3])
    guard = PositionGuard(store, Seats())
    assert guard.position(PARTITION) == 2
    assert await guard.unread(PARTITION, records[4:]) == records[4:]


async def test_a_position_that_was_held_back_has_its_own_record(store: Store) -> None:
    records = log("a", "b", "c", "d")
    took(store, records, position=2)
    guard = PositionGuard(store, Seats())
    assert guard.position(PARTITION) == 1
    assert await guard.unread(PARTITION, records[1:]) == records[2:]


async def test_a_position_whose_record_is_not_known_is_believed(store: Store) -> None:
    records = log("a", "b", "c", "d")
    took(store, records[:2])
    took(store, records[3:], position=3)  # the record at 2 was in neither batch
    assert PositionGuard(store, Seats()).position(PARTITION) == 3
