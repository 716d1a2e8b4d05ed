"""Reactions of a running adapter to records that came: reports, notices, receipts, alarms."""

from __future__ import annotations

import asyncio

from broker.control.news import News
from broker.control.own_statements import OwnStatements
from broker.control.watch import Watch
from broker.judging.key_resolver import Trust
from broker.observing.logs import logger
from broker.receiving.persistence import Batch
from broker.record import KafkaPartition
from broker.sending.relay import Relay
from broker.sending.sealing_context import SealingContext
from broker.service.reporting import ServiceStatus, report_batch, report_news
from broker.transport.interfaces import ReceiverTrouble
from broker.waiting import DESCRIPTORS_EXHAUSTED, set_within


class Arrivals:
    """Effects of received records: the `Listener` of a running adapter's reader.

    Args:
        relay: notified of refused records of our own.
        statements: tell senders which records are refused, missing or stored.
        watch: notified of heartbeats and of withheld records.
        sealing: seals by the trusted contracts and keys.
        status: status of the service.
    """

    def __init__(
        self,
        relay: Relay,
        statements: OwnStatements,
        watch: Watch,
        sealing: SealingContext,
        status: ServiceStatus,
    ) -> None:
        self._relay = relay
        self._statements = statements
        self._watch = watch
        self._sealing = sealing
        self._status = status
        self._delivered = asyncio.Event()
        self._log = logger("broker")

    async def delivered(self, timeout_s: float) -> None:
        """Wait until the inbox has something new, or the time is up."""
        await set_within(self._delivered, timeout_s)
        self._delivered.clear()

    def look(self) -> None:
        """Let the delivery look at the inbox, because the state has changed."""
        self._delivered.set()

    def taken(self, partition: KafkaPartition, batch: Batch, now: int) -> None:
        """Report a batch, and tell its senders what was refused, is missing or is stored."""
        self._status.received()
        report_batch(partition, batch, now, self._status.metrics, self._log)
        self._relay.refused(batch.refused)
        for origin, index, _, _ in batch.refused:
            if origin is not None and index >= 0:
                reported = (origin, index) in batch.told
                self._statements.refused(origin, index, reported=reported)
        for origin, first, last in batch.gaps:
            self._statements.gap(origin, first, last)
        self._statements.changed(batch.changed)
        if batch.opened:
            self._delivered.set()

    def news(self, news: News) -> None:
        """Report what control records brought, and remember who spoke and what is withheld."""
        self._status.received()
        for beat in news.heartbeats:
            self._watch.heard(beat)
        for log, last in news.missing:
            self._watch.missing(log, last)
        if news.awaited is not None:
            self._sealing.await_manifests(news.awaited)
        if news.manifest_asked:
            self._statements.manifest_asked()
        for agency in news.manifests_wanted:
            self._statements.want_manifest(agency)
        report_news(news, self._status.metrics, self._log)

    async def believed(self, trust: Trust) -> None:
        """Seal by the contracts and keys that are believed now."""
        resolver = trust.resolver
        self._sealing.contracts, self._sealing.manifests = resolver.contracts, resolver.manifests
        await asyncio.to_thread(self._statements.learned, resolver.contracts, resolver.manifests)
        self._log.info("registry_changed")

    def reached(self) -> None:
        """Kafka answers."""
        self._status.receiving.up()

    def trouble(self, trouble: ReceiverTrouble) -> None:
        """Log what reading waits for."""
        # A missing topic is waited for while the others are read; a failed handler is not Kafka's.
        kafka = trouble.code.startswith("kafka_") or trouble.code == "certificate_unreadable"
        if kafka and trouble.code != "kafka_topic_missing":
            self._status.receiving.down(trouble.code)
        if trouble.code == DESCRIPTORS_EXHAUSTED:
            self._status.tell_shortage()
        self._log.warning(
            "receiving_waits",
            code=trouble.code,
            topic=trouble.topic or None,
            partition=trouble.partition,
            kind=trouble.error.lower(),
            delay_ms=int(trouble.retry_in_s * 1000),
        )
