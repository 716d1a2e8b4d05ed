"""Flow of events: numbers for each partner, and the events after a point, without their content."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, bindparam, func, select

from broker.store import schema
from broker.store.area import Area
from broker.store.queued_events import WAITING_SEQS

_o = schema.outbox
_r = schema.recipients
_i = schema.inbox
_d = schema.disclosures


def _after(time: ColumnElement[int | None], seq: ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition for rows after a time and, at that time, after a number."""
    later = time > bindparam("since_")
    return later | ((time == bindparam("since_")) & (seq > bindparam("after_")))


_TO_RECIPIENT = (_r.c.event_id == _o.c.event_id) & (_r.c.outbox_seq == _o.c.seq)
_SENT = _o.c.value.is_not(None) & _o.c.sent_ms.is_not(None) & (_o.c.sent_ms >= bindparam("since_"))
"""Condition that an index serves: content is kept for longer than the time that is asked for."""
_SENT_TO = (
    select(_r.c.agency, func.count(), func.max(_o.c.sent_ms))
    .join_from(_o, _r, _TO_RECIPIENT)
    .where(_SENT)
    .group_by(_r.c.agency)
)
_WAITING_FOR = (
    select(_r.c.agency, func.count(), func.min(_o.c.added_ms))
    .join_from(_o, _r, _TO_RECIPIENT)
    .where(_o.c.seq.in_(WAITING_SEQS))
    .group_by(_r.c.agency)
)
_RECEIVED_FROM = (
    select(_i.c.source, func.count(), func.max(_i.c.received_ms))
    .where(_i.c.seq >= bindparam("first_"), _i.c.received_ms >= bindparam("since_"))
    .group_by(_i.c.source)
)
_UNDELIVERED_OF = (
    select(_i.c.source, func.count(), func.min(_i.c.received_ms))
    .where(_i.c.delivered_ms.is_(None))
    .group_by(_i.c.source)
)
_FROM_SEQ = (
    select(_i.c.seq, _i.c.received_ms)
    .where(_i.c.seq >= bindparam("seq_"))
    .order_by(_i.c.seq)
    .limit(1)
)
_LAST_RECEIVED = select(func.max(_i.c.seq))
_LAST_LOGGED = select(func.max(_d.c.idx))
_FIRST_UNDELIVERED = select(func.min(_i.c.seq)).where(_i.c.delivered_ms.is_(None))
_SENT_EVENTS = (
    select(_o.c.seq, _o.c.sent_ms, _o.c.event_id, _o.c.topic)
    .where(_SENT, _after(_o.c.sent_ms, _o.c.seq))
    .order_by(_o.c.sent_ms, _o.c.seq)
    .limit(bindparam("limit_"))
)
_EVENT = (_i.c.seq, _i.c.event_id, _i.c.source, _i.c.type)
_RECEIVED_EVENTS = (
    select(*_EVENT, _i.c.received_ms, _i.c.held_code)
    .where(_i.c.seq > bindparam("after_"))
    .order_by(_i.c.seq)
    .limit(bindparam("limit_"))
)
_DELIVERED_EVENTS = (
    select(*_EVENT, _i.c.delivered_ms, _i.c.discarded_code)
    .where(_i.c.seq >= bindparam("first_"), _after(_i.c.delivered_ms, _i.c.seq))
    .order_by(_i.c.delivered_ms, _i.c.seq)
    .limit(bindparam("limit_"))
)
_HELD_EVENTS = (
    select(*_EVENT, _i.c.held_ms, _i.c.held_code)
    .where(_i.c.held_code.is_not(None), _after(_i.c.held_ms, _i.c.seq))
    .order_by(_i.c.held_ms, _i.c.seq)
    .limit(bindparam("limit_"))
)
_REFUSALS = (
    select(_d.c.idx, _d.c.entry)
    .where(_d.c.idx > bindparam("after_"), _d.c.kind == "refusal")
    .order_by(_d.c.idx)
    .limit(bindparam("limit_"))
)


@dataclass(frozen=True, slots=True)
class PartnerCount:
    """Number of events of one partner, and a time of one of them in ms: see the methods."""

    agency: str
    count: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class AcknowledgedRecord:
    """A record that Kafka acknowledged."""

    seq: int
    sent_ms: int
    event_id: str
    topic: str


@dataclass(frozen=True, slots=True)
class InboxEvent:
    """A received event at one moment: it came, was delivered or was held.

    Attributes:
        seq: its number in the inbox.
        event_id, source, type: the event.
        time_ms: the moment.
        code: reason code, if it was held or discarded.
    """

    seq: int
    event_id: str
    source: str
    type: str
    time_ms: int
    code: str | None


class EventFlow(Area):
    """Events that were sent, received, delivered and refused."""

    def sent_to(self, since_ms: int) -> list[PartnerCount]:
        """Return how many events each partner was sent since a time, and when the last was."""
        return self._all(PartnerCount, _SENT_TO, {"since_": since_ms})

    def received_from(self, since_ms: int) -> list[PartnerCount]:
        """Return how many events of each partner came since a time, and when the last did."""
        asked = {"first_": self._first_since(since_ms), "since_": since_ms}
        return self._all(PartnerCount, _RECEIVED_FROM, asked)

    def waiting_for(self) -> list[PartnerCount]:
        """Return how many records for each partner wait for Kafka, and since when the oldest."""
        return self._all(PartnerCount, _WAITING_FOR)

    def undelivered_of(self) -> list[PartnerCount]:
        """Return how many events of each partner the own system lacks, and the oldest's time."""
        return self._all(PartnerCount, _UNDELIVERED_OF)

    def sent(self, since_ms: int, after: int, limit: int) -> list[AcknowledgedRecord]:
        """Return the first `limit` records that Kafka acknowledged after a time and a number.

        At that time itself, only records of a higher number count.
        """
        asked = {"since_": since_ms, "after_": after, "limit_": limit}
        return self._all(AcknowledgedRecord, _SENT_EVENTS, asked)

    def received(self, after: int, limit: int) -> list[InboxEvent]:
        """Return the first `limit` events after a number."""
        return self._all(InboxEvent, _RECEIVED_EVENTS, {"after_": after, "limit_": limit})

    def delivered(self, first: int, since_ms: int, after: int, limit: int) -> list[InboxEvent]:
        """Return the first `limit` delivered events after a time and a number; see `sent`.

        Only events from the number `first` on count, which keeps the search short.
        """
        asked = {"first_": first, "since_": since_ms, "after_": after, "limit_": limit}
        return self._all(InboxEvent, _DELIVERED_EVENTS, asked)

    def held(self, since_ms: int, after: int, limit: int) -> list[InboxEvent]:
        """Return the first `limit` held events after a time and a number; see `sent`."""
        asked = {"since_": since_ms, "after_": after, "limit_": limit}
        return self._all(InboxEvent, _HELD_EVENTS, asked)

    def refusals(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Return the first `limit` refusals of the disclosure log after an index: index, entry."""
        asked = {"after_": after, "limit_": limit}
        return [(index, entry) for index, entry in self._connection.execute(_REFUSALS, asked)]

    def last_received(self) -> int:
        """Return the number of the newest event of the inbox, 0 if there is none."""
        found: int = self._connection.scalar(_LAST_RECEIVED) or 0
        return found

    def last_logged(self) -> int:
        """Return the index of the newest entry of the disclosure log, -1 if there is none."""
        found: int | None = self._connection.scalar(_LAST_LOGGED)
        return -1 if found is None else found

    def first_undelivered(self) -> int:
        """Return the number of the oldest event that is not delivered; else that of the next."""
        found: int | None = self._connection.scalar(_FIRST_UNDELIVERED)
        return self.last_received() + 1 if found is None else found

    def received_before(self, since_ms: int) -> int:
        """Return the number after which the first event comes that was received since a time."""
        return self._first_since(since_ms) - 1

    def _first_since(self, since_ms: int) -> int:
        """Search by halves, because no index serves the time, and numbers grow with it."""
        low, high = 1, self.last_received() + 1
        while low < high:
            middle = (low + high) // 2
            row = self._connection.execute(_FROM_SEQ, {"seq_": middle}).first()
            if row is None or row[1] >= since_ms:
                high = middle
            else:
                low = row[0] + 1
        return low
