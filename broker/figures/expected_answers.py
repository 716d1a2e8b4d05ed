"""Expected time to an answer, by recipient, from the referrals that this agency sent.

It is for people of this agency, who know these referrals, so nothing is hidden. It needs a few
referrals, because one answer tells little about the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from broker.figures.referral_dimensions import ANSWERED
from broker.figures.referral_values import SentReferral
from broker.figures.response_times import MEDIAN, NOT_YET, WITHDRAWN, limit_ms, quantile

__all__ = ["LEAST", "QUARTERS", "ExpectedAnswer", "expected_answers"]

LEAST: Final = 5
"""Fewest referrals to a recipient from which a time is expected."""
QUARTERS: Final = 4
"""Quarters that are looked at, the present one included."""


@dataclass(frozen=True, slots=True)
class ExpectedAnswer:
    """Time within which a recipient answered at least half of the referrals to it.

    Attributes:
        bucket: a key of `response_times.BUCKETS`; `not-yet` if most were not answered.
        referrals: number of referrals that it follows from.
    """

    bucket: str
    referrals: int

    @property
    def within_ms(self) -> int | None:
        """Return the longest time of the bucket, ms; None if it has no end or most have no answer.

        `answered` tells the two apart.
        """
        return limit_ms(self.bucket)

    @property
    def answered(self) -> bool:
        """Return whether at least half of the referrals were answered."""
        return self.bucket != NOT_YET


def expected_answers(referrals: Iterable[SentReferral]) -> Mapping[str, ExpectedAnswer]:
    """Return the expected time to an answer by agency id; without those asked fewer than `LEAST`.

    Args:
        referrals: of one sender; those that are not counted or were withdrawn are passed over.
    """
    counts: dict[str, Counter[str]] = {}
    for one in referrals:
        if one.values is not None and one.values[ANSWERED] != (WITHDRAWN,):
            counts.setdefault(one.recipient, Counter()).update(one.values[ANSWERED])
    return {
        recipient: ExpectedAnswer(bucket, found.total())
        for recipient, found in sorted(counts.items())
        if found.total() >= LEAST and (bucket := quantile(found, MEDIAN)) is not None
    }
