"""Outbox of an agency for a person: own events until Kafka has them, and refused exports."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from broker.audit import recording
from broker.audit.entries import NewLogEntry
from broker.held.retrying import EVENT_ID, Retried, ask_to_try
from broker.observing.metrics import HeldKind
from broker.operations.queues.event_queue import EventQueue
from broker.operations.queues.items import STATES, QueueItem, QueueState
from broker.sending.copies import CANCELLED, cancel
from broker.sending.sealing_context import SealingContext
from broker.store.queued_events import OutgoingRow
from broker.store.rows import CopyRow
from broker.store.transaction import Transaction

_WITHDRAWN: Final = "event_discarded"
_COPY: Final = re.compile(r"copy-([1-9][0-9]{0,17})")


class OutboxQueue(EventQueue):
    """Own events that are not on Kafka yet, copies that wait, and exports that were refused."""

    name: ClassVar[str] = "outbox"
    other: ClassVar[str] = "inbox"
    ids: ClassVar[re.Pattern[str]] = re.compile(
        rf"(?:outbox-{EVENT_ID.pattern}|{_COPY.pattern}|(?:file|rows|row|entry)-\S+)"
    )
    kinds: ClassVar[frozenset[HeldKind]] = frozenset({"file", "rows", "row", "entry"})

    def _waiting(self, tx: Transaction, limit: int, now: int) -> list[QueueItem]:
        away = self._away(now)
        events: dict[str, list[OutgoingRow]] = {}
        for row in tx.queued.outgoing(limit):
            events.setdefault(row.event_id, []).append(row)
        found = [_event(tx, rows, away) for rows in events.values()]
        return found + [_copy(row) for row in tx.copies.waiting()]

    def _waiting_one(self, tx: Transaction, id_: str, now: int) -> QueueItem | None:
        copy = _copy_of(tx, id_)
        if copy is not None:
            return _copy(copy)
        rows = tx.queued.outgoing_of(id_.removeprefix("outbox-"))
        return _event(tx, rows, self._away(now)) if rows else None

    def _away(self, now: int) -> frozenset[str]:
        """Return topics of agreements in which this agency takes no part now."""
        who = self.participant
        return SealingContext(who.contracts, who.manifests).stopped_topics(who.agency, now)

    def _retry_waiting(self, tx: Transaction, id_: str, now: int) -> Retried | None:
        if _COPY.fullmatch(id_):
            return Retried(id_, "not_held" if _copy_of(tx, id_) is None else "waits")
        rows = tx.queued.outgoing_of(id_.removeprefix("outbox-"))
        if not rows or any(row.held_code is not None for row in rows):
            return None
        ask_to_try(tx, now)
        return Retried(id_, "asked")

    def _discard_waiting(
        self, tx: Transaction, id_: str, secret: bytes, now: int
    ) -> list[NewLogEntry]:
        copy = _copy_of(tx, id_)
        if copy is not None:
            return cancel(tx, secret, [copy], CANCELLED, now)
        event_id = id_.removeprefix("outbox-")
        rows = tx.queued.outgoing_of(event_id)
        if not rows or any(row.placed for row in rows):  # it got its place meanwhile
            return []
        for row in rows:
            tx.outbox.hold(row.seq, _WITHDRAWN, now)
        tx.items.reopen(event_id, _WITHDRAWN)
        tx.outbox.discard(event_id)
        return [recording.erased(_WITHDRAWN, len(rows), now, event_id=event_id)]


def _event(tx: Transaction, rows: list[OutgoingRow], away: frozenset[str]) -> QueueItem:
    """Return an event with all its records; the one that needs a person decides."""
    first = next((row for row in rows if row.held_code is not None), rows[0])
    state: QueueState = "waiting"
    if first.held_code is not None:
        state = "put_aside"
    elif any(row.placed for row in rows):
        state = "sending"
    elif first.topic in away:
        state = "stopped"
    recipients = tx.recipients.of_event(first.event_id)
    ours = {row.seq for row in rows}
    return QueueItem(
        f"outbox-{first.event_id}",
        "outbox",
        state,
        first.added_ms if first.held_ms is None else first.held_ms,
        tuple(one.agency for one in recipients if one.outbox_seq in ours),
        first.topic,
        first.held_code or "",
        STATES[state].means,
        first.event_id,
        count=len(rows),
        stays=STATES[state].stays,
    )


def _copy(row: CopyRow) -> QueueItem:
    return QueueItem(
        f"copy-{row.seq}",
        "copy",
        "later",
        row.added_ms,
        (row.agency,),
        row.type,
        row.reason,
        STATES["later"].means,
        row.event_id,
        next_ms=row.due_ms,
    )


def _copy_of(tx: Transaction, id_: str) -> CopyRow | None:
    return next((row for row in tx.copies.waiting() if f"copy-{row.seq}" == id_), None)
