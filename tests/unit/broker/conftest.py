"""Fixtures for the packages of the broker: an agency in memory, and the two ends of a stream."""

from tests.support.agency_fixtures import (
    clock,
    council,
    kafka,
    log,
    node,
    open_member,
    police,
    world,
)
from tests.support.stream_fixtures import history, reader, sender

__all__ = [
    "clock",
    "council",
    "history",
    "kafka",
    "log",
    "node",
    "open_member",
    "police",
    "reader",
    "sender",
    "world",
]
