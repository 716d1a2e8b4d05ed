"""Inbox of an agency for a person: partners' records and events until its own system has them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import ClassVar

from broker.audit.entries import NewLogEntry
from broker.held.retrying import Retried, ask_to_try
from broker.observing.metrics import HeldKind
from broker.operations.queues.event_queue import EventQueue
from broker.operations.queues.items import (
    STATES,
    TO_OWN_SYSTEM_STAYS,
    QueueItem,
    QueueState,
)
from broker.store.queued_events import IncomingRow
from broker.store.transaction import Transaction

_EVENT = re.compile(r"event-([1-9][0-9]{0,17})")


class InboxQueue(EventQueue):
    """Records that were refused or cannot be judged, and events that the own system lacks."""

    name: ClassVar[str] = "inbox"
    other: ClassVar[str] = "outbox"
    ids: ClassVar[re.Pattern[str]] = re.compile(
        rf"(?:[1-9][0-9]{{0,17}}|{_EVENT.pattern}|(?:unconfirmed|deferred|stopped)-\S+)"
    )
    kinds: ClassVar[frozenset[HeldKind]] = frozenset(
        {"record", "unconfirmed", "deferred", "stopped", "event"}
    )

    def _waiting(self, tx: Transaction, limit: int, now: int) -> list[QueueItem]:
        return [_event(row) for row in tx.queued.incoming(limit) if row.held_code is None]

    def _waiting_one(self, tx: Transaction, id_: str, now: int) -> QueueItem | None:
        row = _incoming(tx, id_)
        return None if row is None or row.held_code is not None else _event(row)

    def _retry_waiting(self, tx: Transaction, id_: str, now: int) -> Retried | None:
        row = _incoming(tx, id_)
        if row is None or row.held_code is not None:
            return None
        if row.behind or row.offered_ms is not None:
            return Retried(id_, "waits")
        failed = tx.attempts.of_event(row.seq)
        if failed is not None:
            tx.attempts.keep(replace(failed, next_ms=now))
        ask_to_try(tx, now)
        return Retried(id_, "asked")

    def _discard_waiting(
        self, tx: Transaction, id_: str, secret: bytes, now: int
    ) -> list[NewLogEntry]:
        return []  # an accepted event that the own system has not refused always stays


def _incoming(tx: Transaction, id_: str) -> IncomingRow | None:
    named = _EVENT.fullmatch(id_)
    return None if named is None else tx.queued.incoming_of(int(named[1]))


def _event(row: IncomingRow) -> QueueItem:
    state: QueueState = "waiting"
    if row.behind:
        state = "behind"
    elif row.offered_ms is not None:
        state = "offered"
    elif row.tries:
        state = "trying"
    return QueueItem(
        f"event-{row.seq}",
        "event",
        state,
        row.received_ms,
        (row.source,),
        row.type,
        row.attempt_code or "",
        STATES[state].means,
        row.event_id,
        next_ms=row.next_ms,
        stays=STATES[state].stays or TO_OWN_SYSTEM_STAYS,
    )
