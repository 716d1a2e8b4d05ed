"""Taking of reports: what other agencies say became of this agency's events.

docs/spec/reports.md, "Taken". Nothing that is sent or held arises from a report: a report that is
at fault is counted, logged and dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from broker.control.budgets import Budgets
from broker.envelope.primitives import sha256
from broker.errors import RefusedError
from broker.judging.key_resolver import Trust
from broker.keys.instant import CLOCK_SKEW_MS
from broker.keys.kid import RECEIPT
from broker.registry.report_intervals import reporting_intervals
from broker.statements.authorship import require_author
from broker.statements.reports import ReportEntry, ReportPlace, open_report, parse_report
from broker.store.database import Store
from broker.store.rows import EarlyReportRow
from broker.store.transaction import Transaction
from contracts.durations import DAY_MS
from contracts.model import REPORT_EVERY_MS

EARLY_KEPT: Final = 32
"""Reports of one agency that wait for their time; those with the latest times are dropped."""
EARLY_AHEAD_MS: Final = DAY_MS
"""Longest time by which such a report may be dated ahead."""


@dataclass(frozen=True, slots=True)
class ReportTaken:
    """A report that was taken.

    Attributes:
        agency: the agency that made it.
        changed: number of events whose state changed, by the new state.
    """

    agency: str
    changed: Counter[str]


class ReportFaultError(RefusedError):
    """A report for this agency is at fault and dropped.

    Attributes:
        agency: the agency that it names as its maker; not verified.
    """

    def __init__(self, agency: str, cause: RefusedError) -> None:
        super().__init__(cause.step, cause.code, cause.detail)
        self.agency = agency


def take_report(
    value: bytes,
    store: Store,
    trust: Trust,
    present: Collection[str],
    budgets: Budgets,
    now: int,
) -> ReportTaken | None:
    """Take a report, if it is for this agency and new.

    Args:
        value: of the record.
        store: the agency's state.
        trust: what is believed now.
        present: the active parties of this agency's contracts.
        budgets: how many reports are processed.
        now: ms.

    Returns:
        None for a report to another agency, one that is not newer than the last one taken, and one
        that waits in the state until its time has come (`early_reports`).

    Raises:
        ReportFaultError: it is dropped.
        KeyAccessError: an exchange key cannot be used now; the report must be given again.
        StoreError: nothing was written; the report must be given again.
    """
    report = parse_report(value)
    place, resolver = report.place, trust.resolver
    if (place.deployment, place.to) != (resolver.manifests.deployment, resolver.agency):
        return None
    with store.reading() as tx:  # before the cost of a signature check
        if _is_old(tx, place, now):
            return None
        waiting = tx.results.early_of(place.agency)
    early = place.time_ms > now + CLOCK_SKEW_MS
    if early and place.time_ms in waiting:
        return None
    try:
        _require_acceptable(place, present)
        if early:
            _require_room(place, waiting, now)
            require_author(report.note, resolver.manifests, place.agency, RECEIPT, place.time_ms)
            _keep(store, place, value)
            return None
        intervals = reporting_intervals(resolver.contracts, resolver.manifests, now)
        every = intervals.get(place.agency, REPORT_EVERY_MS)
        digest = sha256(report.note.text)
        admission = budgets.report(place.agency, place.time_ms, digest, every)
        admission.require()
        require_author(report.note, resolver.manifests, place.agency, RECEIPT, place.time_ms)
        admission.count()
        keys, _ = trust.opening_keys(place.time_ms)
        with admission.judged():
            entries = open_report(report, keys)
    except RefusedError as cause:
        raise ReportFaultError(place.agency, cause) from None
    with store.transaction() as tx:
        if _is_old(tx, place, now):
            return None
        tx.results.note_heard(place.agency, place.time_ms)
        return ReportTaken(place.agency, _apply(tx, place, entries, now))


def early_reports(store: Store, now: int) -> list[EarlyReportRow]:
    """Return the reports that waited and whose time has come, the oldest first."""
    with store.reading() as tx:
        return tx.results.early_due(now + CLOCK_SKEW_MS)


def _apply(
    tx: Transaction, place: ReportPlace, entries: Collection[ReportEntry], now: int
) -> Counter[str]:
    """Write what a report says. An event that was not sent to its maker is left out."""
    changed: Counter[str] = Counter()
    for one in entries:
        if tx.recipients.told(place.agency, one.id, one.state, one.code, place.time_ms, now):
            changed[one.state] += 1
    return changed


def _is_old(tx: Transaction, place: ReportPlace, now: int) -> bool:
    """Return whether a report is a replay, or made before one that was taken.

    A time that is ahead of the clock does not count: the clock was ahead when that one was taken.
    """
    heard = tx.results.heard(place.agency)
    return heard is not None and place.time_ms <= heard <= now + CLOCK_SKEW_MS


def _require_acceptable(place: ReportPlace, present: Collection[str]) -> None:
    if place.agency not in present or place.agency == place.to:
        raise RefusedError(2, "party_left", "its maker takes no part in a contract of ours")


def _require_room(place: ReportPlace, waiting: list[int], now: int) -> None:
    """Check that a report ahead of the clock may wait, before the cost of a signature check."""
    full = len(waiting) >= EARLY_KEPT and place.time_ms > waiting[-1]
    if full or place.time_ms > now + EARLY_AHEAD_MS:
        raise RefusedError(2, "early", "the report is ahead of this clock")


def _keep(store: Store, place: ReportPlace, value: bytes) -> None:
    """Keep a report with a verified signature until its time has come."""
    with store.transaction() as tx:
        tx.results.keep_early(place.agency, place.time_ms, value)
        for time_ms in tx.results.early_of(place.agency)[EARLY_KEPT:]:
            tx.results.forget_early(place.agency, time_ms)
