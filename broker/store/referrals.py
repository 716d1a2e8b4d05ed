"""Referrals and their deadlines. A deadline that was met is None; any other can become overdue."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import Select, bindparam, func, or_, select

from broker.store import schema
from broker.store.area import Area
from broker.store.dialects import upsert
from broker.store.rows import ReferralRow
from contracts.referral import Side

_t = schema.referrals
_OPEN = _t.c.closed_ms.is_(None)
COLUMNS = tuple(
    column.is_not(None).label("closed") if column.name == "closed_ms" else column for column in _t.c
)
"""Columns of a ``ReferralRow``, in its order."""
_GET = select(*COLUMNS).where(_t.c.referral_id.in_(bindparam("ids_", expanding=True)))
_SELECT_OPEN = select(*COLUMNS).where(_OPEN).order_by(_t.c.made_ms, _t.c.referral_id)
_OVERDUE = _SELECT_OPEN.where(
    or_(_t.c.acknowledge_by_ms < bindparam("now_"), _t.c.respond_by_ms < bindparam("now_"))
)
_OF_ID = (
    select(*COLUMNS)
    .where(_t.c.referral_id > bindparam("from_"), _t.c.referral_id < bindparam("to_"))
    .order_by(_t.c.referral_id)
)
_FOR_CASE = (
    select(*COLUMNS)
    .where(_t.c.case_id == bindparam("case_"))
    .order_by(_t.c.made_ms, _t.c.referral_id)
)
_OPEN_COUNTS = (
    select(_t.c.role, _t.c.counterparty, func.count())
    .where(_OPEN)
    .group_by(_t.c.role, _t.c.counterparty)
)
_OPEN_PROGRESS = (
    select(func.count())
    .where(_OPEN)
    .where(_t.c.business_status.in_(bindparam("statuses_", expanding=True)))
)
_CLOSED_COUNT = (
    select(func.count())
    .where(_t.c.closed_ms.is_not(None))
    .where(_t.c.status.in_(bindparam("statuses_", expanding=True)))
)
_NEW = upsert(_t)
_SAVE = _NEW.on_conflict_do_update(
    index_elements=[_t.c.referral_id],
    set_={column.name: _NEW.excluded[column.name] for column in _t.c if not column.primary_key},
)


class StoredReferrals(Area):
    """Referrals made by or to this agency, with their deadlines."""

    def get(self, referral_id: str) -> ReferralRow | None:
        return self.get_many([referral_id]).get(referral_id)

    def get_many(self, referral_ids: Sequence[str]) -> dict[str, ReferralRow]:
        """Return known referrals of these ids, by id, in one statement."""
        if not referral_ids:
            return {}
        found = self._all(ReferralRow, _GET, {"ids_": list(referral_ids)})
        return {row.referral_id: row for row in found}

    def of_id(self, referral_id: str) -> list[ReferralRow]:
        """Return this agency's referrals of one id, each with another agency."""
        found = self._all(
            ReferralRow, _OF_ID, {"from_": f"{referral_id}/", "to_": f"{referral_id}0"}
        )
        return [row for row in found if row.referral_id == f"{referral_id}/{row.counterparty}"]

    def save(self, row: ReferralRow) -> None:
        self.save_many([row])

    def save_many(self, rows: Iterable[ReferralRow]) -> None:
        """Save referrals in one statement."""
        values = [_values(row) for row in rows]
        if values:
            self._connection.execute(_SAVE, values)

    def overdue(self, now: int) -> list[ReferralRow]:
        """Return open referrals with a deadline before `now` that was not met."""
        return self._all(ReferralRow, _OVERDUE, {"now_": now})

    def for_case(self, case_id: str) -> list[ReferralRow]:
        return self._all(ReferralRow, _FOR_CASE, {"case_": case_id})

    def open(self) -> list[ReferralRow]:
        """Return open referrals, by creation time."""
        return self._all(ReferralRow, _SELECT_OPEN)

    def open_counts(self) -> Mapping[tuple[Side, str], int]:
        """Return the number of open referrals by this agency's role and the other agency."""
        rows = self._connection.execute(_OPEN_COUNTS)
        return {(role, counterparty): number for role, counterparty, number in rows}

    def open_with_progress(self, statuses: Collection[str]) -> int:
        """Return the number of open referrals whose progress is one of these."""
        return self._number(_OPEN_PROGRESS, statuses)

    def closed_with_status(self, statuses: Collection[str]) -> int:
        """Return the number of closed referrals whose status is one of these."""
        return self._number(_CLOSED_COUNT, statuses)

    def _number(self, statement: Select[int], statuses: Collection[str]) -> int:
        asked = {"statuses_": list(statuses)}
        return self._connection.execute(statement, asked).scalar_one()


def _values(row: ReferralRow) -> dict[str, object]:
    return {
        "referral_id": row.referral_id,
        "case_id": row.case_id,
        "role": row.role,
        "counterparty": row.counterparty,
        "status": row.status,
        "business_status": row.business_status,
        "version": row.version,
        "made_ms": row.made_ms,
        "acknowledge_by_ms": row.acknowledge_by_ms,
        "respond_by_ms": row.respond_by_ms,
        "updated_ms": row.updated_ms,
        "closed_ms": row.updated_ms if row.closed else None,
        "event_source": row.event_source,
        "event_id": row.event_id,
    }
