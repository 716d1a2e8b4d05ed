"""What an operator watches, in Prometheus' form. No label ever names a person, case or event type.

Counters are incremented where things happen; gauges are read from the state when they are asked
for (`refresh`), so they are right after a restart. Labels are topics (neutral names), agencies,
steps and codes: sets that a contract and this software bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from broker.store.interfaces import Transaction
from contracts.durations import DAY_MS

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""The text format of `Metrics.text` (generate_latest's default)."""

BATCH_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
"""Events under one signature; 512 is the protocol's limit."""

LAG_BUCKETS_S: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)
"""From the export to the inbox: fractions of a second to a day without Kafka."""


Expiring = Literal["certificate", "contract", "key", "manifest"]

HeldKind = Literal["record", "deferred", "stopped", "event", "outbox", "file", "rows"]
"""Everything that was accepted and is put aside; what each is, broker/held/items.py says."""


class Metrics:
    """One registry for one adapter process."""

    def __init__(self) -> None:
        self.registry: Final = CollectorRegistry(auto_describe=True)
        self._published = self._counter("events_published", "Events Kafka took.", "topic")
        self._received = self._counter("events_received", "Events opened, new ones.", "topic")
        self._passed = self._counter(
            "records_passed_over", "Records that were no new event for us.", "outcome"
        )
        self._refused = self._counter("records_refused", "Records refused.", "step", "code")
        self._items = self._counter("items_refused", "Items of the export refused.", "code")
        self._rests = self._counter(
            "export_rests_put_aside", "Exports whose rest was put aside unread after refused rows."
        )
        self._batches = self._counter("batches", "Batches signed: one signature each.", "topic")
        self._faults = self._counter("relay_faults", "Sends that Kafka did not take.", "code")
        self._alarms = self._counter("alarms", "What an operator must look at.", "code", "agency")
        self._per_signature = Histogram(
            "concordant_events_per_signature",
            "Events under one signature.",
            buckets=BATCH_BUCKETS,
            registry=self.registry,
        )
        self._lag = Histogram(
            "concordant_lag_seconds",
            "From the sender's export to this inbox.",
            buckets=LAG_BUCKETS_S,
            registry=self.registry,
        )
        self._outbox = self._gauge("outbox_events", "Events not yet on Kafka.", "state")
        self._outbox_age = self._gauge("outbox_oldest_seconds", "Age of the oldest of them.")
        self._inbox = self._gauge("inbox_undelivered", "Events the agency's system lacks.")
        self._inbox_age = self._gauge("inbox_oldest_seconds", "Age of the oldest of them.")
        self._quarantine = self._gauge("quarantine_held", "Refused records waiting for a person.")
        self._held = self._gauge("held", "Put aside, by kind; a person must look.", "kind")
        self._held_age = self._gauge("held_oldest_seconds", "Age of the oldest of them.", "kind")
        for kind in get_args(HeldKind):  # at 0 from the start, or the first one is no increase
            self._held.labels(kind).set(0)
            self._held_age.labels(kind).set(0)
        self._gaps = self._gauge("gaps_open", "Gaps in other agencies' streams.", "agency")
        self._leaves = self._gauge("records_without_content", "Only their hash came.", "agency")
        self._heartbeat = self._gauge("heartbeat_age_seconds", "Since it was heard.", "agency")
        self._days_left = self._gauge("days_left", "Until it ends.", "what", "name")
        self._referrals = self._gauge("referrals_open", "Referrals that are open.")
        self._overdue = self._gauge("referrals_overdue", "Open ones past a clock.")
        self._dropped = self._gauge("log_values_dropped", "Values the log's allow-list dropped.")

    def published(self, topic: str, events: int) -> None:
        """Kafka took one batch."""
        self._published.labels(topic).inc(events)

    def signed(self, topic: str, events: int) -> None:
        """One signature was made over `events` new events."""
        self._batches.labels(topic).inc()
        self._per_signature.observe(events)

    def relay_failed(self, code: str) -> None:
        """Kafka did not take a batch; it is sent again."""
        self._faults.labels(code).inc()

    def received(self, topic: str, lag_ms: int | None) -> None:
        """A new event is in the inbox; `lag_ms` is the time since its sender exported it."""
        self._received.labels(topic).inc()
        if lag_ms is not None:
            self._lag.observe(max(lag_ms, 0) / 1000)

    def passed_over(self, outcome: Literal["not_addressed", "repeat", "leaf", "deferred"]) -> None:
        """A good record that is no new event for this agency."""
        self._passed.labels(outcome).inc()

    def refused(self, step: float, code: str) -> None:
        """A record was refused at a numbered step."""
        self._refused.labels(f"{step:g}", code).inc()

    def item_refused(self, code: str) -> None:
        """An item of the agency's own export was refused."""
        self._items.labels(code).inc()

    def rest_put_aside(self) -> None:
        """Too many rows of an export were refused; its rest waits for a person, unread."""
        self._rests.inc()

    def alarm(self, code: str, agency: str) -> None:
        """Something that a person has to look at: a gap, a fork, a silence."""
        self._alarms.labels(code, agency).inc()

    def gaps(self, open_by_agency: Mapping[str, int]) -> None:
        """The gaps that are open now."""
        for agency, count in open_by_agency.items():
            self._gaps.labels(agency).set(count)

    def without_content(self, by_agency: Mapping[str, int]) -> None:
        """The records of which only the hash came, now."""
        for agency, count in by_agency.items():
            self._leaves.labels(agency).set(count)

    def held(self, kind: HeldKind, count: int, oldest_ms: int | None, now: int) -> None:
        """How many things of a kind are put aside now, and since when the oldest is."""
        self._held.labels(kind).set(count)
        self._held_age.labels(kind).set(_age_s(oldest_ms, now))

    def expires(self, what: Expiring, name: str, at_ms: int, now: int) -> None:
        """When a certificate, key, manifest or contract ends; negative days when it has."""
        self._days_left.labels(what, name).set((at_ms - now) / DAY_MS)

    def log_values_dropped(self, count: int) -> None:
        """`logs.dropped_values()`; passed in so that this module needs no structlog."""
        self._dropped.set(count)

    def refresh(self, tx: Transaction, now: int) -> None:
        """Read the gauges that the state database knows."""
        outbox = tx.outbox.counts()
        self._outbox.labels("pending").set(outbox.pending)
        self._outbox.labels("unsent").set(outbox.unsent)
        self._outbox_age.set(_age_s(outbox.oldest_pending_ms, now))
        inbox = tx.inbox.counts()
        self._inbox.set(inbox.undelivered)
        self._inbox_age.set(_age_s(inbox.oldest_undelivered_ms, now))
        self._quarantine.set(tx.quarantine.count())
        self._referrals.set(len(tx.referrals.open()))
        self._overdue.set(len(tx.referrals.overdue(now)))
        for heads in tx.heads.all():
            self._heartbeat.labels(heads.agency).set(_age_s(heads.heard_ms, now))

    def text(self) -> bytes:
        """Everything, as `CONTENT_TYPE`."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"concordant_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"concordant_{name}", text, labels, registry=self.registry)


def _age_s(since_ms: int | None, now: int) -> float:
    return 0.0 if since_ms is None else max(now - since_ms, 0) / 1000
