"""Referrals of others: which versions are taken, their clocks, and terms that withhold ids."""

from __future__ import annotations

from collections.abc import Callable

from broker.record import Record
from broker.referrals import key
from tests.support.forged_events import draft_event
from tests.support.founded_partnership import (
    CHANGED,
    COUNCIL,
    MADE,
    MINUTE,
    NOW,
    POLICE,
    SUPPORT,
)
from tests.support.memory_agency import MemoryAgency, at_offsets
from tests.support.sealed_referrals import value
from tests.support.sent_records import Log


async def _sent(member: MemoryAgency) -> list[Record]:
    member.relay.take_lock("test")
    await member.relay.round()
    return at_offsets(member.log())


def _stream(member: MemoryAgency):  # type: ignore[no-untyped-def]  # rows
    with member.store.reading() as tx:
        (head,) = tx.streams.heads()
    return head, head


async def test_a_change_of_status_is_taken_only_from_the_version_that_is_held(
    police: MemoryAgency, council: MemoryAgency
) -> None:
    made = police.event(MADE)
    referral, case = str(made.data["referral_id"]), str(made.data["case_id"])
    fields = {
        "referral_id": referral,
        "case_id": case,
        "previous_status": "requested",
        "status": "entered-in-error",
    }
    police.publish(made)
    (record,) = await _sent(police)
    council.take([record])
    log = Log(partition=record.partition)  # the police's own software would not seal these
    log.newest, log.last = _stream(police)
    changes = [
        draft_event(
            CHANGED, to=(COUNCIL,), without=("business_status", "reason"), **fields, version=v
        )
        for v in (3, 2, 2)
    ]
    records = at_offsets(log.send(*(c.value() for c in changes)), 1)
    batch = council.take(records)
    assert [(i, s, c) for _, i, s, c in batch.refused] == [
        (1, 11, "version_conflict"),
        (3, 11, "version_conflict"),
    ]
    assert [event.flat["version"] for event in batch.opened] == [2]
    with council.store.reading() as tx:
        held = tx.referrals.get(key(referral, POLICE))
    assert held is not None
    assert (held.status, held.version, held.closed) == ("entered-in-error", 2, True)


def test_a_change_of_an_unknown_referral_is_quarantined(council: MemoryAgency, log: Log) -> None:
    batch = council.take(at_offsets(log.send(draft_event(CHANGED, to=(COUNCIL,)).value())))
    assert [(s, c) for _, _, s, c in batch.refused] == [(11, "referral_unknown")]
    assert batch.opened == []


def test_the_clocks_of_a_referral_run_from_the_log_time(council: MemoryAgency, log: Log) -> None:
    council.clock.now = NOW + 30 * MINUTE
    made = draft_event(MADE, to=(COUNCIL,), urgency="routine")
    council.take(at_offsets(log.send(made.value())))
    with council.store.reading() as tx:
        held = tx.referrals.get(key(str(made.groups[0]["referral_id"]), POLICE))
    assert held is not None
    assert held.made_ms == NOW
    assert held.acknowledge_by_ms is not None
    assert held.acknowledge_by_ms > held.made_ms


def withheld(path: str) -> Callable[[str], str]:
    """Terms under which only support services read a field of referrals."""

    def terms(text: str) -> str:
        start = text.index("readers:", text.index(f"      {path}:", text.index("  referral.made:")))
        end = text.index("]", start) + 1
        return f"{text[:start]}readers: [support]{text[end:]}"

    return terms


def referral_under(member: MemoryAgency, path: str) -> list[Record]:
    signed = member.world.another_contract(terms=withheld(path))
    member.believe(member.world.book(COUNCIL, signed), member.world.manifests)
    return at_offsets(
        Log().send(draft_event(MADE, to=(COUNCIL, SUPPORT), signed=signed).value(), value())
    )


def test_a_referral_whose_id_is_withheld_is_an_event_and_no_referral(council: MemoryAgency) -> None:
    batch = council.take(referral_under(council, "referral_id"))
    assert (len(batch.opened), batch.refused) == (2, [])


def test_an_event_whose_case_is_withheld_is_refused_and_stops_nothing(
    council: MemoryAgency,
) -> None:
    batch = council.take(referral_under(council, "case_id"))
    assert [code for _, _, _, code in batch.refused] == ["event_invalid"]
    assert len(batch.opened) == 1
