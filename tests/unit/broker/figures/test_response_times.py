"""Buckets of response times, and their quantiles."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.figures.response_times import (
    BUCKETS,
    MEDIAN,
    NOT_YET,
    PERCENTILE_90,
    WITHDRAWN,
    bucket_of,
    quantile,
)

HOUR_MS = 3_600_000
ORDER = [name for name in BUCKETS if name not in {NOT_YET, WITHDRAWN}]
TIMES = st.lists(st.integers(0, 60 * 24 * HOUR_MS), max_size=40)


@pytest.mark.parametrize(
    ("elapsed_ms", "bucket"),
    [
        (-5, "within-1-hour"),
        (HOUR_MS, "within-1-hour"),
        (HOUR_MS + 1, "within-4-hours"),
        (24 * HOUR_MS, "within-1-day"),
        (240 * HOUR_MS, "within-10-days"),
        (240 * HOUR_MS + 1, "within-20-days"),
        (960 * HOUR_MS + 1, "later"),
    ],
)
def test_a_bucket_has_its_limit(elapsed_ms: int, bucket: str) -> None:
    assert bucket_of(elapsed_ms) == bucket


@given(st.integers(0, 10**10), st.integers(0, 10**10))
def test_a_longer_time_is_in_no_shorter_bucket(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert ORDER.index(bucket_of(low)) <= ORDER.index(bucket_of(high))


@given(TIMES.filter(bool), st.fractions(Fraction(1, 100), 1))
def test_a_quantile_is_the_bucket_of_the_time_at_its_rank(
    times: list[int], share: Fraction
) -> None:
    counts = Counter(map(bucket_of, times))
    rank = -(-len(times) * share.numerator // share.denominator)
    assert quantile(counts, share) == bucket_of(sorted(times)[rank - 1])


@given(TIMES, TIMES)
def test_counts_of_two_agencies_give_the_quantile_of_all_times(
    one: list[int], other: list[int]
) -> None:
    added = Counter(map(bucket_of, one)) + Counter(map(bucket_of, other))
    assert quantile(added, PERCENTILE_90) == quantile(
        Counter(map(bucket_of, one + other)), PERCENTILE_90
    )


def test_a_referral_without_an_answer_counts_as_longer_than_every_bucket() -> None:
    assert quantile({"within-1-hour": 2, NOT_YET: 3}, MEDIAN) == NOT_YET
    assert quantile({"within-1-hour": 3, NOT_YET: 3}, MEDIAN) == "within-1-hour"


def test_withdrawn_referrals_do_not_count() -> None:
    assert quantile({"later": 1, WITHDRAWN: 9}, MEDIAN) == "later"
    assert quantile({WITHDRAWN: 9}, MEDIAN) is None
