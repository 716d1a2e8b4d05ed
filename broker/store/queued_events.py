"""Events on their way: those of this agency to Kafka, and received ones to the agency's own system.

Only what is not done yet is here, the oldest first. Content is never read.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, bindparam, exists, func, select, union_all

from broker.store import schema
from broker.store.area import Area

_o = schema.outbox
_i = schema.inbox
_a = schema.attempts
_f = schema.offers
_h = _i.alias("held")
_ENDED = ("sealed_again", "discarded")
_PENDING = select(_o.c.seq).where(_o.c.generation.is_(None), _o.c.held_code.is_(None))
_UNSENT = select(_o.c.seq).where(
    _o.c.generation.is_not(None), _o.c.sent_ms.is_(None), _o.c.held_code.is_(None)
)
_HELD = select(_o.c.seq).where(_o.c.held_code.is_not(None), _o.c.held_code.not_in(_ENDED))
WAITING_SEQS = union_all(_PENDING, _UNSENT)
"""Numbers of the rows of the outbox that wait for Kafka; an index serves each part."""
_OUTGOING = (
    select(
        _o.c.seq,
        _o.c.event_id,
        _o.c.topic,
        _o.c.partition,
        _o.c.added_ms,
        _o.c.generation.is_not(None),
        _o.c.held_code,
        _o.c.held_ms,
    )
    .where(_o.c.seq.in_(union_all(_PENDING, _UNSENT, _HELD)))
    .order_by(_o.c.seq)
)
_OUTGOING_FIRST = _OUTGOING.limit(bindparam("limit_"))
_OUTGOING_OF = _OUTGOING.where(_o.c.event_id == bindparam("event_id_"))
_BEHIND = exists().where(
    _h.c.held_code.is_not(None),
    _h.c.holds_case,
    _h.c.case_key == _i.c.case_key,
    _h.c.seq < _i.c.seq,
    _h.c.priority <= _i.c.priority,
)
_INCOMING = select(
    _i.c.seq,
    _i.c.source,
    _i.c.event_id,
    _i.c.type,
    _i.c.received_ms,
    _i.c.held_code,
    _i.c.held_field,
    _i.c.held_ms,
    and_(_i.c.held_code.is_(None), _BEHIND),
    func.coalesce(_a.c.tries, 0),
    _a.c.next_ms,
    _a.c.code,
    select(func.max(_f.c.offered_ms))
    .where(_f.c.inbox_seq == _i.c.seq, _f.c.answered_ms.is_(None))
    .scalar_subquery(),
).join_from(_i, _a, _a.c.inbox_seq == _i.c.seq, isouter=True)
_UNDELIVERED = select(_i.c.seq).where(_i.c.delivered_ms.is_(None))
_INCOMING_FIRST = (
    _INCOMING.where(_i.c.seq.in_(_UNDELIVERED)).order_by(_i.c.seq).limit(bindparam("limit_"))
)
_INCOMING_OF = _INCOMING.where(_i.c.seq == bindparam("seq_"), _i.c.delivered_ms.is_(None))


@dataclass(frozen=True, slots=True)
class OutgoingRow:
    """A record of an own event that Kafka has not acknowledged, or that must be sealed again.

    Attributes:
        seq: its number in the outbox.
        event_id: id of the event.
        topic, partition: where it goes.
        added_ms: when it was accepted.
        placed: whether it has its place in our stream, so that partners expect it.
        held_code: why it must be sealed again; None if it waits for Kafka.
        held_ms: when it was held.
    """

    seq: int
    event_id: str
    topic: str
    partition: int
    added_ms: int
    placed: bool
    held_code: str | None
    held_ms: int | None


@dataclass(frozen=True, slots=True)
class IncomingRow:
    """A received event that the agency's own system does not have.

    Attributes:
        seq: its number in the inbox.
        source: the agency that sent it.
        event_id: its id.
        type: its type.
        received_ms: when it came into the inbox.
        held_code, held_field, held_ms: why and since when the agency's system does not take it.
        behind: whether it waits for an earlier held event of its case.
        tries: number of attempts that failed.
        next_ms: when it is tried again; None if no attempt has failed.
        attempt_code: why the last attempt failed.
        offered_ms: when it was offered to the agency's system, which has sent no result yet.
    """

    seq: int
    source: str
    event_id: str
    type: str
    received_ms: int
    held_code: str | None
    held_field: str | None
    held_ms: int | None
    behind: bool
    tries: int
    next_ms: int | None
    attempt_code: str | None
    offered_ms: int | None


class QueuedEvents(Area):
    """Events that are not at their destination yet."""

    def outgoing(self, limit: int) -> list[OutgoingRow]:
        """Return the oldest `limit` records of own events."""
        return self._all(OutgoingRow, _OUTGOING_FIRST, {"limit_": limit})

    def outgoing_of(self, event_id: str) -> list[OutgoingRow]:
        """Return the records of an own event."""
        return self._all(OutgoingRow, _OUTGOING_OF, {"event_id_": event_id})

    def incoming(self, limit: int) -> list[IncomingRow]:
        """Return the oldest `limit` received events."""
        return self._all(IncomingRow, _INCOMING_FIRST, {"limit_": limit})

    def incoming_of(self, seq: int) -> IncomingRow | None:
        """Return a received event; None if it is delivered, or unknown."""
        return self._first(IncomingRow, _INCOMING_OF, {"seq_": seq})
