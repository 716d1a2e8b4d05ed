"""Conversion between local time and UTC, by the IANA time zone database (`zoneinfo`, `tzdata`).

Exports carry local times; events carry UTC. In the hour that happens twice when summer time ends,
the time must carry the name of its zone (in the UK ``GMT`` or ``BST``); without it, the record is
refused.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import cache
from itertools import product
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from broker.uk_time import UK

EARLIEST_YEAR, LATEST_YEAR = 1900, 2200
"""Years outside this range are typing errors."""

_IN_WORDS: Final = ("%b", "%B", "%p")
"""Tokens of months and of morning and afternoon, whose capitals do not matter."""
_DIGITS: Final = r"(?:%[dmyYHIMSfj]|[0-9])"
_LOOSE: Final = re.compile(f"(?<!%[dmyYHIMSfj])(?<![0-9])%([dmHI])(?!{_DIGITS})")
"""A day, month or hour that has no other digits beside it."""
Century: TypeAlias = Literal["past", "current"]
"""Century of a year of two digits: ``past``, never in the future; ``current``, that of today."""


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


def parse_strictly(text: str, pattern: str, *, one_digit: bool = False) -> datetime | None:
    """Parse a date or time in exactly this strptime pattern (zero-padded), or return None.

    Args:
        text: the date or time.
        pattern: strptime pattern.
        one_digit: whether a day, month or hour may have one digit where no digit is beside it.
    """
    try:
        moment = datetime.strptime(text, pattern)  # naive on purpose
    except ValueError:
        return None
    if "%Y" in pattern and not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        return None
    # strptime also takes extra blanks, minutes of one digit, and 112026 for %d%m%Y.
    written = [moment.strftime(pattern)]
    if one_digit:
        written = [moment.strftime(each) for each in _one_digit(moment, pattern)]
    if any(token in pattern for token in _IN_WORDS):  # 3 Nov 2026 has only one meaning
        text = text.casefold()
        written = [each.casefold() for each in written]
        written.append(written[0].removeprefix("0"))
    return moment if text in written else None


def _one_digit(moment: datetime, pattern: str) -> list[str]:
    """Return the pattern with each choice of its days, months and hours without the zero."""
    pieces = _LOOSE.split(pattern)  # text, token, text, token, ..., text
    choices = [
        (f"%{piece}", moment.strftime(f"%{piece}").removeprefix("0")) if at % 2 else (piece,)
        for at, piece in enumerate(pieces)
    ]
    return ["".join(parts) for parts in product(*choices)]


def has_short_year(pattern: str) -> bool:
    """Return whether a pattern has a year of two digits, which does not say its century."""
    return "%y" in pattern.replace("%%", "")


def in_century(moment: datetime, century: Century | None, today: date) -> datetime | None:
    """Return a moment with a year of two digits in its century, or None if it does not exist.

    Args:
        moment: as strptime read it.
        century: rule of the column; None keeps the century that strptime chose.
        today: the day by which the rule decides.
    """
    if century is None:
        return moment
    year = today.year - today.year % 100 + moment.year % 100
    try:
        found = moment.replace(year=year)
        if century == "past" and found.date() > today:
            found = moment.replace(year=year - 100)
    except ValueError:  # 29 February in a year that has none
        return None
    return found
