"""One agency's service: the loops that run beside each other until it is told to stop.

Each loop is small and knows one thing. ``adapters/wiring.py`` makes the parts and connects them.
Blocking work (SQLite, cryptography) runs in threads, so that the loops stay responsive.
docs/spec/README.md says what each does on the wire.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from broker.agency.participant import LoadedAgency, Participant, load_participant
from broker.agency.restored import note_heard, restore_record
from broker.control.control import Control
from broker.control.counts_publisher import CountsPublisher
from broker.control.own_listing import OwnListing
from broker.control.own_reports import OwnReports
from broker.control.own_statements import OwnStatements
from broker.control.own_unions import OwnUnions
from broker.control.ping_answers import PingAnswers
from broker.control.watch import Found, Watch
from broker.observing.health import STARTING
from broker.observing.logs import logger
from broker.sending.copies import CopyRelease
from broker.sending.publishing import Publisher
from broker.sending.relay import Relay
from broker.service.arrivals import Arrivals
from broker.service.reading import Reader
from broker.service.relaying import Relaying, require_waiting_helps
from broker.service.replaying import Replaying
from broker.service.reporting import (
    LATE_S,
    ServiceStatus,
    report_alarms,
    report_counts,
    report_pings,
    report_unions,
)
from broker.service.statement_loop import look_at_intervals
from broker.store.changes import StoreChanges
from broker.waiting import first_of, out_of_descriptors, run_together, set_within
from contracts.errors import ConcordantError

TICK_S: Final = 1.0
CHECKS_MOST_S: Final = 5.0
"""Longest pause between two rounds of checks, in seconds."""
COPIES_EVERY_S: Final = 5.0
REPORTS_EVERY_S: Final = 5.0
"""Seconds between two looks for reports that are due."""
LISTING_EVERY_S: Final = 5.0
"""Seconds between two looks whether the listing is due."""
UNIONS_EVERY_S: Final = 60.0
"""Seconds between two looks for keys, tokens and results of unions that are due."""
COUNTS_EVERY_S: Final = 60.0
"""Seconds between two looks whether counts for figures are due."""
LOOK_AGAIN_S: Final = 60.0
"""Seconds after which the interval of heartbeats is read again: an agreement may change it."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Connected parts of a service.

    Attributes:
        publisher: accepts events for publication.
        relay, relaying, replaying: send accepted events, and requested records again.
        control, reader, arrivals: process received records.
        statements: this agency's messages on the control topics.
        watch: periodic checks.
        copies: seals events for agencies that can be reached again.
        pings: answers pings of other agencies.
        reports: tells senders what became of their events.
        listing: tells partners what this agency offers.
        unions: makes keys, tokens and results of unions.
        counts: tells the parties that pursue statistics what this agency counts.
        changes: wakes the relay and the delivery when the state has changed.
    """

    publisher: Publisher
    relay: Relay
    relaying: Relaying
    replaying: Replaying
    control: Control
    reader: Reader
    arrivals: Arrivals
    statements: OwnStatements
    watch: Watch
    copies: CopyRelease
    pings: PingAnswers
    reports: OwnReports
    listing: OwnListing
    unions: OwnUnions
    counts: CountsPublisher
    changes: StoreChanges


class BrokerService:
    """Everything of an adapter that is not the agency's own system.

    Args:
        loaded: the agency.
        parts: what runs.
        status: where the service says how it is.
        clock: () -> ms since the epoch; steady (``broker.clock``).
        on_retry: called when a person asked to try again what waits.
    """

    def __init__(
        self,
        loaded: LoadedAgency,
        parts: Parts,
        status: ServiceStatus,
        clock: Callable[[], int],
        on_retry: Callable[[], None],
    ) -> None:
        self._loaded = loaded
        self.parts = parts
        self._status = status
        self._clock = clock
        self._on_retry = on_retry
        self._log = logger("broker")
        self._hearing = asyncio.Lock()
        self._heard = False

    @property
    def participant(self) -> Participant:
        """The agency as it was last loaded."""
        return self._loaded.participant

    # --- running ---------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop`` is set, or a fault that no waiting can mend.

        Raises:
            StoreError: ``lease_lost`` (another relay took over) or ``clock_jumped``, for example.
            TransportError: ``kafka_refused``: Kafka does not let this agency in.
        """
        parts, intervals = self.parts, self.participant.config.intervals
        holder = f"{self.participant.agency}:{os.getpid()}"
        await asyncio.to_thread(parts.relay.take_lock, holder)
        await asyncio.to_thread(parts.statements.take_up)
        loops: tuple[Callable[[], Awaitable[None]], ...] = (
            self.when_heard(partial(parts.relaying.run, stop), stop),
            partial(parts.changes.run, intervals.relay, stop),
            partial(parts.reader.run, stop, parts.arrivals.trouble),
            self.when_heard(partial(self._heartbeat_loop, stop), stop),
            self.when_heard(partial(self._receipt_loop, intervals.receipt, stop), stop),
            partial(self._watch_loop, stop),
            self.when_heard(partial(parts.replaying.run, stop), stop),
            self.when_heard(partial(self._copies_loop, stop), stop),
            self.when_heard(partial(self._pings_loop, stop), stop),
            self.when_heard(partial(self._reports_loop, stop), stop),
            self._statements(self._look_listing, LISTING_EVERY_S, "listing_waits", stop),
            self._statements(self._look_unions, UNIONS_EVERY_S, "union_waits", stop),
            self._statements(self._look_counts, COUNTS_EVERY_S, "counts_wait", stop),
        )
        try:
            await run_together(loops, stop, tell_shortage=self.tell_shortage)
        finally:
            parts.statements.end()
            await self._keep_counts(last=True)

    def when_heard(
        self, loop: Callable[[], Awaitable[None]], stop: asyncio.Event
    ) -> Callable[[], Awaitable[None]]:
        """Return a loop that begins when a restored agency has read the manifests topic.

        A backup may be from before this agency's own suspension, or from before it revoked a key.
        So a restored agency takes, signs and sends nothing before it knows its own newest manifest.
        For an agency that was not restored the loop begins at once.
        """
        root = self.participant.root
        record = restore_record(root)
        if record is None or record.heard:
            return loop

        async def later() -> None:
            await first_of(self.parts.reader.caught_up, stop)
            if stop.is_set():
                return
            async with self._hearing:
                while not self._heard and not stop.is_set():
                    await self._hear(root, stop)
            if not stop.is_set():
                await loop()

        return later

    def tell_shortage(self) -> None:
        """Report that no more files can be opened: a part of the adapter waits."""
        self._status.tell_shortage()

    def kafka_fault(self) -> str | None:
        """Return the reason code if Kafka cannot be used; None if it can, or was not tried yet."""
        reason = self._status.kafka()
        return None if reason == STARTING else reason

    def published(self) -> None:
        """Wake the relay, because the outbox has something new."""
        self.parts.relaying.look()

    def announce(self) -> None:
        """Publish our own manifest and contracts again."""
        self.parts.relaying.announce()

    def publish_changed(self) -> None:
        """Publish entries and documents of agreements that are new in the folder."""
        self.parts.relaying.publish_changed()

    def heard_others_since(self, since: int) -> bool:
        """Return whether another agency's heartbeat states a time (ms) of then or later."""
        return self.parts.watch.heard_others_since(since)

    async def reload(self) -> None:
        """Take up manifests and contracts that were written beside us, and publish our own.

        Raises:
            ConcordantError: a file does not verify; what was known stays in force.
        """
        self._loaded.participant = await self.parts.reader.take_up(self._loaded_again)
        self.parts.relaying.announce()  # and go on without a key that is revoked

    async def _hear(self, root: Path, stop: asyncio.Event) -> None:
        """Take up what a restored agency has just read, and record that it did."""
        try:
            await self.reload()
        except ConcordantError as error:
            self._log.error("registry_not_reloaded", code=error.code)
            await set_within(stop, TICK_S)
            return
        self._heard = True
        self._log.info("restored_caught_up")
        with contextlib.suppress(OSError):  # else the next start waits once more
            await asyncio.to_thread(note_heard, root)

    def _loaded_again(self) -> Participant:
        before = self.participant
        fresh = load_participant(before.root, self._clock(), known=self.parts.control.manifests)
        fresh.keyring.stay_unlocked(before.keyring)
        return fresh

    # --- loops -----------------------------------------------------------------------------------

    def _waits(self, event: str, error: ConcordantError) -> None:
        """Report that something is tried again later."""
        if out_of_descriptors(error):
            self.tell_shortage()
        self._log.warning(event, code=error.code)

    async def _heartbeat_loop(self, stop: asyncio.Event) -> None:
        """Send heartbeats: at each interval, and when our newest manifest is another one.

        A shorter interval of a new agreement counts within a minute.
        """
        while not stop.is_set():
            sent, told = time.monotonic(), True
            self._status.metrics.turned("heartbeat", self._interval_s() + LATE_S)
            try:
                await self.parts.statements.tell_heads(self.parts.relay.acknowledged_heads())
            except ConcordantError as error:
                require_waiting_helps(error)
                self._waits("heartbeat_waits", error)
                told = False
            while (left := sent + self._interval_s() - time.monotonic()) > 0:
                if await self._heartbeat_due(stop, min(left, LOOK_AGAIN_S), told=told):
                    break

    async def _heartbeat_due(self, stop: asyncio.Event, seconds: float, *, told: bool) -> bool:
        """Wait. Returns early, with True, at the end or if our newest manifest is another one."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            if await set_within(stop, min(left, TICK_S)):
                return True
            if told and self.parts.statements.heartbeat_due():
                return True
        return False

    def _interval_s(self) -> float:
        """Return the interval of our heartbeats, which follows the agreements of now."""
        self._status.heartbeat_s = self.participant.heartbeat_s(self._clock())
        return self._status.heartbeat_s

    async def _receipt_loop(self, interval: float, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._status.metrics.turned("receipts", interval + LATE_S)
            await set_within(stop, interval)
            try:
                await self.parts.statements.flush()
            except ConcordantError as error:
                require_waiting_helps(error)
                self._waits("receipts_wait", error)

    async def _copies_loop(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await set_within(stop, COPIES_EVERY_S)
            try:
                done = await asyncio.to_thread(self.parts.copies.look, self._clock())
            except ConcordantError as error:
                require_waiting_helps(error)
                self._waits("copies_wait", error)
                continue
            for code, count in done.ended.items():
                self._log.warning("copies_ended", code=code, count=count)
            if done.sent:
                self.published()

    async def _pings_loop(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.parts.pings.heard.within(None, stop)
            if self.parts.pings.waits():
                report_pings(await self.parts.pings.answer(), self._status.metrics, self._log)

    async def _reports_loop(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._status.metrics.turned("reports", REPORTS_EVERY_S + LATE_S)
            try:
                sent = await self.parts.reports.look()
            except ConcordantError as error:
                require_waiting_helps(error)
                self._waits("reports_wait", error)
            else:
                self._status.metrics.reports_sent(sent)
            await set_within(stop, REPORTS_EVERY_S)

    def _statements(
        self, look: Callable[[], Awaitable[None]], every_s: float, event: str, stop: asyncio.Event
    ) -> Callable[[], Awaitable[None]]:
        """Return a loop of statements for partners; ``event`` names its faults in the log."""
        waits = partial(self._waits, event)
        return self.when_heard(partial(look_at_intervals, look, every_s, waits, stop), stop)

    async def _look_listing(self) -> None:
        if (await self.parts.listing.look()).sent:
            self._log.info("listing_published")
            self._status.metrics.statements_sent("listing", 1)

    async def _look_unions(self) -> None:
        report_unions(await self.parts.unions.look(), self._status.metrics, self._log)

    async def _look_counts(self) -> None:
        report_counts(await self.parts.counts.look(), self._status.metrics, self._log)

    async def _watch_loop(self, stop: asyncio.Event) -> None:
        """Look a second after the state has changed; otherwise by the clock, but less often."""
        while not stop.is_set():
            looked = time.monotonic()
            await self.parts.changes.changed.within(CHECKS_MOST_S, stop)
            await set_within(stop, max(looked + TICK_S - time.monotonic(), 0.0))
            try:
                found = await asyncio.to_thread(self.parts.watch.look)
            except ConcordantError as error:
                self._waits("watch_waits", error)
                continue
            await self._follow(found)
            await self._keep_counts()

    async def _follow(self, found: Found) -> None:
        """Act on the result of one round of checks."""
        parts, metrics = self.parts, self._status.metrics
        metrics.turned("watch", LATE_S)
        report_alarms(found.alarms, metrics, self._log)
        if found.thin_receipts:
            await asyncio.to_thread(parts.control.thin_receipts, self._clock())
        for one in found.differing:
            self._log.error(
                "registry_differs",
                agency=one.agency,
                contract=one.contract.hex(),
                ours=one.ours.hex(),
                theirs=one.theirs.hex(),
            )
        for origin, first, last in found.ask_again:
            parts.statements.gap(origin, first, last)
        for agency in found.ask_manifests:
            parts.statements.want_manifest(agency)
        if found.send_again:
            parts.relaying.send_again()
            self._on_retry()
        for partition in found.judge_again:
            parts.reader.read_again(partition)
        if found.judge_unheard:
            try:
                await parts.reader.judge_unheard()
            except ConcordantError as error:
                self._waits("watch_waits", error)

    async def _keep_counts(self, *, last: bool = False) -> None:
        try:
            await asyncio.to_thread(partial(self.parts.watch.keep, last=last))
        except ConcordantError as error:
            self._waits("watch_waits", error)
