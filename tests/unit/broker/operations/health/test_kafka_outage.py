"""Outage of Kafka: the adapter's fault, or events that wait too long; the earlier one counts."""

from __future__ import annotations

import pytest

from broker.observing.side_faults import SideFault
from broker.operations.health.kafka_outage import KafkaOutage, kafka_outage
from broker.store.rows import OutboxCounts
from contracts.durations import MINUTE_MS

NOW = 1_763_974_800_000
CALM = OutboxCounts(0, 0, 3, None)
FRESH = OutboxCounts(1, 1, 3, NOW - MINUTE_MS + 1, NOW - 5)
LATE = OutboxCounts(1, 1, 3, NOW - 5, NOW - MINUTE_MS)
FAULT = SideFault("kafka", "kafka_failed", NOW - 10)


@pytest.mark.parametrize(
    ("outbox", "faults", "expected"),
    [
        (CALM, (), None),
        (FRESH, (), None),
        (CALM, (SideFault("source", "folder_missing", NOW),), None),
        (LATE, (), KafkaOutage(NOW - MINUTE_MS, None)),
        (CALM, (FAULT,), KafkaOutage(NOW - 10, "kafka_failed")),
        (LATE, (FAULT,), KafkaOutage(NOW - MINUTE_MS, "kafka_failed")),
    ],
)
def test_outage(
    outbox: OutboxCounts, faults: tuple[SideFault, ...], expected: KafkaOutage | None
) -> None:
    assert kafka_outage(outbox, faults, NOW) == expected
