"""UK local time to UTC and back, by the IANA time zone database (`zoneinfo`, package `tzdata`).

Exports carry local times; events carry UTC. The hour that happens twice when summer time ends needs
``GMT`` or ``BST`` after it: nothing is guessed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

EARLIEST_YEAR, LATEST_YEAR = 1900, 2200
"""Years outside are slips of the keyboard."""

_UK: Final = ZoneInfo("Europe/London")


def to_utc(local: datetime, zone: str = "") -> datetime | None:
    """The UTC time of a UK local time, both naive; None if it did not happen or happened twice.

    Args:
        local: what the clock on the wall said.
        zone: ``GMT`` or ``BST`` where the record says so.
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
    """UK local time (naive) and, only when that hour happens twice, ``GMT`` or ``BST``."""
    here = utc.replace(tzinfo=UTC).astimezone(_UK)
    local = here.replace(tzinfo=None, fold=0)
    return local, (here.tzname() or "") if to_utc(local) is None else ""


def parse_strictly(text: str, pattern: str) -> datetime | None:
    """A date or time in exactly this strptime pattern (zero-padded), or None."""
    try:
        moment = datetime.strptime(text, pattern)  # naive on purpose
    except ValueError:
        return None
    if "%Y" in pattern and not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        return None
    # strptime accepts 1/2/2025 and stray blanks; a column that says dd/mm/yyyy does not.
    return moment if moment.strftime(pattern) == text else None
