"""SQLite has no room left, on either side: it is said, what was there stays, and it goes on.

The database may not grow by a page (``max_page_count``), which is what SQLite itself makes of a
disk without room. The campaign fills real ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import event

from broker.errors import StoreError
from broker.store.database import Store
from tests.support.founded_partnership import COUNCIL, POLICE, SECOND
from tests.support.memory_agency import Clock, MemoryAgency, at_offsets, cluster

CASE = "33333333-3333-4333-8333-333333333333"
BEFORE = 3
ATTEMPTS = 300
"""Free pages inside the file are used up by then."""


@contextmanager
def full(store: Store) -> Iterator[None]:
    """As long as this lasts, the file does not grow."""

    def limit(connection: object, *_: object) -> None:
        # 1 is taken as: no more pages than there are
        connection.execute("PRAGMA max_page_count = 1")  # type: ignore[attr-defined]  # sqlite3's

    event.listen(store._engine, "checkout", limit)
    try:
        yield
    finally:
        event.remove(store._engine, "checkout", limit)
        store._engine.dispose()  # new connections have no limit


@pytest.fixture
def two(tmp_path: Path, needs_file: None) -> Iterator[tuple[MemoryAgency, MemoryAgency]]:
    clock, kafka = Clock(), cluster()
    police = MemoryAgency(POLICE, tmp_path / "police.db", kafka, clock)
    council = MemoryAgency(COUNCIL, tmp_path / "council.db", kafka, clock)
    yield police, council
    police.store.close()
    council.store.close()


def publish_until_full(member: MemoryAgency) -> int:
    """Publish until the disk is full. Return the number of accepted events."""
    for accepted in range(ATTEMPTS):
        try:
            member.publish(member.event(case_id=CASE))
        except StoreError as error:
            if error.code != "store_full":
                raise
            return accepted
    raise AssertionError("there was room all the time")


def check(police: MemoryAgency, council: MemoryAgency, events: int) -> None:
    inbox = council.inbox()
    assert len(inbox) == len(set(inbox)) == events
    with council.store.reading() as tx:
        assert tx.quarantine.count() == 0
        assert tx.quarantine.unauthenticated() == ()
    assert police.verify_log() == council.verify_log() == events


def test_a_sender_without_room_accepts_nothing_more_and_loses_nothing(
    two: tuple[MemoryAgency, MemoryAgency],
) -> None:
    police, council = two
    asyncio.run(police.send(BEFORE, case_id=CASE))
    with full(police.store):
        accepted = publish_until_full(police)
        with suppress(StoreError):  # a smaller write may find room
            asyncio.run(police.relay.round())
        with police.store.reading() as tx:  # nothing is sent that is not written down
            counts = tx.outbox.counts()
        assert counts.pending + counts.unsent + counts.sent == BEFORE + accepted
        assert len(police.log()) <= counts.unsent + counts.sent
    police.relay = police.another_relay()
    police.clock.pass_(SECOND)
    asyncio.run(police.send(1, case_id=CASE))  # which resends first
    batch = council.take(at_offsets(police.log()))
    assert (batch.refused, batch.gaps, batch.alarms) == ([], [], [])
    check(police, council, BEFORE + accepted + 1)


def test_a_reader_without_room_takes_nothing_and_then_everything_once(
    two: tuple[MemoryAgency, MemoryAgency],
) -> None:
    police, council = two
    asyncio.run(police.send(BEFORE, case_id=CASE))
    council.take(at_offsets(police.log()))
    asyncio.run(police.send(100, case_id=CASE))
    log = at_offsets(police.log())
    before = council.position(log[0])
    with full(council.store):
        for _ in range(2):
            with pytest.raises(StoreError) as no_room:
                council.take(log[BEFORE:])
            assert no_room.value.code == "store_full"
        assert council.position(log[0]) == before
        assert len(council.inbox()) == BEFORE
    council.take(log[BEFORE:])
    check(police, council, BEFORE + 100)
