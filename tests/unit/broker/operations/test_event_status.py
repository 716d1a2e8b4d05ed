"""State of an own event at each recipient, from acceptance to what the recipient reports."""

from __future__ import annotations

from typing import get_args
from uuid import uuid4

import pytest

from broker.cli.event_status_text import _IN_WORDS, status_text
from broker.codes.meanings import CODES
from broker.operations.event_status import EventState, EventStatus, RecipientState, event_status
from broker.sending.copies import EXPIRED
from broker.store.rows import NewCopyRow, NewRecipientRow
from contracts.durations import DAY_MS
from tests.support.founded_partnership import COUNCIL, HOUR, NOW, POLICE
from tests.support.memory_agency import MemoryAgency
from tests.support.reporting_town import Town


@pytest.fixture
def town(police: MemoryAgency, council: MemoryAgency) -> Town:
    return Town(police, council)


def state(town: Town, event: str, now: int | None = None) -> RecipientState:
    police = town.police
    with police.store.reading() as tx:
        found = event_status(
            tx, police.world.deployment, police.agency, event, now or police.clock.now
        )
    assert found is not None
    (one,) = found.recipients
    assert one.agency == COUNCIL
    return one


async def test_an_event_has_one_state_at_each_station(town: Town) -> None:
    event = town.police.publish()
    assert event is not None
    assert (state(town, event).state, state(town, event).since_ms) == ("accepted", NOW)
    town.police.clock.pass_(1000)
    await town.police.relay.round()
    assert (state(town, event).state, state(town, event).since_ms) == ("on_kafka", NOW + 1000)
    await receipts(town)
    assert state(town, event).state == "stored"
    town.decide(event, "rejected_by_system")
    await town.tell()
    found = state(town, event)
    assert (found.state, found.code) == ("put_aside", "rejected_by_system")
    assert found.since_ms == town.council.clock.now
    town.decide(event)
    await town.tell()
    assert (state(town, event).state, state(town, event).code) == ("delivered", None)


async def test_an_agreement_without_reports_leaves_it_at_stored(town: Town) -> None:
    (event,) = await town.receive()
    with town.police.store.transaction() as tx:
        (row,) = tx.recipients.of_event(event)
        again = NewRecipientRow(event, COUNCIL, None, row.outbox_seq, None)
        tx.recipients.add_many([again], NOW)
    await receipts(town)
    assert state(town, event, NOW + 30 * DAY_MS).state == "stored"


async def test_no_answer_in_time_is_unknown(town: Town) -> None:
    (event,) = await town.receive()
    await receipts(town)
    assert state(town, event, NOW + DAY_MS - 1).state == "stored"
    found = state(town, event, NOW + DAY_MS)
    assert (found.state, found.code, found.since_ms) == ("unknown", None, NOW + DAY_MS)


async def test_a_receipt_over_another_root_is_not_ours(town: Town) -> None:
    (event,) = await town.receive()
    with town.police.store.transaction() as tx:
        row = tx.outbox.find(event)
        assert row is not None
        name = f"{town.police.world.deployment}/{POLICE}/{row.topic}/{row.partition}"
        origin = f"{name}/{row.generation}"
        tx.receipts.add(origin, 1, b"x" * 32, COUNCIL, NOW // 1000, b"text")
    assert state(town, event).state == "on_kafka"


def test_a_copy_is_later_and_then_refused_if_it_ends(town: Town) -> None:
    event = str(uuid4())
    copy = NewCopyRow(event, COUNCIL, bytes(32), "t", "suspended", b"sealed", NOW, NOW + HOUR)
    with town.police.store.transaction() as tx:
        tx.recipients.add_many([NewRecipientRow(event, COUNCIL, None, None, HOUR)], NOW)
        tx.copies.add_many([copy])
    found = state(town, event)
    assert (found.state, found.code, found.since_ms) == ("later", "suspended", NOW)
    with town.police.store.transaction() as tx:
        (waiting,) = tx.copies.waiting()
        tx.copies.end(waiting.seq, EXPIRED, NOW + 5)
    found = state(town, event)
    assert (found.state, found.code, found.since_ms) == ("refused", EXPIRED, NOW + 5)


def test_an_agency_that_has_left_never_gets_it(town: Town) -> None:
    event = str(uuid4())
    left = NewRecipientRow(event, COUNCIL, None, None, None, "refused", "contract_left", NOW)
    with town.police.store.transaction() as tx:
        tx.recipients.add_many([left], NOW)
    assert (state(town, event).state, state(town, event).code) == ("refused", "contract_left")


async def test_an_event_that_was_sealed_again_keeps_only_a_delivery(town: Town) -> None:
    first, second = await town.police.send(2)
    with town.police.store.transaction() as tx:
        tx.recipients.told(COUNCIL, first, "delivered", "", NOW, NOW)
        tx.recipients.told(COUNCIL, second, "refused", "event_invalid", NOW, NOW)
        for event in (first, second):
            (row,) = tx.recipients.of_event(event)
            again = NewRecipientRow(event, COUNCIL, None, row.outbox_seq, HOUR)
            tx.recipients.add_many([again], NOW)
    assert (state(town, first).state, state(town, second).state) == ("delivered", "on_kafka")


def test_an_unknown_id_has_no_status(town: Town) -> None:
    with town.police.store.reading() as tx:
        for event in (str(uuid4()), "no-id", ""):
            assert event_status(tx, "pan-london", POLICE, event, NOW) is None


def test_every_state_has_words() -> None:
    assert set(_IN_WORDS) == set(get_args(EventState))
    one = RecipientState(COUNCIL, "refused", "event_invalid", NOW)
    text = status_text(EventStatus("id", (one,)))
    assert "state refused" in text
    assert CODES["event_invalid"].means in text


async def receipts(town: Town) -> None:
    """The council takes what is on Kafka, and the police get its receipts."""
    town.take()
    await town.reader.notices.flush()
    town.hear()
