"""Type of a trouble, and the words that several troubles share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from broker.uk_time import uk_datetime
from contracts.durations import DAY_MS
from contracts.phrases import N_, Phrase, month_name, phrase, phrases

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
        about: tells troubles of one entry apart: a file, a version, a reason code; else empty.
    """

    entry: str
    urgency: Urgency
    says: Phrase
    do: Phrase
    since_ms: int | None = None
    agency: str | None = None
    about: str = ""

    @property
    def key(self) -> str:
        """Return an id that stays the same while the trouble lasts and gets no more urgent."""
        return "/".join((self.entry, self.urgency, self.agency or "", self.about))


def since(ms: int, now: int) -> Phrase:
    """Return UK time with the zone, and the day if it is not today: ``since 08:41 GMT``."""
    then, today = uk_datetime(ms), uk_datetime(now)
    time, month = f"{then:%H:%M %Z}", month_name(then.month)
    if then.date() == today.date():
        return phrase("since %(time)s", time=time)
    if then.year == today.year:
        return phrase("since %(time)s on %(day)s %(month)s", time=time, day=then.day, month=month)
    return phrase(
        "since %(time)s on %(day)s %(month)s %(year)s",
        time=time,
        day=then.day,
        month=month,
        year=then.year,
    )


def in_days(ms: int, now: int) -> Phrase:
    """Return how far a day is away in words: ``in 9 days``, ``within a day`` or ``3 days ago``."""
    days = (ms - now) // DAY_MS
    if days == 0:
        return N_("within a day")
    if days > 0:
        return phrases("in %(n)s day", "in %(n)s days", days)
    return phrases("%(n)s day ago", "%(n)s days ago", -days)
