"""Lengths of time in words, as a person reads them."""

from __future__ import annotations

import gettext
from typing import Final

_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


def lasting(texts: gettext.NullTranslations, ms: int) -> str:
    """Return a length of time in its two largest units, for example ``2 h 28 min``.

    Args:
        texts: texts of the language.
        ms: milliseconds; the sign does not count.
    """
    ms = abs(ms)
    if ms < _MINUTE:
        seconds = ms // 1000
        return texts.ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds}
    if ms < _HOUR:
        return texts.gettext("%(n)d min") % {"n": ms // _MINUTE}
    if ms < _DAY:
        hours, minutes = divmod(ms // _MINUTE, 60)
        if not minutes:
            return texts.gettext("%(n)d h") % {"n": hours}
        return texts.gettext("%(h)d h %(m)d min") % {"h": hours, "m": minutes}
    days, hours = divmod(ms // _HOUR, 24)
    said = texts.ngettext("%(n)d day", "%(n)d days", days) % {"n": days}
    return said if days >= 3 or not hours else f"{said} {texts.gettext('%(n)d h') % {'n': hours}}"


def ago(texts: gettext.NullTranslations, ms: int) -> str:
    """Return a time that lies so many milliseconds back, for example ``18 seconds ago``."""
    if ms < 1000:
        return texts.gettext("now")
    return texts.gettext("%(time)s ago") % {"time": lasting(texts, ms)}
