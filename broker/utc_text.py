"""Times as text in UTC, for people: to the second, or the day."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(milliseconds: int | None) -> str:
    """Return a time to the second, for example ``2026-11-29 08:00:00Z``; empty for none."""
    if milliseconds is None:
        return ""
    return f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%Y-%m-%d %H:%M:%SZ}"


def day(milliseconds: int) -> str:
    """Return the day of a time, for example ``2026-11-29``."""
    return moment(milliseconds)[:10]
