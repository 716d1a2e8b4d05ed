"""Counts of other agencies: the newest of each agency, agreement and period."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, select

from broker.store import figures_schema
from broker.store.area import Area, columns_of
from broker.store.dialects import upsert

_t = figures_schema.figure_counts
_ALL = select(_t.c.agreement, _t.c.period, _t.c.agency, _t.c.time_ms).order_by(
    _t.c.agreement, _t.c.period, _t.c.agency
)
_OF = (
    select(*_t.c)
    .where(_t.c.agreement == bindparam("agreement_"), _t.c.period == bindparam("period_"))
    .order_by(_t.c.agency)
)
_ONE = _OF.where(_t.c.agency == bindparam("agency_"))
_INSERT = upsert(_t)
_SAVE = _INSERT.on_conflict_do_update(
    index_elements=[_t.c.agreement, _t.c.period, _t.c.agency],
    set_={name: _INSERT.excluded[name] for name in ("time_ms", "note", "content")},
)
_FORGET = delete(_t).where(_t.c.period < bindparam("before_"))


@dataclass(frozen=True, slots=True)
class FigureCountsRow:
    """Counts of another agency.

    Attributes:
        agreement: its name.
        period: `YYYY-Qn`.
        agency: the agency that counted.
        time_ms: when its statement was made.
        note: the signed note of the statement.
        content: the counts, encrypted.
    """

    agreement: str
    period: str
    agency: str
    time_ms: int
    note: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class HeldCountsRow:
    """The time of counts of another agency, without the counts."""

    agreement: str
    period: str
    agency: str
    time_ms: int


class FigureCounts(Area):
    """Counts that other agencies published."""

    def held(self) -> list[HeldCountsRow]:
        """Return which counts are kept, by agreement, period and agency."""
        return self._all(HeldCountsRow, _ALL)

    def of(self, agreement: str, period: str) -> list[FigureCountsRow]:
        """Return the counts of a period, by agency."""
        return self._all(FigureCountsRow, _OF, {"agreement_": agreement, "period_": period})

    def get(self, agreement: str, period: str, agency: str) -> FigureCountsRow | None:
        """Return the counts of an agency for a period."""
        asked = {"agreement_": agreement, "period_": period, "agency_": agency}
        return self._first(FigureCountsRow, _ONE, asked)

    def save(self, row: FigureCountsRow) -> None:
        """Store counts; they replace those of the agency for the period."""
        self._connection.execute(_SAVE, columns_of(row))

    def forget_before(self, period: str) -> int:
        """Remove the counts of periods before one. Return how many there were."""
        return self._connection.execute(_FORGET, {"before_": period}).rowcount
