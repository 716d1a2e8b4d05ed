"""Refused rows of tables of the agency's own database, which wait for a person.

The row itself stays in that database. Here are its key, the reason, and whether a person has asked
to try it again.
"""

from __future__ import annotations

from sqlalchemy import bindparam, delete, func, select, update

from broker.store import schema
from broker.store.area import Area
from broker.store.dialects import upsert
from broker.store.rows import RefusedRow

_t = schema.refused_rows
_NEW = upsert(_t)
_KEEP = _NEW.on_conflict_do_update(
    index_elements=[_t.c.item],
    set_={name: _NEW.excluded[name] for name in ("code", "field", "detail", "retry_ms")},
)
_ALL = select(*_t.c).order_by(_t.c.number).limit(bindparam("limit_"))
_COUNT = select(func.count(), func.min(_t.c.held_ms))
_ASKED = select(_t.c.item).where(_t.c.retry_ms.is_not(None)).order_by(_t.c.number)
_HELD = select(_t.c.item)
_ASK = update(_t).where(_t.c.number == bindparam("number_")).values(retry_ms=bindparam("now_"))
_TAKEN_BACK = update(_t).where(_t.c.item == bindparam("item_")).values(retry_ms=None)
_END = delete(_t).where(_t.c.item == bindparam("item_"))
_DISCARD = delete(_t).where(_t.c.number == bindparam("number_"))


class RefusedRows(Area):
    """Refused rows of the agency's own database."""

    def hold(self, item: str, code: str, field: str | None, detail: str, now: int) -> None:
        """Hold a row, or store the new reason of one that is held."""
        values = {
            "item": item,
            "code": code,
            "field": field,
            "detail": detail,
            "held_ms": now,
            "retry_ms": None,
        }
        self._connection.execute(_KEEP, values)

    def list(self, limit: int) -> list[RefusedRow]:
        """Return the held rows, the oldest first."""
        return self._all(RefusedRow, _ALL, {"limit_": limit})

    def count(self) -> tuple[int, int | None]:
        """Return the number of held rows, and when the oldest was first held."""
        count, oldest = self._connection.execute(_COUNT).one()
        return count, oldest

    def items(self) -> frozenset[str]:
        """Return the keys of all held rows."""
        return frozenset(self._connection.execute(_HELD).scalars())

    def ask(self, number: int, now: int) -> bool:
        """Ask to try a row again. Return whether it is held."""
        asked = {"number_": number, "now_": now}
        return self._connection.execute(_ASK, asked).rowcount > 0

    def asked(self) -> tuple[str, ...]:
        """Return the keys of the rows that are to be tried again."""
        return tuple(self._connection.execute(_ASKED).scalars())

    def answer_taken_back(self, item: str) -> None:
        """Remember that a row waits again in the agency's database."""
        self._connection.execute(_TAKEN_BACK, {"item_": item})

    def end(self, item: str) -> bool:
        """Stop holding a row. Return whether it was held."""
        return self._connection.execute(_END, {"item_": item}).rowcount > 0

    def discard(self, number: int) -> bool:
        """Stop holding a row of this number. Return whether it was held."""
        return self._connection.execute(_DISCARD, {"number_": number}).rowcount > 0
