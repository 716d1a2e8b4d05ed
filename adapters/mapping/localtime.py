"""Conversion between UK local time and UTC, by the IANA time zone database (`zoneinfo`, `tzdata`).

Exports carry local times; events carry UTC. In the hour that happens twice when summer time ends,
the time must carry ``GMT`` or ``BST``; without it, the record is refused.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

EARLIEST_YEAR, LATEST_YEAR = 1900, 2200
"""Years outside this range are typing errors."""

_UK: Final = ZoneInfo("Europe/London")


def to_utc(local: datetime, zone: str = "") -> datetime | None:
    """Return the UTC time of a UK local time (both naive), or None if it has not exactly one.

    Args:
        local: the local time.
        zone: ``GMT`` or ``BST`` if the record gives it.
    """
    found: set[datetime] = set()
    for fold in (0, 1):
        here = local.replace(tzinfo=_UK, fold=fold)
        utc = here.astimezone(UTC)
        happened = utc.astimezone(_UK).replace(tzinfo=None) == local
        if happened and zone in ("", here.tzname()):
            found.add(utc.replace(tzinfo=None))
    return found.pop() if len(found) == 1 else None


def to_local(utc: datetime) -> tuple[datetime, str]:
    """Return UK local time (naive) and, only when that hour happens twice, ``GMT`` or ``BST``."""
    here = utc.replace(tzinfo=UTC).astimezone(_UK)
    local = here.replace(tzinfo=None, fold=0)
    return local, (here.tzname() or "") if to_utc(local) is None else ""


def parse_strictly(text: str, pattern: str) -> datetime | None:
    """Parse a date or time in exactly this strptime pattern (zero-padded), or return None."""
    try:
        moment = datetime.strptime(text, pattern)  # naive on purpose
    except ValueError:
        return None
    if "%Y" in pattern and not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        return None
    # strptime also accepts 1/2/2025 and extra blanks, which a dd/mm/yyyy column must not have.
    return moment if moment.strftime(pattern) == text else None
