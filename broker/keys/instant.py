"""Instants as text: RFC 3339, UTC, milliseconds and `Z` (spec: conventions).

An instant has exactly one text, because signed JSON must have one form. In the code an instant is
an `int`, milliseconds since the Unix epoch.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from contracts.durations import MINUTE_MS, SECOND_MS

CLOCK_SKEW_MS: Final = 5 * MINUTE_MS
"""Allowed difference between the clocks of two agencies (docs/spec/README.md, "Limits")."""

LAST_INSTANT_MS: Final = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z, the last instant that has a text."""

_FORM: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def format_instant(ms: int) -> str:
    """Return the text of an instant, for example `2025-11-03T09:30:00.000Z`.

    Args:
        ms: milliseconds since the Unix epoch, 0 to `LAST_INSTANT_MS`.
    """
    moment = _EPOCH + timedelta(milliseconds=ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def parse_instant(text: str) -> int:
    """Parse the text of an instant to milliseconds since the Unix epoch.

    Raises:
        ValueError: not the canonical text of an instant since 1970.
    """
    if not _FORM.fullmatch(text):
        raise ValueError("not an instant: RFC 3339, UTC, with milliseconds and Z")
    try:
        elapsed = datetime.fromisoformat(text) - _EPOCH
    except ValueError:
        raise ValueError("not an instant: the date or time does not exist") from None
    ms = elapsed // timedelta(milliseconds=1)
    if ms < 0:
        raise ValueError("not an instant: before 1970")
    return ms


def whole_second(ms: int) -> int:
    """Remove the milliseconds: log times are whole seconds, so validity is too."""
    return ms - ms % SECOND_MS
