"""Lengths of time in words, as a person reads them."""

from __future__ import annotations

from typing import Final

from contracts.phrases import N_, Phrase, phrase, phrases, sentences

_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


def lasting(ms: int) -> Phrase:
    """Return a length of time in its two largest units, for example ``2 h 28 min``.

    Args:
        ms: milliseconds; the sign does not count.
    """
    ms = abs(ms)
    if ms < _MINUTE:
        return phrases("%(n)s second", "%(n)s seconds", ms // 1000)
    if ms < _HOUR:
        return phrase("%(n)s min", n=ms // _MINUTE)
    if ms < _DAY:
        hours, minutes = divmod(ms // _MINUTE, 60)
        if not minutes:
            return _hours(hours)
        return phrase("%(h)s h %(m)s min", h=hours, m=minutes)
    days, hours = divmod(ms // _HOUR, 24)
    said = phrases("%(n)s day", "%(n)s days", days)
    return said if days >= 3 or not hours else sentences(said, _hours(hours))


def ago(ms: int) -> Phrase:
    """Return a time that lies so many milliseconds back, for example ``18 seconds ago``."""
    return N_("now") if ms < 1000 else phrase("%(time)s ago", time=lasting(ms))


def _hours(hours: int) -> Phrase:
    return phrase("%(n)s h", n=hours)
