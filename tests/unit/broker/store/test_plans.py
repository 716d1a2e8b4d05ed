"""Cost per event stays flat: no statement of the durable path reads a table from end to end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, event

from broker.record import KafkaPartition, Record
from broker.store.database import Store
from broker.store.desk_rows import (
    DeskReferralRow,
    NewDeskEventRow,
    ReferralFilter,
    ReferralSelection,
)
from broker.store.reader_rows import StateChange
from broker.store.rows import (
    AttemptsRow,
    DisclosureRow,
    GenerationRow,
    NewInboxRow,
    NewOutboxRow,
    ReferralRow,
)
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import GenerationPlace, Place

GENERATION = GenerationPlace("csu", "t", 0, "g")
_CHANGE = StateChange(b"s", 1, 1, [("g", 1)], [("g", 2, 3, b"b")])


def _listed(
    selection: ReferralSelection, *, counterparty: str | None = None, service: str | None = None
) -> ReferralFilter:
    return ReferralFilter("fulfiller", selection, 1, 2, counterparty, service)


OPERATIONS: dict[str, Callable[[Transaction], object]] = {
    "outbox add": lambda tx: tx.outbox.add_many([NewOutboxRow("id", "t", 0, b"v", False)], 1)[0],
    "outbox pending": lambda tx: tx.outbox.pending(512),
    "outbox pending of others": lambda tx: tx.outbox.pending(512, {"u"}),
    "outbox index": lambda tx: tx.outbox.index([(1, "g", 0, b"l", b"p")]),
    "outbox unsent": lambda tx: tx.outbox.unsent(),
    "outbox unsent streams": lambda tx: tx.outbox.unsent_streams(),
    "outbox mark": lambda tx: tx.outbox.mark_sent([(1, 1, 1)]),
    "outbox archived": lambda tx: tx.outbox.archived(GenerationPlace("us", "t", 0, "g"), 0, 9),
    "outbox forget": lambda tx: tx.outbox.forget_content(0),
    "outbox waiting since": lambda tx: tx.outbox.waiting_since(1),
    "outbox counts": lambda tx: tx.outbox.counts(),
    "outbox queue": lambda tx: tx.queued.outgoing(9),
    "inbox queue": lambda tx: tx.queued.incoming(9),
    "inbox queue of an event": lambda tx: tx.queued.incoming_of(1),
    "flow sent": lambda tx: tx.flow.sent(1, 1, 9),
    "flow sent by partner": lambda tx: tx.flow.sent_to(1),
    "flow waiting by partner": lambda tx: tx.flow.waiting_for(),
    "flow received": lambda tx: tx.flow.received(1, 9),
    "flow received by partner": lambda tx: tx.flow.received_from(1),
    "flow undelivered by partner": lambda tx: tx.flow.undelivered_of(),
    "flow held": lambda tx: tx.flow.held(1, 1, 9),
    "flow refusals": lambda tx: tx.flow.refusals(1, 9),
    "flow first undelivered": lambda tx: tx.flow.first_undelivered(),
    "lease check": lambda tx: tx.lease.check("relay", 1),
    "stream": lambda tx: tx.streams.current(KafkaPartition("t", 0)),
    "stream with records": lambda tx: tx.streams.last_with_records(KafkaPartition("t", 0)),
    "state": lambda tx: tx.reader.state(Place("csu", "t", 0)),
    "save state": lambda tx: tx.reader.save_state(Place("csu", "t", 0), _CHANGE, 1),
    "state version": lambda tx: tx.reader.state_version(Place("csu", "t", 0)),
    "state head": lambda tx: tx.reader.state_head(Place("csu", "t", 0)),
    "state size": lambda tx: tx.reader.state_size("csu"),
    "places": lambda tx: tx.reader.places_of("csu"),
    "gap ranges": lambda tx: tx.reader.gap_ranges("csu", None, 9),
    "add leaves": lambda tx: tx.reader_logs.save_leaves(GENERATION, [(5, b"l", "stored")]),
    "leaf": lambda tx: tx.reader_logs.leaf(GENERATION, 1),
    "leaves": lambda tx: tx.reader_logs.leaves(GENERATION, 1, 2),
    "without content": lambda tx: tx.reader_logs.without_content(),
    "missing content": lambda tx: tx.reader_logs.missing_content(GENERATION, 0, 9),
    "set status": lambda tx: tx.reader_logs.set_status(GENERATION, 0, "stored"),
    "save checkpoint": lambda tx: tx.reader_logs.save_checkpoints(
        GENERATION, [(9, b"r", 1, 1, b"")]
    ),
    "checkpoint at": lambda tx: tx.reader_logs.checkpoint_at(GENERATION, 8),
    "checkpoint above": lambda tx: tx.reader_logs.checkpoint_above(GENERATION, 1),
    "checkpoint below": lambda tx: tx.reader_logs.checkpoint_below(GENERATION, 99),
    "position": lambda tx: tx.reader.save_position(KafkaPartition("t", 0), 5),
    "deferred": lambda tx: tx.reader.deferred(KafkaPartition("t", 0)),
    "inbox find": lambda tx: tx.inbox.find("csu", "id"),
    "inbox undelivered": lambda tx: tx.inbox.undelivered(100),
    "inbox delivered": lambda tx: tx.inbox.mark_delivered(1, 1, None),
    "attempts due": lambda tx: tx.attempts.due(9, 1, 1),
    "attempts of an event": lambda tx: tx.attempts.of_event(1),
    "attempts keep": lambda tx: tx.attempts.keep(AttemptsRow(1, 1, 1, 1, "c")),
    "attempts end": lambda tx: tx.attempts.end(1),
    "inbox counts": lambda tx: tx.inbox.counts(),
    "inbox hold": lambda tx: tx.inbox.hold(1, "c", None, "d", 1),
    "inbox held": lambda tx: tx.inbox.held(9),
    "inbox release": lambda tx: tx.inbox.release(1),
    "inbox release cases": lambda tx: tx.inbox.release_cases(),
    "inbox counts with one held": lambda tx: (
        tx.inbox.hold(1, "c", None, "d", 1),
        tx.inbox.counts(),
    ),
    "quarantine count": lambda tx: tx.quarantine.count("csu"),
    "quarantine size": lambda tx: tx.quarantine.size_of("csu"),
    "quarantine sizes": lambda tx: tx.quarantine.sizes(),
    "quarantine end": lambda tx: tx.quarantine.end(1, "discarded", 2),
    "inbox discard": lambda tx: tx.inbox.discard(1, 2),
    "inbox discarded": lambda tx: tx.inbox.discarded(9),
    "quarantine held": lambda tx: tx.quarantine.held(),
    "quarantine get": lambda tx: tx.quarantine.get(1),
    "unauthenticated": lambda tx: tx.quarantine.add_unauthenticated(
        Record("t", 0, (), b"v", 1), b"h", "c", 1
    ),
    "item": lambda tx: tx.items.find(b"key"),
    "case": lambda tx: tx.links.case_for("own"),
    "own": lambda tx: tx.links.own_for("shared"),
    "referral": lambda tx: tx.referrals.get("r"),
    "referrals of a case": lambda tx: tx.referrals.for_case("c"),
    "referrals overdue": lambda tx: tx.referrals.overdue(1),
    "receipt": lambda tx: tx.receipts.best("o", "cps"),
    "receipts covering": lambda tx: tx.receipts.covering("o", 1, b"r"),
    "kept size": lambda tx: tx.heartbeats.newest_size(GENERATION, b"k"),
    "keep heartbeat": lambda tx: tx.heartbeats.keep("csu", 2, b"n", b"k", [(GENERATION, 5)]),
    "kept covering": lambda tx: tx.heartbeats.covering(GENERATION, 1),
    "kept dropped": lambda tx: tx.heartbeats.drop_heads(GENERATION, b"k", 0),
    "own leaves": lambda tx: tx.outbox.leaves(GenerationPlace("us", "t", 0, "g"), 0, 9),
    "list open": lambda tx: tx.referral_lists.page(_listed("open"), 25, 50),
    "list overdue": lambda tx: tx.referral_lists.page(_listed("overdue"), 25, 0),
    "list today": lambda tx: tx.referral_lists.page(_listed("today", service="s"), 25, 0),
    "list closed": lambda tx: tx.referral_lists.page(_listed("closed", counterparty="a"), 25, 0),
    "list critical": lambda tx: tx.referral_lists.page(_listed("critical"), 25, 0),
    "list counts": lambda tx: tx.referral_lists.counts(_listed("open")),
    "desk event": lambda tx: tx.desk_events.add(
        NewDeskEventRow("csu", "id", "t", b"c" * 32, "r", True, 1, 2, b"v")
    ),
    "desk referral": lambda tx: tx.desk_events.add_referral(
        DeskReferralRow("r/csu", b"c" * 32, "s", "u", False)
    ),
    "desk find": lambda tx: tx.desk_events.find("csu", "id"),
    "desk case": lambda tx: tx.desk_events.of_case(b"c" * 32),
    "desk unconfirmed": lambda tx: tx.desk_events.unconfirmed(9),
    "desk confirm": lambda tx: tx.desk_events.confirm("csu", "id", 1),
    "desk expired": lambda tx: tx.desk_events.forget_expired(1),
    "desk forget": lambda tx: tx.desk_events.forget_case(b"c" * 32),
    "drafts": lambda tx: tx.drafts.of_owner("o", 9),
    "draft change": lambda tx: tx.drafts.change("d", 1, b"v", 2),
    "drafts old": lambda tx: tx.drafts.forget_unchanged_since(1),
    "drafts of a case": lambda tx: tx.drafts.forget_case(b"c" * 32),
    "referrals open by partner": lambda tx: tx.referrals.open_counts(),
    "referrals closed by status": lambda tx: tx.referrals.closed_with_status(["revoked"]),
    "disclosures of a page": lambda tx: tx.disclosures.at([0, 7]),
    "disclosure checkpoints from a size": lambda tx: tx.disclosures.checkpoints(3),
    "disclosures size": lambda tx: tx.disclosures.size(),
    "disclosures of a case": lambda tx: tx.disclosures.by_case(b"c" * 32),
    "disclosures page": lambda tx: tx.disclosures.read(5, 10),
    "disclosures checkpoint": lambda tx: tx.disclosures.last_checkpoint(),
}

OF_THE_TRANSACTION = ("PRAGMA", "BEGIN", "SELECT set_config", "SELECT number::")
SORTED = {
    "deferred", "drafts", "list critical", "referrals of a case",
    "flow held", "flow sent",
}  # fmt: skip
"""These sort a handful of rows that an index found."""


@pytest.fixture
def filled(store: Store) -> Store:
    with store.transaction() as tx:
        tx.lease.acquire("relay", "h", 1)
        tx.outbox.add_many([NewOutboxRow("id", "t", 0, b"v", False)], 1)
        tx.streams.save(GenerationRow("t", 0, "g", "", 0, b"", b"", 0, b"", b"", 0, 0, False))
        tx.reader.save_state(Place("csu", "t", 0), _CHANGE, 0)
        tx.reader_logs.save_leaves(GENERATION, [(0, b"l", "stored")])
        tx.reader_logs.save_checkpoints(GENERATION, [(8, b"r", 1, 0, b"")])
        tx.inbox.add(NewInboxRow("csu", "id", "a", 1, "t", 0, "g", 0, b"p", b"", b"c" * 32))
        tx.heartbeats.keep("csu", 1, b"n", b"k", [(GENERATION, 1)])
        for closed in (False, True):
            name = f"{closed}/a"
            tx.referrals.save(
                ReferralRow(
                    name, "c", "fulfiller", "a", "s", None, 1, 1, 1, 1, 1, closed, "a", "id"
                )
            )
            tx.desk_events.add_referral(DeskReferralRow(name, b"c" * 32, "s", "u", critical=True))
        tx.disclosures.append([DisclosureRow(0, 1, "disclosure", b"c" * 32, b"", b"", b"")])
    return store


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_finds_its_rows_by_an_index(filled: Store, name: str) -> None:
    statements: list[tuple[str, object]] = []

    def note(_connection, _cursor, statement, parameters, _context, many):  # type: ignore[no-untyped-def]  # SQLAlchemy's hook
        if not statement.startswith(OF_THE_TRANSACTION):
            statements.append((statement, parameters[0] if many else parameters))

    event.listen(filled._engine, "before_cursor_execute", note)
    with filled.transaction() as tx:
        OPERATIONS[name](tx)
    event.remove(filled._engine, "before_cursor_execute", note)
    assert statements
    check = _check_sqlite if filled._engine.dialect.name == "sqlite" else _check_postgres
    with filled._engine.connect() as connection:
        for statement, parameters in statements:
            check(connection, name, statement, parameters)


def _check_sqlite(connection: Connection, name: str, statement: str, parameters: Any) -> None:
    for *_, step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters):
        whole = step.startswith("SCAN") and "USING" not in step and "CONSTANT" not in step
        assert not whole, (step, statement)
        assert name in SORTED or "TEMP B-TREE FOR ORDER BY" not in step, (step, statement)


def _check_postgres(connection: Connection, name: str, statement: str, parameters: Any) -> None:
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # the tables have few rows
    for (step,) in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters):
        assert "Seq Scan on" not in step, (step, statement)
