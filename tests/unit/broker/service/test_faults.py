"""Faults that the service waits out, and faults that end it."""

from __future__ import annotations

import pytest

from adapters.wiring import Outside, connect_broker
from broker.errors import RegistryError, StoreError, TransportError
from broker.observing.health import Readiness
from broker.observing.metrics import Metrics
from broker.service.relaying import require_waiting_helps
from broker.transport.interfaces import ReceiverTrouble
from tests.support.memory_agency import MemoryAgency


@pytest.mark.parametrize(
    "error",
    [
        TransportError("Kafka is away", code="kafka_unreachable"),
        StoreError("busy", code="store_busy"),
        StoreError("the disk is full", code="store_full"),
        RegistryError("no key is valid now", code="signing_key_expired"),
        RegistryError("the manifest has expired", code="manifest_expired"),
    ],
    ids=lambda error: error.code,
)
def test_a_temporary_fault_is_waited_for(error: TransportError) -> None:
    require_waiting_helps(error)


@pytest.mark.parametrize("code", ["lease_lost", "clock_jumped", "store_corrupt"])
def test_a_permanent_fault_ends_the_service(code: str) -> None:
    with pytest.raises(StoreError) as raised:
        require_waiting_helps(StoreError("it is over", code=code))
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("code", "reason"), [("kafka_topic_missing", None), ("kafka_unreachable", "kafka_unreachable")]
)
def test_a_topic_that_is_waited_for_leaves_the_service_ready(
    council: MemoryAgency, code: str, reason: str | None
) -> None:
    readiness = Readiness()
    outside = Outside(council.store, council.transport, council.clock, Metrics(), readiness)
    service = connect_broker(council.participant, outside, lambda: None)
    service._status.sending.up()
    service.parts.arrivals.trouble(
        ReceiverTrouble(code, "pan-london.new.c", -1, "TransportError", 1.0)
    )
    assert readiness.reasons()["kafka"] == reason
