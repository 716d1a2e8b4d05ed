"""The agency's own Kafka as a bus, with a real server, client certificates and TLS."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.bus_behaviour import BusBehaviour
from tests.integration.conftest import RealKafka

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@dataclass(frozen=True)
class KafkaOutage:
    """Stops and starts the Kafka of the tests."""

    kafka: RealKafka

    def kill(self) -> None:
        asyncio.run(self.kafka.stop())

    def start(self) -> None:
        asyncio.run(self.kafka.start())


@pytest.fixture
def outage(real_kafka: RealKafka) -> KafkaOutage:
    return KafkaOutage(real_kafka)


@pytest.fixture
def settings(real_kafka: RealKafka) -> dict[str, Any]:
    tls = real_kafka.local.connection.tls
    assert tls is not None
    return {
        "kind": "kafka",
        "servers": [real_kafka.local.bootstrap],
        "ca": str(tls.ca),
        "certificate": str(tls.certificate),
        "key": str(tls.key),
    }


class TestKafka(BusBehaviour):
    """See ``BusBehaviour``."""
