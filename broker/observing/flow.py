"""Hourly figures of an adapter: events out, events in, and the time from sending to the inbox.

They are counted in memory and written at most once a minute, and only if an event came or went. So
an idle adapter writes nothing. A crash or a failed write loses the figures of one minute, but no
event.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from broker.store.flow_hours import FlowHourRow
from broker.store.transaction import Transaction
from contracts.durations import DAY_MS, HOUR_MS, MINUTE_MS

STEPS_S: Final = (
    1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120, 300, 600, 1800, 3600, 14_400, 86_400,
)  # fmt: skip
"""Delays in seconds up to which an event counts at a step; a last step counts all longer ones.

The sender states its time in whole seconds, so that no smaller step is possible.
"""
KEPT_MS: Final = 8 * DAY_MS
"""Time for which the figures of an hour are stored."""
HALF: Final = 0.5
NEARLY_ALL: Final = 0.99


@dataclass(frozen=True, slots=True)
class FlowHour:
    """Figures of one hour.

    Attributes:
        hour_ms: its begin, milliseconds since the epoch.
        published: events of this agency that Kafka acknowledged.
        received: events that came into the inbox.
        half_s: seconds within which half of the received events came; None if none came.
        nearly_all_s: seconds within which 99 in 100 of them came.
    """

    hour_ms: int
    published: int = 0
    received: int = 0
    half_s: int | None = None
    nearly_all_s: int | None = None


class FlowCounts:
    """Counts since they were last written; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._published = self._received = 0
        self._lags = [0] * (len(STEPS_S) + 1)
        self._changed = False
        self._kept_ms = 0

    def published(self, events: int) -> None:
        """Count events that Kafka acknowledged."""
        with self._lock:
            self._published += events
            self._changed = True

    def received(self, lag_ms: int | None) -> None:
        """Count an event in the inbox; `lag_ms` is the time since its sender logged it."""
        with self._lock:
            self._received += 1
            if lag_ms is not None:
                self._lags[bisect_left(STEPS_S, lag_ms / 1000)] += 1
            self._changed = True

    def due(self, now: int) -> bool:
        """Return whether there are counts to write, and a minute has passed since the last time."""
        return self._changed and not 0 <= now - self._kept_ms < MINUTE_MS

    @property
    def changed(self) -> bool:
        """Return whether there are counts to write."""
        return self._changed

    def keep(self, tx: Transaction, now: int) -> None:
        """Add the counts to those of the present hour, and remove hours that are too old."""
        with self._lock:
            if not self._changed:
                return
            hour = now - now % HOUR_MS
            new = FlowHourRow(hour, self._published, self._received, self._lags)
            self._published = self._received = 0
            self._lags = [0] * len(self._lags)
            self._changed, self._kept_ms = False, now
        stored = next(iter(tx.flow_hours.since(hour)), None)
        if stored is None:
            tx.flow_hours.forget(hour - KEPT_MS)
        tx.flow_hours.save(new if stored is None else _sum(stored, new))


def _sum(one: FlowHourRow, more: FlowHourRow) -> FlowHourRow:
    return FlowHourRow(
        one.hour_ms,
        one.published + more.published,
        one.received + more.received,
        [old + new for old, new in zip(one.lags, more.lags, strict=True)],
    )


def last_hours(tx: Transaction, now: int, hours: int) -> tuple[FlowHour, ...]:
    """Return the figures of the last hours, oldest first, the present one included.

    Args:
        tx: the state.
        now: milliseconds since the epoch.
        hours: number of hours; an hour without an event is among them.
    """
    newest = now - now % HOUR_MS
    first = newest - (hours - 1) * HOUR_MS
    stored = {row.hour_ms: row for row in tx.flow_hours.since(first)}
    return tuple(
        _figures(stored[begin]) if begin in stored else FlowHour(begin)
        for begin in range(first, newest + 1, HOUR_MS)
    )


def within_s(lags: Sequence[int], part: float) -> int | None:
    """Return the seconds within which a part (0 to 1) of the events came; None without events.

    The answer is a step of ``STEPS_S``, which rounds up. A longer time counts as the last step.
    """
    total, found = sum(lags), 0
    if not total:
        return None
    for step, count in zip((*STEPS_S, STEPS_S[-1]), lags, strict=True):
        found += count
        if found >= part * total:
            return step
    raise AssertionError("the parts add up to the total")


def _figures(row: FlowHourRow) -> FlowHour:
    return FlowHour(
        row.hour_ms,
        row.published,
        row.received,
        within_s(row.lags, HALF),
        within_s(row.lags, NEARLY_ALL),
    )
