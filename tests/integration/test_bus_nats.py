"""The bus NATS, with a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.bus_behaviour import BusBehaviour
from tests.support.bus_servers import NatsServer


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def settings(outage: NatsServer) -> dict[str, Any]:
    return outage.settings()


class TestNats(BusBehaviour):
    """See ``BusBehaviour``."""
