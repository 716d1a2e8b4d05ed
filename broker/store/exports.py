"""Export files that were taken, with the event of each line, for the result file beside each."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, select, update

from broker.store import schema
from broker.store.area import Area
from broker.store.dialects import upsert
from broker.store.rows import ExportRow

_t = schema.exports
_r = schema.export_rows
_NEW = upsert(_t)
_ADD = _NEW.on_conflict_do_update(  # it was dropped again, or is read again after a crash
    index_elements=[_t.c.sha256], set_={"ended": False}
)
_ADD_ROWS = upsert(_r).on_conflict_do_nothing()
_NEXT = (
    select(_t.c.sha256, _t.c.name, _t.c.added_ms, _t.c.path, _t.c.written)
    .where(~_t.c.ended, _t.c.looked_ms <= bindparam("before_"))
    .order_by(_t.c.looked_ms)
    .limit(1)
)
_ROWS = (
    select(_r.c.line, _r.c.event_id)
    .where(_r.c.sha256 == bindparam("sha256_"))
    .order_by(_r.c.line, _r.c.event_id)
)
_LOOKED = (
    update(_t)
    .where(_t.c.sha256 == bindparam("sha256_"))
    .values(
        looked_ms=bindparam("now_"),
        path=bindparam("path_"),
        written=bindparam("written_"),
        ended=bindparam("ended_"),
    )
)


class Exports(Area):
    """Taken export files and the events that they gave."""

    def add(self, sha256: bytes, name: str, rows: Sequence[tuple[int, str]], now: int) -> None:
        """Add the events, (line, event id) each, of a part of an export."""
        if not rows:
            return
        export = {
            "sha256": sha256,
            "name": name,
            "added_ms": now,
            "looked_ms": now,
            "path": None,
            "written": None,
            "ended": False,
        }
        self._connection.execute(_ADD, export)
        self._connection.execute(
            _ADD_ROWS,
            [{"sha256": sha256, "line": line, "event_id": event} for line, event in rows],
        )

    def next(self, before_ms: int) -> ExportRow | None:
        """Return the export whose result file was checked longest ago, and before a time."""
        return self._first(ExportRow, _NEXT, {"before_": before_ms})

    def rows(self, sha256: bytes) -> list[tuple[int, str]]:
        """Return (line, event id) of an export, by line."""
        found = self._connection.execute(_ROWS, {"sha256_": sha256})
        return [(line, event) for line, event in found]

    def looked(
        self, sha256: bytes, path: str | None, written: bytes | None, now: int, *, ended: bool
    ) -> None:
        """Note the result file of an export, and whether it can still change."""
        asked = {"sha256_": sha256, "path_": path, "written_": written}
        self._connection.execute(_LOOKED, asked | {"now_": now, "ended_": ended})
