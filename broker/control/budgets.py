"""Limits on processed heartbeats, notices and receipts of each agency (docs/spec/receipts.md).

The limits are somewhat above what an agency may send, so an honest one is never limited. The counts
are in memory and start again at a restart. Every party can write another's signed statement again
(replay). So a statement that was counted is recognised and not counted twice: no party can use up
another's limit.
"""

from __future__ import annotations

from typing import Final

from broker.errors import RefusedError
from broker.statements.notices import NOTICES_PER_MINUTE, Notice
from broker.statements.partner_statements import StatementForm
from contracts.durations import MINUTE_MS

NOTICES_HEARD: Final = 2 * NOTICES_PER_MINUTE
"""Notices of one agency and kind that are processed in a minute; it may send half as many."""
NOTICES_REMEMBERED: Final = 1024
"""Notices of one agency and kind that are recognised; for replay requests, all recent ones."""
RECEIPT_BYTES_A_MINUTE: Final = 64 * 1000
"""Bytes of receipts of one agency that are processed per minute of their stated time.

A reader that starts again processes many such minutes at once.
"""
MINUTES_COUNTED: Final = 4096
"""Number of minutes, over all agencies, for which the bytes are remembered."""
MINUTES_RECOGNISED: Final = 2
"""Number of an agency's newest minutes for which each receipt is recognised."""
REPORTS_A_PERIOD: Final = 4
"""Reports of one agency that are processed for each period of their stated time.

One is due; an agency that was restored from a backup makes another one.
"""
HEARTBEATS_HEARD: Final = 64
"""Heartbeats of one agency that are processed per minute of their stated time."""


class Budgets:
    """Remaining limits of each agency in this minute."""

    def __init__(self) -> None:
        self._minute = 0
        self._heard: dict[tuple[str, str], int] = {}
        self._notices: dict[tuple[str, str], dict[Notice, None]] = {}
        self._receipts: dict[tuple[str, int], int] = {}
        self._recognised: dict[str, dict[int, set[bytes]]] = {}
        self._beats: dict[str, tuple[int, int]] = {}
        self._reports: dict[str, tuple[int, int]] = {}
        self._statements: dict[tuple[str, str], tuple[int, int]] = {}

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

    def knows_receipt(self, agency: str, time_s: int, digest: bytes) -> bool:
        """Return whether exactly this receipt of the newest minutes was already counted."""
        return digest in self._recognised.get(agency, {}).get(time_s // 60, ())

    def receipt(self, agency: str, size: int, time_s: int, digest: bytes) -> None:
        """Count a verified receipt of ``size`` bytes in its stated minute.

        Raises:
            RefusedError: ``receipts_many``.
        """
        minute = (agency, time_s // 60)
        heard = self._receipts.pop(minute, 0)
        if heard + size > RECEIPT_BYTES_A_MINUTE:
            self._receipts[minute] = heard
            raise RefusedError(2, "receipts_many", "this agency sends too many receipts")
        self._receipts[minute] = heard + size
        if len(self._receipts) > MINUTES_COUNTED:
            del self._receipts[next(iter(self._receipts))]
        minutes = self._recognised.setdefault(agency, {})
        minutes.setdefault(time_s // 60, set()).add(digest)
        if len(minutes) > MINUTES_RECOGNISED:
            del minutes[min(minutes)]

    def hears_heartbeat(self, agency: str, time: int) -> bool:
        """Return whether another heartbeat of the minute of ``time`` (ms) is still processed."""
        minute, count = self._beats.get(agency, (0, 0))
        stated = time // MINUTE_MS
        return stated > minute or (stated == minute and count < HEARTBEATS_HEARD)

    def heartbeat(self, agency: str, time: int) -> None:
        """Count a processed heartbeat with verified signatures."""
        minute, count = self._beats.get(agency, (0, 0))
        same = minute == time // MINUTE_MS
        self._beats[agency] = (time // MINUTE_MS, count + 1 if same else 1)

    def require_report(self, agency: str, time_ms: int, every: int) -> None:
        """Check that another report of the period of ``time_ms`` is processed.

        Raises:
            RefusedError: ``reports_many``.
        """
        period, count = self._reports.get(agency, (0, 0))
        if period == time_ms // every and count >= REPORTS_A_PERIOD:
            raise RefusedError(2, "reports_many", "this agency sends too many reports")

    def report(self, agency: str, time_ms: int, every: int) -> None:
        """Count a report with a verified signature."""
        period, count = self._reports.get(agency, (0, 0))
        same = period == time_ms // every
        self._reports[agency] = (time_ms // every, count + 1 if same else 1)

    def require_statement(self, form: StatementForm, agency: str, time_ms: int) -> None:
        """Check that another statement of this form for the minute of ``time_ms`` is processed.

        Raises:
            RefusedError: `form.many`.
        """
        minute, count = self._statements.get((form.heading, agency), (0, 0))
        if minute == time_ms // MINUTE_MS and count >= form.a_minute:
            raise form.many()

    def statement(self, form: StatementForm, agency: str, time_ms: int) -> None:
        """Count a statement for partners with a verified signature."""
        minute, count = self._statements.get((form.heading, agency), (0, 0))
        same = minute == time_ms // MINUTE_MS
        self._statements[form.heading, agency] = (time_ms // MINUTE_MS, count + 1 if same else 1)

    def _turn(self, now: int) -> None:
        minute = now // MINUTE_MS
        if minute != self._minute:
            self._minute, self._heard = minute, {}
