"""Events that were sent and received in each hour, and how long they took; a row an hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import bindparam, delete, select

from broker.store import schema
from broker.store.area import Area
from broker.store.dialects import upsert

_t = schema.flow_hours
_NEW = upsert(_t)
_SAVE = _NEW.on_conflict_do_update(
    index_elements=[_t.c.hour_ms],
    set_={name: _NEW.excluded[name] for name in ("published", "received", "lags")},
)
_SINCE = select(*_t.c).where(_t.c.hour_ms >= bindparam("since_")).order_by(_t.c.hour_ms)
_FORGET = delete(_t).where(_t.c.hour_ms < bindparam("before_"))


@dataclass(frozen=True, slots=True)
class FlowHourRow:
    """Events of one hour.

    Attributes:
        hour_ms: its begin, milliseconds since the epoch.
        published: events that Kafka acknowledged.
        received: new events in the inbox.
        lags: number of received events at each step of their delay (`broker.observing.flow`).
    """

    hour_ms: int
    published: int
    received: int
    lags: Sequence[int]


class FlowHours(Area):
    """Counts of each hour, oldest first."""

    def since(self, hour_ms: int) -> list[FlowHourRow]:
        """Return the hours from this one on; an hour without an event has no row."""
        rows = self._connection.execute(_SINCE, {"since_": hour_ms})
        return [
            FlowHourRow(row.hour_ms, row.published, row.received, orjson.loads(row.lags))
            for row in rows
        ]

    def save(self, row: FlowHourRow) -> None:
        """Store the counts of an hour in place of those before."""
        values = {
            "hour_ms": row.hour_ms,
            "published": row.published,
            "received": row.received,
            "lags": orjson.dumps(list(row.lags)),
        }
        self._connection.execute(_SAVE, values)

    def forget(self, before_ms: int) -> None:
        """Remove every hour that began before this time."""
        self._connection.execute(_FORGET, {"before_": before_ms})
