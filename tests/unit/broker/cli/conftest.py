"""Fixtures for the commands: a try-out partnership and the command as a shell runs it."""

from tests.support.command_line import cli, clock, foreign, line, made, root, sealed, world

__all__ = ["cli", "clock", "foreign", "line", "made", "root", "sealed", "world"]
