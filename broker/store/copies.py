"""Copies of events for agencies that could not be reached when the event was sealed.

A row holds the event encrypted under this agency's secret until its copy is sealed. Then, or when
the copy is cancelled, the content is cleared and the code of the end is set.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, func, insert, select, update

from broker.store import schema
from broker.store.area import Area
from broker.store.rows import CopyRow, EndedCopyRow, NewCopyRow

_t = schema.copies
_COLUMNS = (
    _t.c.seq,
    _t.c.event_id,
    _t.c.agency,
    _t.c.case_key,
    _t.c.type,
    _t.c.reason,
    _t.c.content,
    _t.c.added_ms,
    _t.c.expires_ms,
    _t.c.due_ms,
)
_WAITING = _t.c.ended_ms.is_(None)
_ADD = insert(_t)
_SELECT = select(*_COLUMNS).where(_WAITING).order_by(_t.c.seq)
_WAITING_OF = (
    select(_t.c.agency, _t.c.reason)
    .where(_WAITING, _t.c.event_id == bindparam("event_id_"))
    .order_by(_t.c.agency)
)
_OF_EVENT = (
    select(_t.c.agency, _t.c.reason, _t.c.ended_ms, _t.c.ended_code)
    .where(_t.c.event_id == bindparam("event_id_"))
    .order_by(_t.c.seq)
)
_BEHIND = select(_t.c.case_key, _t.c.agency).where(_WAITING).distinct()
_WAITING_FOR = select(_t.c.agency, func.count()).where(_WAITING).group_by(_t.c.agency)
_SIZE = select(func.coalesce(func.sum(func.length(_t.c.content)), 0)).where(_WAITING)
_COUNT = select(func.count(), func.min(_t.c.added_ms)).select_from(_t).where(_WAITING)
_SET_DUE = update(_t).where(_t.c.seq == bindparam("seq_"), _WAITING)
_END = (
    update(_t)
    .where(_t.c.seq == bindparam("seq_"), _WAITING)
    .values(content=None, ended_ms=bindparam("now_"), ended_code=bindparam("code_"))
)
_END_CASE = (
    update(_t)
    .where(_t.c.case_key == bindparam("case_"), _WAITING)
    .values(content=None, ended_ms=bindparam("now_"), ended_code=bindparam("code_"))
)


class Copies(Area):
    """Events that wait for one agency each."""

    def add_many(self, rows: Sequence[NewCopyRow]) -> None:
        """Add copies in one statement."""
        if rows:
            self._connection.execute(
                _ADD,
                [
                    {
                        "event_id": row.event_id,
                        "agency": row.agency,
                        "case_key": row.case_key,
                        "type": row.type,
                        "reason": row.reason,
                        "content": row.content,
                        "added_ms": row.added_ms,
                        "expires_ms": row.expires_ms,
                    }
                    for row in rows
                ],
            )

    def waiting_of(self, event_id: str) -> list[tuple[str, str]]:
        """Return (agency, reason) of the copies of an event that wait, by agency."""
        found = self._connection.execute(_WAITING_OF, {"event_id_": event_id})
        return [(agency, reason) for agency, reason in found]

    def of_event(self, event_id: str) -> list[EndedCopyRow]:
        """Return the copies of an event, waiting or ended; the newest of an agency is the last."""
        return self._all(EndedCopyRow, _OF_EVENT, {"event_id_": event_id})

    def waiting(self) -> list[CopyRow]:
        """Return the copies that wait, in the order of their events."""
        return self._all(CopyRow, _SELECT, {})

    def behind(self) -> set[tuple[bytes, str]]:
        """Return (case key, agency) of the copies that wait."""
        return {(row[0], row[1]) for row in self._connection.execute(_BEHIND)}

    def waiting_for(self) -> dict[str, int]:
        """Return the number of copies that wait for each agency."""
        found = self._connection.execute(_WAITING_FOR)
        return dict(map(tuple, found))

    def size(self) -> int:
        """Return the bytes of the copies that wait."""
        size: int = self._connection.execute(_SIZE).scalar_one()
        return size

    def count(self) -> tuple[int, int | None]:
        """Return the number of copies that wait, and when the oldest was added (ms)."""
        count, oldest = self._connection.execute(_COUNT).one()
        return count, oldest

    def set_due(self, seq: int, due_ms: int | None) -> None:
        """Set the time at which a copy goes out; None if its agency cannot be reached again."""
        self._connection.execute(_SET_DUE.values(due_ms=due_ms), {"seq_": seq})

    def end(self, seq: int, code: str, now: int) -> bool:
        """Clear a copy that was sent or is not to be sent. Returns whether it waited."""
        asked = {"seq_": seq, "code_": code, "now_": now}
        return self._connection.execute(_END, asked).rowcount > 0

    def end_case(self, case_key: bytes, code: str, now: int) -> int:
        """Clear the copies of a case. Returns how many waited."""
        asked = {"case_": case_key, "code_": code, "now_": now}
        return self._connection.execute(_END_CASE, asked).rowcount
