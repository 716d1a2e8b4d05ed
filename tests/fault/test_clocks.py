"""Clocks that are wrong, by minutes and by days, forward and backward, on both sides.

Accepted events arrive when the time is right again, and no record is refused permanently. A service
whose clock is set while it runs stops before it accepts, signs or destroys anything at that time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.wiring import Outside, connect_broker
from broker.clock import MAX_CLOCK_JUMP_MS, SteadyClock
from broker.errors import StoreError
from broker.observing.health import Readiness
from broker.observing.metrics import Metrics
from tests.support.founded_partnership import COUNCIL, DAY, MINUTE, POLICE, SECOND, SUPPORT
from tests.support.memory_agency import Clock, MemoryAgency, at_offsets, cluster
from tests.support.memory_kafka import MemoryTransport

CASE = "22222222-2222-4222-8222-222222222222"
EVENTS = 3


class Pair:
    """A sender and a reader, each with a clock of its own."""

    def __init__(self, folder: Path) -> None:
        kafka = cluster()
        self.sender, self.reader = Clock(), Clock()
        self.pass_(10 * DAY)  # so that a clock may go back and everything is in force still
        self.police = MemoryAgency(POLICE, folder / "police.db", kafka, self.sender)
        self.council = MemoryAgency(COUNCIL, folder / "council.db", kafka, self.reader)

    def pass_(self, milliseconds: int) -> None:
        """Time goes on, for wrong clocks too."""
        self.sender.pass_(milliseconds)
        self.reader.pass_(milliseconds)

    def send(self) -> None:
        asyncio.run(self.police.send(EVENTS, case_id=CASE))

    def restart_sender(self) -> None:
        self.police.relay = self.police.another_relay()

    def read(self) -> list[tuple[str, str]]:
        """Read on from the reader's position. Returns (agency, code) of what must wait."""
        log = at_offsets(self.police.log())
        at = self.council.position(log[0]) or 0
        if at == len(log):
            return []
        batch = self.council.take(log[at:])
        assert batch.refused == []
        return batch.deferred

    def check(self, events: int) -> None:
        inbox = self.council.inbox()
        assert len(inbox) == len(set(inbox)) == events
        with self.council.store.reading() as tx:
            assert tx.quarantine.count() == 0
            assert tx.quarantine.unauthenticated() == ()
            assert tx.evidence.list() == []
            assert tx.reader.all_deferred() == []
        assert self.police.verify_log() == self.council.verify_log() == events


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    made.police.store.close()
    made.council.store.close()


@pytest.mark.parametrize("minutes", [-4, -1, 1, 4])
@pytest.mark.parametrize("who", ["sender", "reader"])
def test_some_minutes_delay_nothing(pair: Pair, who: str, minutes: int) -> None:
    pair.send()
    clock = pair.sender if who == "sender" else pair.reader
    clock.now += minutes * MINUTE
    pair.send()
    pair.pass_(SECOND)
    assert pair.read() == []
    clock.now -= minutes * MINUTE
    pair.restart_sender()
    pair.send()
    assert pair.read() == []
    pair.check(3 * EVENTS)


@pytest.mark.parametrize("off", [-6 * MINUTE, -2 * DAY, -9 * DAY])
def test_a_reader_whose_clock_is_behind_waits_and_then_takes_everything(
    pair: Pair, off: int
) -> None:
    pair.reader.now += off
    pair.send()
    assert pair.read() == [(POLICE, "early")]
    pair.reader.now -= off
    assert pair.read() == []
    pair.check(EVENTS)


@pytest.mark.parametrize("off", [2 * DAY, 15 * DAY])
def test_a_reader_whose_clock_is_ahead_takes_everything(pair: Pair, off: int) -> None:
    pair.send()
    pair.reader.now += off
    assert pair.read() == []
    pair.reader.now -= off
    pair.send()
    assert pair.read() == []
    pair.check(2 * EVENTS)


def test_a_reader_that_thinks_every_manifest_has_expired_waits(pair: Pair) -> None:
    pair.send()
    pair.reader.now += 21 * DAY
    assert pair.read() == []  # signed while it was valid
    pair.check(EVENTS)


@pytest.mark.parametrize("off", [-10 * MINUTE, -2 * DAY])
def test_a_sender_that_starts_far_behind_signs_nothing_and_loses_nothing(
    pair: Pair, off: int
) -> None:
    pair.send()
    pair.sender.now += off
    pair.restart_sender()
    with pytest.raises(StoreError) as behind:
        pair.send()
    assert behind.value.code == "clock_jumped"
    pair.sender.now -= off
    pair.restart_sender()
    pair.send()
    assert pair.read() == []
    pair.check(3 * EVENTS)


# --- a clock that is set while the service runs ---------------------------------------------------


@pytest.mark.parametrize("off", [-MAX_CLOCK_JUMP_MS - 1, MAX_CLOCK_JUMP_MS + 1, -DAY, 400 * DAY])
def test_a_clock_that_was_set_is_not_believed(off: int) -> None:
    clock = Clock()
    steady = SteadyClock(clock, clock.monotonic)
    clock.pass_(3 * DAY)
    assert steady() == clock.now
    clock.now += off
    with pytest.raises(StoreError) as jumped:
        steady()
    assert jumped.value.code == "clock_jumped"
    clock.now -= off
    assert steady() == clock.now


@pytest.mark.parametrize("off", [-MAX_CLOCK_JUMP_MS, MAX_CLOCK_JUMP_MS])
def test_a_correction_of_minutes_is_believed(off: int) -> None:
    clock = Clock()
    steady = SteadyClock(clock, clock.monotonic)
    clock.now += off
    assert steady() == clock.now


@pytest.mark.parametrize("off", [-2 * DAY, 2 * DAY, 400 * DAY])
async def test_a_service_whose_clock_is_set_ends_and_nothing_was_destroyed(
    pair: Pair, off: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would otherwise destroy keys that seem to have expired, within the hour."""
    destroyed: list[int] = []
    monkeypatch.setattr(
        "broker.control.watch.destroy_exchange_keys", lambda _, now: destroyed.append(now) or ()
    )
    monkeypatch.setattr("broker.service.service.TICK_S", 0.01)
    monkeypatch.setattr("broker.control.watch.FORGET_EVERY_MS", 0)
    member = pair.council
    outside = Outside(
        member.store,
        MemoryTransport(member.kafka, COUNCIL),
        SteadyClock(pair.reader, pair.reader.monotonic),
        Metrics(),
        Readiness(),
    )
    service = connect_broker(member.participant, outside, lambda: None)
    right = pair.reader.now
    running = asyncio.create_task(service.run(asyncio.Event()))
    while not destroyed:  # noqa: ASYNC110 - it is not ours to set an event
        await asyncio.sleep(0.01)
    pair.reader.now += off
    await asyncio.sleep(0.1)  # the relay looks less often
    async with asyncio.timeout(10):
        with pytest.raises(StoreError) as jumped:
            await running
    assert jumped.value.code == "clock_jumped"
    assert set(destroyed) == {right}


def test_nothing_is_accepted_at_a_time_that_is_not_believed(pair: Pair) -> None:
    """Sealed with tomorrow's time it would be refused by every reader, for good."""
    steady = SteadyClock(pair.sender, pair.sender.monotonic)
    pair.sender.now += DAY
    with (
        pytest.raises(StoreError, match="clock"),
        pair.police.store.transaction() as tx,
    ):
        pair.police.publisher.publish(tx, pair.police.event(to=(SUPPORT,)), steady())
    with pair.police.store.reading() as tx:
        assert tx.outbox.counts().pending == 0
