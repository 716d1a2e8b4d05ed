"""Retention of heartbeats as evidence: selection, number and time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.agency.own_manifest import longest_retention_ms
from broker.control import heartbeat_retention
from broker.control.own_statements import own_heartbeat
from broker.statements.authorship import require_both_authors
from broker.statements.heartbeats import (
    MAX_HEADS,
    Head,
    named_heads,
)
from broker.tlog.checkpoint import GenerationPlace
from broker.tlog.note import parse_note
from tests.support.forged_events import draft_event
from tests.support.founded_partnership import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    POLICE,
    SECOND,
    SUPPORT,
    FoundedPartnership,
)
from tests.support.memory_agency import Clock, MemoryAgency, at_offsets
from tests.support.memory_control import ControlNode, beat, head, origin_of
from tests.support.sealed_referrals import value
from tests.support.sent_records import Log


def kept(node: ControlNode, log: Log, index: int = -1) -> list[tuple[int, int]]:
    """(size, time) of the kept heads of a log above an index."""
    place = origin_of(log)
    with node.member.store.reading() as tx:
        rows = tx.heartbeats.covering(
            GenerationPlace(place.agency, place.topic, place.partition, place.generation), index
        )
    return [(row.size, row.time_ms - NOW) for row in rows]


def most_years(world: FoundedPartnership) -> int:
    terms = world.contract.event_types.values()
    return max(of.retention.recipient_years for of in terms if of.retention is not None)


def notes(node: ControlNode) -> int:
    with node.member.store.reading() as tx:
        return tx.heartbeats.count()


def test_the_first_heartbeat_that_covers_something_is_kept(
    node: ControlNode, world: FoundedPartnership, log: Log
) -> None:
    node.member.take(at_offsets(log.send(value())))
    first = beat(world, head(log, 1), at=NOW)
    node.hear(node.topics.heartbeats, first, beat(world, head(log, 1), at=NOW + MINUTE))
    assert kept(node, log) == [(1, 0)]
    assert notes(node) == 1
    with node.member.store.reading() as tx:
        assert tx.heartbeats.note(1) == first
    node.member.take(at_offsets(log.send(value()), 1))
    node.hear(node.topics.heartbeats, beat(world, head(log, 2), at=NOW + 2 * MINUTE))
    assert kept(node, log) == [(1, 0), (2, 2 * MINUTE)]
    assert kept(node, log, 1) == [(2, 2 * MINUTE)]


def test_a_heartbeat_that_is_ahead_of_the_records_is_kept_the_next_time(
    node: ControlNode, world: FoundedPartnership, log: Log
) -> None:
    records = at_offsets(log.send(value()))
    node.hear(node.topics.heartbeats, beat(world, head(log, 1), at=NOW))
    assert kept(node, log) == []
    node.member.take(records)
    node.hear(node.topics.heartbeats, beat(world, head(log, 1), at=NOW + MINUTE))
    assert kept(node, log) == [(1, MINUTE)]


def test_heads_that_an_agency_makes_up_are_not_kept(
    node: ControlNode, world: FoundedPartnership, log: Log
) -> None:
    node.member.take(at_offsets(log.send(value(), value())))
    made_up = [replace(head(log, 2), partition=number) for number in range(1, 9)]
    between = replace(head(log, 2), size=1)
    news = node.hear(
        node.topics.heartbeats, beat(world, *made_up), beat(world, between, at=NOW + 1)
    )
    assert len(news.heartbeats) == 2
    assert notes(node) == 0


def test_a_heartbeat_over_events_of_others_is_kept_only_as_the_last(
    node: ControlNode, world: FoundedPartnership, log: Log
) -> None:
    """One a minute, of events that are not addressed here, leaves one."""
    for_us = {2, 4}
    for number in range(6):
        one = value() if number in for_us else draft_event(to=(SUPPORT,)).value()
        node.member.take(at_offsets(log.send(one), number))
        at = NOW + number * MINUTE
        node.hear(node.topics.heartbeats, beat(world, head(log, number + 1), at=at))
    assert [size for size, _ in kept(node, log)] == [3, 5, 6]
    assert notes(node) == 3
    assert kept(node, log, 2)[0] == (3, 2 * MINUTE)


def test_of_one_minute_the_last_heartbeat_is_kept(
    node: ControlNode, world: FoundedPartnership, log: Log
) -> None:
    for number in range(4):
        node.member.take(at_offsets(log.send(value()), number))
        at = NOW + number * 25 * SECOND
        node.hear(node.topics.heartbeats, beat(world, head(log, number + 1), at=at))
    assert kept(node, log) == [(3, 50 * SECOND), (4, 75 * SECOND)]
    assert notes(node) == 2


def test_frequent_statements_about_changing_logs_do_not_fill_the_disk(
    node: ControlNode, world: FoundedPartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = [Log(logical=logical) for logical in "ab"]
    for log in logs:
        node.member.take(at_offsets(log.send(value())))
    made_up = [replace(head(logs[0], 1), partition=number, size=9) for number in range(2000, 2900)]
    for second, log in enumerate(logs):  # as large as they may be, of one minute
        many = beat(world, head(log, 1), *made_up, at=NOW + second * SECOND)
        monkeypatch.setattr(heartbeat_retention, "KEPT_BYTES_A_MINUTE", 2 * len(many) - 1)
        node.hear(node.topics.heartbeats, many)
    assert (kept(node, logs[0]), kept(node, logs[1])) == ([(1, 0)], [])
    monkeypatch.setattr(heartbeat_retention, "KEPT_BYTES_A_MINUTE", 2**30)
    monkeypatch.setattr(heartbeat_retention, "KEPT_A_MINUTE", 1)
    node.hear(node.topics.heartbeats, beat(world, head(logs[1], 1), at=NOW + 3 * SECOND))
    assert kept(node, logs[1]) == []
    node.hear(node.topics.heartbeats, beat(world, head(logs[1], 1), at=NOW + MINUTE))
    assert kept(node, logs[1]) == [(1, MINUTE)]


def test_after_the_retention_on_kafka_the_last_heartbeat_of_a_log_speaks_for_it(
    node: ControlNode, world: FoundedPartnership, log: Log, clock: Clock
) -> None:
    other = Log(logical="b")
    node.member.take(at_offsets(other.send(value())))
    for number in range(3):
        node.member.take(at_offsets(log.send(value()), number))
        heads = (head(log, number + 1), *([head(other, 1)] if number == 0 else []))
        node.hear(node.topics.heartbeats, beat(world, *heads, at=NOW + number * MINUTE))
    node.watch.look()
    assert [size for size, _ in kept(node, log)] == [1, 2, 3]
    clock.now = NOW + longest_retention_ms(node.participant) + 1
    node.watch.look()
    assert [size for size, _ in kept(node, log)] == [2, 3]
    assert notes(node) == 3, "the first one still speaks for the other log"
    clock.pass_(HOUR)
    node.watch.look()
    assert [size for size, _ in kept(node, log)] == [3]
    assert [size for size, _ in kept(node, other)] == [1]
    assert notes(node) == 2
    clock.pass_(most_years(world) * 366 * DAY)
    node.watch.look()
    assert kept(node, log) == kept(node, other) == []
    assert notes(node) == 0


def test_a_head_is_kept_again_under_a_later_key(
    node: ControlNode, world: FoundedPartnership, log: Log
) -> None:
    """A record of a revoked key is then under a key that is believed."""
    node.member.take(at_offsets(log.send(value())))
    place = origin_of(log)
    with node.member.store.transaction() as tx:
        heads = [(place.log, 1)]
        tx.heartbeats.keep(POLICE, NOW - MINUTE, b"note", b"old-", heads)
    node.hear(node.topics.heartbeats, beat(world, head(log, 1), at=NOW))
    assert kept(node, log) == [(1, -MINUTE), (1, 0)]


def test_a_heartbeat_under_another_key_is_not_replaced(
    node: ControlNode, log: Log, clock: Clock
) -> None:
    """Were the later key revoked, the earlier one's heartbeat would be all that is left."""
    log.send(value())
    place = origin_of(log)
    with node.member.store.transaction() as tx:
        for size, key in ((1, b"old-"), (2, b"new-")):
            heads = [(place.log, size)]
            tx.heartbeats.keep(POLICE, NOW + size, b"note", key, heads)
    clock.now = NOW + longest_retention_ms(node.participant) + MINUTE
    node.watch.look()
    assert [size for size, _ in kept(node, log)] == [1, 2]


async def test_a_sender_keeps_what_it_stated(
    police: MemoryAgency, world: FoundedPartnership
) -> None:
    await police.send(2)
    heads = police.relay.acknowledged_heads()
    for at in (NOW, NOW + MINUTE):
        note = own_heartbeat(police.participant, police.store, heads, at)
    key = require_both_authors(parse_note(note), world.manifests, POLICE, NOW + MINUTE)
    (stated,) = heads
    with police.store.reading() as tx:
        assert tx.heartbeats.count() == 1
        (row,) = tx.heartbeats.covering(
            GenerationPlace(POLICE, stated.topic, stated.partition, stated.generation), 1
        )
    assert (row.size, row.time_ms, row.key_id) == (2, NOW, key)


def test_a_sender_of_very_many_streams_names_those_opened_last() -> None:
    heads = [Head("t", number, f"{number:016x}-g", 1, bytes(32)) for number in range(MAX_HEADS + 2)]
    named = named_heads(heads)
    assert {head.partition for head in named} == set(range(2, MAX_HEADS + 2))
    assert set(named_heads(heads[:3])) == set(heads[:3])
