"""Fixtures for the adapters: a try-out partnership, the command, and an agency in memory."""

from tests.support.agency_fixtures import clock, kafka, open_member, police
from tests.support.command_line import cli, foreign, line, made, root, sealed, world

__all__ = [
    "cli",
    "clock",
    "foreign",
    "kafka",
    "line",
    "made",
    "open_member",
    "police",
    "root",
    "sealed",
    "world",
]
