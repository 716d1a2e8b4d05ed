"""Calendar of an agreement: the days on which its parties have something to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from contracts.model import Contract
from contracts.phrases import N_, Phrase

__all__ = ["AgreementDate", "agreement_dates", "day_ms"]


@dataclass(frozen=True, slots=True)
class AgreementDate:
    """One day, UTC.

    Attributes:
        kind: `start`, `review`, `assessment`, `equality_assessment` or `end`.
        what: what is on that day, in words.
        day: the day.
        by: the agencies that act.
    """

    kind: str
    what: Phrase
    day: date
    by: tuple[str, ...]


def day_ms(day: date) -> int:
    """Return the first millisecond of a day, UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def agreement_dates(contract: Contract) -> tuple[AgreementDate, ...]:
    """Return every dated duty of an agreement, by day; a day that it does not state is left out."""
    everyone = tuple(party.id for party in contract.parties)
    equality = contract.equality_impact_assessment.review_on
    stated = (
        ("start", N_("start of the agreement"), contract.starts, everyone),
        (
            "review",
            N_("review of the agreement"),
            contract.review_on,
            contract.review_by or everyone,
        ),
        (
            "assessment",
            N_("review of the data protection impact assessment"),
            contract.dpia.review_on,
            everyone,
        ),
        (
            "equality_assessment",
            N_("review of the equality impact assessment"),
            equality,
            everyone,
        ),
        ("end", N_("end of the agreement"), contract.ends, everyone),
    )
    dates = [AgreementDate(k, what, day, by) for k, what, day, by in stated if day is not None]
    return tuple(sorted(dates, key=lambda one: one.day))
