"""The agency's own Kafka as a bus, with a real server, client certificates and TLS."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from adapters.bus.clients import bus_settings
from adapters.bus.kafka_client import KafkaClient
from adapters.bus.kafka_rights import KafkaRights
from adapters.bus.rights import ask_rights, needed_bus_rights
from broker.agency.config_bus import BusSection
from broker.agency.config_sections import AdapterSection
from broker.errors import ConfigError
from tests.integration.bus_behaviour import SpoiledHeaders
from tests.integration.conftest import RealKafka
from tests.support.bus_agency import section
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


async def test_kafka_itself_says_which_rights_an_account_has(
    real_kafka: RealKafka, settings: dict[str, Any]
) -> None:
    bus = section(settings, real_kafka.fresh_name())
    needed = needed_bus_rights(bus, AdapterSection(kind="council", source="bus", sink="bus"))
    asked = partial(asyncio.to_thread, ask_rights)
    found = await asked(bus_settings(bus, Path("/")), needed)
    assert {right for _, right in found} == {"missing"}
    client = KafkaClient(bus_settings(bus, Path("/")), bus.names.send)
    await client.open()  # makes the topics
    found = await asked(bus_settings(bus, Path("/")), needed)
    assert {right for _, right in found} == {"allowed"}
    assert await client.next(0.2) is None  # the questions wrote nothing
    await client.close()
    tls = real_kafka.connection("stranger").tls
    assert tls is not None
    stranger = bus.model_copy(update={"certificate": str(tls.certificate), "key": str(tls.key)})
    context = bus_settings(stranger, Path("/")).tls
    options = {"bootstrap_servers": list(bus.servers), "security_protocol": "SSL"}
    rights = KafkaRights(bus.group, {**options, "ssl_context": context})
    assert await rights.may_read(bus.names.send) == "refused"
    assert await rights.may_write(bus.names.received) == "refused"
    with pytest.raises(ConfigError) as caught:  # it may not even make a producer
        await asked(bus_settings(stranger, Path("/")), needed)
    assert caught.value.code == "bus_unavailable"
