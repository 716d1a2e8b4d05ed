"""Results of received events that their senders will be told, and the reports that tell them.

A result is written in the transaction that decides it. It is taken into a report, and removed when
Kafka has acknowledged that report. If the result changes meanwhile, the new one waits for the next
report. So a crash loses no result, and a report that is made again tells the same results.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import ColumnElement, bindparam, delete, func, literal, select, update

from broker.store import schema
from broker.store.area import Area
from broker.store.dialects import Upsert, upsert
from broker.store.rows import EarlyReportRow, ReportRow, ResultRow

_r = schema.results
_p = schema.reports
_e = schema.early_reports
_i = schema.inbox

MAX_REFUSED: Final = 4096
"""Maximum number of refused records of one sender that wait to be reported.

The sender decides how many records it sends, so it must not decide how large the table is.
"""

_OF_AGENCY = _r.c.agency == bindparam("agency_")
_WAITING = _r.c.report_ms.is_(None)
_NEW = upsert(_r)
_SET = {
    "state": _NEW.excluded.state,
    "code": _NEW.excluded.code,
    "since_ms": _NEW.excluded.since_ms,
    "report_ms": None,
}
_KEY = [_r.c.agency, _r.c.event_id]


def _of_event(state: str, code: ColumnElement[str]) -> Upsert:
    """Return the statement that notes a result of an event of the inbox."""
    found = select(
        _i.c.source, _i.c.event_id, literal(state), code, bindparam("now_"), literal(None)
    ).where(_i.c.seq == bindparam("seq_"))
    return (
        upsert(_r)
        .from_select(["agency", "event_id", "state", "code", "since_ms", "report_ms"], found)
        .on_conflict_do_update(index_elements=_KEY, set_=_SET, where=_r.c.state != "delivered")
    )


_DELIVERED = _of_event("delivered", literal(""))
_PUT_ASIDE = _of_event("put_aside", bindparam("code_"))
_DISCARDED = _of_event("refused", literal("refused_by_recipient"))
_REFUSED = _NEW.on_conflict_do_update(
    index_elements=_KEY, set_=_SET, where=_r.c.state != "delivered"
)
_COUNT_REFUSED = select(func.count()).select_from(_r).where(_OF_AGENCY, _r.c.state == "refused")
_TAKE = (
    select(_r.c.event_id)
    .where(_OF_AGENCY, _WAITING)
    .order_by(_r.c.since_ms, _r.c.event_id)
    .limit(bindparam("limit_"))
)
_CLAIM = (
    update(_r)
    .where(_OF_AGENCY, _r.c.event_id.in_(bindparam("events_", expanding=True)))
    .values(report_ms=bindparam("time_"))
)
_TAKEN = (
    select(_r.c.event_id, _r.c.state, _r.c.code, _r.c.since_ms)
    .where(_OF_AGENCY, _r.c.report_ms == bindparam("time_"))
    .order_by(_r.c.event_id)
)
_CLAIM_AGAIN = (
    update(_r)
    .where(_OF_AGENCY, _r.c.report_ms == bindparam("time_"))
    .values(report_ms=bindparam("new_"))
)
_TOLD = delete(_r).where(_OF_AGENCY, _r.c.report_ms == bindparam("time_"))
_WAITING_BY_AGENCY = (
    select(_r.c.agency, func.count()).where(_WAITING).group_by(_r.c.agency).order_by(_r.c.agency)
)
_FORGET = delete(_r).where(_r.c.agency.not_in(bindparam("agencies_", expanding=True)))

_REPORTS = select(_p.c.agency, _p.c.made_ms, _p.c.sent_ms).where(_p.c.made_ms.is_not(None))
_MADE = upsert(_p)
_BEGIN = _MADE.on_conflict_do_update(
    index_elements=[_p.c.agency], set_={"made_ms": _MADE.excluded.made_ms, "sent_ms": None}
)
_DATE = (
    update(_p)
    .where(_p.c.agency == bindparam("agency_"), _p.c.made_ms == bindparam("time_"))
    .values(made_ms=bindparam("new_"))
)
_SENT = (
    update(_p)
    .where(_p.c.agency == bindparam("agency_"), _p.c.made_ms == bindparam("time_"))
    .values(sent_ms=bindparam("now_"))
)
_HEARD = select(_p.c.heard_ms).where(_p.c.agency == bindparam("agency_"))
_NOTE_HEARD = _MADE.on_conflict_do_update(
    index_elements=[_p.c.agency], set_={"heard_ms": _MADE.excluded.heard_ms}
)

_EARLY_OF = select(_e.c.time_ms).where(_e.c.agency == bindparam("agency_")).order_by(_e.c.time_ms)
_EARLY_DUE = (
    select(_e.c.agency, _e.c.time_ms, _e.c.value)
    .where(_e.c.time_ms <= bindparam("until_"))
    .order_by(_e.c.time_ms, _e.c.agency)
)
_KEEP_EARLY = upsert(_e).on_conflict_do_nothing()
_FORGET_EARLY = delete(_e).where(
    _e.c.agency == bindparam("agency_"), _e.c.time_ms == bindparam("time_")
)


class Results(Area):
    """Results of received events, until the next report tells their sender."""

    def delivered(self, seq: int, now: int) -> None:
        """Note that the agency's system has an event of the inbox."""
        self._connection.execute(_DELIVERED, {"seq_": seq, "now_": now})

    def put_aside(self, seq: int, code: str, now: int) -> None:
        """Note that an event of the inbox is held, with the code of the hold."""
        self._connection.execute(_PUT_ASIDE, {"seq_": seq, "code_": code, "now_": now})

    def discarded(self, seq: int, now: int) -> None:
        """Note that a person discarded an event of the inbox."""
        self._connection.execute(_DISCARDED, {"seq_": seq, "now_": now})

    def refused(self, agency: str, record_id: str, code: str, now: int) -> bool:
        """Note that a record of an agency was refused.

        Returns whether it was noted: not above `MAX_REFUSED` of that agency.
        """
        count = self._connection.execute(_COUNT_REFUSED, {"agency_": agency}).scalar_one()
        if count >= MAX_REFUSED:
            return False
        row = {
            "agency": agency,
            "event_id": record_id,
            "state": "refused",
            "code": code,
            "since_ms": now,
            "report_ms": None,
        }
        self._connection.execute(_REFUSED, row)
        return True

    def waiting(self) -> dict[str, int]:
        """Return how many results wait for a report, by agency."""
        return dict(map(tuple, self._connection.execute(_WAITING_BY_AGENCY)))

    def forget_others(self, agencies: Collection[str]) -> None:
        """Remove the results for all agencies but these, to which no report goes."""
        self._connection.execute(_FORGET, {"agencies_": list(agencies)})

    # --- reports of this agency ------------------------------------------------------------------

    def reports(self) -> dict[str, ReportRow]:
        """Return the last report to each agency."""
        return {row.agency: row for row in self._all(ReportRow, _REPORTS)}

    def begin_report(self, agency: str, time_ms: int, limit: int) -> None:
        """Begin a report of this time, with the oldest results that wait for it."""
        of = {"agency_": agency}
        events = list(self._connection.scalars(_TAKE, of | {"limit_": limit}))
        if events:
            self._connection.execute(_CLAIM, of | {"events_": events, "time_": time_ms})
        self._connection.execute(
            _BEGIN, {"agency": agency, "made_ms": time_ms, "sent_ms": None, "heard_ms": None}
        )

    def date_report(self, agency: str, time_ms: int, new_ms: int) -> None:
        """Give a report that Kafka may not have another time; it tells the same results."""
        asked = {"agency_": agency, "time_": time_ms, "new_": new_ms}
        self._connection.execute(_CLAIM_AGAIN, asked)
        self._connection.execute(_DATE, asked)

    def of_report(self, agency: str, time_ms: int) -> list[ResultRow]:
        """Return the results of a report that was begun."""
        return self._all(ResultRow, _TAKEN, {"agency_": agency, "time_": time_ms})

    def end_report(self, agency: str, time_ms: int, now: int) -> None:
        """Note that Kafka has a report. Its results wait no more."""
        self._connection.execute(_TOLD, {"agency_": agency, "time_": time_ms})
        self._connection.execute(_SENT, {"agency_": agency, "time_": time_ms, "now_": now})

    # --- reports of others -----------------------------------------------------------------------

    def heard(self, agency: str) -> int | None:
        """Return the time of the newest report of an agency that was taken."""
        found: int | None = self._connection.scalar(_HEARD, {"agency_": agency})
        return found

    def note_heard(self, agency: str, time_ms: int) -> None:
        """Note the time of the newest report of an agency."""
        self._connection.execute(
            _NOTE_HEARD,
            {"agency": agency, "made_ms": None, "sent_ms": None, "heard_ms": time_ms},
        )

    def early_of(self, agency: str) -> list[int]:
        """Return the times of the reports of an agency that wait for their time, ascending."""
        return list(self._connection.scalars(_EARLY_OF, {"agency_": agency}))

    def keep_early(self, agency: str, time_ms: int, value: bytes) -> None:
        """Keep a report until its time has come."""
        row = {"agency": agency, "time_ms": time_ms, "value": value}
        self._connection.execute(_KEEP_EARLY, row)

    def early_due(self, until_ms: int) -> list[EarlyReportRow]:
        """Return the kept reports up to a time, the oldest first."""
        return self._all(EarlyReportRow, _EARLY_DUE, {"until_": until_ms})

    def forget_early(self, agency: str, time_ms: int) -> None:
        """Remove a report that was judged, or that more reports displace."""
        self._connection.execute(_FORGET_EARLY, {"agency_": agency, "time_": time_ms})
