"""The bus RabbitMQ, with a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.bus.clients import bus_settings
from broker.agency.config_bus import BusSection
from tests.integration.bus_behaviour import SpoiledHeaders
from tests.support.bus_agency import OwnSystem, section
from tests.support.bus_servers import RabbitmqServer
from tests.support.spoiled_headers import send_to_rabbitmq


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitmqServer]:
    server = RabbitmqServer(tmp_path_factory.mktemp("rabbitmq"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def settings(outage: RabbitmqServer) -> dict[str, Any]:
    return outage.settings()


class TestRabbitmq(SpoiledHeaders):
    """See ``BusBehaviour``."""

    async def publish_spoiled(self, bus: BusSection, name: str, body: bytes) -> None:
        await send_to_rabbitmq(bus_settings(bus, Path("/")), name, body)


async def test_a_message_that_an_earlier_connection_holds_comes_first(
    settings: dict[str, Any],
) -> None:
    bus = section(settings, "order")
    first, second = (OwnSystem(bus, bus.names.send) for _ in range(2))
    for body in (b'{"place": 1}', b'{"place": 2}'):
        await first.publish(bus.names.send, body)
    held = await (await first.open()).next(10)
    assert held is not None
    assert await (await second.open()).next(0.2) is None
    await first.close()
    found = [await second.read(), await second.read()]
    assert found == [{"place": 1}, {"place": 2}]
    await second.close()
