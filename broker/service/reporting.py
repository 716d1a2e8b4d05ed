"""Report of a batch in metrics and in the log: codes and counts, never a value.

The log itself limits warnings and errors (`broker.observing.logs`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from structlog.typing import FilteringBoundLogger

from broker.control.news import News
from broker.control.ping_answers import PingOutcome
from broker.control.statement_publisher import PublishedStatements
from broker.observing.health import Flag
from broker.observing.logs import logger
from broker.observing.metrics import Metrics
from broker.receiving.persistence import Batch
from broker.record import KafkaPartition
from broker.waiting import DESCRIPTORS_EXHAUSTED

LATE_S: Final = 60.0
"""Seconds after which a late loop counts as held up; a failing call to Kafka takes 30."""


@dataclass(slots=True)
class ServiceStatus:
    """Status of a service; ``heartbeat_s`` is the interval of this agency's heartbeats.

    A new agreement may change it, so the loop that sends heartbeats sets it.

    Each direction records for itself whether Kafka answers. The relay alone is not enough: without
    anything to send, it makes no request.
    """

    metrics: Metrics
    heartbeat_s: float
    sending: Flag = field(default_factory=Flag)
    receiving: Flag = field(default_factory=partial(Flag, None))

    def received(self) -> None:
        """Kafka gave something; at the latest our own next heartbeat has to come."""
        self.metrics.turned("receiving", 2 * self.heartbeat_s + LATE_S)

    def tell_shortage(self) -> None:
        """Report that no more files can be opened: a part of the adapter waits."""
        self.metrics.shortage()
        logger("broker").warning("descriptors_wait", code=DESCRIPTORS_EXHAUSTED)

    def kafka(self) -> str | None:
        """Return the reason why Kafka cannot be used, or None; a check of readiness."""
        return self.sending() or self.receiving()


def report_batch(
    source: KafkaPartition, batch: Batch, now: int, metrics: Metrics, log: FilteringBoundLogger
) -> None:
    """Count and log a batch of one partition; ``now`` in ms."""
    topic, partition = source
    for event in batch.opened:
        metrics.received(topic, now - event.log_time * 1000)
    for _ in range(batch.repeats):
        metrics.passed_over("repeat")
    for _ in range(batch.not_addressed):
        metrics.passed_over("not_addressed")
    for _ in range(batch.leaves):
        metrics.passed_over("leaf")
    unauthenticated: Counter[tuple[str | None, float, str]] = Counter()
    for origin, index, step, code in batch.refused:
        metrics.refused(step, code)
        if origin is None or index < 0:
            unauthenticated[origin.agency if origin else None, step, code] += 1
            continue
        log.warning(
            "record_refused",
            topic=topic,
            partition=partition,
            agency=origin.agency,
            index=index,
            step=step,
            code=code,
        )
    for (
        sender,
        step,
        code,
    ), records in unauthenticated.items():  # an attacker can cause any number of them
        log.warning(
            "record_refused",
            topic=topic,
            partition=partition,
            agency=sender,
            step=step,
            code=code,
            records=records,
        )
    for (agency, code), count in Counter(batch.alarms).items():
        for _ in range(count):
            metrics.alarm(code, agency)
        more = {"records": count} if count > 1 else {}
        log.error("alarm", agency=agency, code=code, topic=topic, partition=partition, **more)
    for agency, code in batch.deferred:
        metrics.passed_over("deferred")
        log.warning("record_deferred", agency=agency, code=code, topic=topic)
    if batch.opened:
        count = len(batch.opened)
        log.info("batch_received", topic=topic, partition=partition, events=count)


def report_news(news: News, metrics: Metrics, log: FilteringBoundLogger) -> None:
    """Count and log what a batch of a control topic brought."""
    if news.let_go:
        metrics.ranges_let_go(news.let_go)
    for code in news.rejected:
        metrics.refused(2, code)
    for agency, code in news.reports_dropped:
        log.warning("report_dropped", agency=agency, code=code)
    for taken in news.reports:
        metrics.report_taken(taken.agency)
        for state, count in sorted(taken.changed.items()):
            if state != "delivered":
                log.warning("events_not_taken", agency=taken.agency, state=state, events=count)
    for agency in news.listings:
        log.info("listing_taken", agency=agency)
    for agency in news.unions:
        log.info("union_statement_taken", agency=agency)
    for counts in news.counts:
        if counts.other_vocabulary:
            log.warning(
                "counts_of_other_vocabulary", agency=counts.agency, period=counts.period.lower()
            )
        else:
            log.info("counts_taken", agency=counts.agency, period=counts.period.lower())
    for sender, notice in news.refusals:
        metrics.alarm("refused_by_recipient", sender)
        log.error(
            "refused_by_recipient",
            agency=sender,
            topic=notice.origin.topic,
            partition=notice.origin.partition,
            index=notice.first,
        )
    report_alarms(news.alarms, metrics, log)


def report_counts(looked: PublishedStatements, metrics: Metrics, log: FilteringBoundLogger) -> None:
    """Count and log the counts that were published, and those that no record can hold."""
    metrics.statements_sent("counts", len(looked.sent))
    for agreement, period in looked.sent:
        log.info("counts_published", agreement=agreement, period=period.lower())
    for agreement, period in looked.too_large:
        log.error("counts_too_large", agreement=agreement, period=period.lower())


def report_unions(looked: PublishedStatements, metrics: Metrics, log: FilteringBoundLogger) -> None:
    """Count and log the parts of unions that were sent, and the tokens that no record can hold."""
    metrics.statements_sent("union", len(looked.sent))
    for _, _, part in looked.sent:
        log.info("union_statement_sent", part=part)
    for agreement, period in looked.too_large:
        log.error("tokens_too_large", agreement=agreement, period=period.lower())


def report_pings(outcome: PingOutcome, metrics: Metrics, log: FilteringBoundLogger) -> None:
    """Count and log pings of other agencies: those that were answered, and those that were not."""
    for agency in outcome.answered:
        metrics.ping("answered")
        log.info("ping_answered", agency=agency)
    for (agency, code), count in Counter(outcome.dropped).items():
        for _ in range(count):
            metrics.ping("dropped")
        log.warning("ping_dropped", agency=agency or None, code=code, records=count)


def report_recovery(again: int, gone: int, metrics: Metrics, log: FilteringBoundLogger) -> None:
    """Count and log the records of a revoked key: published again, or with cleared content."""
    if again:
        log.warning("published_again", records=again)
    if gone:
        for _ in range(gone):
            metrics.alarm("content_gone", "")
        log.error("content_gone", code="content_gone", records=gone)


def report_alarms(
    alarms: Iterable[tuple[str, str]], metrics: Metrics, log: FilteringBoundLogger
) -> None:
    """Count and log alarms, (agency, code) each."""
    for agency, code in alarms:
        metrics.alarm(code, agency)
        log.error("alarm", agency=agency, code=code)
