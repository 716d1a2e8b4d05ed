"""Parts of an invented case: what agencies say of it, and what is then true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from broker.event import JSON

__all__ = ["DAYS", "Saying", "Told", "ToldReferral"]

DAYS: Final = 90
"""Days of each quarter on which something is said."""


@dataclass(frozen=True, slots=True)
class Saying:
    """One event of a story.

    Attributes:
        day: day of the year, from 0.
        leaves: by dotted path, without ids.
        referral: number of the referral that it makes or changes; None if it has none.
        corrects: number of the saying that it corrects.
        repeats: number of the saying that is exported again.
    """

    day: int
    sender: str
    type: str
    recipients: tuple[str, ...]
    leaves: Mapping[str, JSON]
    referral: int | None = None
    corrects: int | None = None
    repeats: int | None = None


@dataclass(frozen=True, slots=True)
class ToldReferral:
    """Truth of a referral that the agency made.

    Attributes:
        day: on which it was made.
        recipient: role of the agency that was asked.
        acknowledged: day of the first answer; None if there is none.
        answered: day of the acceptance or rejection.
    """

    day: int
    recipient: str
    service: str
    borough: str
    status: str = "requested"
    reason: str = "not-stated"
    acknowledged: int | None = None
    answered: int | None = None

    def moved(self, day: int, status: str, reason: str) -> ToldReferral:
        """Return it after a change of its status."""
        return replace(
            self,
            status=status,
            reason=reason or "not-stated",
            acknowledged=day if self.acknowledged is None else self.acknowledged,
            answered=day if self.answered is None and status != "received" else self.answered,
        )


@dataclass(frozen=True, slots=True)
class Told:
    """Truth of a case from a day on.

    Attributes:
        counted: whether its consent lets it be counted.
        values: by dimension.
        referrals: those that its agency made.
    """

    day: int
    counted: bool
    values: Mapping[str, tuple[str, ...]]
    referrals: tuple[ToldReferral, ...]
