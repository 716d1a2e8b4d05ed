"""Type of a trouble, and the words that several troubles share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from broker.uk_time import uk_datetime
from contracts.durations import DAY_MS
from contracts.wording import counted

Urgency: TypeAlias = Literal["now", "today", "soon"]
"""``now``: events do not flow. ``today``: a person decides. ``soon``: everything still flows."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that needs a person.

    Attributes:
        entry: name of its runbook entry.
        urgency: how soon.
        says: the trouble as a clause that can stand in a sentence, without a full stop.
        do: the first step, in whole sentences.
        since_ms: since when, milliseconds since the epoch; None if that is not known.
        agency: the partner that it is about, if any.
    """

    entry: str
    urgency: Urgency
    says: str
    do: str
    since_ms: int | None = None
    agency: str | None = None


def listed(names: Sequence[str]) -> str:
    """Return names as a list in words: ``A``, ``A and B`` or ``A, B and C``."""
    *before, last = names
    return f"{', '.join(before)} and {last}" if before else last


def since(ms: int, now: int) -> str:
    """Return UK time with the zone, and the day if it is not today: ``since 08:41 GMT``."""
    then, today = uk_datetime(ms), uk_datetime(now)
    day = "" if then.date() == today.date() else f" on {then.day} {then:%B}"
    year = "" if then.year == today.year else f" {then.year}"
    return f"since {then:%H:%M %Z}{day}{year}"


def in_days(ms: int, now: int) -> str:
    """Return how far a day is away in words: ``in 9 days``, ``within a day`` or ``3 days ago``."""
    days = (ms - now) // DAY_MS
    if days == 0:
        return "within a day"
    if days > 0:
        return f"in {counted(days, 'day', 'days')}"
    return f"{counted(-days, 'day', 'days')} ago"
