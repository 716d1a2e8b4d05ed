"""The bus RabbitMQ, with a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.bus_behaviour import BusBehaviour
from tests.support.bus_servers import RabbitmqServer


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitmqServer]:
    server = RabbitmqServer(tmp_path_factory.mktemp("rabbitmq"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def settings(outage: RabbitmqServer) -> dict[str, Any]:
    return outage.settings()


class TestRabbitmq(BusBehaviour):
    """See ``BusBehaviour``."""
