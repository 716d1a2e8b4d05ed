"""Offers of received events to the agency's own system, which reads them over HTTP.

Each offer has a number, and a reader's cursor is such a number. An event is offered when it comes,
and again after `quarantine retry`; so the numbers only grow, and a reader that continues after its
cursor misses nothing. The content stays in the inbox, and is cleared there after the result.

When an event is held, the open offers of later events of its case are withdrawn. These events are
offered again, under new numbers, when nothing holds their case any more.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, exists, func, insert, select, update

from broker.store import schema
from broker.store.area import Area
from broker.store.inbox import NEXT
from broker.store.rows import InboxRow, OfferOutcome, OfferRow

_t = schema.offers
_i = schema.inbox
_OPEN = _t.c.answered_ms.is_(None)
_NEXT = NEXT.where(~exists().where(_t.c.inbox_seq == _i.c.seq, _t.c.answered_ms.is_(None)))
_ADD = insert(_t)
_COLUMNS = (
    _t.c.number,
    _t.c.inbox_seq,
    _t.c.offered_ms,
    _t.c.outcome,
    _t.c.reader,
    _i.c.payload,
    _i.c.source,
    _i.c.type,
)
_JOINED = select(*_COLUMNS).join_from(_t, _i, _t.c.inbox_seq == _i.c.seq)
_NOT_WITHDRAWN = _t.c.outcome.is_distinct_from("withdrawn")
_READ = _JOINED.where(_NOT_WITHDRAWN)
_AFTER = (
    _READ.where(_t.c.number > bindparam("after_"), _OPEN | (_t.c.reader != bindparam("reader_")))
    .order_by(_t.c.number)
    .limit(bindparam("limit_"))
)
_AGAIN = (
    _READ.where(
        _t.c.number > bindparam("after_"),
        _OPEN | (_t.c.reader != bindparam("reader_")) | _i.c.payload.is_not(None),
    )
    .order_by(_t.c.number)
    .limit(bindparam("limit_"))
)
_SINCE = select(func.min(_t.c.number)).where(_t.c.offered_ms >= bindparam("since_"))
_OF_EVENT = _JOINED.where(_t.c.inbox_seq == bindparam("seq_")).order_by(_t.c.number.desc()).limit(1)
_ANSWER = (
    update(_t)
    .where(_t.c.number == bindparam("number_"))
    .values(
        answered_ms=bindparam("now_"), outcome=bindparam("outcome_"), reader=bindparam("reader_")
    )
)
_h = _i.alias("held")
_WITHDRAW = (
    update(_t)
    .where(
        _OPEN,
        _t.c.inbox_seq.in_(
            select(_i.c.seq)
            .join_from(_h, _i, _i.c.case_key == _h.c.case_key)
            .where(
                _h.c.seq == bindparam("seq_"),
                _i.c.delivered_ms.is_(None),
                _i.c.seq > _h.c.seq,
                _i.c.priority >= _h.c.priority,
            )
        ),
    )
    .values(answered_ms=bindparam("now_"), outcome="withdrawn")
)
_STILL_OFFERED = (
    select(_t.c.number)
    .join_from(_t, _i, _t.c.inbox_seq == _i.c.seq)
    .where(
        _t.c.number.in_(bindparam("numbers_", expanding=True)),
        _NOT_WITHDRAWN,
        _i.c.payload.is_not(None),
        _i.c.held_code.is_(None),
    )
)
_AWAITED = _OPEN & exists().where(_i.c.seq == _t.c.inbox_seq, _i.c.delivered_ms.is_(None))
_LAST = select(func.max(_t.c.number))
_FIRST_OPEN = select(func.min(_t.c.number)).where(_AWAITED)
_UNANSWERED = (
    select(func.count(), func.min(_t.c.offered_ms))
    .select_from(_t)
    .where(_AWAITED, _t.c.offered_ms <= bindparam("before_"))
)


class Offers(Area):
    """Events that were offered, in the order of their offers."""

    def next(self, limit: int) -> list[InboxRow]:
        """Return the next `limit` events of the inbox that are not offered, in delivery order."""
        return self._all(InboxRow, _NEXT, {"limit_": limit})

    def add_many(self, seqs: Sequence[int], now: int) -> None:
        """Offer events of the inbox, in this order."""
        for seq in seqs:
            self._connection.execute(_ADD, {"inbox_seq": seq, "offered_ms": now})

    def after(self, number: int, limit: int, reader: str, *, again: bool = False) -> list[OfferRow]:
        """Return the first `limit` offers after a number, in order.

        Offers for which this reader has sent a result are left out; with ``again`` only those
        whose content is cleared.
        """
        asked = {"after_": number, "limit_": limit, "reader_": reader}
        return self._all(OfferRow, _AGAIN if again else _AFTER, asked)

    def before_time(self, since_ms: int) -> int:
        """Return the number after which the first offer at or after a time comes."""
        first: int | None = self._connection.scalar(_SINCE, {"since_": since_ms})
        return self.last() if first is None else first - 1

    def of_event(self, seq: int) -> OfferRow | None:
        """Return the newest offer of an event of the inbox."""
        return self._first(OfferRow, _OF_EVENT, {"seq_": seq})

    def answer(self, number: int, outcome: OfferOutcome, reader: str, now: int) -> None:
        """Store the result of an offer."""
        values = {"number_": number, "outcome_": outcome, "reader_": reader, "now_": now}
        self._connection.execute(_ANSWER, values)

    def withdraw_behind(self, seq: int, now: int) -> None:
        """Withdraw the open offers of events that wait for a held one of their case.

        An urgent event waits only for an urgent one.

        Args:
            seq: number of the held event in the inbox.
            now: milliseconds since the epoch.
        """
        self._connection.execute(_WITHDRAW, {"seq_": seq, "now_": now})

    def still_offered(self, numbers: Sequence[int]) -> frozenset[int]:
        """Return those offers that are not withdrawn, and whose events are not held or erased."""
        return frozenset(self._connection.scalars(_STILL_OFFERED, {"numbers_": list(numbers)}))

    def last(self) -> int:
        """Return the number of the newest offer, 0 if there is none."""
        found: int = self._connection.scalar(_LAST) or 0
        return found

    def before_open(self) -> int:
        """Return the number after which the first offer without a result comes."""
        first: int | None = self._connection.scalar(_FIRST_OPEN)
        return self.last() if first is None else first - 1

    def unanswered(self, before_ms: int) -> tuple[int, int | None]:
        """Return how many events were offered before a time without a result, and the oldest."""
        count, oldest = self._connection.execute(_UNANSWERED, {"before_": before_ms}).one()
        return count, oldest
