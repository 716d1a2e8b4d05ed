"""Heartbeats: which are believed, and which are kept as evidence, for how long."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from desk import Desk, authors, beat, head, origin_of, value
from office import Clock, Office, at_offsets
from sent_records import Log
from workshop import COUNCIL, DAY, HOUR, MINUTE, NOW, POLICE, SECOND, SUPPORT, Workshop

from broker.agency.own_manifest import longest_retention_ms
from broker.control import keeping
from broker.control.own_heartbeat import own_heartbeat
from broker.keys.issuing import ManifestChanges
from broker.keys.kid import ED25519, ML_DSA_44, STREAM
from broker.keys.manifest import Revocation
from broker.statements.authorship import require_both_authors
from broker.statements.heartbeats import (
    MAX_HEADS,
    MAX_HEARTBEAT_BYTES,
    Head,
    Heartbeat,
    format_heartbeat,
    named_heads,
)
from broker.tlog.cosignature import parse_signed_checkpoint
from broker.tlog.note import format_note, parse_note


@pytest.fixture
def desk(council: Office, world: Workshop, tmp_path: Path) -> Desk:
    return Desk(council, world.directory(COUNCIL, tmp_path))


@pytest.fixture
def world() -> Workshop:
    from workshop import workshop

    return workshop()


@pytest.fixture
def log() -> Log:
    return Log()


def test_a_heartbeat_is_its_agencys_own(desk: Desk, world: Workshop) -> None:
    one = Heartbeat(world.deployment, POLICE, NOW, (), (0, bytes(32)))
    name = f"{world.deployment}/{POLICE}"
    posing = format_heartbeat(one, [replace(key, name=name) for key in authors(world, SUPPORT)])
    receipt_key = world.author(POLICE, receipts=True)
    with_receipt_key = format_heartbeat(one, [receipt_key, authors(world, POLICE)[1]])
    theirs = format_heartbeat(one, authors(world, SUPPORT))
    news = desk.hear(desk.topics.heartbeats, posing, with_receipt_key, theirs, b"x")
    assert news.rejected == ["key_unknown"] * 3 + ["note_malformed"]
    assert news.heartbeats == []


def test_a_heartbeat_needs_both_signatures(desk: Desk, world: Workshop) -> None:
    one = Heartbeat(world.deployment, POLICE, NOW, (), (0, bytes(32)))
    classical, post_quantum = authors(world, POLICE)
    alone = [format_heartbeat(one, [key]) for key in (classical, post_quantum)]
    assert desk.hear(desk.topics.heartbeats, *alone).rejected == ["key_unknown"] * 2
    both = format_heartbeat(one, [post_quantum, classical])  # lines have no order
    assert len(desk.hear(desk.topics.heartbeats, both).heartbeats) == 1


@pytest.mark.parametrize("line", [0, 1])
def test_either_signature_of_a_heartbeat_must_verify(
    desk: Desk, world: Workshop, line: int
) -> None:
    note = parse_note(beat(world))
    bad = replace(note.signatures[line], signature=bytes(len(note.signatures[line].signature)))
    lines = tuple(bad if at == line else one for at, one in enumerate(note.signatures))
    forged = format_note(replace(note, signatures=lines))
    assert desk.hear(desk.topics.heartbeats, forged).rejected == ["key_unknown"]


@pytest.mark.parametrize("algorithm", [ED25519, ML_DSA_44])
def test_a_heartbeat_of_a_revoked_key_is_not_believed(
    desk: Desk, world: Workshop, algorithm: str
) -> None:
    (key,) = world.manifests.history(POLICE)[-1].manifest.keys_of(STREAM, algorithm)
    since = ManifestChanges(revocations=(Revocation(kid=key.kid, since=NOW + 1, reason="lost"),))
    desk.control.manifests = world.reissue(POLICE, since, NOW + MINUTE)
    assert desk.hear(desk.topics.heartbeats, beat(world, at=NOW)).rejected == ["key_unknown"]


def test_a_heartbeat_from_before_or_after_its_keys_is_not_believed(
    desk: Desk, world: Workshop, clock: Clock
) -> None:
    history = world.manifests.history(POLICE)[-1].manifest
    starts = min(key.not_before for key in history.keys)
    ends = max(key.not_after for key in history.keys if key.role == STREAM)
    clock.now = ends
    news = desk.hear(desk.topics.heartbeats, beat(world, at=starts - 1), beat(world, at=ends))
    assert news.rejected == ["key_unknown"] * 2


def test_a_heartbeat_that_is_too_large_is_not_even_read(
    desk: Desk, world: Workshop, log: Log
) -> None:
    log.send(value())
    many = [replace(head(log, 1), partition=number) for number in range(MAX_HEADS + 1)]
    large = b"x" * (MAX_HEARTBEAT_BYTES + 1)
    news = desk.hear(desk.topics.heartbeats, beat(world, *many), large)
    assert news.rejected == ["heartbeat_malformed"] * 2
    assert len(desk.hear(desk.topics.heartbeats, beat(world, *many[1:])).heartbeats) == 1


def test_a_head_that_contradicts_a_signed_checkpoint_is_evidence_once(
    desk: Desk, world: Workshop, log: Log
) -> None:
    desk.office.take(at_offsets(log.send(value())))
    other = replace(head(log, 1), root=b"o" * 32)
    first, second = (beat(world, other, at=at) for at in (NOW, NOW + MINUTE))
    for note in (first, second):
        news = desk.hear(desk.topics.heartbeats, note)
        assert (news.rejected, news.heartbeats) == (["equivocation"], [])
    with desk.office.store.reading() as tx:
        (found,) = tx.evidence.list()
    assert (found.kind, found.origin) == ("heartbeat", origin_of(log).format())
    assert found.text_b == first
    assert parse_signed_checkpoint(found.text_a).checkpoint.root == head(log, 1).root


# --- heartbeats that are kept ---------------------------------------------------------------------


def kept(desk: Desk, log: Log, index: int = -1) -> list[tuple[int, int]]:
    """(size, time) of the kept heads of a log above an index."""
    place = origin_of(log)
    with desk.office.store.reading() as tx:
        rows = tx.heartbeats.covering(
            place.agency, place.topic, place.partition, place.generation, index
        )
    return [(row.size, row.time_ms - NOW) for row in rows]


def notes(desk: Desk) -> int:
    with desk.office.store.reading() as tx:
        return tx.heartbeats.count()


def test_the_first_heartbeat_that_covers_something_is_kept(
    desk: Desk, world: Workshop, log: Log
) -> None:
    desk.office.take(at_offsets(log.send(value())))
    first = beat(world, head(log, 1), at=NOW)
    desk.hear(desk.topics.heartbeats, first, beat(world, head(log, 1), at=NOW + MINUTE))
    assert kept(desk, log) == [(1, 0)]
    assert notes(desk) == 1
    with desk.office.store.reading() as tx:
        assert tx.heartbeats.note(1) == first
    desk.office.take(at_offsets(log.send(value()), 1))
    desk.hear(desk.topics.heartbeats, beat(world, head(log, 2), at=NOW + 2 * MINUTE))
    assert kept(desk, log) == [(1, 0), (2, 2 * MINUTE)]
    assert kept(desk, log, 1) == [(2, 2 * MINUTE)]


def test_a_heartbeat_that_is_ahead_of_the_records_is_kept_the_next_time(
    desk: Desk, world: Workshop, log: Log
) -> None:
    records = at_offsets(log.send(value()))
    desk.hear(desk.topics.heartbeats, beat(world, head(log, 1), at=NOW))
    assert kept(desk, log) == []
    desk.office.take(records)
    desk.hear(desk.topics.heartbeats, beat(world, head(log, 1), at=NOW + MINUTE))
    assert kept(desk, log) == [(1, MINUTE)]


def test_heads_that_an_agency_makes_up_are_not_kept(desk: Desk, world: Workshop, log: Log) -> None:
    desk.office.take(at_offsets(log.send(value(), value())))
    made_up = [replace(head(log, 2), partition=number) for number in range(1, 9)]
    between = replace(head(log, 2), size=1)
    news = desk.hear(
        desk.topics.heartbeats, beat(world, *made_up), beat(world, between, at=NOW + 1)
    )
    assert len(news.heartbeats) == 2
    assert notes(desk) == 0


def test_of_one_minute_the_last_heartbeat_is_kept(desk: Desk, world: Workshop, log: Log) -> None:
    for number in range(4):
        desk.office.take(at_offsets(log.send(value()), number))
        at = NOW + number * 25 * SECOND
        desk.hear(desk.topics.heartbeats, beat(world, head(log, number + 1), at=at))
    assert kept(desk, log) == [(3, 50 * SECOND), (4, 75 * SECOND)]
    assert notes(desk) == 2


def test_who_speaks_too_often_of_other_logs_each_time_fills_no_disk(
    desk: Desk, world: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = [Log(logical=logical) for logical in "ab"]
    for log in logs:
        desk.office.take(at_offsets(log.send(value())))
    made_up = [replace(head(logs[0], 1), partition=number, size=9) for number in range(2000, 2900)]
    for second, log in enumerate(logs):  # as large as they may be, of one minute
        many = beat(world, head(log, 1), *made_up, at=NOW + second * SECOND)
        monkeypatch.setattr(keeping, "KEPT_BYTES_A_MINUTE", 2 * len(many) - 1)
        desk.hear(desk.topics.heartbeats, many)
    assert (kept(desk, logs[0]), kept(desk, logs[1])) == ([(1, 0)], [])
    monkeypatch.setattr(keeping, "KEPT_BYTES_A_MINUTE", 2**30)
    monkeypatch.setattr(keeping, "KEPT_A_MINUTE", 1)
    desk.hear(desk.topics.heartbeats, beat(world, head(logs[1], 1), at=NOW + 3 * SECOND))
    assert kept(desk, logs[1]) == []
    desk.hear(desk.topics.heartbeats, beat(world, head(logs[1], 1), at=NOW + MINUTE))
    assert kept(desk, logs[1]) == [(1, MINUTE)]


def test_after_the_retention_on_kafka_the_last_heartbeat_of_a_log_speaks_for_it(
    desk: Desk, world: Workshop, log: Log, clock: Clock
) -> None:
    other = Log(logical="b")
    desk.office.take(at_offsets(other.send(value())))
    for number in range(3):
        desk.office.take(at_offsets(log.send(value()), number))
        heads = (head(log, number + 1), *([head(other, 1)] if number == 0 else []))
        desk.hear(desk.topics.heartbeats, beat(world, *heads, at=NOW + number * MINUTE))
    desk.watch.look()
    assert [size for size, _ in kept(desk, log)] == [1, 2, 3]
    clock.now = NOW + longest_retention_ms(desk.participant) + 1
    desk.watch.look()
    assert [size for size, _ in kept(desk, log)] == [2, 3]
    assert notes(desk) == 3, "the first one still speaks for the other log"
    clock.pass_(HOUR)
    desk.watch.look()
    assert [size for size, _ in kept(desk, log)] == [3]
    assert [size for size, _ in kept(desk, other)] == [1]
    assert notes(desk) == 2
    clock.pass_(most_years(world) * 366 * DAY)
    desk.watch.look()
    assert kept(desk, log) == kept(desk, other) == []
    assert notes(desk) == 0


def test_a_head_is_kept_again_under_a_later_key(desk: Desk, world: Workshop, log: Log) -> None:
    """What a revoked key had signed is then under one that is believed."""
    desk.office.take(at_offsets(log.send(value())))
    place = origin_of(log)
    with desk.office.store.transaction() as tx:
        heads = [(place.topic, place.partition, place.generation, 1)]
        tx.heartbeats.keep(POLICE, NOW - MINUTE, b"note", b"old-", heads)
    desk.hear(desk.topics.heartbeats, beat(world, head(log, 1), at=NOW))
    assert kept(desk, log) == [(1, -MINUTE), (1, 0)]


def test_a_heartbeat_under_another_key_is_not_replaced(desk: Desk, log: Log, clock: Clock) -> None:
    """Were the later key revoked, the earlier one's heartbeat would be all that is left."""
    log.send(value())
    place = origin_of(log)
    with desk.office.store.transaction() as tx:
        for size, key in ((1, b"old-"), (2, b"new-")):
            heads = [(place.topic, place.partition, place.generation, size)]
            tx.heartbeats.keep(POLICE, NOW + size, b"note", key, heads)
    clock.now = NOW + longest_retention_ms(desk.participant) + MINUTE
    desk.watch.look()
    assert [size for size, _ in kept(desk, log)] == [1, 2]


def most_years(world: Workshop) -> int:
    terms = world.contract.event_types.values()
    return max(of.retention.recipient_years for of in terms if of.retention is not None)


async def test_a_sender_keeps_what_it_stated(police: Office, world: Workshop) -> None:
    await police.send(2)
    heads = police.relay.acknowledged_heads()
    for at in (NOW, NOW + MINUTE):
        note = own_heartbeat(police.participant, police.store, heads, at)
    key = require_both_authors(parse_note(note), world.manifests, POLICE, NOW + MINUTE)
    (stated,) = heads
    with police.store.reading() as tx:
        assert tx.heartbeats.count() == 1
        (row,) = tx.heartbeats.covering(
            POLICE, stated.topic, stated.partition, stated.generation, 1
        )
    assert (row.size, row.time_ms, row.key_id) == (2, NOW, key)


def test_a_sender_of_very_many_streams_names_those_opened_last() -> None:
    heads = [Head("t", number, f"{number:016x}-g", 1, bytes(32)) for number in range(MAX_HEADS + 2)]
    named = named_heads(heads)
    assert {head.partition for head in named} == set(range(2, MAX_HEADS + 2))
    assert set(named_heads(heads[:3])) == set(heads[:3])
