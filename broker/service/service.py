"""Service of one agency: relay, receiving, control topics, heartbeats and receipts.

Each loop is small and has one task. The loops share the participant, the store and the transport.
Blocking work (SQLite, cryptography) runs in threads, so that the loops stay responsive.
docs/spec/README.md describes the protocol of each.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Final

from broker.agency.participant import Participant, load_participant
from broker.control.control import News
from broker.control.own_heartbeat import own_heartbeat
from broker.control.own_statements import OwnStatements
from broker.control.watch import Watch
from broker.observing.health import Flag, Readiness
from broker.observing.logs import logger
from broker.observing.metrics import Metrics
from broker.receiving.persistence import Batch
from broker.record import KafkaPartition
from broker.sending.publishing import Publisher
from broker.sending.relay import Relay
from broker.sending.sealing import EventSealer
from broker.sending.sealing_context import SealingContext
from broker.service.faults import require_waiting_helps
from broker.service.reading import Reader
from broker.service.relaying import Relaying
from broker.service.replaying import Replaying
from broker.service.reporting import report_alarms, report_batch, report_news
from broker.statements.authorship import author, cosigner
from broker.store.database import Store
from broker.tlog.note import NoteSigner
from broker.transport.interfaces import Transport, Trouble
from broker.transport.topics import control_topics
from broker.waiting import (
    DESCRIPTORS_EXHAUSTED,
    out_of_descriptors,
    run_together,
    set_within,
)
from contracts.errors import ConcordantError

TICK_S: Final = 1.0
LATE_S: Final = 60.0
"""Seconds after which a late loop counts as held up; a failing call to Kafka takes 30."""


class BrokerService:
    """Everything of an adapter that is not the agency's own system.

    Args:
        participant: the agency, loaded and verified.
        store: its state.
        transport: Kafka.
        clock: () -> ms since the epoch; steady (``broker.clock``).
        metrics, readiness: where it says how it is.
    """

    def __init__(
        self,
        participant: Participant,
        store: Store,
        transport: Transport,
        clock: Callable[[], int],
        metrics: Metrics,
        readiness: Readiness,
    ) -> None:
        self.participant = participant
        self.store = store
        self.metrics = metrics
        self._transport = transport
        self._clock = clock
        self._log = logger("broker")
        # Each direction knows for itself whether Kafka is there. The relay alone would not: with
        # nothing to send it asks Kafka nothing.
        self._sending, self._receiving = Flag(), Flag(None)
        readiness.add("kafka", lambda: self._sending() or self._receiving())
        self._delivered = asyncio.Event()
        self.on_retry: Callable[[], None] = lambda: None
        """Called when a person asked to try again what waits; set by what else can wait."""
        secret = participant.keyring.secret()
        self._sealing = SealingContext(participant.contracts, participant.manifests)
        self._sealer = EventSealer(
            participant.deployment,
            participant.agency,
            secret,
            self._sealing.contract_in_force,
            self._sealing.exchange_key,
        )
        self.publisher = Publisher(self._sealer)
        topics = control_topics(participant.deployment)
        self._reader = Reader(
            participant,
            store,
            transport,
            clock,
            secret,
            topics,
            topics.names,
            on_taken=self._on_batch,
            on_news=self._on_news,
            on_books=self._on_books,
            on_reached=self._receiving.up,
        )
        self.control = self._reader.control
        self.relay = Relay(
            participant.deployment,
            participant.agency,
            store,
            transport,
            self._stream_cosigner,
            clock,
        )
        self._replaying = Replaying(
            self.relay,
            self.control.replay_requests,
            clock,
            lambda: len(self.control.present().parties),
        )
        self._statements = OwnStatements(
            participant,
            store,
            transport,
            clock,
            self._receipt_signer,
            self._receipt_cosigner,
            metrics.notices_left_out,
        )
        with store.reading() as tx:
            metrics.restore(tx)
        self._watch = Watch(
            lambda: self.participant, store, clock, metrics, lambda: self._reader.trust
        )
        self._relaying = Relaying(
            lambda: self.participant,
            self.relay,
            self._reader,
            self._statements,
            transport,
            metrics,
            self._sending,
            self._tell_heads,
        )

    # --- keys ------------------------------------------------------------------------------------

    def _stream_cosigner(self) -> NoteSigner:
        name, now = self.participant.key_name, self._clock()
        return cosigner(name, self.participant.stream_signer(now))

    def _receipt_signer(self) -> NoteSigner:
        name, now = self.participant.key_name, self._clock()
        return author(name, self.participant.receipt_signer(now))

    def _receipt_cosigner(self) -> NoteSigner:
        name, now = self.participant.key_name, self._clock()
        return cosigner(name, self.participant.receipt_signer(now))

    def data_topics(self) -> tuple[str, ...]:
        """Data topics that this agency reads, of every contract that it has signed."""
        return self._reader.data_topics()

    # --- running ---------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop`` is set, or a fault that no waiting can mend.

        Raises:
            StoreError: ``lease_lost`` (another relay took over) or ``clock_jumped``, for example.
            TransportError: ``kafka_refused``: Kafka does not let this agency in.
        """
        await asyncio.to_thread(self.relay.take_lock, f"{self.participant.agency}:{os.getpid()}")
        await asyncio.to_thread(self._statements.take_up)
        loops: tuple[Callable[[], Awaitable[None]], ...] = (
            lambda: self._relaying.run(stop),
            lambda: self._reader.run(stop, self._trouble),
            lambda: self._heartbeat_loop(stop),
            lambda: self._receipt_loop(stop),
            lambda: self._watch_loop(stop),
            lambda: self._replaying.run(stop),
        )
        try:
            await run_together(loops, stop, tell_shortage=self.tell_shortage)
        finally:
            self._statements.end()
            await self._keep_counts()

    def tell_shortage(self) -> None:
        """Report that no more files can be opened: a part of the adapter waits."""
        self.metrics.shortage()
        self._log.warning("descriptors_wait", code=DESCRIPTORS_EXHAUSTED)

    def _waits(self, event: str, error: ConcordantError) -> None:
        """Report that something is tried again later."""
        if out_of_descriptors(error):
            self.tell_shortage()
        self._log.warning(event, code=error.code)

    def published(self) -> None:
        """Wake the relay, because the outbox has something new."""
        self._relaying.look()

    async def delivered(self, timeout_s: float) -> None:
        """Wait until the inbox has something new, or the time is up."""
        await set_within(self._delivered, timeout_s)
        self._delivered.clear()

    def _on_batch(self, partition: KafkaPartition, batch: Batch, now: int) -> None:
        self._received()
        report_batch(partition, batch, now, self.metrics, self._log)
        self.relay.refused(batch.refused)
        for origin, index, _, _ in batch.refused:
            if origin is not None and index >= 0:
                self._statements.refused(origin, index)
        for origin, first, last in batch.gaps:
            self._statements.gap(origin, first, last)
        self._statements.changed(batch.changed)
        if batch.covered_more:
            self._reader.read_again(partition)
        if batch.opened:
            self._delivered.set()

    def _received(self) -> None:
        """Kafka gave something; at the latest our own next heartbeat has to come."""
        interval = self.participant.config.intervals.heartbeat
        self.metrics.turned("receiving", 2 * interval + LATE_S)

    async def _on_news(self, news: News) -> None:
        self._received()
        for beat in news.heartbeats:
            self._watch.heard(beat)
        for log, last in news.missing:
            self._watch.missing(log, last)
        report_news(news, self.metrics, self._log)

    async def reload(self) -> None:
        """Take up manifests and contracts that were written beside us, and publish our own.

        Raises:
            ConcordantError: a file does not verify; what was known stays in force.
        """
        fresh = await self._reader.take_up(
            lambda: load_participant(self.participant.root, self._clock())
        )
        self.participant = fresh
        self._relaying.announce()  # and go on without a key that is revoked

    async def _on_books(self) -> None:
        contracts, manifests = self.control.contracts, self.control.manifests
        self._sealing.contracts, self._sealing.manifests = contracts, manifests
        self._log.info("registry_changed")

    def _trouble(self, trouble: Trouble) -> None:
        # A missing topic is waited for while the others are read; a failed handler is not Kafka's.
        if trouble.code.startswith("kafka_") and trouble.code != "kafka_topic_missing":
            self._receiving.down(trouble.code)
        if trouble.code == DESCRIPTORS_EXHAUSTED:
            self.tell_shortage()
        self._log.warning(
            "receiving_waits",
            code=trouble.code,
            topic=trouble.topic or None,
            partition=trouble.partition,
            kind=trouble.error.lower(),
            delay_ms=int(trouble.retry_in_s * 1000),
        )

    async def _heartbeat_loop(self, stop: asyncio.Event) -> None:
        interval = self.participant.config.intervals.heartbeat
        while not stop.is_set():
            self.metrics.turned("heartbeat", interval + LATE_S)
            try:
                await self._tell_heads()
            except ConcordantError as error:
                require_waiting_helps(error)
                self._waits("heartbeat_waits", error)
            await set_within(stop, interval)

    async def _tell_heads(self) -> None:
        note = await asyncio.to_thread(
            own_heartbeat,
            self.participant,
            self.store,
            self.relay.acknowledged_heads(),
            self._clock(),
        )
        await self._transport.send([self._statements.heartbeat(note)])

    async def _receipt_loop(self, stop: asyncio.Event) -> None:
        interval = self.participant.config.intervals.receipt
        while not stop.is_set():
            self.metrics.turned("receipts", interval + LATE_S)
            await set_within(stop, interval)
            try:
                await self._statements.flush()
            except ConcordantError as error:
                require_waiting_helps(error)
                self._waits("receipts_wait", error)

    async def _watch_loop(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await set_within(stop, TICK_S)
            try:
                found = await asyncio.to_thread(self._watch.look)
            except ConcordantError as error:
                self._waits("watch_waits", error)
                continue
            self.metrics.turned("watch", LATE_S)
            report_alarms(found.alarms, self.metrics, self._log)
            if found.thin_receipts:
                await asyncio.to_thread(self.control.thin_receipts, self._clock())
            for origin, first, last in found.ask_again:
                self._statements.gap(origin, first, last)
            if found.send_again:
                self._relaying.send_again()
                self.on_retry()
            for partition in found.judge_again:
                self._reader.read_again(partition)
            await self._keep_counts()

    async def _keep_counts(self) -> None:
        try:
            await asyncio.to_thread(self._watch.keep)
        except ConcordantError as error:
            self._waits("watch_waits", error)
