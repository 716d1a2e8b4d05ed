"""Year of invented cases with its truth: four quarters of what seven agencies say to each other.

The year is made, not stored: the same seed makes the same cases. The days are counted in a calendar
whose quarters have 90 days each, so every year has the same numbers. The truth of a case is written
while its story is told (`year_stories`), and not computed from its events.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

from adapters.demo.samples.year_stories import told_story
from adapters.demo.samples.year_truth import DAYS, Saying, Told, ToldReferral
from broker.envelope.primitives import sha256
from broker.event import JSON
from contracts.events import PlainEvent
from contracts.vocabulary import unflatten

__all__ = [
    "CASES", "KnownCase", "KnownReferral", "SampleCase", "SampleEvent", "SampleYear",
    "last_full_year", "sample_year",
]  # fmt: skip

CASES: Final = 1000
SEED: Final = 2007
QUARTERS: Final = 4
_NINE_MS: Final = 9 * 3_600_000
_DAY_MS: Final = 24 * 3_600_000
_ACKNOWLEDGE_DAYS, _ANSWER_DAYS = 2, 10
"""Service levels of the agreement: 48 hours, and 10 days."""
_MONTHS: Final = 3


@dataclass(frozen=True, slots=True)
class SampleEvent:
    """One event of the year.

    Attributes:
        id: of the event, a UUID in text.
        row: number of the exported row; an event with an earlier number is exported again.
        time_ms: when its agency publishes it.
        sender: agency id.
        type: event type.
        recipients: agency ids, sorted.
        leaves: by dotted path, with the ids of the case and of the referral.
        corrects: number of the row that it corrects; the leaf with that event's id is left out.
    """

    id: str
    row: int
    time_ms: int
    sender: str
    type: str
    recipients: tuple[str, ...]
    leaves: Mapping[str, JSON]
    corrects: int | None = None

    def plain(self, ids: Mapping[int, str]) -> PlainEvent:
        """Return the event as its agency publishes it.

        Args:
            ids: row to the id of its event, at least of the row that it corrects.
        """
        leaves = dict(self.leaves)
        if self.corrects is not None:
            leaves["corrects.id"] = ids[self.corrects]
        return PlainEvent(self.type, self.recipients, unflatten(leaves))


@dataclass(frozen=True, slots=True)
class KnownReferral:
    """Truth of a referral that the agency of a case made.

    Attributes:
        period: quarter in which it did, `YYYY-Qn`.
        values: dimension to its value.
    """

    period: str
    values: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class KnownCase:
    """Truth of a case from some time on: what the agency that minted it knows.

    Attributes:
        since_ms: from when.
        counted: whether its consent lets it be counted.
        values: dimension to its values, sorted.
        referrals: those that the agency made.
    """

    since_ms: int
    counted: bool
    values: Mapping[str, tuple[str, ...]]
    referrals: tuple[KnownReferral, ...]


@dataclass(frozen=True, slots=True)
class SampleCase:
    """A case of the year.

    Attributes:
        id: shared id, a UUID in text.
        minted_by: agency that recorded it first.
        period: quarter in which it did, `YYYY-Qn`.
        history: its truth, oldest first.
    """

    id: str
    minted_by: str
    period: str
    history: tuple[KnownCase, ...]

    def at(self, time_ms: int) -> KnownCase | None:
        """Return what was true at a time; None before the case was minted."""
        known = [one for one in self.history if one.since_ms <= time_ms]
        return known[-1] if known else None


@dataclass(frozen=True, slots=True)
class SampleYear:
    """The year.

    Attributes:
        periods: its four quarters, `YYYY-Qn`.
        first_ms: its first millisecond.
        end_ms: the first millisecond after it.
        cases: every case, by number.
        events: every event, in the order of time.
    """

    periods: tuple[str, ...]
    first_ms: int
    end_ms: int
    cases: tuple[SampleCase, ...]
    events: tuple[SampleEvent, ...]


def sample_year(first: date, cases: int = CASES, seed: int = SEED) -> SampleYear:
    """Return the year that begins with a quarter.

    Args:
        first: first day of a quarter of the calendar.
        cases: number of cases; a larger year begins with the same ones.
        seed: makes other cases.
    """
    starts = [_later(first, number) for number in range(QUARTERS + 1)]
    periods = tuple(f"{day.year}-Q{day.month // _MONTHS + 1}" for day in starts[:-1])
    made: list[SampleCase] = []
    events: list[SampleEvent] = []
    for number in range(cases):
        rng = random.Random(f"{seed} {number}")  # noqa: S311  # invented cases, not keys
        opened = number % QUARTERS * DAYS + rng.randrange(DAYS)
        story = told_story(rng, opened, QUARTERS * DAYS)
        case_id = _uuid(seed, "case", number)
        made.append(
            SampleCase(
                case_id,
                story.minted_by,
                periods[number % QUARTERS],
                tuple(_known(told, starts, periods) for told in story.history),
            )
        )
        events += _events(story.sayings, case_id, len(events), number, seed, starts)
    return SampleYear(
        periods,
        _midnight(first),
        _midnight(starts[-1]),
        tuple(made),
        tuple(sorted(events, key=lambda one: (one.time_ms, one.row))),
    )


def last_full_year(now: int) -> date:
    """Return the first day of the last four quarters that have ended.

    Args:
        now: ms.
    """
    today = datetime.fromtimestamp(now / 1000, UTC).date()
    month = (today.month - 1) // _MONTHS * _MONTHS + 1
    return date(today.year - 1, month, 1)


def _events(
    sayings: Sequence[Saying],
    case_id: str,
    before: int,
    number: int,
    seed: int,
    starts: Sequence[date],
) -> Iterator[SampleEvent]:
    """Yield the events of a case; their rows are numbered from ``before``."""
    for at, saying in enumerate(sayings):
        row = before + (at if saying.repeats is None else saying.repeats)
        leaves: dict[str, JSON] = {"case_id": case_id, **saying.leaves}
        if saying.referral is not None:
            leaves["referral_id"] = _uuid(seed, f"referral {saying.referral}", number)
        corrects = None if saying.corrects is None else before + saying.corrects
        if saying.corrects is not None:
            leaves["corrects.source"] = sayings[saying.corrects].sender
        yield SampleEvent(
            id=_uuid(seed, "event", row),
            row=row,
            time_ms=_morning(starts, saying.day),
            sender=saying.sender,
            type=saying.type,
            recipients=saying.recipients,
            leaves=leaves,
            corrects=corrects,
        )


def _known(told: Told, starts: Sequence[date], periods: Sequence[str]) -> KnownCase:
    (source,) = told.values["source"]
    referrals = tuple(
        KnownReferral(periods[one.day // DAYS], _referral_values(one, source, starts))
        for one in told.referrals
    )
    return KnownCase(_morning(starts, told.day), told.counted, told.values, referrals)


def _referral_values(
    told: ToldReferral, source: str, starts: Sequence[date]
) -> Mapping[str, tuple[str, ...]]:
    sent = _morning(starts, told.day)
    acknowledged, answered = (
        None if day is None else (_morning(starts, day) - sent) // _DAY_MS
        for day in (told.acknowledged, told.answered)
    )
    values = {
        "source": source,
        "recipient": told.recipient,
        "service": told.service,
        "borough": told.borough,
        "status": told.status,
        "reason": told.reason,
        "priority": "not-stated",
        "acknowledged": _within(acknowledged),
        "answered": _within(answered),
        "acknowledged_in_time": _in_time(acknowledged, _ACKNOWLEDGE_DAYS),
        "answered_in_time": _in_time(answered, _ANSWER_DAYS),
    }
    return {name: (value,) for name, value in values.items()}


def _within(days: int | None) -> str:
    if days is None:
        return "not-yet"
    limit = next((one for one in (1, 2, 5, 10, 20, 40) if days <= one), None)
    if limit is None:
        return "later"
    return f"within-{limit}-day" + ("s" if limit > 1 else "")


def _in_time(days: int | None, limit: int) -> str:
    if days is None:
        return "not-yet"
    return "in-time" if days <= limit else "late"


def _later(first: date, quarters: int) -> date:
    years, month = divmod(first.month - 1 + quarters * _MONTHS, 12)
    return date(first.year + years, month + 1, 1)


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def _morning(starts: Sequence[date], day: int) -> int:
    """Return nine o'clock of a day of the year, ms."""
    quarter, within = divmod(day, DAYS)
    return _midnight(starts[quarter] + timedelta(days=within)) + _NINE_MS


def _uuid(seed: int, kind: str, number: int) -> str:
    """Return the same id for the same name."""
    return str(UUID(bytes=sha256(f"{seed} {kind} {number}".encode())[:16], version=4))
