"""The bus Redis Streams, with a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.bus_behaviour import BusBehaviour
from tests.support.bus_servers import RedisServer


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def settings(outage: RedisServer) -> dict[str, Any]:
    return outage.settings()


class TestRedis(BusBehaviour):
    """See ``BusBehaviour``."""
