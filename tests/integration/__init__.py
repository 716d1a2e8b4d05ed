"""Tests of several packages together, many of them with a real Kafka."""

import pytest

pytest.register_assert_rewrite(
    "tests.integration.bus_behaviour", "tests.integration.transport_behaviour"
)
