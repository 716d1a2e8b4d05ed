"""Queues of RabbitMQ: no message is dropped because it was delivered too often."""

from __future__ import annotations

import pytest

from adapters.bus.rabbitmq_client import queue_arguments

QUORUM = {"x-queue-type": "quorum", "x-single-active-consumer": True}


@pytest.mark.parametrize("version", ["4.0.5", b"4.1.0", bytearray(b"4.2").decode(), "10.0.0"])
def test_a_queue_of_version_4_and_later_has_no_limit_of_deliveries(version: object) -> None:
    assert queue_arguments({"version": version}) == {**QUORUM, "x-delivery-limit": -1}


@pytest.mark.parametrize("version", ["3.10.8", b"3.13.7", "", "unknown", None])
def test_an_older_server_takes_minus_one_for_a_limit_so_it_is_not_set(version: object) -> None:
    assert queue_arguments({"version": version}) == QUORUM
    assert queue_arguments({}) == QUORUM
