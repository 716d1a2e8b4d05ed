"""Releases of figures that this agency made; the content is encrypted."""

from __future__ import annotations

from sqlalchemy import bindparam, insert, select

from broker.store import figures_schema
from broker.store.area import Area

_t = figures_schema.figure_releases
_ADD = insert(_t)
_OF = (
    select(_t.c.content)
    .where(_t.c.agreement == bindparam("agreement_"), _t.c.period == bindparam("period_"))
    .order_by(_t.c.number)
)


class FigureReleases(Area):
    """Releases of each period, in the order of publication."""

    def add(self, agreement: str, period: str, content: bytes, now: int) -> None:
        """Add a release."""
        values = {"agreement": agreement, "period": period, "made_ms": now, "content": content}
        self._insert(_ADD, values)

    def of(self, agreement: str, period: str) -> list[bytes]:
        """Return the content of the releases of a period, oldest first."""
        asked = {"agreement_": agreement, "period_": period}
        return list(self._connection.execute(_OF, asked).scalars())
