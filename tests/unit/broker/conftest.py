"""Fixtures for the packages of the broker: an agency in memory, and the two ends of a stream."""

from tests.support.agency_fixtures import (
    clock,
    council,
    desk,
    kafka,
    log,
    open_office,
    police,
    world,
)
from tests.support.stream_fixtures import history, reader, sender

__all__ = [
    "clock",
    "council",
    "desk",
    "history",
    "kafka",
    "log",
    "open_office",
    "police",
    "reader",
    "sender",
    "world",
]
