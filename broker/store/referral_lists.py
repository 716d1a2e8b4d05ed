"""Lists of referrals for people: page by page, counted, the most pressing first.

Every list is read in the order of an index. So its cost depends on the rows that it skips and
shows, and not on the rows of other lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    bindparam,
    false,
    func,
    select,
)

from broker.store import desk_schema, schema
from broker.store.area import Area
from broker.store.desk_rows import (
    SELECTIONS,
    ListedReferralRow,
    ReferralFilter,
    ReferralSelection,
)
from broker.store.referrals import COLUMNS
from broker.store.rows import ReferralRow

_t = schema.referrals
_d = desk_schema.desk_referrals
_BESIDE = _t.outerjoin(_d, _d.c.referral_id == _t.c.referral_id)
_WITH_FACTS = _t.join(_d, _d.c.referral_id == _t.c.referral_id)
_OF_CRITICAL_CASES = select(_d.c.referral_id).where(_d.c.critical)
_due = schema.NEXT_DUE
_OPEN = _t.c.closed_ms.is_(None)
_CRITICAL: Final[ReferralSelection] = "critical"
_ROWS = (
    select(*COLUMNS, _d.c.service, _d.c.urgency, func.coalesce(_d.c.critical, false()))
    .select_from(_BESIDE)
    .where(_t.c.referral_id.in_(bindparam("ids_", expanding=True)))
)


class ReferralLists(Area):
    """Pages of referrals with the facts that a list shows."""

    def page(self, asked: ReferralFilter, limit: int, offset: int) -> list[ListedReferralRow]:
        """Return one page of a list: open ones by their next deadline, closed ones newest first."""
        # The index alone finds the ids of the page, so that rows before it are not read.
        wanted: Select[Any] = (
            select(_t.c.referral_id)
            .select_from(_counted(asked))
            .where(*_conditions(asked))
            .order_by(*_order(asked))
            .limit(limit)
            .offset(offset)
        )
        ids = list(self._connection.scalars(wanted))
        if not ids:
            return []
        rows = [_listed(row) for row in self._connection.execute(_ROWS, {"ids_": ids})]
        found = {row.referral.referral_id: row for row in rows}
        return [found[each] for each in ids]

    def count(self, asked: ReferralFilter) -> int:
        """Return how many referrals a list has."""
        counted: Select[Any] = (
            select(func.count()).select_from(_counted(asked)).where(*_conditions(asked))
        )
        found: int = self._connection.execute(counted).scalar_one()
        return found

    def counts(self, asked: ReferralFilter) -> Mapping[ReferralSelection, int]:
        """Return how many referrals each selection of a side has, without other filters."""
        return {
            each: self.count(ReferralFilter(asked.role, each, asked.now, asked.day_end))
            for each in SELECTIONS
        }


def _order(asked: ReferralFilter) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    if asked.selection == "closed":
        return _t.c.closed_ms.desc(), _t.c.referral_id.desc()
    return _due, _t.c.referral_id


def _counted(asked: ReferralFilter) -> FromClause:
    """Return the tables that the conditions need."""
    return _t if asked.service is None else _WITH_FACTS


def _conditions(asked: ReferralFilter) -> list[ColumnElement[bool]]:
    found = [_t.c.role == asked.role]
    found.append(_t.c.closed_ms.is_not(None) if asked.selection == "closed" else _OPEN)
    if asked.selection == "overdue":
        found.append(_due < asked.now)
    elif asked.selection == "today":
        found += [_due >= asked.now, _due < asked.day_end]
    elif asked.selection == _CRITICAL:
        found.append(_t.c.referral_id.in_(_OF_CRITICAL_CASES))
    if asked.counterparty is not None:
        found.append(_t.c.counterparty == asked.counterparty)
    if asked.service is not None:
        found.append(_d.c.service == asked.service)
    if asked.reference is not None:
        after = f"{asked.reference}\U0010ffff"
        found += [_t.c.referral_id >= asked.reference, _t.c.referral_id < after]
    return found


def _listed(row: Sequence[Any]) -> ListedReferralRow:
    *referral, service, urgency, critical = row
    return ListedReferralRow(ReferralRow(*referral), service, urgency, bool(critical))
