"""Releases of figures that this agency made; the content is encrypted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, func, insert, select

from broker.store import figures_schema
from broker.store.area import Area

_t = figures_schema.figure_releases
_ADD = insert(_t)
_BEYOND: Final = 2**63 - 1
"""Larger than the number of any release."""
_OF = (
    select(*_t.c)
    .where(
        _t.c.agreement == bindparam("agreement_"),
        _t.c.period == bindparam("period_"),
        _t.c.number < bindparam("before_"),
    )
    .order_by(_t.c.number)
)
_PAGE = (
    select(*_t.c)
    .order_by(_t.c.number.desc())
    .limit(bindparam("most_"))
    .offset(bindparam("skipped_"))
)
_GET = select(*_t.c).where(_t.c.number == bindparam("number_"))
_SIZE = select(func.count()).select_from(_t)


@dataclass(frozen=True, slots=True)
class FigureReleaseRow:
    """A release.

    Attributes:
        number: in the order of publication, over all agreements and periods.
        agreement: its name.
        period: `YYYY-Qn`.
        made_ms: when it was made.
        content: encrypted under the agency's secret.
    """

    number: int
    agreement: str
    period: str
    made_ms: int
    content: bytes


class FigureReleases(Area):
    """Releases of each period, in the order of publication."""

    def add(self, agreement: str, period: str, content: bytes, now: int) -> None:
        """Add a release."""
        values = {"agreement": agreement, "period": period, "made_ms": now, "content": content}
        self._insert(_ADD, values)

    def of(self, agreement: str, period: str, before: int | None = None) -> list[FigureReleaseRow]:
        """Return the releases of a period, oldest first.

        Args:
            agreement: its name.
            period: `YYYY-Qn`.
            before: only those with a lower number than this; None for all.
        """
        asked = {
            "agreement_": agreement,
            "period_": period,
            "before_": _BEYOND if before is None else before,
        }
        return self._all(FigureReleaseRow, _OF, asked)

    def page(self, most: int, skipped: int) -> list[FigureReleaseRow]:
        """Return some releases of every agreement and period, newest first.

        Args:
            most: largest number of them.
            skipped: number of newer ones that are left out.
        """
        return self._all(FigureReleaseRow, _PAGE, {"most_": most, "skipped_": skipped})

    def get(self, number: int) -> FigureReleaseRow | None:
        """Return the release of a number; None if there is none."""
        return self._first(FigureReleaseRow, _GET, {"number_": number})

    def size(self) -> int:
        """Return the number of all releases."""
        return self._connection.execute(_SIZE).scalar_one()
