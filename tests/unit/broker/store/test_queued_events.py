"""Events on their way and the flow of events, on both databases."""

from __future__ import annotations

import pytest

from broker.store.database import Store
from broker.store.rows import AttemptsRow, NewInboxRow, NewOutboxRow, NewRecipientRow

POLICE, COUNCIL = "csu-camden", "council-camden"
SENT, PLACED, WAITS, AGAIN = "sent", "placed", "waits", "again"


@pytest.fixture
def going_out(store: Store) -> Store:
    """One event in each state of the outbox, each for one recipient."""
    with store.transaction() as tx:
        rows = [NewOutboxRow(one, "a", 0, b"v") for one in (SENT, PLACED, WAITS, AGAIN)]
        sent, placed, waits, again = seqs = tx.outbox.add_many(rows, 1000)
        tx.outbox.index([(sent, "g", 0, b"l", b"p"), (placed, "g", 1, b"l", b"p")])
        tx.outbox.mark_sent([(sent, 0, 2000)])
        tx.outbox.hold(again, "value_malformed", 3000)
        names = (SENT, PLACED, WAITS, AGAIN)
        tx.recipients.add_many(
            [
                NewRecipientRow(name, COUNCIL, None, seq, None)
                for name, seq in zip(names, seqs, strict=True)
            ],
            1000,
        )
        assert waits
    return store


def received(number: int, at_ms: int, case: bytes = b"") -> NewInboxRow:
    return NewInboxRow(
        POLICE, f"e{number}", "case.updated", at_ms, "a", 0, "g", number, b"content", b"",
        (case or bytes([number])) * 32,
    )  # fmt: skip


def test_each_record_that_is_not_on_kafka_is_listed_with_its_state(going_out: Store) -> None:
    with going_out.reading() as tx:
        rows = tx.queued.outgoing(9)
        one = tx.queued.outgoing_of(PLACED)
        newest = tx.queued.outgoing(1)
    assert [(row.event_id, row.placed, row.held_code) for row in rows] == [
        (PLACED, True, None),
        (WAITS, False, None),
        (AGAIN, False, "value_malformed"),
    ]
    assert ([row.event_id for row in one], [row.event_id for row in newest]) == ([PLACED], [PLACED])


def test_records_for_each_partner_are_counted(going_out: Store) -> None:
    with going_out.reading() as tx:
        waiting, sent = tx.flow.waiting_for(), tx.flow.sent_to(2000)
        later = tx.flow.sent_to(2001)
    assert [(one.agency, one.count, one.time_ms) for one in waiting] == [(COUNCIL, 2, 1000)]
    assert [(one.agency, one.count, one.time_ms) for one in sent] == [(COUNCIL, 1, 2000)]
    assert later == []


def test_each_event_that_is_not_delivered_is_listed_with_its_state(store: Store) -> None:
    with store.transaction() as tx:
        delivered, held, behind, tried, offered = (
            tx.inbox.add(received(number, 1000 + number, case))
            for number, case in enumerate((b"a", b"b", b"b", b"c", b"d"))
        )
        tx.inbox.mark_delivered(delivered, 5000, None)
        tx.inbox.hold(held, "unknown_value", "status", "no code", 6000)
        tx.attempts.keep(AttemptsRow(tried, 2, 1, 9000, "webhook_unreachable"))
        tx.offers.add_many([offered], 7000)
    with store.reading() as tx:
        rows = {row.seq: row for row in tx.queued.incoming(9)}
        assert tx.queued.incoming_of(delivered) is None
        assert tx.queued.incoming_of(tried) == rows[tried]
    assert list(rows) == [held, behind, tried, offered]
    assert (rows[held].held_code, rows[held].behind) == ("unknown_value", False)
    assert rows[behind].behind
    assert (rows[tried].tries, rows[tried].next_ms) == (2, 9000)
    assert (rows[tried].behind, rows[offered].offered_ms) == (False, 7000)


def test_events_since_a_time_are_found_by_halves(store: Store) -> None:
    with store.transaction() as tx:
        for number in range(20):
            tx.inbox.add(received(number, 1000 + 10 * number))
    with store.reading() as tx:
        for since in (0, 1000, 1001, 1095, 1190, 1191):
            expected = [number for number in range(20) if 1000 + 10 * number >= since]
            found = tx.flow.received(tx.flow.received_before(since), 99)
            assert [row.time_ms for row in found] == [1000 + 10 * number for number in expected]
            counted = sum(one.count for one in tx.flow.received_from(since))
            assert counted == len(expected)


def test_an_empty_state_has_no_flow(store: Store) -> None:
    with store.reading() as tx:
        assert (tx.flow.last_received(), tx.flow.last_logged()) == (0, -1)
        assert tx.flow.first_undelivered() == 1
        assert tx.flow.received_before(5) == 0
        assert tx.flow.refusals(-1, 9) == []
