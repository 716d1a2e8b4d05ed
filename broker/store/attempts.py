"""Failed attempts to hand received events to the agency's own system, and when the next is due.

A sink that sends each event to the system keeps here what must outlive a restart: since when it
tries. An event has no row before its first attempt has failed, and none any more when it is
delivered or held.
"""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import bindparam, delete, exists, func, select

from broker.store import schema
from broker.store.area import Area
from broker.store.dialects import upsert
from broker.store.inbox import NEXT
from broker.store.rows import AttemptsRow, FailingDeliveries, InboxRow

_t = schema.attempts
_i = schema.inbox
_e = _i.alias("earlier")
_EARLIER = exists().where(
    _e.c.delivered_ms.is_(None),
    _e.c.case_key == _i.c.case_key,
    _e.c.seq < _i.c.seq,
    _e.c.priority <= _i.c.priority,
    _e.c.held_code.is_(None) | _e.c.holds_case,
)
"""Condition for a row that waits for an earlier one of its case, delivered or not yet tried.

An urgent row waits only for urgent ones.
"""
_LATER = exists().where(
    _t.c.inbox_seq == _i.c.seq,
    _t.c.next_ms > bindparam("now_"),
    _t.c.next_ms <= bindparam("farthest_"),
)
"""Condition for a row whose next attempt is later.

A time that is farther away than any pause was stored under a wrong clock, and does not count.
"""
_DUE = NEXT.where(~_EARLIER, ~_LATER)
_GET = select(*_t.c).where(_t.c.inbox_seq == bindparam("seq_"))
_NEW = upsert(_t)
_KEEP = _NEW.on_conflict_do_update(
    index_elements=[_t.c.inbox_seq],
    set_={
        column.name: _NEW.excluded[column.name]
        for column in (_t.c.tries, _t.c.first_ms, _t.c.next_ms, _t.c.code)
    },
)
_END = delete(_t).where(_t.c.inbox_seq == bindparam("seq_"))
_FAILING = (
    select(_t.c.code, func.count(), func.min(_t.c.first_ms))
    .where(exists().where(_i.c.seq == _t.c.inbox_seq, _i.c.delivered_ms.is_(None)))
    .group_by(_t.c.code)
)


class Attempts(Area):
    """Failed attempts of a sink that sends each event to the agency's system."""

    def due(self, limit: int, now: int, most_ms: int) -> list[InboxRow]:
        """Return the next `limit` events to send, in delivery order.

        Events whose next attempt is later are left out, and so are events behind an earlier one of
        their case.

        Args:
            limit: number of events.
            now: the present time.
            most_ms: the longest pause between two attempts.
        """
        values = {"limit_": limit, "now_": now, "farthest_": now + most_ms}
        return self._all(InboxRow, _DUE, values)

    def of_event(self, seq: int) -> AttemptsRow | None:
        """Return the failed attempts of an event of the inbox."""
        return self._first(AttemptsRow, _GET, {"seq_": seq})

    def keep(self, row: AttemptsRow) -> None:
        """Store a failed attempt, in place of the one before."""
        values = asdict(row)
        self._connection.execute(_KEEP, {"inbox_seq": values.pop("seq"), **values})

    def end(self, seq: int) -> None:
        """Forget the attempts of an event that is delivered or held."""
        self._connection.execute(_END, {"seq_": seq})

    def failing(self) -> FailingDeliveries:
        """Return how many events are tried again, since when, and why."""
        rows = self._connection.execute(_FAILING).all()
        return FailingDeliveries(
            sum(count for _, count, _ in rows),
            min((first for _, _, first in rows), default=None),
            {code: count for code, count, _ in rows},
        )
