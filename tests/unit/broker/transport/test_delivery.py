from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.record import KafkaPartition, Record
from broker.transport.delivery import Delivery
from broker.transport.interfaces import ReceiverTrouble
from broker.waiting import FIRST_DELAY_S

PLACE = KafkaPartition("t", 0)


def records(*offsets: int) -> list[Record]:
    return [Record("t", 0, (), b"", offset) for offset in offsets]


class World:
    def __init__(self, stored: int | None = None) -> None:
        self.taken: list[int] = []
        self.troubles: list[ReceiverTrouble] = []
        self.stored = stored
        self.broken = False
        self.lost = False
        self.delivery = Delivery(self.on_batch, self.positions, self.troubles.append)

    async def on_batch(self, _partition: KafkaPartition, batch: list[Record]) -> None:
        if self.broken:
            raise RuntimeError
        self.taken += [record.offset for record in batch]

    def positions(self, _partition: KafkaPartition) -> int | None:
        if self.lost:
            raise OSError
        return self.stored


async def test_nothing_is_taken_without_a_seat() -> None:
    world = World()
    assert not await world.delivery.deliver(PLACE, records(0), 0)
    assert world.taken == []


async def test_after_a_failure_the_position_stays_and_the_wait_grows() -> None:
    world = World(5)
    world.delivery.seat(PLACE, 0)
    world.broken = True
    assert not await world.delivery.deliver(PLACE, records(5, 6), 10.0)
    assert world.delivery.position(PLACE) == 5
    assert not world.delivery.ready(PLACE, 10.0 + FIRST_DELAY_S / 2)
    at = world.delivery.retry_at(PLACE)
    assert not await world.delivery.deliver(PLACE, records(5, 6), at)
    assert world.delivery.retry_at(PLACE) - at == 2 * FIRST_DELAY_S
    world.broken = False
    assert await world.delivery.deliver(PLACE, records(5, 6), world.delivery.retry_at(PLACE))
    assert world.taken == [5, 6]
    assert [t.error for t in world.troubles] == ["RuntimeError"] * 2


async def test_records_that_a_library_dropped_are_asked_for_again() -> None:
    """A poll that fails on one partition loses what it had read of the others."""
    world = World(5)
    world.delivery.seat(PLACE, 0)
    assert not await world.delivery.deliver(PLACE, records(9), 0)
    assert world.delivery.position(PLACE) == 5
    assert await world.delivery.deliver(PLACE, records(5, 6, 7, 8, 9), 0)
    assert world.taken == [5, 6, 7, 8, 9]


async def test_a_hole_that_is_there_twice_is_a_hole() -> None:
    world = World(5)
    world.delivery.seat(PLACE, 0)
    assert not await world.delivery.deliver(PLACE, records(9), 0)
    assert await world.delivery.deliver(PLACE, records(9, 10), 0)
    assert world.taken == [9, 10]


async def test_a_topic_made_anew_is_read_from_its_beginning() -> None:
    world = World(500)
    world.delivery.seat(PLACE, 0)
    assert not await world.delivery.deliver(PLACE, records(0, 1), 0)
    assert await world.delivery.deliver(PLACE, records(0, 1), 0)
    assert world.taken == [0, 1]
    assert world.delivery.position(PLACE) == 2


async def test_a_position_that_cannot_be_had_gives_no_seat() -> None:
    world = World(5)
    world.lost = True
    waits = [world.delivery.seat(PLACE, 0) for _ in range(3)]
    assert waits == [0.25, 0.5, 1.0]
    assert not world.delivery.ready(PLACE, 1e9)
    assert [t.code for t in world.troubles] == ["position_unknown"] * 3
    world.lost = False
    assert world.delivery.seat(PLACE, 0) == 0.0
    assert world.delivery.ready(PLACE, 0)


async def test_a_held_partition_takes_nothing() -> None:
    world = World()
    world.delivery.seat(PLACE, 0)
    world.delivery.held.add(PLACE)
    assert not await world.delivery.deliver(PLACE, records(0), 0)
    world.delivery.held.discard(PLACE)
    assert await world.delivery.deliver(PLACE, records(0), 0)


async def test_a_partition_that_went_elsewhere_takes_nothing() -> None:
    world = World()
    world.delivery.seat(PLACE, 0)
    world.delivery.forget({PLACE})
    assert not await world.delivery.deliver(PLACE, records(0), 0)
    assert world.delivery.assigned == set()


async def test_being_cancelled_is_no_failure_of_the_handler() -> None:
    async def cancelled(*_: object) -> None:
        raise asyncio.CancelledError

    delivery = Delivery(cancelled, lambda *_: None)
    delivery.seat(PLACE, 0)
    with pytest.raises(asyncio.CancelledError):
        await delivery.deliver(PLACE, records(0), 0)
    assert delivery.position(PLACE) == 0


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 4), st.integers(0, 3)), max_size=40))
async def test_failures_and_dropped_records_leave_every_record_taken_once_in_order(steps) -> None:
    """A client whose polls fail now and then and drop records, and a handler that fails too."""
    world, now, log, cursor = World(), 0.0, list(range(30)), 0
    world.delivery.seat(PLACE, now)
    for broken, size, dropped in [*steps, (False, 30, 0)]:
        now = max(now, world.delivery.retry_at(PLACE))
        world.broken = broken
        if dropped:
            world.delivery.doubt(PLACE)
        batch = log[cursor + dropped : cursor + dropped + size]
        cursor += dropped + len(batch)
        if not batch or not await world.delivery.deliver(PLACE, records(*batch), now):
            cursor = world.delivery.position(PLACE)
    assert world.taken == log
