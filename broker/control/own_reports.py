"""Reports of this agency to the agencies that may send to it, by the clock.

docs/spec/reports.md, "Made". A report is begun in the state before it is sealed, under the lease of
the outbox, with the results that it tells. So a crash repeats a report with the same results, and a
second process sends none. Its time is the same too, unless a key changed since: the recipient opens
and verifies a report with the keys of the report's time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from broker.control.own_statements import SigningKeys
from broker.envelope.primitives import lp, sha256
from broker.errors import RegistryError
from broker.keys.instant import CLOCK_SKEW_MS
from broker.keys.kid import RECEIPT
from broker.record import CONTENT_TYPE_HEADER, REPORT_CONTENT_TYPE, Record
from broker.registry.report_intervals import report_intervals
from broker.sending.sealing_context import SealingContext
from broker.statements.authorship import is_author
from broker.statements.report_codes import code_of_hold, code_of_refusal
from broker.statements.reports import MAX_ENTRIES, ReportEntry, ReportPlace, seal_report
from broker.store.rows import ReportRow, ResultRow
from broker.store.transaction import Transaction
from broker.transport.interfaces import Sender
from broker.transport.topics import control_topics
from contracts.durations import MINUTE_MS

SENT_AT_ONCE: Final = 32
"""Maximum number of reports in one batch to Kafka; with their records they take 320 kB."""
FORGET_EVERY_MS: Final = 10 * MINUTE_MS
"""Time between two removals of results for agencies to which no report goes."""

Fenced = Callable[[], AbstractContextManager[Transaction]]
"""Opens a write transaction; raises StoreError ``lease_lost`` if another process has the lease."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """A report that the state holds: between whom, when, and what it tells."""

    place: ReportPlace
    results: tuple[ResultRow, ...]


class OwnReports:
    """Makes and sends the reports that are due.

    Args:
        keys: the agency and its keys.
        fenced: opens a transaction of the process that has the lease.
        sealing: the contracts and keys that are believed now.
        sender: Kafka.
        clock: () -> ms.
    """

    def __init__(
        self,
        keys: SigningKeys,
        fenced: Fenced,
        sealing: SealingContext,
        sender: Sender,
        clock: Callable[[], int],
    ) -> None:
        self._keys = keys
        self._fenced = fenced
        self._sealing = sealing
        self._sender = sender
        self._clock = clock
        participant = keys.participant
        self._deployment, self._agency = participant.deployment, participant.agency
        self._topic = control_topics(self._deployment).receipts
        self._looked: dict[str, ReportRow] | None = None
        self._forgot_ms = 0

    async def look(self) -> int:
        """Send the reports that are due. Returns how many.

        Raises:
            TransportError: Kafka does not take them; they are sent again with the same results.
            StoreError: `lease_lost`, for example.
            RegistryError, KeyAccessError: this agency cannot sign now.
        """
        now = self._clock()
        begun = await asyncio.to_thread(self._begin, now)
        for at in range(0, len(begun), SENT_AT_ONCE):
            part = begun[at : at + SENT_AT_ONCE]
            records = await asyncio.to_thread(self._records, part, now)
            await self._sender.send(records)
            await asyncio.to_thread(self._end, part)
        return len(begun)

    def _begin(self, now: int) -> list[_Begun]:
        intervals = report_intervals(self._sealing.contracts, self._sealing.manifests, now)
        forgot = 0 <= now - self._forgot_ms < FORGET_EVERY_MS
        if self._looked is not None and forgot and not self._due(intervals, self._looked, now):
            return []
        with self._fenced() as tx:
            last = tx.results.reports()
            due = self._due(intervals, last, now)
            for agency in due:
                known = last.get(agency)
                if known is None or known.sent_ms is not None:
                    tx.results.begin_report(agency, now, MAX_ENTRIES)
                elif not self._repeats(agency, known.made_ms, now):
                    tx.results.date_report(agency, known.made_ms, now)
            tx.results.forget_others(self._with_reports())
            self._forgot_ms = now
            self._looked = tx.results.reports()
            begun = []
            for agency in due:
                time_ms = self._looked[agency].made_ms
                place = ReportPlace(self._deployment, self._agency, agency, time_ms)
                begun.append(_Begun(place, tuple(tx.results.of_report(agency, time_ms))))
        return begun

    def _due(
        self, intervals: Mapping[str, int], last: Mapping[str, ReportRow], now: int
    ) -> list[str]:
        """Return the agencies whose report is due and can be sealed."""
        return [
            agency
            for agency, every in intervals.items()
            if self._is_due(agency, every, last.get(agency), now) and self._has_key(agency, now)
        ]

    def _is_due(self, agency: str, every: int, last: ReportRow | None, now: int) -> bool:
        if last is None or last.sent_ms is None or last.made_ms > now + CLOCK_SKEW_MS:
            return True  # the clock was ahead when the last one was made
        pair = (self._deployment, self._agency, agency)
        return period(*pair, every, now) > period(*pair, every, last.made_ms)

    def _repeats(self, agency: str, made_ms: int, now: int) -> bool:
        """Return whether a report with the keys of now can keep the time at which it was begun."""
        manifests = self._sealing.manifests
        key = manifests.exchange_key(agency, now)
        signer = self._keys.receipt_author(now)
        return (
            made_ms <= now + CLOCK_SKEW_MS
            and key.tried_at(made_ms)
            and is_author(signer, manifests, self._agency, RECEIPT, made_ms)
        )

    def _has_key(self, agency: str, now: int) -> bool:
        try:
            self._sealing.exchange_key(agency, now)
        except RegistryError:  # its report waits until it has one
            return False
        return True

    def _with_reports(self) -> set[str]:
        """Return the other parties of all contracts with reports, also while a part is stopped."""
        return {
            agency
            for signed in self._sealing.contracts.trusted()
            if signed.contract.report_every_ms is not None
            for agency in signed.contract.by_id
            if agency != self._agency
        }

    def _records(self, begun: list[_Begun], now: int) -> list[Record]:
        signer = self._keys.receipt_author(now)
        headers = ((CONTENT_TYPE_HEADER, REPORT_CONTENT_TYPE),)
        records = []
        for one in begun:
            key = self._sealing.exchange_key(one.place.to, now)
            entries = [_entry(row) for row in one.results]
            value = seal_report(one.place, entries, key, signer)
            records.append(Record(self._topic, 0, headers, value))
        return records

    def _end(self, sent: list[_Begun]) -> None:
        with self._fenced() as tx:
            for one in sent:
                tx.results.end_report(one.place.to, one.place.time_ms, self._clock())
            self._looked = tx.results.reports()


def period(deployment: str, agency: str, to: str, every: int, moment: int) -> int:
    """Return the number of the period of reports that a time (ms) is in.

    The periods of each pair of agencies begin at another time, so that not all reports go at once.
    It follows from their ids alone.
    """
    name = lp(b"concordant/1/report-time", deployment.encode(), agency.encode(), to.encode())
    offset = int.from_bytes(sha256(name)[:8], "big") % every
    return (moment - offset) // every


def _entry(row: ResultRow) -> ReportEntry:
    match row.state:
        case "delivered":
            return ReportEntry(row.event_id, "delivered")
        case "put_aside":
            return ReportEntry(row.event_id, "put_aside", code_of_hold(row.code))
        case _:
            return ReportEntry(row.event_id, "refused", code_of_refusal(row.code))
