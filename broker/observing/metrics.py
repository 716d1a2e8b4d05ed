"""Prometheus metrics for an operator. No label ever names a person, case or event type.

Counters are incremented where events occur. Those that an alert uses exist at 0 from the start and
continue after a restart (`tallies`), because `increase()` sees no rise of a series that begins at
1. Gauges are read from the state (`refresh`), so they are right after a restart; a label that no
   longer applies is removed. Ages of the loops are computed on request (`text`), so that a loop
   that has stopped does not show its last good value. Labels are topics (neutral names), agencies
   (one series a party), steps and codes: sets that a contract and this software limit.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Collection, Mapping
from importlib.metadata import version
from typing import Final, Literal, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from broker.codes.counted import (
    ALARMS,
    API_REFUSALS,
    DELIVERY_FAULTS,
    ITEM_REFUSALS,
    RECORD_REFUSALS,
    RELAY_FAULTS,
)
from broker.observing.adapter_gauges import AdapterGauges
from broker.observing.current_gauge import CurrentGauge
from broker.observing.flow import FlowCounts
from broker.observing.state_gauges import StateGauges, age_s
from broker.observing.tallies import Tallies
from broker.store.transaction import Transaction
from broker.waiting import DESCRIPTORS_EXHAUSTED
from contracts.durations import DAY_MS

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""The text format of `Metrics.text` (generate_latest's default)."""

# prometheus_client's second series for each counter, which no rule uses.
disable_created_metrics()  # type: ignore[no-untyped-call]

BATCH_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
"""Events under one signature; 512 is the protocol's limit."""

LAG_BUCKETS_S: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)
"""From the export to the inbox: fractions of a second to a day without Kafka."""


Expiring = Literal[
    "assessment", "authority", "certificate", "contract", "delegation", "equality_assessment",
    "key", "manifest", "partner_delegation", "review",
]  # fmt: skip

NoticeKind = Literal["refusal", "replay"]
NoticeWay = Literal["mail", "webhook", "operator-mail", "operator-webhook"]
"""Kind of a notice: a record was refused, or is to be published again."""

StatementKind = Literal["listing", "counts", "union"]
STATEMENT_KINDS: Final[tuple[StatementKind, ...]] = ("listing", "counts", "union")
"""Kinds of statements for partners."""

PingResult = Literal["answered", "dropped"]

Outcome = Literal["not_addressed", "repeat", "leaf", "deferred"]

Loop = Literal[
    "relay", "receiving", "heartbeat", "receipts", "reports", "watch", "import", "delivery"
]  # fmt: skip
"""Loops of an adapter that report each round (`Metrics.turned`).

Four others do not, because a late round of them delays no event: replaying, which readers ask for
again; retention, whose result `concordant_folder_oldest_seconds` shows; the watch for own
manifests, which logs each fault; and the watch for the certificate, whose end is a metric. An
exception in any loop ends the adapter (`run_together`).
"""

STARTING_S: Final = 300.0
"""Seconds after the start within which a loop must complete its first round."""


HeldKind = Literal[
    "record",
    "unconfirmed",
    "deferred",
    "stopped",
    "event",
    "outbox",
    "file",
    "rows",
    "row",
    "entry",
    "temporary",
]
"""Kinds of held items; broker/held/items.py describes them."""


class Metrics:
    """One registry for one adapter process."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """``monotonic``: seconds of a monotonic clock."""
        self.registry: Final = CollectorRegistry(auto_describe=True)
        # process_cpu_seconds_total, process_resident_memory_bytes and others of any process
        ProcessCollector(registry=self.registry)
        self._gauge(
            "build_info", "1; its labels say which software runs.", "version", "python"
        ).labels(version("concordant"), platform.python_version()).set(1)
        self.tallies: Final = Tallies()
        self.flow: Final = FlowCounts()
        self._monotonic = monotonic
        self._due: dict[Loop, float] = dict.fromkeys(get_args(Loop), monotonic() + STARTING_S)
        self._published = self._counter(
            "events_published", "Events that Kafka acknowledged.", "topic"
        )
        self._received = self._counter("events_received", "New events that were opened.", "topic")
        self._passed = self._counter(
            "records_passed_over", "Good records without a new event for this agency.", "outcome"
        )
        self._refused = self._counter(
            "records_refused", "Records that were refused.", "step", "code"
        )
        self._items = self._counter(
            "items_refused",
            "Refused rows and events of the agency's own system, and refused files.",
            "code",
        )
        self._rests = self._counter(
            "export_rests_put_aside",
            "Exports whose rest was not read, after too many refused rows.",
        )
        self._batches = self._counter("batches", "Batches of events; one signature each.", "topic")
        self._faults = self._counter(
            "relay_faults", "Sends that Kafka did not acknowledge.", "code"
        )
        self._alarms = self._counter(
            "alarms", "Alarms: states that need an operator's attention.", "code"
        )
        self._notices = self._counter(
            "notices_left_out", "Notices that were not sent because there were too many.", "kind"
        )
        self._ranges = self._counter(
            "replay_ranges_let_go", "Ranges of replay requests dropped because there were too many."
        )
        self._per_signature = Histogram(
            "concordant_events_per_signature",
            "Events under one signature.",
            buckets=BATCH_BUCKETS,
            registry=self.registry,
        )
        self._lag = Histogram(
            "concordant_lag_seconds",
            "Time from the sender's export to this inbox.",
            buckets=LAG_BUCKETS_S,
            registry=self.registry,
        )
        self._quarantine_bytes = self._gauge(
            "quarantine_bytes", "Bytes of the quarantined records."
        )
        self._quarantine_filled = self._current(
            "quarantine_filled_ratio", "Part of a sender's quarantine that is full.", "agency"
        )
        self._held = self._gauge("held", "Items that are held, by kind.", "kind")
        self._held_age = self._gauge("held_oldest_seconds", "Age of the oldest held item.", "kind")
        for kind in get_args(HeldKind):  # at 0 from the start, or the first one is no increase
            self._held.labels(kind).set(0)
            self._held_age.labels(kind).set(0)
        self._gaps = self._current("gaps_open", "Gaps in other agencies' streams.", "agency")
        self._state = self._current("stream_state_bytes", "Bytes kept of its streams.", "agency")
        self._leaves = self._current(
            "records_without_content", "Records of which only the hash came.", "agency"
        )
        self._stopped = self._current(
            "streams_stopped", "Streams stopped by a contradiction.", "agency"
        )
        self._make_validity_gauges()
        self._make_exchange_metrics()
        self._make_folder_metrics()
        self._dropped = self._counter("log_values_dropped", "Values the log's allow-list dropped.")
        self._dropped_before = 0
        self._late = self._gauge("loop_late_seconds", "How late a loop is.", "loop")
        self._ready = self._current("ready", "1 if a check of /readyz passes, else 0.", "check")
        self._state_gauges = StateGauges(self.registry, self.tallies)
        self.adapters = AdapterGauges(self.registry)
        self._begin_at_zero()

    def _make_validity_gauges(self) -> None:
        """Create the gauges of certificates, keys, manifests and agreements."""
        self._days_left = self._current(
            "days_left", "Days until it expires or is due.", "what", "name"
        )
        self._renewal = self._current(
            "certificate_renewal_failed",
            "1 while the last run of the command that renews the certificate failed.",
            "code",
        )
        self._manifest_renewal = self._current(
            "manifest_renewal_failed",
            "1 while the adapter cannot renew this agency's own manifest.",
            "code",
        )
        self._not_ours = self._gauge(
            "manifests_not_ours", "Manifests of this agency that this folder did not make."
        )
        self._missing_manifests = self._current(
            "manifest_not_received",
            "1 if the newest manifest that the agency names has not come for ten seconds.",
            "agency",
        )
        self._registries = self._current(
            "registry_differs",
            "1 if the agency has known other delegations than we do for ten minutes.",
            "agency",
        )
        self._unsigned = self._gauge(
            "agreements_unsigned", "Versions that await a signature.", "by"
        )

    def _make_folder_metrics(self) -> None:
        """Create the metrics of the folders with unencrypted files."""
        self._files = self._gauge("folder_files", "Unencrypted files in a folder.", "folder")
        self._files_age = self._gauge("folder_oldest_seconds", "Age of the oldest file.", "folder")
        self._files_removed = self._counter(
            "folder_files_removed", "Files removed when their retention was over.", "folder"
        )
        for folder in ("processed", "quarantine", "inbox"):
            self.folder(folder, 0, None, 0)
            self.files_removed(folder, 0)

    def _make_ping_metrics(self) -> None:
        """Create the metrics of pings of other agencies."""
        self._pings = self._counter(
            "pings",
            "Pings of other agencies: answered, or dropped with a code in the log.",
            "outcome",
        )
        for outcome in get_args(PingResult):
            self._pings.labels(outcome)

    def _make_exchange_metrics(self) -> None:
        """Create the metrics of the exchange with the agency's own system."""
        self._api_refusals = self._counter(
            "api_refusals", "Requests of the HTTP interface that were not carried out.", "code"
        )
        self._bus = self._gauge(
            "bus_connected", "Whether the agency's own bus is connected.", "kind"
        )
        self._results_overdue = self._gauge(
            "results_overdue", "Events offered whose result is overdue."
        )
        self._database = self._current(
            "database_failed",
            "1 while the agency's own database cannot be used.",
            "side",
            "code",
        )
        self._database_faults: dict[tuple[str, str], float] = {}
        self._delivery_faults = self._counter(
            "delivery_faults", "Attempts to hand an event over that failed.", "code"
        )
        self._notices_sent = self._counter(
            "notices_sent", "Notices to the agency's people.", "kind"
        )
        self._notice_faults = self._counter(
            "notice_faults", "Attempts to send a notice that failed.", "kind"
        )
        self._notices_failing = self._gauge(
            "notices_failing", "1 while notices to the agency's people cannot be sent.", "kind"
        )
        self._make_ping_metrics()
        self._make_report_metrics()

    def _make_report_metrics(self) -> None:
        """Create the metrics of reports about events."""
        self._reports_sent = self._counter("reports_sent", "Reports that this agency sent.")
        self._reports_taken = self._counter(
            "reports_taken", "Reports of other agencies that were taken.", "agency"
        )
        self._statements_sent = self._counter(
            "statements_sent", "Statements for partners that this agency sent.", "kind"
        )
        for kind in STATEMENT_KINDS:
            self._statements_sent.labels(kind)

    def _begin_at_zero(self) -> None:
        """Create every series that an alert uses, at 0."""
        for code in ALARMS:
            self._alarms.labels(code)
        for step, code in RECORD_REFUSALS:
            self._refused.labels(f"{step:g}", code)
        for code in ITEM_REFUSALS:
            self._items.labels(code)
        for code in API_REFUSALS:
            self._api_refusals.labels(code)
        for way in get_args(NoticeWay):
            self._notices_sent.labels(way)
            self._notice_faults.labels(way)
            self._notices_failing.labels(way)
        for code in DELIVERY_FAULTS:
            self._delivery_faults.labels(code)
        for code in RELAY_FAULTS:
            self._faults.labels(code)
        for kind in get_args(NoticeKind):
            self._notices.labels(kind)
        for outcome in get_args(Outcome):
            self._passed.labels(outcome)
        self.agreements_unsigned(0, 0)

    def restore(self, tx: Transaction) -> None:
        """Continue the counts of the previous process."""
        for one in self.tallies.restore(tx):
            if one.kind == "alarm":
                self._alarms.labels(one.code).inc(one.count)
            elif one.kind == "notice":
                self._notices.labels(one.code).inc(one.count)
            elif one.kind == "relay":
                self._faults.labels(one.code).inc(one.count)
            elif one.kind == "record":
                self._refused.labels(one.about, one.code).inc(one.count)
            else:
                self._items.labels(one.code).inc(one.count)

    def keep(self, tx: Transaction, now: int) -> None:
        """Write the counts with which the next process continues, and those of the hour."""
        self.tallies.keep(tx, now)
        self.flow.keep(tx, now)

    def published(self, topic: str, events: int) -> None:
        """Count one batch that Kafka acknowledged."""
        self._published.labels(topic).inc(events)
        self.flow.published(events)

    def signed(self, topic: str, events: int) -> None:
        """Count one signature over `events` new events."""
        self._batches.labels(topic).inc()
        self._per_signature.observe(events)

    def relay_failed(self, code: str) -> None:
        """Count a batch that Kafka did not acknowledge; it is sent again."""
        self._faults.labels(code).inc()
        self.tallies.add("relay", code)

    def received(self, topic: str, lag_ms: int | None) -> None:
        """Count a new event in the inbox; `lag_ms` is the time since its sender exported it."""
        self._received.labels(topic).inc()
        self.flow.received(lag_ms)
        if lag_ms is not None:
            self._lag.observe(max(lag_ms, 0) / 1000)

    def passed_over(self, outcome: Outcome) -> None:
        """Count a valid record that is no new event for this agency."""
        self._passed.labels(outcome).inc()

    def refused(self, step: float, code: str) -> None:
        """Count a record that was refused at a numbered step."""
        self._refused.labels(f"{step:g}", code).inc()
        self.tallies.add("record", code, f"{step:g}")

    def item_refused(self, code: str) -> None:
        """Count a refused row of the agency's own export, or a refused file."""
        self._items.labels(code).inc()
        self.tallies.add("item", code)

    def api_refused(self, code: str) -> None:
        """Count a request of the HTTP interface that was not carried out."""
        self._api_refusals.labels(code).inc()

    def delivery_failed(self, code: str) -> None:
        """Count an attempt to hand an event over to the agency's system that failed."""
        self._delivery_faults.labels(code).inc()

    def notice_sent(self, way: NoticeWay) -> None:
        """Count a notice to the agency's people."""
        self._notices_sent.labels(way).inc()

    def notices_work(self, way: NoticeWay) -> None:
        """Note that nothing keeps notices back now."""
        self._notices_failing.labels(way).set(0)

    def notice_failed(self, way: NoticeWay) -> None:
        """Count an attempt to send a notice that failed."""
        self._notice_faults.labels(way).inc()
        self._notices_failing.labels(way).set(1)

    def ping(self, outcome: PingResult) -> None:
        """Count a ping of another agency."""
        self._pings.labels(outcome).inc()

    def bus_connected(self, kind: str, *, connected: bool) -> None:
        """Show whether the connection to the agency's own bus is open, for one subject."""
        self._bus.labels(kind).set(int(connected))

    def results_overdue(self, count: int) -> None:
        """Set the number of events that were offered and whose result is overdue."""
        self._results_overdue.set(count)

    def database(self, side: Literal["source", "sink"], codes: Collection[str]) -> None:
        """Set the faults of a side that uses the agency's own database; none if it works."""
        others = {at: one for at, one in self._database_faults.items() if at[0] != side}
        self._database_faults = others | {(side, code): 1.0 for code in codes}
        self._database.show(self._database_faults)

    def rest_put_aside(self) -> None:
        """Count an export whose rest was not read because too many rows were refused."""
        self._rests.inc()

    def alarm(self, code: str, agency: str) -> None:
        """Count an alarm that needs a person: a gap, a fork, a silence."""
        self._alarms.labels(code).inc()
        self.tallies.add("alarm", code, agency)

    def notices_left_out(self, kind: NoticeKind, count: int) -> None:
        """Count refusals that were not reported to senders, or ranges that were not requested."""
        self._notices.labels(kind).inc(count)
        for _ in range(count):
            self.tallies.add("notice", kind)

    def report_taken(self, agency: str) -> None:
        """Count a report that an agency made for this agency."""
        self._reports_taken.labels(agency).inc()

    def statements_sent(self, kind: StatementKind, count: int) -> None:
        """Count statements for partners that Kafka has acknowledged."""
        self._statements_sent.labels(kind).inc(count)

    def reports_sent(self, count: int) -> None:
        """Count reports that Kafka has acknowledged."""
        self._reports_sent.inc(count)

    def ranges_let_go(self, count: int) -> None:
        """Count requested ranges that are not remembered; the party asks again."""
        self._ranges.inc(count)

    def shortage(self) -> None:
        """Count a shortage of file descriptors in this process, as an alarm."""
        self.alarm(DESCRIPTORS_EXHAUSTED, "")

    def gaps(self, open_by_agency: Mapping[str, int]) -> None:
        """Set the number of open gaps."""
        self._gaps.show({(agency,): count for agency, count in open_by_agency.items()})

    def quarantine(self, size: int, filled_by_agency: Mapping[str, float]) -> None:
        """Set the bytes of held records, and the filled part of each sender's quota."""
        self._quarantine_bytes.set(size)
        self._quarantine_filled.show({(one,): part for one, part in filled_by_agency.items()})

    def stopped(self, by_agency: Mapping[str, int]) -> None:
        """Set the number of streams that a contradiction has stopped."""
        self._stopped.show({(agency,): count for agency, count in by_agency.items()})

    def manifests_missing(self, by_agency: Mapping[str, int]) -> None:
        """Set for each agency whether its newest manifest is missing: 1 or 0."""
        self._missing_manifests.show({(agency,): one for agency, one in by_agency.items()})

    def registries_differing(self, by_agency: Mapping[str, int]) -> None:
        """Set for each agency whether it knows other delegations than we do: 1 or 0."""
        self._registries.show({(agency,): one for agency, one in by_agency.items()})

    def state_bytes(self, by_agency: Mapping[str, int]) -> None:
        """Set the size of the states of each agency's streams, of at most 8 MiB."""
        self._state.show({(agency,): count for agency, count in by_agency.items()})

    def without_content(self, by_agency: Mapping[str, int]) -> None:
        """Set the number of records of which only the hash arrived."""
        self._leaves.show({(agency,): count for agency, count in by_agency.items()})

    def held(self, kind: HeldKind, count: int, oldest_ms: int | None, now: int) -> None:
        """Set the number of held items of a kind, and the age of the oldest."""
        self._held.labels(kind).set(count)
        self._held_age.labels(kind).set(age_s(oldest_ms, now))

    def ends(self, at_ms: Mapping[tuple[Expiring, str], int], now: int) -> None:
        """Set the days until each certificate, key, manifest and contract ends, or is due.

        Negative after that.
        """
        days = {named: (at - now) / DAY_MS for named, at in at_ms.items()}
        self._days_left.show(days)

    def renewal(self, code: str | None) -> None:
        """Set the result of the command that renews the certificate; None if it succeeded."""
        self._renewal.show({} if code is None else {(code,): 1.0})

    def manifest_renewal(self, code: str | None) -> None:
        """Set the result of the last renewal of our own manifest; None if it succeeded."""
        self._manifest_renewal.show({} if code is None else {(code,): 1.0})

    def manifests_not_ours(self, count: int) -> None:
        """Set the number of manifests of this agency that this folder did not make."""
        self._not_ours.set(count)

    def agreements_unsigned(self, by_us: int, by_others: int) -> None:
        """Set the number of versions that await our signature, and those of others after ours."""
        self._unsigned.labels("us").set(by_us)
        self._unsigned.labels("others").set(by_others)

    def log_values_dropped(self, count: int) -> None:
        """Take `logs.dropped_values()`; passed in so that this module needs no structlog."""
        self._dropped.inc(max(count - self._dropped_before, 0))
        self._dropped_before = count

    def ready(self, reasons: Mapping[str, str | None]) -> None:
        """Set the present results of the checks of /readyz."""
        self._ready.show({(name,): float(why is None) for name, why in reasons.items()})

    def turned(self, loop: Loop, within_s: float) -> None:
        """Record a round of a loop; the next is due within so many seconds."""
        self._due[loop] = self._monotonic() + within_s

    def late_s(self, loop: Loop) -> float:
        """Return how long a loop has been due; 0 while it is on time."""
        return max(0.0, self._monotonic() - self._due[loop])

    def refresh(
        self,
        tx: Transaction,
        now: int,
        awaited: Mapping[str, int],
        counting: Collection[str] = (),
    ) -> None:
        """Set the gauges that come from the state database (`StateGauges.refresh`)."""
        self._state_gauges.refresh(tx, now, awaited, counting)

    def folder(self, name: str, files: int, oldest_ms: int | None, now: int) -> None:
        """Set the number and age of unencrypted files in a folder."""
        self._files.labels(name).set(files)
        self._files_age.labels(name).set(age_s(oldest_ms, now))

    def files_removed(self, folder: str, files: int) -> None:
        """Count files that were removed when their retention ended."""
        self._files_removed.labels(folder).inc(files)

    def text(self) -> bytes:
        """Return everything in the format `CONTENT_TYPE`."""
        for loop in self._due:
            self._late.labels(loop).set(self.late_s(loop))
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"concordant_{name}", text, labels, registry=self.registry)

    def _current(self, name: str, text: str, *labels: str) -> CurrentGauge:
        return CurrentGauge(self._gauge(name, text, *labels))

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"concordant_{name}", text, labels, registry=self.registry)
