"""Parts and copies of an event: each record has an id in the clear of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker import pseudonyms
from broker.audit.evidence_lookup import locate
from broker.envelope.layout import SealedEvent, parse_value
from broker.envelope.sealing import SealingInput
from broker.event import uuid_text
from broker.sending import sealing
from broker.store.rows import NewOutboxRow
from contracts.events import PlainEvent
from tests.support.founded_partnership import COUNCIL, POLICE, SUPPORT
from tests.support.memory_agency import MemoryAgency

BOTH = (COUNCIL, SUPPORT)


def to(event: PlainEvent, *agencies: str) -> PlainEvent:
    return PlainEvent(event.type, agencies, event.data)


async def send(
    police: MemoryAgency, event: PlainEvent, *agencies: str, copy_of: str | None = None
) -> tuple[str, str]:
    """Seal and send a record of an event of both. Return the event's id and that in the clear."""
    sealer, now = police.sealer(), police.clock.now
    if copy_of is None:
        others = [agency for agency in BOTH if agency not in agencies]
        one = sealer.prepare(to(event, *BOTH), now, behind=others)
    else:
        one = sealer.prepare_copy(to(event, *agencies), now, copy_of, BOTH)
    ((value,),) = sealer.seal_prepared([one])
    clear = one.drafts[0].clear_text
    row = NewOutboxRow(one.event_id, one.topic, one.partition, value)
    with police.store.transaction() as tx:
        tx.outbox.add_many([row if copy_of is None else replace(row, clear_id=clear)], 1)
    if police.relay._token is None:
        police.relay.take_lock("test")
    await police.relay.round()
    return one.event_id, clear


async def original_and_copy(police: MemoryAgency, *sealed_to: str) -> tuple[str, str]:
    """An event of both that was sealed to these, and its copy to the council."""
    event = police.event(to=BOTH)
    event_id, _ = await send(police, event, *sealed_to)
    return await send(police, event, COUNCIL, copy_of=event_id)


async def test_a_copy_is_opened_as_its_event(police: MemoryAgency, council: MemoryAgency) -> None:
    event_id = "2bcd261d-54b7-8a19-8019-996f90793065"
    _, clear = await send(police, police.event(to=BOTH), COUNCIL, copy_of=event_id)
    (opened,) = council.take(police.log()).opened
    assert (opened.id, opened.clear_id, opened.to) == (event_id, clear, (COUNCIL,))
    assert council.inbox() == [event_id]


async def test_an_event_in_two_records_is_handed_over_once(
    police: MemoryAgency, council: MemoryAgency
) -> None:
    event_id, _ = await original_and_copy(police, *BOTH)
    batch = council.take(police.log())
    assert ([one.id for one in batch.opened], batch.repeats) == ([event_id], 1)
    assert council.inbox() == [event_id]


async def test_evidence_names_the_id_in_the_clear(
    police: MemoryAgency, council: MemoryAgency
) -> None:
    event_id, clear = await original_and_copy(police, SUPPORT)
    council.take(police.log())
    with council.store.reading() as tx:
        for asked in (event_id, clear):
            found = locate(tx, COUNCIL, [POLICE], asked)
            assert (found.event, found.index) == (clear, 1)
    with police.store.reading() as tx:
        assert locate(tx, POLICE, [], clear).event == clear
        assert locate(tx, POLICE, [], event_id).event == event_id


async def test_a_copy_is_well_formed_for_the_relay(police: MemoryAgency) -> None:
    await original_and_copy(police, SUPPORT)
    with police.store.reading() as tx:
        assert tx.outbox.held_count() == (0, None)
        assert tx.outbox.counts().sent == 2


def clear_bytes(value: bytes) -> tuple[SealedEvent, set[bytes]]:
    """A value, and every part of it that the host can compare with another record."""
    sealed = parse_value(value)
    parts = {sealed.id, sealed.time.to_bytes(8, "big")}
    for group in sealed.groups:
        parts |= {group.commitment, group.ciphertext}
    for entry in sealed.recipients:
        parts |= {entry.wrap, entry.key_list}
    return sealed, parts


def test_a_copy_cannot_be_tied_to_its_event_by_the_host(police: MemoryAgency) -> None:
    """Test 22: all clear bytes of both records differ, except the hash of their contract.

    Every event of this contract has this hash. The id in the clear follows from a secret.
    """
    event, sealer = police.event(to=BOTH), police.sealer()
    kept = sealer.prepare(event, police.clock.now, b"row 1", behind=[COUNCIL])
    ((original,),) = sealer.seal_prepared([kept])
    later = police.clock.now + 3_600_000
    copied = sealer.prepare_copy(to(event, COUNCIL), later, kept.event_id, BOTH)
    ((value,),) = sealer.seal_prepared([copied])
    first, mine = clear_bytes(original)
    second, other = clear_bytes(value)
    assert mine.isdisjoint(other)
    assert first.contract == second.contract
    ids = {uuid_text(first.id), uuid_text(second.id)}
    assert ids == {kept.event_id, pseudonyms.clear_id(police.secret, kept.event_id, COUNCIL)}
    guessed = pseudonyms.clear_id(bytes(32), kept.event_id, COUNCIL)
    assert guessed not in ids


async def test_an_event_of_many_agencies_is_sealed_in_parts(
    police: MemoryAgency,
    council: MemoryAgency,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each part has an id in the clear of its own; the first agency decides it."""
    monkeypatch.setattr(sealing, "MAX_RECIPIENTS", 1)
    police.relay.take_lock("test")
    event_id = police.publish(police.event(to=(SUPPORT, COUNCIL)))
    await police.relay.round()
    assert event_id is not None
    assert [uuid_text(parse_value(one.value or b"").id) for one in police.log()] == [
        pseudonyms.clear_id(police.secret, event_id, agency) for agency in BOTH
    ]
    batch = council.take(police.log())
    assert [one.id for one in batch.opened] == [event_id]
    assert batch.opened[0].to == (COUNCIL,)


def test_sealing_a_part_again_gives_the_same_id(police: MemoryAgency) -> None:
    def drafted() -> SealingInput:
        event_id = "2bcd261d-54b7-8a19-8019-996f90793065"
        event = to(police.event(to=BOTH), COUNCIL)
        one = police.sealer().prepare_copy(event, police.clock.now, event_id, BOTH)
        return one.drafts[0]

    assert drafted().clear_id == drafted().clear_id
