"""Outbox of an agency for a person: own events between the own system and Kafka."""

from __future__ import annotations

from dataclasses import replace

from broker.audit.actor import Actor
from broker.audit.query import entries_of_log
from broker.held.retrying import asked_ms
from broker.keys.issuing import ManifestChanges
from broker.keys.manifest import StandingEntry
from broker.operations.queues.outbox_queue import OutboxQueue
from tests.support.founded_partnership import CASE, COUNCIL, POLICE, SUPPORT
from tests.support.memory_agency import MemoryAgency, at_offsets
from tests.unit.broker.sending.test_copies import suspend

WHO = Actor("ops", "duty.officer", "sent in error")


def queue(member: MemoryAgency) -> OutboxQueue:
    return OutboxQueue(member.participant, member.store)


def states(member: MemoryAgency) -> list[tuple[str | None, str, tuple[str, ...]]]:
    found = queue(member).items(100, member.clock.now)
    return [(one.event_id, one.state, one.agencies) for one in found]


async def relay(member: MemoryAgency) -> int:
    if member.relay._token is None:
        member.relay.take_lock("test")
        await member.relay.resend()
    return await member.relay.round()


async def test_an_event_is_in_the_list_until_kafka_has_it(police: MemoryAgency) -> None:
    event_id = police.publish(police.event(CASE, to=(COUNCIL,)))
    assert states(police) == [(event_id, "waiting", (COUNCIL,))]
    await relay(police)
    assert states(police) == []


async def test_a_discarded_event_is_not_sent_and_its_export_sends_it_again(
    police: MemoryAgency, council: MemoryAgency
) -> None:
    event = police.event(CASE, to=(COUNCIL,))
    event_id = police.publish(event, b"row 1")
    same_case = police.event(CASE, to=(COUNCIL,), case_id=str(event.data["case_id"]))
    other = police.publish(same_case, b"row 2")
    outbox, now = queue(police), police.clock.now
    planned = outbox.plan([f"outbox-{event_id}"], now, accepted_events=False)
    assert [one.outcome for one in planned] == ["discarded"]
    assert [one.outcome for one in outbox.discard(planned, WHO, now)] == ["discarded"]
    assert await relay(police) == 1
    council.take(at_offsets(police.log(police.world.topic("b"))))
    assert council.inbox() == [other]
    with police.store.reading() as tx:
        last = list(entries_of_log(tx))[-1].entry
    assert (last.kind, last.reason, last.event_id) == ("erasure", "event_discarded", event_id)
    assert (last.operator, last.acting_for, last.reason_text is not None) == (
        "ops", "duty.officer", True,
    )  # fmt: skip
    assert police.verify_log() > 0
    assert police.publish(event, b"row 1") == event_id
    assert await relay(police) == 1
    council.take(at_offsets(police.log(police.world.topic("b")), 1))
    assert council.inbox() == [other, event_id]


async def test_an_event_with_a_place_stays_and_is_tried_again(police: MemoryAgency) -> None:
    event_id = police.publish(police.event(CASE, to=(COUNCIL,)))
    police.relay.take_lock("test")
    police.relay._index()
    outbox, now = queue(police), police.clock.now
    assert states(police) == [(event_id, "sending", (COUNCIL,))]
    id_ = f"outbox-{event_id}"
    planned = outbox.plan([id_], now, accepted_events=False)
    assert [one.outcome for one in planned] == ["stays"]
    assert outbox.discard(planned, WHO, now) == planned
    (tried,) = outbox.retry([id_], WHO, 0.0, now)
    assert (tried.outcome, tried.settled) == ("asked", True)
    with police.store.reading() as tx:
        assert asked_ms(tx) == now
        last = list(entries_of_log(tx))[-1].entry
    assert (last.kind, last.item, last.event_id) == ("retry", id_, event_id)
    assert last.acting_for == "duty.officer"


async def test_an_event_that_got_its_place_meanwhile_is_not_discarded(
    police: MemoryAgency,
) -> None:
    event_id = police.publish(police.event(CASE, to=(COUNCIL,)))
    outbox, now = queue(police), police.clock.now
    planned = outbox.plan([f"outbox-{event_id}"], now, accepted_events=False)
    await relay(police)
    assert [one.outcome for one in outbox.discard(planned, WHO, now)] == ["not_held"]
    assert police.log(police.world.topic("b")) != []


async def test_an_event_of_an_agreement_that_we_suspended_is_stopped(
    police: MemoryAgency,
) -> None:
    event_id = police.publish(police.event(CASE, to=(COUNCIL,)))
    entry = StandingEntry(
        contract=police.world.contract.name,
        versions=(police.world.signed.hash,),
        state="suspended",
        since=police.clock.now,
        reason="review",
    )
    manifests = police.world.reissue(POLICE, ManifestChanges(standing=(entry,)), police.clock.now)
    police.participant = replace(police.participant, manifests=manifests)
    assert [(one, state) for one, state, _ in states(police)] == [(event_id, "stopped")]
    planned = queue(police).plan([f"outbox-{event_id}"], police.clock.now, accepted_events=False)
    assert [one.outcome for one in planned] == ["discarded"]


async def test_a_copy_waits_for_its_agency_until_it_is_discarded(police: MemoryAgency) -> None:
    suspend(police)
    event_id = police.publish(police.event(CASE, to=(COUNCIL, SUPPORT)))
    await relay(police)
    assert states(police) == [(event_id, "later", (COUNCIL,))]
    outbox, now = queue(police), police.clock.now
    (copy,) = outbox.items(10, now)
    (tried,) = outbox.retry([copy.id], WHO, 0.0, now)
    assert (tried.outcome, tried.settled) == ("waits", False)
    planned = outbox.plan([copy.id], now, accepted_events=False)
    assert [one.outcome for one in outbox.discard(planned, WHO, now)] == ["discarded"]
    assert states(police) == []
    with police.store.reading() as tx:
        last = list(entries_of_log(tx))[-1].entry
    assert (last.kind, last.reason, last.recipients) == ("refusal", "copy_cancelled", (COUNCIL,))
    assert last.acting_for == "duty.officer"
    assert [one.outcome for one in outbox.retry([copy.id], WHO, 0.0, now)] == ["not_held"]
