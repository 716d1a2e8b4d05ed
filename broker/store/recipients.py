"""Recipients of own events, each with what its reports say became of the event.

Rows are added in the transaction that accepts the event. A record of several agencies is one row of
the outbox, to which each of their rows refers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import bindparam, case, func, or_, select, update

from broker.store import schema
from broker.store.area import Area
from broker.store.dialects import upsert
from broker.store.rows import NewRecipientRow, RecipientRow

_t = schema.recipients
_COLUMNS = (
    _t.c.event_id,
    _t.c.agency,
    _t.c.outbox_seq,
    _t.c.report_every_ms,
    _t.c.state,
    _t.c.code,
    _t.c.since_ms,
    _t.c.added_ms,
)
_REPORTED = ("state", "code", "since_ms", "heard_ms")
_NEW = upsert(_t)


def _unless_delivered(column: str) -> object:
    """Return the new value of a column; what was delivered stays delivered."""
    return case((_t.c.state == "delivered", _t.c[column]), else_=_NEW.excluded[column])


_ADD = _NEW.on_conflict_do_update(  # sealed again, or a copy of it
    index_elements=[_t.c.event_id, _t.c.agency],
    set_={
        "clear_id": _NEW.excluded.clear_id,
        "outbox_seq": _NEW.excluded.outbox_seq,
        "report_every_ms": _NEW.excluded.report_every_ms,
        "added_ms": _NEW.excluded.added_ms,
        **{column: _unless_delivered(column) for column in _REPORTED},
    },
)
_OF_EVENT = select(*_COLUMNS).where(_t.c.event_id == bindparam("event_id_")).order_by(_t.c.agency)
_MOVE = (
    update(_t)
    .where(_t.c.event_id == bindparam("event_id_"), _t.c.outbox_seq == bindparam("old_"))
    .values(outbox_seq=bindparam("new_"))
)
_TOLD = (
    update(_t)
    .where(
        _t.c.agency == bindparam("agency_"),
        or_(_t.c.event_id == bindparam("id_"), _t.c.clear_id == bindparam("id_")),
        # nothing changes what was delivered, and a repeat changes no time
        func.coalesce(_t.c.state, "").not_in(("delivered",)),
        or_(
            _t.c.state.is_(None),
            _t.c.state != bindparam("state_"),
            func.coalesce(_t.c.code, "") != bindparam("code_"),
        ),
    )
    .values(
        state=bindparam("state_"),
        code=bindparam("code_"),
        since_ms=bindparam("time_"),
        heard_ms=bindparam("now_"),
    )
)
_NOT_TAKEN = _t.c.state.in_(("put_aside", "refused")) & (_t.c.heard_ms >= bindparam("since_"))
"""By the time at which a report was taken: its own time may be weeks ago when it comes."""
_COUNT = select(_t.c.state, func.count()).where(_NOT_TAKEN).group_by(_t.c.state)
_NEWEST = (
    select(*_COLUMNS)
    .where(_NOT_TAKEN)
    .order_by(_t.c.heard_ms.desc(), _t.c.event_id, _t.c.agency)
    .limit(bindparam("limit_"))
)


class Recipients(Area):
    """The agencies to which each own event goes."""

    def add_many(self, rows: Sequence[NewRecipientRow], now: int) -> None:
        """Add recipients of events in one statement, or where their new records are."""
        if rows:
            self._connection.execute(_ADD, [_added(row, now) for row in rows])

    def of_event(self, event_id: str) -> list[RecipientRow]:
        """Return the recipients of an event, by agency."""
        return self._all(RecipientRow, _OF_EVENT, {"event_id_": event_id})

    def moved(self, event_id: str, old: int, new: int) -> None:
        """Note that a record of an event was added to the outbox again."""
        asked = {"event_id_": event_id, "old_": old, "new_": new}
        self._connection.execute(_MOVE, asked)

    def told(
        self, agency: str, record_id: str, state: str, code: str, time_ms: int, now: int
    ) -> bool:
        """Take what an agency reports of an event, by the event's id or its record's.

        Args:
            agency: that reports.
            record_id: of the event or its record.
            state: what it reports.
            code: what it reports; empty if it is delivered.
            time_ms: of the report, by its maker's clock.
            now: ms.

        Returns whether it changed anything. `delivered` is final.
        """
        asked = {"agency_": agency, "id_": record_id, "state_": state, "code_": code}
        return self._connection.execute(_TOLD, asked | {"time_": time_ms, "now_": now}).rowcount > 0

    def not_taken(self, since_ms: int) -> dict[str, int]:
        """Return how many were put aside and refused, as learnt since a time, by state."""
        return dict(map(tuple, self._connection.execute(_COUNT, {"since_": since_ms})))

    def newest_not_taken(self, since_ms: int, limit: int) -> list[RecipientRow]:
        """Return the newest `limit` put aside or refused, as learnt since a time."""
        return self._all(RecipientRow, _NEWEST, {"since_": since_ms, "limit_": limit})


def _added(row: NewRecipientRow, now: int) -> dict[str, object]:
    heard = None if row.state is None else now
    return {**asdict(row), "heard_ms": heard, "added_ms": now}
