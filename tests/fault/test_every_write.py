"""Every write and every send fails in turn; then everything must be there once, and logs verify.

A fault is a death: whatever was in memory is gone, and a new process goes on with the database as
it is. A write dies before its commit (nothing of it is there) or after it (all of it is there, but
nobody heard); a send dies with any number of its records on Kafka.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker.errors import StoreError
from broker.receiving.receiving import Receiving
from broker.record import Record
from broker.store.database import Store
from broker.store.transaction import Transaction
from tests.support.founded_partnership import COUNCIL, POLICE, SECOND
from tests.support.memory_agency import Clock, MemoryAgency, cluster
from tests.support.memory_kafka import MemoryTransport

CASE = "11111111-1111-4111-8111-111111111111"
ITEMS = 6
PER_ROUND = 2


class Death(Exception):  # noqa: N818 - what a process does, not an error that it reports
    """The process is gone."""


class MortalStore:
    """A store in which one write is somebody's last."""

    def __init__(self, store: Store, fatal: int, *, committed: bool) -> None:
        self._store = store
        self._fatal = fatal
        self._committed = committed
        self.writes = 0

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        self.writes += 1
        fatal = self.writes == self._fatal
        with self._store.transaction() as tx:
            yield tx
            if fatal and not self._committed:
                raise Death
        if fatal:
            raise Death

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


class MortalTransport(MemoryTransport):
    """A client that dies in one send, after some of its records."""

    fatal = 0
    survives = 0
    sends = 0

    async def send(self, records: Sequence[Record]) -> list[int]:
        self.sends += 1
        if self.sends == self.fatal:
            await super().send(records[: self.survives])
            raise Death
        return await super().send(records)


class World:
    """A sender and a reader that go on after every death."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.kafka = cluster()
        folder.mkdir()
        self.police = MemoryAgency(POLICE, folder / "police.db", self.kafka, self.clock)
        self.council = MemoryAgency(COUNCIL, folder / "council.db", self.kafka, self.clock)
        self.events = [self.police.event(case_id=CASE) for _ in range(ITEMS)]
        self.alarms: list[str] = []
        self.deaths = 0

    def mortal(self, member: MemoryAgency, fatal: int, *, committed: bool) -> MortalStore:
        member.store = MortalStore(member.store, fatal, committed=committed)  # type: ignore[assignment]  # it is one
        self._reborn(member)
        return member.store  # type: ignore[return-value]  # as set above

    def mortal_transport(self, fatal: int, survives: int) -> MortalTransport:
        transport = MortalTransport(self.kafka, POLICE)
        transport.fatal, transport.survives = fatal, survives
        self.police.transport = transport
        self._reborn(self.police)
        return transport

    def _reborn(self, member: MemoryAgency) -> None:
        member.relay = member.another_relay()
        member.receiving = Receiving(member.store, member.trust_store, member.secret)

    def survive(self, member: MemoryAgency, step: Callable[[], None]) -> None:
        """Run a step. If the process dies in it, run it again in a new process."""
        for _ in range(3):
            try:
                step()
            except Death:
                self.deaths += 1
                self.clock.pass_(SECOND)
                self._reborn(member)
            else:
                return
        raise AssertionError("it dies of the same thing again and again")

    def run(self) -> None:
        for at in range(0, ITEMS, PER_ROUND):
            for number in range(at, at + PER_ROUND):
                self.survive(self.police, lambda number=number: self._publish(number))  # type: ignore[misc]  # bound here
            self.survive(self.police, lambda: asyncio.run(self._relay()))
            self.clock.pass_(SECOND)
            self._read()
        self._read()

    def _publish(self, number: int) -> None:
        self.police.publish(self.events[number], source_key=b"row %d" % number)

    async def _relay(self) -> None:
        relay = self.police.relay
        if relay._token is None:
            relay.take_lock("test")
            await relay.resend()
        while await relay.round():
            pass

    def _read(self) -> None:
        log = self.police.log()
        while (self.council.position(log[0]) or 0) < len(log):
            self.survive(self.council, self._take)

    def _take(self) -> None:
        log = self.police.log()
        at = self.council.position(log[0]) or 0
        if at == len(log):  # the last write was made before the death
            return
        batch = self.council.take(log[at : at + PER_ROUND])
        self.alarms += [code for _, code in batch.alarms]

    def check(self) -> None:
        """No event lost, none twice, no false alarm, and every log verifies."""
        inbox = self.council.inbox()
        assert len(inbox) == len(set(inbox)) == ITEMS
        with self.police.store.reading() as tx:
            items = [tx.items.find(b"row %d" % number) for number in range(ITEMS)]
            assert [item.event_id for item in items if item is not None] == inbox
            counts = tx.outbox.counts()
            assert (counts.pending, counts.unsent, counts.sent) == (0, 0, ITEMS)
        assert self.police.verify_log() == self.council.verify_log() == ITEMS
        with self.council.store.reading() as tx:
            assert tx.quarantine.count() == 0
            assert tx.quarantine.unauthenticated() == ()
            assert tx.evidence.list() == []
            assert tx.reader.all_deferred() == []
        assert self.alarms == []
        state = self.council.state(POLICE, self.police.log()[0])
        assert state is not None
        assert not any(held.gaps for held in state.generations.values())

    def close(self) -> None:
        self.police.store.close()
        self.council.store.close()


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Callable[[], World]]:
    made: list[World] = []

    def make() -> World:
        if made:
            made[-1].close()
        made.append(World(tmp_path / f"{len(made)}"))
        return made[-1]

    yield make
    made[-1].close()


@pytest.mark.parametrize("committed", [False, True], ids=["before_commit", "after_commit"])
@pytest.mark.parametrize("agency", [POLICE, COUNCIL])
def test_a_death_at_any_write(worlds: Callable[[], World], agency: str, committed: bool) -> None:
    fatal = 0
    while True:
        fatal += 1
        world = worlds()
        member = world.police if agency == POLICE else world.council
        store = world.mortal(member, fatal, committed=committed)
        world.run()
        world.check()
        if store.writes < fatal:
            break
        assert world.deaths == 1
    assert fatal > ITEMS // PER_ROUND


@pytest.mark.parametrize("survives", range(PER_ROUND + 1))
def test_a_death_at_any_send(worlds: Callable[[], World], survives: int) -> None:
    fatal = 0
    while True:
        fatal += 1
        world = worlds()
        transport = world.mortal_transport(fatal, survives)
        world.run()
        world.check()
        if transport.sends < fatal:
            break
        assert world.deaths == 1
    assert fatal == ITEMS // PER_ROUND + 1


def test_a_full_disk_stops_and_loses_nothing(worlds: Callable[[], World]) -> None:
    """The store says so, in its own words; what was there stays, and it goes on with room."""
    world = worlds()
    world._publish(0)
    store = world.police.store

    class Full:
        @contextmanager
        def transaction(self) -> Iterator[Transaction]:
            with store.transaction() as tx:
                yield tx
                raise StoreError("no room", code="store_full")

        def __getattr__(self, name: str) -> object:
            return getattr(store, name)

    world.police.store = Full()  # type: ignore[assignment]  # it fails as one
    world._reborn(world.police)
    with pytest.raises(StoreError, match="no room"):
        world._publish(1)
    with pytest.raises(StoreError, match="no room"):
        asyncio.run(world._relay())
    world.police.store = store
    world._reborn(world.police)
    world.run()
    world.check()
