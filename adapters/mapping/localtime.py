"""Conversion between local time and UTC, by the IANA time zone database (`zoneinfo`, `tzdata`).

Exports carry local times; events carry UTC. In the hour that happens twice when summer time ends,
the time must carry the name of its zone (in the UK ``GMT`` or ``BST``); without it, the record is
refused.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

EARLIEST_YEAR, LATEST_YEAR = 1900, 2200
"""Years outside this range are typing errors."""

_IN_WORDS: Final = ("%b", "%B", "%p")
"""Tokens of months and of morning and afternoon, whose capitals do not matter."""
UK: Final = ZoneInfo("Europe/London")


@cache
def zone_named(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name. Raises ValueError for an unknown one."""
    try:
        return ZoneInfo(name)
    except (LookupError, OSError, ValueError):
        raise ValueError(f"there is no time zone {name}; an example is Europe/London") from None


def to_utc(local: datetime, name: str = "", zone: ZoneInfo = UK) -> datetime | None:
    """Return the UTC time of a local time (both naive), or None if it has not exactly one.

    Args:
        local: the local time.
        name: short name of the offset (``GMT`` or ``BST``) if the record gives it.
        zone: the time zone.
    """
    found: set[datetime] = set()
    for fold in (0, 1):
        here = local.replace(tzinfo=zone, fold=fold)
        utc = here.astimezone(UTC)
        happened = utc.astimezone(zone).replace(tzinfo=None) == local
        if happened and name in ("", here.tzname()):
            found.add(utc.replace(tzinfo=None))
    return found.pop() if len(found) == 1 else None


def to_local(utc: datetime, zone: ZoneInfo = UK) -> tuple[datetime, str]:
    """Return local time (naive) and, only when that hour happens twice, the offset's name.

    Args:
        utc: naive.
        zone: the time zone; in the UK the names are ``GMT`` and ``BST``.
    """
    here = utc.replace(tzinfo=UTC).astimezone(zone)
    local = here.replace(tzinfo=None, fold=0)
    return local, (here.tzname() or "") if to_utc(local, zone=zone) is None else ""


def parse_strictly(text: str, pattern: str) -> datetime | None:
    """Parse a date or time in exactly this strptime pattern (zero-padded), or return None."""
    try:
        moment = datetime.strptime(text, pattern)  # naive on purpose
    except ValueError:
        return None
    if "%Y" in pattern and not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        return None
    # strptime also accepts 1/2/2025 and extra blanks, which a dd/mm/yyyy column must not have.
    written = moment.strftime(pattern)
    if any(token in pattern for token in _IN_WORDS):  # 3 Nov 2026 has only one meaning
        written, text = written.casefold(), text.casefold()
        return moment if text in (written, written.removeprefix("0")) else None
    return moment if written == text else None
