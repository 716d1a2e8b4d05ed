"""Referrals and their clocks. Whoever met a clock sets it to None; what is left can be overdue."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, or_, select, update

from broker.store import schema
from broker.store.rows import ReferralRow

_t = schema.referrals
_OPEN = _t.c.closed_ms.is_(None)
_COLUMNS = tuple(
    column.is_not(None).label("closed") if column.name == "closed_ms" else column for column in _t.c
)
_GET = select(*_COLUMNS).where(_t.c.referral_id == bindparam("id_"))
_SELECT_OPEN = select(*_COLUMNS).where(_OPEN).order_by(_t.c.made_ms, _t.c.referral_id)
_OVERDUE = _SELECT_OPEN.where(
    or_(_t.c.acknowledge_by_ms < bindparam("now_"), _t.c.respond_by_ms < bindparam("now_"))
)
_FOR_CASE = (
    select(*_COLUMNS)
    .where(_t.c.case_id == bindparam("case_"))
    .order_by(_t.c.made_ms, _t.c.referral_id)
)
_CLOSED = (
    select(*_COLUMNS)
    .where(_t.c.closed_ms.is_not(None))
    .order_by(_t.c.closed_ms.desc(), _t.c.referral_id)
    .limit(bindparam("limit_"))
)
_INSERT = insert(_t)
_UPDATE = (
    update(_t)
    .where(_t.c.referral_id == bindparam("id_"))
    .values({c.name: bindparam(c.name) for c in _t.c if c.name != "referral_id"})
)


class Referrals:
    """`ReferralsArea` on SQL."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, referral_id: str) -> ReferralRow | None:
        found = self._connection.execute(_GET, {"id_": referral_id}).first()
        return None if found is None else _row(found)

    def save(self, row: ReferralRow) -> None:
        values = asdict(row)
        values["closed_ms"] = row.updated_ms if values.pop("closed") else None
        del values["referral_id"]
        changed = self._connection.execute(_UPDATE, values | {"id_": row.referral_id})
        if changed.rowcount == 0:
            self._connection.execute(_INSERT, values | {"referral_id": row.referral_id})

    def overdue(self, now: int) -> list[ReferralRow]:
        return [_row(row) for row in self._connection.execute(_OVERDUE, {"now_": now})]

    def for_case(self, case_id: str) -> list[ReferralRow]:
        return [_row(row) for row in self._connection.execute(_FOR_CASE, {"case_": case_id})]

    def open(self) -> list[ReferralRow]:
        return [_row(row) for row in self._connection.execute(_SELECT_OPEN)]

    def closed(self, limit: int) -> list[ReferralRow]:
        return [_row(row) for row in self._connection.execute(_CLOSED, {"limit_": limit})]


def _row(row: Row[*tuple[Any, ...]]) -> ReferralRow:
    return ReferralRow(*row)  # columns in the order of the fields
