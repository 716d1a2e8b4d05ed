"""Requests with an idempotency key, and their answers.

The answer is stored in the transaction that accepts the event. So a request that is sent again
after a crash or a lost connection has the same answer and no second effect. Rows hold hashes and
codes, no personal data, and are not removed: a late repeat must not send an event twice.
"""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import bindparam, select

from broker.store import schema
from broker.store.area import Area
from broker.store.dialects import upsert
from broker.store.rows import RequestRow

_t = schema.requests
_FIND = select(*_t.c).where(_t.c.request_key == bindparam("key_"))
_OF_EVENT = select(*_t.c).where(_t.c.event_id == bindparam("event_id_"))
_NEW = upsert(_t)
_KEEP = _NEW.on_conflict_do_update(
    index_elements=[_t.c.request_key],
    set_={
        column.name: _NEW.excluded[column.name]
        for column in (
            _t.c.body_digest,
            _t.c.answer,
            _t.c.event_id,
            _t.c.outbox_after,
            _t.c.outbox_last,
        )
    },
)


class Requests(Area):
    """Idempotency keys of requests."""

    def find(self, request_key: bytes) -> RequestRow | None:
        return self._first(RequestRow, _FIND, {"key_": request_key})

    def of_event(self, event_id: str) -> RequestRow | None:
        """Return the request with which an event was published."""
        return self._first(RequestRow, _OF_EVENT, {"event_id_": event_id})

    def keep(self, row: RequestRow) -> None:
        """Store a request, or the new result of a known one."""
        self._connection.execute(_KEEP, asdict(row))
