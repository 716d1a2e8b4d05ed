"""Response times in buckets, which agencies can add up, and the quantiles of their counts.

Counts per bucket reveal no single time, and the sum over agencies has the same form. A quantile is
the bucket that holds it (docs/spec/figures.md, "Counts of referrals").
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from contracts.durations import DAY_MS, HOUR_MS
from contracts.phrases import N_

__all__ = [
    "BUCKETS", "IN_TIME", "LATE", "MEDIAN", "NOT_YET", "PERCENTILE_90", "PUNCTUALITY", "WITHDRAWN",
    "bucket_of", "limit_ms", "quantile",
]  # fmt: skip

NOT_YET: Final = "not-yet"
"""Value of a time that still runs when the referral is counted."""
WITHDRAWN: Final = "withdrawn"
"""Value of a time that the sender ended."""
IN_TIME: Final = "in-time"
LATE: Final = "late"
MEDIAN: Final = Fraction(1, 2)
PERCENTILE_90: Final = Fraction(9, 10)
_LATER: Final = "later"
_LIMITS: Final[Mapping[str, int]] = {
    "within-1-hour": HOUR_MS,
    "within-4-hours": 4 * HOUR_MS,
    "within-1-day": DAY_MS,
    "within-2-days": 2 * DAY_MS,
    "within-5-days": 5 * DAY_MS,
    "within-10-days": 10 * DAY_MS,
    "within-20-days": 20 * DAY_MS,
    "within-40-days": 40 * DAY_MS,
}
"""Bucket to its longest time, ms, the shortest first. Days are days of the calendar: 24 hours."""
BUCKETS: Final[Mapping[str, str]] = {
    "within-1-hour": N_("Within 1 hour"),
    "within-4-hours": N_("Over 1 hour, within 4 hours"),
    "within-1-day": N_("Over 4 hours, within 1 day"),
    "within-2-days": N_("Over 1 day, within 2 days"),
    "within-5-days": N_("Over 2 days, within 5 days"),
    "within-10-days": N_("Over 5 days, within 10 days"),
    "within-20-days": N_("Over 10 days, within 20 days"),
    "within-40-days": N_("Over 20 days, within 40 days"),
    _LATER: N_("Over 40 days"),
    NOT_YET: N_("Not yet"),
    WITHDRAWN: N_("Withdrawn by the sender before"),
}
"""Values of a response time with their labels, the shortest first."""
PUNCTUALITY: Final[Mapping[str, str]] = {
    IN_TIME: N_("In time"),
    LATE: N_("Late"),
    NOT_YET: N_("Not yet"),
    WITHDRAWN: N_("Withdrawn by the sender before"),
}
"""Values of a response against the deadline of the agreement, with their labels."""


def bucket_of(elapsed_ms: int) -> str:
    """Return the bucket of a time, ms; a time below 0 counts as 0."""
    return next((name for name, limit in _LIMITS.items() if elapsed_ms <= limit), _LATER)


def limit_ms(bucket: str) -> int | None:
    """Return the longest time of a bucket, ms; None if it has no end, or if it is no time."""
    return _LIMITS.get(bucket)


def quantile(counts: Mapping[str, int], share: Fraction) -> str | None:
    """Return the first bucket within which at least a share of the referrals had the response.

    Referrals without a response count as longer than every bucket, so the result is not too short.
    Those that the sender withdrew before do not count.

    Args:
        counts: value of `BUCKETS` to the number of referrals; others are passed over.
        share: above 0, at most 1.

    Returns:
        A bucket or `NOT_YET`; None if no referral counts.
    """
    order = [name for name in BUCKETS if name != WITHDRAWN]
    total = sum(counts.get(name, 0) for name in order)
    if not total:
        return None
    reached = 0
    for name in order:
        reached += counts.get(name, 0)
        if reached >= share * total:
            return name
    raise AssertionError("the counts of the buckets are below 0")
