"""The agency's own Kafka as a bus, with a real server, client certificates and TLS."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from adapters.bus.clients import bus_settings
from broker.agency.config_bus import BusSection
from tests.integration.bus_behaviour import SpoiledHeaders
from tests.integration.conftest import RealKafka
from tests.support.spoiled_headers import send_to_kafka

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@dataclass(frozen=True)
class KafkaOutage:
    """Stops and starts the Kafka of the tests."""

    kafka: RealKafka

    def settled(self) -> bool:
        return True

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


class TestKafka(SpoiledHeaders):
    """See ``BusBehaviour``."""

    async def publish_spoiled(self, bus: BusSection, name: str, body: bytes) -> None:
        context = bus_settings(bus, Path("/")).tls
        producer = AIOKafkaProducer(
            bootstrap_servers=list(bus.servers), security_protocol="SSL", ssl_context=context
        )
        async with producer:
            await send_to_kafka(producer, name, body)
