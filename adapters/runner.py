"""Runner of one adapter process, between the agency's system and the broker's service.

``run_adapter`` makes and wires every part; no other code does. The retention of the agency's
folders is one of the parts.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from adapters.catalogue import adapter_named
from adapters.delivery import Delivery
from adapters.intake import IMPORT_LATE_S, Intake
from adapters.sinks.folder_sink import FolderSink
from adapters.sources.source_file import FileReport
from adapters.sources.watched_folder import SETTLE_S, FolderSource
from broker.agency.participant import load_participant
from broker.agency.running import ADAPTER_LOCK, PORT_FILE
from broker.clock import SteadyClock
from broker.held.import_folder import remove_leftovers
from broker.held.inventory import held_folders
from broker.observing.health import HealthServer, Readiness, health_app
from broker.observing.logs import dropped_values, logger
from broker.observing.metrics import Metrics
from broker.operations.folders import apply_retention, folder_states
from broker.service.own_manifest_watch import watch_own_manifest
from broker.service.service import BrokerService
from broker.store.database import Store, open_store
from broker.store.exclusion import exclusive
from broker.transport.interfaces import Transport
from broker.transport.kafka import KafkaTransport
from broker.transport.topics import inbox_group
from broker.waiting import run_together, set_within
from contracts.errors import ConcordantError

DELIVERY_LATE_S: Final = 120.0
"""Seconds after which a round of deliveries, with its longest pause, counts as late."""


async def run_adapter(
    directory: Path,
    clock: Callable[[], int],
    *,
    settle_s: float = SETTLE_S,
    stop: asyncio.Event | None = None,
    transport: Transport | None = None,
    metrics: Metrics | None = None,
) -> None:
    """Run an agency's adapter until it receives SIGTERM or SIGINT.

    Args:
        directory: the agency's folder.
        clock: () -> ms since the epoch.
        settle_s: seconds without a change after which an export counts as complete.
        stop: set it to end the adapter; by default an event that the signals set.
        transport: closed at the end; by default the Kafka of `agency.toml`.
        metrics: the metrics that /metrics serves; by default new ones.

    Raises:
        ConcordantError: the adapter cannot start or cannot continue.
    """
    clock = SteadyClock(clock)
    participant = load_participant(directory, clock())
    participant.contract_in_force(clock())
    config = participant.config
    log = logger("adapter")
    stop = stop or _on_signals()
    with exclusive(participant.path(ADAPTER_LOCK)):
        store = open_store(participant.path(config.state.database))
        metrics, readiness = metrics or Metrics(), Readiness()
        adapter = adapter_named(config.adapter.kind)
        transport = transport or KafkaTransport(
            participant.kafka_connection(),
            group=inbox_group(participant.deployment, participant.agency),
        )
        service = BrokerService(participant, store, transport, clock, metrics, readiness)
        folders = config.folders
        intake = Intake(
            adapter,
            participant.agency,
            config.partners,
            store,
            service.publisher,
            service.published,
            metrics,
            clock,
            config.adapter.encoding,
            leave_out=config.intake.ungranted_fields == "leave_out",
        )
        source = FolderSource(
            participant.path(folders.import_),
            processed=participant.path(folders.processed),
            quarantine=participant.path(folders.quarantine),
            suffixes=adapter.suffixes,
            report=file_reporter(metrics),
            settle_s=settle_s,
            poll_s=config.intervals.poll,
        )
        readiness.add("import", source.trouble)
        service.on_retry = source.retry_now
        delivery = Delivery(
            adapter,
            participant.agency,
            config.partners,
            store,
            FolderSink(participant.path(folders.inbox)),
            clock,
        )

        def exposed() -> bytes:
            metrics.log_values_dropped(dropped_values())
            metrics.ready(readiness.reasons())
            return metrics.text()

        def import_turned() -> None:
            metrics.turned("import", config.intervals.poll + IMPORT_LATE_S)

        def delivery_turned() -> None:
            metrics.turned("delivery", DELIVERY_LATE_S)

        server = HealthServer(
            health_app(readiness, exposed), host=config.http.host, port=config.http.port
        )
        await server.start()
        participant.path(PORT_FILE).write_text(f"{server.port}\n")
        written = held_folders(participant).written
        removed = await asyncio.to_thread(remove_leftovers, written, clock(), age_ms=0)
        if removed:
            log.info("leftovers_removed", files=removed)
        log.info("adapter_started", agency=participant.agency, port=server.port)
        retention = FolderRetention(directory, store, metrics, clock)
        loops: tuple[Callable[[], Awaitable[None]], ...] = (
            lambda: service.run(stop),
            lambda: watch_own_manifest(participant, service, stop),
            lambda: source.run(intake.take, stop, import_turned),
            lambda: delivery.run(service.delivered, stop, delivery_turned),
            lambda: retention.run(stop),
        )
        try:
            await run_together(loops, stop, tell_shortage=service.tell_shortage)
        finally:
            await transport.close()
            await server.stop()
            store.close()
            log.info("adapter_stopped", agency=participant.agency)


def file_reporter(metrics: Metrics) -> Callable[[FileReport], None]:
    """Return the reporter of a folder source: it logs, and counts each file refused as a whole."""

    def report(told: FileReport) -> None:
        if told.status == "quarantined":
            metrics.item_refused(told.code)
        _report(told)

    return report


def _report(report: FileReport) -> None:
    """Log the outcome of a file by its hash, because a file name may be a person's name."""
    logger("source").info(
        "file_put_away", status=report.status, code=report.code, refused=report.rows
    )


def _on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    return stop


EVERY_S: Final = 300.0


class FolderRetention:
    """Removes expired files, and measures the folders.

    Args:
        directory: the agency's folder; its settings are read again each time.
        store: the agency's state.
        metrics: metrics of the adapter.
        clock: () -> ms since the epoch.
    """

    def __init__(
        self, directory: Path, store: Store, metrics: Metrics, clock: Callable[[], int]
    ) -> None:
        self._directory = directory
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._log = logger("retention")

    async def run(self, stop: asyncio.Event) -> None:
        """Run one round every five minutes until ``stop`` is set."""
        while not stop.is_set():
            try:
                await asyncio.to_thread(self.round)
            # settings or state are unavailable; the next round tries again
            except ConcordantError as error:
                self._log.warning("retention_waits", code=error.code)
            await set_within(stop, EVERY_S)

    def round(self) -> None:
        """Remove expired files, then measure.

        Raises:
            ConcordantError: the settings cannot be read, or the state cannot be written.
        """
        now = self._clock()
        participant = load_participant(self._directory, now)
        for folder, removed in apply_retention(participant, self._store, now).items():
            if removed:
                self._metrics.files_removed(folder, removed)
                self._log.info("files_removed", files=removed, kind=folder)
        for state in folder_states(participant, now):
            self._metrics.folder(state.name, state.files, state.oldest_ms, now)
