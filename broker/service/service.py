"""One agency's service: the relay, receiving, control topics, heartbeats and receipts, together.

Each loop is small and knows one thing; what they share is the participant, the store and the
transport. Blocking work (SQLite, cryptography) runs in threads, so that the loops stay responsive.
docs/spec/README.md says what each does on the wire.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Final

from broker.agency.participant import Participant, load_participant
from broker.control.control import News
from broker.control.own_heartbeat import own_heartbeat
from broker.control.own_statements import OwnStatements
from broker.control.watch import Watch
from broker.errors import TransportError
from broker.observing.health import Readiness
from broker.observing.logs import logger
from broker.observing.metrics import Metrics
from broker.receiving.taking import Batch
from broker.sending.governing import SealingTerms
from broker.sending.publishing import Publisher
from broker.sending.recovery import readers_of, revoked_stream_keys
from broker.sending.relay import Relay
from broker.sending.sealing import EventSealer
from broker.service.reading import Reader
from broker.service.reporting import report_alarms, report_batch, report_news
from broker.statements.authorship import author, cosigner
from broker.store.interfaces import Store
from broker.tlog.note import NoteSigner
from broker.transport.interfaces import Transport, Trouble
from broker.transport.topics import control_topics
from broker.waiting import set_within
from contracts.errors import ConcordantError

RETRY_MOST_S: Final = 10.0
TICK_S: Final = 1.0
MENDED_BY_WAITING: Final = frozenset(
    {"store_busy", "store_full", "signing_key_expired", "manifest_expired"}
)
"""Faults that others mend while the service runs: room on the disk, ``keys renew``."""

TOPIC_AWAY: Final = frozenset({"kafka_topic_missing", "kafka_refused"})
"""Codes with which Kafka does not take records of one topic and may well take those of others."""


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
        self._kafka = readiness.flag("kafka")
        self._delivered = asyncio.Event()
        secret = participant.keyring.secret()
        self._terms = SealingTerms(participant.contracts, participant.manifests)
        self._sealer = EventSealer(
            participant.deployment,
            participant.agency,
            secret,
            self._terms.governing,
            self._terms.exchange_key,
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
        self._statements = OwnStatements(
            participant, store, transport, clock, self._receipt_signer, self._receipt_cosigner
        )
        self._watch = Watch(
            lambda: self.participant, store, clock, metrics, lambda: self._reader.trust
        )
        self._waiting = asyncio.Event()
        self._reloaded = False

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
        loops = (
            self._relay_loop(stop),
            self._reader.run(stop, self._trouble),
            self._heartbeat_loop(stop),
            self._receipt_loop(stop),
            self._watch_loop(stop),
        )
        tasks = [asyncio.create_task(loop) for loop in loops]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            stop.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def published(self) -> None:
        """Something is new in the outbox: the relay need not wait for its next look."""
        self._waiting.set()

    async def delivered(self, timeout_s: float) -> None:
        """Wait until something is new in the inbox, or the time is up."""
        await set_within(self._delivered, timeout_s)
        self._delivered.clear()

    async def _relay_loop(self, stop: asyncio.Event) -> None:
        pause = self.participant.config.intervals.relay
        failures = 0
        behind = True
        told = False
        while not stop.is_set():
            try:
                held = None
                if behind or self._reloaded:
                    self._reloaded = False
                    await self._announce()
                    await self._recover()
                    held = await self._resend()
                    if not told:
                        # a heartbeat names the newest generations only: what the last process
                        # sent after its last one would never be under a post-quantum signature
                        await self._tell_heads()
                        told = True
                    behind = False
                sent = await self.relay.round()
                for topic, events in self.relay.batches():
                    self.metrics.signed(topic, events)
                    self.metrics.published(topic, events)
                if held is not None:
                    raise held
                failures = 0
                self._kafka.up()
                if not sent:
                    await set_within(self._waiting, pause)
                    self._waiting.clear()
            except ConcordantError as error:
                _require_waiting_helps(error)
                behind = True
                failures += 1
                self.metrics.relay_failed(error.code)
                self._kafka.down(error.code)
                delay = min(0.25 * 2**failures, RETRY_MOST_S)
                self._log.warning("relay_waits", code=error.code, delay_ms=int(delay * 1000))
                await set_within(stop, delay)

    async def _resend(self) -> TransportError | None:
        """Send again what is not known to be on Kafka; returns why a topic does not take it.

        A topic that is not there (yet), of a contract that is new perhaps, holds up no other.
        """
        try:
            await self.relay.resend()
        except TransportError as error:
            if error.code not in TOPIC_AWAY:
                raise
            return error
        return None

    async def _announce(self) -> None:
        """Publish this agency's own manifest and the contracts, compacted by key."""
        records = self._statements.announcements(self.control.contracts, self.control.manifests)
        await self._transport.send(records)

    async def _recover(self) -> None:
        """If a stream key was revoked: go on without it, and lose nothing that it had signed."""
        agency = self.participant.agency
        trust = self._reader.trust
        again, gone = await self.relay.recover(
            revoked_stream_keys(trust.manifests, agency),
            lambda topic: readers_of(topic, agency, trust.contracts, trust.manifests),
            trust.receipt_believed,
        )
        if again:
            self._log.warning("published_again", records=again)
        if gone:
            self._log.error("content_gone", records=gone)

    def _on_batch(self, topic: str, partition: int, batch: Batch, now: int) -> None:
        report_batch(topic, partition, batch, now, self.metrics, self._log)
        self.relay.refused(batch.refused)
        for origin, index, _, _ in batch.refused:
            if origin is not None and index >= 0:
                self._statements.refused(origin, index)
        for origin, first, last in batch.gaps:
            self._statements.gap(origin, first, last)
        self._statements.changed(batch.changed)
        if batch.opened:
            self._delivered.set()

    async def _on_news(self, news: News) -> None:
        for beat in news.heartbeats:
            self._watch.heard(beat)
        for agency, topic, partition, generation, last in news.missing:
            self._watch.missing(agency, topic, partition, generation, last)
        report_news(news, self.metrics, self._log)
        for notice in news.replays:
            origin = notice.origin
            try:
                sent = await self.relay.replay(
                    origin.topic, origin.partition, origin.generation, notice.first, notice.last
                )
            except TransportError as error:
                self._log.warning("replay_waits", code=error.code)
                continue
            self._log.info("replayed", topic=origin.topic, events=sent)

    async def reload(self) -> None:
        """Take up manifests and contracts that were written beside us, and publish our own.

        Raises:
            ConcordantError: a file does not verify; what was known stays in force.
        """
        fresh = await self._reader.take_up(
            lambda: load_participant(self.participant.root, self._clock())
        )
        self.participant = fresh
        self._reloaded = True  # the relay announces it, and goes on without a key that is revoked
        self._waiting.set()

    async def _on_books(self) -> None:
        contracts, manifests = self.control.contracts, self.control.manifests
        self._terms.contracts, self._terms.manifests = contracts, manifests
        self._log.info("registry_changed")

    def _trouble(self, trouble: Trouble) -> None:
        if trouble.code != "kafka_topic_missing":  # the other topics are read meanwhile
            self._kafka.down(trouble.code)
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
            try:
                await self._tell_heads()
            except ConcordantError as error:
                _require_waiting_helps(error)
                self._log.warning("heartbeat_waits", code=error.code)
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
            await set_within(stop, interval)
            try:
                await self._statements.flush()
            except ConcordantError as error:
                _require_waiting_helps(error)
                self._log.warning("receipts_wait", code=error.code)

    async def _watch_loop(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await set_within(stop, TICK_S)
            try:
                found = await asyncio.to_thread(self._watch.look)
            except ConcordantError as error:
                self._log.warning("watch_waits", code=error.code)
                continue
            report_alarms(found.alarms, self.metrics, self._log)
            for origin, first, last in found.ask_again:
                self._statements.gap(origin, first, last)
            for topic, partition in found.judge_again:
                self._reader.read_again(topic, partition)


def _require_waiting_helps(error: ConcordantError) -> None:
    """Raise what no waiting can mend: another relay took over, the clock jumped, damage."""
    if not isinstance(error, TransportError) and error.code not in MENDED_BY_WAITING:
        raise error
