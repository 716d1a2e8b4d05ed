"""Which faults the service waits out, and which end it."""

from __future__ import annotations

import pytest

from broker.errors import RegistryError, StoreError, TransportError
from broker.service.service import _require_waiting_helps


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
def test_what_others_mend_meanwhile_is_waited_for(error: TransportError) -> None:
    _require_waiting_helps(error)


@pytest.mark.parametrize("code", ["lease_lost", "clock_jumped", "store_corrupt"])
def test_what_no_waiting_can_mend_ends_the_service(code: str) -> None:
    with pytest.raises(StoreError) as raised:
        _require_waiting_helps(StoreError("it is over", code=code))
    assert raised.value.code == code
