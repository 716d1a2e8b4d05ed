"""Gauges that come from the state database, read at once in each round of the checks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from broker.observing.current_gauge import CurrentGauge
from broker.observing.tallies import Tallies
from broker.store.transaction import Transaction
from contracts.durations import DAY_MS

NOT_TAKEN: Final = ("put_aside", "refused")
"""States of an own event at a recipient that a person must look at."""
NOT_TAKEN_SHOWN_MS: Final = 7 * DAY_MS
"""Time for which such an event is shown after its last change."""


class StateGauges:
    """Numbers and ages of what the state database holds.

    Args:
        registry: of the adapter.
        tallies: since when each agency is awaited.
    """

    def __init__(self, registry: CollectorRegistry, tallies: Tallies) -> None:
        self._registry = registry
        self._tallies = tallies
        self._outbox = self._gauge("outbox_events", "Events not yet on Kafka.", "state")
        self._outbox_age = self._gauge(
            "outbox_oldest_seconds", "Age of the oldest event in the outbox."
        )
        self._copies, self._copies_age = (
            self._gauge(
                "copies_waiting",
                "Events that wait for an agency that could not be reached.",
            ),
            self._gauge(
                "copies_oldest_seconds",
                "Age of the oldest event that waits for an agency.",
            ),
        )
        self._inbox = self._gauge("inbox_undelivered", "Events not yet in the agency's system.")
        self._inbox_age = self._gauge(
            "inbox_oldest_seconds", "Age of the oldest undelivered event."
        )
        self._quarantine = self._gauge("quarantine_held", "Refused records waiting for a person.")
        self._discarded = self._gauge("events_discarded", "Accepted events that were discarded.")
        self._heartbeat = self._current(
            "heartbeat_age_seconds",
            "Time since the last heartbeat, or since the first is expected.",
            "agency",
        )
        self._silent_after = self._current(
            "heartbeat_limit_seconds",
            "Age of the last heartbeat above which the agency counts as silent.",
            "agency",
        )
        self._referrals = self._gauge("referrals_open", "Referrals that are open.")
        self._overdue = self._gauge("referrals_overdue", "Open referrals past a deadline.")
        self._failing = self._gauge(
            "deliveries_failing", "Events whose delivery has failed and is tried again."
        )
        self._failing_age = self._gauge(
            "deliveries_failing_oldest_seconds",
            "Time since the earliest of them was first tried.",
        )
        self._not_taken = self._gauge(
            "events_not_taken",
            "Own events that a recipient put aside or refused in the last 7 days.",
            "state",
        )
        self._results_waiting = self._current(
            "results_waiting",
            "Results of events that wait for the next report.",
            "agency",
        )
        for state in NOT_TAKEN:
            self._not_taken.labels(state)
        self._counts_age = self._current(
            "counts_age_seconds",
            "Age of the newest counts for figures of an agency that has to publish them, or how "
            "long it has been a party if none came.",
            "agency",
        )
        for state in ("pending", "unsent"):
            self._outbox.labels(state).set(0)

    def refresh(
        self,
        tx: Transaction,
        now: int,
        awaited: Mapping[str, int],
        counting: Collection[str] = (),
    ) -> None:
        """Set the gauges that come from the state database.

        Args:
            tx: the state.
            now: milliseconds since the epoch.
            awaited: agencies that must send heartbeats, this one included, with the milliseconds
                after which each counts as silent.
            counting: agencies that have to publish counts for figures to this one.
        """
        outbox = tx.outbox.counts()
        self._outbox.labels("pending").set(outbox.pending)
        self._outbox.labels("unsent").set(outbox.unsent)
        self._outbox_age.set(age_s(outbox.oldest_ms, now))
        copies, oldest = tx.copies.count()
        self._copies.set(copies)
        self._copies_age.set(age_s(oldest, now))
        inbox = tx.inbox.counts()
        self._inbox.set(inbox.undelivered)
        self._inbox_age.set(age_s(inbox.oldest_undelivered_ms, now))
        self._discarded.set(inbox.discarded)
        failing = tx.attempts.failing()
        self._failing.set(failing.events)
        self._failing_age.set(age_s(failing.since_ms, now))
        self._quarantine.set(tx.quarantine.count())
        self._show_answers(tx, now)
        since = self._tallies.awaited(awaited, now)
        self._show_counts(tx, now, {one: since.get(one, now) for one in counting})
        self._referrals.set(sum(tx.referrals.open_counts().values()))
        self._overdue.set(len(tx.referrals.overdue(now)))
        heard = {heads.agency: heads.heard_ms for heads in tx.heads.all()}
        ages = {(agency,): age_s(heard.get(agency, at), now) for agency, at in since.items()}
        self._heartbeat.show(ages)
        self._silent_after.show({(one,): limit / 1000 for one, limit in awaited.items()})

    def _show_answers(self, tx: Transaction, now: int) -> None:
        """Show what recipients did not take, and what waits for senders."""
        counts = tx.recipients.not_taken(now - NOT_TAKEN_SHOWN_MS)
        for state in NOT_TAKEN:
            self._not_taken.labels(state).set(counts.get(state, 0))
        waiting = tx.results.waiting()
        self._results_waiting.show({(agency,): count for agency, count in waiting.items()})

    def _show_counts(self, tx: Transaction, now: int, since: Mapping[str, int]) -> None:
        """Show the age of the newest counts of each agency, or since when it is expected to count.

        Args:
            tx: the state.
            now: ms.
            since: when each agency became a party, ms.
        """
        newest: dict[str, int] = {}
        for row in tx.figure_counts.held():
            newest[row.agency] = max(row.time_ms, newest.get(row.agency, row.time_ms))
        self._counts_age.show(
            {(one,): age_s(newest.get(one, party_ms), now) for one, party_ms in since.items()}
        )

    def _current(self, name: str, text: str, *labels: str) -> CurrentGauge:
        return CurrentGauge(self._gauge(name, text, *labels))

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"concordant_{name}", text, labels, registry=self._registry)


def age_s(since_ms: int | None, now: int) -> float:
    """Return the seconds since a time (ms); 0 without one."""
    return 0.0 if since_ms is None else max(now - since_ms, 0) / 1000
