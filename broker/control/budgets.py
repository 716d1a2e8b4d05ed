"""Limits on processed heartbeats, notices, receipts, reports and statements for partners.

The limits are somewhat above what an agency may send, so an honest one is never limited. The counts
are in memory and start again at a restart.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from broker.control.statement_limits import Admission, StatementLimit
from broker.errors import RefusedError
from broker.statements.notices import NOTICES_PER_MINUTE, Notice
from broker.statements.partner_statements import StatementForm
from contracts.durations import MINUTE_MS

NOTICES_HEARD: Final = 2 * NOTICES_PER_MINUTE
"""Notices of one agency and kind that are processed in a minute; it may send half as many."""
NOTICES_REMEMBERED: Final = 1024
"""Notices of one agency and kind that are recognised; for replay requests, all recent ones."""
RECEIPT_BYTES_A_MINUTE: Final = 64 * 1000
"""Bytes of receipts of one agency that are processed per minute of their stated time."""
MINUTES_RECOGNISED: Final = 2
"""Number of an agency's newest minutes for which each receipt is recognised."""
REPORTS_A_PERIOD: Final = 4
"""Reports of one agency that are processed for each period of their stated time.

One is due; an agency that was restored from a backup makes another one.
"""
HEARTBEATS_HEARD: Final = 64
"""Heartbeats of one agency that are processed per minute of their stated time."""


class Budgets:
    """Remaining limits of each agency."""

    def __init__(self) -> None:
        self._minute = 0
        self._heard: dict[tuple[str, str], int] = {}
        self._notices: dict[tuple[str, str], dict[Notice, None]] = {}
        self._receipts = StatementLimit(recognised=MINUTES_RECOGNISED)
        self._beats = StatementLimit()
        self._reports = StatementLimit()
        self._statements = StatementLimit()

    def knows_notice(self, agency: str, notice: Notice) -> bool:
        """Return whether exactly this notice of an agency was already counted."""
        return notice in self._notices.get((agency, notice.kind), ())

    def notice(self, agency: str, notice: Notice, now: int) -> None:
        """Count a notice with a verified author, at ``now`` (ms).

        Raises:
            RefusedError: ``notices_many``.
        """
        self._turn(now)
        kind = (agency, notice.kind)
        heard = self._heard.get(kind, 0)
        if heard >= NOTICES_HEARD:
            raise RefusedError(2, "notices_many", "this agency sends too many notices")
        self._heard[kind] = heard + 1
        known = self._notices.setdefault(kind, {})
        known[notice] = None
        if len(known) > NOTICES_REMEMBERED:
            del known[next(iter(known))]

    def receipt(self, agency: str, time_ms: int, digest: bytes, size: int) -> Admission:
        """Return the admission of a receipt of ``size`` bytes (`receipts_many`)."""
        many = _many("receipts_many", "this agency sends too many receipts")
        start = _begin(time_ms, MINUTE_MS)
        return Admission(self._receipts, agency, start, digest, size, RECEIPT_BYTES_A_MINUTE, many)

    def heartbeat(self, agency: str, time_ms: int, digest: bytes) -> Admission:
        """Return the admission of a heartbeat (`heartbeats_many`)."""
        many = _many("heartbeats_many", "this agency sends too many heartbeats")
        start = _begin(time_ms, MINUTE_MS)
        return Admission(self._beats, agency, start, digest, 1, HEARTBEATS_HEARD, many)

    def report(self, agency: str, time_ms: int, digest: bytes, every: int) -> Admission:
        """Return the admission of a report, of which one is due ``every`` ms (`reports_many`)."""
        many = _many("reports_many", "this agency sends too many reports")
        start = _begin(time_ms, every)
        return Admission(self._reports, agency, start, digest, 1, REPORTS_A_PERIOD, many)

    def statement(self, form: StatementForm, agency: str, time_ms: int, digest: bytes) -> Admission:
        """Return the admission of a statement for partners (`form.many`)."""
        sender, start = (form.heading, agency), _begin(time_ms, MINUTE_MS)
        return Admission(self._statements, sender, start, digest, 1, form.a_minute, form.many)

    def forget_refusals(self) -> None:
        """Forget which statements were refused, because other keys or agreements are known."""
        for limit in (self._receipts, self._beats, self._reports, self._statements):
            limit.forget_refusals()

    def _turn(self, now: int) -> None:
        minute = now // MINUTE_MS
        if minute != self._minute:
            self._minute, self._heard = minute, {}


def _begin(time_ms: int, every: int) -> int:
    """Return the begin of the interval of a time, in ms: it grows also if ``every`` changes."""
    return time_ms - time_ms % every


def _many(code: str, detail: str) -> Callable[[], RefusedError]:
    return partial(RefusedError, 2, code, detail)
