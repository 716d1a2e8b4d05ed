"""Fixtures of a partnership that is made once and copied for each test."""

from tests.support.partnership_fixtures import founded, load, now, partnership

__all__ = ["founded", "load", "now", "partnership"]
