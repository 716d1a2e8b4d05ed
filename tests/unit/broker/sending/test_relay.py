"""Relay: a record is committed before it is sent, so a resend has the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from broker.clock import MAX_CLOCK_JUMP_MS
from broker.errors import StoreError, TransportError
from broker.record import Record
from broker.sending.streams import MAX_BATCH_EVENTS
from broker.store.rows import NewOutboxRow
from broker.tlog.checkpoint import GenerationPlace
from tests.support.founded_partnership import DAY, MINUTE, POLICE, SECOND
from tests.support.memory_agency import Clock, Make, MemoryAgency, at_offsets, ids, replay_all
from tests.support.memory_kafka import MemoryKafka, MemoryTransport


class Unreliable(MemoryTransport):
    """Sends as many records as it is told and then loses the connection."""

    def __init__(self, kafka: MemoryKafka, principal: str, survives: int) -> None:
        super().__init__(kafka, principal)
        self.survives = survives
        self.tell = True

    async def send(self, records: Sequence[Record]) -> list[int]:
        sent = await super().send(records[: self.survives])
        if len(sent) < len(records):
            known = sent if self.tell else []
            rest = [None] * (len(records) - len(known))
            raise TransportError("gone", offsets=(*known, *rest))
        return sent


async def test_a_published_batch_arrives_in_order_under_one_signature(
    police: MemoryAgency, council: MemoryAgency
) -> None:
    sent = await police.send(5)
    records = police.log()
    assert ids(records) == sent
    assert len({dict(r.headers)[b"proof"].rpartition(b"\n\n")[2] for r in records}) == 1  # type: ignore[union-attr]  # it has one
    assert [event.id for event in council.take(records).opened] == sent
    assert police.relay.batches() == [(police.world.topic(), 5)]
    assert police.relay.batches() == []


async def test_a_batch_has_at_most_512_events(police: MemoryAgency, council: MemoryAgency) -> None:
    sealed = police.sealer().seal(police.event(), police.clock.now)
    with police.store.transaction() as tx:
        row = NewOutboxRow(sealed.event_id, police.world.topic(), 0, sealed.value)
        tx.outbox.add_many([row] * (MAX_BATCH_EVENTS + 1), now=1)
    police.relay.take_lock("test")
    assert await police.relay.round() == MAX_BATCH_EVENTS + 1
    assert [events for _, events in police.relay.batches()] == [MAX_BATCH_EVENTS, 1]


async def test_a_restart_between_index_and_send_resends_the_same_bytes(
    police: MemoryAgency, council: MemoryAgency
) -> None:
    police.relay.take_lock("one")
    police.publish()
    police.relay._index()  # and the process ends before it sends
    again = police.another_relay()
    again.take_lock("two")
    assert await again.resend() == 1
    (first,) = police.log()
    assert await again.resend() == 0
    third = police.another_relay()
    third.take_lock("three")
    await police.kafka_copy(first)
    batch = council.take(at_offsets(police.log()))
    assert (len(batch.opened), batch.repeats, batch.alarms) == (1, 1, [])


async def test_a_resend_of_what_kafka_did_not_acknowledge_is_a_repeat(
    police: MemoryAgency, council: MemoryAgency
) -> None:
    transport = Unreliable(police.kafka, POLICE, survives=10)
    transport.tell = False
    transport.survives = 2
    police.transport = transport
    police.relay = police.another_relay()
    with pytest.raises(TransportError):
        await police.send(3)
    transport.survives = 100
    assert await police.relay.resend() == 3  # nothing is known of the two that arrived
    batch = council.take(at_offsets(police.log()))
    assert (len(batch.opened), batch.repeats, batch.alarms) == (3, 2, [])


async def test_acknowledged_records_are_not_sent_again(
    police: MemoryAgency, council: MemoryAgency
) -> None:
    police.transport = Unreliable(police.kafka, POLICE, survives=2)
    police.relay = police.another_relay()
    with pytest.raises(TransportError):
        await police.send(3)
    assert police.relay.acknowledged_heads() == ()  # what Kafka does not have is not announced
    assert await police.relay.resend() == 1
    batch = council.take(at_offsets(police.log()))
    assert (len(batch.opened), batch.repeats) == (3, 0)
    (head,) = police.relay.acknowledged_heads()
    assert head.size == 3


async def test_a_new_lock_opens_a_new_generation_that_names_the_last(
    police: MemoryAgency, council: MemoryAgency, clock: Clock
) -> None:
    case = "11111111-1111-4111-8111-111111111111"
    await police.send(2, case_id=case)
    clock.pass_(SECOND)
    police.relay = police.another_relay()
    await police.send(1, case_id=case)
    clock.pass_(SECOND)
    police.relay = police.another_relay()
    police.relay.take_lock("unused: it opens nothing")
    police.relay = police.another_relay()
    await police.send(1, case_id=case)
    batch = council.take(at_offsets(police.log()))
    assert (len(batch.opened), batch.gaps, batch.alarms) == (4, [], [])
    state = council.state(POLICE, police.log()[0])
    assert state is not None
    assert [held.end for held in state.generations.values()] == [2, 1, None]


async def test_a_zombie_can_index_nothing(
    police: MemoryAgency, council: MemoryAgency, clock: Clock
) -> None:
    case = "11111111-1111-4111-8111-111111111111"
    await police.send(1, case_id=case)
    zombie = police.relay
    clock.pass_(SECOND)
    police.relay = police.another_relay()
    await police.send(1, case_id=case)
    police.publish(police.event(case_id=case))
    with pytest.raises(StoreError) as lost:
        await zombie.round()
    assert lost.value.code == "lease_lost"
    await police.relay.round()
    batch = council.take(at_offsets(police.log()))
    assert (len(batch.opened), batch.repeats, batch.alarms) == (3, 0, [])


async def test_a_zombie_that_had_indexed_resends_the_same_bytes(
    police: MemoryAgency, council: MemoryAgency, clock: Clock
) -> None:
    case = "11111111-1111-4111-8111-111111111111"
    await police.send(1, case_id=case)
    zombie = police.relay
    police.publish(police.event(case_id=case))
    rows = zombie._index()  # and it is paused here
    clock.pass_(SECOND)
    police.relay = police.another_relay()
    await police.send(1, case_id=case)
    await zombie._send(rows)  # and it wakes up
    batch = council.take(at_offsets(police.log()))
    assert (len(batch.opened), batch.repeats, batch.alarms) == (3, 1, [])


@pytest.mark.parametrize("jump", [MAX_CLOCK_JUMP_MS + 1, -MAX_CLOCK_JUMP_MS - 1])
async def test_a_clock_that_jumps_stops_the_relay(
    police: MemoryAgency, clock: Clock, jump: int
) -> None:
    police.publish()
    police.relay.take_lock("test")
    clock.now += jump
    with pytest.raises(StoreError) as jumped:
        await police.relay.round()
    assert jumped.value.code == "clock_jumped"
    with police.store.reading() as tx:
        assert tx.outbox.counts().pending == 1


async def test_five_minutes_of_correction_and_any_time_that_passes_are_no_jump(
    police: MemoryAgency, clock: Clock
) -> None:
    police.relay.take_lock("test")
    clock.now += MAX_CLOCK_JUMP_MS
    clock.pass_(2 * DAY)
    police.publish()
    assert await police.relay.round() == 1


async def test_a_relay_restarted_far_behind_its_log_stops(
    police: MemoryAgency, clock: Clock
) -> None:
    case = "11111111-1111-4111-8111-111111111111"
    clock.now += 10 * MINUTE
    police.relay = police.another_relay()
    await police.send(1, case_id=case)
    clock.now -= 10 * MINUTE
    police.relay = police.another_relay()
    with pytest.raises(StoreError) as jumped:
        await police.send(1, case_id=case)
    assert jumped.value.code == "clock_jumped"


async def test_log_times_do_not_fall_when_the_clock_is_set_back_a_little(
    police: MemoryAgency, council: MemoryAgency, clock: Clock
) -> None:
    case = "11111111-1111-4111-8111-111111111111"
    clock.pass_(2 * MINUTE)
    await police.send(1, case_id=case)
    clock.now -= MINUTE
    await police.send(1, case_id=case)
    police.relay = police.another_relay()
    await police.send(1, case_id=case)
    batch = council.take(at_offsets(police.log()))
    assert (len(batch.opened), batch.refused, batch.alarms) == (3, [], [])


async def test_a_database_of_yesterday_forks_nothing(
    police: MemoryAgency, council: MemoryAgency, clock: Clock, open_member: Make
) -> None:
    """The restored sender goes on from an older head; readers see a rollback and follow it."""
    case = "11111111-1111-4111-8111-111111111111"
    await police.send(2, case_id=case)
    backup = police.backup()
    clock.pass_(SECOND)
    await police.send(1, case_id=case)
    restored = open_member(POLICE)
    restored.restore(backup)
    clock.pass_(SECOND)
    sent = await restored.send(1, case_id=case)
    records = at_offsets(police.log())
    batch = council.take(records)
    assert not any(code == "equivocation" for _, code in batch.alarms)
    assert (POLICE, "rollback") in batch.alarms
    assert sent[0] in [event.id for event in batch.opened]
    assert len(batch.opened) == 4


async def test_a_restored_sender_is_followed_though_its_clock_had_been_ahead(
    police: MemoryAgency, council: MemoryAgency, clock: Clock, open_member: Make
) -> None:
    """Readers hold a generation that was opened in three minutes, which the copy does not know."""
    case = "11111111-1111-4111-8111-111111111111"
    await police.send(2, case_id=case)
    backup = police.backup()
    clock.now += 3 * MINUTE
    police.relay = police.another_relay()
    await police.send(1, case_id=case)
    clock.now -= 3 * MINUTE
    restored = open_member(POLICE)
    restored.restore(backup)
    clock.pass_(SECOND)
    await restored.send(1, case_id=case)
    log = at_offsets(police.log())
    assert [code for *_, code in council.take(log).refused] == ["unlinked"]
    own = restored.take(log)  # it reads its own records as everybody does
    refused = own.refused[0][0]
    assert refused is not None
    restored.relay.refused(own.refused)
    assert await restored.relay.round() == 1  # there is nothing new to send
    assert await restored.relay.round() == 0
    again = at_offsets(police.log())[len(log) :]
    batch = council.take(again)
    assert (batch.refused, len(batch.opened)) == ([], 1)
    assert [(origin, first, last) for origin, first, last in batch.gaps] == [(refused, 0, 0)]
    assert await replay_all(restored.relay, refused.log, 0, 0) == 1
    batch = council.take(at_offsets(police.log())[len(log) + 1 :])
    assert (batch.refused, len(batch.opened), batch.repeats) == ([], 0, 1)
    assert len(council.inbox()) == len(set(council.inbox())) == 4
    state = council.state(POLICE, log[0])
    assert state is not None
    assert not any(held.gaps for held in state.generations.values())


async def test_kafka_refusing_leaves_everything_in_place(
    police: MemoryAgency, council: MemoryAgency
) -> None:
    police.kafka.up = False
    with pytest.raises(TransportError) as away:
        await police.send(3)
    assert away.value.code == "kafka_unreachable"
    police.kafka.up = True
    assert await police.relay.resend() == 3
    assert len(council.take(at_offsets(police.log())).opened) == 3


# --- replay ---------------------------------------------------------------------------------------


def log_of(record: Record, generation: str) -> GenerationPlace:
    return GenerationPlace(POLICE, record.topic, record.partition, generation)


async def test_a_replay_publishes_the_same_bytes(police: MemoryAgency) -> None:
    await police.send(4)
    before = list(police.log())
    state = before[0]
    generation = _generation(police)
    assert await replay_all(police.relay, log_of(state, generation), 1, 2) == 2
    assert [replace(r, offset=0) for r in police.log()[4:]] == [
        replace(r, offset=0) for r in before[1:3]
    ]


async def test_a_replay_of_what_never_was_is_nothing(police: MemoryAgency) -> None:
    await police.send(2)
    one = police.log()[0]
    generation = _generation(police)
    assert await replay_all(police.relay, log_of(one, generation), 2, 2**62) == 0
    assert await replay_all(police.relay, log_of(one, "0" * 49), 0, 9) == 0
    elsewhere = replace(one, partition=5 - one.partition)
    assert await replay_all(police.relay, log_of(elsewhere, generation), 0, 9) == 0


async def test_a_long_replay_is_sent_in_rounds(
    police: MemoryAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.sending.relay.REPLAYED_BYTES_AT_ONCE", 1)
    for _ in range(3):
        await police.send(2, case_id="11111111-1111-4111-8111-111111111111")
    one = police.log()[0]
    calls: list[int] = []
    real = police.transport.send

    async def counting(records: Sequence[Record]) -> list[int]:
        calls.append(len(records))
        return await real(records)

    police.transport.send = counting  # type: ignore[method-assign]  # a count of what it sends
    sent = await replay_all(police.relay, log_of(one, _generation(police)), 1, 2**62)
    assert (sent, calls) == (5, [1] * 5)


def _generation(member: MemoryAgency) -> str:
    with member.store.reading() as tx:
        (head,) = tx.streams.heads()
    return head.name
