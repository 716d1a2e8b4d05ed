"""Runner of one adapter process, between the agency's system and the broker's service.

``run_adapter`` opens what the process brings along, has ``adapters/wiring.py`` connect the parts,
and runs their loops until it is told to stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from adapters.intake import IMPORT_LATE_S
from adapters.sources.watched_folder import SETTLE_S
from adapters.standby import wait_for_lease
from adapters.wiring import Adapter, Outside, connect_adapter
from broker.agency.participant import Participant, load_participant
from broker.agency.running import ADAPTER_LOCK, API_PORT_FILE, PORT_FILE
from broker.audit.actor import Actor
from broker.audit.recording import OPERATOR
from broker.audit.setting_changes import record_settings
from broker.clock import SteadyClock
from broker.held.import_folder import remove_leftovers
from broker.held.inventory import held_folders
from broker.observing.health import Readiness
from broker.observing.logs import logger
from broker.observing.metrics import Metrics
from broker.service.certificate_watch import watch_certificate
from broker.service.manifest_renewal import ManifestRenewal
from broker.service.own_manifest_watch import watch_own_manifest
from broker.store.database import open_store
from broker.store.exclusion import exclusive
from broker.store.place import PostgresPlace
from broker.transport.interfaces import Transport
from broker.transport.kafka import KafkaTransport
from broker.transport.topics import inbox_group
from broker.waiting import run_together

if TYPE_CHECKING:
    from broker.store.instances import Instance

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
    name: str | None = None,
) -> None:
    """Run an agency's adapter until it receives SIGTERM or SIGINT.

    Args:
        directory: the agency's folder.
        clock: () -> ms since the epoch.
        settle_s: seconds without a change after which an export counts as complete.
        stop: set it to end the adapter; by default an event that the signals set.
        transport: closed at the end; by default the Kafka of `agency.toml`.
        metrics: the metrics that /metrics serves; by default new ones.
        name: names this adapter among those that share a state; by default the name of the machine.

    Raises:
        ConcordantError: the adapter cannot start or cannot continue.
    """
    clock = SteadyClock(clock)
    stop = stop or stop_on_signals()
    participant = load_participant(directory, clock())
    participant.contracts_in_force(clock())  # raises the reason if there is none
    on_server = isinstance(participant.state, PostgresPlace)
    metrics = metrics or Metrics()
    with (
        exclusive(participant.path(ADAPTER_LOCK), shared=on_server),
        closing(open_store(participant.state)) as store,
        ExitStack() as opened,
    ):
        instance = store.among_others(name or socket.gethostname())
        if instance is not None:
            if not await wait_for_lease(participant, instance, metrics, stop):
                if transport is not None:
                    await transport.close()
                return
            opened.callback(instance.release)
            participant = load_participant(directory, clock())  # it may have waited for days
        transport = transport or KafkaTransport(
            participant.kafka_connection(),
            group=inbox_group(participant.deployment, participant.agency),
        )
        outside = Outside(store, transport, clock, metrics, Readiness())
        with store.transaction() as tx:
            record_settings(tx, participant, Actor(OPERATOR), clock())
        adapter = connect_adapter(participant, outside, settle_s)
        await _run_connected(participant, adapter, transport, metrics, clock, instance, stop)


async def _run_connected(
    participant: Participant,
    adapter: Adapter,
    transport: Transport,
    metrics: Metrics,
    clock: Callable[[], int],
    instance: Instance | None,
    stop: asyncio.Event,
) -> None:
    """Run the loops of the parts until ``stop`` is set or one fails."""
    config, log = participant.config, logger("adapter")
    broker, server = adapter.broker, adapter.server
    await server.start()
    participant.path(PORT_FILE).write_text(f"{server.port}\n")
    api = adapter.api
    participant.path(API_PORT_FILE).unlink(missing_ok=True)
    written = held_folders(participant).written
    removed = await asyncio.to_thread(remove_leftovers, written, clock(), age_ms=0)
    if removed:
        log.info("leftovers_removed", files=removed)
    metrics.adapters.works()
    log.info("adapter_started", agency=participant.agency, port=server.port)
    renewal = ManifestRenewal(broker, metrics, clock)
    import_turned = partial(metrics.turned, "import", config.intervals.poll + IMPORT_LATE_S)
    delivery_turned = partial(metrics.turned, "delivery", DELIVERY_LATE_S)
    loops: tuple[Callable[[], Awaitable[None]], ...] = (
        partial(broker.run, stop),
        partial(watch_own_manifest, participant, broker, stop),
        partial(watch_certificate, participant, metrics, clock, stop),
        broker.when_heard(partial(renewal.run, stop), stop),
        broker.when_heard(partial(adapter.source.run, stop, import_turned), stop),
        partial(adapter.sink.run, broker.parts.arrivals.delivered, stop, delivery_turned),
        partial(adapter.retention.run, stop),
        partial(adapter.faults.run, stop),
    )
    if instance is not None:
        loops = (*loops, partial(instance.keep, stop, metrics.adapters.seen))
    loops = (*loops, *(partial(one.run, stop) for one in adapter.notices))
    if api is not None:  # last, so that its first request finds the source started
        await api.start()
        participant.path(API_PORT_FILE).write_text(f"{api.port}\n")
    try:
        await run_together(loops, stop, tell_shortage=broker.tell_shortage)
    finally:
        if api is not None:
            _withdraw_port(participant.path(API_PORT_FILE), api.port)
            await api.stop()
        await transport.close()
        await server.stop()
        log.info("adapter_stopped", agency=participant.agency)


def _withdraw_port(file: Path, port: int) -> None:
    """Remove the file with this adapter's port, unless it is of one that took over."""
    with contextlib.suppress(OSError):
        if file.read_text() == f"{port}\n":
            file.unlink()


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set, on the running event loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    return stop
