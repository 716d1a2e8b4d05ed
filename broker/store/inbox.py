"""Inbox: opened events, once each, until the agency's system has taken them.

(source, id) is unique, so each event takes effect once. The payload is personal data and is cleared
after delivery, or after the days for which `[api] keep_days` keeps it. The digests that recognise a
repeat stay.

An event that the agency's system does not take is held: it stays in the inbox with its payload and
the reason, and later events of its case wait behind it. It is written nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, exists, func, insert, select, update

from broker.store import schema
from broker.store.area import Area
from broker.store.results import Results
from broker.store.rows import DiscardedEventRow, HeldEventRow, InboxCounts, InboxRow, NewInboxRow

_t = schema.inbox
_COLUMNS = (
    _t.c.seq,
    _t.c.source,
    _t.c.event_id,
    _t.c.type,
    _t.c.received_ms,
    _t.c.topic,
    _t.c.partition,
    _t.c.generation,
    _t.c.idx,
    _t.c.payload,
    _t.c.digests,
    _t.c.case_key,
    (_t.c.priority == 0).label("urgent"),
    _t.c.delivered_ms,
    _t.c.sink_reference,
    _t.c.clear_id,
)
_UNDELIVERED = _t.c.delivered_ms.is_(None)
_ADD = insert(_t)
_FIND = select(*_COLUMNS).where(
    _t.c.source == bindparam("source_"), _t.c.event_id == bindparam("event_id_")
)
_FIND_RECORD = select(*_COLUMNS).where(
    _t.c.source == bindparam("source_"), _t.c.clear_id == bindparam("clear_id_")
)
_GET = select(*_COLUMNS).where(_t.c.seq == bindparam("seq_"))
_HELD = _t.c.held_code.is_not(None)
_h = _t.alias("held")
_BEHIND = exists().where(
    _h.c.held_code.is_not(None),
    _h.c.holds_case,
    _h.c.case_key == _t.c.case_key,
    _h.c.seq < _t.c.seq,
    _h.c.priority <= _t.c.priority,
)
"""Condition for a row that waits for an earlier held one of its case.

An urgent row waits only for urgent ones.
"""
NEXT = (
    select(*_COLUMNS)
    .where(_UNDELIVERED, ~_HELD, ~_BEHIND)
    .order_by(_t.c.priority, _t.c.seq)
    .limit(bindparam("limit_"))
)
"""Events to deliver next: urgent ones first, then by sequence; see `Inbox.undelivered`."""
_SINCE = (
    select(*_COLUMNS)
    .where(_t.c.source == bindparam("source_"), _t.c.received_ms >= bindparam("since_"))
    .order_by(_t.c.seq)
)
_DELIVERED = (
    update(_t)
    .where(_t.c.seq == bindparam("seq_"))
    .values(
        payload=None,
        delivered_ms=bindparam("now_"),
        sink_reference=bindparam("reference_"),
        held_code=None,
        held_field=None,
        held_detail=None,
    )
)
_KEPT = (
    update(_t)
    .where(_t.c.seq == bindparam("seq_"))
    .values(
        delivered_ms=bindparam("now_"),
        sink_reference=bindparam("reference_"),
        held_code=None,
        held_field=None,
        held_detail=None,
    )
)
_CLEAR_DELIVERED = (
    update(_t)
    .where(_t.c.delivered_ms <= bindparam("before_"), _t.c.payload.is_not(None))
    .values(payload=None)
)
_OF_CASE = (_t.c.case_key == bindparam("case_")) & _t.c.payload.is_not(None)
_FORGET_CASE = (
    update(_t)
    .where(_OF_CASE, _t.c.delivered_ms.is_not(None) | _HELD)
    .values(
        payload=None,
        delivered_ms=func.coalesce(_t.c.delivered_ms, bindparam("now_")),
        held_code=None,
        held_field=None,
        held_detail=None,
    )
)
_HELD_OF_CASE = select(_t.c.seq).where(_OF_CASE, _UNDELIVERED, _HELD).order_by(_t.c.seq)
_COUNT_OF_CASE = select(func.count()).select_from(_t).where(_OF_CASE, _UNDELIVERED)
_HOLD = (
    update(_t)
    .where(_t.c.seq == bindparam("seq_"), _UNDELIVERED)
    .values(
        held_code=bindparam("code_"),
        held_field=bindparam("field_"),
        held_detail=bindparam("detail_"),
        held_ms=func.coalesce(_t.c.held_ms, bindparam("now_")),
        holds_case=bindparam("holds_case_"),
        tries=_t.c.tries + 1,
    )
)
_RELEASED = update(_t).where(_HELD).values(held_code=None, held_field=None, held_detail=None)
_RELEASE = _RELEASED.where(_t.c.seq == bindparam("seq_"))
_RELEASE_CASES = _RELEASED.where(_t.c.holds_case)
_SELECT_HELD = (
    select(
        _t.c.seq,
        _t.c.source,
        _t.c.event_id,
        _t.c.type,
        _t.c.received_ms,
        _t.c.held_code,
        _t.c.held_field,
        _t.c.held_detail,
        _t.c.held_ms,
        _t.c.tries,
    )
    .where(_HELD)
    .order_by(_t.c.seq)
    .limit(bindparam("limit_"))
)
_DISCARD = _RELEASE.values(
    payload=None,
    delivered_ms=bindparam("now_"),
    discarded_ms=bindparam("now_"),
    discarded_code=_t.c.held_code,
)
_SELECT_DISCARDED = (
    select(
        _t.c.seq,
        _t.c.source,
        _t.c.event_id,
        _t.c.type,
        _t.c.discarded_code,
        _t.c.discarded_ms,
    )
    .where(_t.c.discarded_ms.is_not(None))
    .order_by(_t.c.seq.desc())
    .limit(bindparam("limit_"))
)
_CODES_OF = select(_t.c.held_code, _t.c.discarded_code).where(_t.c.seq == bindparam("seq_"))
_COUNT_DISCARDED = select(func.count()).select_from(_t).where(_t.c.discarded_ms.is_not(None))
_HELD_COUNTS = (
    select(_t.c.held_code, _t.c.source, func.count(), func.min(_t.c.held_ms))
    .where(_HELD)
    .group_by(_t.c.held_code, _t.c.source)
    .order_by(_t.c.held_code, _t.c.source)
)
_COUNT_HELD = select(func.count(), func.min(_t.c.held_ms)).select_from(_t).where(_HELD)
_COUNT_BEHIND = (
    select(func.count()).select_from(_t).where(_UNDELIVERED, _t.c.held_code.is_(None), _BEHIND)
)
_COUNT = select(func.count(), func.min(_t.c.seq)).select_from(_t).where(_UNDELIVERED)
_COUNT_WAITING = _COUNT.where(~_HELD, ~_BEHIND)
_LAST = select(func.max(_t.c.seq))
_RECEIVED = select(_t.c.received_ms).where(_t.c.seq == bindparam("seq_"))


class Inbox(Area):
    """Opened events on their way to the agency's system.

    Each method that decides what becomes of an event notes it for the next report to its sender.
    """

    __slots__ = ("_results",)

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._results = Results(connection)

    def find(self, source: str, event_id: str) -> InboxRow | None:
        return self._first(InboxRow, _FIND, {"source_": source, "event_id_": event_id})

    def find_record(self, source: str, record_id: str) -> InboxRow | None:
        """Return the event of that id, or the one whose record has that id in the clear."""
        asked = {"source_": source, "clear_id_": record_id}
        return self.find(source, record_id) or self._first(InboxRow, _FIND_RECORD, asked)

    def get(self, seq: int) -> InboxRow | None:
        return self._first(InboxRow, _GET, {"seq_": seq})

    def add(self, row: NewInboxRow) -> int:
        """Add an event. Returns its sequence number.

        Raises:
            StoreError: `store_conflict` for a known (source, id).
        """
        return self._add([row])

    def add_many(self, rows: Sequence[NewInboxRow]) -> None:
        """Add events in one statement. Raises the same errors as `add`."""
        if rows:
            self._add(rows)

    def _add(self, rows: Sequence[NewInboxRow]) -> int:
        """Add events. Returns the number of the last one."""
        # no transaction that was rolled back leaves a gap: see `counts`
        first: int = (self._connection.scalar(_LAST) or 0) + 1
        self._connection.execute(
            _ADD, [_parameters(row) | {"seq": seq} for seq, row in enumerate(rows, first)]
        )
        return first + len(rows) - 1

    def forget_case(self, case_key: bytes, now: int) -> int:
        """Clear the payloads of a case's delivered or held events. Returns how many."""
        for seq in self._connection.scalars(_HELD_OF_CASE, {"case_": case_key}).all():
            self._results.discarded(seq, now)
        asked = {"case_": case_key, "now_": now}
        return self._connection.execute(_FORGET_CASE, asked).rowcount

    def undelivered_of(self, case_key: bytes) -> int:
        """Return how many events of a case wait for the agency's system."""
        count: int = self._connection.execute(_COUNT_OF_CASE, {"case_": case_key}).scalar_one()
        return count

    def undelivered(self, limit: int) -> list[InboxRow]:
        """Return the next `limit` events to deliver: urgent ones first, then by sequence.

        Held events are left out, and so are later events of their cases, because a case keeps its
        order. An urgent event waits only for an urgent one.
        """
        return self._all(InboxRow, NEXT, {"limit_": limit})

    def received_since(self, source: str, since_ms: int) -> list[InboxRow]:
        """Return events of one sender since a time, delivered or not, by sequence."""
        return self._all(InboxRow, _SINCE, {"source_": source, "since_": since_ms})

    def mark_delivered(
        self,
        seq: int,
        now: int,
        sink_reference: str | None,
        *,
        keep: bool = False,
        told: bool = True,
    ) -> None:
        """Mark an event as delivered to the agency's system.

        Args:
            seq: sequence number of the event.
            now: milliseconds since the epoch.
            sink_reference: where the event is in the agency's system.
            keep: whether readers keep its payload; otherwise it is cleared.
            told: whether the next report tells its sender.
        """
        asked = {"seq_": seq, "now_": now, "reference_": sink_reference}
        self._connection.execute(_KEPT if keep else _DELIVERED, asked)
        if told:
            self._results.delivered(seq, now)

    def clear_delivered(self, before_ms: int) -> int:
        """Clear kept payloads of events delivered at or before a time. Returns how many."""
        return self._connection.execute(_CLEAR_DELIVERED, {"before_": before_ms}).rowcount

    def hold(
        self,
        seq: int,
        code: str,
        field: str | None,
        detail: str,
        now: int,
        *,
        holds_case: bool = True,
    ) -> None:
        """Hold an event that the agency's system does not take, until `release`.

        Args:
            seq: sequence number of the event.
            code: reason code.
            field: the field at fault, if there is one.
            detail: one sentence without personal values.
            now: milliseconds since the epoch.
            holds_case: whether later events of its case wait for it.
        """
        values = {"seq_": seq, "code_": code, "field_": field, "detail_": detail, "now_": now}
        held = self._connection.execute(_HOLD, values | {"holds_case_": holds_case})
        if held.rowcount:
            self._results.put_aside(seq, code, now)

    def held_or_discarded(self, seq: int) -> tuple[str | None, str | None]:
        """Return the code for which an event is held, and that for which it was discarded."""
        found = self._connection.execute(_CODES_OF, {"seq_": seq}).one()
        return found[0], found[1]

    def held(self, limit: int) -> list[HeldEventRow]:
        """Return the oldest `limit` held events, by sequence."""
        return self._all(HeldEventRow, _SELECT_HELD, {"limit_": limit})

    def held_counts(self) -> list[tuple[str, str, int, int]]:
        """Return code, sender, number and time of the oldest (ms) of the held events."""
        found = self._connection.execute(_HELD_COUNTS)
        return [(code, source, count, oldest_ms) for code, source, count, oldest_ms in found]

    def release(self, seq: int) -> bool:
        """Offer a held event to the agency's system again. Returns whether it was held."""
        return self._connection.execute(_RELEASE, {"seq_": seq}).rowcount == 1

    def discard(self, seq: int, now: int) -> bool:
        """Clear a held event and do not deliver it. Returns whether it was held."""
        done = self._connection.execute(_DISCARD, {"seq_": seq, "now_": now}).rowcount == 1
        if done:
            self._results.discarded(seq, now)
        return done

    def discarded(self, limit: int) -> list[DiscardedEventRow]:
        """Return the newest `limit` discarded events, by sequence."""
        found = self._connection.execute(_SELECT_DISCARDED, {"limit_": limit})
        rows = [DiscardedEventRow(*row) for row in found]
        rows.reverse()
        return rows

    def release_cases(self) -> int:
        """Offer again every held event that blocks its case. Returns how many."""
        return self._connection.execute(_RELEASE_CASES).rowcount

    def counts(self) -> InboxCounts:
        held, oldest_held = self._connection.execute(_COUNT_HELD).one()
        behind: int = (self._connection.scalar(_COUNT_BEHIND) or 0) if held else 0
        waiting, first = self._connection.execute(_COUNT_WAITING if held else _COUNT).one()
        total: int = self._connection.scalar(_LAST) or 0  # rows are never deleted
        oldest: int | None = (
            None if first is None else self._connection.scalar(_RECEIVED, {"seq_": first})
        )
        discarded: int = self._connection.scalar(_COUNT_DISCARDED) or 0
        delivered = total - waiting - held - behind - discarded
        return InboxCounts(waiting, delivered, oldest, held, behind, oldest_held, discarded)


def _parameters(row: NewInboxRow) -> dict[str, object]:
    return {
        "source": row.source,
        "event_id": row.event_id,
        "clear_id": row.clear_id,
        "type": row.type,
        "received_ms": row.received_ms,
        "topic": row.topic,
        "partition": row.partition,
        "generation": row.generation,
        "idx": row.index,
        "payload": row.payload,
        "digests": row.digests,
        "case_key": row.case_key,
        "priority": 0 if row.urgent else 1,
    }
