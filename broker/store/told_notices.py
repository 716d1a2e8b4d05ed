"""Notices that people were sent, so that each is sent once by each way."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import bindparam, delete, select

from broker.store import schema
from broker.store.area import Area
from broker.store.dialects import upsert

_t = schema.told_notices
_KNOWN = select(_t.c.key).where(_t.c.way == bindparam("way_"))
_ADD = upsert(_t).on_conflict_do_nothing()
_FORGET_KEY = delete(_t).where(_t.c.way == bindparam("way_"), _t.c.key == bindparam("key_"))
_FORGET = delete(_t).where(_t.c.told_ms < bindparam("before_"))


class ToldNotices(Area):
    """Keys of notices that were sent."""

    def known(self, way: str) -> frozenset[str]:
        """Return the keys that were sent by a way, such as `mail`."""
        return frozenset(self._connection.execute(_KNOWN, {"way_": way}).scalars())

    def add(self, way: str, keys: Iterable[str], now: int) -> None:
        """Store that notices were sent."""
        rows = [{"way": way, "key": key, "told_ms": now} for key in keys]
        if rows:
            self._connection.execute(_ADD, rows)

    def forget(self, way: str, keys: Iterable[str]) -> None:
        """Forget that notices were sent by a way, so that they can be sent again."""
        rows = [{"way_": way, "key_": key} for key in keys]
        if rows:
            self._connection.execute(_FORGET_KEY, rows)

    def forget_before(self, before_ms: int) -> None:
        """Forget notices that were sent before a time."""
        self._connection.execute(_FORGET, {"before_": before_ms})
