"""UK local time to UTC and back, without a time zone database.

Exports carry local times; events carry UTC. The rule is the Summer Time Order 2002: one hour ahead
from 01:00 UTC on the last Sunday in March until 01:00 UTC on the last Sunday in October. Written
down here because an agency's server may lack the database, and then a wrong hour would be a silent
error. The hour that happens twice needs ``GMT`` or ``BST`` after it: nothing is guessed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

EARLIEST_YEAR, LATEST_YEAR = 1900, 2200
"""Years outside are slips of the keyboard. The rule for summer time holds from 1996 on."""

_HOUR = timedelta(hours=1)


def _last_sunday(year: int, month: int) -> datetime:
    day = datetime(year, month, 31, 1)
    return day - timedelta(days=(day.weekday() + 1) % 7)


def _is_summer(utc: datetime) -> bool:
    return _last_sunday(utc.year, 3) <= utc < _last_sunday(utc.year, 10)


def to_utc(local: datetime, zone: str = "") -> datetime | None:
    """The UTC time of a UK local time, both naive; None if it did not happen or happened twice.

    Args:
        local: what the clock on the wall said.
        zone: ``GMT`` or ``BST`` where the record says so.
    """
    candidates = {"GMT": local, "BST": local - _HOUR}
    fitting = [
        utc
        for name, utc in candidates.items()
        if zone in ("", name) and _is_summer(utc) == (name == "BST")
    ]
    return fitting[0] if len(fitting) == 1 else None


def to_local(utc: datetime) -> tuple[datetime, str]:
    """UK local time (naive) and, only when that hour happens twice, ``GMT`` or ``BST``."""
    summer = _is_summer(utc)
    local = utc + _HOUR if summer else utc
    ambiguous = to_utc(local) is None
    return local, ("BST" if summer else "GMT") if ambiguous else ""


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
