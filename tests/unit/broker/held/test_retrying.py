"""Events that were sealed badly, for whatever reason, are sealed again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from broker.envelope.layout import parse_value
from broker.held.inventory import Folders, held_counts, held_in_folders, held_items
from broker.held.retrying import retry_held
from tests.support.founded_partnership import CASE, COUNCIL, MADE, POLICE, SUPPORT
from tests.support.memory_agency import Make, MemoryAgency, at_offsets

NOWHERE = Folders(*[Path("/nowhere")] * 4)


def doubled(value: bytes) -> bytes:
    """One recipient's entry twice, as two equal wraps made it."""
    groups = len(parse_value(value).groups)
    entry = 1168 + 28 + 32 * groups
    return value[:-entry] + value[-2 * entry : -entry]


def cut(value: bytes) -> bytes:
    return value[:-1]


def renamed(value: bytes) -> bytes:
    """A value of another id than the outbox has: the id is not part of what readers can check."""
    return value[:1] + bytes([value[1] ^ 1]) + value[2:]


def damage(member: MemoryAgency, event_id: str, how: Callable[[bytes], bytes]) -> None:
    """Alter a sealed value where it waits."""
    database = sqlite3.connect(member.database)
    with database:
        (value,) = database.execute(
            "SELECT value FROM outbox WHERE event_id = ?", (event_id,)
        ).fetchone()
        database.execute("UPDATE outbox SET value = ? WHERE event_id = ?", (how(value), event_id))
    database.close()


def held(member: MemoryAgency) -> list[tuple[str, str | None, str]]:
    with member.store.reading() as tx:
        items = held_items(tx, NOWHERE, member.clock.now)
        assert held_counts(tx, (), member.clock.now)["outbox"].count == len(items)
    return [(item.kind, item.event_id, item.code) for item in items]


async def relay(member: MemoryAgency) -> int:
    if member.relay._token is None:
        member.relay.take_lock("test")
        await member.relay.resend()
    return await member.relay.round()


@pytest.mark.parametrize(
    ("how", "code"),
    [(doubled, "recipients_order"), (cut, "value_malformed"), (renamed, "id_wrong")],
)
async def test_a_malformed_record_is_held_and_its_item_is_sealed_again(
    police: MemoryAgency, council: MemoryAgency, how: Callable[[bytes], bytes], code: str
) -> None:
    event = police.event(MADE, to=(COUNCIL, SUPPORT))
    event_id = police.publish(event, b"row 1")
    assert event_id is not None
    damage(police, event_id, how)
    other = police.publish(police.event(MADE, case_id=str(event.data["case_id"])), b"row 2")
    assert await relay(police) == 1  # the other one is not held up
    assert held(police) == [("outbox", event_id, code)]
    with police.store.reading() as tx:
        counts = tx.outbox.counts()
    assert (counts.pending, counts.unsent, counts.sent) == (0, 0, 1)
    assert police.publish(event, b"row 1") == event_id  # the key did not count it as published
    assert held(police) == []
    assert police.publish(event, b"row 1") is None
    assert await relay(police) == 1
    batch = council.take(at_offsets(police.log()))
    assert (batch.refused, council.inbox()) == ([], [other, event_id])


async def test_an_event_that_was_published_and_refused_is_sealed_again(
    police: MemoryAgency, council: MemoryAgency
) -> None:
    event = police.event(MADE, to=(COUNCIL, SUPPORT))
    event_id = police.publish(event, b"row 1")
    assert event_id is not None
    damage(police, event_id, doubled)
    police.relay._indexing._well_formed = lambda _tx, rows, _now: list(rows)  # as it was once
    assert await relay(police) == 1
    (refused,) = council.take(at_offsets(police.log())).refused
    assert refused[3] == "recipients_order"
    assert police.publish(event, b"row 1") is None  # published, as far as the sender knows
    asked = retry_held(police.store, NOWHERE, f"outbox-{event_id}", police.clock.now)
    assert (asked.outcome, asked.settled) == ("needs_export", False)
    assert held(police) == [("outbox", event_id, "seal_again_asked")]
    assert police.publish(event, b"row 1") == event_id
    assert held(police) == []
    assert await relay(police) == 1
    council.take(at_offsets(police.log()))
    assert council.inbox() == [event_id]


async def test_a_reader_that_took_it_sees_a_repeat(
    police: MemoryAgency, council: MemoryAgency
) -> None:
    event = police.event(CASE, to=(COUNCIL,))
    event_id = police.publish(event, b"row 1")
    await relay(police)
    retry_held(police.store, NOWHERE, f"outbox-{event_id}", police.clock.now)
    assert police.publish(event, b"row 1") == event_id
    await relay(police)
    batch = council.take(at_offsets(police.log(police.world.topic("b"))))
    assert (batch.refused, batch.repeats, council.inbox()) == ([], 1, [event_id])


def test_a_refused_export_goes_back_with_a_new_marker(police: MemoryAgency, tmp_path: Path) -> None:
    folders = Folders(*(tmp_path / name for name in ("import", "processed", "quarantine", "inbox")))
    marked = replace(folders, done_marker=".done")
    for folder in (folders.import_, folders.quarantine):
        folder.mkdir()
    (folders.quarantine / "a.csv").write_bytes(b"x")
    (held,) = held_in_folders(marked, 1, with_reasons=False)
    assert retry_held(police.store, marked, held.id, 1).outcome == "moved_to_import"
    export, marker = sorted(folders.import_.iterdir())
    assert (export.name, marker.name) == ("a.csv", "a.csv.done")
    assert marker.stat().st_mtime_ns >= export.stat().st_mtime_ns


async def test_an_event_of_another_agency_is_not_asked_for(police: MemoryAgency) -> None:
    unknown = "outbox-00000000-0000-8000-8000-000000000000"
    assert retry_held(police.store, NOWHERE, unknown, 1).outcome == "not_held"


async def test_many_malformed_records_hold_up_no_good_one(
    open_member: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    police = open_member(POLICE)
    monkeypatch.setattr("broker.sending.indexing.ROUND_EVENTS", 2)
    bad = [police.publish(source_key=b"bad %d" % n) for n in range(5)]
    for event_id in bad:
        assert event_id is not None
        damage(police, event_id, cut)
    good = police.publish(source_key=b"good")
    sent = await relay(police)
    sent += await relay(police)
    assert sent == 1
    with police.store.reading() as tx:
        row = tx.outbox.find(str(good))
    assert row is not None
    assert row.sent_ms is not None
    assert {event_id for _, event_id, _ in held(police)} == set(bad)
