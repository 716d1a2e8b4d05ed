"""Events that are kept for the agency's people, received and sent, with encrypted content."""

from __future__ import annotations

from sqlalchemy import bindparam, exists, func, insert, select, update

from broker.store import desk_schema
from broker.store.area import Area
from broker.store.desk_rows import DeskEventRow, DeskReferralRow, NewDeskEventRow

_t = desk_schema.desk_events
_r = desk_schema.desk_referrals
_ADD = insert(_t)
_FIND = select(*_t.c).where(
    _t.c.source == bindparam("source_"), _t.c.event_id == bindparam("event_id_")
)
_OF_CASE = select(*_t.c).where(_t.c.case_key == bindparam("case_")).order_by(_t.c.seq)
_CRITICAL = select(exists().where(_t.c.case_key == bindparam("case_"), _t.c.critical))
_UNCONFIRMED = (
    select(*_t.c)
    .where(_t.c.critical, _t.c.confirmed_ms.is_(None), _t.c.source != "")
    .order_by(_t.c.seq)
    .limit(bindparam("limit_"))
)
_CONFIRM = (
    update(_t)
    .where(
        _t.c.source == bindparam("source_"),
        _t.c.event_id == bindparam("event_id_"),
        _t.c.critical,
        _t.c.confirmed_ms.is_(None),
    )
    .values(confirmed_ms=bindparam("now_"))
)
_FORGET_CASE = (
    update(_t)
    .where(_t.c.case_key == bindparam("case_"), _t.c.content.is_not(None))
    .values(content=None)
)
_FORGET_EXPIRED = (
    update(_t)
    .where(_t.c.expires_ms <= bindparam("now_"), _t.c.content.is_not(None))
    .values(content=None)
)
_COUNT = select(func.count()).select_from(_t).where(_t.c.content.is_not(None))
_COUNT_UNCONFIRMED = (
    select(func.count())
    .select_from(_t)
    .where(_t.c.critical, _t.c.confirmed_ms.is_(None), _t.c.source != "")
)
_ADD_REFERRAL = insert(_r)
_REFERRAL = select(*_r.c).where(_r.c.referral_id == bindparam("id_"))
_REFERRALS_OF = select(*_r.c).where(_r.c.case_key == bindparam("case_")).order_by(_r.c.referral_id)
_MARK_CASE = (
    update(_r).where(_r.c.case_key == bindparam("case_"), ~_r.c.critical).values(critical=True)
)


class DeskEvents(Area):
    """Events for the agency's people, and facts about their referrals for lists."""

    def add(self, row: NewDeskEventRow) -> int:
        """Add an event. Returns its sequence number.

        A critical one marks every referral of its case.

        Raises:
            StoreError: `store_conflict` for a known (source, id).
        """
        values = {name: getattr(row, name) for name in NewDeskEventRow.__slots__}
        if row.critical:
            self._connection.execute(_MARK_CASE, {"case_": row.case_key})
        return self._insert(_ADD, values)

    def add_referral(self, row: DeskReferralRow) -> None:
        """Add facts about a referral; it is critical if its case has a critical event."""
        critical = row.critical or bool(self._connection.scalar(_CRITICAL, {"case_": row.case_key}))
        values = {name: getattr(row, name) for name in DeskReferralRow.__slots__}
        self._connection.execute(_ADD_REFERRAL, values | {"critical": critical})

    def referral(self, referral_id: str) -> DeskReferralRow | None:
        return self._first(DeskReferralRow, _REFERRAL, {"id_": referral_id})

    def referrals_of(self, case_key: bytes) -> list[DeskReferralRow]:
        """Return the facts about the referrals of a case."""
        return self._all(DeskReferralRow, _REFERRALS_OF, {"case_": case_key})

    def find(self, source: str, event_id: str) -> DeskEventRow | None:
        return self._first(DeskEventRow, _FIND, {"source_": source, "event_id_": event_id})

    def of_case(self, case_key: bytes) -> list[DeskEventRow]:
        """Return the events of a case, in the order in which they were kept."""
        return self._all(DeskEventRow, _OF_CASE, {"case_": case_key})

    def unconfirmed(self, limit: int) -> list[DeskEventRow]:
        """Return the oldest received critical events that no person has confirmed."""
        return self._all(DeskEventRow, _UNCONFIRMED, {"limit_": limit})

    def confirm(self, source: str, event_id: str, now: int) -> bool:
        """Note that a person has seen a critical event. Returns False if that was noted before."""
        asked = {"source_": source, "event_id_": event_id, "now_": now}
        return self._connection.execute(_CONFIRM, asked).rowcount == 1

    def forget_case(self, case_key: bytes) -> int:
        """Remove the content of a case's events. Returns how many."""
        return self._connection.execute(_FORGET_CASE, {"case_": case_key}).rowcount

    def forget_expired(self, now: int) -> int:
        """Remove content whose retention is over. Returns how many events had some."""
        return self._connection.execute(_FORGET_EXPIRED, {"now_": now}).rowcount

    def count(self) -> int:
        """Return how many events have content."""
        count: int = self._connection.execute(_COUNT).scalar_one()
        return count

    def count_unconfirmed(self) -> int:
        """Return how many received critical events no person has confirmed."""
        count: int = self._connection.execute(_COUNT_UNCONFIRMED).scalar_one()
        return count
