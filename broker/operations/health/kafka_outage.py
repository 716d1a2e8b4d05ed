"""Outage of Kafka, as a running adapter has noticed it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from broker.observing.side_faults import SideFault
from broker.store.rows import OutboxCounts
from contracts.durations import MINUTE_MS


@dataclass(frozen=True, slots=True)
class KafkaOutage:
    """Events do not reach Kafka.

    Attributes:
        since_ms: when it began, milliseconds since the epoch.
        code: reason code of the adapter; None if events only wait for longer than a minute.
    """

    since_ms: int
    code: str | None


def kafka_outage(outbox: OutboxCounts, faults: Iterable[SideFault], now: int) -> KafkaOutage | None:
    """Return the present outage; None if events reach Kafka.

    Args:
        outbox: events that wait.
        faults: faults of the running adapter.
        now: milliseconds since the epoch.
    """
    fault = next((one for one in faults if one.side == "kafka"), None)
    oldest = outbox.oldest_ms if outbox.waiting else None
    late = oldest if oldest is not None and now - oldest >= MINUTE_MS else None
    if fault is None:
        return None if late is None else KafkaOutage(late, None)
    return KafkaOutage(fault.since_ms if late is None else min(fault.since_ms, late), fault.code)
