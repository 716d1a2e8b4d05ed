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

    # Known fault, open: after an outage on a busy machine some reader gets no message for 90 s.
    test_an_outage_and_kills_lose_nothing_and_keep_the_order_of_a_case = pytest.mark.xfail(
        strict=False, reason="fails on a busy machine; the cause is not found yet"
    )(BusBehaviour.test_an_outage_and_kills_lose_nothing_and_keep_the_order_of_a_case)
