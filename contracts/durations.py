"""Agreed durations: the part of ISO 8601 with a fixed length, in days, hours and minutes.

Months and working days have no fixed length, so no deadline could be computed from them.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator

from contracts.phrases import N_, Phrase, joined, phrase

__all__ = [
    "DAY_MS",
    "HOUR_MS",
    "MINUTE_MS",
    "SECOND_MS",
    "Duration",
    "duration_ms",
    "duration_text",
]

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
_FORM = re.compile(r"P(?:([0-9]{1,5})D)?(?:T(?:([0-9]{1,5})H)?(?:([0-9]{1,5})M)?)?")


def duration_ms(text: str) -> int:
    """Return the milliseconds of, for example, `PT24H` or `P5D`.

    Raises:
        ValueError: not of that form, or of no length.
    """
    match = _FORM.fullmatch(text)
    days, hours, minutes = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    length = ((days * 24 + hours) * 60 + minutes) * MINUTE_MS
    if length == 0:
        raise ValueError("not a duration of days, hours and minutes such as PT24H or P5D")
    return length


_UNITS: Final = (
    (N_("%(n)s d"), 86_400), (N_("%(n)s h"), 3600), (N_("%(n)s min"), 60), (N_("%(n)s s"), 1),
)  # fmt: skip


def duration_text(milliseconds: int) -> Phrase:
    """Return a duration in its two largest units, for people, without its sign."""
    seconds = abs(milliseconds) // SECOND_MS
    parts: list[Phrase] = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count or (size == 1 and not parts):
            parts.append(phrase(unit, n=count))
    return joined(" ", parts[:2])


def _checked(text: str) -> str:
    duration_ms(text)
    return text


Duration: TypeAlias = Annotated[str, AfterValidator(_checked)]
"""ISO 8601 text, checked; `duration_ms` returns its length."""
