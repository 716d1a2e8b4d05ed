"""Time of day in the United Kingdom, in which people read and write times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

UK: Final = ZoneInfo("Europe/London")


def uk_datetime(ms: int) -> datetime:
    """Return a time in ms since the epoch as date and time of day in the United Kingdom."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(UK)
