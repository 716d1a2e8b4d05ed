"""The bus RabbitMQ, with a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.bus.clients import bus_settings
from broker.agency.config_bus import BusSection
from tests.integration.bus_behaviour import SpoiledHeaders
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
